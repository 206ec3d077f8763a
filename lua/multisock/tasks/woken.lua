-- Which tasks were woken, and the loop, which waits when none is. Of the loop (see
-- loop/init.lua) it knows `timeout` and a host's `arm`; scheduler.lua turns it.
local clock = require("multisock.base.clock")
local loops = require("multisock.loop")
local timers = require("multisock.base.timers")

local now = clock.now

-- `loop` is nil before the first use; `driving` says that somebody turns it. `host_turn` is
-- embedded.lua's.
local woken = { driving = false }

-- First in first out. C reads and writes these fields, see src/fetch/resume.c.
local function new_ready()
  return { first = 1, last = 0, noticed = false }
end

woken.ready = new_ready()

--- What stands for the main chunk when it waits: there waiting means driving the loop.
local main = {}
woken.main = main

local rearm -- below

--- The loop; from the first call on no other can be chosen.
function woken.get_loop()
  local loop = woken.loop
  if loop == nil then
    loop = loops.take()
    woken.loop = loop
    if loop.connect then
      loop.connect(woken.host_turn, rearm)
    end
  end
  return loop
end

--- Has another loop and other woken tasks in the place of these: see simulated.lua.
-- @param other {loop, ready?} @return those of before
function woken.exchange(other)
  local before = { loop = woken.get_loop(), ready = woken.ready }
  woken.loop, woken.ready = other.loop, other.ready or new_ready()
  return before
end

--- Whether a task is woken, and will run.
function woken.has_ready()
  local ready = woken.ready
  return ready.first <= ready.last
end

--- How long a host may wait, at most, before it calls ms.step.
-- @return seconds; nil when only its sockets (ms.fd) can make one ready
function woken.next_timeout()
  if woken.has_ready() then
    return 0
  end
  local deadline, timeout = timers.next_deadline(), woken.get_loop().timeout()
  local left = deadline and math.max(0, deadline - now())
  if left and timeout then
    return math.min(left, timeout)
  end
  return left or timeout
end

--- Has a host's loop turn us when something is due, and lets it end when nothing
-- is left. To be called whenever that has changed; nothing to do for who drives: he
-- looks for himself.
function rearm()
  if not woken.driving and woken.get_loop().arm then
    woken.loop.arm(woken.next_timeout())
  end
end
woken.rearm = rearm

--- Has Lua look, before C turns the loop again, at what has changed: a deadline, or what it
-- is turned for. (That tasks were woken is seen anyway.)
local function notice()
  woken.ready.noticed = true
end
woken.notice = notice

local function enqueue(task)
  local ready = woken.ready
  local last = ready.last + 1
  ready.last, ready[last] = last, task
  if not woken.driving then
    rearm()
  end
end
woken.enqueue = enqueue

--- Makes a parked task run in this turn or the next. Waking one that is not
-- parked does nothing.
function woken.wake(task)
  if task.parked then
    task.parked = false
    if task ~= main then
      enqueue(task)
    else
      notice()
    end
  end
end

return woken
