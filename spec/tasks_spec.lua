-- Tasks: which results and which errors they hand over, and to whom.
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task
local failure = helper.failure

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
