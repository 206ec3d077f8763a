-- ms.map with a function.
local helper = require("spec.helper")
local ms = require("multisock")
local support = require("spec.support.tasks")

local task, counter, gauge = helper.task, support.counter, support.gauge

local failure, turns = helper.failure, support.turns

describe("map", function()
  after_each(helper.check_leaks)

  it("gives results in the order of the items, whatever ends first", task(function()
    local results, errors = ms.map({ 3, 1, 2 }, function(item, i)
      ms.sleep(item / 500)
      return item * 10 + i
    end)
    assert.same({ 31, 12, 23, n = 3 }, results)
    assert.same({}, errors)
  end))

  it("runs no more than `concurrency` at once, and that many", task(function()
    for _, items in ipairs({ { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, counter(9) }) do
      local running = gauge()
      local results = ms.map(items, running.wrap(function(item)
        ms.sleep(0.002)
        return item
      end), { concurrency = 3 })
      assert.equal(3, running.most)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, n = 9 }, results)
    end
  end))

  it("runs 64 at once by default", task(function()
    local running = gauge()
    ms.map(counter(200), running.wrap(function() ms.sleep(0.001) return true end))
    assert.equal(64, running.most)
  end))

  it("starts only what it has items for, however high the concurrency", task(function()
    local running = gauge()
    for _, concurrency in ipairs({ 1e9, math.huge }) do
      local results = ms.map(counter(5), running.wrap(function(item)
        ms.sleep(0.001)
        return item
      end), { concurrency = concurrency })
      assert.equal(5, results.n)
    end
    assert.equal(5, running.most)
  end))

  it("takes an item from an iterator when a task is free for it", task(function()
    local asked, ended = 0, 0
    ms.map(function()
      asked = asked + 1
      assert(asked - ended <= 4)
      return asked <= 20 and asked or nil
    end, function()
      ms.sleep(0.0005)
      ended = ended + 1
    end, { concurrency = 3 })
    assert.equal(20, ended)
  end))

  it("asks an iterator no more after its end", task(function()
    local ends = 0
    ms.map(function()
      ends = ends + 1
      assert(ends == 1, "asked again")
    end, print, { concurrency = 8 })
    local generate = coroutine.wrap(function()
      for i = 1, 10 do
        coroutine.yield(i)
      end
    end)
    assert.equal(10, ms.map(generate, function(i) ms.sleep(0) return i end).n)
  end))

  it("asks an iterator that waits one task at a time", task(function()
    local inside, i = false, 0
    local results = ms.map(function()
      assert(not inside, "asked while it waits")
      inside = true
      ms.sleep(0.0005)
      inside = false
      i = i + 1
      return i <= 10 and i or nil
    end, function(item) return item end, { concurrency = 4 })
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, n = 10 }, results)
  end))

  it("takes a queue, also one that holds something already", task(function()
    local queue = ms.queue(2)
    queue:put("a")
    ms.spawn(function()
      queue:put("b")
      queue:put("c")
      queue:close()
    end)
    local results = ms.map(queue, function(item) return item end)
    assert.same({ "a", "b", "c", n = 3 }, results)
  end))

  it("takes an empty list and an empty iterator", task(function()
    assert.same({ n = 0 }, (ms.map({}, error)))
    assert.same({ n = 0 }, (ms.map(counter(0), error)))
  end))

  it("takes the results of another map, with their holes", task(function()
    local first = ms.map({ 1, 2, 3, 4 }, function(item)
      if item % 2 == 0 then
        return nil, "even"
      end
      return item
    end)
    assert.same({ 1, nil, 3, n = 4 }, first)
    local seen = {}
    local second = ms.map(first, function(item, i)
      seen[#seen + 1] = i
      return item + 1
    end)
    table.sort(seen)
    assert.same({ 1, 3 }, seen)
    assert.same({ 2, nil, 4, n = 4 }, second)
  end))

  it("keeps errors by item, and goes on", task(function()
    local results, errors = ms.map({ 1, 2, 3, 4 }, function(item)
      if item == 2 then
        return nil, "two"
      elseif item == 3 then
        return false
      elseif item == 4 then
        return nil
      end
      return item
    end)
    assert.same({ 1, nil, false, n = 4 }, results)
    assert.same({ [2] = "two" }, errors)
  end))

  it("cancels the rest when the function raises, and raises it", task(function()
    local value, cancelled = {}, 0
    local started = 0
    assert.equal(value, failure(ms.map, counter(100), function(item)
      started = started + 1
      if item == 3 then
        turns()
        error(value)
      end
      local ok, err = pcall(ms.sleep, 60)
      if not ok then
        cancelled = cancelled + 1
        error(err, 0)
      end
    end, { concurrency = 5 }))
    assert.equal(5, started)
    assert.equal(4, cancelled)
  end))

  it("raises what the iterator raises", task(function()
    assert.equal("bad source", failure(ms.map, function() error("bad source", 0) end, print))
    local asked = 0
    assert.equal("later", failure(ms.map, function()
      asked = asked + 1
      if asked > 6 then
        error("later", 0)
      end
      return asked
    end, function() ms.sleep(0.0005) end, { concurrency = 3 }))
  end))

  it("stops at the first error when asked to", task(function()
    local started = 0
    local results, errors = ms.map({ 1, 2, 3, 4, 5, 6 }, function(item)
      started = started + 1
      if item == 2 then
        return nil, "two"
      end
      ms.sleep(item == 1 and 0 or 60)
      return item
    end, { concurrency = 3, on_error = "stop" })
    assert.same({ [2] = "two" }, errors)
    assert.equal(6, results.n)
    assert.is_true(started <= 4)
  end))

  it("stops while its iterator waits", task(function()
    local asked = 0
    local results, errors = ms.map(function()
      asked = asked + 1
      if asked > 1 then
        ms.sleep(60)
      end
      return asked
    end, function()
      turns()
      return nil, "stop"
    end, { on_error = "stop" })
    assert.same({ n = 1 }, results)
    assert.same({ "stop" }, errors)
  end))

  it("tells progress after each item, with the total of a list", task(function()
    local seen = {}
    local function note(done, total)
      seen[#seen + 1] = done .. "/" .. tostring(total)
    end
    ms.map({ "a", "b" }, function() end, { progress = note })
    ms.map(counter(2), function() end, { progress = note })
    assert.same({ "1/2", "2/2", "1/nil", "2/nil" }, seen)
    assert.equal("from progress", failure(ms.map, { 1 }, function() end, {
      progress = function() error("from progress", 0) end,
    }))
  end))

  it("is cancelled with its task", task(function()
    local running = gauge()
    local work = ms.spawn(ms.map, counter(100), running.wrap(function() ms.sleep(60) end))
    turns()
    assert.equal(64, running.now)
    work:cancel()
    assert.equal("cancelled", work:status())
  end))

  it("works on the main chunk", function()
    assert.same({ 2, 4, n = 2 }, (ms.map({ 1, 2 }, function(item)
      ms.sleep(0.001)
      return item * 2
    end)))
  end)

  it("names what is wrong with its arguments", task(function()
    assert.matches("map: list or iterator expected, got string", failure(ms.map, "x", print))
    assert.matches("map: list or iterator expected, got nil", failure(ms.map))
    assert.matches("map: function expected, got string", failure(ms.map, {}, "x"))
    assert.matches("map: table of options expected", failure(ms.map, {}, print, 3))
    assert.matches('map: unknown option "concurency"', failure(ms.map, {}, { concurency = 3 }))
    assert.matches("option 'on_error'.*got \"no\"", failure(ms.map, {}, { on_error = "no" }))
    assert.matches("option 'progress': function expected, got 1", failure(ms.map, {},
      { progress = 1 }))
    for _, bad in ipairs({ 0, 1.5, -1, "x", 0 / 0 }) do
      assert.matches("option 'concurrency': integer of 1 or more expected", failure(ms.map, {},
        { concurrency = bad }))
    end
  end))
end)
