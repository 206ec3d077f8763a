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

-- Whether a coroutine may suspend inside pcall: not in PUC Lua 5.1.
compat.yields_in_pcall = coroutine.wrap(function()
  pcall(coroutine.yield, true)
  return false
end)()

--- Something that calls `fn(argument)` when it is collected, at the latest when
-- the state is closed. `fn` may not fail, wait, or call what may.
function compat.finalizer(fn, argument)
  local function collected()
    fn(argument)
  end
  if newproxy then -- luacheck: ignore 113
    local proxy = newproxy(true) -- luacheck: ignore 113
    getmetatable(proxy).__gc = collected
    return proxy
  end
  return setmetatable({}, { __gc = collected })
end

--- Whether a call of this function is on the stack of the running coroutine.
function compat.is_on_stack(fn)
  local level = 2
  local info = debug.getinfo(level, "f")
  while info and info.func ~= fn do
    level = level + 1
    info = debug.getinfo(level, "f")
  end
  return info ~= nil
end

function compat.is_integer(value)
  return type(value) == "number" and value % 1 == 0
end

return compat
