-- Tasks: coroutines that wait for transfers, timers and each other. Runs those that
-- were woken (woken.lua), and turns the loop, which it knows (of loop/init.lua) by `step`,
-- `ready` and `in_c` alone. Tasks are resumed from here only, never from inside another
-- task's resume but to be cancelled. How they wait is waiting.lua's, who owns them
-- scopes.lua's, and what a user does with one tasks/init.lua's.
local clock = require("multisock.base.clock")
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local timers = require("multisock.base.timers")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")
local woken = require("multisock.tasks.woken")

local pack, unpack = compat.pack, compat.unpack
local create, resume = compat.create, compat.resume
local running_coroutine = compat.running_coroutine
local resume_woken, turns, now = compat.resume_woken, compat.turns, clock.now

local enqueue, main, rearm, wake = woken.enqueue, woken.main, woken.rearm, woken.wake

local scheduler = {
  now = now, loop = woken.get_loop, main = main, enqueue = enqueue, wake = wake, rearm = rearm,
  notice = woken.notice, has_ready = woken.has_ready, next_timeout = woken.next_timeout,
}

-- `scheduler.task` is the task whose coroutine runs, or nil. `scheduler.refuse` is
-- function(what), which raises, while nothing may go to the network: simulated.lua.

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

local function call_on_done(task, scope, fn)
  local ok, err = call_back(scope, fn, task.ok, unpack(task.results, 1, task.results.n))
  if not ok then
    unobserved.add(scope, { err = err })
  end
end

-- The body has ended, its result is there.
local function finish(task)
  task.done = true
  woken.notice()
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
  if task and not (task.cancelled and errors.is(err, "cancelled")) then
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

-- What a task needs that C has come upon.
local function attend(task, ok, err)
  if ok ~= nil then
    conclude(task, ok, err)
  elseif task.visitor then
    task.parked = false
    woken.loop.resume(task)
  elseif task == main then
    -- What was left of an earlier wait wakes nobody.
    main.parked = main.parked and false
  elseif not task.done then
    run_task(task)
  end
end

-- `stop`: the time from which on no further one is run, but for the first.
local function run_ready(stop)
  -- Those that are enqueued meanwhile wait for the next turn, so that tasks
  -- that wake each other cannot starve the sockets.
  local ready = woken.ready
  local last = ready.last
  while ready.first <= last do
    nesting = 1
    -- Most only wait again: that is C's affair, see resume.c.
    local following, task, ok, err = resume_woken(ready, ready.first, stop and ready.first or last,
      scheduler)
    nesting, scheduler.task = 0, nil
    ready.first = following
    if task then
      attend(task, ok, err)
    end
    last = stop and now() >= stop and 0 or last
  end
  if ready.first > ready.last then
    ready.first, ready.last = 1, 0
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
  local loop, ready = woken.loop, woken.ready
  local before = ready.last
  local last, stray_count = loop.ready(loop.handle, ready, before, strays)
  local some = last > before or stray_count > 0
  if ready[last] == main then
    -- Needs no other turn, and may not be left there: its wait may end with this.
    ready[last], last = nil, last - 1
    main.parked = main.parked and false
  end
  ready.last = last
  if stray_count > 0 then
    handle_strays(stray_count)
  end
  return some
end

-- C turns the loop, and resumes who waits for transfers, until something else is to be
-- done. False when nothing is left that could ever happen.
local function turn_in_c(deadline)
  local ready = woken.ready
  ready.noticed, nesting = false, 1
  local alive, stray_count, task, ok, err = turns(ready, woken.loop.handle, strays, scheduler,
    deadline)
  nesting, scheduler.task = 0, nil
  if task then
    attend(task, ok, err)
  end
  if stray_count > 0 then
    handle_strays(stray_count)
  end
  if deadline and now() >= deadline then
    take_ready()                    -- in their order: these, those, and who waits for either
    run_timers()
  end
  return alive or deadline ~= nil
end

-- One turn; or as many as C can do, where `finished` says whether that was enough. False
-- when nothing is left that could ever happen.
local function turn(timeout, finished, stop)
  local loop, ready = woken.loop, woken.ready
  if ready.first <= ready.last then
    run_ready(stop)
  end
  if finished and finished() then
    return true                     -- others may have much to wait for
  end
  local deadline = timers.next_deadline()
  if ready.first <= ready.last or main.parked == false then
    timeout = 0
  elseif finished and turns and loop.in_c and not unobserved.on_error then
    if turn_in_c(deadline) then
      return true
    end
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
  return alive or some or ready.first <= ready.last or timers.next_deadline() ~= nil
    or take_ready()                   -- a timer of libcurl's has ended the last transfer
end

scheduler.DEADLOCK = "deadlock: every task waits for another, and no transfer or timer is left"

-- Calls `fn`, which turns the loop in one way or another.
local function drive_with(fn, ...)
  woken.driving = true
  local ok, err = pcall(fn, ...)
  woken.driving = false
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
  if woken.driving then
    error("the loop is running already", 0)
  end
  local loop = woken.get_loop()
  loop.interruptible(true)
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

scheduler.callback = callback
scheduler.settle = settle
scheduler.finish = finish
scheduler.call_on_done = call_on_done

--- Whether the loop is being turned.
function scheduler.is_driving()
  return woken.driving
end

--- Runs a parked task now; when tasks are nested too deeply, and in a callback of libcurl,
-- where nothing can be ended, in the next turn.
function scheduler.run_now(task)
  if nesting < MAX_NESTING and not core.in_callback() then
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
  local ready = woken.ready
  return unobserved.outside.count, timers.count(), ready.last - ready.first + 1
end

return scheduler
