-- Cancelling a task: once, where it waits, and nothing is lost.
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task
local failure = helper.failure

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

  it("ends a task that was woken and has not run yet", task(function()
    local queue, got = ms.queue(), nil
    local work = ms.spawn(function()
      got = queue:get()
    end)
    ms.sleep(0)
    queue:put("value")
    assert.equal("ready", work:status())
    assert.is_true(work:cancel())
    assert.equal("cancelled", work:status())
    assert.is_nil(got)
    assert.equal("value", queue:get())
    ms.sleep(0)                     -- the turn in which it would have run
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
