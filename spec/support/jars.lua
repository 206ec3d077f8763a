-- What the specs of cookies share.
local helper = require("spec.helper")

local jars = {}

--- The names of a jar's cookies, sorted.
function jars.names(jar)
  local cookies = helper.all_of(jar:each())
  table.sort(cookies, function(one, other)
    return one.name < other.name
  end)
  return helper.names(cookies)
end

return jars
