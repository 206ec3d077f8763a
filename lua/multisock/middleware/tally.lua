-- Two counts over the last seconds: of requests, and of those among them that matter.
local scheduler = require("multisock.tasks.scheduler")

local now = scheduler.now

local Tally = {}
Tally.__index = Tally

local tally = {}

-- The last seconds are counted in so many parts, which go one by one.
local PARTS = 10

--- @param seconds number how long they count
function tally.new(seconds)
  return setmetatable({ length = seconds / PARTS, until_then = 0 }, Tally)
end

local function begin_part(self, time)
  local number = math.floor(time / self.length)
  local part = self[number % PARTS + 1]
  if part == nil or part.number ~= number then
    part = { number = number, all = 0, some = 0 }
    self[number % PARTS + 1] = part
  end
  self.part, self.until_then = part, (number + 1) * self.length
  return part
end

--- Counts so many of each.
function tally.add(self, all, some)
  local time, part = now(), self.part
  if time >= self.until_then then
    part = begin_part(self, time)
  end
  part.all, part.some = part.all + all, part.some + some
end

Tally.add = tally.add

--- @return how many in all, how many that matter
function Tally:sums()
  local oldest = math.floor(now() / self.length) - PARTS
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
