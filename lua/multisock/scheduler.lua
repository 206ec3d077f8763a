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

-- Cancelling resumes at once; nested deeper than this it is left to the queue,
-- because each level takes room on the C stack.
local MAX_NESTING = 40
local nesting = 0

local on_error
local news, handle_news = {}, nil

-- Tasks of a host loop or the main chunk, outside any run.
local outside = { children = {}, count = 0 }

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

local function call_on_done(task, fn)
  local ok, err = pcall(fn, task.ok, unpack(task.results, 1, task.results.n))
  if not ok then
    outside.unobserved = outside.unobserved or {}
    table.insert(outside.unobserved, { results = { err, n = 1 } })
  end
end

local function finish(task, ok, ...)
  task.ok = ok
  task.results = pack(...)
  task.done = true
  local waiters = task.waiters
  if waiters then
    task.waiters = nil
    for i = 1, #waiters do
      wake(waiters[i])
    end
  end
  local callbacks = task.callbacks
  if callbacks then
    task.callbacks = nil
    for i = 1, #callbacks do
      call_on_done(task, callbacks[i])
    end
  end
  child_ended(task.scope, task)
end

local function run_body(task, fn, ...)
  finish(task, true, fn(...))
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
    local args = task.args
    if args then
      task.args = nil
      ok, err = resume(co, task, task.fn, unpack(args, 1, args.n))
    else
      ok, err = resume(co, task, task.fn)
    end
  end
  nesting = nesting - 1
  current = previous
  if not ok then
    task.traceback = debug.traceback(co)
    compat.close_coroutine(co)
    finish(task, false, err)
  elseif not task.done and not task.parked then
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

local function raise_unobserved(scope)
  local list = scope.unobserved
  if list == nil then
    return
  end
  scope.unobserved = nil
  for i = 1, #list do
    local task = list[i]
    if not task.observed then
      local err = task.results[1]
      if on_error == nil then
        for j = i + 1, #list do
          scope.unobserved = scope.unobserved or {}
          table.insert(scope.unobserved, list[j])
        end
        error(err, 0)
      end
      on_error(err, task)
    end
  end
end

-- What a scope leaves unobserved is raised where the loop was started.
local function hand_over_unobserved(scope)
  local list = scope.unobserved
  if list then
    outside.unobserved = outside.unobserved or {}
    for i = 1, #list do
      table.insert(outside.unobserved, list[i])
    end
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
  return alive or count > 0 or ready_first <= ready_last or timers.next_deadline() ~= nil
end

local function deadlock()
  raise_unobserved(outside)
  error("deadlock: every task waits for another, and no transfer or timer is left", 0)
end

function drive(finished)
  if driving then
    error("the loop is running already", 0)
  end
  driving = true
  loop.interruptible(true)
  local ok, err = pcall(function()
    while not finished() do
      if not turn() and not finished() then
        deadlock()
      end
    end
  end)
  loop.interruptible(false)
  driving = false
  if not ok then
    error(err, 0)
  end
end

--- One turn of the loop, for a host that owns its time.
-- @param timeout? seconds to wait at most; nil: not at all
function scheduler.step(timeout)
  if driving or current then
    error("step: the loop is running", 2)
  end
  driving = true
  local ok, err = pcall(turn, timeout or 0)
  driving = false
  if not ok then
    error(err, 0)
  end
  raise_unobserved(outside)
end

--- Seconds until the next timer, nil when there is none.
function scheduler.next_timeout()
  if ready_first <= ready_last then
    return 0
  end
  local deadline = timers.next_deadline()
  return deadline and math.max(0, deadline - now())
end

--- Who is told of transfers with news: `fn(list, count)`.
function scheduler.set_news_handler(fn)
  handle_news = fn
end

---- Scopes: run, group and timeout own the tasks spawned in them -------------

local function new_scope(policy)
  return { children = {}, count = 0, policy = policy }
end

local function spawn_in(scope, fn, ...)
  if type(fn) ~= "function" then
    error("function expected, got " .. type(fn), 3)
  end
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

function child_ended(scope, task)
  scope.children[task] = nil
  scope.count = scope.count - 1
  if not task.ok and not task.cancelled then
    if scope.policy == "group" and scope.failed == nil then
      scope.failed = task
      cancel_children(scope, "another task of the group failed")
    elseif not task.observed and scope.policy ~= "group" then
      scope.unobserved = scope.unobserved or {}
      table.insert(scope.unobserved, task)
    end
  end
  if scope.count == 0 and scope.owner then
    wake(scope.owner)
  end
end

-- Waits until all tasks of the scope have ended. When the waiting task is
-- cancelled they are, and the error is returned after they have ended.
local function wait_children(scope)
  local who = waiter()
  local cancelled
  scope.owner = who
  while scope.count > 0 do
    local err = park(who)
    if err and not cancelled then
      cancelled = err
      cancel_children(scope, err)
    end
  end
  return cancelled
end

local function body_results(body)
  if not body.ok then
    error(body.results[1], 0)
  end
  return unpack(body.results, 1, body.results.n)
end

--- Runs the loop until `fn` and all that it spawned have ended.
-- @return fn's results @raise what fn raised
function scheduler.run(fn, ...)
  if driving or current then -- also when called in a coroutine of a host
    error("run: the loop is running already; call the function, or ms.spawn it", 2)
  end
  local scope = new_scope("run")
  local body = spawn_in(scope, fn, ...)
  body.observed = true
  local function finished()
    return scope.count == 0
  end
  local ok, err = pcall(drive, finished)
  if not ok then
    -- Ctrl-C, or a deadlock: end what runs, cleanly.
    cancel_children(scope, err)
    pcall(drive, finished)
    error(err, 0)
  end
  hand_over_unobserved(scope)
  if body.ok then
    raise_unobserved(outside)
  end
  return body_results(body)
end

--- Structured concurrency: returns when every child has ended; the first
-- failure cancels the others and is raised.
-- @param fn function(group): group:spawn(f, ...)
function scheduler.group(fn)
  local scope = new_scope("group")
  local group = {
    spawn = function(_, child, ...)
      return spawn_in(scope, child, ...)
    end,
    cancel = function(_, reason)
      cancel_children(scope, reason or "the group was cancelled", current)
    end,
  }
  local body = spawn_in(scope, fn, group)
  local cancelled = wait_children(scope)
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
  local scope = new_scope("timeout")
  local timed_out
  local body = spawn_in(scope, fn, ...)
  body.observed = true
  local entry = scheduler.at(now() + seconds, function()
    timed_out = errors.new("timeout", ("not done after %g s"):format(seconds), { retryable = true })
    cancel_children(scope, timed_out)
  end)
  local cancelled = wait_children(scope)
  timers.cancel(entry)
  hand_over_unobserved(scope)
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
  local inside = current ~= nil and current.co == running_coroutine()
  return spawn_in(inside and current.scope or outside, fn, ...)
end

--- The function that gets errors of tasks that nobody awaited; nil: they are
-- raised from ms.run and ms.step.
function scheduler.on_error(fn)
  if fn ~= nil and type(fn) ~= "function" then
    error("on_error: function expected, got " .. type(fn), 2)
  end
  on_error = fn
end

local function wait_done(task)
  task.observed = true
  if task.done then
    return
  end
  local who = waiter()
  if who == task then
    error("a task cannot wait for itself", 0)
  end
  task.waiters = task.waiters or {}
  table.insert(task.waiters, who)
  while not task.done do
    local err = park(who)
    if err then
      error(err, 0)
    end
  end
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
-- @param reason? string, or the error object to raise
-- @return true; false when it had ended already
function Task:cancel(reason)
  if self.done then
    return false
  end
  local err = errors.is(reason) and reason or errors.cancelled(reason)
  self.cancelled = true
  if self.co == nil then
    finish(self, false, err)
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
  self.observed = true
  if self.done then
    call_on_done(self, fn)
  else
    self.callbacks = self.callbacks or {}
    table.insert(self.callbacks, fn)
  end
  return self
end

function Task:__tostring()
  return "multisock.task (" .. self:status() .. ")"
end

--- Whether tasks, timers or transfers are left, for leak checks.
function scheduler.pending()
  return outside.count, timers.count(), ready_last - ready_first + 1
end

return scheduler
