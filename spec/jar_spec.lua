-- Cookie jars: what is kept, what is sent where, and the file. What requests do with one:
-- cookies_spec.lua.
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local jars = require("spec.support.jars")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task = helper.task

local function set(jar, url, line)
  local ok, err = jar:set(url, line)
  return ok or err.message
end

local names = jars.names

local function sorted(header)
  local list = {}
  for pair in header:gmatch("[^; ]+") do
    list[#list + 1] = pair
  end
  table.sort(list)
  return table.concat(list, "; ")
end

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
    local err = helper.err_of(jar:set("http://a.test/?token=t0psecret", "n=v; Domain=b.test"))
    assert.equal("policy", err.kind)
    assert.equal("the cookie is refused: it is for b.test, not for a.test", err.message)
    assert.is_nil(tostring(err):find("t0psecret"))
    assert.truthy(set(jar, "http://a.test/", "n=" .. ("x"):rep(4095)):find("4096 bytes"))
    assert.is_true(set(jar, "http://a.test/", "n=" .. ("x"):rep(4094)))
    assert.equal("url", helper.err_of(jar:set("no url", "n=v")).kind)
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
      assert.truthy(err:find("^spec/jar_spec.lua:%d+: ") or err:find("jar_spec.lua:%d+: "),
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

  fixtures.folder(function(made) folder = made end)

  local read = helper.read_file

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
