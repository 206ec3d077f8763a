-- multisock on Prosody's event loop, be it epoll, libevent or select. What Prosody runs
-- asynchronously (a handler of HTTP, a stanza's hook) waits as a task does: ms.get in it
-- suspends it alone. Put this file where Prosody's Lua finds it; in a module:
--   local ms = require("multisock")
--   ms.use_loop(require("multisock_prosody"))
local async = require("util.async")
local server = require("net.server")
local timer = require("util.timer")

local adapter = { name = "prosody" }

local watch

-- net.server_event can only be told to stop reading.
local function unwatch()
  if watch.close then
    watch:close()
  else
    watch:setflags(false)
  end
  watch = nil
end

function adapter.listen(fd, fn)
  if watch then
    unwatch()
  end
  watch = fn and server.watchfd(fd, fn) or nil
end

local alarm

function adapter.timer(seconds, fn)
  if alarm then
    timer.stop(alarm)
    alarm = nil
  end
  if seconds then
    alarm = timer.add_task(seconds, function()
      alarm = nil
      fn()
    end)
  end
end

--- Prosody runs its loop, nobody else: what is no coroutine of its own may not wait.
function adapter.is_running()
  return true
end

function adapter.step()
  error("the loop is Prosody's")
end

adapter.current = async.ready

function adapter.suspend(visitor)
  local wait, done = async.waiter()
  visitor.done = done
  wait()
end

function adapter.resume(visitor)
  local done = visitor.done
  visitor.done = nil
  if done then
    done()
  end
end

return adapter
