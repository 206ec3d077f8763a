-- Specs are written for Lua 5.4. Before that there is no `local x <close> =`, so
-- there .busted loads specs through this: what such a variable gets is closed at
-- the end of the spec (see spec/helper.lua) instead of its block. A spec of the
-- end of a block asks helper.has_close. Files are read with "*a" before 5.3.

local load_text = loadstring or load -- luacheck: ignore 113

local portable = {}

local open = {}

-- A quotient takes the call that follows it, and nothing more.
_G.CLOSED_AT_END = setmetatable({}, { -- luacheck: ignore 111
  __div = function(_, value)
    open[#open + 1] = value
    return value
  end,
})

function _G.loadfile(name) -- luacheck: ignore 122
  local file, err = io.open(name)
  if file == nil then
    return nil, err
  end
  local text = file:read("*a")
  file:close()
  text = text:gsub("local ([%w_]+) <close> = ", "local %1 = CLOSED_AT_END / ")
  text = text:gsub("read%(\"a\"%)", "read(\"*a\")")
  return load_text(text, "@" .. name)
end

-- Code that LuaJIT has compiled keeps closures alive, and with them the handles
-- that specs expect to be collected.
local collect = collectgarbage
function _G.collectgarbage(option, ...) -- luacheck: ignore 122
  if jit and (option == nil or option == "collect") then -- luacheck: ignore 113
    jit.flush() -- luacheck: ignore 113
  end
  return collect(option, ...)
end

--- Closes what was opened, the last first.
function portable.close()
  for i = #open, 1, -1 do
    local value = open[i]
    open[i] = nil
    value:close()
  end
end

return portable
