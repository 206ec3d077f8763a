-- The option `curl`: libcurl's own options.
local values = require("multisock.base.values")

local NO_OPTIONS = {}

--- The raw options that are given, by libcurl's names in lower case.
-- @return table not to be changed
return function(given)
  return values.lowered(given.curl) or NO_OPTIONS
end
