-- Tasks: coroutines that wait for transfers, timers and each other. Runs those that
-- were woken, and turns the loop, which it knows (of loop/init.lua) by `step`, `ready` and
-- a host's `arm` alone. Tasks are resumed from here only, never from inside another
-- task's resume but to be cancelled. How they wait is waiting.lua's, who owns them
-- scopes.lua's, and what a user does with one tasks/init.lua's.
local clock = require("multisock.base.clock")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local loops = require("multisock.loop")
local timers = require("multisock.base.timers")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")

local pack, unpack = compat.pack, compat.unpack
local create, resume = compat.create, compat.resume
local running_coroutine = compat.running_coroutine
local resume_woken, now = compat.resume_woken, clock.now

local scheduler = { now = now }

-- The loop, nil before the first use.
local loop

-- `scheduler.task` is the task whose coroutine runs, or nil. `scheduler.refuse` is
-- function(what), which raises, while nothing may go to the network: simulated.lua.

-- Woken tasks, first in first out.
local ready, ready_first, ready_last = {}, 1, 0

-- What stands for the main chunk when it waits: there waiting means driving the
-- loop.
local main = {}
local driving = false

-- What `scheduler.task` is while a function given to on_done or on_error runs: what
-- that spawns belongs to `scope`, and it may not wait.
local callback = { co = false }

-- Cancelling resumes at once; nested deeper than this it is left to the queue,
-- because each level takes room on the C stack.
local MAX_NESTING = 16
local nesting = 0

local strays, handle_stray = {}, nil

---- Running tasks ----------------------------------------------------------

-- Calls a function of the user's that is no task.
local function call_back(scope, fn, ...)
  local previous, previous_scope = scheduler.task, callback.scope
  scheduler.task, callback.scope = callback, scope
  local ok, err = pcall(fn, ...)
  scheduler.task, callback.scope = previous, previous_scope
  return ok, err
end

unobserved.call_back = call_back

---- The loop, and a host that runs it ----------------------------------------

local rearm -- below

--- The loop; from the first call on no other can be chosen.
local function get_loop()
  if loop == nil then
    loop = loops.take()
    if loop.connect then
      loop.connect(scheduler.host_turn, rearm)
    end
  end
  return loop
end
scheduler.loop = get_loop

--- Has another loop and other woken tasks in the place of these: see simulated.lua.
-- @param other {loop, ready, first, last} @return those of before
function scheduler.exchange(other)
  local before = { loop = get_loop(), ready = ready, first = ready_first, last = ready_last }
  loop, ready, ready_first, ready_last = other.loop, other.ready, other.first, other.last
  return before
end

--- How long a host may wait, at most, before it calls ms.step.
-- @return seconds; nil when only its sockets (ms.fd) can make one ready
local function next_timeout()
  if ready_first <= ready_last then
    return 0
  end
  local deadline, timeout = timers.next_deadline(), get_loop().timeout()
  local left = deadline and math.max(0, deadline - now())
  if left and timeout then
    return math.min(left, timeout)
  end
  return left or timeout
end
scheduler.next_timeout = next_timeout

--- Has a host's loop turn us when something is due, and lets it end when nothing
-- is left. To be called whenever that has changed; nothing to do for who drives: he
-- looks for himself.
function rearm()
  if not driving and get_loop().arm then
    loop.arm(next_timeout())
  end
end
scheduler.rearm = rearm

local function enqueue(task)
  ready_last = ready_last + 1
  ready[ready_last] = task
  if not driving then
    rearm()
  end
end

--- Makes a parked task run in this turn or the next. Waking one that is not
-- parked does nothing.
local function wake(task)
  if task.parked then
    task.parked = false
    if task ~= main then
      enqueue(task)
    end
  end
end
scheduler.wake = wake

local function call_on_done(task, scope, fn)
  local ok, err = call_back(scope, fn, task.ok, unpack(task.results, 1, task.results.n))
  if not ok then
    unobserved.add(scope, { err = err })
  end
end

-- The body has ended, its result is there.
local function finish(task)
  task.done = true
  if task.cancelled and (task.ok or not errors.is(task.results[1], "cancelled")) then
    -- It got over being cancelled, or failed for another reason while at it.
    task.cancelled = nil
  end
  local waiters = task.waiters
  if waiters then
    task.waiters = nil
    for i = 1, #waiters do
      if waiters[i] then
        wake(waiters[i])
      end
    end
  end
  local callbacks = task.callbacks
  if callbacks then
    task.callbacks = nil
    for i = 1, #callbacks do
      call_on_done(task, task.scope, callbacks[i])
    end
  end
  scheduler.child_ended(task.scope, task)
end

local function settle(task, ok, ...)
  task.ok = ok
  task.results = pack(...)
end

-- Called where the error was raised: the stack is still there.
local function keep_traceback(err)
  local task = scheduler.task
  if task and not errors.is(err, "cancelled") then
    task.traceback = uncaught.traceback(err)
  end
  return err
end

-- Where Lua can suspend inside xpcall the to-be-closed variables of a body
-- that fails are closed in its coroutine, so that they may wait, too.
local run_body = compat.yields_in_pcall and function(task, fn, ...)
  settle(task, xpcall(fn, keep_traceback, ...))
end or function(task, fn, ...)
  settle(task, true, fn(...))
end

-- What a resume has come to.
local function conclude(task, ok, err)
  if not ok then
    task.traceback = task.traceback or uncaught.traceback_of(task.co, err)
    compat.close_coroutine(task.co)
    settle(task, false, err)
  end
  if task.results then
    finish(task)
  elseif not task.parked then
    -- It yielded by itself: let the others run, then go on.
    enqueue(task)
  end
end

local function run_task(task)
  local previous = scheduler.task
  local co = task.co
  local ok, err
  scheduler.task, task.parked = task, false
  nesting = nesting + 1
  if co then
    ok, err = resume(co)
  else
    co = create(run_body)
    task.co = co
    local fn, args = task.fn, task.args
    task.fn, task.args = nil, nil
    if args then
      ok, err = resume(co, task, fn, unpack(args, 1, args.n))
    else
      ok, err = resume(co, task, fn)
    end
  end
  nesting = nesting - 1
  scheduler.task = previous
  conclude(task, ok, err)
end

---- Turning the loop -------------------------------------------------------

-- `stop`: the time from which on no further one is run, but for the first.
local function run_ready(stop)
  -- Those that are enqueued meanwhile wait for the next turn, so that tasks
  -- that wake each other cannot starve the sockets.
  local last = ready_last
  while ready_first <= last do
    nesting = 1
    -- Most only wait again: that is C's affair, see resume.c.
    local following, task, ok, err = resume_woken(ready, ready_first, stop and ready_first or last,
      scheduler)
    nesting, scheduler.task = 0, nil
    ready_first = following
    if ok ~= nil then
      conclude(task, ok, err)
    elseif task and task.visitor then
      task.parked = false
      loop.resume(task)
    elseif task == main then
      -- What was left of an earlier wait wakes nobody.
      main.parked = main.parked and false
    elseif task and not task.done then
      run_task(task)
    end
    last = stop and now() >= stop and 0 or last
  end
  if ready_first > ready_last then
    ready_first, ready_last = 1, 0
  end
end

local function run_timers()
  if timers.next_deadline() then
    timers.run_due(now(), wake)
  end
end

-- Ready transfers that nobody waits for.
local function handle_strays(count)
  for i = 1, count do
    local easy = strays[i]
    strays[i] = nil
    handle_stray(easy)
  end
end

-- Returns whether any has got something.
local function take_ready()
  -- Who waits for a transfer that is ready goes straight to the end of `ready`.
  local last, stray_count = loop.ready(loop.handle, ready, ready_last, strays)
  local some = last > ready_last or stray_count > 0
  if ready[last] == main then
    -- Needs no other turn, and may not be left there: its wait may end with this.
    ready[last], last = nil, last - 1
    main.parked = main.parked and false
  end
  ready_last = last
  if stray_count > 0 then
    handle_strays(stray_count)
  end
  return some
end

-- One turn. False when nothing is left that could ever happen.
local function turn(timeout, finished, stop)
  if ready_first <= ready_last then
    run_ready(stop)
  end
  if finished and finished() then
    return true                     -- others may have much to wait for
  end
  local deadline = timers.next_deadline()
  if ready_first <= ready_last or main.parked == false then
    timeout = 0
  elseif deadline then
    local left = deadline - now()
    if timeout == nil or left < timeout then
      timeout = left > 0 and left or 0
    end
  end
  local alive = loop.step(loop.handle, timeout)
  local some = take_ready()
  if deadline then
    run_timers()
  end
  if unobserved.on_error then
    unobserved.tell_collected()
  end
  return alive or some or ready_first <= ready_last or timers.next_deadline() ~= nil
    or take_ready()                   -- a timer of libcurl's has ended the last transfer
end

scheduler.DEADLOCK = "deadlock: every task waits for another, and no transfer or timer is left"

-- Calls `fn`, which turns the loop in one way or another.
local function drive_with(fn, ...)
  driving = true
  local ok, err = pcall(fn, ...)
  driving = false
  if not ok then
    -- Ctrl-C may have come anywhere.
    scheduler.task, nesting = nil, 0
  end
  rearm()                           -- what is left goes on in a host's loop
  return ok, uncaught.clean(err)
end

--- Turns the loop until `finished()`.
-- @raise when nothing is left that could ever happen; what interrupts it
function scheduler.drive(finished)
  if driving then
    error("the loop is running already", 0)
  end
  get_loop().interruptible(true)
  local ok, err = drive_with(function()
    while not finished() do
      if not turn(nil, finished) and not finished() then
        error(scheduler.DEADLOCK, 0)
      end
    end
  end)
  loop.interruptible(false)
  if not ok then
    error(err, 0)
  end
end

--- Who is told of a transfer that is ready that nobody waits for: `fn(easy)`.
function scheduler.set_stray_handler(fn)
  handle_stray = fn
end

---- For waiting.lua, tasks/init.lua and embedded.lua ---------------------------------------------

scheduler.drive_with, scheduler.turn, scheduler.run_ready = drive_with, turn, run_ready
scheduler.take_ready, scheduler.run_timers = take_ready, run_timers

scheduler.main, scheduler.callback = main, callback
scheduler.enqueue = enqueue
scheduler.settle = settle
scheduler.finish = finish
scheduler.call_on_done = call_on_done

--- Whether the loop is being turned.
function scheduler.is_driving()
  return driving
end

--- Whether a task is woken, and will run.
function scheduler.has_ready()
  return ready_first <= ready_last
end

--- Runs a parked task now; when tasks are nested too deeply, in the next turn.
function scheduler.run_now(task)
  if nesting < MAX_NESTING then
    run_task(task)
  else
    enqueue(task)
  end
end

--- Whether this is the task whose coroutine runs.
function scheduler.is_running(task)
  return task == scheduler.task and task.co == running_coroutine()
end

--- Tasks, timers and woken tasks that are left, for leak checks.
function scheduler.pending()
  return unobserved.outside.count, timers.count(), ready_last - ready_first + 1
end

return scheduler
