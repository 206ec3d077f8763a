-- ms.each with a function.
local helper = require("spec.helper")
local ms = require("multisock")
local support = require("spec.support.tasks")

local task, counter, gauge = helper.task, support.counter, support.gauge

local failure, turns = helper.failure, support.turns

describe("each", function()
  after_each(helper.check_leaks)

  it("gives results in the order of arrival, with their errors", task(function()
    local seen = {}
    for i, value, err in ms.each({ 30, 1, 15 }, function(item)
      ms.sleep(helper.seconds(item / 300))
      if item == 1 then
        return nil, "one"
      end
      return item
    end) do
      seen[#seen + 1] = { i, value or err }
    end
    assert.same({ { 2, "one" }, { 3, 15 }, { 1, 30 } }, seen)
  end))

  it("gives items whose result is nil or false, too", task(function()
    local count = 0
    for i, value, err in ms.each({ 1, 2 }, function(item)
      if item == 1 then
        return false
      end
    end) do
      assert.is_truthy(i)
      assert.is_falsy(value)
      assert.is_nil(err)
      count = count + 1
    end
    assert.equal(2, count)
  end))

  it("cancels what runs when it is left early", task(function()
    local running = gauge()
    local iterator = ms.each(counter(100), running.wrap(function(item)
      ms.sleep(item == 1 and 0 or 60)
      return item
    end), { concurrency = 4 })
    if _VERSION == "Lua 5.4" then
      for _ in iterator, nil, nil, iterator do -- luacheck: ignore 512
        break
      end
    else
      iterator()
      iterator:close()
    end
    assert.equal("multisock.each (closed)", tostring(iterator))
    assert.is_nil(iterator())
    iterator:close()
    ms.sleep(0)
  end))

  it("slows the work down when the loop's body is slow", task(function()
    local started, taken = 0, 0
    for _ in ms.each(counter(60), function(item)
      started = started + 1
      assert(started - taken <= 2 * 4 + 1, "runs away")
      return item
    end, { concurrency = 4 }) do
      taken = taken + 1
      ms.sleep(0.0005)
    end
    assert.equal(60, taken)
  end))

  it("raises what the function raised, after what arrived before", task(function()
    local seen = {}
    assert.equal("boom", failure(function()
      for _, value in ms.each({ 1, 2, 3 }, function(item)
        if item == 3 then
          turns()
          error("boom", 0)
        end
        return item
      end) do
        seen[#seen + 1] = value
      end
    end))
    assert.same({ 1, 2 }, seen)
  end))

  it("raises in the loop only, not in the group around it", task(function()
    assert.equal("fine", ms.group(function()
      assert.equal("boom", failure(function()
        for _ in ms.each({ 1 }, function() error("boom", 0) end) do -- luacheck: ignore 542
        end
      end))
      ms.sleep(0.001)
      return "fine"
    end))
  end))

  it("does not lose what was raised when it is left before", function()
    assert.equal("unheard", failure(ms.run, function()
      local iterator = ms.each({ 1, 2 }, function(item)
        if item == 2 then
          error("unheard", 0)
        end
        return item
      end)
      assert.equal(1, iterator())
      turns()
      iterator:close()
    end))
  end)

  it("stops after the first error when asked to", task(function()
    local seen = {}
    for i, value, err in ms.each({ 1, 2, 3, 4 }, function(item)
      if item == 1 then
        return nil, "one"
      end
      ms.sleep(60)
      return item
    end, { on_error = "stop" }) do
      seen[#seen + 1] = { i, value or err }
    end
    assert.same({ { 1, "one" } }, seen)
  end))

  it("tells progress", task(function()
    local last
    for _ in ms.each({ 1, 2 }, function(item) return item end, {
      progress = function(done, total) last = { done, total } end,
    }) do -- luacheck: ignore 542
    end
    assert.same({ 2, 2 }, last)
  end))

  it("is cancelled with the task that loops", task(function()
    local running = gauge()
    local work = ms.spawn(function()
      ms.with_timeout(60, function()
        local slow = running.wrap(function() ms.sleep(60) end)
        for _ in ms.each(counter(10), slow) do -- luacheck: ignore 542
        end
      end)
    end)
    turns()
    assert.equal(10, running.now)
    work:cancel()
    turns()
    assert.equal("cancelled", work:status())
  end))

  it("works on the main chunk", function()
    local sum = 0
    for _, value in ms.each({ 1, 2, 3 }, function(item) ms.sleep(0.001) return item end) do
      sum = sum + value
    end
    assert.equal(6, sum)
  end)

  it("raises before anything is started where it cannot wait", task(function()
    local started = false
    local _, err = coroutine.resume(coroutine.create(function()
      ms.each({ 1 }, function() started = true end)
    end))
    assert.matches("not a task", err)
    ms.sleep(0.001)
    assert.is_false(started)
  end))

  it("names what is wrong with its arguments", task(function()
    assert.matches("each: list or iterator expected, got number", failure(ms.each, 3, print))
    assert.matches("each_spec", failure(function() local a = ms.each(3) return a end))
  end))
end)
