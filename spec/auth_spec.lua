-- `auth`: each scheme against a server that checks it, and what one request does not
-- leave for another.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local core = require("multisock.core")
local ms = require("multisock")
local compat_unpack = require("multisock.base.compat").unpack

local DIGEST = "/digest-auth/auth/user/secret"

describe("auth", function()
  local httpbin, hostile = fixtures.server(servers.httpbin), fixtures.hostile()
  local client
  fixtures.each(function()
    client = ms.client({ trust_env = false, timeout = helper.seconds(10) })
    return client
  end)

  local function status(path, auth, options)
    options = options or {}
    options.auth = auth
    local response = ms.assert((options.client or client):get(httpbin.url(path),
      { auth = options.auth }))
    response:text()
    return response.status
  end

  it("basic and bearer are sent at once", helper.task(function()
    assert.equal(200, status("/basic-auth/user/secret", { basic = { "user", "secret" } }))
    assert.equal(401, status("/basic-auth/user/secret", { basic = { "user", "wrong" } }))
    assert.equal(401, status("/basic-auth/user/secret"))
    local answer = client:get(httpbin.url("/bearer"), { auth = { bearer = "tok.b-c" } }):json()
    assert.same({ authenticated = true, token = "tok.b-c" }, answer)
  end))

  it("bearer has no line break, which would be a header of its own", helper.task(function()
    for _, token in ipairs({ "abc\n", "a\r\nX-Evil: 1", "a\rb", "a\tb" }) do
      local given = { auth = { bearer = token } }
      for _, send in ipairs({ ms.client, function() client:get(httpbin.url("/get"), given) end,
        function() ms.websocket("ws://127.0.0.1:1/", given) end }) do
        local err = helper.failure(send, given)
        assert.matches("option 'auth.bearer': the token has a line break or another control", err)
        assert.is_nil(err:find("Evil"))
      end
    end
    for i, pair in ipairs({ { "a\r\nX-Evil: 1", "b" }, { "a", "b\n" } }) do
      assert.matches(("option 'auth.digest%%[%d%%]': text without line breaks"):format(i),
        helper.failure(ms.client, { auth = { digest = pair } }))
    end
    assert.matches("byte 4 of 4: was it read from a file", helper.failure(ms.client,
      { auth = { bearer = "abc\n" } }))
    for _, at in ipairs({ 4, 7 }) do
      local arguments = { {}, nil, {}, nil, false, false, nil }
      arguments[at] = "a\nb"
      assert.matches("has a line break", helper.failure(core.lines,
        compat_unpack(arguments, 1, 7)))
    end
  end))

  it("digest answers a challenge, with MD5 and SHA-256", helper.task(function()
    for _, path in ipairs({ DIGEST, DIGEST .. "/SHA-256" }) do
      for _ = 1, 2 do
        assert.equal(200, status(path, { digest = { "user", "secret" } }), path)
      end
      assert.equal(401, status(path, { digest = { "user", "wrong" } }), path)
      assert.equal(401, status(path), path)
      assert.equal(401, status(path, { basic = { "user", "secret" } }), path)
    end
  end))

  it("digest of one request is not for another, however many there are", helper.task(function()
    local list = {}
    for i = 1, 60 do
      list[i] = { ("%s/digest-auth/auth/user/secret%d"):format(httpbin.base, i % 3),
        { auth = { digest = { "user", "secret" .. i % 4 } } } }
    end
    local results = client:map(list, { concurrency = 6 })
    for i = 1, 60 do
      assert.equal(i % 3 == i % 4 and 200 or 401, results[i].status, i)
    end
    assert.equal(401, status(DIGEST))
  end, 20))

  it("digest sends the body again", helper.task(function()
    local name = os.tmpname()
    helper.write_file(name, servers.bytes(300000))
    for what, body in pairs({
      string = servers.bytes(300000), file = assert(io.open(name, "rb")),
      ["function"] = helper.pieces(3, servers.bytes(1000)),
    }) do
      local answer = ms.assert(client:post(hostile.url("/digest"), {
        auth = { digest = { "u", "p" } }, body = body }))
      assert.equal(200, answer.status, what)
      assert.equal(what == "function" and 3000 or 300000, answer:json().length, what)
      if what == "file" then
        body:close()
      end
    end
    os.remove(name)
  end))

  it("of a client is for all of its requests but those that say otherwise", helper.task(function()
    for scheme, path in pairs({ digest = DIGEST, basic = "/basic-auth/user/secret" }) do
      local own = ms.client({ trust_env = false, auth = { [scheme] = { "user", "secret" } } })
      for _ = 1, 2 do
        assert.equal(200, status(path, nil, { client = own }))
        assert.equal(401, status(path, false, { client = own }))
        assert.equal(401, status(path, { bearer = "x" }, { client = own }))
        assert.equal(401, status(path, { [scheme] = { "user", "wrong" } }, { client = own }))
      end
      own:close()
    end
  end))

  it("in a URL wins over that of its client, also after other requests", helper.task(function()
    local own = ms.client({ trust_env = false, auth = { basic = { "other", "wrong" } } })
    local url = httpbin.url("/basic-auth/user/secret")
    for _ = 1, 2 do
      assert.equal(401, ms.assert(own:get(url)).status)
      assert.equal(200, ms.assert(own:get((url:gsub("//", "//user:secret@")))).status)
    end
    own:close()
  end))

  it("is dropped by a redirect to another origin, and kept by one within", helper.task(function()
    local other = servers.httpbin()
    for scheme, path in pairs({ digest = DIGEST, basic = "/basic-auth/user/secret" }) do
      local auth = { [scheme] = { "user", "secret" } }
      assert.equal(200, status("/redirect-to?url=" .. path, auth))
      assert.equal(401, status("/redirect-to?url=" .. other.url(path), auth))
    end
    other.stop()
  end))

  it("negotiate is an error where libcurl has no Kerberos; without a ticket it is 401",
    helper.task(function()
      local response, err = client:get(httpbin.url("/bearer"), { auth = { negotiate = true } })
      if core.version().features.SPNEGO then
        assert.equal(401, response.status)
        response:close()
      else
        assert.equal("curl", err.kind)
        assert.matches("auth.negotiate needs a libcurl built with SPNEGO", err.message, 1, true)
      end
    end))

  it("raises what it cannot be, and shows no secret", helper.task(function()
    local function message(value)
      return helper.failure(client.get, client, httpbin.url("/"), { auth = value })
    end
    assert.matches("option 'auth': aws_sigv4, basic, bearer, digest or negotiate expected",
      message({}))
    assert.matches("option 'auth': basic and digest exclude each other",
      message({ digest = { "a", "b" }, basic = { "a", "b" } }))
    for _, value in ipairs({ { digest = { "hush" } }, { digest = "hush" }, { negotiate = "hush" },
      { bearer = { "hush" } }, { basic = { "hush", 7 } }, { ntlm = { "hush" } } }) do
      assert.not_matches("hush", message(value))
    end
  end))
end)
