-- Tasks: coroutines that wait for transfers, timers and each other. Knows the
-- loop by `now`, `step` and `news` alone. Waking is level-triggered: a task
-- that was woken looks for itself at what it waited for, and parks again if it
-- must. Tasks are resumed from here only, never from C and never from inside
-- another task's resume but to be cancelled.
local compat = require("multisock.compat")
local core = require("multisock.core")
local errors = require("multisock.errors")
local loop = require("multisock.loop.uv")
local timers = require("multisock.timers")

local pack, unpack = compat.pack, compat.unpack
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local running_coroutine, may_suspend = compat.running_coroutine, core.may_suspend
local now = loop.now

local scheduler = { now = now, loop = loop }

local Task = { __name = "multisock.task" }
Task.__index = Task

-- Woken tasks, first in first out.
local ready, ready_first, ready_last = {}, 1, 0

-- The task whose coroutine runs, and what stands for the main chunk when it
-- waits: there waiting means driving the loop.
local current
local main = {}
local driving = false

-- What `current` is while a function given to on_done or on_error runs: what
-- that spawns belongs to `scope`, and it may not wait.
local callback = { co = false }

-- Cancelling resumes at once; nested deeper than this it is left to the queue,
-- because each level takes room on the C stack.
local MAX_NESTING = 16
local nesting = 0

local news, handle_news = {}, nil

-- The scope of tasks of a host loop or the main chunk, outside any run.
local outside = { children = {}, count = 0 }

---- Errors that nobody awaited -------------------------------------------------

-- Each is a record {err, traceback, observed} in the list `unobserved` of its
-- scope, which goes over to `outside` when the scope ends. There it is told to
-- on_error or raised. A task that is collected before can never be awaited, so
-- on_error is told at once.
local on_error
local collected, collected_count = {}, 0

local function note_collected(record)
  if not record.observed then
    collected_count = collected_count + 1
    collected[collected_count] = record
  end
end

local function add_record(scope, record)
  if scope.ended then
    scope = outside
  end
  local list = scope.unobserved
  if list == nil then
    list = { stale = 0 }
    scope.unobserved = list
  end
  list[#list + 1] = record
  record.list = list
end

local function report(task)
  local record = { err = task.results[1], traceback = task.traceback }
  task.record = record
  task.collected = compat.finalizer(note_collected, record)
  add_record(task.scope, record)
end

-- Somebody got the result. Of a long list the records that are settled so are
-- dropped now and then.
local function observe(task)
  task.observed = true
  local record = task.record
  if record == nil or record.observed then
    return
  end
  record.observed = true
  local list = record.list
  list.stale = list.stale + 1
  if list.stale > 16 and list.stale * 2 > #list then
    local kept, size = 0, #list
    for i = 1, size do
      local entry = list[i]
      list[i] = nil
      if not entry.observed then
        kept = kept + 1
        list[kept] = entry
      end
    end
    list.stale = 0
  end
end

-- Calls a function of the user's that is no task.
local function call_back(scope, fn, ...)
  local previous, previous_scope = current, callback.scope
  current, callback.scope = callback, scope
  local ok, err = pcall(fn, ...)
  current, callback.scope = previous, previous_scope
  return ok, err
end

local function tell(record)
  record.observed = true
  if on_error == nil then
    error(record.err, 0)
  end
  local ok, err = call_back(outside, on_error, record.err, record.traceback)
  if not ok then
    error(err, 0)
  end
end

local function tell_collected()
  while on_error and collected_count > 0 do
    local record = collected[collected_count]
    collected[collected_count] = nil
    collected_count = collected_count - 1
    if not record.observed then
      tell(record)
    end
  end
end

-- Tells on_error of all, or raises the first.
local function tell_unobserved()
  local list = outside.unobserved
  if list == nil then
    return
  end
  outside.unobserved = nil
  for i = 1, #list do
    if not list[i].observed then
      local ok, err = pcall(tell, list[i])
      if not ok then
        for j = i + 1, #list do
          add_record(outside, list[j])
        end
        error(err, 0)
      end
    end
  end
end

-- Nothing may be waiting in vain when the program ends without another run.
scheduler.at_exit = compat.finalizer(function()
  local list = outside.unobserved
  for i = 1, list and #list or 0 do
    if not list[i].observed then
      io.stderr:write("multisock: a task failed and nobody awaited it: ", tostring(list[i].err),
        "\n", list[i].traceback or "", list[i].traceback and "\n" or "")
    end
  end
end)

---- Running tasks ----------------------------------------------------------

local function enqueue(task)
  ready_last = ready_last + 1
  ready[ready_last] = task
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

local child_ended -- below: what its scope does about it

local function call_on_done(task, scope, fn)
  local ok, err = call_back(scope, fn, task.ok, unpack(task.results, 1, task.results.n))
  if not ok then
    add_record(scope, { err = err })
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
  child_ended(task.scope, task)
end

local function settle(task, ok, ...)
  task.ok = ok
  task.results = pack(...)
end

-- Called where the error was raised: the stack is still there.
local function keep_traceback(err)
  if current and not errors.is(err, "cancelled") then
    current.traceback = debug.traceback(nil, 2)
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

local function run_task(task)
  local previous = current
  local co = task.co
  local ok, err
  current = task
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
  current = previous
  if not ok then
    task.traceback = task.traceback or debug.traceback(co)
    compat.close_coroutine(co)
    settle(task, false, err)
  end
  if task.results then
    finish(task)
  elseif not task.parked then
    -- It yielded by itself: let the others run, then go on.
    enqueue(task)
  end
end

---- Waiting ----------------------------------------------------------------

local WHERE = "multisock cannot wait here: "

-- Who waits: the running task, or the main chunk.
local function waiter()
  if current ~= nil then
    local mine, yieldable = may_suspend(current.co)
    if mine and yieldable then
      return current
    elseif mine then
      error(WHERE .. "a C function is on the stack (sort, gsub, a metamethod); fetch before it, "
        .. "or outside of it", 0)
    end
  end
  if current == callback then
    error(WHERE .. "this is a callback; start a task with ms.spawn(fn)", 0)
  end
  if running_coroutine() ~= nil then
    error(WHERE .. "this coroutine is not a task. Start it with ms.spawn(fn), or call it from "
      .. "the function given to ms.run", 0)
  end
  if driving then
    error(WHERE .. "the loop is running and this is a callback; start a task with ms.spawn(fn)", 0)
  end
  return main
end
scheduler.waiter = waiter

local drive -- below

local function main_woken()
  return not main.parked
end

--- Suspends the task `who` (of `waiter`) until it is woken. Returns nothing, or
-- the error object with which it was cancelled meanwhile: clean up, then raise.
local function park(who)
  if who == main then
    main.parked = true
    local ok, err = pcall(drive, main_woken)
    main.parked = nil
    return not ok and err or nil
  end
  local err = who.interrupt
  if err == nil then
    who.parked = true
    yield()
    who.parked = false
    err = who.interrupt
  end
  if err ~= nil then
    who.interrupt = nil
  end
  return err
end
scheduler.park = park

--- The same, woken at `deadline` (seconds of `now`) at the latest.
function scheduler.park_until(who, deadline)
  local entry = timers.add({ deadline = deadline, task = who })
  local err = park(who)
  timers.cancel(entry)
  return err
end

--- Suspends the task for so many seconds.
function scheduler.sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    error("sleep: seconds expected, got " .. tostring(seconds), 2)
  end
  local who = waiter()
  local deadline = now() + seconds
  repeat
    local err = scheduler.park_until(who, deadline)
    if err then
      error(err, 0)
    end
  until now() >= deadline
end

--- Calls `fn` at `deadline`, on the loop's turn, not in a task. It may not wait.
-- @return entry for `timers.cancel`
function scheduler.at(deadline, fn)
  return timers.add({ deadline = deadline, fn = fn })
end
scheduler.cancel_timer = timers.cancel

---- Turning the loop -------------------------------------------------------

local function run_ready()
  -- Those that are enqueued meanwhile wait for the next turn, so that tasks
  -- that wake each other cannot starve the sockets.
  local last = ready_last
  while ready_first <= last do
    local task = ready[ready_first]
    ready[ready_first] = nil
    ready_first = ready_first + 1
    if not task.done then
      run_task(task)
    end
  end
  if ready_first > ready_last then
    ready_first, ready_last = 1, 0
  end
end

local function run_timers()
  if timers.next_deadline() == nil then
    return
  end
  local time = now()
  local entry = timers.pop_due(time)
  while entry do
    if entry.task then
      wake(entry.task)
    else
      entry.fn()
    end
    entry = timers.pop_due(time)
  end
end

-- One turn. False when nothing is left that could ever happen.
local function turn(timeout)
  run_ready()
  local deadline = timers.next_deadline()
  if ready_first <= ready_last or main.parked == false then
    timeout = 0
  elseif deadline then
    local left = deadline - now()
    if timeout == nil or left < timeout then
      timeout = left > 0 and left or 0
    end
  end
  local alive = loop.step(timeout)
  local count = loop.news(news)
  if count > 0 then
    handle_news(news, count)
  end
  run_timers()
  if collected_count > 0 then
    tell_collected()
  end
  return alive or count > 0 or ready_first <= ready_last or timers.next_deadline() ~= nil
end

local DEADLOCK = "deadlock: every task waits for another, and no transfer or timer is left"

function drive(finished)
  if driving then
    error("the loop is running already", 0)
  end
  driving = true
  loop.interruptible(true)
  local ok, err = pcall(function()
    while not finished() do
      if not turn() and not finished() then
        error(DEADLOCK, 0)
      end
    end
  end)
  loop.interruptible(false)
  driving = false
  if not ok then
    -- Ctrl-C may have come anywhere.
    current, nesting = nil, 0
    error(err, 0)
  end
end

--- One turn of the loop, for a host that owns its time.
-- @param timeout? seconds to wait at most; nil: not at all
function scheduler.step(timeout)
  if driving or current then
    error("step: the loop is running", 2)
  end
  if timeout ~= nil and type(timeout) ~= "number" then
    error("step: seconds expected, got " .. type(timeout), 2)
  end
  if ready_first <= ready_last then
    timeout = 0                     -- there is something to do
  end
  driving = true
  local ok, err = pcall(turn, timeout or 0)
  driving = false
  if not ok then
    current, nesting = nil, 0
    error(err, 0)
  end
  tell_unobserved()
end

--- How long a host may wait, at most, before it calls ms.step: seconds, nil when
-- only its sockets (ms.fd) can bring news.
function scheduler.next_timeout()
  if ready_first <= ready_last then
    return 0
  end
  local deadline, timeout = timers.next_deadline(), loop.timeout()
  local left = deadline and math.max(0, deadline - now())
  if left and timeout then
    return math.min(left, timeout)
  end
  return left or timeout
end

--- A descriptor that is readable when ms.step has something to do; nil where
-- the system has none.
function scheduler.fd()
  return loop.fd()
end

--- Who is told of transfers with news: `fn(list, count)`.
function scheduler.set_news_handler(fn)
  handle_news = fn
end

---- Scopes: run, group and timeout own the tasks spawned in them -------------

local function new_scope(policy)
  return { children = {}, count = 0, policy = policy }
end

local function check_function(what, fn)
  if type(fn) ~= "function" then
    error(("%s: function expected, got %s"):format(what, type(fn)), 3)
  end
end

local function spawn_in(scope, fn, ...)
  local task = setmetatable({ fn = fn, scope = scope }, Task)
  if select("#", ...) > 0 then
    task.args = pack(...)
  end
  scope.children[task] = true
  scope.count = scope.count + 1
  enqueue(task)
  if scope.cancelled then
    task:cancel(scope.cancelled)
  end
  return task
end

local function cancel_children(scope, reason, except)
  scope.cancelled = reason
  -- Cancelling changes the set, so take a copy.
  local list = {}
  for task in pairs(scope.children) do
    list[#list + 1] = task
  end
  for i = 1, #list do
    if list[i] ~= except then
      list[i]:cancel(reason)
    end
  end
end

local function is_failure(task)
  return not task.ok and not task.cancelled
end

function child_ended(scope, task)
  scope.children[task] = nil
  scope.count = scope.count - 1
  if is_failure(task) then
    if scope.policy == "group" and not task.apart and scope.failed == nil then
      scope.failed = task
      observe(task)
      cancel_children(scope, "another task of the group failed")
    elseif not task.observed and (task.receivers or 0) == 0 and task ~= scope.body then
      report(task)
    end
  end
  if scope.count == 0 and scope.owner then
    wake(scope.owner)
  end
end

-- Waits until all tasks of the scope have ended. When the waiting task is
-- cancelled they are, and the error is returned after they have ended.
local function wait_children(scope, who)
  local cancelled
  scope.owner = who
  while scope.count > 0 do
    local err = park(who)
    if err then
      if cancelled and who == main then
        break                       -- they do not end: another deadlock, another Ctrl-C
      end
      cancelled = cancelled or err
      cancel_children(scope, err)
    end
  end
  scope.owner = nil
  return cancelled
end

-- Nothing can be spawned in it any more. What it leaves unobserved is told
-- where the loop was started, and so is how its body failed when something else
-- is raised.
local function end_scope(scope, other_is_raised)
  local body = scope.body
  scope.ended = true
  local list = scope.unobserved
  if list then
    scope.unobserved = nil
    for i = 1, #list do
      if not list[i].observed then
        add_record(outside, list[i])
      end
    end
  end
  if body and other_is_raised and body.done and is_failure(body) then
    report(body)
  end
end

local function body_results(body)
  if not body.ok then
    error(body.results[1], 0)
  end
  return unpack(body.results, 1, body.results.n)
end

--- Runs the loop until `fn` and all that it spawned have ended.
-- @return fn's results @raise what fn raised; or else what a task raised that
-- nobody awaited, unless there is an on_error
function scheduler.run(fn, ...)
  if driving or current then -- also when called in a coroutine of a host
    error("run: the loop is running already; call the function, or ms.spawn it", 2)
  end
  check_function("run", fn)
  local scope = new_scope("run")
  local body = spawn_in(scope, fn, ...)
  scope.body = body
  local function finished()
    return scope.count == 0
  end
  local ok, err = pcall(drive, finished)
  if not ok then
    -- Ctrl-C, or a deadlock: end what runs, cleanly.
    cancel_children(scope, err)
    pcall(drive, finished)
  end
  end_scope(scope, not ok)
  if on_error or ok and body.ok or err == DEADLOCK then
    tell_unobserved()
  end
  if not ok then
    error(err, 0)
  end
  return body_results(body)
end

local Group = { __name = "multisock.group" }
Group.__index = Group

--- Starts a task in the group.
-- @return task
function Group:spawn(fn, ...)
  check_function("group:spawn", fn)
  if self.scope.ended then
    error("group:spawn: the group has ended", 2)
  end
  return spawn_in(self.scope, fn, ...)
end

--- Cancels every task of the group but the one that calls.
function Group:cancel(reason)
  cancel_children(self.scope, reason or "the group was cancelled", current)
end

function Group:__tostring()
  return ("multisock.group (%s)"):format(self.scope.ended and "ended"
    or self.scope.count .. " tasks")
end

--- Structured concurrency: returns when every child has ended; the first
-- failure cancels the others and is raised.
-- @param fn function(group): group:spawn(f, ...)
-- @return fn's results
function scheduler.group(fn)
  check_function("group", fn)
  local who = waiter()
  local scope = new_scope("group")
  local body = spawn_in(scope, fn, setmetatable({ scope = scope }, Group))
  local cancelled = wait_children(scope, who)
  end_scope(scope)
  if scope.failed then
    return body_results(scope.failed)
  end
  if cancelled then
    error(cancelled, 0)
  end
  return body_results(body)
end

--- Limits the time of `fn` and everything spawned inside.
-- @return fn's results; or nil, err with kind "timeout"
function scheduler.with_timeout(seconds, fn, ...)
  if type(seconds) ~= "number" or seconds ~= seconds then
    error("with_timeout: seconds expected, got " .. tostring(seconds), 2)
  end
  check_function("with_timeout", fn)
  local who = waiter()
  local scope = new_scope("timeout")
  local timed_out
  local body = spawn_in(scope, fn, ...)
  scope.body = body
  local entry = scheduler.at(now() + seconds, function()
    timed_out = errors.new("timeout", ("not done after %g s"):format(seconds), { retryable = true })
    cancel_children(scope, timed_out)
  end)
  local cancelled = wait_children(scope, who)
  timers.cancel(entry)
  end_scope(scope, cancelled or timed_out)
  if cancelled then
    error(cancelled, 0)
  end
  if timed_out then
    return nil, timed_out
  end
  return body_results(body)
end

---- Tasks ------------------------------------------------------------------

--- Starts a task at the next turn.
-- @return task
function scheduler.spawn(fn, ...)
  check_function("spawn", fn)
  return spawn_in(current and current.scope or outside, fn, ...)
end

--- The same, for a task whose failure does not fail the group it is in: who
-- spawned it awaits it in the end, or says `forgo`.
function scheduler.spawn_apart(fn, ...)
  local task = spawn_in(current and current.scope or outside, fn, ...)
  task.apart = true
  task.receivers = 1
  return task
end

--- Who meant to await the task will not: its error is nobody's.
function scheduler.forgo(task)
  task.receivers = task.receivers - 1
  if task.done and task.receivers == 0 and is_failure(task) and not task.observed
    and task.record == nil then
    report(task)
  end
end

--- The function that gets errors of tasks that nobody awaited, and their
-- tracebacks: when the task was collected, or when its run has ended. nil: they
-- are raised from ms.run and ms.step.
-- @param fn function(err, traceback) or nil
function scheduler.on_error(fn)
  if fn ~= nil and type(fn) ~= "function" then
    error("on_error: function expected, got " .. type(fn), 2)
  end
  on_error = fn
end

-- Who awaits was cancelled: it gets nothing.
local function give_up(task, waiters, at)
  scheduler.forgo(task)
  if not task.done then
    waiters[at] = false
    for i = #waiters, 1, -1 do
      if waiters[i] then
        break
      end
      waiters[i] = nil
    end
  end
end

local function wait_done(task)
  if not task.done then
    local who = waiter()
    if who == task then
      error("a task cannot wait for itself", 0)
    end
    local waiters = task.waiters
    if waiters == nil then
      waiters = {}
      task.waiters = waiters
    end
    local at = #waiters + 1
    waiters[at] = who
    task.receivers = (task.receivers or 0) + 1
    while not task.done do
      local err = park(who)
      if err then
        give_up(task, waiters, at)
        error(err, 0)
      end
    end
    task.receivers = task.receivers - 1
  end
  observe(task)
end

--- Waits for the task. @return its results @raise what it raised
function Task:await()
  wait_done(self)
  return body_results(self)
end

--- The same, never raising what the task raised.
-- @return true, results...; or false, err
function Task:join()
  wait_done(self)
  return self.ok, unpack(self.results, 1, self.results.n)
end

--- Ends the task now, unless its cleanup waits: what it waits for raises an
-- error of kind "cancelled", once.
-- @param reason? string, or an error object that says why
-- @return true; false when it had ended already
function Task:cancel(reason)
  if self.done then
    return false
  end
  -- Each task gets an object of its own: what it waits for adds to it.
  local err = errors.cancelled(reason)
  self.cancelled = true
  if self.co == nil then
    settle(self, false, err)
    finish(self)
    return true
  end
  if self == current and self.co == running_coroutine() then
    error(err, 0)
  end
  self.interrupt = err
  if self.parked then
    self.parked = false
    if nesting < MAX_NESTING then
      run_task(self)
    else
      enqueue(self)
    end
  end
  return true
end

--- "ready" (will run), "running", "waiting", "done", "failed" or "cancelled".
function Task:status()
  if self.done then
    return self.ok and "done" or self.cancelled and "cancelled" or "failed"
  end
  if self == current then
    return "running"
  end
  return self.parked and "waiting" or "ready"
end

--- Calls `fn(ok, ...)` when the task ends (at once when it has). It may not wait.
-- @return self
function Task:on_done(fn)
  if type(fn) ~= "function" then
    error("on_done: function expected, got " .. type(fn), 2)
  end
  observe(self)
  if self.done then
    call_on_done(self, current and current.scope or outside, fn)
  else
    self.callbacks = self.callbacks or {}
    table.insert(self.callbacks, fn)
  end
  return self
end

--- The same, without being who awaits it.
function scheduler.when_done(task, fn)
  task.callbacks = task.callbacks or {}
  table.insert(task.callbacks, fn)
end

function Task:__tostring()
  return "multisock.task (" .. self:status() .. ")"
end

--- Whether tasks, timers or transfers are left, for leak checks.
function scheduler.pending()
  return outside.count, timers.count(), ready_last - ready_first + 1
end

return scheduler
