-- The time of day, for what lives longer than a process or is told by servers. Asked of
-- here alone, so that it can be set.
local clock = {}

--- @return seconds since 1970
function clock.time()
  return os.time()
end

return clock
