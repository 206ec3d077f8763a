-- ms.oauth2: tokens, got and renewed once for all who need them, of a server that is really there.
-- Who waits for one, and when it is renewed: oauth2_waits_spec.lua, on a mock's clock.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("ms.oauth2", function()
  local hostile = fixtures.hostile()
  local keys, time = 0, os.time
  local client, key

  before_each(function()
    keys = keys + 1
    key = "k" .. keys
  end)
  after_each(function()
    client:close()
    helper.check_leaks()
  end)

  local function client_of(query, options, more)
    local given = { token_url = hostile.url("/token?key=" .. key .. (query or "")),
      client_id = "me", client_secret = "s%cret" }
    for name, value in pairs(options or {}) do
      given[name] = value or nil
    end
    local settings = { base_url = hostile.url("/"), each_attempt = { ms.oauth2(given) } }
    helper.with(settings, more)
    client = ms.client(settings)
    return client
  end

  local function asked()
    local plain = ms.client()
    local log = ms.assert(ms.assert(plain:get(hostile.url("/token-log?key=" .. key))):json())
    plain:close()
    return log
  end

  local function text(url, options)
    return ms.assert(ms.assert(client:fetch(url, options)):text())
  end

  it("gets a token with the client's credentials, and keeps it", task(function()
    client_of("", { scope = "read write", params = { audience = "api" } })
    assert.equal("t1", text("guarded"))
    assert.equal("t1", text("guarded"))
    local log = asked()
    assert.equal(1, #log)
    assert.same({ grant_type = "client_credentials", scope = "read write", audience = "api" },
      log[1].form)
    assert.equal("Basic bWU6cyUyNWNyZXQ=", log[1].headers.authorization)
  end))

  it("serves lists, and programs without tasks", function()
    client_of()
    assert.equal("t1", text("guarded"))
    local urls = {}
    for i = 1, 10 do
      urls[i] = "guarded"
    end
    for _, response in ipairs((client:map(urls))) do
      assert.equal("t1", response:text())
    end
    assert.equal(1, #asked())
  end)

  it("renews it once after a 401, for all who got one", task(function()
    client_of()
    assert.equal("t1", text("guarded"))
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = ms.spawn(text, "guarded?at=2", { method = "POST", body = " body" })
    end
    for i = 1, 5 do
      assert.equal("t2 body", tasks[i]:await())
    end
    assert.equal(2, #asked())
    -- A server that likes none.
    assert.equal(401, ms.assert(client:get("guarded?at=99")).status)
    assert.equal(3, #asked())
    -- What cannot be sent again.
    local sent = false
    local response = ms.assert(client:post("guarded?at=99", { body = function()
      if not sent then
        sent = true
        return "piece"
      end
    end }))
    assert.equal(401, response.status)
    response:close()
    assert.equal(3, #asked())
  end))

  it("refreshes, with what each answer gives for the next time", task(function()
    local saved = {}
    client_of("&expires=0", { refresh_token = "r0", client_secret = false,
      store = { load = function() return nil end,
        save = function(kept) saved[#saved + 1] = kept end } })
    assert.equal("t1", text("guarded"))
    assert.equal("t2", text("guarded"))
    local log = asked()
    assert.same({ grant_type = "refresh_token", refresh_token = "r0", client_id = "me" },
      log[1].form)
    assert.is_nil(log[1].headers.authorization)
    assert.equal("r1", log[2].form.refresh_token)
    assert.same({ "t2", "r2" }, { saved[2].access_token, saved[2].refresh_token })
    assert.truthy(math.abs(saved[2].expires_at - time()) <= 2)
  end))

  it("begins with what was stored", task(function()
    local loads = 0
    client_of("", { refresh_token = "old", store = { load = function()
      loads = loads + 1
      ms.sleep(0.01)
      return { access_token = "t50", refresh_token = "r50", expires_at = time() + 1000 }
    end, save = function() end } })
    assert.equal("t50", text("guarded"))
    assert.equal("t50", text("guarded"))
    assert.equal(0, #asked())
    assert.equal(401, ms.assert(client:get("guarded?at=60")).status)
    assert.equal("r50", asked()[1].form.refresh_token)
    assert.equal(1, loads)
  end))

  it("takes nothing that was stored and is no token", task(function()
    for i, kept in ipairs({ "t50\r\nX-Forged: 1", "t50\n", "", "a b" }) do
      client_of("", { store = { load = function() return { access_token = kept } end,
        save = function() end } })
      assert.equal("t" .. i, text("guarded"))
      client:close()
    end
    assert.equal(4, #asked())
  end))

  it("sends id and secret in the form where that is wanted", task(function()
    client_of("", { auth = "body" })
    assert.equal("t1", text("guarded"))
    local log = asked()
    assert.same({ "me", "s%cret" }, { log[1].form.client_id, log[1].form.client_secret })
    assert.is_nil(log[1].headers.authorization)
  end))

  it("gives the token to its origin alone, and the token server nothing of others",
    task(function()
      client_of("", nil, { headers = { ["X-Api-Key"] = "k", ["X-Team"] = "t" },
        cookies = ms.cookies() })
      local there = hostile.url("/echo"):gsub("127%.0%.0%.1", "localhost")
      local function authorization(url)
        return echoed.of(client:get(url)).fields.authorization
      end
      assert.equal("Bearer t1", authorization("echo"))
      assert.is_nil(authorization(there))
      assert.is_nil(authorization("redirect?to=" .. helper.escape(there)))
      local log = asked()
      assert.same({ nil, "t", 1 }, { log[1].headers["x-api-key"], log[1].headers["x-team"], #log })
      client:close()
      client_of("", { origins = { there } }, { base_url = nil })
      assert.equal("Bearer t2", authorization(there))
      assert.is_nil(authorization(hostile.url("/echo")))
      -- Who says by himself who he is, is that.
      local seen = client:get(there, { headers = { authorization = "mine" } }):text()
      assert.truthy(seen:find('"mine"', 1, true))
      assert.is_nil(seen:find("Bearer", 1, true))
    end))

  it("says what the token server said", task(function()
    local function failing(query, words, kind)
      client_of(query)
      local err = helper.err_of(client:get("guarded"))
      assert.equal(kind, err.kind)
      assert.truthy(err.message:find(words, 1, true), err.message)
      assert.is_nil(tostring(err):find("cret", 1, true))
      client:close()
    end
    failing("&status=400&text=%7B%22error%22:%22invalid_client%22,"
      .. "%22error_description%22:%22no%22%7D",
      "oauth2: the token server answered 400: invalid_client: no", "status")
    failing("&status=302", "answered 302", "status")
    failing("&text=no+json", "the body is no JSON", "protocol")
    failing("&text=17", "the answer is no object", "protocol")
    failing("&text=%7B%7D", "no access_token", "protocol")
    failing("&text=%7B%22access_token%22:%22a%5Cnb%22%7D", "no access_token", "protocol")
    failing("&text=%7B%22access_token%22:%22a%22,%22token_type%22:%22mac%22%7D", "Bearer",
      "protocol")
    client_of("", { token_url = "http://127.0.0.1:1/token" }, { retry = 1 })
    local response, err = client:get("guarded")
    assert.same({ nil, "connect" }, { response, err.kind })
    assert.equal("http://127.0.0.1:1/token", err.url)
  end))

  it("works over an agent", task(function()
    client_of("", { token_url = "https://login.test/token" }, { base_url = "https://api.test/",
      agent = function(request)
        if request.url == "https://login.test/token" then
          return ms.response('{"access_token": "abc", "expires_in": "60"}')
        end
        return ms.response(request.headers.authorization or "none")
      end })
    assert.equal("Bearer abc", text("x"))
    assert.equal("none", text("https://elsewhere.test/"))
  end))

  it("refuses what makes no sense", task(function()
    client = ms.client({ each_attempt = { ms.oauth2({ token_url = "http://a/", client_id = "i",
      client_secret = "s" }) } })
    local function message(...)
      local ok, err = pcall(...)
      assert.is_false(ok)
      assert.truthy(err:find("oauth2_spec.lua:%d+: "), err)
      return err
    end
    assert.truthy(message(client.get, client, hostile.url("/echo")):find("for whom is the token",
      1, true))
    for words, options in pairs({
      ["table of options expected"] = 1,
      ["'client_id': string expected"] = { token_url = "http://a/" },
      ["'client_secret', 'refresh_token' or 'store' expected"] =
        { token_url = "http://a/", client_id = "i" },
      ["'token_url': URL of http or https expected, got nil"] =
        { client_id = "i", client_secret = "s" },
      ["got a number (not shown)"] =
        { token_url = "http://a/", client_id = "i", client_secret = 17 },
      ["'auth': \"basic\" or \"body\" expected"] =
        { token_url = "http://a/", client_id = "i", client_secret = "s", auth = "x" },
      ["'store.save': function expected"] =
        { token_url = "http://a/", client_id = "i", store = { load = print } },
      ["'origins[1]': URL"] =
        { token_url = "http://a/", client_id = "i", client_secret = "s", origins = { "a" } },
      ["'params': names must be strings, got 1"] = { token_url = "http://a/", client_id = "i",
        client_secret = "s", params = { "a" } },
      ["'params.a': string, number or boolean expected, got a function"] = {
        token_url = "http://a/", client_id = "i", client_secret = "s", params = { a = print } },
      ["did you mean"] = { token_uri = "http://a/" },
    }) do
      local err = message(ms.oauth2, options)
      assert.truthy(err:find(words, 1, true), err)
    end
  end))
end)
