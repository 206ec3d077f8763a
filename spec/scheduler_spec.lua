-- What runs when, on a loop that we turn: run, sleep, step, and who cannot wait.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local waiting = require("multisock.tasks.waiting")

local task = helper.task
local failure = helper.failure

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
    assert.matches("spawn: function expected, got 3", failure(ms.spawn, 3))
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

describe("sleep and now", function()
  local hostile = fixtures.hostile()

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

  it("lets who slept run before those whom the end of a transfer wakes", task(function()
    local client, order = ms.client(), {}
    client:get(hostile.url("/bytes")):text()
    client:get(hostile.url("/late?delay=0.01")):text()
    local started = ms.now()
    local reader = ms.spawn(function()
      client:get(hostile.url("/late?delay=0.2")):text()
    end)
    local busy = ms.spawn(function()
      client:get(hostile.url("/bytes")):text()
      repeat until ms.now() > started + 0.4     -- both are due by then
      client:get(hostile.url("/bytes")):text()
    end)
    local sleeper = ms.spawn(function()
      ms.sleep(0.25)
      order[#order + 1] = "slept"
    end)
    reader:await()
    order[#order + 1] = "read"
    sleeper:await()
    busy:await()
    assert.same({ "slept", "read" }, order)
    client:close()
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

  it("starts no further task once the budget is spent, and loses none", function()
    local order, tasks = {}, {}
    for i = 1, 5 do
      tasks[i] = ms.spawn(function()
        order[#order + 1] = i
        ms.sleep(0)
        order[#order + 1] = 10 + i
      end)
    end
    ms.step(60, 0)                    -- spent at once: one task all the same
    assert.same({ 1 }, order)
    assert.equal(0, ms.next_timeout())
    for i = 2, 5 do
      ms.step(60, -1)
      assert.equal(i, #order)
    end
    while tasks[5]:status() ~= "done" do
      ms.step(60, 60)
    end
    assert.same({ 1, 2, 3, 4, 5, 11, 12, 13, 14, 15 }, order)
  end)

  it("raises in a task, and for what is no number", function()
    ms.run(function()
      assert.matches("step: the loop is running", failure(ms.step))
    end)
    assert.matches("step: seconds expected, got string", failure(ms.step, "x"))
    assert.matches("step: budget: seconds expected, got boolean", failure(ms.step, 0, true))
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
    waiting.at(ms.now(), function() ms.sleep(0) end)
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
