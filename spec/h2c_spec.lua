-- http_version = "2-prior-knowledge": HTTP/2 without TLS, and without asking.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local web_servers = require("spec.support.web_servers")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("HTTP/2 with prior knowledge", function()
  local body = servers.bytes(200000)
  local caddy = fixtures.server(web_servers.caddy_h2c, "file", body)
  local nginx = fixtures.nginx()
  local client
  fixtures.each(function()
    client = ms.client({ trust_env = false, timeout = helper.seconds(10) })
    return client
  end)
  local H2C = { http_version = "2-prior-knowledge" }

  it("is spoken without TLS, again and again", helper.task(function()
    for _ = 1, 3 do
      local response = ms.assert(client:get(caddy.url("/file"), H2C))
      assert.same({ 200, "2" }, { response.status, response.http_version })
      assert.equal(body, response:text())
      response = ms.assert(client:head(caddy.url("/file"), H2C))
      assert.same({ 200, "2" }, { response.status, response.http_version })
      response:close()
    end
  end))

  -- Sockets that this process has. (What /proc/net/tcp says of the whole machine takes long
  -- where many wait for their end, and may name one several times.)
  local function count()
    local pipe = assert(io.popen("ls -l /proc/$PPID/fd"))
    local _, found = pipe:read("*a"):gsub("socket:", "")
    pipe:close()
    return found
  end

  it("keeps to the limits, as each request has a connection", helper.task(function()
    for _, host in ipairs({ "127.0.0.1", "a.localhost" }) do
      local own = ms.client({ trust_env = false, http_version = "2-prior-knowledge",
        limits = { host_connections = 3 } })
      local list, most = {}, 0
      for i = 1, 50 do
        list[i] = caddy.url("/file?" .. i):gsub("127.0.0.1", host)
      end
      -- libcurl has sockets of its own, and the connection of this one is closed at its end.
      ms.assert(own:get(list[1])):text()
      local others = count()
      for _, response, err in own:each(list) do
        most = math.max(most, count() - others)
        assert.same({ 200, "2" }, { response and response.status or tostring(err),
          response and response.http_version })
        assert.equal(#body, #response:text())
      end
      assert.is_true(most > 0 and most <= 3, most)
      own:close()
    end
  end, 20))

  it("is not mixed up with HTTP/1.1 to the same port", helper.task(function()
    for _ = 1, 3 do
      for version, expected in pairs({ ["2-prior-knowledge"] = "2", ["1.1"] = "1.1" }) do
        local response = ms.assert(client:get(caddy.url("/file"), { http_version = version }))
        assert.equal(expected, response.http_version, version)
        assert.equal(body, response:text())
      end
    end
    local list = {}
    for i = 1, 60 do
      list[i] = { caddy.url("/file"), i % 2 == 0 and H2C or nil }
    end
    local results = client:map(list)
    for i = 1, 60 do
      assert.equal(i % 2 == 0 and "2" or "1.1", results[i].http_version, i)
      assert.equal(#body, #results[i]:text())
    end
  end))

  it("fails where it is not spoken", helper.task(function()
    local err = helper.err_of(client:get(nginx.url("/1k"), H2C))
    assert.is_truthy(err.kind == "protocol" or err.kind == "closed", tostring(err))
    assert.equal(200, client:get(nginx.url("/1k")).status)
  end))

  it("over TLS is HTTP/2 that was agreed on, over one connection", helper.task(function()
    for _, options in ipairs({ {}, H2C }) do
      local own = ms.client({ trust_env = false, tls = { ca = nginx.ca },
        http_version = options.http_version })
      -- A path of its own: lines of others may come late.
      local path = "/file/agreed" .. (options.http_version and "2" or "1")
      local list = {}
      for i = 1, 10 do
        list[i] = { nginx.tls_url(path), H2C }
      end
      local results = own:map(list)
      for i = 1, 10 do
        assert.equal("2", results[i].http_version)
        assert.equal(path:gsub("/file/", "body-"), results[i]:text())
      end
      local log = nginx.log("^" .. path .. "$", 10)
      assert.equal(10, #log)
      assert.equal(log[1].connection, log[10].connection)
      own:close()
    end
  end))
end)
