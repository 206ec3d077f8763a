-- ms.use_loop, and that every loop does what all must do: each in a process of its
-- own, because there is one loop in a process.
local compat = require("multisock.base.compat")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")

local LOOPS = { "uv", "poll", "luv", "luv/watch", "cqueues", "copas", "event", "event/watch", "ev",
  "ev/watch", "glib" }

-- Debian has Copas only in the folder of Lua 5.1.
local OLDER = ";/usr/share/lua/5.1/?.lua"

-- Why a loop cannot be tried here; nil: it can.
local function missing(name)
  local output, status = support.child([[
    package.path = package.path .. ...
    require("multisock").use_loop((select(2, ...)))
  ]], OLDER, (name:match("^[^/]*")))
  return status ~= 0 and (output:match("use_loop: [^\n]*") or output) or nil
end

-- The blocks of Lua code of a page that have `pattern` in them.
local function code(path, pattern)
  local blocks = {}
  for block in helper.read_file(path):gmatch("\n```lua\n(.-)```\n") do
    if block:find(pattern) then
      blocks[#blocks + 1] = block
    end
  end
  return blocks
end

-- Starts the specs that every loop must pass on the one of this name.
-- `files`: others than all.
local function start_specs(name, files)
  local result = os.tmpname()
  local command = support.leaks_of(name) .. ("MULTISOCK_LOOP='%s' MULTISOCK_RESULT='%s' "
    .. "LUA_PATH='%s' LUA_CPATH='%s' "
    .. "timeout %d %s \"$(command -v busted)\" --output=script/busted-handler.lua "
    .. "--exclude-tags=slow %s 2>&1"):format(
    name, result, package.path .. (name == "copas" and OLDER or ""), package.cpath,
    math.ceil(helper.seconds(300)), os.getenv("LUA") or "lua5.4",
    files or "spec/conformance/loop.lua spec/conformance/host.lua spec/idle_spec.lua")
  return { pipe = assert(io.popen(command)), result = result }
end

-- What they printed, and how many passed and failed.
local function end_specs(run)
  local output = run.pipe:read("*a")
  run.pipe:close()
  local counts = helper.read_file(run.result)
  os.remove(run.result)
  local passed, failed = counts:match("^(%d+) (%d+)")
  return output, tonumber(passed), tonumber(failed)
end

describe("use_loop", function()
  it("tells the name of the loop", function()
    ms.step()
    assert.equal(os.getenv("MULTISOCK_LOOP") or "uv", ms.use_loop())
    assert.equal(ms.use_loop(), ms.use_loop(ms.use_loop()))
  end)

  it("refuses what is no loop", function()
    assert.error_matches(function() ms.use_loop("libwhatever") end,
      'unknown loop "libwhatever"; there are "copas", "cqueues", "ev"')
    assert.error_matches(function() ms.use_loop(3) end, "name or adapter expected, got number")
    assert.error_matches(function() ms.use_loop({ name = "x" }) end, "step of the adapter")
    assert.error_matches(function() ms.use_loop({ name = "x", step = print }) end,
      "needs `watch` or `listen`")
    assert.error_matches(function()
      ms.use_loop({ name = "x", step = print, watch = print, current = print })
    end, "`suspend` and `resume`")
    assert.error_matches(function()
      ms.use_loop({ name = "x", step = print, watch = print, timer = 1 })
    end, "timer of the adapter: function expected, got number")
  end)

  it("refuses another one when one is in use", function()
    ms.step()
    assert.error_matches(function() ms.use_loop({ name = "x", step = print, watch = print }) end,
      "is in use already; choose before the first fetch or spawn")
  end)

  it("may be called again before the first use", function()
    local output = support.child([[
      local ms = require("multisock")
      print(ms.use_loop(), ms.use_loop("poll"), ms.use_loop(), ms.use_loop("uv"))
      ms.run(ms.sleep, 0.01)
      print(ms.use_loop())
    ]])
    assert.equal("uv\tpoll\tpoll\tuv\nuv\n", output)
  end)

  it("names the package of a module that is missing", function()
    for name, package in pairs({ luv = "lua%-luv", cqueues = "lua%-cqueues", copas = "lua%-copas",
      event = "lua%-event", ev = "libev%-dev", glib = "lua%-lgi" }) do
      local output, status = support.child([[
        table.insert(package.searchers or package.loaders, 1, function(name)
          if name == "multisock.ev" or not name:find("^multisock") then
            return function() error("module '" .. name .. "' not found") end
          end
        end)
        require("multisock").use_loop(...)
      ]], name)
      assert.equal(1, status)
      assert.matches(package, output)
    end
  end)

  it("tells a coroutine of the host what is in its way", function()
    local reason = missing("cqueues")
    if reason then
      return pending(reason)
    end
    local output = support.child([[
      local cqueues, ms = require("cqueues"), require("multisock")
      ms.use_loop("cqueues")
      local controller = cqueues.new()
      controller:wrap(function()
        table.sort({ 2, 1 }, function() print(pcall(ms.sleep, 0.01)) end)
      end)
      assert(controller:loop())
    ]])
    assert.matches("^false\t[^\n]*:5: multisock cannot wait here: ", output)
    assert.truthy(output:find(compat.barrier, 1, true), output)
  end)

  it("takes Neovim's loop where there is one, and does not run that", function()
    local reason = missing("luv")
    if reason then
      return pending(reason)
    end
    local server = servers.hostile()
    local output, status = support.child([[
      local uv = require("luv")
      vim = { uv = uv }
      local ms, url = require("multisock"), ...
      assert(ms.use_loop() == "luv")
      local ok, err = pcall(ms.get, url)
      assert(not ok and err:find("ms.spawn", 1, true), err)
      assert(not pcall(ms.run, print))
      ms.spawn(function() print(ms.get(url):text()) end)
      uv.run()
    ]], server.url("/late?delay=0.05"))
    server.stop()
    assert.equal("late\n\n", output)
    assert.equal(0, status)
  end)

  it("of luv ends a wait whose time has come before luv waits", function()
    local reason = missing("luv")
    if reason then
      return pending(reason)
    end
    local output, status = support.child([[
      local uv = require("luv")
      local run = uv.run
      function uv.run(mode)
        local late = uv.hrtime() + 5e6
        while uv.hrtime() < late do end
        return run(mode)
      end
      local ms = require("multisock")
      ms.use_loop("luv")
      local server = assert(uv.new_tcp())         -- keeps the loop alive
      server:bind("127.0.0.1", 0)
      server:listen(8, function() end)
      ms.run(function()
        for _ = 1, 5 do
          ms.sleep(0.003)
        end
      end)
    ]])
    assert.equal(0, status, output)
  end)
end)

describe("every loop", function()
  local nginx = fixtures.nginx()

  -- They wait most of the time, so those of the next loops run at the same time.
  local AT_ONCE = 3
  local runs = {}
  teardown(function()
    for _, run in pairs(runs) do
      end_specs(run)
    end
  end)

  for i, name in ipairs(LOOPS) do
    it(name .. " conforms #slow", function()
      local reason = missing(name)
      if reason then
        return pending(reason)
      end
      for k = i, math.min(i + AT_ONCE - 1, #LOOPS) do
        runs[k] = runs[k] or not missing(LOOPS[k]) and start_specs(LOOPS[k]) or nil
      end
      local output, passed, failed = end_specs(runs[i])
      runs[i] = nil
      assert.equal(0, failed, output)
      assert.is_true(passed >= 26, output)
    end)

    if not name:find("/") then
      it(name .. " runs the examples of README as they are", function()
        local reason = missing(name)
        if reason then
          return pending(reason)
        end
        local blocks = code("README.md", "require%(\"multisock\"%)")
        assert.is_true(#blocks >= 3)
        for _, block in ipairs(blocks) do
          local script = block:gsub('"https://([%w.-]+)/([^"]*)"', function(host, path)
            return ('"%s"'):format(nginx.url("/file/" .. host .. "-" .. path:gsub("%W", "-")))
          end)
          local output, status = support.child(([[
            package.path = package.path .. %q
            require("multisock").use_loop(%q)
          ]]):format(OLDER, name) .. script, name)
          assert.equal(0, status, output)
          assert.is_truthy(output:find("200", 1, true) or output:find("^%d+\tnil")
            or output:find("^http"), output)
        end
      end)
    end
  end
end)

-- It waits in tasks only, so what the others must do on the main chunk is not for it.
describe("the loop frames", function()
  it("conforms to what a host may expect that calls ms.step", function()
    local output, passed, failed = end_specs(start_specs("frames", "spec/conformance/host.lua"))
    assert.equal(0, failed, output)
    assert.is_true(passed >= 7, output)
  end)

  it("refuses whatever would wait outside of a task, and says what to do", function()
    local output, status = support.child([[
      local ms = require("multisock")
      ms.use_loop("frames")
      local url = "http://127.0.0.1:9/"
      local work = ms.spawn(function() end)
      for what, call in pairs({
        get = function() ms.get(url) end, sleep = function() ms.sleep(0) end,
        run = function() ms.run(print) end, group = function() ms.group(print) end,
        map = function() ms.map({ url }) end, await = function() work:await() end,
        queue = function() ms.queue():get() end,
        with_timeout = function() ms.with_timeout(1, print) end,
        each = function() ms.each({ url })() end,
        ["each with a function"] = function() ms.each({ url }, print)() end,
        download = function() ms.download(url, "/nonexistent/x") end,
      }) do
        local ok, err = pcall(call)
        assert(not ok and tostring(err):find("stand still meanwhile; start a task with ms.spawn", 1,
          true), what .. ": " .. tostring(err))
      end
      ms.step()
      assert(work:status() == "done" and ms.next_timeout() == nil)
      local mock = ms.mock()
      assert(mock:run(function() ms.sleep(3600) return "simulated" end) == "simulated")
    ]])
    assert.equal(0, status, output)
  end)

  it("is for whoever asks before the first use", function()
    assert.equal("frames\tframes\nfalse\n", (support.child([[
      local ms = require("multisock")
      print(ms.use_loop("frames"), ms.use_loop())
      ms.step()
      print((pcall(ms.use_loop, "uv")))
    ]])))
  end)
end)

describe("an adapter of one's own", function()
  it("may be as short as in docs/loops.md", function()
    local blocks = code("docs/loops.md", "local adapter =")
    assert.equal(2, #blocks)
    for _, block in ipairs(blocks) do
      local server = servers.nginx()
      local output, status = support.child(block .. [[
        local url = ...
        ms.run(function()
          local urls = {}
          for i = 1, 100 do
            urls[i] = url .. i
          end
          local responses = ms.map(urls)
          for i = 1, 100 do
            assert(responses[i]:text() == "body-" .. i)
          end
          ms.sleep(0.05)
          assert(ms.with_timeout(0.05, ms.sleep, 10) == nil)
          local task = ms.spawn(ms.get, url .. "x")
          task:cancel()
        end)
        print(ms.use_loop())
      ]], server.url("/file/"))
      server.stop()
      assert.equal(0, status, output)
      assert.matches("^select", output)
    end
  end)

  it("has what it raises raised by ms.run", function()
    for _, field in ipairs({ "watch", "step" }) do
      local output, status = support.child([[
        local ms = require("multisock")
        local adapter, field = {}, ...
        for name, value in pairs(require("multisock.loop.poll")) do adapter[name] = value end
        adapter[field] = function() error(field .. " is broken", 0) end
        ms.use_loop(adapter)
        print(pcall(ms.run, ms.get, "http://127.0.0.1:9/"))
      ]], field)
      assert.equal(0, status, output)
      assert.truthy(output:find("false\t" .. field .. " is broken\n", 1, true), output)
    end
  end)

  it("may say that a descriptor cannot be watched: then a clock looks at it", function()
    local server = servers.nginx()
    local output, status = support.child([[
      local ms = require("multisock")
      local adapter = {}
      for name, value in pairs(require("multisock.loop.poll")) do adapter[name] = value end
      adapter.watch = function() return false end
      ms.use_loop(adapter)
      print(ms.run(function(url)
        return ms.get(url .. 1):text(), ms.get(url .. 2):text()
      end, ...))
    ]], server.url("/file/"))
    server.stop()
    assert.equal(0, status, output)
    assert.equal("body-1\tbody-2\n", output)
  end)
end)
