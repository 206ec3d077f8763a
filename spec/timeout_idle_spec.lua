-- The limit `idle` of `timeout`: silence in a body. First what counts as silence, on a mock's
-- clock; then over sockets, where silence is what libcurl sees, with a server that really stalls.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local servers = require("spec.support.servers")
local DEFAULTS = require("multisock.request.options").defaults
local ms = require("multisock")
local timed_out = require("spec.support.timed_out")

describe("idle", function()
  local exactly = timed_out.exactly
  local HOST, NEVER = "https://h.example", math.huge
  local SERVER = { routes = {
    { url = "/stalls", reply = { body = { "some", NEVER } } },
    { url = "/slower", reply = { body = { "a", 1, "b", 2, "c", 4, "d", 8, "e" } } },
    { url = "/slow-end", reply = { body = { "a", 3, "b", 3 } } },
    { url = "/in-parts", reply = { body = { "a", 2, 2, 2, "b" } } },
    { url = "/late-body", reply = { delay = 9, body = { 4, "a" } } },
    { url = "/cut", reply = { body = { "abc", 5, "def" }, fail = "closed", at = 4 } },
  } }

  after_each(helper.check_leaks)

  local served = mocked.served(SERVER)

  it("ends a body that falls silent, however it is read", served(function(client)
    for _, way in ipairs({ "text", "read", "discard", "json" }) do
      local response
      local err = exactly(2, "receive", "idle", function()
        response = ms.assert(client:get(HOST .. "/stalls", { timeout = { idle = 2 } }))
        if way == "read" then
          assert.equal("some", response:read())
        end
        return response[way](response)
      end)
      assert.same({ response, true, 1 }, { err.response, err.retryable, err.attempts })
      -- It stays so, and at once.
      exactly(0, "receive", "idle", function() return response:read() end, 2)
    end
    local path = os.tmpname()
    exactly(2, "receive", "idle", function()
      return client:get(HOST .. "/stalls", { timeout = { idle = 2 } }):save(path)
    end)
    os.remove(path)
    local _, err = client:post(HOST .. "/stalls", { body = "x", timeout = { idle = 2 },
      buffer = true })
    assert.same({ "timeout", false }, { err.kind, err.retryable })
  end))

  it("is raised by what iterates", helper.of_loop(served(function(client)
    for _, way in ipairs({ "chunks", "lines", "records", "events" }) do
      exactly(3, "receive", "idle", function()
        local response = client:get(HOST .. "/stalls", { timeout = { idle = 3 } })
        return nil, helper.failure(function()
          for _ in response[way](response) do end -- luacheck: ignore 542
        end)
      end)
    end
  end)))

  it("begins anew with all that comes", served(function(client)
    local began = ms.now()
    assert.equal("abcde", client:get(HOST .. "/slower", { timeout = { idle = 8.5 } }):text())
    assert.equal(15, ms.now() - began)
    local response = client:get(HOST .. "/slower", { timeout = { idle = 3 } })
    exactly(6, "receive", "idle", function() return response:text() end, 3)
    response = client:get(HOST .. "/slower", { timeout = { idle = 7 } })
    local pieces = {}
    exactly(14, "receive", "idle", function()
      local piece, err = response:read()
      while piece do
        pieces[#pieces + 1] = piece
        piece, err = response:read()
      end
      return nil, err
    end, 7)
    assert.same({ "a", "b", "c", "d" }, pieces)
    -- Before the end, too; and a silence is one, in however many parts it is written.
    response = client:get(HOST .. "/slow-end", { timeout = { idle = 2 } })
    exactly(2, "receive", "idle", function() return response:text() end)
    assert.equal("ab", client:get(HOST .. "/slow-end", { timeout = { idle = 4 } }):text())
    response = client:get(HOST .. "/in-parts", { timeout = { idle = 5 } })
    exactly(5, "receive", "idle", function() return response:text() end)
    response = client:get(HOST .. "/cut", { timeout = { idle = 4 } })
    exactly(4, "receive", "idle", function() return response:text() end)
    response = client:get(HOST .. "/cut", { timeout = { idle = 6 } })
    assert.equal("closed", select(2, response:text()).kind)
  end))

  it("is none of the time before the headers", served(function(client)
    local began = ms.now()
    local response = ms.assert(client:get(HOST .. "/late-body", { timeout = { idle = 5 } }))
    assert.equal(9, ms.now() - began)
    assert.equal("a", response:text())
    response = client:get(HOST .. "/late-body", { timeout = { idle = 3 } })
    exactly(3, "receive", "idle", function() return response:text() end)
  end))

  it("does not count while a reader pauses: what comes meanwhile waits for him", served(
    function(client)
    local response = client:get(HOST .. "/slower", { timeout = { idle = 5 } })
    local began, seen = ms.now(), {}
    for _ = 1, 4 do
      seen[#seen + 1] = ("%s %g"):format(response:read(), ms.now() - began)
      ms.sleep(6)
    end
    seen[#seen + 1] = ("%s %g"):format(response:read(), ms.now() - began)
    assert.same({ "a 0", "b 6", "c 12", "d 18", "e 24" }, seen)
    -- The silence that he meets is counted from when he came.
    response = client:get(HOST .. "/stalls", { timeout = { idle = 5 } })
    response:read()
    ms.sleep(100)
    exactly(5, "receive", "idle", function() return response:read() end)
  end))

  it("is 60 seconds for what reads a whole body, and none for streams", served(function(client)
    for _, limits in ipairs({ {}, { connect = 5 } }) do
      for _, way in ipairs({ "text", "json", "discard" }) do
        exactly(60, "receive", "idle", function()
          local response = client:get(HOST .. "/stalls", { timeout = limits })
          return response[way](response)
        end)
      end
      exactly(60, "receive", "idle", function()
        return client:get(HOST .. "/stalls", { timeout = limits, buffer = true })
      end)
      local response = client:get(HOST .. "/stalls", { timeout = limits })
      response:read()
      local reading = ms.spawn(response.read, response)
      ms.sleep(86400)
      assert.equal("waiting", reading:status())
      reading:cancel()
      response:close()
    end
    -- Asked of a client, it holds for its streams, whatever else is asked.
    local own = ms.client({ agent = client.given_agent, timeout = { idle = 7 } })
    local response = own:get(HOST .. "/stalls", { timeout = { connect = 5 } })
    response:read()
    exactly(7, "receive", "idle", function() return response:read() end)
    response = own:get(HOST .. "/stalls", { timeout = { idle = NEVER, total = 1000 } })
    exactly(1000, "receive", "total", function() return response:text() end)
    own:close()
  end))

  it("leaves to the total what is later", served(function(client)
    for _, case in ipairs({ { 3, 8, "idle" }, { 8, 3, "total" } }) do
      local response = client:get(HOST .. "/stalls",
        { timeout = { idle = case[1], total = case[2] } })
      exactly(3, "receive", case[3], function() return response:text() end)
    end
  end))

  it("has a buffered answer sent again", served(function(client, mock)
    local began = ms.now()
    local response, err = client:get(HOST .. "/stalls", { buffer = true,
      timeout = { idle = 2, total = 9 }, retry = { limit = 5, backoff = function() return 1 end } })
    assert.is_nil(response)
    -- At 0, 3 and 6; the last pause would end with the total.
    assert.same({ "timeout", 3, 3, 8 }, { err.kind, err.attempts, #mock:calls(),
      ms.now() - began })
    assert.equal(timed_out.words("idle", 2), err.message)
  end))
end)

describe("idle over sockets", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local check = timed_out.at(hostile)

  it("in a body that falls silent, however it is read", helper.task(function()
    for _, way in ipairs({ "text", "read", "discard" }) do
      check(0.1, "receive", "idle", function()
        local response = ms.assert(client:get(hostile.url("/stall-body"),
          { timeout = { idle = 0.1 } }))
        local body, err
        repeat
          body, err = response[way](response)
        until body == nil
        return body, err
      end)
    end
  end))

  it("in a body that is iterated over", helper.of_loop(helper.task(function()
    check(0.1, "receive", "idle", function()
      local err = helper.failure(function()
        local response = ms.assert(client:get(hostile.url("/stall-body"),
          { timeout = { idle = 0.1 } }))
        for _ in response:chunks() do end -- luacheck: ignore 542
      end)
      return nil, err
    end)
  end)))

  it("not while something comes", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/trickle?bytes=15&delay=0.03"),
      { timeout = { idle = helper.seconds(0.25) } }))
    assert.equal(servers.bytes(15), response:text())
  end))

  it("not for a reader who pauses", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/stream?n=3000&chunk=1000&delay=0.01"),
      { timeout = { idle = helper.seconds(0.15) } }))
    local pieces = {}
    local chunk = response:read()
    while chunk do
      pieces[#pieces + 1] = chunk
      ms.sleep(helper.seconds(0.2))
      chunk = response:read()
    end
    assert.equal(servers.bytes(3000), table.concat(pieces))
    local big = 3000000
    response = ms.assert(client:get(hostile.url("/bytes?n=" .. big),
      { timeout = { idle = helper.seconds(0.15) }, high_water = 65536 }))
    ms.sleep(helper.seconds(0.4))
    assert.equal(big, #response:text())
  end, 20))

  it("by default for text, not for streams", helper.task(function()
    local defaults = getmetatable(DEFAULTS.timeout).__index
    assert.equal(60, defaults.idle)
    defaults.idle = 0.1
    finally(function()
      defaults.idle = 60
    end)
    for _, timeout in ipairs({ {}, { connect = 5 } }) do
      local response = ms.assert(client:get(hostile.url("/stall-body"), { timeout = timeout }))
      local body, err = response:text()
      assert.is_nil(body)
      assert.equal("timeout", err.kind)
      response = ms.assert(client:get(hostile.url("/stall-body"), { timeout = timeout }))
      assert.is_string(response:read())
      local reading = ms.spawn(function()
        return response:read()
      end)
      ms.sleep(0.2)
      assert.equal("waiting", reading:status())
      response:close()
      assert.equal("closed", select(3, reading:join()).kind)
    end
    -- Asked of a client, it holds for its streams, whatever else is asked.
    local own <close> = ms.client({ timeout = { idle = 0.1 } })
    local response = ms.assert(own:get(hostile.url("/stall-body"), { timeout = { connect = 5 } }))
    assert.is_string(response:read())
    assert.equal("timeout", select(2, response:read()).kind)
  end))
end)
