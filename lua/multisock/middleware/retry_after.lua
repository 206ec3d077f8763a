-- How long a server wants to be left alone: `retry-after-ms`, `Retry-After`.
local clock = require("multisock.base.clock")
local core = require("multisock.core")

-- A number as these headers have them, also an absurd one; nil when it is none.
local function number(text)
  return text:find("^%d[%d.eE+-]*$") and tonumber(text) or nil
end

-- Seconds from now, by the server's own clock where it tells: clocks differ.
local function until_date(text, response)
  local date = core.getdate(text)
  return date and date - (core.getdate(response.headers:get("date") or "") or clock.time())
end

local function seconds_or_date(text, response)
  return number(text) or until_date(text, response)
end

-- The longest that one of the fields asks for.
local function longest(fields, read, response)
  local most
  for _, text in ipairs(fields) do
    local seconds = read(text, response)
    if seconds and (most == nil or seconds > most) then
      most = seconds
    end
  end
  return most
end

--- @return seconds above 0, perhaps absurdly many; nil: it has not said, or a time that
-- is over
return function(response)
  local fields = response.headers
  local milliseconds = longest(fields:get_all("retry-after-ms"), number)
  local seconds = milliseconds and milliseconds / 1000
    or longest(fields:get_all("retry-after"), seconds_or_date, response)
  return seconds and seconds > 0 and seconds or nil
end
