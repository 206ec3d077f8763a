-- Copas, every version from 1.1.7. It waits with select(2), which cannot have
-- descriptors above 1023: ours is one, with everything behind it. A coroutine of
-- Copas counts as a task.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local copas = require("copas")
local socket = require("socket")

local now = core.now

local loop = { name = "copas" }

-- Before 2.0 Copas has neither timers nor a way to wake a coroutine.
local has_timers = copas.wakeup ~= nil

---- One coroutine waits for the descriptor ---------------------------------------

local on_ready
local due, on_time
local waiting = false

-- A descriptor on which nothing ever happens, for when only time is waited for.
local quiet = assert((socket.udp4 or socket.udp)())

-- What Copas takes for a socket. It is "dirty", which means readable at once,
-- when the coroutine is to look again.
local object = { fd = quiet:getfd(), ready = false }

function object:getfd()
  return self.fd
end

function object.dirty()
  return on_ready == nil and (due == nil or has_timers)
    or not has_timers and due ~= nil and due <= now()
end

function object:receive()
  self.ready = not self.ready
  if self.ready then
    return nil, "timeout"           -- not yet: wait for it
  end
  return "ready"
end

function object.settimeout() end
function object.close() end

local function is_due()
  if due and due <= now() then
    local fn = on_time
    due, on_time = nil, nil
    return fn
  end
end

local function listen()
  while on_ready or due and not has_timers do
    object.ready = false
    copas.receive(object)
    local fn = not has_timers and is_due() or on_ready
    if fn then
      fn()
    end
  end
  waiting = false
end

local function change()
  if not waiting then
    waiting = true
    copas.addthread(listen)
  end
end

function loop.listen(fd, fn)
  object.fd, on_ready = fn and fd or quiet:getfd(), fn
  if fn then
    change()
  end
end

---- Time ------------------------------------------------------------------------

local sleeper

local function sleep()
  while due do
    (copas.pause or copas.sleep)(math.max(0, due - now()))
    local fn = is_due()
    if fn then
      fn()
    end
  end
  sleeper = nil
end

-- Copas 1 looks at it in each of its steps: copas.loop(0.05) makes them.
function loop.timer(seconds, fn)
  due, on_time = seconds and now() + seconds, fn
  if not has_timers then
    if due then
      change()
    end
  elseif sleeper then
    copas.wakeup(sleeper)
  elseif due then
    sleeper = copas.addthread(sleep)
  end
end

function loop.step(timeout)
  copas.step(timeout)
end

---- Coroutines of Copas -----------------------------------------------------------

-- Copas has no way to tell its own from others.
function loop.current()
  return true
end

if has_timers then
  function loop.suspend(visitor)
    visitor.thread = compat.running_coroutine()
    if copas.pauseforever then
      copas.pauseforever()
    else
      copas.sleep(-1)
    end
  end

  function loop.resume(visitor)
    copas.wakeup(visitor.thread)
  end
else
  -- What a coroutine yields is what it waits for, and the queue that it joins.
  local queue = { insert = function() end }

  function queue.push(_, visitor, co)
    visitor.thread = co
  end

  function loop.suspend(visitor)
    coroutine.yield(visitor, queue)
  end

  function loop.resume(visitor)
    local co = visitor.thread
    visitor.thread = nil
    if co then                      -- else it was no coroutine of Copas
      copas.addthread(co)
    end
  end
end

function loop.is_running()
  return copas.running == true or compat.is_on_stack(copas.step)
end

return loop
