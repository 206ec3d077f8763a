-- Dates of HTTP (RFC 9110 5.6.7), read strictly: what is not in one of the three forms is
-- no date, and no answer lives longer for it.
local dates = {}

local MONTHS = {}
local NAMES = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
for i, name in ipairs(NAMES) do
  MONTHS[name:upper()] = i
end
local DAYS = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }    -- 1970 began with the first

-- Days since 1970-01-01 (the Gregorian calendar, counted from March).
local function days_until(year, month, day)
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  local leap = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return year * 365 + leap + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
end

local function seconds_of(year, name, day, hour, minute, second)
  local month = MONTHS[name]
  year, day = tonumber(year), tonumber(day)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not month or day < 1 or day > 31 or hour > 23 or minute > 59 or second > 60 then
    return nil
  end
  return ((days_until(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
end

-- Two digits: not more than 50 years from now.
local function century(year, now)
  local this = 1970 + math.floor(now / 31556952)
  local full = this - this % 100 + tonumber(year)
  return full > this + 50 and full - 100 or full
end

local TIME = "(%d%d):(%d%d):(%d%d)"

--- @param text? string @param now seconds since 1970, for years of two digits
-- @return seconds since 1970; nil when it is no date
function dates.parse(text, now)
  if text == nil or #text > 40 then
    return nil
  end
  text = text:upper()
  local day, month, year, hour, minute, second =
    text:match("^%u%u%u, (%d%d) (%u%u%u) (%d%d%d%d) " .. TIME .. " GMT$")
  if day then
    return seconds_of(year, month, day, hour, minute, second)
  end
  day, month, year, hour, minute, second =
    text:match("^%u+, (%d%d)%-(%u%u%u)%-(%d%d) " .. TIME .. " GMT$")
  if day then
    return seconds_of(century(year, now), month, day, hour, minute, second)
  end
  month, day, hour, minute, second, year =
    text:match("^%u%u%u (%u%u%u) ([%d ]%d) " .. TIME .. " (%d%d%d%d)$")
  return month and seconds_of(year, month, day, hour, minute, second)
end

--- As HTTP writes it, whatever the locale is.
function dates.format(seconds)
  seconds = math.floor(seconds)
  local time = os.date("!*t", seconds)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[math.floor(seconds / 86400) % 7 + 1],
    time.day, NAMES[time.month], time.year, time.hour, time.min, time.sec)
end

return dates
