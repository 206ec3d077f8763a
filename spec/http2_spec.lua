-- HTTP/2: many streams on one connection, their ends, and bodies that are not
-- read: libcurl before 8.4 cannot pause those.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")
local ms = require("multisock")

local can_pause = core.version().curl_number >= 0x080400
local MIB = 1024 * 1024

describe("HTTP/2", function()
  local nginx = fixtures.nginx()
  local client

  fixtures.each(function()
    client = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
    return client
  end)

  it("runs 1,000 at once, each with its own body", helper.task(function()
    transfers.fetch_files(client, nginx.tls_url, 1000, "2")
  end, 30))

  it("is spoken by who may, whatever a request for HTTP/1.1 has left", helper.task(function()
    for _, version in ipairs({ "1.1", "2", "1.1", "2" }) do
      local response = ms.assert(client:get(nginx.tls_url("/1k"), { http_version = version }))
      assert.equal(version, response.http_version)
      response:text()
    end
  end))

  it("multiplexes over one connection, from cold and when it is there", helper.task(function()
    for round = 1, 2 do
      ms.group(function(group)
        for i = 1, 50 do
          group:spawn(function()
            ms.assert(client:get(nginx.tls_url("/file/mux" .. round .. "-" .. i)))
          end)
        end
      end)
    end
    local lines = nginx.log("^/file/mux", 100)
    assert.equal(100, #lines)
    for _, line in ipairs(lines) do
      assert.equal("HTTP/2.0", line.protocol)
      assert.equal(lines[1].connection, line.connection)
    end
  end))

  it("has no reason phrase, and lower-case names", helper.task(function()
    local response = ms.assert(client:get(nginx.tls_url("/1k")))
    assert.equal("", response.status_text)
    assert.equal("1024", response.headers["Content-Length"])
    assert.equal(servers.bytes(1024), response:text())
    assert.equal(404, client:get(nginx.tls_url("/none")).status)
  end))

  it("ends one stream without harm to the others", helper.task(function()
    local long = ms.spawn(function()
      return ms.assert(client:get(nginx.tls_url("/slow?rate=2000000"))):text()
    end)
    ms.sleep(0.05)
    for i = 1, 20 do
      local task = ms.spawn(function()
        return ms.assert(client:get(nginx.tls_url("/slow"))):text()
      end)
      ms.sleep(0.005)
      task:cancel("not wanted")
      assert.equal("body-" .. i, ms.assert(client:get(nginx.tls_url("/file/" .. i))):text())
    end
    assert.equal(MIB, #long:await())
    local lines = nginx.log("^/slow", 1)
    for _, line in ipairs(lines) do
      assert.equal(lines[1].connection, line.connection)
    end
  end, 20))

  it("serves others while a response waits for its reader", helper.task(function()
    local waiting = ms.assert(client:get(nginx.tls_url("/1m")))
    assert.is_string(waiting:read(1))
    for i = 1, 20 do
      assert.equal("body-" .. i, ms.assert(client:get(nginx.tls_url("/file/" .. i))):text())
    end
    local size = 1 + helper.length_of(waiting:chunks())
    assert.equal(MIB, size)
  end))

  it("never cuts a body that is read slowly", helper.task(function()
    local response = ms.assert(client:get(nginx.tls_url("/1m"), { high_water = 16384 }))
    local size, reads = 0, 0
    for chunk in response:chunks(20000) do
      size = size + #chunk
      reads = reads + 1
      if reads % 10 == 0 then
        ms.sleep(0.02)
      end
    end
    assert.equal(MIB, size)
  end))

  it("bounds what nobody reads, and never passes a part for the whole", helper.task(function()
    local before = helper.resident_kib()
    local response = ms.assert(client:get(nginx.tls_url("/200m"), { max_body = 4 * MIB }))
    ms.sleep(helper.seconds(0.5))
    if helper.timing_is_real then
      assert.is_true(helper.resident_kib() - before < 20 * 1024)
    end
    local size = 0
    local chunk, err
    repeat
      chunk, err = response:read()
      size = size + #(chunk or "")
      -- The bound holds, so the rest need not be fetched.
    until chunk == nil or size > 16 * MIB
    if can_pause then
      assert.is_nil(err)
      assert.is_true(size > 16 * MIB)
    else
      assert.equal("too_large", err.kind)
      assert.is_truthy(err.message:find("too slowly", 1, true), err.message)
      assert.is_true(size <= 4 * MIB)
    end
    response:close()
  end, 20))

  it("streams 200 MB to a reader that keeps up, in little memory", helper.task(function()
    local wanted = (helper.timing_is_real and 200 or 10) * MIB
    local response = ms.assert(client:get(nginx.tls_url("/200m")))
    local size, most = 0, 0
    local before = helper.resident_kib()
    for chunk in response:chunks() do
      size = size + #chunk
      most = math.max(most, helper.resident_kib())
      if size >= wanted then
        break
      end
    end
    assert.is_true(size >= wanted)
    if helper.timing_is_real then
      assert.equal(wanted, size)
      -- One that cannot pause hands over bursts of 5 MiB.
      local allowed = (can_pause and 20 or 36) * 1024
      assert.is_true(most - before < allowed, "grew by " .. (most - before) .. " KiB")
    end
  end, 60))

  it("uploads", helper.task(function()
    local response = ms.assert(client:put(nginx.tls_url("/upload/h2"),
      { body = echoed.pieces(3 * MIB, 100000) }))
    assert.equal(201, response.status)
    assert.is_true(ms.assert(client:get(nginx.tls_url("/upload/h2"))):text()
      == servers.bytes(3 * MIB))
  end, 20))

  it("does not meet HTTP/1.1 that is busy: their answers are not mixed up",
    helper.task(function()
      local size
      ms.group(function(group)
        group:spawn(function()
          local response = ms.assert(client:get(nginx.tls_url("/slow?rate=400000"),
            { http_version = "1.1" }))
          assert.equal("1.1", response.http_version)
          size = #ms.assert(response:text())
        end)
        ms.sleep(0.3)
        for i = 1, 5 do
          group:spawn(function()
            local response = ms.assert(client:get(nginx.tls_url("/file/" .. i)))
            assert.same({ "2", "body-" .. i }, { response.http_version, response:text() })
          end)
          ms.sleep(0.1)
        end
        assert.is_nil(size)           -- it was busy all the while
      end)
      assert.equal(MIB, size)
    end, 20))

  it("is left for HTTP/1.1 when asked to", helper.task(function()
    assert.equal("2", ms.assert(client:get(nginx.tls_url("/1k"))).http_version)
    local response = ms.assert(client:get(nginx.tls_url("/1k"), { http_version = "1.1" }))
    assert.equal("1.1", response.http_version)
  end))
end)
