-- Tasks that end together: groups, and limits of time.
local helper = require("spec.helper")
local ms = require("multisock")
local scheduler = require("multisock.tasks.scheduler")
local support = require("spec.support.tasks")

local task = helper.task
local turns, failure = support.turns, helper.failure

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
