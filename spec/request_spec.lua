-- Requests: methods, bodies, content types; what the server then sees.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local settings = require("multisock.request.settings")
local targets = require("multisock.request.targets")
local request = require("multisock.request")
local servers = require("spec.support.servers")

local task = helper.task

local failure = helper.failure

local hostile = fixtures.hostile()

-- What the server received.
local function echo(options, method)
  local response = assert(ms[method or "fetch"](hostile.url("/echo"), options))
  local seen = assert(response:json())
  seen.fields = {}
  for _, pair in ipairs(seen.headers) do
    local name = pair[1]:lower()
    seen.fields[name] = seen.fields[name] and seen.fields[name] .. ", " .. pair[2] or pair[2]
  end
  return seen
end

local function sha256(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  local pipe = assert(io.popen("sha256sum " .. path))
  local digest = pipe:read("*a"):match("^%x+")
  pipe:close()
  os.remove(path)
  return digest
end

describe("a request", function()
  after_each(helper.check_leaks)

  it("has the method it was asked for", task(function()
    for _, name in ipairs({ "get", "post", "put", "patch", "delete", "options" }) do
      assert.equal(name:upper(), echo(nil, name).method)
    end
    assert.equal("GET", echo().method)
    assert.equal("PROPFIND", echo({ method = "PROPFIND" }).method)
    assert.equal("DELETE", echo({ method = "delete" }).method)
    assert.equal("Delete-It", echo({ method = "Delete-It" }).method)
    local response = assert(ms.head(hostile.url("/bytes?n=5")))
    assert.equal("5", response.headers:get("content-length"))
    assert.equal("", response:text())
  end))

  it("without a body sends none, and no type", task(function()
    for _, name in ipairs({ "get", "post", "put", "delete" }) do
      local seen = echo(nil, name)
      assert.equal(0, seen.length)
      assert.is_nil(seen.fields["content-type"], name)
      assert.is_nil(seen.fields["transfer-encoding"], name)
    end
  end))

  it("sends its headers as given", task(function()
    local seen = echo({ headers = {
      ["X-One"] = "1", ["X-Two"] = { "a", "b" }, ["X-Empty"] = "", ["X-Number"] = 5,
      ["User-Agent"] = "mine", ["X-Blank"] = "  ",
    } })
    assert.equal("1", seen.fields["x-one"])
    assert.equal("a, b", seen.fields["x-two"])
    assert.equal("", seen.fields["x-empty"])
    assert.equal("", seen.fields["x-blank"])
    assert.equal("5", seen.fields["x-number"])
    assert.equal("mine", seen.fields["user-agent"])
  end))

  it("sends numbers with all their digits", task(function()
    local most = 2 ^ 53 - 1
    local numbers = { a = 123456789012345, b = most, c = 2 ^ 53, d = 1e15, e = 0.1, f = 1 / 3,
      g = -7 }
    local text = "a=123456789012345&b=9007199254740991&c=9007199254740992&d=1000000000000000&e=0.1"
      .. "&f=0.3333333333333333&g=-7"
    local seen = echo({ query = numbers, headers = { ["X-N"] = { most, 2 ^ 53, 0.5 } } })
    assert.equal("/echo?" .. text, seen.path)
    assert.equal("9007199254740991, 9007199254740992, 0.5", seen.fields["x-n"])
    assert.equal(text, targets.encode_form("form", numbers))
  end))

  it("adds its query to the URL's", task(function()
    local response = ms.fetch(hostile.url("/echo?a=1#f"), { query = { b = "x y" } })
    assert.equal("/echo?a=1&b=x%20y", response:json().path)
  end))

  it("that has a body is a POST by default", task(function()
    assert.equal("POST", echo({ body = "x" }).method)
    assert.equal("PUT", echo({ body = "x" }, "put").method)
    assert.equal("GET", echo({ body = "x", method = "GET" }).method)
  end))

  it("sends strings and lists of strings, with their length", task(function()
    for _, body in ipairs({ "", "hello", ("x"):rep(100000), "\0\255", { "a", "", "b" }, {} }) do
      local text = type(body) == "table" and table.concat(body) or body
      for _, name in ipairs({ "post", "put", "patch", "delete" }) do
        local seen = echo({ body = body }, name)
        assert.equal(name:upper(), seen.method)
        assert.equal(#text, seen.length)
        assert.equal(sha256(text), seen.sha256)
        assert.equal(tostring(#text), seen.fields["content-length"])
        assert.equal("application/octet-stream", seen.fields["content-type"])
      end
    end
  end))

  it("sends what a function gives, in chunks", task(function()
    for _, name in ipairs({ "post", "put", "patch" }) do
      local left = 5
      local seen = echo({ body = function()
        left = left - 1
        ms.sleep(0)
        return left >= 0 and ("x"):rep(10000) or nil
      end }, name)
      assert.equal(name:upper(), seen.method)
      assert.equal(50000, seen.length)
      assert.equal("chunked", seen.fields["transfer-encoding"])
    end
    local seen = echo({ body = coroutine.wrap(function()
      coroutine.yield("a")
      coroutine.yield("")
      coroutine.yield("b")
    end) })
    assert.equal(2, seen.length)
    assert.equal(0, echo({ body = function() end }).length)
  end))

  it("sends a function's body with the length that the user knows", task(function()
    local given = false
    local seen = echo({ headers = { ["Content-Length"] = 5 }, body = function()
      if not given then
        given = true
        return "hello"
      end
    end })
    assert.equal("5", seen.fields["content-length"])
    assert.is_nil(seen.fields["transfer-encoding"])
    assert.equal(sha256("hello"), seen.sha256)
  end))

  it("refuses a length that is not the body's", task(function()
    for _, length in ipairs({ 4, "6", "x", "-5" }) do
      assert.matches("headers: Content%-Length is .*, but the body has 5 bytes",
        failure(ms.fetch, hostile.url("/echo"),
          { body = "hello", headers = { ["content-length"] = length } }))
    end
    assert.equal("5", echo({ body = "hello", headers = { ["content-length"] = 5 } })
      .fields["content-length"])
  end))

  it("sends the rest of an open file, with its length", task(function()
    local file = assert(io.tmpfile())
    local text = servers.bytes(200000)
    assert(file:write("skipped", text))
    for _, name in ipairs({ "post", "put" }) do
      assert(file:seek("set", 7))
      local seen = echo({ body = file }, name)
      assert.equal("200000", seen.fields["content-length"])
      assert.equal(sha256(text), seen.sha256)
    end
    file:close()
    assert.matches("body: .* got closed file", failure(ms.fetch, hostile.url("/echo"),
      { body = file }))
  end))

  it("sends a pipe in chunks", task(function()
    local pipe = assert(io.popen("printf 'from a pipe'"))
    local seen = echo({ body = pipe })
    pipe:close()
    assert.equal("chunked", seen.fields["transfer-encoding"])
    assert.equal(sha256("from a pipe"), seen.sha256)
  end))

  it("sends JSON and forms with their types", task(function()
    local seen = echo({ json = { "a", 1, true, ms.null } })
    assert.equal("POST", seen.method)
    assert.equal("application/json", seen.fields["content-type"])
    assert.equal(sha256('["a",1,true,null]'), seen.sha256)
    seen = echo({ json = false }, "put")
    assert.equal("PUT", seen.method)
    assert.equal(sha256("false"), seen.sha256)
    seen = echo({ form = { b = "x y&", a = { 1, 2 } } })
    assert.equal("application/x-www-form-urlencoded", seen.fields["content-type"])
    assert.equal(sha256("a=1&a=2&b=x%20y%26"), seen.sha256)
    assert.equal(0, echo({ form = {} }).length)
  end))

  it("takes options from where a metatable has them", task(function()
    local shared = { headers = { ["X-Mine"] = "1" }, body = "hello" }
    local seen = echo(setmetatable({ query = { a = 1 } }, { __index = shared }))
    assert.same({ "1", 5, "/echo?a=1" }, { seen.fields["x-mine"], seen.length, seen.path })
    local client = ms.client(setmetatable({}, { __index = { redirect = "manual", middleware = {},
      base_url = hostile.url("/"), timeout = 7 } }))
    local made = assert(request.new(client, "GET", "/x", setmetatable({ timeout = { idle = 2 } },
      { __index = { max_body = 5, query = { a = 1 } } })))
    assert.same({ "manual", 5, 7, 2, hostile.url("/x?a=1") }, { made.settings.redirect,
      made.settings.max_body, made.settings.total, made.settings.timeout.idle, made:url() })
    made = assert(request.new(client, "GET", "/x", setmetatable({}, { __index = function(_, name)
      return name == "timeout" and 3 or nil
    end })))
    assert.same({ 3, "manual" }, { made.settings.total, made.settings.redirect })
    assert.matches("no such thing", failure(client.get, client, "/x", setmetatable({}, {
      __index = function() error("no such thing") end })))
    assert.matches("unknown option", failure(client.get, client, "/x",
      setmetatable({ typo = 1 }, {})))
    client:close()
    -- What frames a body is looked at, wherever it comes from.
    shared.headers["Content-Length"] = 6
    assert.matches("Content%-Length is 6, but the body has 5 bytes", failure(ms.fetch,
      hostile.url("/echo"), setmetatable({}, { __index = shared })))
    client = ms.client({ headers = { ["Content-Length"] = "6" } })
    assert.matches("Content%-Length is 6, but the body has 5 bytes", failure(client.post, client,
      hostile.url("/echo"), { body = "hello" }))
    client:close()
  end))

  it("does not follow what becomes of its options, nor of its client's", task(function()
    local lines, names, user = { "X-Line: 1" }, { "http" }, { "user", "password" }
    local options = { curl = { httpheader = lines }, protocols = names, auth = { basic = user },
      limits = { connections = 1 } }
    local client <close> = ms.client(options)
    local asked = { curl = { httpheader = { "X-Own: 1" } }, headers = { A = "1" } }
    local late = ms.spawn(client.get, client, hostile.url("/late?delay=0.05"))
    ms.sleep(0.01)
    local queued = ms.spawn(client.get, client, hostile.url("/received"), asked)
    ms.sleep(0.01)
    lines[1], names[1], user[2] = "X-Line: 2\r\nX-Evil: 1", "ftp", "other"
    asked.curl.httpheader[1], asked.headers.A = 5, "2"
    assert.equal(200, late:await().status)
    local seen = {}
    for _, field in ipairs(queued:await():json().headers) do
      seen[field[1]] = field[2]
    end
    assert.same({ "1", "1", "Basic dXNlcjpwYXNzd29yZA==" },
      { seen["X-Own"], seen.A, seen.Authorization })
    local text = ms.assert(client:get(hostile.url("/received"), { headers = { B = "1" } })):text()
    assert.matches('"X%-Line", "1"', text)
    assert.is_nil(text:find("Evil"))
    local socket = { "one" }
    local own = require("multisock.websocket.handshake").rows.subprotocols.check("x", socket)
    socket[1] = "two"
    assert.same({ "one" }, own)
  end))

  it("keeps a type that the user gave", task(function()
    assert.equal("text/x", echo({ json = {}, headers = { ["content-type"] = "text/x" } })
      .fields["content-type"])
  end))

  it("uses a client's defaults even without options of its own", task(function()
    local client = ms.client({ query = { key = "k" }, headers = { ["X-Mine"] = "1" },
      method = "PUT", base_url = hostile.url("/"), form = { a = "1" } })
    for _, options in ipairs({ false, {}, { meta = {} } }) do
      local seen = assert(client:fetch("echo", options or nil)):json()
      assert.equal("/echo?key=k", seen.path)
      assert.equal("PUT", seen.method)
      assert.equal(sha256("a=1"), seen.sha256)
    end
    client:close()
  end))

  it("has query, meta, tls and curl laid over those of its client", task(function()
    local seen
    local client = ms.client({ query = { a = 1, b = 2 }, meta = { one = 1 },
      tls = { min_version = "1.2", verify = false }, curl = { tcp_nodelay = 1 },
      middleware = { function(asked, next)
        seen = asked.meta
        return next(asked)
      end } })
    local got = assert(client:get(hostile.url("/echo"), { query = { b = 3, c = 4 } })):json()
    assert.equal("/echo?a=1&b=3&c=4", got.path)
    assert.same({ one = 1 }, seen)
    got = assert(client:get(hostile.url("/echo"), { query = false })):json()
    assert.equal("/echo", got.path)
    local options = { meta = { two = 2 }, tls = { verify = true }, curl = { tcp_keepalive = 1 } }
    got = assert(client:get(hostile.url("/echo"), options)):json()
    assert.equal("/echo?a=1&b=2", got.path)
    assert.same({ one = 1, two = 2 }, seen)
    assert.same({ two = 2 }, options.meta)
    local given = settings.derive(client.settings, options)
    assert.same({ min_version = "1.2", verify = true }, given.tls)
    assert.same({ tcp_nodelay = 1, tcp_keepalive = 1 }, given.curl)
    client:close()
  end))

  it("has curl laid over that of its client however the names are written", task(function()
    for _, names in ipairs({ { "useragent", "UserAgent" }, { "UserAgent", "useragent" },
      { "USERAGENT", "userAgent" }, { "uSerAgent", "UserAgenT" }, { "Useragent", "useragenT" } }) do
      local client = ms.client({ curl = { [names[1]] = "client" } })
      local got = assert(client:get(hostile.url("/echo"), { curl = { [names[2]] = "own" } })):json()
      local agents = {}
      for _, field in ipairs(got.headers) do
        agents[#agents + 1] = field[1]:lower() == "user-agent" and field[2] or nil
      end
      assert.same({ "own" }, agents, names[2])
      client:close()
    end
  end))

  it("takes one kind of body only", task(function()
    assert.matches("options 'body' and 'json' exclude each other", failure(ms.fetch, "http://h/",
      { body = "x", json = {} }))
    assert.matches("options 'json' and 'form' exclude each other", failure(ms.fetch, "http://h/",
      { form = {}, json = {} }))
  end))

  it("names what is wrong with its body", task(function()
    local function body_error(options)
      return failure(ms.fetch, hostile.url("/echo"), options)
    end
    assert.matches("body: string, list of strings, function, {replay = function} or open file "
      .. "expected, got 3", body_error({ body = 3 }))
    assert.matches('body: .* expected, got a table with the key "file"',
      body_error({ body = { file = "x" } }))
    assert.matches('body: .* got a table with the key "n"', body_error({ body = { "a", n = 1 } }))
    assert.matches('query.filter: .* got a table with the key "name"',
      body_error({ query = { filter = { name = "x" } } }))
    assert.matches("query.a: .* got a list", body_error({ query = { a = { { 1 } } } }))
    assert.matches("form.a: .* got ms.null", body_error({ form = { a = ms.null } }))
    assert.matches("form.a: .* got ", body_error({ form = { a = { 1, nil, 3 } } }))
    assert.matches("query.a: .* got %-?nan", body_error({ query = { a = 0 / 0 } }))
    assert.matches("form.a: .* got inf", body_error({ form = { a = math.huge } }))
    assert.matches("headers: A: .* got %-inf", body_error({ headers = { A = -math.huge } }))
    assert.matches('headers: A: .* got a table with the key "b"',
      body_error({ headers = { A = { b = "c" } } }))
    assert.matches("headers: A: .* got a list", body_error({ headers = { A = { { "x" } } } }))
    assert.matches("headers: A: .* got true", body_error({ headers = { A = true } }))
    assert.matches('option \'resolve\': .* got a table with the key "h"',
      body_error({ resolve = { h = "127.0.0.1" } }))
    assert.matches("body%[2%]: string expected, got number", body_error({ body = { "a", 2 } }))
    assert.matches("form: table expected, got string", body_error({ form = "a=1" }))
    assert.matches("form.a: .* got function", body_error({ form = { a = print } }))
    assert.matches("option 'json'", body_error({ json = print }))
    assert.matches("a HEAD request cannot have a body", failure(ms.head, hostile.url("/echo"),
      { body = "x" }))
    assert.matches("the iterator returned number: string or nil expected", body_error({
      body = function() return 3 end,
    }))
    assert.equal("mine", body_error({ body = function() error("mine", 0) end }))
  end))

  it("refuses raw options whose body or method would not be sent", task(function()
    local url = hostile.url("/echo")
    for name, value in pairs({
      upload = 1, UPLOAD = true, put = 1, post = 1, infilesize = 3, infilesize_large = 3,
      postfieldsize = 3, Postfieldsize_Large = 3,
    }) do
      assert.matches("option 'curl." .. name .. "': a body is sent with the options 'method' and "
        .. "'body'", failure(ms.get, url, { curl = { [name] = value } }))
      assert.matches("option 'curl." .. name, failure(ms.client, { curl = { [name] = value } }))
    end
    local with_body = ms.client({ curl = { postfields = "hidden" } })
    for _, name in ipairs({ "postfields", "CopyPostFields", "mimepost", "httppost", "nobody" }) do
      local raw = { [name] = "hidden" }
      for _, call in ipairs({ ms.post, ms.put, ms.delete }) do
        local message = failure(call, url, { curl = raw })
        assert.matches("'curl." .. name .. "' %(6 bytes%): this request's own method", message)
        assert.is_nil(message:find("hidden", 1, true))
      end
      assert.is_string(failure(ms.fetch, url, { curl = raw, body = "x" }))
      assert.is_string(failure(with_body.post, with_body, url))
    end
    with_body:close()
    assert.matches("'curl.customrequest' %(3 bytes%)", failure(ms.put, url, {
      curl = { customrequest = "FOO" }, body = "x",
    }))
    -- What is not replaced counts.
    assert.equal("POST", ms.get(url, { curl = { postfields = "abc" } }):json().method)
    assert.equal("FOO", ms.get(url, { curl = { customrequest = "FOO" } }):json().method)
    local response = ms.post(url, { curl = { customrequest = "FOO" }, body = "x" })
    assert.equal("FOO", response:json().method)
  end))

  it("asks for a URL that is a string", task(function()
    assert.matches("url: string expected, got nil", failure(ms.fetch))
    assert.matches("request_spec", failure(function() local _ = ms.fetch(3) end))
    assert.matches("options: table expected, got string", failure(ms.fetch, "http://h/", "POST"))
  end))

  it("refuses protocols that are not named", task(function()
    for _, url in ipairs({ "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/" }) do
      local response, err = ms.fetch(url)
      assert.is_nil(response)
      assert.equal("policy", err.kind)
      assert.matches("is not allowed %(option 'protocols'%)", err.message)
    end
    local _, err = ms.fetch(hostile.url("/echo"), { protocols = { "https" } })
    assert.equal("policy", err.kind)
  end))

  it("shows its URL without the password", function()
    local made = assert(request.new(ms.client(), "GET", "http://user:hidden@h.example/x"))
    assert.equal("http://h.example/x", made:url())
    assert.equal("multisock.request (GET http://h.example/x)", tostring(made))
    made.client:close()
  end)
end)
