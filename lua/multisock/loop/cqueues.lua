-- cqueues. Ours is a controller of its own; another one that somebody runs gets a
-- coroutine that steps it, for as long as there is something to do. A coroutine
-- of any controller counts as a task.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local cqueues = require("cqueues")
local condition = require("cqueues.condition")
local errno = require("cqueues.errno")

local now = core.now

local loop = { name = "cqueues", hears_signals = true }

local controller = cqueues.new()

local function check(ok, message, code)
  if not ok and code ~= errno.EINTR then
    error("cqueues: " .. tostring(message), 0)
  end
end

-- Controllers that have a coroutine which steps ours.
local hosts = setmetatable({}, { __mode = "k" })

local function attach(host)
  if host == nil or host == controller or hosts[host] then
    return
  end
  hosts[host] = true
  host:wrap(function()
    while not controller:empty() do
      check(controller:step())      -- in a coroutine it waits by cqueues.poll
    end
    hosts[host] = nil
  end)
end

---- One coroutine waits for the descriptor and the timer ------------------------

local object, on_ready = { events = "r" }, nil
local due, on_time
local changed = condition.new()
local waiting = false

local function serve()
  while on_ready or due do
    local left = due and math.max(0, due - now())
    if on_ready then
      cqueues.poll(object, changed, left)
    else
      cqueues.poll(changed, left)
    end
    if due and due <= now() then
      due = nil
      on_time()
    elseif on_ready then
      on_ready()                    -- may have been for nothing
    end
  end
  waiting = false
end

local function change()
  if not waiting then
    waiting = true
    controller:wrap(serve)
  else
    changed:signal()
  end
  attach((cqueues.running()))
end

function loop.listen(fd, fn)
  object.pollfd, on_ready = fd, fn
  change()
end

function loop.timer(seconds, fn)
  attach((cqueues.running()))
  local hosted = next(hosts) ~= nil -- else nobody steps our controller but we
  due, on_time = hosted and seconds and now() + seconds or nil, fn
  if hosted then
    change()
  end
  return hosted
end

local poller = core.poller()

-- A controller that is empty does not wait.
function loop.step(timeout)
  if controller:empty() then
    poller:wait(timeout or 0, {})
  else
    check(controller:step(timeout))
  end
end

function loop.fd()
  return controller:pollfd()
end

---- Coroutines of cqueues -------------------------------------------------------

--- Whether the running coroutine is one that a controller resumes itself.
function loop.current()
  local _, itself = cqueues.running()
  return itself == true
end

function loop.suspend(visitor)
  visitor.condition = visitor.condition or condition.new()
  attach((cqueues.running()))
  visitor.condition:wait()
end

function loop.resume(visitor)
  visitor.condition:signal()
end

function loop.is_running()
  return cqueues.running() ~= nil and compat.running_coroutine() == nil
end

return loop
