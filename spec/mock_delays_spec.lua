-- ms.mock as an agent: how it takes its time, and which limits of a request that is held against.
-- The limits themselves: timeout_spec.lua and the files beside it.
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")
local timed_out = require("spec.support.timed_out")

local over, exactly, simulated = mocked.over, timed_out.exactly, helper.simulated

local HOST, NEVER = "https://h.example", math.huge

describe("the delays of a mock", function()
  after_each(helper.check_leaks)

  it("are of a connection, an answer and a body, one after the other", simulated(nil, function()
    local client, mock = over({ { reply = { connect = 2, delay = 3, body = { 1, "a", 4, "b" } } } })
    local began = ms.now()
    local response = client:post(HOST .. "/", { body = "x" })
    assert.equal(5, ms.now() - began)
    assert.equal("a", response:read())
    assert.equal(6, ms.now() - began)
    assert.equal("b", response:read())
    assert.equal(10, ms.now() - began)
    assert.same({ "x", 0 }, { mock:calls()[1].body, mock:calls()[1].at - began })
  end))

  it("are in ranges by chance, which the seed decides", function()
    local function once(seed)
      local list = {}
      ms.mock():run(function()
        local client = over({ { reply = { connect = { 1, 2 }, delay = { 10, 20 } } } }, nil,
          { seed = seed })
        for i = 1, 50 do
          local began = ms.now()
          client:get(HOST .. "/")
          list[i] = ms.now() - began
          assert.truthy(list[i] >= 11 and list[i] < 22, list[i])
        end
      end)
      return list
    end
    assert.same(once(1), once(1))
    assert.is_false(pcall(assert.same, once(1), once(2)))
  end)

  it("last for ever: what nobody limits is a deadlock, and said to be one", function()
    for _, reply in ipairs({ { delay = NEVER }, { connect = NEVER }, { body = { "a", NEVER } } }) do
      local mock = ms.mock({ routes = { { reply = reply } } })
      local limits = { first_byte = NEVER, connect = NEVER, idle = NEVER }
      local err = helper.failure(mock.run, mock, function()
        local client = ms.client({ agent = mock, timeout = limits })
        return client:get(HOST .. "/"):text()
      end)
      assert.truthy(tostring(err):find("deadlock: every task waits", 1, true), tostring(err))
    end
  end)

  it("of a body pass by the server's clock, whoever reads", simulated(nil, function()
    local client = over({ { reply = { body = { "a", 2, "b", 2, "c" } } } })
    local began = ms.now()
    local response = client:get(HOST .. "/")
    ms.sleep(3)
    assert.same({ "a", "b" }, { response:read(), response:read() })
    assert.equal(3, ms.now() - began)
    assert.equal("c", response:read())
    assert.equal(4, ms.now() - began)
    assert.is_nil(response:read())
  end))

  it("of faults hold up what the route answers", simulated(nil, function()
    local client, mock = over({
      { url = "/function", reply = function()
        return { delay = 1, connect = 1, body = "made" }
      end },
      { url = "/response", reply = function() return ms.response("own") end },
      { reply = { delay = 1, connect = 1, body = "there" } },
    }, nil, { faults = {
      { url = "/far", connect = 4 }, { url = "/slow", delay = 4 },
      { url = "/function", connect = 4, delay = 4 }, { url = "/response", connect = 4, delay = 4 },
      { url = "/down", status = 503, connect = 2, delay = 1 },
      { url = "/cut", fail = "closed", at = 3, connect = 4 },
    } })
    for path, case in pairs({ far = { 6, "there" }, slow = { 6, "there" }, plain = { 2, "there" },
      ["function"] = { 10, "made" }, response = { 8, "own" }, down = { 3, "" } }) do
      local began = ms.now()
      local response = ms.assert(client:get(HOST .. "/" .. path))
      assert.same({ case[1], case[2] }, { ms.now() - began, response:text() }, path)
    end
    local began = ms.now()
    local response = client:get(HOST .. "/cut")
    assert.same({ "the", 6 }, { response:read(), ms.now() - began })
    for _, path in ipairs({ "far", "function", "response", "cut" }) do
      exactly(3, "connect", "connect", function()
        return client:get(HOST .. "/" .. path, { timeout = { connect = 3 } })
      end)
    end
    assert.equal("faults[1]", mock:calls("/far")[1].fault)
  end))

  it("of a failure pass before it", simulated(nil, function()
    local client = over({ { url = "/*", reply = function(request)
      local kind, seconds = request.url:match("/(%a+)/(%d+)$")
      return { fail = kind, delay = tonumber(seconds) }
    end } })
    for kind, phase in pairs({ connect = "connect", tls = "tls", closed = "wait" }) do
      local began = ms.now()
      local _, err = client:get(HOST .. "/" .. kind .. "/5")
      assert.same({ kind, phase, 5 }, { err.kind, err.phase, ms.now() - began })
    end
  end))

  -- As over the network: what was not sent can be sent again, and was not read.
  it("before a connection leave the body with the request", simulated(nil, function()
    for _, reply in ipairs({ { connect = 5 }, { fail = "connect" }, { fail = "resolve" },
      { fail = "tls" }, { fail = "proxy", delay = 1 } }) do
      local client, mock = over({ { reply = { reply, { body = "taken" } } } },
        { timeout = { connect = 2 } })
      local pulled, left = 0, { "a", "b" }
      local function post()
        return client:post(HOST .. "/", { body = function()
          pulled = pulled + 1
          return table.remove(left, 1)
        end })
      end
      local err = helper.err_of(post())
      assert.same({ 0, nil, 1 }, { pulled, mock:calls()[1].body, #mock:calls() })
      assert.truthy(err.phase ~= "wait" and err.phase ~= "send", err.phase)
      assert.equal("taken", post():text())
      assert.same({ 3, "ab" }, { pulled, mock:calls()[2].body })
      client:close()
    end
  end))

  it("end with their client, and with the task", helper.of_loop(simulated(nil, function()
    for _, reply in ipairs({ { connect = NEVER }, { delay = NEVER }, { body = { NEVER } } }) do
      local client = over({ { reply = reply } }, { timeout = { first_byte = NEVER,
        connect = NEVER, idle = NEVER } })
      local function ask()
        local response, err = client:get(HOST .. "/")
        if response then
          response, err = response:text()
        end
        return response, err
      end
      local closed, cancelled = ms.spawn(ask), ms.spawn(ask)
      ms.sleep(100)
      cancelled:cancel("enough")
      assert.equal("cancelled", cancelled:status())
      client:close()
      local _, none, err = closed:join()
      assert.same({ nil, "cancelled" }, { none, err.kind })
    end
  end)))
end)
