-- The limit `idle` of `timeout`: silence in a body.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local DEFAULTS = require("multisock.request.options").defaults
local ms = require("multisock")
local timed_out = require("spec.support.timed_out")

describe("timeouts", function()
  local hostile = fixtures.hostile()
  local client

  fixtures.each(function()
    client = ms.client()
    return client
  end)

  local function check(...)
    return timed_out.check(hostile, ...)
  end

  it("idle: in a body that falls silent, however it is read", helper.task(function()
    for _, way in ipairs({ "text", "read", "discard" }) do
      check(0.2, "receive", "idle", function()
        local response = ms.assert(client:get(hostile.url("/stall-body"),
          { timeout = { idle = 0.2 } }))
        local body, err
        repeat
          body, err = response[way](response)
        until body == nil
        return body, err
      end)
    end
    check(0.2, "receive", "idle", function()
      local ok, err = pcall(function()
        local response = ms.assert(client:get(hostile.url("/stall-body"),
          { timeout = { idle = 0.2 } }))
        for _ in response:chunks() do end -- luacheck: ignore 542
      end)
      assert.is_false(ok)
      return nil, err
    end)
  end))

  it("idle: not while something comes", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/trickle?bytes=30&delay=0.03"),
      { timeout = { idle = helper.seconds(0.3) } }))
    assert.equal(servers.bytes(30), response:text())
  end))

  it("idle: not for a reader who pauses", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/stream?n=3000&chunk=1000&delay=0.01"),
      { timeout = { idle = helper.seconds(0.15) } }))
    local pieces = {}
    for chunk in response:chunks() do
      pieces[#pieces + 1] = chunk
      ms.sleep(helper.seconds(0.2))
    end
    assert.equal(servers.bytes(3000), table.concat(pieces))
    local big = 3000000
    response = ms.assert(client:get(hostile.url("/bytes?n=" .. big),
      { timeout = { idle = helper.seconds(0.15) }, high_water = 65536 }))
    ms.sleep(helper.seconds(0.4))
    assert.equal(big, #response:text())
  end, 20))

  it("idle: by default for text, not for streams", helper.task(function()
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
      ms.sleep(0.3)
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
