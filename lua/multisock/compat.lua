-- What differs between Lua versions, for the Lua half. Nothing else asks for
-- _VERSION.
local compat = {}

compat.unpack = table.unpack or unpack -- luacheck: ignore 143 113

compat.pack = table.pack or function(...)
  return { n = select("#", ...), ... }
end

-- The running coroutine, or nil on the main chunk.
local running = coroutine.running
function compat.running_coroutine()
  local co, main = running()
  if main then
    return nil
  end
  return co
end

-- A coroutine that failed does not run its to-be-closed variables by itself.
compat.close_coroutine = coroutine.close or function() end

function compat.is_integer(value)
  return type(value) == "number" and value % 1 == 0
end

return compat
