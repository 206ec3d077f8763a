-- What no program should do, and what script/fuzz has found to do harm: nothing
-- from Lua may crash. Most of it shows under script/sanitize only.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("misuse", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  -- A handle that gathers in C, in a multi on a loop of its own.
  local function collected(url)
    local loop = assert(core.loop())
    local multi = assert(core.multi():attach(loop))
    local easy = support.easy { url = url }:unsetopt("writefunction"):collect()
    return easy, multi, loop
  end

  local function finish(easy, loop)
    support.step(loop, function()
      loop:ready({}, 0, {})
      return easy:ended() ~= false
    end)
  end

  it("of tables of parts that hold themselves", function()
    local parts = {}
    parts[1] = { subparts = parts }
    assert.error_matches(function() core.mime(parts) end, "nested too deeply")
    local part = core.mime():addpart()
    assert.error_matches(function() part:subparts(parts) end, "nested too deeply")
  end)

  it("of a mime function that returns what has no text", function()
    local raised = {}
    local strange = setmetatable({}, { __tostring = function() error(raised) end })
    local easy = support.easy {
      url = hostile.url("/upload"),
      mimepost = core.mime { { read = function() return strange end } },
    }
    local ok, err = easy:perform()
    assert.is_nil(ok)
    assert.equal(raised, err)
    easy:close()
  end)

  it("of finalizers that are called by hand", function()
    local url = assert(core.url(nginx.url("/1k")))
    local easy, body = support.easy { curlu = url }
    getmetatable(url).__gc(url)
    url = nil -- luacheck: ignore 311
    support.collect()
    assert.is_true(easy:perform())
    assert.equal(servers.bytes(1024), table.concat(body))
    easy:close()
    local collecting = core.easy():collect()
    local gc = getmetatable(core.guard(collecting)).__gc
    for _, other in ipairs { false, 1, io.stdout, collecting } do
      gc(other)
    end
    collecting:close()
  end)

  it("of a URL that its transfer alone holds", function()
    local easy, body = support.easy { curlu = assert(core.url(nginx.url("/file/a"))) }
    local copy = easy:duphandle()
    easy:close()
    support.collect()
    assert.is_true(copy:perform())
    assert.equal("body-a", table.concat(body))
    copy:setopt("curlu", nil):setopt("url", nginx.url("/file/b"))
    assert.is_true(copy:perform())
    assert.equal("body-abody-b", table.concat(body))
    copy:close()
  end)

  it("of a handle that is reset before its list of names was loaded", function()
    local easy, body = support.easy {
      url = nginx.url("/file/a"), resolve = { "a.test:1:127.0.0.1" },
    }
    easy:reset()
    easy:setopt { url = nginx.url("/file/a"), noproxy = "*", timeout_ms = 5000,
      writefunction = function(bytes) body[#body + 1] = bytes end }
    assert.is_true(easy:perform())
    assert.equal("body-a", table.concat(body))
    easy:close()
  end)

  it("of a handle with cookie files that is reset, and keeps its cookies", function()
    local easy = support.easy { url = hostile.url("/duplicate-headers"), cookiefile = "" }
    assert.is_true(easy:perform())
    local cookies = easy:getinfo("cookielist")
    assert.is_true(#cookies > 0)
    easy:reset()
    assert.same(cookies, easy:getinfo("cookielist"))
    local share = core.share("cookie")
    easy:setopt { share = share, cookiefile = "missing" }
    easy:setopt("cookielist", "Set-Cookie: a=b; domain=a.test")
    local copy = easy:duphandle()
    copy:reset()
    copy:close()
    easy:reset()
    assert.equal(1, #easy:getinfo("cookielist"))
    easy:close()
    share:close()
  end)

  it("of a multi that a loop drives", function()
    local multi, loop = select(2, collected(nginx.url("/1k")))
    assert.error_matches(function() multi:perform() end, "a loop drives this multi")
    assert.error_matches(function() multi:socket_action() end, "a loop drives this multi")
    loop:close()
  end)

  it("of a descriptor that is no socket", function()
    local easy, multi, loop = collected(nginx.url("/1k"))
    easy:close()
    easy = support.easy { url = nginx.url("/1k"), opensocketfunction = function() return 0 end }
    assert(multi:add_handle(easy))
    support.step(loop, function()
      local ended, _, err = multi:info_read()
      if ended then
        assert.truthy(tostring(err):find("no open socket", 1, true), tostring(err))
      end
      return ended
    end)
    loop:close()
    easy:close()
  end)

  it("of a file that is closed while a body is written to it", function()
    local easy, multi, loop = collected(hostile.url("/stream?n=100000&delay=0.001"))
    local name = os.tmpname()
    local file = assert(core.replacement(name))
    assert(file:write("first "))
    assert(multi:add_handle(easy))
    assert.equal(0, easy:sink(file))
    assert(file:publish())
    finish(easy, loop)
    assert.is_true(easy:ended())
    easy:close()
    loop:close()
    file = assert(io.open(name, "rb"))
    assert.equal("first " .. servers.bytes(100000), file:read("a"))
    file:close()
    os.remove(name)
  end)

  local FIELDS = { "headers", "trailers", "peer", "reason", "timings", "sizes", "http_version",
    "attempts", "cookies" }

  it("of snapshots that nobody made", function()
    local easy = core.easy():collect()
    local good = easy:snapshot()
    easy:close()
    assert.is_nil(core.snapshot(good, "peer"))
    assert.equal(good, core.snapshot(good, "headers"))
    assert.is_nil(good["content-type"])
    local text = ("\255"):rep(200)
    for _, bad in ipairs { core.headers(text), core.headers(""), text, "", 1, io.stdout, {}, print,
      core.snapshot(good, "trailers"), core.easy() } do
      for _, field in ipairs(FIELDS) do
        assert.has_error(function() core.snapshot(bad, field) end)
      end
    end
    assert.has_error(function() core.snapshot(good, "other") end)
  end)

  it("of what looks for a field of a response", function()
    local type_of = getmetatable(require("multisock").response(""))
    local looks = { false, nil, 1, "text", io.stdout, {}, print }
    for _, name in ipairs { "headers", "status_text", "http_version", "attempts", "url", "text" } do
      for i = 1, 7 do
        pcall(type_of.__index, looks[i], name)
        pcall(type_of.__index, setmetatable({ _snapshot = looks[i] }, type_of), name)
      end
      pcall(type_of.__index, name)
      pcall(type_of.__index)
      pcall(type_of.__index, {}, nil, name)
      pcall(type_of.__index, {}, 0 / 0, name)
    end
    for _, bad in ipairs { "text", 1, io.stdout, core.headers("A: b\r\n") } do
      assert.has_error(function() return setmetatable({ _snapshot = bad }, type_of).attempts end)
    end
    local look = core.response_index({ high = 1000, low = -1, part = 1.5, text = "text" }, error)
    pcall(look, { _snapshot = 1 }, "part")
    assert.equal(1000, look({}, "high"))
    assert.equal(-1, look({}, "low"))
    assert.has_error(function() look({}, "text") end)
    assert.has_error(function() core.response_index() end)
    assert.has_error(function() core.response_index({}, 1) end)
  end)

  -- A limiter that lets all through at once.
  local function limiter()
    return core.limiter(core.counter(), core.counter(), nil, 100, true, true)
  end

  it("of numbers that no limiter can count with", function()
    assert.has_error(function() core.limiter(core.counter(), core.counter(), nil, 2 ^ 53) end)
    assert.has_error(function() limiter():take(2 ^ 53) end)
    local loop = core.loop()
    assert.has_error(function() loop:ready({}, 2 ^ 53, {}) end)
    loop:close()
  end)

  it("of what turns a loop and resumes tasks", function()
    local loop = core.loop()
    assert.same({ false, 0 }, { core.turns({}, loop, {}, {}) })
    assert.same({ false, 0 }, { core.turns({}, loop, {}, {}, core.now() + 0.01) })
    assert.same({ false, 0 }, { core.turns({}, loop, {}, {}, -1) })
    for _, bad in ipairs { 1, "text", print } do
      assert.has_error(function() core.turns(bad, loop, {}, {}) end)
      assert.has_error(function() core.turns({}, bad, {}, {}) end)
      assert.has_error(function() core.turns({}, loop, bad, {}) end)
      assert.has_error(function() core.turns({}, loop, {}, bad) end)
      assert.has_error(function() core.turns({ bad, last = 1 }, loop, {}, {}) end)
    end
    for _, last in ipairs { 1, 2 ^ 31, 2 ^ 53, math.huge } do
      assert.has_error(function() core.resume({}, 1, last, {}) end)
      pcall(core.turns, { last = last }, loop, {}, {})
    end
    local task = {}
    assert.same({ true, 0, task, n = 3 }, table.pack(core.turns({ task, last = 1 }, loop, {}, {})))
    loop:close()
    assert.has_error(function() core.turns({}, loop, {}, {}) end)
  end)

  local function perform_dropped()
    local easy, multi, loop = collected(nginx.url("/1k"))
    local door, task, results = limiter(), {}, nil
    door:keep(easy, multi, 1)
    task.co = coroutine.create(function()
      local target = { url = assert(core.url(nginx.url("/1k"))) }
      results = table.pack(compat.perform(door, target, task, 1, false,
        core.limits(nil, 30, nil, 1, 1024, 0, nil), core.lines({}, nil, {}), "GET"))
    end)
    assert(compat.resume(task.co))
    door:drop(easy)
    easy, multi = nil, nil -- luacheck: ignore 311
    support.collect()
    local ready = {}
    support.step(loop, function()
      loop:ready(ready, #ready, {})
      return ready[1] ~= nil
    end)
    assert.equal(task, ready[1])
    assert(compat.resume(task.co))
    return results, door, loop
  end

  it("of a handle that a limiter drops while its transfer runs", function()
    local results, door, loop = perform_dropped()
    -- Its body may come a moment later than its headers: then once more.
    for _ = 1, 20 do
      if results[1] and results[2] then
        break
      end
      (results[2] or results[3]):close()
      loop:close()
      results, door, loop = perform_dropped()
    end
    assert.equal(200, results[1])
    assert.equal(servers.bytes(1024), results[2])
    assert.is_userdata(results[5])           -- one too many: to be closed
    assert.is_nil(door:pop())
    results[5]:close()
    loop:close()
  end)

  it("of a handle that a limiter has dropped, and of the multi that it was in", function()
    local easy, multi, loop = collected(nginx.url("/1k"))
    local door = limiter()
    door:keep(easy, multi, 1)
    door:keep(easy, multi, 1)
    door:drop(easy)
    assert.is_nil(door:pop())
    multi:close()
    multi = nil -- luacheck: ignore 311
    support.collect()
    assert.is_nil(easy:home())
    easy:close()
    loop:close()
  end)

  it("of a handle that is started, or set to collect, in its own callback", function()
    local easy, raised = nil, {}
    local multi = core.multi()
    easy = support.easy { url = nginx.url("/1k"), writefunction = function()
      raised[1] = { pcall(easy.collect, easy) }
    end }
    assert.is_true(easy:perform())
    easy:unsetopt("writefunction"):collect()
    easy:setopt("xferinfofunction", function()
      raised[2] = { pcall(core.start, limiter(), multi, easy,
        { url = core.url(nginx.url("/1k")) }) }
    end)
    assert.is_true(easy:perform())
    assert.is_false(raised[1][1])
    assert.is_false(raised[2][1])
    easy:close()
    multi:close()
  end)
end)
