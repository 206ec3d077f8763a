-- A backend in somebody else's loop: libuv's with the driver in C, as for
-- loop/uv.lua, but what waits is the host's loop. It watches one descriptor, that
-- of our loop, which is readable when any socket is ready. For hosts whose
-- adapter has `listen`.
local core = require("multisock.core")

local backend = {}

--- Makes the engine of a loop (see adapter.lua); nil where the system has no such
-- descriptor.
-- @param adapter table @param on_event function() of a host, for `listen`
function backend.new(adapter, on_event)
  local loop = assert(core.loop())
  local fd = loop:fd()
  if fd == nil then
    loop:close()
    return nil
  end
  local self = { listening = false }

  -- The host's loop may end when nothing is left that could happen.
  local function listen()
    local wanted = loop:is_alive()
    if wanted ~= self.listening then
      self.listening = wanted
      adapter.listen(fd, wanted and on_event or nil)
    end
  end

  --- Waits in the host's loop, `timeout` seconds at most, then serves.
  function self.step(timeout)
    if loop:timeout() == 0 then
      loop:step(0)
    end
    local own = loop:timeout()
    if own and (timeout == nil or own < timeout) then
      timeout = own
    end
    listen()
    -- What Ctrl-C raises is raised here, not in a callback of the host's loop.
    loop:defer_interrupts(true)
    local ok, err = pcall(adapter.step, timeout)
    loop:defer_interrupts(false)
    if not ok then
      error(err, 0)
    end
    loop:step(0)
  end

  --- While `on`, Ctrl-C ends a wait.
  function self.interruptible(on)
    loop:interruptible(on)
  end

  --- Serves what is there, without waiting.
  function self.serve()
    loop:step(0)
  end

  --- What is left to be done, in seconds: for the host's timer.
  function self.timeout()
    listen()
    return loop:timeout()
  end

  function self.is_alive()
    listen()
    return loop:is_alive() or loop:timeout() == 0
  end

  function self.ready(_, ready, last, strays)
    return loop:ready(ready, last, strays)
  end

  function self.attach(multi)
    return multi:attach(loop)
  end

  function self.close(multi)
    multi:close()
  end

  function self.counts()
    return loop:counts()
  end

  return self
end

return backend
