-- A text that comes in pieces and is joined when all are there: each byte is copied a few
-- times, however long it gets, and of the smallest pieces it takes little more memory than
-- its bytes.
local concat = table.concat

local pieces = {}

local Pieces = {}
Pieces.__index = Pieces

-- So many are joined on the way.
local MANY = 1024

--- @param between? string what stands between two of them
function pieces.new(between)
  return setmetatable({ between = between or "", joined = {}, list = {}, count = 0 }, Pieces)
end

function Pieces:add(text)
  local count = self.count + 1
  self.list[count], self.count = text, count
  if count == MANY then
    self.joined[#self.joined + 1] = concat(self.list, self.between)
    self.list, self.count = {}, 0
  end
end

--- @return string all of it; nothing may be added afterwards
function Pieces:whole()
  local joined = self.joined
  if self.count > 0 then
    joined[#joined + 1] = concat(self.list, self.between)
  end
  return concat(joined, self.between)
end

return pieces
