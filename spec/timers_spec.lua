-- The heap of deadlines, against a sorted list. It is one for the process, so
-- these specs leave it as they found it.
local helper = require("spec.helper")
local timers = require("multisock.base.timers")

-- With a collector that never rests each allocation costs what lives.
local scale = helper.timing_is_real and 1 or 0.05

describe("timers", function()
  after_each(helper.check_leaks)

  local function drain(time)
    local got = {}
    local entry = timers.pop_due(time)
    while entry do
      got[#got + 1] = entry
      entry = timers.pop_due(time)
    end
    return got
  end

  it("come out in order of their deadlines, none too early", function()
    math.randomseed(42)
    local reference = {}
    local count = 2000 * scale
    for i = 1, count do
      reference[i] = timers.add({ deadline = math.random(1, 500) })
    end
    table.sort(reference, function(a, b) return a.deadline < b.deadline end)
    local at = 0
    for time = 0, 501, 25 do
      local due = 0
      while reference[due + 1] and reference[due + 1].deadline <= time do
        due = due + 1
      end
      for _, entry in ipairs(drain(time)) do
        at = at + 1
        assert.equal(reference[at].deadline, entry.deadline)
        assert.is_true(entry.deadline <= time)
      end
      assert.equal(due, at)
      local following = reference[at + 1]
      assert.equal(following and following.deadline, timers.next_deadline())
    end
    assert.equal(count, at)
  end)

  it("stay in order while some are added, cancelled and taken", function()
    math.randomseed(7)
    local alive, count, time = {}, 0, 0
    for _ = 1, 5000 * scale do
      local what = math.random(10)
      if what <= 5 then
        alive[timers.add({ deadline = time + math.random() * 10 })] = true
        count = count + 1
      elseif what <= 9 then
        local entry = next(alive)
        if entry then
          alive[entry] = nil
          count = count - 1
          timers.cancel(entry)
          timers.cancel(entry)
        end
      else
        time = time + math.random()
        local last = 0
        for _, entry in ipairs(drain(time)) do
          assert.is_true(alive[entry])
          assert.is_true(entry.deadline >= last and entry.deadline <= time)
          last = entry.deadline
          alive[entry] = nil
          count = count - 1
        end
        for entry in pairs(alive) do
          assert.is_true(entry.deadline > time)
        end
      end
      assert.equal(count, timers.count())
    end
    for entry in pairs(alive) do
      timers.cancel(entry)
    end
    assert.is_nil(timers.next_deadline())
  end)

  it("that fired are not cancelled any more", function()
    local entry = timers.add({ deadline = 1 })
    assert.equal(entry, timers.pop_due(1))
    timers.cancel(entry)
    assert.equal(0, timers.count())
    assert.is_nil(timers.pop_due(math.huge))
  end)

  it("that are cancelled are dropped before half of all is dead", function()
    local collected = setmetatable({}, { __mode = "k" })
    local kept = timers.add({ deadline = 0 })
    for i = 1, 10000 * scale do
      local entry = timers.add({ deadline = i })
      collected[entry] = true
      timers.cancel(entry)
    end
    collectgarbage()
    collectgarbage()
    local left = 0
    for _ in pairs(collected) do
      left = left + 1
    end
    assert.is_true(left <= 130, left .. " cancelled entries are still held")
    assert.equal(1, timers.count())
    timers.cancel(kept)
  end)

  it("take endless deadlines", function()
    local endless = timers.add({ deadline = math.huge })
    local soon = timers.add({ deadline = 1 })
    assert.equal(soon, timers.pop_due(1e300))
    assert.is_nil(timers.pop_due(1e300))
    timers.cancel(endless)
  end)
end)
