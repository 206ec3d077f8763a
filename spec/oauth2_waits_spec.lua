-- ms.oauth2: when a token is asked for, who waits for it, and for how long. On a mock's clock;
-- what is sent to a token server: oauth2_spec.lua.
local clock = require("multisock.base.clock")
local helper = require("spec.helper")
local ms = require("multisock")
local timed_out = require("spec.support.timed_out")

local simulated, exactly = helper.simulated, timed_out.exactly

describe("a token of ms.oauth2", function()
  after_each(helper.check_leaks)

  local TOKENS, API = "https://login.example/token", "https://api.example"

  -- A mock whose token server gives t1, t2, ... after `wait` seconds, each for `expires`. `wrong`:
  -- what the API says to which token.
  local function mock_of(given)
    return ms.mock({ routes = {
      { url = TOKENS, reply = function(_, count)
        local wait = type(given.wait) == "table" and given.wait[count] or given.wait
        local status = given.statuses and given.statuses[count] or 200
        return { delay = tonumber(wait), status = status, json = { access_token = "t" .. count,
          expires_in = given.expires, token_type = "bearer" } }
      end },
      { url = API .. "/slow", reply = function(request)
        return { delay = 5, body = request.headers.authorization }
      end },
      { url = API .. "/*", reply = function(request)
        local token = request.headers.authorization:match("^Bearer (.*)$")
        return { status = given.wrong and given.wrong[token] or 200, body = token }
      end },
    } })
  end

  local function auth(options)
    return ms.oauth2(helper.with({ token_url = TOKENS, client_id = "me", client_secret = "s" },
      options))
  end

  local function over(given, options, more)
    local settings = helper.with({ agent = mock_of(given), base_url = API,
      each_attempt = { auth(options) } }, more)
    return ms.client(settings), settings.agent
  end

  local function text(client, path)
    return ms.assert(ms.assert(client:get(path or "/")):text())
  end

  it("is one for all who wait for it, whoever is cancelled", simulated(nil, function()
    local client, mock = over({ wait = 10 })
    local began, tasks, ends = ms.now(), {}, {}
    local first = ms.spawn(text, client)
    for i = 1, 20 do
      tasks[i] = ms.spawn(function()
        ms.sleep(i / 4)
        local token = text(client)
        ends[i] = ms.now() - began
        return token
      end)
    end
    ms.sleep(2)
    first:cancel()
    tasks[20]:cancel()
    for i = 1, 19 do
      assert.same({ "t1", 10 }, { tasks[i]:await(), ends[i] })
    end
    assert.equal(1, #mock:calls(TOKENS))
    client:close()
  end))

  it("is waited for no longer than the request may take", simulated(nil, function()
    local client, mock = over({ wait = 20 })
    local _, err = client:get("/", { timeout = 5 })
    assert.same({ "timeout", timed_out.words("total", 5), API .. "/" },
      { err.kind, err.message, err.url })
    -- It is still on its way: others need not wait for all of it again.
    local began = ms.now()
    assert.equal("t1", text(client))
    assert.equal(15, ms.now() - began)
    assert.equal(1, #mock:calls(TOKENS))
    client:close()
    -- What it took is gone from the total.
    client = over({ wait = 3 })
    exactly(7, "wait", "total", function() return client:get("/slow", { timeout = 7 }) end)
    client:close()
    client = over({ wait = 3 })
    assert.equal("Bearer t1", client:get("/slow", { timeout = 8.5 }):text())
    client:close()
    client = over({ wait = 3 })
    assert.equal("Bearer t1", client:get("/slow", { timeout = { attempt = 5.5 } }):text())
    client:close()
  end))

  it("is given up after 30 seconds, whatever the client allows", simulated(nil, function()
    for _, limits in ipairs({ {}, { total = 100 }, { first_byte = 300 } }) do
      local client, mock = over({ wait = math.huge }, nil, { timeout = limits })
      local err = exactly(30, "wait", "total", function() return client:get("/") end)
      assert.equal(TOKENS, err.url)
      exactly(30, "wait", "total", function() return client:get("/") end)
      assert.equal(2, #mock:calls(TOKENS))
      client:close()
    end
    local client = over({ wait = math.huge }, nil, { timeout = { first_byte = 4 } })
    exactly(4, "wait", "first_byte", function() return client:get("/") end)
    client:close()
  end))

  it("is renewed before it ends: 30 seconds, or a tenth of its time", simulated(nil, function()
    for _, case in ipairs({ { 1000, 970 }, { 100, 90 }, { 10, 9 } }) do
      local client, mock = over({ expires = case[1] })
      assert.equal("t1", text(client))
      -- The time of day is in whole seconds.
      ms.sleep(case[2] - 2)
      assert.equal("t1", text(client))
      ms.sleep(3)
      assert.equal("t2", text(client))
      assert.equal(2, #mock:calls(TOKENS))
      client:close()
    end
    -- One that says no end has none.
    local client = over({})
    text(client)
    ms.sleep(86400 * 365)
    assert.equal("t1", text(client))
    client:close()
  end))

  it("is used to its end when it cannot be renewed", simulated(nil, function()
    local client, mock = over({ expires = 1000, statuses = { 200, 500, 500, 500, 200 } })
    assert.equal("t1", text(client))
    for i = 2, 3 do
      ms.sleep(i == 2 and 980 or 10)
      assert.equal("t1", text(client))                 -- each tries to renew it
      assert.equal(i, #mock:calls(TOKENS))
    end
    ms.sleep(20)
    local response, err = client:get("/")
    assert.same({ nil, "status", 500, true }, { response, err.kind, err.response.status,
      err.retryable })
    assert.equal("t5", text(client))
    client:close()
    -- One that was stored, too.
    local loaded = { access_token = "t70", expires_at = clock.time() + 60 }
    client, mock = over({ statuses = { 500, 500 } }, { store = {
      load = function() return loaded end, save = function() end } })
    assert.equal("t70", text(client))
    assert.equal(0, #mock:calls(TOKENS))
    ms.sleep(40)
    assert.equal("t70", text(client))
    assert.equal(1, #mock:calls(TOKENS))
    ms.sleep(40)
    assert.equal("status", select(2, client:get("/")).kind)
    client:close()
  end))

  it("is renewed once after a 401, for all who got one", simulated(nil, function()
    local client, mock = over({ wait = 3, wrong = { t1 = 401 } })
    local began, tasks = ms.now(), {}
    for i = 1, 10 do
      tasks[i] = ms.spawn(text, client)
    end
    for i = 1, 10 do
      assert.equal("t2", tasks[i]:await())
    end
    assert.same({ 6, 2 }, { ms.now() - began, #mock:calls(TOKENS) })
    client:close()
    -- The answer is returned when there is no other token in time.
    client, mock = over({ wait = { 0, math.huge }, wrong = { t1 = 401 } })
    began = ms.now()
    local response = ms.assert(client:get("/", { timeout = 12 }))
    assert.same({ 401, 12, 2 }, { response.status, ms.now() - began, #mock:calls(TOKENS) })
    client:close()
  end))

  it("is asked for again when a client that asked for others, too, was closed", simulated(nil,
    function()
    local shared, mock = auth(), mock_of({ wait = 10 })
    local options = { agent = mock, base_url = API, each_attempt = { shared } }
    local other, client = ms.client(options), ms.client(options)
    local began = ms.now()
    local first, second = ms.spawn(other.get, other, "/"), ms.spawn(text, client)
    ms.sleep(4)
    other:close()
    assert.equal("cancelled", select(2, first:await()).kind)
    assert.same({ "t2", 14, 2 }, { second:await(), ms.now() - began, #mock:calls(TOKENS) })
    client:close()
  end))
end)
