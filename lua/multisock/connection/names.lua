-- Which name a request has to have looked up, and waiting for it: see lookups.lua.
local errors = require("multisock.base.errors")
local lookups = require("multisock.connection.lookups")
local scheduler = require("multisock.tasks.scheduler")
local setup = require("multisock.request.setup")

local now = scheduler.now

local names = {}

--- The name that a request has to have looked up, or false.
function names.of(request, origin)
  if request.settings.profile == request.client.settings.profile or origin.pin then
    return origin.name or false
  end
  return lookups.name_for(request.settings, request.target, setup.environment_has_proxy)
    or false
end

--- Waits for a name, as long as connecting may take.
-- @return true; or nil, err; or nil, err, true: to be raised
function names.await(request, name)
  local connect = request.settings.timeout.connect
  request.lookup_since = request.lookup_since or now()
  local which, seconds = "connect", connect
  local deadline = connect and request.lookup_since + connect or nil
  if request.deadline and (deadline == nil or request.deadline < deadline) then
    which, seconds, deadline = "total", request.settings.timeout.total, request.deadline
  end
  local attempt_at = request.attempt_at
  if attempt_at and (deadline == nil or attempt_at < deadline) then
    which, seconds, deadline = "attempt", request.settings.attempt, attempt_at
  end
  local began = now()
  local ok, err, cancelled = lookups.await(name, deadline)
  request.lookup_time = (request.lookup_time or 0) + now() - began
  if ok or cancelled then
    return ok, err, cancelled
  elseif err == nil then
    err = errors.new("timeout", ("no address of %s within %g s (timeout.%s)"):format(
      name:match("^(.*):"), seconds, which), { code = "CURLE_OPERATION_TIMEDOUT", number = 28,
        phase = "resolve", retryable = true })
  end
  err.url, err.attempts = request:url(), 1
  return nil, err
end

return names
