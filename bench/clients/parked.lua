-- Measures what it takes to wake or to cancel one task among N that wait:
-- parked.lua N. Prints one line of JSON, microseconds each.
local ms = require "multisock"

local count = tonumber(arg[1])
-- So many are woken or cancelled at any N.
local PART = 1000
local ROUNDS = 5

local function median(values)
  table.sort(values)
  return values[#values // 2 + 1]
end

local function microseconds(fn)
  local began = ms.now()
  fn()
  return (ms.now() - began) * 1e6 / PART
end

-- Tasks that wait for values of one queue; each value wakes one, which counts
-- it and waits again.
local function queue_waiters(queue, tally)
  local tasks = {}
  for i = 1, count do
    tasks[i] = ms.spawn(function()
      while queue:get() do
        tally.woken = tally.woken + 1
      end
    end)
  end
  return tasks
end

local function sleepers()
  local tasks = {}
  for i = 1, count do
    tasks[i] = ms.spawn(ms.sleep, 1000 + i % 977)
  end
  return tasks
end

local function cancel_all(tasks)
  for _, task in pairs(tasks) do
    task:cancel()
  end
  for _, task in pairs(tasks) do
    task:join()
  end
end

-- PART of the tasks, spread over all of them.
local function cancel_part(tasks, round)
  local step = #tasks // PART
  local picked = {}
  for i = 1, PART do
    -- A prime that does not divide the count: in no order that helps.
    picked[i] = tasks[(i * 7919 % PART) * step + 1 + (round - 1) % step]
  end
  return microseconds(function()
    for i = 1, PART do
      picked[i]:cancel()
    end
    ms.sleep(0)
  end), picked
end

local function wake_part(queue, tally)
  local before = tally.woken
  local each = microseconds(function()
    for _ = 1, PART do
      queue:put(true)
    end
    repeat
      ms.sleep(0)
    until tally.woken == before + PART
  end)
  return each
end

local function measure_wakes()
  local queue, tally = ms.queue(), {woken = 0}
  local tasks = queue_waiters(queue, tally)
  ms.sleep(0.01)
  local each = {}
  for round = 1, ROUNDS do
    each[round] = wake_part(queue, tally)
  end
  local cancelled = {(cancel_part(tasks, 1))}
  queue:close()
  for i = 1, #tasks do
    tasks[i]:join()
  end
  return median(each), cancelled[1]
end

local function measure_cancels()
  local each = {}
  for round = 1, ROUNDS do
    local tasks = sleepers()
    ms.sleep(0.01)
    each[round] = cancel_part(tasks, round)
    cancel_all(tasks)
  end
  return median(each)
end

ms.run(function()
  local wake, cancel_queued = measure_wakes()
  local cancel_sleeping = measure_cancels()
  print(('{"client": "multisock", "parked": %d, "wake_us": %.3f, "cancel_sleeping_us": %.3f, '
    .. '"cancel_queued_us": %.3f}'):format(count, wake, cancel_sleeping, cancel_queued))
end)
