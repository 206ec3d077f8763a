-- Errors of tasks that nobody awaited: told, once.
local helper = require("spec.helper")
local ms = require("multisock")
local support = require("spec.support.tasks")

local task = helper.task
local turns, failure = support.turns, helper.failure
local lua = require("spec.support.core_support").child

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
      assert.matches("unobserved_spec", traceback)
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
    assert.equal("", (lua([[
      local ms = require("multisock")
      local work = ms.spawn(function() error("heard") end)
      ms.sleep(0.001)
      work:join()
      pcall(ms.run, function() ms.spawn(error, "raised") end)
    ]])))
  end)

  it("reach the user of lua as a plain uncaught error", function()
    assert.matches("lua%a*[%d.]*: boom", (lua([[
      require("multisock").run(function() error("boom", 0) end)
    ]])))
  end)

  it("refuses an on_error that is no function", function()
    assert.matches("on_error: function expected, got table", failure(ms.on_error, {}))
  end)
end)
