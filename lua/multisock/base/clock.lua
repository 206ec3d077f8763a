-- What time it is: the one place where that comes from, so that it can be told
-- (tasks/simulated.lua does). Nobody keeps `clock.time` for himself.
local core = require("multisock.core")

local clock = {}

--- The monotonic clock of tasks. @return seconds
clock.now = core.now

local function system_time()
  return os.time()
end

--- The time of day, for what lives longer than a process or is told by servers.
-- @return seconds since 1970
clock.time = system_time

--- Has both say something else; nil: what the system says.
-- @param now? seconds @param time? function() -> seconds since 1970
function clock.tell(now, time)
  core.set_now(now)
  clock.time = time or system_time
end

return clock
