-- Chance for times and keys: the one place where it comes from, so that it can be told
-- (tasks/simulated.lua does).
local core = require("multisock.core")

local chance = {}

--- So many bytes, 256 at most. Not Lua's generator: that may say the same in every
-- process, which then all come back at once.
function chance.bytes(count)
  return core.random(count)
end

--- 0 to 1, 1 excluded. @param bytes? function in the place of `bytes`
function chance.number(bytes)
  local a, b, c = (bytes or chance.bytes)(3):byte(1, 3)
  return (a * 65536 + b * 256 + c) / 2 ^ 24
end

-- Lehmer's generator, whose numbers are exact in every Lua.
local MODULUS, FACTOR = 2147483647, 48271

--- A function like `bytes` that says the same for the same seed.
-- @param seed integer
function chance.seeded(seed)
  local state = (seed % MODULUS * 69621 + 104729) % MODULUS
  state = state == 0 and 1 or state
  local function byte()
    state = state * FACTOR % MODULUS
    return math.floor(state / 1024) % 256
  end
  byte()
  byte()
  return function(count)
    local bytes = {}
    for i = 1, count do
      bytes[i] = string.char(byte())
    end
    return table.concat(bytes)
  end
end

return chance
