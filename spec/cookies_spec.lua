-- The option `cookies`: requests with a jar. The jar itself: jar_spec.lua.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local jars = require("spec.support.jars")
local ms = require("multisock")

local task = helper.task

local names = jars.names

-- The same server under a name.
local function under(host, server, path)
  return (server.url(path):gsub("//[^:]+:", "//" .. host .. ":"))
end

local function pins(server, hosts)
  local list = {}
  for i, host in ipairs(hosts) do
    list[i] = ("%s:%d:127.0.0.1"):format(host, server.port)
  end
  return list
end

describe("a client with a jar", function()
  local hostile, secure = fixtures.hostile(), fixtures.hostile({ tls = true })

  after_each(helper.check_leaks)

  local function text(client, url, options)
    return ms.assert(ms.assert(client:get(url, options)):text())
  end

  local function setting(lines, more)
    return "/cookies?set=" .. helper.escape(lines) .. (more or "")
  end

  it("logs in, and then all requests are logged in", task(function()
    local client = ms.client({ cookies = ms.cookies() })
    assert.equal(401, ms.assert(client:get(hostile.url("/private"))).status)
    local response = ms.assert(client:post(hostile.url("/login"), { form = { user = "u" } }))
    assert.same({ 200, hostile.url("/private") }, { response.status, response.url })
    assert.equal("private\n", response:text())
    local urls = {}
    for i = 1, 20 do
      urls[i] = hostile.url("/private")
    end
    local tasks = ms.map(urls, function(url) return client:get(url).status end)
    local bulk = client:map(urls)
    for i = 1, 20 do
      assert.same({ 200, 200 }, { tasks[i], bulk[i].status })
    end
    assert.equal(401, ms.assert(client:get(urls[1], { cookies = false })).status)
    client:close()
  end))

  it("is asked for by single requests, too", task(function()
    local client, jar = ms.client(), ms.cookies()
    text(client, hostile.url(setting("a=1")), { cookies = jar })
    assert.equal("a=1", text(client, hostile.url("/cookies"), { cookies = jar }))
    assert.equal("", text(client, hostile.url("/cookies")))
    local results = client:map({ { hostile.url("/cookies"), { cookies = jar } } })
    assert.equal("a=1", results[1]:text())
    client:close()
  end))

  it("works over an agent", task(function()
    local client = ms.client({ cookies = ms.cookies(), agent = function(request)
      if request.url:find("/login$") then
        return ms.response("", { status = 303, headers = {
          Location = "/home", ["Set-Cookie"] = { "sid=1; Secure", "other=2; Path=/elsewhere" },
        } })
      end
      return ms.response(request.headers.cookie or "none")
    end })
    assert.equal("sid=1", text(client, "https://example.com/login"))
    assert.equal("none", text(client, "http://example.com/"))
    assert.equal("none", text(client, "https://example.org/"))
    client:close()
  end))

  it("stands before the cache, which knows who is logged in", task(function()
    local jar, count = ms.cookies(), 0
    local client = ms.client({ cookies = jar, cache = true, agent = function(request)
      count = count + 1
      return ms.response(request.headers.cookie or "nobody",
        { headers = { ["Cache-Control"] = "max-age=60", Vary = "Cookie" } })
    end })
    local url = "http://example.com/"
    assert.equal("nobody", text(client, url))
    assert.equal("nobody", text(client, url))
    jar:set(url, "sid=1")
    assert.equal("sid=1", text(client, url))
    assert.equal("sid=1", text(client, url))
    assert.equal(2, count)
    client:close()
  end))

  it("sends each hop of a redirect what its URL gets", task(function()
    local client = ms.client({
      cookies = ms.cookies(), resolve = pins(hostile, { "a.test", "b.test" }),
    })
    local there = helper.escape(under("b.test", hostile, "/cookies"))
    local first = under("a.test", hostile, setting("sid=a", "&status=302&to=" .. there))
    assert.equal("", text(client, first, { headers = { Cookie = "mine=1" } }))
    assert.equal("sid=a", text(client, under("a.test", hostile, "/cookies")))
    -- Set on the way, and sent on the same way back.
    local back = setting("hop=1", "&status=307&to=%2Fcookies")
    assert.equal("mine=1; sid=a; hop=1", text(client, under("a.test", hostile, back),
      { headers = { Cookie = "mine=1" } }))
    assert.equal("", text(client, under("b.test", hostile, "/cookies")))
    client:close()
  end))

  it("keeps what is set by each attempt, and sends it with the next", task(function()
    local client = ms.client({ cookies = ms.cookies(), retry = { backoff = 0.001,
      idempotency_key = true } })
    local url = hostile.url("/script?key=cookies&words=503,429,200"
      .. "&head=Set-Cookie%3A%20tried%3Dyes%3B%20Path%3D/")
    local seen = ms.assert(ms.assert(client:get(url)):json())
    assert.same({ nil, "tried=yes", "tried=yes" }, { seen[1].headers.cookie,
      seen[2].headers.cookie, seen[3].headers.cookie })
    assert.equal(seen[1].headers["idempotency-key"], seen[3].headers["idempotency-key"])
    client:close()
  end))

  it("sends the request's own before the jar's, in place of those of the same name",
    task(function()
      local client, jar = ms.client({ headers = { Cookie = "lang=en" } }), ms.cookies()
      jar:set(hostile.url("/"), "a=1")
      jar:set(hostile.url("/"), "b=2")
      local url = hostile.url("/cookies")
      assert.equal("lang=en; a=1; b=2", text(client, url, { cookies = jar }))
      assert.equal("a=3; x=4; b=2", text(client, url,
        { cookies = jar, headers = { cookie = { "a=3", "x=4" } } }))
      client:close()
    end))

  it("keeps what was set where middleware has sent it", task(function()
    local jar = ms.cookies()
    local client = ms.client({ cookies = jar, resolve = pins(hostile, { "a.test", "b.test" }),
      each_attempt = { function(request, next)
        request.url = request.url:gsub("a%.test", "b.test")
        return next(request)
      end } })
    text(client, under("a.test", hostile, setting("x=1")))
    assert.is_nil(jar:get("http://a.test/"))
    assert.equal("x=1", jar:get("http://b.test/"))
    client:close()
  end))

  it("sends Secure ones over TLS alone, and takes them from there alone", task(function()
    local jar = ms.cookies()
    local client = ms.client({ cookies = jar, tls = { verify = false },
      resolve = pins(secure, { "a.test" }) })
    local plain = ms.client({ cookies = jar, resolve = pins(hostile, { "a.test" }) })
    text(plain, under("a.test", hostile, setting("never=1; Secure")))
    text(client, under("a.test", secure, setting("sid=1; Secure; Path=/\nopen=2; Path=/")))
    assert.equal("open=2", text(plain, under("a.test", hostile, "/cookies")))
    assert.equal("sid=1; open=2", text(client, under("a.test", secure, "/cookies")))
    -- Nobody between may replace it.
    text(plain, under("a.test", hostile, setting("sid=evil; Path=/\nopen=3; Path=/")))
    assert.equal("sid=1; open=3", text(client, under("a.test", secure, "/cookies")))
    client:close()
    plain:close()
  end))

  it("keeps nothing of a jar's that was closed meanwhile, and refuses it", task(function()
    local jar = ms.cookies()
    local client = ms.client({ cookies = jar, agent = function()
      jar:close()
      return ms.response("", { headers = { ["Set-Cookie"] = "a=1" } })
    end })
    text(client, "http://example.com/")
    assert.equal(0, jar.store.count)
    local ok, err = pcall(client.get, client, "http://example.com/")
    assert.is_false(ok)
    assert.truthy(err:find("cookies_spec.lua:%d+: the jar is closed"), err)
    client:close()
  end))

  it("stands hostile servers", task(function()
    local jar = ms.cookies()
    local client = ms.client({ cookies = jar })
    local lines, url = {}, hostile.url("/answer")
    for i = 1, 4000 do
      lines[i] = ("Set-Cookie: c%d=%s; Path=/"):format(i, ("v"):rep(40))
    end
    local function answer(head)
      local body = "HTTP/1.1 200 OK\r\n" .. head .. "\r\nContent-Length: 0\r\n\r\n"
      return ms.assert(client:post(url, { body = body })):discard()
    end
    answer(table.concat(lines, "\r\n"))
    assert.equal(50, jar.store.count)       -- of one answer
    for i = 1, 4000, 50 do
      answer(table.concat(lines, "\r\n", i, i + 49))
    end
    assert.equal(180, jar.store.count)      -- of one domain
    local header = jar:get(url)
    assert.truthy(#header <= 8190)
    assert.equal("c3821=", header:match("^c%d+="))      -- the oldest that is left
    answer("Set-Cookie: big=" .. ("x"):rep(5000) .. "\r\nSet-Cookie: ctl=a\1b\r\n"
      .. "Set-Cookie: " .. ("; "):rep(50000) .. "\r\nSet-Cookie: =v\r\nSet-Cookie:\r\n"
      .. "Set-Cookie: p=1; Path=" .. (" "):rep(20000) .. "/x")
    assert.is_nil(names(jar):find("big"))
    assert.is_nil(names(jar):find("ctl"))
    client:close()
  end, 30))
end)
