-- Waiting: who waits, and how. Waking is level-triggered: a task that was woken looks
-- for itself at what it waited for, and parks again if it must. On the main chunk
-- waiting means driving the loop; a coroutine of a host's own scheduler is suspended
-- by its means.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")
local timers = require("multisock.base.timers")
local uncaught = require("multisock.base.uncaught")

local yield, running_coroutine, may_suspend = compat.yield, compat.running_coroutine,
  compat.may_suspend
local main, callback, now = scheduler.main, scheduler.callback, scheduler.now
local get_loop, rearm = scheduler.loop, scheduler.rearm

local waiting = {}

local WHERE = "multisock cannot wait here: "

-- Who waits: the running task, or the main chunk.
local function waiter()
  local current = scheduler.task
  if current ~= nil then
    local mine, yieldable = may_suspend(current.co)
    if mine and yieldable then
      return current
    elseif mine then
      errors.misuse(WHERE .. compat.barrier)
    end
  end
  if current == callback then
    errors.misuse(WHERE .. "this is a callback; start a task with ms.spawn(fn)")
  end
  local co = running_coroutine()
  if co ~= nil then
    local visitor = get_loop().visitor and get_loop().visitor(co)
    if visitor then
      local _, yieldable = core.may_suspend(co)
      if not yieldable then
        errors.misuse(WHERE .. compat.barrier)
      end
      return visitor
    end
    errors.misuse(WHERE .. "this coroutine is not a task. Start it with ms.spawn(fn), or call it "
      .. "from the function given to ms.run")
  end
  if scheduler.is_driving() or get_loop().is_running and get_loop().is_running() then
    errors.misuse(WHERE .. "the loop is running and this is a callback; start a task with "
      .. "ms.spawn(fn)")
  elseif get_loop().refusal then
    errors.misuse(WHERE .. get_loop().refusal)
  end
  return main
end
waiting.waiter = waiter

local function main_woken()
  return not main.parked
end

--- Suspends the task `who` (of `waiter`) until it is woken. Returns nothing, or
-- the error object with which it was cancelled meanwhile: clean up, then raise.
local function park(who)
  if who == main then
    main.parked = true
    local ok, err = pcall(scheduler.drive, main_woken)
    main.parked = nil
    if not ok and not main.cleans_up then
      uncaught.exit_if_interrupted(err)
    end
    return not ok and errors.raised(err) or nil
  end
  if who.visitor then
    who.parked = true
    rearm()
    repeat
      get_loop().suspend(who)
    until not who.parked
    return nil
  end
  local err = who.interrupt
  if err == nil then
    who.parked = true
    yield()
    err = who.interrupt
  end
  if err ~= nil then
    who.interrupt = nil
  end
  return err
end
waiting.park = park

-- A host's loop need not know of the new deadline otherwise, nor that it waits for
-- nothing any more.
local function add_timer(entry)
  timers.add(entry)
  scheduler.notice()
  rearm()
  return entry
end

local function cancel_timer(entry)
  timers.cancel(entry)
  rearm()
end

--- The same, woken at `deadline` (seconds of `now`) at the latest, where there is one.
function waiting.park_until(who, deadline)
  if not deadline then
    return park(who)
  end
  local entry = add_timer({ deadline = deadline, task = who })
  local err = park(who)
  cancel_timer(entry)
  return err
end

--- Suspends the task for so many seconds; 0 or less lets the other tasks run once.
-- @param seconds number
function waiting.sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    errors.misuse("sleep: seconds expected, got " .. errors.quote(seconds))
  end
  local who = waiter()
  local deadline = now() + seconds
  repeat
    local err = waiting.park_until(who, deadline)
    if err then
      error(err, 0)
    end
  until now() >= deadline
end

--- Calls `fn` at `deadline`, on the loop's turn, not in a task. It may not wait.
-- @return entry for `cancel_timer`
function waiting.at(deadline, fn)
  return add_timer({ deadline = deadline, fn = fn })
end
waiting.cancel_timer = cancel_timer

return waiting
