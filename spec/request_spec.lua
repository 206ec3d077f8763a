-- Requests: methods, headers, options; what the server then sees. Bodies are in
-- request_body_spec.lua.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local settings = require("multisock.request.settings")
local targets = require("multisock.request.targets")
local request = require("multisock.request")

local task, failure = helper.task, helper.failure

local hostile = fixtures.hostile()
local echo, sha256 = echoed.by(hostile), echoed.sha256

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
    -- The connection is still in step.
    assert.equal(9, #ms.get(hostile.url("/bytes?n=9")):text())
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
      local _, fields = echoed.of(client:get(hostile.url("/echo"),
        { curl = { [names[2]] = "own" } }))
      assert.equal("own", fields["user-agent"], names[2])
      client:close()
    end
  end))

  it("asks for a URL that is a string", task(function()
    assert.matches("url: string expected, got nil", failure(ms.fetch))
    assert.matches("request_spec", failure(function() local _ = ms.fetch(3) end))
    assert.matches("options: table expected, got string", failure(ms.fetch, "http://h/", "POST"))
  end))

  it("refuses protocols that are not named", task(function()
    for _, url in ipairs({ "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/" }) do
      local err = helper.err_of(ms.fetch(url))
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
