-- What is known to be dangerous about the libcurl that runs, for people: the `warnings`
-- of ms.version().
local core = require("multisock.core")
local values = require("multisock.base.values")

--- One line for each danger: what may happen, and what multisock does about it.
-- @param version table of core.version()
-- @return list of strings
local function warnings(version)
  local list, quirks = {}, core.quirks()
  for _, name in ipairs(values.sorted_keys(quirks)) do
    local quirk = quirks[name]
    list[#list + 1] = ("%s%s. multisock: %s."):format(quirk.effect,
      quirk.issue and " (" .. quirk.issue .. ")" or "", quirk.remedy)
  end
  if not version.features.AsynchDNS then
    list[#list + 1] = "names are looked up in the thread that asks, and all transfers wait"
      .. " meanwhile. multisock: nothing; use another build of libcurl."
  end
  return list
end

return warnings
