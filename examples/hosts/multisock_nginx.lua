-- multisock in nginx's Lua. A handler that waits (ms.get, ms.sleep, ms.map, ...) suspends
-- its own request alone, and the worker goes on. Put this file where nginx's Lua finds it;
-- once in each worker, in init_worker_by_lua*:
--   local ms = require("multisock")
--   ms.use_loop(require("multisock_nginx"))
-- Inside of a task (ms.spawn) wait by multisock's functions, not by ngx.sleep and the like.
--
-- nginx watches no descriptors for Lua. So a timer of nginx's looks at multisock's every
-- 2 ms while something is under way, and else sleeps. It is one that lives as long as the
-- worker: tasks begin in it, and to nginx's functions (ngx.log) they are of its request,
-- which must not end before they do.
local semaphore = require("ngx.semaphore")
local now = require("multisock").now

assert(ngx.get_phase() ~= "init",
  "multisock_nginx: each worker needs a loop of its own: init_worker_by_lua*")

local LOOK, FOREVER = 0.002, 1e6     -- seconds

local adapter = { name = "nginx" }

local on_ready, due, on_time
local changed = assert(semaphore.new())
local waiting = setmetatable({}, { __mode = "k" })  -- coroutines of handlers

local serving = false

local function serve_once()
  if due and due <= now() then
    due = nil
    on_time()
  elseif on_ready then
    on_ready()
  end
end

local function serve()
  -- A worker that is told to quit ends when its requests have been answered.
  while not ngx.worker.exiting() or next(waiting) do
    local most = on_ready and LOOK or ngx.worker.exiting() and 1 or FOREVER
    -- nginx has its turn, whatever is to be done.
    changed:wait(math.max(due and math.min(due - now(), most) or most, 0.001))
    serving = true
    serve_once()
    serving = false
  end
end

-- Has the timer look again, unless it is about to.
local function changes()
  if not serving and changed:count() <= 0 then
    changed:post()
  end
end

assert(ngx.timer.at(0, serve))
-- It is called early, when the worker is told to end.
assert(ngx.timer.at(FOREVER, changes))

function adapter.listen(_, fn)
  on_ready = fn
  changes()
end

function adapter.timer(seconds, fn)
  due, on_time = seconds and now() + seconds, fn
  changes()
end

--- The loop is nginx's. Where its Lua may not wait, there is only ms.spawn.
function adapter.is_running()
  return true
end

function adapter.step()
  error("the loop is nginx's")
end

local MAY_WAIT = {
  rewrite = true, access = true, content = true, timer = true, ssl_cert = true,
  ssl_session_fetch = true, ssl_client_hello = true, server_rewrite = true, preread = true,
}

function adapter.current()
  return MAY_WAIT[ngx.get_phase()] or false
end

function adapter.suspend(visitor)
  local co = coroutine.running()
  visitor.semaphore = visitor.semaphore or assert(semaphore.new())
  waiting[co] = true
  visitor.semaphore:wait(FOREVER)
  waiting[co] = nil
  if ngx.worker.exiting() then
    changes()
  end
end

function adapter.resume(visitor)
  if visitor.semaphore then
    visitor.semaphore:post()
  end
end

return adapter
