-- The limits of `timeout` that a running stream (stream.lua) keeps to: which one is nearest,
-- and the error of one that has passed, which is the same for those that an agent keeps to.
local errors = require("multisock.base.errors")
local is_once = require("multisock.request").is_once

local limits = {}

-- Whether its body belongs to what was asked for; that of each request of a list does.
local function is_whole(self)
  return self.settings.buffer or self.request.index ~= nil
end

--- The nearest limit: when, its name, its length.
-- @param since when this wait for the body began; nil while waiting for the answer
-- (first_byte is looked after by the C side: see deadlines.h)
function limits.nearest(self, since)
  local given = self.settings.timeout
  local at, name, seconds = self.deadline, "total", given.total
  local attempt_at = self.attempt_at
  if attempt_at and (not self.answered or is_whole(self)) and (at == nil or attempt_at < at) then
    at, name, seconds = attempt_at, "attempt", given.attempt
  end
  local quiet = since and (self.buffering and given.idle or rawget(given, "idle"))
  if quiet then
    local _, _, _, _, active = self.easy:marks()
    local quiet_at = math.max(active, since) + quiet
    if at == nil or quiet_at < at then
      at, name, seconds = quiet_at, "idle", quiet
    end
  end
  return at, name, seconds
end

local WORDS = {
  total = "not done after %g s (timeout.total)",
  attempt = "no answer within %g s (timeout.attempt)",
  first_byte = "no answer within %g s (timeout.first_byte)",
  idle = "nothing arrived for %g s (timeout.idle)",
  connect = "no connection within %g s (timeout.connect)",
}

--- The error of a limit of `timeout` that has passed, whoever keeps it: a stream, or who
-- performs in the place of the network.
-- @param request @param name of the limit @param seconds its length @param phase how far it came
-- @param answered boolean: the headers have arrived
function limits.passed(request, name, seconds, phase, answered)
  local words = name == "attempt" and answered
    and "the body has not ended within %g s (timeout.attempt)" or WORDS[name]
  return errors.new("timeout", words:format(seconds), {
    code = "CURLE_OPERATION_TIMEDOUT", number = 28, phase = phase,
    retryable = errors.UNSENT[phase] or not is_once(request),
  })
end

--- The error of a limit of a stream.
function limits.error(self, name, seconds)
  return self:describe(limits.passed(self.request, name, seconds, self.easy:phase(),
    self.answered))
end

--- The error of an answer that is late. Lua may have been busy, and have seen no earlier
-- limit pass.
function limits.late_error(self)
  local seconds = self.settings.timeout.first_byte
  local at, name, limit = limits.nearest(self)
  local _, _, _, _, active = self.easy:marks()
  if at and at < active + seconds then
    return self:timeout_error(name, limit)
  end
  return self:timeout_error("first_byte", seconds)
end

return limits
