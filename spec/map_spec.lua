-- ms.map and ms.each.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local support = require("spec.support.tasks")

local task = helper.task

local failure, turns = helper.failure, support.turns

-- Counts how many run at once.
local function gauge()
  local self = { now = 0, most = 0 }
  function self.wrap(fn)
    return function(...)
      self.now = self.now + 1
      self.most = math.max(self.most, self.now)
      local value, err = fn(...)
      self.now = self.now - 1
      return value, err
    end
  end
  return self
end

local function counter(n)
  local i = 0
  return function()
    i = i + 1
    return i <= n and i or nil
  end
end

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
    assert.matches("map_spec", failure(function() local a = ms.each(3) return a end))
  end))
end)

describe("fetching with map and each", function()
  local server, hostile = fixtures.nginx(), fixtures.hostile()
  after_each(helper.check_leaks)

  it("buffers the bodies", task(function()
    local urls = {}
    for i = 1, 50 do
      urls[i] = server.url("/file/" .. i)
    end
    local results, errors = ms.map(urls, { concurrency = 7 })
    assert.same({}, errors)
    assert.equal(50, results.n)
    for i = 1, 50 do
      assert.equal(200, results[i].status)
      assert.equal("body-" .. i, results[i]:text())
      assert.equal("body-" .. i, results[i]:text())
    end
  end))

  it("keeps to its concurrency at the server", task(function()
    local urls = {}
    for i = 1, 12 do
      urls[i] = hostile.url("/late?delay=0.02&i=" .. i)
    end
    assert.is_truthy(ms.fetch(hostile.url("/stats-reset")))
    ms.map(urls, { concurrency = 3 })
    local stats = ms.fetch(hostile.url("/stats")):json()
    assert.equal(12, stats.requests)
    assert.is_true(stats.peak <= 4, "peak " .. stats.peak)
  end))

  it("gives an error for a body that does not come whole", task(function()
    local results, errors = ms.map({
      hostile.url("/truncate"), "not a url", hostile.url("/bytes?n=10"),
    })
    assert.is_nil(results[1])
    assert.equal("closed", errors[1].kind)
    assert.equal("url", errors[2].kind)
    assert.equal(10, #results[3]:text())
  end))

  it("reads its URLs from the lines of a response", task(function()
    local list = {}
    for i = 1, 9 do
      list[i] = server.url("/file/" .. i)
    end
    local source = ms.fetch(hostile.url("/echo"), { method = "POST", body = "unused" })
    source:text()
    -- The lines trickle in, so the iterator waits.
    local path = "/late?delay=0&body=" .. table.concat(list, "%0A")
    local lines = ms.fetch(hostile.url(path)):lines()
    local results = ms.map(lines, { concurrency = 3 })
    assert.equal(9, results.n)
    for i = 1, 9 do
      assert.equal("body-" .. i, results[i]:text())
    end
  end))

  it("gives responses as they arrive", task(function()
    local seen = {}
    for i, response, err in ms.each({
      hostile.url("/late?delay=" .. helper.seconds(0.2)), server.url("/file/x"),
      "http://127.0.0.1:1/",
    }) do
      seen[i] = response and response:text() or err.kind
      seen[#seen + 1] = nil
    end
    assert.same({ "late\n", "body-x", "connect" }, seen)
  end))

  it("raises misuse: a URL that is no string", task(function()
    assert.matches("url: string expected, got number", failure(ms.map, { 3 }))
  end))
end)
