-- For a program that owns its loop, or its time: it calls `step` when it likes; or
-- its loop calls `turn`, as often as something has happened (see adapter.lua).
local compat = require("multisock.base.compat")
local scheduler = require("multisock.tasks.scheduler")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")
local woken = require("multisock.tasks.woken")

local get_loop = scheduler.loop

local embedded = {}

--- One turn of the loop, for a host that owns its time.
-- @param timeout? number seconds to wait at most; nil: not at all
-- @param budget? number seconds after which no further task is started or goes on; the first
-- one always is. nil: all that can run do
-- @raise in a task or a callback; the error of a task that nobody awaited, unless
-- there is an on_error
function embedded.step(timeout, budget)
  if scheduler.is_driving() or scheduler.task then
    error("step: the loop is running", 2)
  end
  if timeout ~= nil and type(timeout) ~= "number" then
    error("step: seconds expected, got " .. type(timeout), 2)
  elseif budget ~= nil and type(budget) ~= "number" then
    error("step: budget: seconds expected, got " .. type(budget), 2)
  end
  local loop = get_loop()
  if loop.is_running and loop.is_running() then
    error("step: the host's loop is running", 2)
  end
  if scheduler.has_ready() then
    timeout = 0                     -- there is something to do
  end
  local ok, err = scheduler.drive_with(scheduler.turn, timeout or 0, nil,
    budget and scheduler.now() + budget)
  if not ok then
    uncaught.exit_if_interrupted(err)
    error(err, 0)
  end
  unobserved.tell()
end

-- Nothing of a host's loop is waited for here. Returns what the loop had raised,
-- in a table, or nil.
local function serve()
  local loop = get_loop()
  local failure = loop.serve()
  scheduler.take_ready()
  scheduler.run_timers()
  scheduler.run_ready()
  unobserved.tell_collected()
  -- What the tasks have started goes out at once.
  return failure or loop.serve()
end

--- A turn in the loop of a host that has woken us. Nothing is raised into it.
function woken.host_turn()
  if not scheduler.is_driving() then
    local ok, failure = scheduler.drive_with(serve)
    unobserved.tell_host(ok and failure or not ok and { failure } or nil)
  end
end

--- Whether a host's loop is running here, outside of any task: its callback, or
-- a coroutine of its own scheduler.
function embedded.is_hosted()
  local loop, co = get_loop(), compat.running_coroutine()
  return loop.is_running ~= nil
    and (loop.is_running() or co ~= nil and loop.visitor(co) ~= nil)
end

--- A descriptor that is readable when ms.step has something to do.
-- @return descriptor; nil where the system has none
function embedded.fd()
  return get_loop().fd()
end

return embedded
