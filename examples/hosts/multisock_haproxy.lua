-- multisock in haproxy's Lua. What haproxy runs in a coroutine of its own (an action, a
-- service, a task) waits as a task of multisock's does: ms.get in it suspends it alone.
-- Put this file where haproxy's Lua finds it; in a file of lua-load:
--   local ms = require("multisock")
--   ms.use_loop(require("multisock_haproxy"))
-- haproxy watches no descriptors for Lua, and wakes no coroutine: so a task of haproxy's
-- looks every 2 ms while something is under way, and ends when nothing is; and who waits
-- looks whether it is his turn.
local now = require("multisock").now

local LOOK = 2                        -- milliseconds

local adapter = { name = "haproxy" }

local on_ready, due, on_time
local serving = false

local function serve()
  while on_ready or due do
    if due and due <= now() then
      due = nil
      on_time()
    elseif on_ready then
      on_ready()
    end
    core.msleep(LOOK)
  end
  serving = false
end

local function begin()
  if not serving and (on_ready or due) then
    serving = true
    core.register_task(serve)
  end
end

function adapter.listen(_, fn)
  on_ready = fn
  begin()
end

function adapter.timer(seconds, fn)
  due, on_time = seconds and now() + seconds, fn
  begin()
end

--- haproxy runs its loop, nobody else.
function adapter.is_running()
  return true
end

function adapter.step()
  error("the loop is haproxy's")
end

local loading = true
core.register_init(function()
  loading = false
end)

--- Where the running coroutine is haproxy's, and may wait. In a converter or a fetch it may
-- not, and haproxy says so.
function adapter.current()
  return not loading
end

function adapter.suspend()
  core.msleep(LOOK)                   -- multisock asks again until it has woken it
end

function adapter.resume() end

return adapter
