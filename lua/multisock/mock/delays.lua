-- How a mock takes its time, as long as the limits of `timeout` allow: the errors of these are
-- those of the network.
local limits = require("multisock.connection.limits")
local pause = require("multisock.middleware.pause")
local scheduler = require("multisock.tasks.scheduler")

local delays = {}

--- Waits until `at`, as long as the total allows, and the limit `name`, which is `seconds` from
-- now, or nil for none.
-- @param phase how far the request is @param answered boolean
-- @return true; or nil, err
function delays.wait_until(request, at, name, seconds, phase, answered)
  local now, deadline = scheduler.now(), request.deadline or math.huge
  local stop, late = at, nil
  if seconds and now + seconds < stop then
    stop, late = now + seconds, name
  end
  if deadline < stop then
    stop, late = deadline, "total"
  end
  if stop > now and not pause.wait_until(request.client, stop) then
    return nil, pause.closed_error(request, 1)
  elseif late then
    return nil, limits.passed(request, late, request.settings.timeout[late], phase, answered)
  end
  return true
end

--- How long this delay is, by chance where it has a range.
-- @param delay seconds, {least, most}, or nil @param number function: 0 to 1
function delays.seconds(delay, number)
  if type(delay) == "table" then
    return delay[1] + (delay[2] - delay[1]) * number()
  end
  return delay or 0
end

-- Waits so many seconds, in which the request is in this phase.
local function wait(request, seconds, name, phase)
  if seconds == 0 then
    return true
  end
  return delays.wait_until(request, scheduler.now() + seconds, name, request.settings.timeout[name],
    phase, false)
end

--- Waits until a server would have answered, the limits of the request permitting.
-- @return true; or nil, err
function delays.wait(request, seconds)
  return wait(request, seconds, "first_byte", "wait")
end

--- Waits until a connection would stand. `request.agent_phase` says so meanwhile.
-- @return true; or nil, err
function delays.connect(request, seconds)
  request.agent_phase = "connect"
  local ok, err = wait(request, seconds, "connect", "connect")
  request.agent_phase = nil
  return ok, err
end

return delays
