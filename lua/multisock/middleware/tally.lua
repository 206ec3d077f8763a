-- Two counts over the last seconds: of requests, and of those among them that matter.
local scheduler = require("multisock.tasks.scheduler")

local Tally = {}
Tally.__index = Tally

local tally = {}

-- The last seconds are counted in so many parts, which go one by one.
local PARTS = 10

--- @param seconds number how long they count
function tally.new(seconds)
  return setmetatable({ length = seconds / PARTS }, Tally)
end

--- Counts so many of each.
function Tally:add(all, some)
  local number = math.floor(scheduler.now() / self.length)
  local part = self[number % PARTS + 1]
  if part == nil or part.number ~= number then
    part = part or {}
    part.number, part.all, part.some = number, 0, 0
    self[number % PARTS + 1] = part
  end
  part.all, part.some = part.all + all, part.some + some
end

--- @return how many in all, how many that matter
function Tally:sums()
  local oldest = math.floor(scheduler.now() / self.length) - PARTS
  local all, some = 0, 0
  for i = 1, PARTS do
    local part = self[i]
    if part and part.number > oldest then
      all, some = all + part.all, some + part.some
    end
  end
  return all, some
end

return tally
