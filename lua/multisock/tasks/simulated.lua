-- Simulated time: runs a function as ms.run does, in a world of its own where all of this
-- package has another clock, chance is told by a seed, and no socket is opened. What was there
-- before stands still meanwhile. mock:run is this; who does not use it does not load it.
local chance = require("multisock.base.chance")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local loops = require("multisock.loop.simulated")
local pairs = compat.pairs
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local timers = require("multisock.base.timers")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")
local woken = require("multisock.tasks.woken")

local outside = unobserved.outside

local simulated = {}

-- When each clock begins: long after 0, and sums of it are as good as exact.
local FIRST = 2 ^ 20

-- The world that is, or nil.
local present

--- Makes a world.
-- @param manual boolean: its clock moves by `advance` alone
-- @param bytes function(count): its chance
function simulated.new(manual, bytes)
  return { loop = loops.new(FIRST, os.time(), manual), manual = manual, bytes = bytes }
end

local function refuse(what)
  errors.misuse(("mock:run: %s would go over the network: give its client an agent"):format(what))
end

--- @return what leave() takes
local function enter(world)
  local before = woken.exchange({ loop = world.loop })
  before.timers, before.bytes = timers.exchange(), chance.bytes
  before.unobserved, outside.unobserved = outside.unobserved, nil
  world.loop.beneath = before.loop
  world.loop.begin()
  chance.bytes, scheduler.refuse, present = world.bytes, refuse, world
  return before
end

local function leave(world, before)
  world.loop.stop()
  chance.bytes, scheduler.refuse, present = before.bytes, nil, nil
  timers.exchange(before.timers)
  -- Of several failures that nobody awaited one was raised: the others are no later run's.
  outside.unobserved = before.unobserved
  local ready = woken.exchange(before).ready
  for i = ready.first, ready.last do
    scheduler.enqueue(ready[i])       -- tasks from before that were woken
  end
end

-- Those that no run waits for would find no time after it.
local function end_others(known)
  local others = {}
  for task, number in pairs(outside.children) do
    others[task] = not known[task] and number or nil
  end
  for _, task in ipairs(values.in_order(others)) do
    task:cancel("mock:run has ended")
  end
  scheduler.drive(function()
    for task in pairs(others) do
      if not task.done then
        return false
      end
    end
    return true
  end)
end

--- Runs `fn` and all that it spawns, as ms.run does.
-- @return what fn returned @raise what ms.run raises
function simulated.run(world, fn, ...)
  local known = {}
  for task in pairs(outside.children) do
    known[task] = true
  end
  local before = enter(world)
  local outcome = compat.pack(pcall(tasks.run, fn, ...))
  pcall(end_others, known)
  leave(world, before)
  if not outcome[1] then
    error(outcome[2], 0)
  end
  return compat.unpack(outcome, 2, outcome.n)
end

--- Moves the clock, and returns when what was due has run and waits again.
function simulated.advance(world, seconds)
  if present ~= world then
    errors.misuse("advance: mock:run of this mock does not run")
  elseif not world.manual then
    errors.misuse("advance: the clock is virtual, and moves by itself: "
      .. "ms.mock({ clock = \"manual\" })")
  end
  local who, loop = waiting.waiter(), world.loop
  local entry = { at = loop.now + seconds }
  function entry.tell()
    entry.told = true
    scheduler.wake(who)
  end
  table.insert(loop.advancing, entry)
  repeat
    local err = waiting.park(who)
    if err then
      for i, other in ipairs(loop.advancing) do
        if other == entry then
          table.remove(loop.advancing, i)
        end
      end
      error(err, 0)
    end
  until entry.told
end

return simulated
