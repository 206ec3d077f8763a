-- A host written in C whose libuv loop is adopted: tasks run while it runs.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

describe("an adopted loop", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local program

  embedding.fixture("spec/embed/host.c", function(path) program = path end)

  -- Runs the script in a host; it finds `ms`, and after it all must be closed.
  local function host(script, ...)
    local output, status = embedding.script(program,
      "local ms = require('multisock')\n" .. script, ...)
    assert.truthy(output:find("closed\n", 1, true), output)
    assert.equal(0, status, output)
    return (output:gsub("closed\n$", ""))
  end

  it("runs tasks while the host runs it, and keeps it alive until they have ended", function()
    assert.equal("nothing yet\nbody-1 200\nslept\nbody-2 200\nrun\n", host([[
      local url = ...
      assert(adopt() == nil)
      local function get(name)
        local response = assert(ms.get(url .. name))
        say(response:text() .. " " .. response.status)
      end
      ms.spawn(function()
        get("1")
        ms.sleep(0.05)
        say("slept")
        ms.spawn(get, "2"):await()
      end)
      say("nothing yet")
      uv_run()
      say("run")
    ]], nginx.url("/file/")))
  end)

  it("runs many, of many clients, beside the host's own timers", function()
    assert.equal("300 ticked\n", host([[
      local url = ...
      adopt()
      local count, ticks = 0, 0
      local function tick()
        ticks = ticks + 1
        if count < 300 then after(1, tick) end
      end
      after(0, tick)
      for c = 1, 3 do
        local client = ms.client {}
        for i = 1, 100 do
          ms.spawn(function()
            assert(assert(client:get(url .. i)):text() == "body-" .. i)
            count = count + 1
          end)
        end
      end
      uv_run()
      say(count .. (ticks > 1 and " ticked" or ""))
    ]], nginx.url("/file/")))
  end)

  it("takes tasks that a callback of the host starts, groups, timeouts, queues", function()
    assert.equal("put 1\ngot 1\ntimeout\n", host([[
      local url = ...
      adopt()
      local queue = ms.queue()
      ms.spawn(function() say("got " .. queue:get()) end)
      after(20, function()
        ms.spawn(function()
          say("put 1")
          queue:put(1)
          ms.group(function(g) g:spawn(ms.sleep, 0.01) end)
          local _, err = ms.with_timeout(0.05, function() ms.get(url) end)
          say(err.kind)
        end)
      end)
      uv_run()
    ]], hostile.url("/stall")))
  end)

  it("is not waited for while the host runs it: run, step and a plain fetch raise", function()
    local output = host([[
      local url = ...
      adopt()
      -- Due at once: called in the first moment of the host's run.
      after(0, function()
        for _, name in ipairs { "run", "step", "get" } do
          local ok, err = pcall(ms[name], name == "run" and print or name == "get" and url or 0)
          say(name .. " " .. tostring(ok) .. " " .. tostring(err))
        end
        ms.spawn(function()
          local ok, err = pcall(ms.run, print)
          say(tostring(ok) .. " " .. tostring(err))
        end)
      end)
      uv_run()
    ]], nginx.url("/1k"))
    assert.truthy(output:find("run false [^\n]*the loop is running already"), output)
    assert.truthy(output:find("step false [^\n]*loop is running"), output)
    assert.truthy(output:find("get false [^\n]*ms%.spawn"), output)
    assert.truthy(output:find("\nfalse [^\n]*the loop is running already"), output)
  end)

  it("is run by ms.run before the host does, and when he says that his run has ended", function()
    assert.equal("host's\nbody-1 body-2\nfalse\nbody-3\n", host([[
      local url = ...
      local function get(name) return assert(ms.get(url .. name)):text() end
      adopt()
      after(0, function() say("host's") end)
      say(get("1") .. " " .. ms.run(get, "2"))
      uv_run()
      say(pcall(ms.run, get, "3"))
      adopt()
      say(ms.run(get, "3"))
    ]], nginx.url("/file/")))
  end)

  it("prints the error of a task that nobody awaited, with its traceback", function()
    local output = host([[
      adopt()
      local function culprit() error("oh no") end
      ms.spawn(function() culprit() end)
      ms.spawn(function() ms.sleep(0.02) say("others go on") end)
      uv_run()
    ]])
    assert.truthy(output:find("nobody awaited it: [^\n]*oh no"), output)
    assert.truthy(output:find("in upvalue 'culprit'", 1, true)
      or output:find("in function 'culprit'", 1, true), output)   -- LuaJIT's words
    assert.truthy(output:find("others go on", 1, true), output)
  end)

  it("gives it to on_error instead", function()
    assert.equal("told: x true\n", host([[
      adopt()
      ms.on_error(function(err, traceback)
        say("told: " .. err .. " " .. tostring(traceback:find("traceback") ~= nil))
      end)
      ms.spawn(error, "x", 0)
      uv_run()
    ]]))
  end)

  it("leaves the host's loop alone when the state ends in mid-transfer", function()
    for _, what in ipairs { "/stall", "/stall-body", "/trickle?bytes=1000" } do
      assert.equal("", host([[
        local url = ...
        adopt()
        for i = 1, 5 do ms.spawn(ms.get, url) end
        after(100, function() stopped = true end)
        while not stopped do uv_run("once") end
      ]], hostile.url(what)))
    end
  end)

  it("leaves it alone when a callback of the host closes the state", function()
    local closing = embedding.build("spec/embed/closing.c")
    for _, what in ipairs { "/stall", "/trickle?bytes=1000" } do
      local output, status = embedding.run(closing, "examples/embed/fetch.lua",
        hostile.url(what), hostile.url(what), nginx.url("/1k"))
      assert.equal(0, status, output)
      assert.truthy(output:find("OK\n$"), output)
    end
  end)

  it("survives that the state ends inside a task", function()
    local output, status = embedding.script(program, [[
      local url = ...
      local ms = require("multisock")
      adopt()
      for i = 1, 5 do ms.spawn(ms.get, url) end
      ms.spawn(function() ms.sleep(0.1) os.exit(7, true) end)
      uv_run()
    ]], hostile.url("/stall-body"))
    assert.equal("", output)
    assert.equal(7, status)
  end)

  it("is given once, before the first use", function()
    local output = host([[
      local url = ...
      ms.get(url)
      say(adopt())
      say(adopt(pointer()))
    ]], nginx.url("/1k"))
    local reason = "the Lua state has a loop already; give it the host's before its first use\n"
    assert.equal(reason .. reason, output)
  end)

  it("is refused when it is no loop of this libuv", function()
    local libuv = embedding.pkg_config("--variable=libdir libuv") .. "/libuv.so.1"
    local output = host([[
      local libuv, copy = ...
      assert(os.execute(("cp -L %s %s"):format(libuv, copy)))
      local foreign = stranger(copy)
      os.remove(copy)
      say(adopt(foreign))
      local core = require("multisock.core")
      say(select(2, pcall(core.loop, 5)))
      say(select(2, pcall(core.loop, core.null)))
      say(adopt())
      say(ms.run(function() return "works" end))
    ]], libuv, os.tmpname())
    local lines = {}
    for line in output:gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    assert.truthy(lines[1]:find("made by another copy of libuv", 1, true), output)
    assert.truthy(lines[2]:find("uv_loop_t *, expected, got number", 1, true), output)
    assert.truthy(lines[3]:find("NULL", 1, true), output)
    assert.same({ "nil", "works" }, { lines[4], lines[5] })
  end)

  it("belongs to the thread on which it was adopted", function()
    local output = host([[
      local url = ...
      adopt()
      local core = require("multisock.core")
      local loop = core.loop(pointer())
      local multi = core.multi():attach(loop)
      local easy = core.easy { url = url }
      say(thread(function() loop:step(0) end))
      say(thread(function() loop:wake() end))
      say(thread(function() multi:add_handle(easy) end))
      say(thread(function() core.multi():attach(loop) end))
      loop:close()
    ]], nginx.url("/1k"))
    for _, name in ipairs { "step", "wake", "add_handle", "attach" } do
      assert.truthy(output:find(name .. ": the loop belongs to another thread", 1, true), output)
    end
  end)

  it("drives multis of the core, and calls on_turn when something has ended", function()
    assert.equal("true 1024\nover\n", host([[
      local url = ...
      local core = require("multisock.core")
      local loop = core.loop(pointer())
      local multi = core.multi():attach(loop)
      local bytes = 0
      local easy = core.easy { url = url, noproxy = "*",
        writefunction = function(s) bytes = bytes + #s end }
      multi:add_handle(easy)
      loop:on_turn(function()
        local ended, ok = multi:info_read()
        say(tostring(ok) .. " " .. bytes)
        multi:remove_handle(ended)
        local closed, err = pcall(loop.close, loop)
        assert(not closed and err:find("the loop is running"))
      end)
      uv_run()
      say("over")
      loop:close()
      loop:close()
    ]], nginx.url("/1k")))
  end)

  it("prints what on_turn raises, and goes on", function()
    local output = host([[
      local core = require("multisock.core")
      local loop, count = core.loop(pointer()), 0
      loop:on_turn(function()
        count = count + 1
        if count < 3 then
          loop:wake(count == 1 and 0 or 0.01)
        end
        error("turn " .. count)
      end)
      loop:wake(0)
      uv_run()
      loop:close()
    ]])
    assert.truthy(output:find("turn 1.*stack traceback.*turn 2.*turn 3"), output)
    assert.falsy(output:find("turn 4", 1, true), output)
  end)

  it("has no turns when it is our own", function()
    local core = require("multisock.core")
    local loop = core.loop()
    assert.has_error(function() loop:on_turn(print) end, "on_turn: the loop is not adopted")
    assert.has_error(function() loop:wake(0) end, "wake: the loop is not adopted")
    assert.is_false(loop:hosted())
    assert.truthy(tostring(loop):find("^multisock%.loop %(own%)"))
    loop:close()
  end)

  describe("that is luv's", function()
    -- What crashed when a module did it wrong: luv closes at exit every handle
    -- on its loop, with a callback that takes its `data` for its own; the
    -- module's code may be gone by then; and libuv may be another one.
    local function luv(script, ...)
      local output, status = embedding.script(program, [[
        local luv, ms = require("luv"), require("multisock")
        assert(adopt(luv_loop()) == nil)
      ]] .. script, ...)
      assert.equal(0, status, output)
      assert.truthy(output:find("closed\n$"), output)
      return (output:gsub("closed\n$", ""))
    end

    it("runs tasks in luv's run, and luv's callbacks in ours", function()
      assert.equal("ours luv's body-1\n", luv([[
        local url = ...
        local seen = {}
        local timer = luv.new_timer()
        timer:start(10, 0, function() seen[2] = "luv's" timer:close() end)
        ms.run(function() ms.sleep(0.05) end)
        seen[1] = "ours"
        ms.spawn(function() seen[3] = assert(ms.get(url)):text() end)
        luv.run()
        say(table.concat(seen, " "))
      ]], nginx.url("/file/1")))
    end)

    it("survives that luv closes all its handles at exit, in mid-transfer", function()
      assert.equal("leaving\n", luv([[
        local url = ...
        for i = 1, 5 do ms.spawn(ms.get, url) end
        ms.spawn(function() luv.new_timer():start(100, 0, function() luv.stop() end) end)
        luv.run()
        say("leaving")
      ]], hostile.url("/trickle?bytes=1000")))
    end)

    it("survives that ours are still open then: the state ends inside a task", function()
      local output, status = embedding.script(program, [[
        local url = ...
        local luv, ms = require("luv"), require("multisock")
        adopt(luv_loop())
        for i = 1, 5 do ms.spawn(ms.get, url) end
        ms.spawn(function() ms.sleep(0.1) os.exit(7, true) end)
        luv.run()
      ]], hostile.url("/trickle?bytes=1000"))
      assert.equal("", output)
      assert.equal(7, status)
    end)

    it("survives that Lua unloads modules before luv's loop has closed ours", function()
      -- As Lua 5.1 and LuaJIT do; without -z nodelete our code would be gone.
      local output, status = support.child([[
        local folder, url = ...
        package.cpath = package.cpath .. ";" .. folder .. "/?.so"
        local luv, ms = require("luv"), require("multisock")
        require("multisock.loop").adopt(require("luv_pointer"))
        for i = 1, 5 do ms.spawn(ms.get, url) end
        -- Behind them, so that they have begun, however slow the machine is.
        ms.spawn(function() luv.new_timer():start(100, 0, function() luv.stop() end) end)
        luv.run()
        print("leaving")
      ]], embedding.build_module("spec/embed/luv_pointer.c"), hostile.url("/trickle?bytes=1000"))
      assert.equal("leaving\n", output)
      assert.equal(0, status)
    end)

    it("survives that luv walks over ours", function()
      assert.equal("walked\n", luv([[
        local url = ...
        ms.spawn(ms.get, url)
        luv.run("nowait")
        luv.run("nowait")
        -- luv before 1.50 crashes on handles of others by itself. The version
        -- that it tells is libuv's: this function came with 1.50.
        if luv.utf16_to_wtf8 then
          luv.walk(function() end)
        end
        say("walked")
      ]], hostile.url("/stall")))
    end)
  end)

  it("is not unloaded while a loop may call it", function()
    local path = package.searchpath("multisock.core", package.cpath)
    local output = shell.run("readelf -d " .. path)
    assert.truthy(output:find("NODELETE", 1, true), output)
  end)
end)
