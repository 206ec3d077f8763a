-- Queues between tasks.
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("a queue", function()
  after_each(helper.check_leaks)

  it("gives values in order, false too", task(function()
    local queue = ms.queue()
    for _, value in ipairs({ 1, false, "x" }) do
      queue:put(value)
    end
    assert.equal(3, queue.count)
    if _VERSION ~= "Lua 5.1" then  -- there tables have no __len
      assert.equal(3, #queue)
    end
    assert.same({ 1, false, "x" }, { queue:get(), queue:get(), queue:get() })
  end))

  it("never holds more than its capacity", task(function()
    local queue = ms.queue(2)
    local most, put = 0, 0
    ms.group(function(g)
      for _ = 1, 3 do
        g:spawn(function()
          for _ = 1, 10 do
            queue:put(true)
            put = put + 1
            most = math.max(most, queue.count)
          end
        end)
      end
      for _ = 1, 10 do
        ms.sleep(0)
      end
      assert.equal(2, put)
      for i = 1, 30 do
        queue:get()
        if i % 3 == 0 then
          ms.sleep(0)
        end
      end
    end)
    assert.equal(2, most)
    assert.equal(30, put)
    assert.equal(0, queue.count)
  end))

  it("serves those that wait in their order, nobody jumps in", task(function()
    local queue = ms.queue()
    local order = {}
    local works = {}
    for i = 1, 3 do
      works[i] = ms.spawn(function()
        local value = queue:get()
        order[#order + 1] = i .. value
      end)
    end
    ms.sleep(0)
    queue:put("a")
    -- The first is woken; who comes now has to wait behind the third.
    works[4] = ms.spawn(function()
      local value = queue:get()
      order[#order + 1] = "4" .. value
    end)
    local early = ms.with_timeout(0.005, function() return queue:get() end)
    assert.is_nil(early)
    for _, value in ipairs({ "b", "c", "d" }) do
      queue:put(value)
    end
    for i = 1, 4 do
      works[i]:await()
    end
    assert.same({ "1a", "2b", "3c", "4d" }, order)
  end))

  it("serves producers in their order", task(function()
    local queue = ms.queue(1)
    for i = 1, 4 do
      ms.spawn(function() queue:put(i) end)
    end
    local got = {}
    for i = 1, 4 do
      got[i] = queue:get()
      ms.sleep(0)
    end
    assert.same({ 1, 2, 3, 4 }, got)
  end))

  it("loses and doubles nothing with many at both ends", task(function()
    local queue = ms.queue(3)
    local seen, count = {}, 0
    ms.group(function(g)
      for producer = 1, 5 do
        g:spawn(function()
          for i = 1, 100 do
            queue:put(producer * 1000 + i)
            if i % 7 == producer then
              ms.sleep(0)
            end
          end
        end)
      end
      for _ = 1, 4 do
        g:spawn(function()
          while true do
            local value = queue:get()
            if value == nil then
              break
            end
            assert(not seen[value])
            seen[value] = true
            count = count + 1
            if count == 500 then
              queue:close()
            end
          end
        end)
      end
    end)
    assert.equal(500, count)
  end))

  it("passes the wake-up on when who got it is cancelled", task(function()
    local queue = ms.queue()
    local got
    local first = ms.spawn(function() queue:get() end)
    local second = ms.spawn(function() got = queue:get() end)
    ms.sleep(0)
    queue:put("value")
    first:cancel()
    second:await()
    assert.equal("value", got)
  end))

  it("passes the room on when who got it is cancelled", task(function()
    local queue = ms.queue(1)
    queue:put(1)
    local first = ms.spawn(function() queue:put(2) end)
    local second = ms.spawn(function() queue:put(3) end)
    ms.sleep(0)
    assert.equal(1, queue:get())
    first:cancel()
    second:await()
    assert.equal(3, queue:get())
  end))

  it("forgets those that gave up", task(function()
    local queue = ms.queue()
    for _ = 1, 10 do
      ms.with_timeout(0, function() queue:get() end)
    end
    local waiting = ms.spawn(function() return queue:get() end)
    ms.sleep(0)
    queue:put("x")
    assert.equal("x", waiting:await())
  end))

  it("that is closed gives what is left, then nil", task(function()
    local queue = ms.queue()
    queue:put(1)
    queue:put(2)
    queue:close()
    queue:close()
    assert.same({ 1, 2 }, { queue:get(), queue:get() })
    assert.is_nil(queue:get())
    assert.matches("1 values, closed", (function()
      local other = ms.queue()
      other:put(1)
      other:close()
      return tostring(other)
    end)())
  end))

  it("that is closed wakes all that wait", task(function()
    local empty, full = ms.queue(), ms.queue(1)
    full:put(1)
    local works = {}
    for i = 1, 3 do
      works[i] = ms.spawn(function() return "got", empty:get() end)
      works[i + 3] = ms.spawn(function() full:put(2) end)
    end
    ms.sleep(0)
    empty:close()
    full:close()
    for i = 1, 3 do
      assert.same({ true, "got" }, { works[i]:join() })
      local ok, err = works[i + 3]:join()
      assert.is_false(ok)
      assert.matches("put: the queue is closed", err)
    end
    assert.equal(1, full:get())
  end))

  it("is iterable until it is closed and empty", helper.of_loop(task(function()
    local queue = ms.queue(1)
    ms.spawn(function()
      for i = 1, 5 do
        queue:put(i)
      end
      queue:close()
    end)
    local sum = 0
    for value in queue do
      sum = sum + value
    end
    assert.equal(15, sum)
  end)))

  it("drives the loop on the main chunk", function()
    local queue = ms.queue()
    ms.spawn(function()
      ms.sleep(0.001)
      queue:put("from a task")
    end)
    assert.equal("from a task", queue:get())
  end)

  it("takes no nil, and integers of 1 or more for its capacity", task(function()
    local queue = ms.queue()
    assert.has_error(function() queue:put(nil) end)
    for _, bad in ipairs({ 0, -1, 1.5, "x", {}, 0 / 0 }) do
      local err = helper.failure(ms.queue, bad)
      assert.matches("queue: integer of 1 or more expected, got", err)
    end
    assert.equal(0, #ms.queue(math.huge))
  end))
end)
