-- Tasks: what runs when, who gets which error, and that nothing is lost.
local helper = require("spec.helper")
local ms = require("multisock")
local scheduler = require("multisock.scheduler")

local task = helper.task

-- Lets all that is ready run, and what that makes ready, without a clock.
local function turns(count)
  for _ = 1, count or 10 do
    ms.sleep(0)
  end
end

-- The error of a call that must fail.
local function failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- Runs a script in a state of its own. Returns what it wrote, both streams.
local function lua(script)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  assert(file:write(script))
  assert(file:close())
  local pipe = assert(io.popen("timeout 60 " .. (os.getenv("LUA") or "lua5.4") .. " " .. path
    .. " 2>&1"))
  local output = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return output
end

describe("run", function()
  after_each(helper.check_leaks)

  it("hands arguments and results over, nil among them", function()
    local results = table.pack(ms.run(function(...)
      assert.equal(3, select("#", ...))
      return ...
    end, nil, 2, nil))
    assert.same({ nil, 2, n = 3 }, results)
  end)

  it("raises what the function raised, the value itself", function()
    local value = {}
    assert.equal(value, failure(ms.run, function() error(value) end))
    assert.matches("boom", failure(ms.run, function() error("boom") end))
    assert.is_nil(failure(ms.run, function() error(nil) end))
  end)

  it("waits for all that was spawned, deeply", function()
    local seen = {}
    ms.run(function()
      ms.spawn(function()
        ms.sleep(0.005)
        ms.spawn(function()
          ms.sleep(0.005)
          seen[#seen + 1] = "inner"
        end)
        seen[#seen + 1] = "outer"
      end)
      seen[#seen + 1] = "body"
    end)
    assert.same({ "body", "outer", "inner" }, seen)
  end)

  it("raises inside a task, naming what to do", task(function()
    assert.matches("run: the loop is running already.*spawn", failure(ms.run, function() end))
  end))

  it("refuses what is no function", function()
    assert.matches("run: function expected, got nil", failure(ms.run))
    assert.matches("spawn: function expected, got number", failure(ms.spawn, 3))
    assert.matches("group: function expected, got nil", failure(ms.group))
    assert.matches("with_timeout: function expected, got nil", failure(ms.with_timeout, 1))
    assert.matches("scheduler_spec", failure(function() ms.spawn(3) end))
  end)

  it("works one after the other, and after a failure", function()
    for i = 1, 3 do
      pcall(ms.run, function() error("boom") end)
      assert.equal(i, ms.run(function() return i end))
    end
  end)
end)

describe("a deadlock", function()
  after_each(helper.check_leaks)

  it("raises a clear error instead of hanging", function()
    local cleaned = false
    local err = failure(ms.run, function()
      local ok, why = pcall(function() ms.queue():get() end)
      cleaned = not ok and why.kind == "cancelled"
      error(why, 0)
    end)
    assert.matches("deadlock", err)
    assert.is_true(cleaned)
  end)

  it("of two tasks that await each other is one", function()
    local err = failure(ms.run, function()
      local a, b
      a = ms.spawn(function() b:await() end)
      b = ms.spawn(function() a:await() end)
      a:join()
    end)
    assert.matches("deadlock", err)
  end)

  it("tells the failure of a task that may be its cause", function()
    local err = failure(ms.run, function()
      local queue = ms.queue()
      ms.spawn(function() error("the producer failed") end)
      queue:get()
    end)
    assert.matches("the producer failed", err)
  end)

  it("raises on the main chunk, too", function()
    assert.matches("deadlock", failure(function() ms.queue():get() end))
  end)

  it("ends even when a task on the main chunk's group will not", function()
    local stubborn
    local err = failure(ms.group, function(g)
      stubborn = g:spawn(function()
        local queue = ms.queue()
        while not pcall(queue.get, queue) and not stubborn.enough do end -- luacheck: ignore 542
      end)
    end)
    assert.matches("deadlock", tostring(err))
    stubborn.enough = true
    stubborn:cancel()
  end)
end)

describe("spawn", function()
  after_each(helper.check_leaks)

  it("starts at the next turn, in order", task(function()
    local seen = {}
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = ms.spawn(function(value) seen[#seen + 1] = value end, i)
    end
    assert.same({}, seen)
    tasks[5]:await()
    assert.same({ 1, 2, 3, 4, 5 }, seen)
  end))

  it("gives its arguments, nil at the end too", task(function()
    local count = ms.spawn(function(...) return select("#", ...) end, nil, nil):await()
    assert.equal(2, count)
  end))

  it("belongs to the group it was called in, from a user's coroutine as well", task(function()
    local ended = false
    ms.group(function()
      coroutine.wrap(function()
        ms.spawn(function()
          ms.sleep(0.01)
          ended = true
        end)
      end)()
    end)
    assert.is_true(ended)
  end))

  it("belongs to the timeout it was called in", task(function()
    local child
    local result, err = ms.with_timeout(0.01, function()
      child = ms.spawn(ms.sleep, 60)
      return "done"
    end)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("cancelled", child:status())
  end))

  it("in on_done belongs to the scope of the task that ended", function()
    local ended = false
    ms.run(function()
      ms.spawn(function() end):on_done(function()
        ms.spawn(function()
          ms.sleep(0.01)
          ended = true
        end)
      end)
    end)
    assert.is_true(ended)
  end)

  it("on the main chunk runs when somebody drives", function()
    local spawned = ms.spawn(function() ms.sleep(0.001) return "x", nil end)
    assert.equal("ready", spawned:status())
    assert.equal("x", (spawned:await()))
    assert.same({ true, "x", n = 3 }, table.pack(spawned:join()))
  end)
end)

describe("await and join", function()
  after_each(helper.check_leaks)

  it("give the results, again and to everybody", task(function()
    local work = ms.spawn(function() ms.sleep(0.005) return 1, nil, 3 end)
    local others = {}
    for i = 1, 3 do
      others[i] = ms.spawn(function() return select("#", work:await()) end)
    end
    for i = 1, 3 do
      assert.equal(3, others[i]:await())
    end
    assert.same({ true, 1, nil, 3 }, { work:join() })
  end))

  it("raise, or return false and, the very error", task(function()
    local value = setmetatable({}, { __tostring = function() return "custom" end })
    local work = ms.spawn(function() error(value) end)
    local ok, err = work:join()
    assert.is_false(ok)
    assert.equal(value, err)
    assert.equal(value, failure(work.await, work))
    assert.equal("failed", work:status())
    assert.equal("multisock.task (failed)", tostring(work))
  end))

  it("of a cancelled task is an error of kind cancelled", task(function()
    local work = ms.spawn(ms.sleep, 60)
    ms.sleep(0)
    assert.is_true(work:cancel("enough"))
    local ok, err = work:join()
    assert.is_false(ok)
    assert.equal("cancelled", err.kind)
    assert.equal("enough", err.reason)
    assert.matches("enough", err.message)
    assert.equal("cancelled", failure(work.await, work).kind)
  end))

  it("of itself raises", task(function()
    local self
    self = ms.spawn(function() self:await() end)
    assert.matches("wait for itself", failure(self.await, self))
  end))

  it("that are cancelled leave the task, and its error, to others", function()
    local told = {}
    ms.on_error(function(err) told[#told + 1] = err end)
    ms.run(function()
      local work = ms.spawn(function()
        ms.sleep(0.01)
        error("from work", 0)
      end)
      local waiter = ms.spawn(function() work:await() end)
      ms.sleep(0)
      waiter:cancel()
      assert.equal("waiting", work:status())
    end)
    ms.on_error(nil)
    assert.same({ "from work" }, told)
  end)

  it("cancelled after the task has failed, before they ran, lose nothing", function()
    local err = failure(ms.run, function()
      local work = ms.spawn(function()
        ms.sleep(0)
        error("unheard", 0)
      end)
      local waiter = ms.spawn(function() work:await() end)
      work:on_done(function() end)
      work.observed = nil             -- on_done is told, but await shall be
      ms.sleep(0)
      while work:status() ~= "failed" do
        ms.sleep(0)
        if work:status() == "failed" then
          waiter:cancel()
        end
      end
    end)
    assert.equal("unheard", err)
  end)

  it("keep no trace of those that gave up", task(function()
    local work = ms.spawn(ms.sleep, 60)
    for _ = 1, 100 do
      ms.with_timeout(0.001, function() work:await() end)
    end
    assert.same({}, work.waiters)
    work:cancel()
  end))

  it("in a foreign coroutine say what to do, and lose nothing", function()
    local err = failure(ms.run, function()
      local work = ms.spawn(function() error("kept", 0) end)
      local _, why = coroutine.resume(coroutine.create(function() work:await() end))
      assert.matches("not a task.*ms%.spawn", why)
    end)
    assert.equal("kept", err)
  end)
end)

describe("cancel", function()
  after_each(helper.check_leaks)

  it("before the start never calls the function", task(function()
    local called = false
    local work = ms.spawn(function() called = true end)
    assert.equal("ready", work:status())
    assert.is_true(work:cancel())
    assert.equal("cancelled", work:status())
    ms.sleep(0)
    assert.is_false(called)
  end))

  it("while waiting ends it at once", task(function()
    local work = ms.spawn(ms.sleep, 60)
    ms.sleep(0)
    assert.equal("waiting", work:status())
    work:cancel()
    assert.equal("cancelled", work:status())
  end))

  it("while woken, raises where it waits", task(function()
    local got
    local queue = ms.queue()
    local work = ms.spawn(function() got = queue:get() end)
    ms.sleep(0)
    queue:put("value")
    assert.equal("ready", work:status())
    work:cancel()
    work:join()
    assert.equal("cancelled", work:status())
    assert.is_nil(got)
    assert.equal(1, queue.count)
  end))

  it("of a running task raises in it at once", task(function()
    local work, status
    work = ms.spawn(function()
      status = work:status()
      work:cancel("by myself")
    end)
    local ok, err = work:join()
    assert.equal("running", status)
    assert.is_false(ok)
    assert.equal("by myself", err.reason)
  end))

  it("of the task that cancels, by what it cancels, raises when it waits next", task(function()
    local outer, inner, reached
    inner = ms.spawn(function()
      pcall(ms.sleep, 60)
      outer:cancel("in return")
    end)
    outer = ms.spawn(function()
      inner:cancel()
      reached = true
      ms.sleep(60)
    end)
    local ok, err = outer:join()
    assert.is_false(ok)
    assert.is_true(reached)
    assert.equal("in return", err.reason)
  end))

  it("of one that has ended is false, and changes nothing", task(function()
    local work = ms.spawn(function() return 1 end)
    work:await()
    assert.is_false(work:cancel())
    assert.equal("done", work:status())
  end))

  it("raises once: what follows can wait again", task(function()
    local errors = {}
    local work = ms.spawn(function()
      local _, err = pcall(ms.sleep, 60)
      errors[1] = err.kind
      ms.sleep(0.005)
      return "tidied"
    end)
    ms.sleep(0)
    work:cancel()
    assert.equal("waiting", work:status())
    assert.equal("tidied", work:await())
    assert.equal("done", work:status())
    assert.same({ "cancelled" }, errors)
  end))

  it("again, while it tidies up, raises again", task(function()
    local count = 0
    local work = ms.spawn(function()
      for _ = 1, 2 do
        if not pcall(ms.sleep, 60) then
          count = count + 1
        end
      end
    end)
    ms.sleep(0)
    work:cancel()
    work:cancel()
    assert.equal(2, count)
    assert.equal("done", work:status())
  end))

  it("gives each task an error object of its own", task(function()
    local seen = {}
    ms.with_timeout(helper.seconds(0.05), function()
      for i = 1, 2 do
        ms.spawn(function()
          local _, err = pcall(ms.sleep, 60)
          seen[i] = err
        end)
      end
    end)
    assert.equal("cancelled", seen[1].kind)
    assert.equal("timeout", seen[1].reason.kind)
    assert.is_false(rawequal(seen[1], seen[2]))
  end))

  it("of a task that fails while it tidies up does not lose that error", function()
    local work
    local err = failure(ms.run, function()
      work = ms.spawn(function()
        pcall(ms.sleep, 60)
        error("cleanup failed", 0)
      end)
      ms.sleep(0)
      work:cancel()
    end)
    assert.equal("cleanup failed", err)
    assert.equal("failed", work:status())
  end)

  it("of a task that goes on leaves it uncancelled", task(function()
    local work = ms.spawn(function()
      pcall(ms.sleep, 60)
      ms.sleep(0)
      return "went on"
    end)
    ms.sleep(0)
    work:cancel()
    assert.equal("went on", work:await())
  end))

  it("nests deeply", task(function()
    local depth = 300
    local works = {}
    for i = 1, depth do
      works[i] = ms.spawn(function()
        local ok, err = pcall(pcall, pcall, ms.sleep, 60)
        assert(ok and err)
        if works[i + 1] then
          works[i + 1]:cancel()
        end
      end)
    end
    ms.sleep(0)
    works[1]:cancel()
    for i = 1, depth do
      assert.is_true((works[i]:join()))
    end
  end))
end)

describe("status", function()
  it("tells ready, running, waiting, done", task(function()
    local seen = {}
    local work
    work = ms.spawn(function()
      seen[2] = work:status()
      ms.sleep(0.001)
    end)
    seen[1] = work:status()
    ms.sleep(0)
    seen[3] = work:status()
    work:await()
    seen[4] = work:status()
    assert.same({ "ready", "running", "waiting", "done" }, seen)
  end))
end)

describe("on_done", function()
  after_each(helper.check_leaks)

  it("is told the results, at once when it has ended", task(function()
    local seen = {}
    local function note(...) seen[#seen + 1] = table.pack(...) end
    local work = ms.spawn(function() return nil, 2 end):on_done(note)
    work:join()
    work:on_done(note)
    assert.same({ { true, nil, 2, n = 3 }, { true, nil, 2, n = 3 } }, seen)
  end))

  it("is told of a task that was never started", task(function()
    local kind
    ms.spawn(function() end):on_done(function(_, err) kind = err.kind end):cancel()
    assert.equal("cancelled", kind)
  end))

  it("that raises does not stop the others, and is not lost", function()
    local called = 0
    local err = failure(ms.run, function()
      local work = ms.spawn(function() end)
      work:on_done(function() error("first", 0) end)
      work:on_done(function() called = called + 1 end)
      work:await()
    end)
    assert.equal("first", err)
    assert.equal(1, called)
  end)

  it("may not wait, and says so", function()
    local err = failure(ms.run, function()
      ms.spawn(function() end):on_done(function() ms.sleep(0) end)
    end)
    assert.matches("callback; start a task", err)
    err = failure(ms.run, function()
      local work = ms.spawn(ms.sleep, 60)
      ms.sleep(0)
      work:on_done(function() ms.sleep(0) end)
      work:cancel()
    end)
    assert.matches("callback; start a task", err)
  end)

  it("takes functions only", task(function()
    local work = ms.spawn(function() end)
    assert.matches("on_done: function expected, got nil", failure(work.on_done, work))
  end))
end)

describe("errors that nobody awaited", function()
  after_each(function()
    ms.on_error(nil)
    helper.check_leaks()
  end)

  it("are raised by run when all has ended", function()
    local ended = false
    local err = failure(ms.run, function()
      ms.spawn(function() error("unheard", 0) end)
      ms.sleep(0.01)
      ended = true
    end)
    assert.equal("unheard", err)
    assert.is_true(ended)
  end)

  it("are raised by step", function()
    ms.spawn(function() error("unheard", 0) end)
    assert.equal("unheard", failure(ms.step, 0))
  end)

  it("are all told, by one run after the other", function()
    local work = function() error("unheard", 0) end
    assert.equal("unheard", failure(ms.run, function() ms.spawn(work) ms.spawn(work) end))
    assert.equal("unheard", failure(ms.run, function() end))
    ms.run(function() end)
  end)

  it("go to on_error with their tracebacks, also when the run's own function fails", function()
    local told = {}
    ms.on_error(function(err, traceback)
      told[#told + 1] = err
      assert.matches("scheduler_spec", traceback)
    end)
    local function culprit() error("unheard", 0) end
    assert.equal("loud", failure(ms.run, function()
      ms.spawn(culprit)
      ms.spawn(culprit)
      ms.sleep(0)
      error("loud", 0)
    end))
    assert.same({ "unheard", "unheard" }, told)
  end)

  it("are told to on_error before the run ends, once nobody can await", task(function()
    local told
    ms.on_error(function(err) told = err end)
    ms.spawn(function() error("forgotten", 0) end)
    repeat
      collectgarbage()
      ms.sleep(0.001)
    until told
    assert.equal("forgotten", told)
  end))

  it("are not told when they are awaited later", function()
    local told
    ms.on_error(function(err) told = err end)
    ms.run(function()
      local work = ms.spawn(function() error("awaited", 0) end)
      ms.sleep(0.001)
      collectgarbage()
      collectgarbage()
      ms.sleep(0)
      assert.is_false((work:join()))
    end)
    assert.is_nil(told)
  end)

  it("leave nothing behind when they are awaited, however many", task(function()
    local works = {}
    local count = helper.timing_is_real and 2000 or 200
    for i = 1, count do
      works[i] = ms.spawn(error, i)
    end
    turns()
    for i = 1, count do
      works[i]:join()
    end
    assert.is_true(#works[1].record.list < 100)
  end))

  it("are raised as well when on_error itself raises, and the rest is kept", function()
    ms.on_error(function() error("on_error failed", 0) end)
    local kept = {}                 -- not collected, so told at the end of the run
    assert.equal("on_error failed", failure(ms.run, function()
      kept[1] = ms.spawn(error, "one")
      kept[2] = ms.spawn(error, "two")
    end))
    ms.on_error(nil)
    assert.equal("two", failure(ms.step))
    assert.equal("failed", kept[2]:status())
  end)

  it("in a timeout's children are raised by the run", function()
    local result
    local err = failure(ms.run, function()
      result = ms.with_timeout(5, function()
        ms.spawn(error, "of a child")
        return "result"
      end)
    end)
    assert.equal("result", result)
    assert.equal("of a child", err)
  end)

  it("of a function that failed after its timeout passed are not lost", function()
    local kind
    local err = failure(ms.run, function()
      local _, timeout = ms.with_timeout(0.001, function()
        pcall(ms.sleep, 60)
        error("late", 0)
      end)
      kind = timeout.kind
    end)
    assert.equal("timeout", kind)
    assert.equal("late", err)
  end)

  it("of a second child of a group are not lost", function()
    local first
    local err = failure(ms.run, function()
      first = failure(ms.group, function(g)
        g:spawn(function()
          pcall(ms.sleep, 60)
          error("second", 0)
        end)
        g:spawn(error, "first")
      end)
    end)
    assert.equal("first", first)
    assert.equal("second", err)
  end)

  it("are printed when the program ends without another run", function()
    local output = lua([[
      local ms = require("multisock")
      ms.spawn(function() error("nobody heard") end)
      ms.sleep(0.001)
    ]])
    assert.matches("nobody heard", output)
    assert.matches("stack traceback", output)
  end)

  it("are not printed when they were awaited or raised", function()
    assert.equal("", lua([[
      local ms = require("multisock")
      local work = ms.spawn(function() error("heard") end)
      ms.sleep(0.001)
      work:join()
      pcall(ms.run, function() ms.spawn(error, "raised") end)
    ]]))
  end)

  it("reach the user of lua as a plain uncaught error", function()
    assert.matches("lua%a*[%d.]*: boom", lua([[
      require("multisock").run(function() error("boom", 0) end)
    ]]))
  end)

  it("refuses an on_error that is no function", function()
    assert.matches("on_error: function expected, got table", failure(ms.on_error, {}))
  end)
end)

describe("group", function()
  after_each(helper.check_leaks)

  it("returns the function's results when every child has ended", task(function()
    local ended = 0
    local a, b, c = ms.group(function(g)
      for i = 1, 3 do
        g:spawn(function()
          ms.sleep(i / 1000)
          ended = ended + 1
        end)
      end
      return 1, nil, 3
    end)
    assert.same({ 1, nil, 3 }, { a, b, c })
    assert.equal(3, ended)
  end))

  it("cancels the others at the first failure, and raises it", task(function()
    local other, plain
    local value = {}
    assert.equal(value, failure(ms.group, function(g)
      other = g:spawn(ms.sleep, 60)
      plain = ms.spawn(ms.sleep, 60)
      g:spawn(function() ms.sleep(0.001) error(value) end)
      ms.sleep(60)
    end))
    assert.equal("cancelled", other:status())
    assert.equal("cancelled", plain:status())
  end))

  it("cancels what is spawned after the failure", task(function()
    local late
    assert.equal("boom", failure(ms.group, function(g)
      g:spawn(error, "boom")
      pcall(ms.sleep, 60)
      late = g:spawn(ms.sleep, 60)
    end))
    assert.equal("cancelled", late:status())
  end))

  it("waits for cleanup before it raises", task(function()
    local clean = false
    failure(ms.group, function(g)
      g:spawn(function()
        pcall(ms.sleep, 60)
        ms.sleep(0.005)
        clean = true
      end)
      g:spawn(error, "boom")
    end)
    assert.is_true(clean)
  end))

  it("whose task is cancelled cancels its children, at any depth", task(function()
    local children = {}
    local parent = ms.spawn(function()
      ms.group(function(g)
        children[1] = g:spawn(ms.sleep, 60)
        children[2] = g:spawn(function()
          ms.group(function(inner)
            children[3] = inner:spawn(ms.sleep, 60)
            ms.with_timeout(60, function() ms.sleep(60) end)
          end)
        end)
      end)
    end)
    turns()
    parent:cancel("all of it")
    assert.equal("cancelled", parent:status())
    for i = 1, 3 do
      assert.equal("cancelled", children[i]:status())
    end
    local _, err = parent:join()
    assert.equal("all of it", err.reason)
  end))

  it("fails on a child's failure even when somebody joins the child", task(function()
    assert.equal("boom", failure(ms.group, function(g)
      g:spawn(error, "boom"):join()
    end))
  end))

  it("takes a single child's cancellation for no failure", task(function()
    local result = ms.group(function(g)
      local child = g:spawn(ms.sleep, 60)
      ms.sleep(0)
      child:cancel()
      return "fine"
    end)
    assert.equal("fine", result)
  end))

  it("that has ended takes no more children", task(function()
    local kept
    ms.group(function(g) kept = g end)
    assert.matches("the group has ended", failure(kept.spawn, kept, print))
    assert.equal("multisock.group (ended)", tostring(kept))
  end))

  it("works on the main chunk", function()
    local sum = 0
    assert.equal("ok", ms.group(function(g)
      for i = 1, 3 do
        g:spawn(function() ms.sleep(0.001) sum = sum + i end)
      end
      return "ok"
    end))
    assert.equal(6, sum)
  end)

  it("in a foreign coroutine raises before anything is started", task(function()
    local called = false
    local _, err = coroutine.resume(coroutine.create(function()
      ms.group(function() called = true end)
    end))
    assert.matches("not a task", err)
    ms.sleep(0.001)
    assert.is_false(called)
  end))
end)

describe("with_timeout", function()
  after_each(helper.check_leaks)

  it("gives results, nil among them", task(function()
    assert.same({ nil, 2, n = 2 }, table.pack(ms.with_timeout(60, function(...) return ... end,
      nil, 2)))
  end))

  it("raises what the function raises", task(function()
    assert.equal("boom", failure(ms.with_timeout, 60, error, "boom"))
  end))

  it("gives nil and a timeout, whatever the function swallowed", task(function()
    local swallowed
    local result, err = ms.with_timeout(0.005, function()
      local _, why = pcall(ms.sleep, 60)
      swallowed = why.kind
      return "too late"
    end)
    assert.equal("cancelled", swallowed)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.matches("0.005 s", err.message)
    assert.is_true(err.retryable)
  end))

  it("nests: the outer one ends the inner one", task(function()
    local inner_result = "untouched"
    local _, err = ms.with_timeout(0.005, function()
      inner_result = ms.with_timeout(60, ms.sleep, 60)
    end)
    assert.equal("timeout", err.kind)
    assert.matches("0.005", err.message)
    assert.equal("untouched", inner_result)
  end))

  it("nests: the inner one leaves the outer one alone", task(function()
    local result = ms.with_timeout(60, function()
      local _, err = ms.with_timeout(0.005, ms.sleep, 60)
      return err.kind
    end)
    assert.equal("timeout", result)
  end))

  it("reaches a task that swallowed an inner timeout and goes on", task(function()
    local rounds = 0
    ms.with_timeout(helper.seconds(0.1), function()
      ms.with_timeout(0.005, function()
        while rounds < 2 do
          pcall(ms.sleep, 60)
          rounds = rounds + 1
        end
      end)
    end)
    assert.equal(2, rounds)
  end))

  it("of nothing lets no time pass, but a turn", task(function()
    local result, err = ms.with_timeout(0, ms.sleep, 60)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
  end))

  it("takes seconds only", task(function()
    assert.matches("with_timeout: seconds expected, got x", failure(ms.with_timeout, "x", print))
    assert.matches("with_timeout: seconds", failure(ms.with_timeout, 0 / 0, print))
  end))

  it("leaves no timer behind", task(function()
    local _, before = scheduler.pending()
    ms.with_timeout(60, function() end)
    pcall(ms.with_timeout, 60, error)
    local _, after = scheduler.pending()
    assert.equal(before, after)
  end))
end)

describe("sleep and now", function()
  after_each(helper.check_leaks)

  it("sleeps at least so long, and lets others run", task(function()
    local order = {}
    local started = ms.now()
    ms.spawn(function()
      ms.sleep(0.001)
      order[#order + 1] = "short"
    end)
    ms.sleep(helper.seconds(0.05))
    order[#order + 1] = "long"
    assert.is_true(ms.now() - started >= helper.seconds(0.05))
    assert.same({ "short", "long" }, order)
  end))

  it("wakes in order of time, whatever the order of calls", task(function()
    local order = {}
    ms.group(function(g)
      for _, i in ipairs({ 3, 1, 2 }) do
        g:spawn(function()
          ms.sleep(helper.seconds(i * 0.03))
          order[#order + 1] = i
        end)
      end
    end)
    assert.same({ 1, 2, 3 }, order)
  end))

  it("of zero or less lets the others go first", task(function()
    local ran = false
    ms.spawn(function() ran = true end)
    ms.sleep(-1)
    assert.is_true(ran)
  end))

  it("of an endless time can be cancelled", task(function()
    local work = ms.spawn(ms.sleep, math.huge)
    ms.sleep(0.001)
    assert.is_true(work:cancel())
  end))

  it("takes seconds only", task(function()
    assert.matches("sleep: seconds expected, got nil", failure(ms.sleep))
    assert.matches("sleep: seconds expected", failure(ms.sleep, 0 / 0))
  end))

  it("drives the loop on the main chunk", function()
    local started = ms.now()
    ms.sleep(0.01)
    assert.is_true(ms.now() - started >= 0.01)
  end)
end)

describe("step and next_timeout", function()
  after_each(helper.check_leaks)

  it("drive a host's tasks without waiting", function()
    local seen = {}
    local work = ms.spawn(function()
      seen[#seen + 1] = "started"
      ms.sleep(helper.seconds(0.1))
      seen[#seen + 1] = "ended"
    end)
    assert.equal(0, ms.next_timeout())
    ms.step()
    assert.same({ "started" }, seen)
    local timeout = ms.next_timeout()
    assert.is_true(timeout > 0 and timeout <= helper.seconds(0.1))
    local steps = 0
    while work:status() ~= "done" do
      ms.step(ms.next_timeout())
      steps = steps + 1
    end
    assert.is_true(steps < 50)
    assert.is_nil(ms.next_timeout())
    assert.same({ "started", "ended" }, seen)
  end)

  it("waits no longer than asked, nor than a timer", function()
    local work = ms.spawn(ms.sleep, 60)
    ms.step()
    local started = ms.now()
    ms.step(0.01)
    assert.is_true(ms.now() - started < helper.seconds(5))
    work:cancel()
    local short = ms.spawn(ms.sleep, 0.01)
    while short:status() ~= "done" do
      ms.step(60)
    end
    assert.is_true(ms.now() - started < helper.seconds(10))
  end)

  it("raises in a task, and for what is no number", function()
    ms.run(function()
      assert.matches("step: the loop is running", failure(ms.step))
    end)
    assert.matches("step: seconds expected, got string", failure(ms.step, "x"))
  end)
end)

describe("where nothing can wait", function()
  after_each(helper.check_leaks)

  it("a foreign coroutine is told what to do", task(function()
    local _, err = coroutine.resume(coroutine.create(function() ms.sleep(0) end))
    assert.matches("not a task", err)
    assert.matches("ms%.spawn", err)
  end))

  it("a foreign coroutine outside a run is told, too", function()
    local _, err = coroutine.resume(coroutine.create(function() ms.sleep(0) end))
    assert.matches("not a task.*ms%.run", err)
  end)

  it("a function called by C is told what to do", task(function()
    local err = failure(table.sort, { 3, 2, 1 }, function(a, b)
      ms.sleep(0)
      return a < b
    end)
    assert.matches("C function is on the stack", err)
    err = failure(string.gsub, "x", "x", function() ms.sleep(0) end)
    assert.matches("C function is on the stack", err)
  end))

  it("a timer's callback is told what to do", function()
    scheduler.at(ms.now(), function() ms.sleep(0) end)
    assert.matches("callback; start a task", failure(ms.run, function() ms.sleep(0.01) end))
  end)
end)

describe("the user's own coroutines", function()
  after_each(helper.check_leaks)

  it("may yield inside a task", task(function()
    local generated = {}
    for value in coroutine.wrap(function()
      for i = 1, 3 do
        coroutine.yield(i)
      end
    end) do
      generated[#generated + 1] = value
      ms.sleep(0)
    end
    assert.same({ 1, 2, 3 }, generated)
  end))

  it("yielding the task itself only lets others go first", task(function()
    local order = {}
    local work = ms.spawn(function()
      order[#order + 1] = "before"
      assert.equal(0, select("#", coroutine.yield("ignored")))
      order[#order + 1] = "after"
      return "result"
    end)
    ms.spawn(function() order[#order + 1] = "other" end)
    assert.equal("result", work:await())
    assert.same({ "before", "other", "after" }, order)
  end))

  it("resumed from outside do no harm to a task that waits", task(function()
    local co
    local work = ms.spawn(function()
      co = coroutine.running()
      ms.sleep(0.01)
      return "slept"
    end)
    ms.sleep(0)
    coroutine.resume(co)
    local ok, value = work:join()
    assert.is_true(ok and value == "slept" or not ok and tostring(value):find("not a task") ~= nil)
  end))
end)

describe("to-be-closed variables", function()
  if _VERSION ~= "Lua 5.4" then
    return
  end
  after_each(helper.check_leaks)

  local compile = load([[
    return function(closed, body)
      return function()
        local guard <close> = setmetatable({}, { __close = closed })
        body()
      end
    end
  ]])

  local function guarded(...)
    return compile()(...)
  end

  it("of a task that fails are closed", task(function()
    local given
    local work = ms.spawn(guarded(function(_, err) given = err end, function() error("x", 0) end))
    work:join()
    assert.equal("x", given)
  end))

  it("of a task that is cancelled are closed, and may wait", task(function()
    local steps = {}
    local work = ms.spawn(guarded(function(_, err)
      steps[1] = err.kind
      ms.sleep(0.001)
      steps[2] = "waited"
    end, function() ms.sleep(60) end))
    ms.sleep(0)
    work:cancel()
    assert.is_false((work:join()))
    assert.equal("cancelled", work:status())
    assert.same({ "cancelled", "waited" }, steps)
  end))

  it("that fail to close replace the error, and it is not lost", function()
    assert.equal("close failed", failure(ms.run, function()
      local work = ms.spawn(guarded(function() error("close failed", 0) end,
        function() ms.sleep(60) end))
      ms.sleep(0)
      work:cancel()
    end))
  end)
end)

describe("a traceback", function()
  it("of where the error was raised is kept", task(function()
    local function the_culprit()
      ms.sleep(0)
      error("boom")
    end
    local work = ms.spawn(function() the_culprit() end)
    work:join()
    assert.matches("stack traceback", work.traceback)
    assert.matches("the_culprit", work.traceback)
  end))
end)

describe("a hundred thousand tasks", function()
  after_each(helper.check_leaks)

  -- CPU seconds for each of n tasks, the best of three tries.
  local function cost(n, fn)
    local best = math.huge
    for _ = 1, 3 do
      collectgarbage()
      local started = os.clock()
      fn(n)
      best = math.min(best, (os.clock() - started) / n)
    end
    return best
  end

  -- With a collector that never rests each allocation costs what lives.
  local scale = helper.timing_is_real and 1 or 0.01

  local function assert_linear(fn)
    if not helper.timing_is_real then
      return fn(500)
    end
    local few = cost(5000, fn)
    local many = cost(50000, fn)
    -- A quadratic cost would be ten times as much for each.
    assert.is_true(many < few * 4, ("%g s for each of many, %g of few"):format(many, few))
  end

  local function park_all(n, wait)
    local works = {}
    for i = 1, n do
      works[i] = ms.spawn(wait)
    end
    ms.sleep(0)
    ms.sleep(0)
    return works
  end

  it("#slow are cancelled in linear time, whatever they wait for", task(function()
    local gate = ms.spawn(ms.sleep, 1000)
    local queue = ms.queue()
    for _, wait in ipairs({
      function() ms.sleep(1000) end,
      function() gate:await() end,
      function() queue:get() end,
    }) do
      assert_linear(function(n)
        local works = park_all(n, wait)
        for i = 1, n do
          works[i]:cancel()
        end
      end)
      assert_linear(function(n)
        ms.with_timeout(0.001, park_all, n, wait)
      end)
    end
    gate:cancel()
  end, 120))

  it("#slow are woken in linear time", task(function()
    assert_linear(function(n)
      local queue = ms.queue()
      local works = park_all(n, function() return queue:get() end)
      for i = 1, n do
        queue:put(i)
      end
      for i = 1, n do
        assert(works[i]:await() == i)
      end
    end)
    assert_linear(function(n)
      local gate = ms.spawn(ms.sleep, 0.001)
      local works = park_all(n, function() return gate:join() end)
      for i = 1, n do
        works[i]:await()
      end
    end)
  end, 120))

  it("wait at the same time", task(function()
    local works = park_all(100000 * scale, function() ms.sleep(1000) end)
    local _, timers = scheduler.pending()
    assert.is_true(timers >= 100000 * scale)
    for i = 1, #works do
      works[i]:cancel()
    end
    _, timers = scheduler.pending()
    assert.is_true(timers < 10)
  end, 60))
end)
