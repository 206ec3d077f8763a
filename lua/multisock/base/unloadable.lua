-- What is said when the C core cannot be loaded. Nothing else of multisock's is there yet.

local HIDDEN = [[%s
Either multisock was built for another Lua than this one, %s; or the program keeps its Lua to
itself (it loads it with RTLD_LOCAL, or has it linked in without -rdynamic). A program of the first
kind shows it by package.loadlib("%s", "*"), called before multisock is required: docs/hosts.md]]

local function library()
  return rawget(_G, "jit") and "libluajit-5.1.so.2"
    or "liblua" .. _VERSION:match("[%d.]+") .. ".so.0"
end

--- @param reason what require raised @return the same, and what to do where that is known
return function(reason)
  reason = tostring(reason)
  if reason:find("undefined symbol: lua", 1, true)
    or reason:find("symbol not found in flat namespace '_lua", 1, true) then
    return HIDDEN:format(reason, rawget(_G, "jit") and "LuaJIT" or _VERSION, library())
  end
  return reason
end
