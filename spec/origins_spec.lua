-- Credentials stay with the origin that they are for: two servers tell what they get.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local ms = require("multisock")

describe("credentials", function()
  local witness = fixtures.server(own_servers.witness)
  after_each(helper.check_leaks)

  local CERT = "multisock test client"

  local function file(name)
    return witness.certificates .. "/" .. name
  end

  local function tls(changes)
    return helper.with({ ca = witness.ca }, changes)
  end

  local function mine()
    return tls({ cert = file("client.crt"), key = file("client.key") })
  end

  -- What a server got.
  local function seen(client, url, options)
    return ms.assert(ms.assert(client:get(url, options)):json())
  end

  local NOTHING = {}

  -- What of it tells who asks.
  local function identity(client, url, options)
    local got, found = seen(client, url, options), {}
    for _, name in ipairs({ "authorization", "cookie", "x-api-key", "x-mine" }) do
      found[name] = got.headers[name]
    end
    found.cert = got.cert ~= ms.null and got.cert or nil
    return found
  end

  describe("of a client with a base_url", function()
    local client, jar
    local ALL = {
      authorization = "Bearer token", ["x-api-key"] = "key", cookie = "a=jar", cert = CERT,
    }
    before_each(function()
      jar = ms.cookies()
      jar:set("https://localhost/", "a=jar; Path=/")
      client = ms.client({
        base_url = witness.here .. "/v1/", auth = { bearer = "token" }, tls = mine(),
        headers = { ["X-Api-Key"] = "key", ["X-Public"] = "open" }, cookies = jar,
        trust_env = false, timeout = helper.seconds(10),
      })
    end)
    after_each(function()
      client:close()
    end)

    it("go to its origin, however that is written", helper.task(function()
      for _, url in ipairs({ "x", "/x", witness.here .. "/x", witness.here:upper() .. "/x",
        (witness.there:gsub("https:", "")), "?a=1" }) do      -- without a scheme: a path
        assert.same(ALL, identity(client, url), url)
      end
      assert.same(ALL, identity(client, witness.here .. "/to?/x"))
    end))

    it("go to no other, however that is written", helper.task(function()
      for _ = 1, 2 do
        for _, url in ipairs({ witness.there .. "/x", witness.there:upper() .. "/x",
          (witness.here:gsub("localhost", "127.0.0.1")),
          "  " .. witness.there, (witness.there:gsub("//", "//user@")) }) do
          local got = identity(client, url, { query = { q = 1 } })
          if url:find("@") then
            assert.matches("^Basic ", got.authorization)
            got.authorization = nil
          end
          assert.same(NOTHING, got, url)
          url = url:gsub("user@", ""):gsub(" ", "")
          assert.same(NOTHING, identity(client, witness.here .. "/to?" .. url), url)
        end
        assert.equal("open", seen(client, witness.there).headers["x-public"])
        assert.same(ALL, identity(client, "/x"))
      end
    end))

    it("go to no other from a list, nor with a timeout or headers of its own",
      helper.task(function()
        local results = client:map({ witness.there .. "/1", "/2", witness.there .. "/3",
          { witness.there .. "/4", { timeout = 5 } } })
        for i = 1, 4 do
          local got = results[i]:json()
          assert.equal(i == 2 and "Bearer token" or nil, got.headers.authorization)
          assert.equal(i == 2 and CERT or ms.null, got.cert)
        end
        for _, options in ipairs({ { timeout = 5 }, { headers = { ["X-Own"] = "1" } },
          { retry = true }, { http_version = "1.1" } }) do
          assert.same(NOTHING, identity(client, witness.there, options))
        end
      end))

    it("go where a request itself says so", helper.task(function()
      assert.same({ authorization = "Bearer other" },
        identity(client, witness.there, { auth = { bearer = "other" } }))
      assert.same({ ["x-api-key"] = "other" },
        identity(client, witness.there, { headers = { ["X-Api-Key"] = "other" } }))
      assert.same({ cert = CERT }, identity(client, witness.there, { tls = mine() }))
      local own = ms.cookies()
      own:set(witness.there, "a=own")
      assert.same({ cookie = "a=own" }, identity(client, witness.there, { cookies = own }))
    end))

    it("stay when a middleware sends the request elsewhere", helper.task(function()
      local sign = false
      for _, place in ipairs({ "middleware", "each_attempt" }) do
        local other = ms.client({
          base_url = witness.here, auth = { bearer = "token" }, tls = mine(),
          headers = { ["X-Api-Key"] = "key" }, trust_env = false,
          [place] = { function(request, next)
            request.url = witness.there .. "/elsewhere"
            request.headers["X-Mine"] = "mine"
            if sign then
              request.headers["X-Api-Key"] = "for there"
            end
            return next(request)
          end },
        })
        sign = false
        assert.same({ ["x-mine"] = "mine" }, identity(other, "/x"))
        sign = true
        assert.same({ ["x-mine"] = "mine", ["x-api-key"] = "for there" }, identity(other, "/x"))
        other:close()
      end
    end))

    it("are the secret fields of its query, too", helper.task(function()
      local other = ms.client({ base_url = witness.here, tls = tls(), trust_env = false,
        query = { api_key = "secret", lang = "en" } })
      assert.equal("/x?api_key=secret&lang=en", seen(other, "/x").target)
      assert.equal("/x?lang=en", seen(other, witness.there .. "/x").target)
      other:close()
    end))
  end)

  it("of libcurl's own options stay, too", helper.task(function()
    local client = ms.client({ base_url = witness.here, tls = tls(), trust_env = false, curl = {
      userpwd = "user:secret", cookie = "a=b", sslcert = file("client.crt"),
      sslkey = file("client.key"), httpheader = { "X-Mine: secret" } } })
    local got = identity(client, "/x")
    assert.same({ authorization = "Basic dXNlcjpzZWNyZXQ=", cookie = "a=b", ["x-mine"] = "secret",
      cert = CERT }, got)
    assert.same(NOTHING, identity(client, witness.there))
    assert.same(NOTHING, identity(client, witness.here .. "/to?" .. witness.there))
    client:close()
  end))

  describe("in TLS", function()
    local client
    fixtures.each(function()
      client = ms.client({ trust_env = false, timeout = helper.seconds(10), tls = tls() })
      return client
    end)

    it("are dropped by a redirect to another origin, and kept by one within",
      helper.task(function()
        for _ = 1, 2 do
          local options = { tls = mine() }
          assert.same({ cert = CERT }, identity(client, witness.here, options))
          assert.same({ cert = CERT }, identity(client, witness.here .. "/to?/x", options))
          assert.same(NOTHING, identity(client, witness.here .. "/to?" .. witness.there, options))
          assert.same(NOTHING, identity(client, witness.here .. "/to?" .. witness.there .. "/to?"
            .. witness.here, options))
        end
      end))

    it("are of one request: no connection has them for another", helper.task(function()
      for _ = 1, 3 do
        assert.same(NOTHING, identity(client, witness.here))
        assert.same({ cert = CERT }, identity(client, witness.here, { tls = mine() }))
      end
      local list = {}
      for i = 1, 20 do
        list[i] = { witness.here, i % 2 == 0 and { tls = mine() } or {} }
      end
      local results = client:map(list)
      for i = 1, 20 do
        assert.equal(i % 2 == 0 and CERT or ms.null, results[i]:json().cert, i)
      end
    end))

    it("may have a key with a password", helper.task(function()
      local locked = { cert = file("client.crt"), key = file("locked.key") }
      local _, err = client:get(witness.here, { tls = tls(locked) })
      assert.equal("tls", err.kind)         -- and nobody is asked on the terminal
      locked.password = "wrong"
      _, err = client:get(witness.here, { tls = tls(locked) })
      assert.equal("tls", err.kind)
      locked.password = "secret"
      assert.same({ cert = CERT }, identity(client, witness.here, { tls = tls(locked) }))
    end))
  end)
end)
