-- What owns tasks, and what a user does with one: spawn, run, group,
-- with_timeout, await, join, cancel. Whoever spawns a task is in a scope, and
-- the scope ends when all its tasks have.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local embedded = require("multisock.tasks.embedded")
local scheduler = require("multisock.tasks.scheduler")
local scopes = require("multisock.tasks.scopes")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local unpack = compat.unpack
local now, park, waiter = scheduler.now, waiting.park, waiting.waiter
local outside = unobserved.outside

local tasks = {}

local Task = scopes.task_type
Task.__index = Task

-- Who takes a task for the response that it gives is told.
local taken_for = {}
for _, name in ipairs({ "text", "json", "read", "save", "chunks", "lines", "events", "records" }) do
  taken_for[name] = function()
    errors.misuse(("this is a task, which has no %s: task:await() gives what its function "
      .. "returned"):format(name))
  end
end
setmetatable(Task, { __index = taken_for })

local function check_function(what, fn)
  if type(fn) ~= "function" then
    errors.misuse(("%s: function expected, got %s"):format(what, values.describe(fn)))
  end
end

local function body_results(body)
  if not body.ok then
    uncaught.raise(body.results[1], body.traceback)
  end
  return unpack(body.results, 1, body.results.n)
end

--- Whether the loop runs here, so that it cannot be run.
function tasks.is_running()
  return scheduler.is_driving() or scheduler.task ~= nil or embedded.is_hosted()
end

--- Runs the loop until `fn` and all that it spawned have ended.
-- @param fn function @param ... any what it is called with
-- @return ... fn's results @raise what fn raised; or else what a task raised that
-- nobody awaited, unless there is an on_error
function tasks.run(fn, ...)
  if tasks.is_running() then
    error("run: the loop is running already; call the function, or ms.spawn it", 2)
  end
  check_function("run", fn)
  if scheduler.loop().refusal then
    error("run: " .. scheduler.loop().refusal, 2)
  end
  local scope = scopes.new("run")
  local body = scopes.spawn(scope, fn, ...)
  scope.body = body
  local function finished()
    return scope.count == 0
  end
  local ok, err = pcall(scheduler.drive, finished)
  if not ok then
    -- Ctrl-C, or a deadlock: end what runs, cleanly.
    scopes.cancel(scope, err)
    pcall(scheduler.drive, finished)
  end
  scopes.close(scope, not ok)
  if unobserved.on_error or ok and body.ok or err == scheduler.DEADLOCK then
    unobserved.tell()
  end
  if not ok then
    uncaught.exit_if_interrupted(err)
    error(err, 0)
  end
  return body_results(body)
end

local Group = { __name = "multisock.group" }
Group.__index = Group

--- Starts a task in the group.
-- @param fn function @param ... any what it is called with
-- @return task
function Group:spawn(fn, ...)
  errors.check_self(self, Group, "group", "spawn")
  check_function("group:spawn", fn)
  if self.scope.ended then
    error("group:spawn: the group has ended", 2)
  end
  return scopes.spawn(self.scope, fn, ...)
end

--- Cancels every task of the group but the one that calls.
-- @param reason? any
function Group:cancel(reason)
  errors.check_self(self, Group, "group", "cancel")
  scopes.cancel(self.scope, reason or "the group was cancelled", scheduler.task)
end

function Group:__tostring()
  return ("multisock.group (%s)"):format(self.scope.ended and "ended"
    or self.scope.count .. " tasks")
end

--- Structured concurrency: returns when every child has ended; the first
-- failure cancels the others and is raised.
-- @param fn fun(group: multisock.Group): any which starts them with group:spawn
-- @return ... fn's results
-- @raise what fn or a child raised first
function tasks.group(fn)
  check_function("group", fn)
  local who = waiter()
  local scope = scopes.new("group")
  local body = scopes.spawn(scope, fn, setmetatable({ scope = scope }, Group))
  local cancelled = scopes.wait(scope, who)
  scopes.close(scope)
  if scope.failed then
    return body_results(scope.failed)
  end
  if cancelled then
    error(cancelled, 0)
  end
  return body_results(body)
end

--- Limits the time of `fn` and everything spawned inside.
-- @param seconds number @param fn function @param ... any what it is called with
-- @return ... fn's results; or nil, err with kind "timeout"
-- @raise what fn raised
function tasks.with_timeout(seconds, fn, ...)
  if type(seconds) ~= "number" or seconds ~= seconds then
    errors.misuse("with_timeout: seconds expected, got " .. errors.quote(seconds))
  end
  check_function("with_timeout", fn)
  local who = waiter()
  local scope = scopes.new("timeout")
  local timed_out
  local body = scopes.spawn(scope, fn, ...)
  scope.body = body
  local entry = waiting.at(now() + seconds, function()
    timed_out = errors.new("timeout", ("not done after %g s"):format(seconds), { retryable = true })
    scopes.cancel(scope, timed_out)
  end)
  local cancelled = scopes.wait(scope, who)
  waiting.cancel_timer(entry)
  scopes.close(scope, cancelled or timed_out)
  if cancelled then
    error(cancelled, 0)
  end
  if timed_out then
    return nil, timed_out
  end
  return body_results(body)
end

---- Tasks ------------------------------------------------------------------

-- What a task spawned here belongs to.
local function spawn_scope()
  local task = scheduler.task
  return task and task.scope or outside
end

--- Starts a task at the next turn.
-- @param fn function @param ... any what it is called with
-- @return task
function tasks.spawn(fn, ...)
  check_function("spawn", fn)
  local task = scopes.spawn(spawn_scope(), fn, ...)
  if task.scope == outside then
    task.spawned_at = errors.position()        -- for unobserved.lua, if it never runs
  end
  return task
end

--- The same, for a task whose failure does not fail the group it is in: who
-- spawned it awaits it in the end, or says `forgo`.
function tasks.spawn_apart(fn, ...)
  local task = scopes.spawn(spawn_scope(), fn, ...)
  task.apart = true
  task.receivers = 1
  return task
end

--- A task that no run, group or timeout waits for or ends: it goes on while a loop runs.
-- Its failure is nobody's.
function tasks.spawn_outside(fn, ...)
  local task = scopes.spawn(outside, fn, ...)
  task.receivers = 1
  return task
end

--- Who meant to await the task will not: its error is nobody's.
function tasks.forgo(task)
  task.receivers = task.receivers - 1
  if task.done and task.receivers == 0 and scopes.is_failure(task) and not task.observed
    and task.record == nil then
    unobserved.report(task)
  end
end

--- The function that gets errors of tasks that nobody awaited, and their
-- tracebacks: when the task was collected, or when its run has ended. nil: they
-- are raised from ms.run and ms.step.
-- @param fn? fun(err: any, traceback: string)
function tasks.on_error(fn)
  if fn ~= nil and type(fn) ~= "function" then
    error("on_error: function expected, got " .. type(fn), 2)
  end
  unobserved.on_error = fn
  scheduler.notice()
end

-- Who awaits was cancelled: it gets nothing.
local function give_up(task, waiters, at)
  tasks.forgo(task)
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
  unobserved.observe(task)
end

--- Waits for the task. @return ... its results @raise what it raised
function Task:await()
  errors.check_self(self, Task, "task", "await")
  wait_done(self)
  return body_results(self)
end

--- The same, never raising what the task raised.
-- @return boolean, ... true and its results; or false, err
function Task:join()
  errors.check_self(self, Task, "task", "join")
  wait_done(self)
  return self.ok, unpack(self.results, 1, self.results.n)
end

--- Ends the task now, unless its cleanup waits: what it waits for raises an
-- error of kind "cancelled", once.
-- @param reason? any: a string, or an error object that says why
-- @return true; false when it had ended already
function Task:cancel(reason)
  errors.check_self(self, Task, "task", "cancel")
  if self.done then
    return false
  end
  -- Each task gets an object of its own: what it waits for adds to it.
  local err = errors.cancelled(reason)
  self.cancelled = true
  if self.co == nil then
    scheduler.settle(self, false, err)
    scheduler.finish(self)
    return true
  end
  if scheduler.is_running(self) then
    error(err, 0)
  end
  self.interrupt = err
  -- It waits, or was woken and has not run yet. Else it is who runs this one.
  if compat.status(self.co) == "suspended" then
    self.parked = false
    scheduler.run_now(self)
  end
  return true
end

--- How far it is: "ready" (will run), "running", "waiting", "done", "failed" or
-- "cancelled". @return string
function Task:status()
  errors.check_self(self, Task, "task", "status")
  if self.done then
    return self.ok and "done" or self.cancelled and "cancelled" or "failed"
  end
  if self == scheduler.task then
    return "running"
  end
  return self.parked and "waiting" or "ready"
end

--- Calls `fn(ok, ...)` when the task ends (at once when it has). It may not wait.
-- @param fn fun(ok: boolean, ...: any)
-- @return self
function Task:on_done(fn)
  errors.check_self(self, Task, "task", "on_done")
  if type(fn) ~= "function" then
    error("on_done: function expected, got " .. type(fn), 2)
  end
  unobserved.observe(self)
  if self.done then
    scheduler.call_on_done(self, spawn_scope(), fn)
  else
    self.callbacks = self.callbacks or {}
    table.insert(self.callbacks, fn)
  end
  return self
end

--- The same, without being who awaits it.
function tasks.when_done(task, fn)
  task.callbacks = task.callbacks or {}
  table.insert(task.callbacks, fn)
end

function Task:__tostring()
  return "multisock.task (" .. self:status() .. ")"
end

return tasks
