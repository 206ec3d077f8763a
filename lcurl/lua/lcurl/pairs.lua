-- As Lua's pairs. LuaJIT's builds of 2022 (2.1.0-beta3, Debian 12's) compile `next` wrongly
-- now and then: entries are left out, or the process crashes. What calls it is not compiled
-- there.
local function step(map, key)
  return next(map, key)
end

local jit = rawget(_G, "jit")
if jit and jit.version:find("beta", 1, true) then
  jit.off(step)
end

return jit and function(map)
  return step, map, nil
end or pairs
