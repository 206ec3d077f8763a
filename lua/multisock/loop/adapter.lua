-- A loop that is somebody else's, as the scheduler knows loops: made of an adapter
-- (loop/*.lua, docs/loops.md). Two directions: multisock has the loop wait while
-- ms.run runs (`step`); or the loop's owner runs it, and it turns us (`connect`,
-- `arm`). An engine serves the sockets: backend.lua where the adapter has `listen`,
-- socket_driver.lua where it has `watch`. Nothing is raised into the host's loop.
local core = require("multisock.core")
local driver = require("multisock.loop.socket_driver")
local backend = require("multisock.loop.backend")

local host = {}

local now = core.now

-- A loop that waits on when Ctrl-C comes is not left waiting for longer.
local BREATH = 0.5

-- Waiting, and serving without it.
local function add_step(loop, engine, adapter)
  --- Waits for events, `timeout` seconds at most (nil: until there are some).
  -- @return whether the loop has anything left that it could wait for
  function loop.step(_, timeout)
    if timeout == nil and not loop.is_alive() then
      return false
    elseif not adapter.hears_signals and (timeout == nil or timeout > BREATH) then
      timeout = BREATH
    end
    loop.stepping = true
    local ok, err = pcall(engine.step, timeout)
    loop.stepping = false
    if not ok then
      error(err, 0)
    end
    return loop.is_alive()
  end

  --- Serves what is there, in a host's turn.
  -- @return what was raised meanwhile, in a table, or nil
  function loop.serve()
    local ok, err = pcall(engine.serve)
    return not ok and { err } or nil
  end

  function loop.is_alive()
    return engine.is_alive() or adapter.is_alive ~= nil and adapter.is_alive()
  end
end

-- The host's timer.
local function add_timer(loop, adapter)
  local armed                      -- when it is due

  local function on_timer()
    armed = nil
    if not loop.stepping then
      loop.turn()
    end
  end

  --- Has the host's loop turn us in so many seconds (nil: not at all).
  function loop.arm(seconds)
    local at = seconds and now() + seconds
    if at == nil then
      if armed then
        armed = nil
        adapter.timer(nil)
      end
    elseif armed == nil or at < armed then
      armed = adapter.timer(seconds, on_timer) ~= false and at or nil
    end
  end
end

-- Coroutines of the host's own scheduler, and its callbacks.
local function add_visitors(loop, adapter)
  local visitors = setmetatable({}, { __mode = "k" })

  --- Whether the host's loop runs, so that we may not run it.
  function loop.is_running()
    return adapter.is_running ~= nil and not loop.stepping and adapter.is_running()
  end

  --- Who stands for the running coroutine, when that is one of the loop's own
  -- scheduler; or nil. The table is the adapter's too, but for `co`: with that
  -- core.get would suspend it in our way.
  function loop.visitor(co)
    if adapter.current == nil or not adapter.current() then
      return nil
    end
    local visitor = visitors[co]
    if visitor == nil then
      visitor = { visitor = true }
      visitors[co] = visitor
    end
    return visitor
  end

  loop.suspend, loop.resume = adapter.suspend, adapter.resume
end

--- Makes a loop of an adapter.
function host.new(adapter)
  local loop = { name = adapter.name, adapter = adapter, stepping = false }

  local function on_event()
    if not loop.stepping then
      loop.turn()
    end
  end

  local function on_wish()
    loop.rearm()
  end

  local engine = adapter.listen and backend.new(adapter, on_event)
    or driver.new(adapter, on_event, on_wish)

  --- Says who is told of the host's events, and of wishes between them.
  function loop.connect(turn, rearm)
    loop.turn, loop.rearm = turn, rearm
  end

  loop.ready, loop.attach, loop.close = engine.ready, engine.attach, engine.close
  loop.counts, loop.timeout = engine.counts, engine.timeout
  add_step(loop, engine, adapter)
  if adapter.timer then
    add_timer(loop, adapter)
  end
  add_visitors(loop, adapter)

  --- The descriptor to poll for readiness, or nil.
  function loop.fd()
    return adapter.fd and adapter.fd() or nil
  end

  loop.interruptible = engine.interruptible

  return loop
end

return host
