-- libuv through luv: the loop of luvit and of Neovim, and of every script that
-- requires luv. Its libuv need not be ours, so only luv's API is used.
local compat = require("multisock.base.compat")
local editor = require("multisock.base.editor")

local host = editor.neovim()
local uv = host and (host.uv or host.loop) or require("luv")

local luv = { name = "luv" }

-- luv itself writes an error of a poll to stderr ("EBADF", for each connection
-- that is refused): so ours is on the one descriptor that has none.
local listener

function luv.listen(fd, fn)
  listener = listener or uv.new_poll(fd)
  if fn then
    listener:start("r", fn)
  else
    listener:stop()
  end
end

---- Where there is no such descriptor -----------------------------------------

local EVENTS = { ["in"] = "r", out = "w", inout = "rw" }
local WHAT = { r = "in", w = "out", rw = "inout" }

-- By descriptor: its poll, and for what.
local watches = {}

local function start(fd, watch, fn)
  watch.poll:start(EVENTS[watch.what], function(err, events)
    if watches[fd] ~= watch then
      return
    end
    fn(fd, err and "err" or WHAT[events])
    if err and watches[fd] == watch then
      -- libuv has stopped it, but libcurl need not have changed its wish.
      start(fd, watch, fn)
    end
  end)
end

-- A poll is closed with its watch: kept, it would end somebody else's when the
-- number of the descriptor comes back.
function luv.watch(fd, what, fn)
  local watch = watches[fd]
  if what == nil then
    if watch then
      watches[fd] = nil
      watch.poll:stop()
      watch.poll:close()
    end
    return
  end
  if watch == nil then
    local poll = uv.new_poll(fd)
    if poll == nil then
      return false
    end
    watch = { poll = poll }
    watches[fd] = watch
  end
  watch.what = what
  start(fd, watch, fn)
end

---- Time ----------------------------------------------------------------------

local function milliseconds(seconds)
  return math.ceil(math.min(seconds, 1e9) * 1000)
end

-- A timer of 0 ms that is set in its own callback keeps libuv before 1.48 from
-- looking at sockets; an idle handle is called once in each turn.
local timer, idle

function luv.timer(seconds, fn)
  timer, idle = timer or uv.new_timer(), idle or uv.new_idle()
  timer:stop()
  idle:stop()
  if seconds == nil then
    return
  elseif seconds > 0 then
    uv.update_time()
    timer:start(milliseconds(seconds), 0, fn)
  else
    idle:start(function()
      idle:stop()
      fn()
    end)
  end
end

-- It goes on every millisecond once it was due: libuv before 1.45 looks at timers
-- first and then waits, so one that is due at once would have ended no wait.
local alarm

local function nothing() end

function luv.step(timeout)
  if timeout == nil or timeout <= 0 then
    uv.run(timeout and "nowait" or "once")
    return
  end
  alarm = alarm or uv.new_timer()
  uv.update_time()
  alarm:start(milliseconds(timeout), 1, nothing)
  uv.run("once")
  alarm:stop()
end

-- Somebody's call of uv.run is on the stack, or the loop is the host's anyway.
function luv.is_running()
  if host then
    return true
  elseif uv.loop_mode then
    return uv.loop_mode() ~= nil
  end
  return compat.is_on_stack(uv.run)
end

luv.is_alive = uv.loop_alive
luv.fd = uv.backend_fd

return luv
