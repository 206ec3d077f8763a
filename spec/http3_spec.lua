-- HTTP/3: QUIC through the driver, whose sockets carry datagrams.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local socket = require("socket")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")
local ms = require("multisock")

local MIB = 1024 * 1024
-- libcurl's numbers: with a way back to older versions, and without one.
local HTTP_3, HTTP_3_ONLY = 30, 31
-- What raw handles need on the QUIC of OpenSSL: see docs/core.md.
local ONE_DATAGRAM = "X25519:P-256:P-384"

describe("HTTP/3", function()
  local missing = transfers.missing("HTTP3")
  if missing then
    it("is an error where libcurl lacks it", helper.task(function()
      local err = helper.err_of(ms.fetch("https://127.0.0.1:1/", { http_version = "3" }))
      assert.equal("curl", err.kind)
      assert.is_truthy(err.message:find("HTTP/3", 1, true), err.message)
    end))
    pending("over the driver: " .. missing)
    return
  end

  local nginx = fixtures.server(packaged.nginx, { http3 = true })
  local client

  fixtures.each(function()
    -- http_version = "3" alone gives way when HTTP/2 is there first, as it may be
    -- on a busy machine.
    client = ms.client({ tls = { ca = nginx.ca }, http_version = "3",
      curl = { http_version = HTTP_3_ONLY } })
    return client
  end)

  local function same_connection(pattern, count)
    local lines = nginx.log(pattern, count)
    assert.equal(count, #lines)
    for _, line in ipairs(lines) do
      assert.equal("HTTP/3.0", line.protocol)
      assert.equal(lines[1].connection, line.connection)
    end
  end

  it("fetches", helper.task(function()
    local response = ms.assert(client:get(nginx.url("/1k")))
    assert.equal("3", response.http_version)
    assert.equal(200, response.status)
    assert.equal("1024", response.headers["Content-Length"])
    assert.equal(servers.bytes(1024), response:text())
    assert.is_true(response.timings.tls > 0)
    assert.equal(404, client:get(nginx.url("/none")).status)
    response = ms.assert(client:head(nginx.url("/1m")))
    assert.equal(tostring(MIB), response.headers["Content-Length"])
  end))

  it("sends no datagram to an address that is not public", helper.task(function()
    for _ = 1, 2 do
      local err = helper.err_of(client:get(nginx.url("/file/guarded"), { allow_private = false }))
      assert.equal("policy", err.kind)
      assert.matches("is not public", err.message, 1, true)
    end
    assert.equal("body-open", ms.assert(client:get(nginx.url("/file/open"))):text())
    local _, err = client:get(nginx.url("/file/guarded"), { allow_private = false })
    assert.equal("policy", err.kind)         -- nor on a connection that is there
    assert.equal(1, #nginx.log("/file/open", 1))
    assert.equal(0, #nginx.log("/file/guarded"))
  end))

  it("runs many at once over one connection, each with its own body", helper.task(function()
    local count = 0
    for round = 1, 2 do
      ms.group(function(group)
        for i = 1, 300 do
          group:spawn(function()
            local name = round .. "-" .. i
            local response = ms.assert(client:get(nginx.url("/file/many" .. name)))
            assert.equal("3", response.http_version)
            assert.equal("body-many" .. name, response:text())
            count = count + 1
          end)
        end
      end)
    end
    assert.equal(600, count)
    same_connection("^/file/many", 600)
  end, 30))

  it("runs many on each of many connections, near and with losses", helper.task(function()
    local relay = own_servers.lossy_udp(nginx.port, 2)
    local count = 0
    local function fetch_from(port)
      local own = ms.client({ tls = { ca = nginx.ca }, http_version = "3",
        curl = { http_version = HTTP_3_ONLY },
        -- An address that refuses would be told of, and not the one that is lost.
        resolve = { ("localhost:%d:127.0.0.1"):format(port) } })
      for round = 1, 3 do
        ms.map({ 1, 2, 3, 4, 5 }, function(i)
          local path = ("/file/each%d-%d"):format(round, i)
          local response = ms.assert(own:get(("https://localhost:%d%s"):format(port, path)))
          assert.equal("body-" .. path:sub(7), response:text())
          count = count + 1
        end)
      end
      own:close()
    end
    ms.group(function(group)
      for _ = 1, 10 do
        group:spawn(fetch_from, nginx.port)
        group:spawn(fetch_from, relay.port)
      end
    end)
    assert.equal(2 * 10 * 3 * 5, count)
    relay.stop()
  end, 30))

  it("uploads, and gets back what it has sent", helper.task(function()
    local response = ms.assert(client:put(nginx.url("/upload/h3"),
      { body = echoed.pieces(250000, 100000) }))
    assert.equal(201, response.status)
    assert.equal("3", response.http_version)
    assert.is_true(ms.assert(client:get(nginx.url("/upload/h3"))):text()
      == servers.bytes(250000))
  end, 20))

  it("ends one stream without harm to the others", helper.task(function()
    local long = ms.spawn(function()
      local response = ms.assert(client:get(nginx.url("/big")))
      return helper.length_of(response:chunks())
    end)
    for i = 1, 20 do
      local started = ms.queue()
      local task = ms.spawn(function()
        local response = ms.assert(client:get(nginx.url("/slow")))
        started:put(true)
        return response:text()
      end)
      started:get()
      task:cancel("not wanted")
      assert.equal("body-" .. i, ms.assert(client:get(nginx.url("/file/" .. i))):text())
    end
    assert.equal(50 * MIB, long:await())
    same_connection("^/slow", 20)
  end, 30))

  it("waits for a slow reader, and loses nothing", helper.task(function()
    local body = servers.bytes(3 * MIB)
    servers.write_file(nginx.folder .. "/pattern", body)
    local response = ms.assert(client:get(nginx.url("/pattern"), { high_water = 65536 }))
    local parts = {}
    for chunk in response:chunks(100000) do
      parts[#parts + 1] = chunk
      ms.sleep(0.01)
    end
    assert.is_true(table.concat(parts) == body)
  end, 30))

  it("holds little of what nobody reads", helper.task(function()
    local before = helper.resident_kib()
    local response = ms.assert(client:get(nginx.url("/big")))
    ms.sleep(0.5)
    if helper.timing_is_real then
      assert.is_true(helper.resident_kib() - before < 20 * 1024)
    end
    assert.equal(10, #response:read(10))
    response:close()
    same_connection("^/big$", 1)
  end, 20))

  it("gives way to HTTP/2 where nobody speaks it", helper.task(function()
    local other = packaged.nginx()
    local willing = ms.client({ tls = { ca = nginx.ca }, http_version = "3" })
    assert.is_true(tonumber(ms.assert(willing:get(nginx.url("/1k"))).http_version) >= 2)
    local response = ms.assert(willing:get(other.url("/1k")))
    assert.equal("2", response.http_version)
    assert.equal(servers.bytes(1024), response:text())
    willing:close()
    other.stop()
  end, 20))

  it("says what is wrong with the certificate", helper.task(function()
    local stranger = ms.client({ http_version = "3" })
    -- Of several addresses libcurl tells the error of one, which may be refused.
    local response, err = stranger:get(nginx.url("/1k"),
      { resolve = { ("localhost:%d:127.0.0.1"):format(nginx.port) } })
    assert.is_nil(response)
    assert.same({ "tls", "CURLE_PEER_FAILED_VERIFICATION" }, { err.kind, err.code })
    stranger:close()
  end))

  describe("of raw handles", function()
    local function raw(path, more)
      return helper.with({ url = nginx.url(path), cainfo = nginx.ca, http_version = HTTP_3_ONLY,
        pipewait = true, ssl_ec_curves = ONE_DATAGRAM }, more)
    end

    it("runs many at once on the driver", function()
      transfers.run_many(100, function(i)
        return raw("/file/raw" .. i), "body-raw" .. i
      end)
      same_connection("^/file/raw", 100)
    end)

    it("is removed in the middle", function()
      transfers.cancel(raw("/slow"), raw("/1k"), servers.bytes(1024))
    end)

    it("lets the multi be closed in the middle", function()
      local driver = transfers.driver()
      local bodies = {}
      for i = 1, 10 do
        bodies[i] = select(2, driver.add(raw("/slow", { http_version = HTTP_3 })))
      end
      driver.step(function()
        for _, body in ipairs(bodies) do
          if body[1] == nil then return false end
        end
        return true
      end)
      driver.close()
    end)

    it("times out while it connects to who does not answer", function()
      local deaf = assert(socket.udp())
      assert(deaf:setsockname("127.0.0.1", 0))
      local _, port = deaf:getsockname()
      local _, err = transfers.run(raw("", {
        url = ("https://127.0.0.1:%d/"):format(port),
        timeout_ms = math.floor(helper.seconds(0.5) * 1000),
      }))
      assert.same({ "timeout", "connect" }, { err.kind, err.phase })
      deaf:close()
    end)

    it("tells who refuses", function()
      local _, err = transfers.run(raw("", {
        url = ("https://127.0.0.1:%d/"):format(support.refusing_port()),
      }))
      assert.equal("connect", err.kind, tostring(err))
      assert.is_true(err.retryable)
    end)

    it("fails when the server goes while it sends", function()
      local other = packaged.nginx({ http3 = true })
      local driver = transfers.driver()
      local easy, body = driver.add(raw("/big", { url = other.url("/big") }))
      driver.step(function() return body[1] ~= nil end)
      other.stop()
      local seen = driver.finish(1)
      assert.is_table(seen[easy])
      local err = seen[easy][1]
      assert.is_truthy(err.kind == "closed" or err.kind == "protocol", tostring(err))
      assert.equal("receive", err.phase)
      driver.close()
    end)
  end)

  it("is what this libcurl says it has", function()
    assert.is_true(core.version().features.HTTP3)
  end)
end)
