-- Cookie jars: what is kept, what is sent where, and the file.
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task = helper.task

local function set(jar, url, line)
  local ok, err = jar:set(url, line)
  return ok or err.message
end

local function names(jar)
  local list = {}
  for cookie in jar:each() do
    list[#list + 1] = cookie.name
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function sorted(header)
  local list = {}
  for pair in header:gmatch("[^; ]+") do
    list[#list + 1] = pair
  end
  table.sort(list)
  return table.concat(list, "; ")
end

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
    return "/cookies?set=" .. lines:gsub("[^%w]", function(byte)
      return ("%%%02X"):format(byte:byte())
    end) .. (more or "")
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
    local there = under("b.test", hostile, "/cookies"):gsub("[^%w]", function(byte)
      return ("%%%02X"):format(byte:byte())
    end)
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
  end))
end)

describe("a jar", function()
  it("sends a cookie where its domain and path say", function()
    local cases = {
      -- set at, line, asked for, whether it is sent
      { "http://a.test/", "n=v", "http://a.test/x", true },
      { "http://a.test/", "n=v", "http://b.a.test/", false },
      { "http://a.test/", "n=v", "http://a.test:81/", true },
      { "http://a.test/", "n=v", "https://a.test/", true },
      { "http://A.Test/", "n=v", "http://a.TEST/", true },
      { "http://b.a.test/", "n=v; Domain=a.test", "http://a.test/", true },
      { "http://b.a.test/", "n=v; Domain=.A.TEST", "http://c.b.a.test/", true },
      { "http://b.a.test/", "n=v; Domain=a.test", "http://xa.test/", false },
      { "http://a.test/", "n=v; Domain=b.a.test", "http://b.a.test/", false },
      { "http://a.test/", "n=v; Domain=b.test", "http://b.test/", false },
      { "http://a.test/", "n=v; Domain=", "http://b.a.test/", false },
      { "http://a.test/", "n=v; Domain=", "http://a.test/", true },
      { "http://127.0.0.1/", "n=v; Domain=127.0.0.1", "http://127.0.0.1/", true },
      { "http://127.0.0.1/", "n=v; Domain=0.0.1", "http://127.0.0.1/", false },
      { "http://[::1]/", "n=v", "http://[::1]/", true },
      { "http://a.test/x/y", "n=v", "http://a.test/x/z", true },
      { "http://a.test/x/y", "n=v", "http://a.test/x", true },
      { "http://a.test/x/y", "n=v", "http://a.test/xy", false },
      { "http://a.test/x", "n=v", "http://a.test/", true },
      { "http://a.test/x/y", "n=v; Path=/", "http://a.test/", true },
      { "http://a.test/", "n=v; Path=/x", "http://a.test/x/y", true },
      { "http://a.test/", "n=v; Path=/x/", "http://a.test/x", false },
      { "http://a.test/", "n=v; Path=x", "http://a.test/z", true },
      { "http://a.test/", "n=v; path=/a; PATH=/b", "http://a.test/b?q=/", true },
      { "https://a.test/", "n=v; secure", "https://a.test/", true },
      { "https://a.test/", "n=v; Secure", "http://a.test/", false },
      { "http://a.test/", "n=v; Secure", "https://a.test/", false },
      { "http://localhost/", "n=v; Secure", "http://localhost/", true },
      { "https://a.test/", "__Host-n=v; Secure; Path=/", "https://a.test/", true },
      { "https://a.test/", "__Host-n=v; Secure; Path=/; Domain=a.test", "https://a.test/", false },
      { "https://a.test/", "__Host-n=v; Secure; Path=/x", "https://a.test/x", false },
      { "https://a.test/", "__secure-n=v", "https://a.test/", false },
      { "https://a.test/", "__Secure-n=v; Secure", "https://a.test/", true },
      { "http://a.test/", "  n  =  v  ;  Path  =  /  ", "http://a.test/", true },
      { "http://a.test/", "v", "http://a.test/", false },
      { "http://a.test/", "=v", "http://a.test/", false },
      { "http://a.test/", "", "http://a.test/", false },
      { "http://a.test/", "n=a\tb", "http://a.test/", false },
      { "http://a.test/", "n=a\127", "http://a.test/", false },
      { "http://a.test/", "n=v; Unknown=1; ;;", "http://a.test/", true },
    }
    for i, case in ipairs(cases) do
      local jar = ms.cookies()
      jar:set(case[1], case[2])
      assert.equal(case[4], jar:get(case[3]) ~= nil, ("%d: %s"):format(i, case[2]))
    end
  end)

  it("says why it refuses one", function()
    local jar = ms.cookies()
    local ok, err = jar:set("http://a.test/?token=t0psecret", "n=v; Domain=b.test")
    assert.is_nil(ok)
    assert.equal("policy", err.kind)
    assert.equal("the cookie is refused: it is for b.test, not for a.test", err.message)
    assert.is_nil(tostring(err):find("t0psecret"))
    assert.truthy(set(jar, "http://a.test/", "n=" .. ("x"):rep(4095)):find("4096 bytes"))
    assert.is_true(set(jar, "http://a.test/", "n=" .. ("x"):rep(4094)))
    ok, err = jar:set("no url", "n=v")
    assert.is_nil(ok)
    assert.equal("url", err.kind)
  end)

  it("refuses cookies for what strangers share", function()
    local jar = ms.cookies()
    assert.truthy(set(jar, "http://a.com/", "n=v; Domain=com"):find("for all of com", 1, true))
    assert.is_true(set(jar, "http://localhost/", "n=v; Domain=localhost"))
    assert.is_nil(jar:get("http://x.localhost/"))
    if not core.version().features.PSL then
      pending("this libcurl has no public suffix list")
    end
    assert.truthy(set(jar, "http://a.co.uk/", "n=v; Domain=co.uk"):find("all of co.uk", 1, true))
    assert.is_true(set(jar, "http://b.a.co.uk/", "n=v; Domain=a.co.uk"))
    assert.equal("n=v", jar:get("http://c.a.co.uk/"))
    -- A suffix that answers by itself sets them for itself.
    assert.is_true(set(jar, "http://github.io/", "own=v; Domain=github.io"))
    assert.equal("own=v", jar:get("http://github.io/"))
    assert.is_nil(jar:get("http://someone.github.io/"))
  end)

  it("forgets what is over", function()
    local jar, url = ms.cookies(), "http://a.test/"
    jar:set(url, "age=1; Max-Age=3600")
    jar:set(url, "date=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT")
    jar:set(url, "both=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    jar:set(url, "odd=1; Expires=when it ends; Max-Age=1e9")
    jar:set(url, "past=1; Max-Age=0")
    assert.equal("age both date odd", names(jar))
    for cookie in jar:each() do
      local left = cookie.expires and cookie.expires - os.time()
      assert.truthy(({
        age = left and math.abs(left - 3600) <= 2, both = left and math.abs(left - 60) <= 2,
        date = left and math.abs(left - 400 * 86400) <= 2, odd = left == nil,
      })[cookie.name], cookie.name)
    end
    jar:set(url, "age=; Max-Age=-1")
    jar:set(url, "date=; Expires=Thu, 01-Jan-1970 00:00:00 GMT")
    assert.equal("both=1; odd=1", jar:get(url))
    assert.equal(2, jar.store.count)
    local soon = ms.cookies()
    soon:set(url, "n=v; Max-Age=1")
    soon:set(url, "stays=1")
    assert.equal("n=v; stays=1", soon:get(url))
    local time = clock.time
    clock.time = function() return time() + 2 end
    local sent, kept = soon:get(url), names(soon)
    clock.time = time
    assert.same({ "stays=1", "stays" }, { sent, kept })
  end)

  it("replaces, and sends longer paths and older ones first", function()
    local jar = ms.cookies()
    jar:set("http://a.test/", "a=1")
    jar:set("http://a.test/", "b=1")
    jar:set("http://a.test/x/y", "c=1")
    jar:set("http://a.test/", "a=2")
    assert.equal("c=1; a=2; b=1", jar:get("http://a.test/x/y"))
    jar:set("http://a.test/x/y", "a=3")
    assert.equal("c=1; a=3; a=2; b=1", jar:get("http://a.test/x/y"))
    jar:clear()
    assert.is_nil(jar:get("http://a.test/x/y"))
    assert.equal(0, jar.store.count)
  end)

  it("makes no request dearer by what is for others", function()
    local jar = ms.cookies()
    local started = os.clock()
    for i = 1, 3000 do
      jar:set(("http://h%d.test/"):format(i % 50), ("n%d=%s; Path=/"):format(i, ("v"):rep(100)))
    end
    for i = 1, 3000 do
      jar:get(("http://h%d.test/p%d"):format(i % 50, i))
    end
    assert.equal(3000, jar.store.count)
    assert.truthy(os.clock() - started < 2 or not helper.timing_is_real)
    -- Nor does it grow without end.
    for i = 1, 9000 do
      jar:set(("http://x%d.test/"):format(i), "n=v")
    end
    assert.truthy(jar.store.count <= 10000, tostring(jar.store.count))
    assert.equal("n=v", jar:get("http://x9000.test/"))
  end)

  it("refuses what makes no sense", function()
    local jar = ms.cookies()
    local function message(fn, ...)
      local ok, err = pcall(fn, ...)
      assert.is_false(ok)
      assert.truthy(err:find("^spec/cookies_spec.lua:%d+: ") or err:find("cookies_spec.lua:%d+: "),
        err)
      return err
    end
    assert.truthy(message(ms.cookies, 1):find("string expected, got 1", 1, true))
    assert.truthy(message(jar.get, jar, 1):find("url: string expected", 1, true))
    assert.truthy(message(jar.set, jar, "http://a/", 1):find("line: string expected", 1, true))
    assert.truthy(message(jar.save, jar):find("path: string expected", 1, true))
    assert.truthy(message(jar.get, "http://a/"):find("jar:get", 1, true))
    assert.truthy(message(ms.client, { cookies = true }):find("a jar, as of ms.cookies(), expected",
      1, true))
    assert.truthy(message(ms.client, { cookies = {} }):find("jar", 1, true))
    assert.is_true(jar:close())
    assert.is_true(jar:close())
    assert.truthy(message(jar.get, jar, "http://a/"):find("the jar is closed", 1, true))
    assert.truthy(message(ms.get, "http://a/", { cookies = jar }):find("jar is closed", 1, true))
    assert.equal("multisock.jar (0 cookies, closed)", tostring(jar))
  end)
end)

describe("a jar's file", function()
  local hostile = fixtures.hostile()
  local folder

  before_each(function() folder = servers.make_dir() end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
  end

  local function fill(jar)
    jar:set("https://www.a.test/x/", "host=1; Secure")
    jar:set("http://www.a.test/", "domain=2; Domain=a.test; HttpOnly; Max-Age=1000")
    jar:set("http://127.0.0.1/", "empty=")
    jar:set("http://127.0.0.1/", "odd=a \"b\" =c,d")
  end

  it("is made when the jar is closed, for the user alone, and read again", function()
    local path = folder .. "/jar"
    local jar = assert(ms.cookies(path))
    assert.is_true(jar:close())
    assert.is_nil(io.open(path))      -- nothing to save
    jar = assert(ms.cookies(path))
    fill(jar)
    assert.is_true(jar:close())
    assert.equal("-rw-------", servers.output("ls -l " .. path):sub(1, 10))
    assert.equal("jar", servers.output("ls -A " .. folder))
    local again = assert(ms.cookies(path))
    local before = read(path)
    assert.equal(4, again.store.count)
    assert.equal("host=1; domain=2", again:get("https://www.a.test/x/y"))
    assert.equal("domain=2", again:get("http://b.a.test/"))
    assert.is_nil(again:get("https://b.www.a.test/x/"):find("host"))
    assert.equal("empty=; odd=a \"b\" =c,d", again:get("http://127.0.0.1/"))
    assert.is_true(again:save())
    assert.equal(before, read(path))
    assert.is_true(again:save(folder .. "/copy"))
    assert.equal(before, read(folder .. "/copy"))
    again:close()
  end)

  it("is saved at the end of a block", helper.of_block(function()
    local path = folder .. "/jar"
    local fn = assert(load([[
      local ms, path = ...
      local jar <close> = ms.cookies(path)
      jar:set("http://a.test/", "n=v")
    ]]))
    fn(ms, path)
    assert.truthy(read(path):find("a.test\tFALSE\t/\tFALSE\t0\tn\tv\n", 1, true))
  end))

  it("is curl's, both ways", task(function()
    local path, curls = folder .. "/jar", folder .. "/curls"
    local set_url = hostile.url("/cookies") .. "?set=" .. "a%3D1%3B%20Path%3D/%0Ab%3D2"
      .. "%3B%20HttpOnly%3B%20Max-Age%3D1000%0Ac%3D"
    servers.program("curl", "curl")
    servers.output(("curl -sS -c %s -o %s/body '%s'"):format(curls, folder, set_url))
    local jar = assert(ms.cookies(curls))
    assert.equal("a b c", names(jar))
    local client = ms.client({ cookies = jar })
    assert.equal("a=1; b=2; c=", sorted(ms.assert(client:get(hostile.url("/cookies"))):text()))
    jar:set(hostile.url("/"), "d=4; Max-Age=50")
    assert.is_true(jar:save(path))
    local sent = servers.output(("curl -sS -b %s '%s'"):format(path, hostile.url("/cookies")))
    assert.equal("a=1; b=2; c=; d=4", sorted(sent))
    -- What curl makes of ours is what we have.
    servers.output(("curl -sS -b %s -c %s '%s'"):format(path, curls, hostile.url("/cookies")))
    local function lines(name)
      local list = {}
      for line in read(name):gmatch("[^\n]*\t[^\n]*") do
        list[#list + 1] = line
      end
      table.sort(list)
      return list
    end
    assert.same(lines(path), lines(curls))
    jar:close()
    client:close()
  end))

  it("may hold what is no cookie, and more than servers may set", function()
    local path = folder .. "/jar"
    local lines = { "# Netscape HTTP Cookie File", "", "no tabs", "a.test\tTRUE\t/\tFALSE\t0",
      "a.test\tFALSE\t/\tFALSE\twhen\tn\tv", "a.test\tFALSE\t/\tFALSE\t0\tctl\ta\1b",
      "a.test\tFALSE\t/\tFALSE\t1\tover\tv", "\tFALSE\t/\tFALSE\t0\tn\tv",
      "a.test\tFALSE\t/\tFALSE\t0\t__Host-n\tv", "a.test\tFALSE\t/\tFALSE\t0\tn\tv\tw",
      "#HttpOnly_.A.test\tTRUE\t/\tTRUE\t0\tgood\tv\r", "a.test\tFALSE\tx\tFALSE\t99999999999\tp" }
    for i = 1, 3000 do
      lines[#lines + 1] = ("b.test\tFALSE\t/\tFALSE\t0\tn%d\tv"):format(i)
    end
    helper.write_file(path, table.concat(lines, "\n"))
    local jar = assert(ms.cookies(path))
    assert.equal(3002, jar.store.count)
    assert.equal("p=", jar:get("http://a.test/"))
    assert.equal("good=v", jar:get("https://x.a.test/"))
    jar:set("http://b.test/", "more=1")
    assert.equal(3002, jar.store.count, "an older one makes room")
    local sent = select(2, jar:get("http://b.test/"):gsub("=", ""))
    assert.equal(150, sent)
    for i = 1, 200 do
      jar:set("http://c.test/", "n" .. i .. "=1")
    end
    assert.equal(3182, jar.store.count, "other domains have no more than ever")
    jar:close()
  end)

  it("says what is wrong with it", function()
    helper.write_file(folder .. "/file", "x")
    local jar, err = ms.cookies(folder)
    assert.is_nil(jar)
    assert.equal("io", err.kind)
    assert.truthy(err.message:find(folder, 1, true), err.message)
    jar, err = ms.cookies(folder .. "/file/jar")
    assert.same({ nil, "io" }, { jar, err.kind })
    jar = assert(ms.cookies(folder .. "/none/jar"))
    jar:set("http://a.test/", "n=v")
    local ok
    ok, err = jar:close()
    assert.same({ nil, "io" }, { ok, err.kind })
    assert.truthy(err.message:find("/none/jar: No such file", 1, true), err.message)
    assert.is_true(jar:save(folder .. "/elsewhere"))
    assert.is_true(jar:close())
  end)
end)
