-- A program that is to be tested: the temperature of cities, of a service that is busy at
-- times. Its tests are in weather_spec.lua, beside it.
local ms = require("multisock")

local Weather = {}
Weather.__index = Weather

--- Makes one.
-- @param agent? what performs the requests in the place of the network: for tests
local function new(agent)
  return setmetatable({
    client = ms.client({
      base_url = "https://weather.example/v1", agent = agent, timeout = 600,
      retry = { limit = 5 }, throttle = { limit = 10, per = 60 },
    }),
  }, Weather)
end

--- @return degrees; or nil, and why not
function Weather:temperature(city)
  local response, err = self.client:get("/now", { query = { city = city } })
  if response == nil then
    return nil, "the service cannot be reached: " .. err.kind
  elseif response.status == 404 then
    return nil, "no such city: " .. city
  elseif not response.ok then
    return nil, "the service is out of order: " .. response.status
  end
  local now
  now, err = response:json()
  return now and now.degrees, err and err.message
end

--- Looks every five minutes, so often, and tells when it has changed.
-- @param tell function(degrees)
function Weather:watch(city, times, tell)
  local before
  for _ = 1, times do
    local degrees = self:temperature(city)
    if degrees and degrees ~= before then
      before = degrees
      tell(degrees)
    end
    ms.sleep(300)
  end
end

return { new = new }
