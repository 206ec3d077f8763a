-- The default loop: libuv's, with the driver in C. Lua only waits and asks
-- for ready ones. A host written in C may have it adopt his loop (multisock.h): then
-- the host runs it, and what the scheduler asks of a host's loop is here, too.
local core = require("multisock.core")

local uv = { name = "uv" }

local loop, on_turn

-- From now on each turn calls C alone, with the handle first.
local function set_loop(made)
  loop = made
  uv.handle, uv.step, uv.ready = loop, loop.step, loop.ready
  uv.in_c = true                    -- C may turn it by itself
end

local function get_loop()
  if loop == nil then
    local made, err = core.loop()
    if made == nil then
      error(err, 0)
    end
    set_loop(made)
  end
  return loop
end

--- Seconds of the monotonic clock.
uv.now = core.now

--- Waits for events, `timeout` seconds at most (nil: until there are some).
-- @return whether the loop has anything left that it could wait for
function uv.step(_, timeout)
  return get_loop():step(timeout)
end

--- Seconds that `step` would wait by itself, nil: until a socket is ready.
function uv.timeout()
  return get_loop():timeout()
end

--- The descriptor to poll for readiness, or nil.
function uv.fd()
  return get_loop():fd()
end

--- Hands over transfers that are ready, see loop:ready of the core.
function uv.ready(_, ready, last, strays)
  return get_loop():ready(ready, last, strays)
end

--- Lets this loop drive a multi.
function uv.attach(multi)
  return multi:attach(get_loop())
end

--- Closes a multi.
function uv.close(multi)
  multi:close()
end

--- While `on`, Ctrl-C ends a wait.
function uv.interruptible(on)
  return get_loop():interruptible(on)
end

--- Watched sockets and attached multis, for leak checks.
function uv.counts()
  return get_loop():counts()
end

---- An adopted loop -----------------------------------------------------------

--- Says what is called when it is Lua's turn.
function uv.connect(turn)
  on_turn = turn
  if uv.arm then
    loop:on_turn(on_turn)
  end
end

-- What the scheduler looks for to know that a host may run the loop.
local function add_host()
  --- Has the host's loop turn us in so many seconds; nil: when there is ready.
  function uv.arm(seconds)
    loop:wake(seconds)
  end

  --- Whether the host runs the loop, so that we may not.
  function uv.is_running()
    return loop:hosted()
  end

  --- libuv has no coroutines of its own.
  function uv.visitor()
    return nil
  end

  --- Nothing waits that the loop does not know of.
  function uv.timeout()
    return nil
  end

  --- The host's loop has served all.
  -- @return what a callback of a multi has raised, in a table, or nil
  function uv.serve()
    local ok, err = pcall(loop.step, loop)
    return not ok and { err } or nil
  end
end

--- Adopts the host's loop, before anything uses another. For the same one
-- again: its uv_run has returned, so that Lua may wait until it is called again.
-- loops.adopt calls this.
-- @param pointer light userdata: a uv_loop_t *
-- @raise when another loop is in use; when it is of another copy of libuv
function uv.adopt(pointer)
  if uv.arm and pointer == uv.adopted then
    loop:hosted(true)
  elseif loop then
    error("the Lua state has a loop already; give it the host's before its first use", 0)
  else
    set_loop(core.loop(pointer))
    uv.adopted = pointer
    add_host()
    if on_turn then
      loop:on_turn(on_turn)
    end
  end
  loop:wake(0)
end

return uv
