-- The default loop: libuv's, with the driver in C. Lua only waits and asks
-- for news.
local core = require("multisock.core")

local uv = { name = "uv" }

local loop

local function get_loop()
  if loop == nil then
    local err
    loop, err = core.loop()
    if loop == nil then
      error(err, 0)
    end
  end
  return loop
end

--- Seconds of the monotonic clock.
uv.now = core.now

--- Waits for events, `timeout` seconds at most (nil: until there are some).
-- @return whether the loop has anything left that it could wait for
function uv.step(timeout)
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

--- Hands over transfers with news, see loop:news of the core.
function uv.news(ready, last, strays)
  return get_loop():news(ready, last, strays)
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

return uv
