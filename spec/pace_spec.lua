-- `curl = { max_recv_speed_large = ... }`: pacing.lua and pace.h.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local core = require("multisock.core")
local ms = require("multisock")

local SPEED = 500000
local SIZE = 400000

local can_pause = core.version().curl_number >= 0x080400

describe("a limited speed", function()
  local hostile, secure = fixtures.hostile(), fixtures.hostile({ tls = true })
  local client, path

  before_each(function()
    client = ms.client({
      tls = { ca = secure.ca }, curl = { max_recv_speed_large = SPEED },
      timeout = helper.seconds(20),
    })
    path = os.tmpname()
  end)
  after_each(function()
    client:close()
    client = nil
    os.remove(path)
    helper.check_leaks()
  end)

  -- How long it took must be right within a tenth, and a piece of 16 KiB.
  local function assert_seconds(expected, fn)
    local before = ms.now()
    fn()
    local took = ms.now() - before
    if helper.timing_is_real then
      assert.is_true(took > expected * 0.9 - 16384 / SPEED, ("%.2f s"):format(took))
      assert.is_true(took < expected * 1.1 + 0.5, ("%.2f s"):format(took))
    end
  end

  local function assert_least(expected, fn)
    local before = ms.now()
    fn()
    assert.is_true(ms.now() - before >= expected, ("%.2f s"):format(ms.now() - before))
  end

  local function read_all(response)
    local pieces = {}
    local piece, err = response:read(10000)
    while piece do
      pieces[#pieces + 1] = piece
      piece, err = response:read(10000)
    end
    assert.is_nil(err)
    return table.concat(pieces)
  end

  local ways = {
    text = function(response)
      return response:text()
    end,
    read = read_all,
    save = function(response)
      assert.equal(SIZE, response:save(path))
      return helper.read_file(path)
    end,
  }

  for name, way in pairs(ways) do
    it("is kept by " .. name .. ", to the end", helper.task(function()
      for _, server in ipairs({ hostile, hostile, secure }) do
        assert_seconds(SIZE / SPEED, function()
          local response = ms.assert(client:get(server.url("/bytes?n=" .. SIZE)))
          assert.is_true(way(response) == servers.bytes(SIZE))
        end)
      end
    end, 30))
  end

  it("is kept by many at once, each for itself", helper.task(function()
    assert_seconds(SIZE / SPEED, function()
      ms.group(function(group)
        for _ = 1, 10 do
          group:spawn(function()
            assert.equal(SIZE, #read_all(ms.assert(client:get(hostile.url("/bytes?n=" .. SIZE)))))
          end)
        end
      end)
    end)
  end, 30))

  it("counts what came, before decoding", helper.task(function()
    local options = { curl = { max_recv_speed_large = 40000 } }
    -- 58 KB of gzip, 16 of them at once.
    assert_least(0.9, function()
      local response = ms.assert(client:get(hostile.url("/gzip?n=60000000"), options))
      assert.equal(60000000, #response:text())
    end)
  end, 30))

  it("lets a reader that pauses have no more than a second's bytes at once", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/bytes?n=2000000")))
    ms.sleep(2.5)
    -- 256 KiB wait, and those of one second may follow at once.
    assert_seconds((2000000 - 262144 - 1.2 * SPEED) / SPEED, function()
      assert.equal(2000000, #read_all(response))
    end)
  end, 30))

  -- Where a pause may lose the end of a body libcurl's own limit is used, which
  -- lets the first megabytes pass.
  it("ends bodies of HTTP/2 as well", helper.task(function()
    local nginx = servers.nginx()
    local options = {
      tls = { ca = nginx.ca }, http_version = "2", curl = { max_recv_speed_large = 1000000 },
    }
    for _, way in ipairs({ ways.text, ways.read }) do
      assert_least(can_pause and 0.9 or 0, function()
        local response = ms.assert(client:get(nginx.tls_url("/1m"), options))
        assert.equal("2", response.http_version)
        assert.equal(1024 * 1024, #way(response))
      end)
    end
    nginx.stop()
  end, 30))

  it("is no silence", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/bytes?n=50000"), {
      curl = { max_recv_speed_large = 25000 }, timeout = { idle = 0.2 },
    }))
    assert.equal(50000, #response:text())
  end, 30))

  it("ends with its transfer", helper.task(function()
    local slow = { curl = { max_recv_speed_large = 10 } }
    local response = ms.assert(client:get(hostile.url("/bytes?n=50000"), slow))
    local task = ms.spawn(response.text, response)
    ms.sleep(0.05)
    task:cancel()
    response = ms.assert(client:get(hostile.url("/bytes?n=50000"), slow))
    ms.sleep(0.05)
    response:close()
    response = ms.assert(client:get(hostile.url("/bytes?n=50000"), slow))
    local other = client
    ms.spawn(function()
      other:close()
    end)
    assert.equal("cancelled", helper.err_of(response:text()).kind)
    client = ms.client()
    probe.open_becomes(hostile, 0)
    response = nil -- luacheck: ignore 311
  end, 30))

  it("is none with 0, and a number", helper.task(function()
    assert_seconds(0, function()
      local response = ms.assert(client:get(hostile.url("/bytes?n=" .. SIZE),
        { curl = { max_recv_speed_large = 0 } }))
      assert.equal(SIZE, #response:text())
    end)
    for _, value in ipairs({ "fast", {} }) do
      local err = helper.failure(client.get, client, hostile.url("/bytes"),
        { curl = { Max_Recv_Speed_Large = value } })
      assert.truthy(tostring(err):lower():find("max_recv_speed_large", 1, true), tostring(err))
    end
  end))
end)
