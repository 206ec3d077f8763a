-- What is remembered of many, by a key, and need not be kept for ever: origins, throttles,
-- breakers. A crawler meets hosts without end; from time to time those go that nobody needs,
-- and are made anew when they come again.
local pairs = require("multisock.base.compat").pairs

local remembered = {}

--- @param least integer so many are kept before any is forgotten
-- @return table: `by_key` holds them
function remembered.new(least)
  return { by_key = {}, count = 0, most = least, least = least }
end

--- Adds one whose key is new.
-- @param forget function(value) -> boolean: whether it may go
function remembered.add(all, key, value, forget)
  if all.count >= all.most then
    local left = 0
    for other, old in pairs(all.by_key) do
      if forget(old) then
        all.by_key[other] = nil
      else
        left = left + 1
      end
    end
    -- When most stay, looking at all of them for each new one would take too long.
    all.count, all.most = left, math.max(all.least, 2 * left)
  end
  all.by_key[key], all.count = value, all.count + 1
end

return remembered
