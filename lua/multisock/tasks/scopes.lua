-- Scopes: ms.run, ms.group and ms.with_timeout own the tasks that are spawned in them,
-- and end when all of these have. Used by tasks/init.lua.
local compat = require("multisock.base.compat")
local scheduler = require("multisock.tasks.scheduler")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local pack = compat.pack
local main, park = scheduler.main, waiting.park
local outside = unobserved.outside

local scopes = {}

--- The metatable of a task, with its methods: tasks/init.lua fills it.
scopes.task_type = { __name = "multisock.task" }

--- Makes one. @param policy "run", "group" or "timeout"
function scopes.new(policy)
  return { children = {}, count = 0, last = 0, policy = policy }
end

--- Starts a task in it.
function scopes.spawn(scope, fn, ...)
  local task = setmetatable({ fn = fn, scope = scope }, scopes.task_type)
  if select("#", ...) > 0 then
    task.args = pack(...)
  end
  scope.last = scope.last + 1
  scope.children[task] = scope.last
  scope.count = scope.count + 1
  scheduler.enqueue(task)
  if scope.cancelled then
    task:cancel(scope.cancelled)
  end
  return task
end

--- Cancels its tasks, in the order in which they were spawned, and those that are spawned in
-- it later.
function scopes.cancel(scope, reason, except)
  scope.cancelled = reason or "cancelled"      -- whatever was raised: nil, too
  -- Cancelling changes the set, so take a copy.
  local list = values.in_order(scope.children)
  for i = 1, #list do
    if list[i] ~= except then
      list[i]:cancel(reason)
    end
  end
end

--- Whether a task that has ended has an error that somebody should know.
function scopes.is_failure(task)
  return not task.ok and not task.cancelled
end

function scheduler.child_ended(scope, task)
  if task.opened and not task.ok then
    task.opened:close(task, task.results[1])
  end
  scope.children[task] = nil
  scope.count = scope.count - 1
  if scopes.is_failure(task) then
    if scope.policy == "group" and not task.apart and scope.failed == nil then
      scope.failed = task
      unobserved.observe(task)
      scopes.cancel(scope, "another task of the group failed")
    elseif not task.observed and (task.receivers or 0) == 0 and task ~= scope.body then
      unobserved.report(task)
    end
  end
  if task == scope.body and not task.ok and scope.cancelled == nil then
    scopes.cancel(scope, "the function that has started it failed")
  end
  if scope.count == 0 and scope.owner then
    scheduler.wake(scope.owner)
  end
end

--- Waits until all tasks of the scope have ended. When the waiting task is
-- cancelled they are, and the error is returned after they have ended.
function scopes.wait(scope, who)
  local cancelled
  scope.owner, who.cleans_up = who, true
  while scope.count > 0 do
    local err = park(who)
    if err then
      if cancelled and who == main then
        break                       -- they do not end: another deadlock, another Ctrl-C
      end
      cancelled = cancelled or err
      scopes.cancel(scope, err)
    end
  end
  scope.owner, who.cleans_up = nil, nil
  if cancelled and who == main then
    uncaught.exit_if_interrupted(cancelled)
  end
  return cancelled
end

--- Nothing can be spawned in it any more. What it leaves unobserved is told
-- where the loop was started, and so is how its body failed when something else
-- is raised.
function scopes.close(scope, other_is_raised)
  local body = scope.body
  scope.ended = true
  local list = scope.unobserved
  if list then
    scope.unobserved = nil
    for i = 1, #list do
      if not list[i].observed then
        unobserved.add(outside, list[i])
      end
    end
  end
  if body and other_is_raised and body.done and scopes.is_failure(body) then
    unobserved.report(body)
  end
end

return scopes
