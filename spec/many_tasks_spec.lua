-- A hundred thousand tasks: that none of them costs more than one of few.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local scheduler = require("multisock.tasks.scheduler")

local task = helper.task

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
    local few = cost(2000, fn)
    local many = cost(20000, fn)
    -- A quadratic cost would be ten times as much for each.
    -- The system may have counted none of the time that the few took.
    assert.is_true(many < math.max(few, 2e-6) * 4,
      ("%g s for each of many, %g of few"):format(many, few))
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
    local limiter = ms.spawn(ms.sleep, 1000)
    local queue = ms.queue()
    for _, wait in ipairs({
      function() ms.sleep(1000) end,
      function() limiter:await() end,
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
    limiter:cancel()
  end, 300))

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
      local limiter = ms.spawn(ms.sleep, 0.001)
      local works = park_all(n, function() return limiter:join() end)
      for i = 1, n do
        works[i]:await()
      end
    end)
  end, 300))

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

describe("a task that waits for its answer", function()
  local hostile, client = fixtures.hostile(), nil

  fixtures.client(function(made) client = made end, { limits = { host_connections = 300 } })

  it("has a small stack", task(function()
    if _VERSION ~= "Lua 5.4" then
      return pending("what a stack takes is not the same in each Lua")
    end
    local url = hostile.url("/stall")
    local function fetch()
      return client:get(url)
    end
    local function memory()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    -- The first ones fill the tables that all have in common.
    local works = {}
    local function start(count)
      for _ = 1, count do
        works[#works + 1] = ms.spawn(fetch)
      end
      ms.sleep(0.3)
      return memory()
    end
    local before = start(40)
    local each = (start(200) - before) / 200
    -- With a stack of 160 places, where Lua doubles it, 4.0; the coroutine alone takes 2.
    assert.is_true(each < 3.3, ("%.2f KiB each"):format(each))
    for _, work in ipairs(works) do
      work:cancel()
    end
  end))
end)
