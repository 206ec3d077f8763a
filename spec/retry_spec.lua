-- The option `retry`: what is sent again, when, and what never is.
local attempted = require("spec.support.attempted")
local core_support = require("spec.support.core_support")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task, failure, simulated = helper.task, helper.failure, helper.simulated

describe("retry", function()
  local hostile, client_of, script, ask, statuses = attempted.hostile()

  after_each(helper.check_leaks)

  local FAST = { limit = 5, backoff = 0.001 }

  it("is off unless given", task(function()
    local client = ms.client()
    assert.same({ 503, 1 }, { statuses(client, "503,200") })
    assert.same({ 200, 2 }, { statuses(client, "503,200", nil, { retry = FAST }) })
    client:close()
  end))

  it("may be a number, true, a table of its own over the client's, or false", task(function()
    local client = client_of({ limit = 3, backoff = 0.001, statuses = { 500, 503 } })
    local function tries(retry)
      return (select(2, statuses(client, "503,500,503,500,200", nil, { retry = retry })))
    end
    assert.same({ 4, 2, 4, 2, 1, 1 }, { tries(nil), tries(1), tries(true),
      tries({ limit = 1 }), tries(false), tries({ statuses = { 500 } }) })
    client:close()
  end))

  it("asks again for the answers of its list, and returns the last", task(function()
    local client = client_of(FAST)
    for _, status in ipairs({ 408, 425, 429, 500, 502, 503, 504 }) do
      assert.same({ 200, 2 }, { statuses(client, status .. ",200") })
    end
    for _, status in ipairs({ 400, 401, 403, 404, 409, 501, 505 }) do
      assert.same({ status, 1 }, { statuses(client, status .. ",200") })
    end
    assert.same({ 503, 6 }, { statuses(client, "503") })
    client:close()
  end))

  it("asks again when nothing good came", task(function()
    local client = client_of(FAST)
    for _, word in ipairs({ "reset", "close" }) do
      local status, tries, response = ask(client, word .. "," .. word .. ",200")
      assert.same({ 200, 3, 3 }, { status, tries, response.attempts })
    end
    client:close()
    client = client_of(FAST)          -- has no connection yet that may die beside the tries
    local status, tries, _, err = ask(client, "close")
    assert.same({ "closed", 6, 6 }, { status, tries, err.attempts })
    client:close()
  end))

  it("tells how often it was sent, as the server could count", task(function()
    local client = client_of(FAST)
    local _, tries, response = ask(client, "503,close,503,200")
    assert.same({ 4, 4 }, { tries, response.attempts })
    local refusing = ("http://127.0.0.1:%d/"):format(core_support.refusing_port())
    local _, err = client:get(refusing, { retry = { limit = 2, backoff = 0.001 } })
    assert.same({ "connect", 1 }, { err.kind, err.attempts })     -- nothing was sent
    -- Of a body that breaks later, too.
    local url = script("503,503,200")
    response = client:get(url)
    assert.equal(3, response.attempts)
    assert.equal(3, #response:json())
    client:close()
  end))

  it("never sends twice what may not be", task(function()
    local client = client_of(FAST)
    for _, method in ipairs({ "POST", "PATCH", "PROPFIND" }) do
      for _, word in ipairs({ "503", "reset", "close", "429" }) do
        local _, tries = statuses(client, word .. ",200", "Retry-After: 0\nX-Should-Retry: true",
          { method = method, body = "pay" })
        assert.equal(1, tries, method .. " " .. word)
      end
    end
    -- Nor when the time for it has passed.
    local url, log = script("stall,200")
    local _, err = client:post(url, { body = "pay", timeout = { first_byte = 0.05 } })
    assert.same({ "timeout", false, 1 }, { err.kind, err.retryable, #log() })
    _, err = client:get((script("stall")), { timeout = { first_byte = 0.05 }, retry = false })
    assert.same({ "timeout", true }, { err.kind, err.retryable })
    client:close()
  end))

  it("sends again what the server has certainly not got", task(function()
    local delays = 0
    local client = client_of(FAST, { on = { retry = function() delays = delays + 1 end } })
    local refusing = ("http://127.0.0.1:%d/"):format(core_support.refusing_port())
    local _, err = client:post(refusing, { body = "pay" })
    assert.same({ "connect", 5 }, { err.kind, delays })
    -- A generator that was not asked for a piece can begin as well later.
    _, err = client:post(refusing, { body = function() error("asked") end })
    assert.same({ "connect", 10 }, { err.kind, delays })
    client:close()
  end))

  it("does so with `methods`, or with a key that is the same on all tries", task(function()
    local client = client_of({ limit = 5, backoff = 0.001, methods = { "POST" } })
    assert.same({ 200, 3 }, { statuses(client, "503,close,200", nil,
      { method = "POST", body = "x" }) })
    assert.same({ 503, 1 }, { statuses(client, "503,200", nil, { method = "PUT", body = "x" }) })
    local keyed = { limit = 5, backoff = 0.001, idempotency_key = true,
      methods = { "GET" } }
    local seen = {}
    for i = 1, 2 do
      local url = script("503,close,200")
      local log = client:post(url, { json = { i = i }, retry = keyed }):json()
      assert.equal(3, #log)
      local key = log[1].headers["idempotency-key"]
      assert.truthy(key:find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-"
        .. ("%x"):rep(12) .. "$"), key)
      assert.same({ key, key }, { log[2].headers["idempotency-key"],
        log[3].headers["idempotency-key"] })
      seen[i] = key
    end
    assert.are_not.equal(seen[1], seen[2])
    -- A name of one's own, and a key of one's own.
    local log = client:patch(script("503,200"), { body = "x", headers = { ["x-key"] = "mine" },
      retry = { idempotency_key = "X-Key" } }):json()
    assert.same({ "mine", "mine" }, { log[1].headers["x-key"], log[2].headers["x-key"] })
    client:close()
  end))

  it("sends the body from its start", task(function()
    local client = client_of(FAST)
    local file = assert(io.tmpfile())
    file:write("head", servers.bytes(300000))
    file:seek("set", 4)
    for _, words in ipairs({ "503,200", "early,200", "reset,200", "close,200" }) do
      file:seek("set", 4)
      local log = client:put(script(words), { body = file }):json()
      assert.equal(300000, log[2].length)
      assert.equal(hostile and log[2].sha256, client:put(script("200"), {
        body = servers.bytes(300000) }):json()[1].sha256)
    end
    file:close()
    client:close()
  end))

  it("returns what there is when the body cannot be sent again", task(function()
    local client = client_of(FAST)
    local kilobyte = ("x"):rep(1000)
    assert.same({ 503, 1 }, { statuses(client, "503,200", nil,
      { method = "PUT", body = helper.pieces(3, kilobyte) }) })
    -- Half of it was sent when the answer came.
    assert.same({ 503, 1 }, { statuses(client, "early,200", nil,
      { method = "PUT", body = helper.pieces(2000, kilobyte) }) })
    local pipe = assert(io.popen("printf abc"))
    assert.same({ 503, 1 }, { statuses(client, "503,200", nil, { method = "PUT", body = pipe }) })
    pipe:close()
    client:close()
  end))

  it("does what x-should-retry says", task(function()
    local client = client_of(FAST)
    assert.same({ 503, 1 }, { statuses(client, "503,200", "x-should-retry: false") })
    assert.same({ 200, 2 }, { statuses(client, "404,200", "X-Should-Retry: true") })
    assert.same({ 200, 2 }, { statuses(client, "503,200", "x-should-retry: perhaps") })
    assert.same({ 301, 1 }, { statuses(client, "301,200", "x-should-retry: true") })
    client:close()
  end))

  it("keeps to its budget, in which what the server timed does not count", task(function()
    local retries = 0
    local client = client_of({ limit = 100, backoff = function() return 0 end, budget = 0 },
      { on = { retry = function() retries = retries + 1 end } })
    assert.same({ 503, 11 }, { statuses(client, "503") })        -- ten are free
    assert.same({ 503, 1 }, { statuses(client, "503") })
    assert.same({ 503, 21 }, { statuses(client, "503", "retry-after-ms: 1",
      { retry = { limit = 20 } }) })
    assert.equal(30, retries)
    -- A fifth of its requests.
    local url = script("200")
    for _ = 1, 50 do
      client:get(url):close()
    end
    retries = 0
    assert.equal(503, statuses(client, "503", nil, { retry = { budget = 0.2 } }))
    assert.truthy(retries >= 10 and retries <= 11, retries)
    retries = 0
    assert.equal(503, statuses(client, "503", nil, { retry = { budget = math.huge } }))
    assert.equal(100, retries)
    client:close()
  end))

  it("tells who listens, and counts attempts", task(function()
    local events, attempts = {}, {}
    local client = client_of(FAST, {
      each_attempt = { function(request, next)
        attempts[#attempts + 1] = request.attempt
        return next(request)
      end },
      on = { retry = function(event)
        events[#events + 1] = { event.attempt, event.response and event.response.status,
          event.err and event.err.kind, type(event.delay) }
      end },
    })
    local _, tries, response = ask(client, "close,503,200")
    assert.same({ 3, 3, { 1, 2, 3 } }, { tries, response.attempts, attempts })
    assert.same({ { 1, nil, "closed", "number" }, { 2, 503, nil, "number" } }, events)
    client:close()
  end))

  it("works behind a redirect, below fail_on_error and middleware", task(function()
    local calls = 0
    local client = client_of(FAST, { fail_on_error = true, middleware = { function(request, next)
      calls = calls + 1
      return next(request)
    end } })
    local url = script("503,200")
    local to = helper.escape(url:match("^http://[^/]+(.*)$"))
    local response = ms.assert(client:get(hostile.url("/redirect?to=" .. to)))
    assert.same({ 200, 2, 1 }, { response.status, #response:json(), calls })
    local _, err = client:get((script("503")))
    assert.same({ "status", 503, 6 }, { err.kind, err.response.status, err.attempts })
    client:close()
  end))

  it("works over an agent", task(function()
    local answers, seen = { 503, "fail", 200 }, 0
    local client = client_of(FAST, { agent = function()
      seen = seen + 1
      if answers[seen] == "fail" then
        return nil, { kind = "connect", message = "no", retryable = true }
      end
      return ms.response("x", { status = answers[seen], headers = { ["retry-after-ms"] = 1 } })
    end })
    local response = ms.assert(client:get("http://anywhere.example/"))
    assert.same({ 200, 3, 3 }, { response.status, response.attempts, seen })
    client:close()
  end))

  -- A client whose first request waits for its second try, which is 30 s away.
  local WAITING = { routes = { { reply = { { status = 503, headers = { ["Retry-After"] = 30 } },
    {} } } } }

  it("is cancelled while it waits", simulated(WAITING, function(mock)
    local client = client_of(true, { agent = mock })
    local getting = ms.spawn(client.get, client, "https://h.example/")
    ms.sleep(10)
    getting:cancel("enough")
    local ok, err = getting:join()
    assert.same({ false, "cancelled", "enough", 1 }, { ok, err.kind, err.message, #mock:calls() })
  end))

  it("ends with its client while it waits", simulated(WAITING, function(mock)
    local client, began = client_of(true, { agent = mock }), ms.now()
    local getting = ms.spawn(client.get, client, "https://h.example/")
    ms.sleep(10)
    client:close()
    local err = helper.err_of(getting:await())
    assert.same({ "cancelled", "the client was closed", 1, 10 }, { err.kind, err.message,
      err.attempts, ms.now() - began })
  end))

  it("waits on the main chunk, too", function()
    local client = client_of(FAST)
    assert.equal(200, (statuses(client, "503,200", "retry-after-ms: 20")))
    client:close()
  end)

  it("does not retry what has waited in our own queue", task(function()
    local client = client_of(FAST, { limits = { connections = 1 } })
    local held = ms.assert(client:get(hostile.url("/stall-body")))
    local before = ms.now()
    local _, err = client:get(hostile.url("/bytes"), { timeout = { queue = 0.05 } })
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    assert.truthy(ms.now() - before < 1)
    held:close()
    client:close()
  end))

  it("has its mistakes named", function()
    local function check(words, retry)
      local err = failure(function() ms.client({ retry = retry }) end)
      assert.truthy(err:find(words, 1, true), err)
    end
    check("option 'retry': boolean, integer or table expected, got \"yes\"", "yes")
    check("option 'retry.limit': integer of 0 or more expected, got -1", -1)
    check("option 'retry.limit': integer of 0 or more expected, got 1.5", { limit = 1.5 })
    check("option 'retry': unknown field \"statusses\", did you mean", { statusses = {} })
    check("option 'retry.statuses[1]': status of 400 or more expected, got 200",
      { statuses = { 200 } })
    check("option 'retry.statuses': list of statuses expected, got 503", { statuses = 503 })
    check("option 'retry.methods[2]': HTTP method expected", { methods = { "GET", "A B" } })
    check("option 'retry.backoff': seconds above 0, or function, expected, got 0", { backoff = 0 })
    check("option 'retry.max_delay': seconds of 0 or more expected, got -1", { max_delay = -1 })
    check("option 'retry.budget': number of 0 or more expected", { budget = 0 / 0 })
    check("option 'retry.idempotency_key': boolean or name of a header expected",
      { idempotency_key = "a b" })
    check("option 'retry.respect_retry_after': boolean expected", { respect_retry_after = 1 })
  end)
end)
