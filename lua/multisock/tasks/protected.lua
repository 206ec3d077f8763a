-- Calls a function of the program's that may wait and may fail: pcall for every Lua.
local compat = require("multisock.base.compat")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local uncaught = require("multisock.base.uncaught")
local waiting = require("multisock.tasks.waiting")

-- Where nothing can wait inside xpcall, a task of its own protects. It is cancelled with
-- the one that has called, which goes on behind its end.
local function in_a_task(fn)
  local task, who = tasks.spawn(fn), waiting.waiter()
  task:on_done(function()
    scheduler.wake(who)
  end)
  while not task.done do
    local cancelled = waiting.park(who)
    if cancelled and not task.done then
      task:cancel(cancelled)
    end
  end
  local ok, first, second = task:join()
  return ok, first, ok and second or task.traceback
end

--- @return true and what `fn` returned, two values at most; or false, what it raised (also
-- that the task was cancelled), and the traceback
return compat.yields_in_pcall and function(fn)
  local traceback
  local ok, first, second = xpcall(fn, function(err)
    traceback = uncaught.traceback(err)
    return err
  end)
  return ok, first, ok and second or traceback
end or in_a_task
