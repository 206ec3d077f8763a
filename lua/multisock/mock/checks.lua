-- What a program gives ms.mock, looked at: each complaint names its place.
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local checks = {}

--- @raise misuse: "mock: WHERE: WHAT expected, got VALUE"
function checks.expected(where, what, value)
  errors.misuse(("mock: %s: %s expected, got %s"):format(where, what,
    type(value) == "string" and errors.quote(value) or values.describe(value)))
end
local expected = checks.expected

--- A table whose names are all among `names`.
function checks.fields(where, given, names)
  if type(given) ~= "table" then
    expected(where, "table", given)
  end
  for name in pairs(given) do
    if not names[name] then
      errors.misuse(("mock: %s: unknown field %s%s"):format(where, errors.quote(name),
        suggest.hint(name, names)))
    end
  end
end

--- A list. @param what of what, for the message
function checks.list(where, given, what)
  if type(given) ~= "table" or values.odd_key(given) ~= nil then
    expected(where, "list of " .. what, given)
  end
end

--- A value of this type, or nil.
function checks.optional(where, value, kind)
  if value ~= nil and type(value) ~= kind then
    expected(where, kind, value)
  end
end

--- An integer within these, or nil.
function checks.integer(where, value, least, most)
  if value ~= nil and (type(value) ~= "number" or value % 1 ~= 0 or value < least
    or value > (most or math.huge)) then
    expected(where, most and ("integer of %d to %d"):format(least, most)
      or ("integer of %d or more"):format(least), value)
  end
end

--- Whether this is a time that ends.
function checks.is_seconds(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

--- Whether this is a time to wait; math.huge is for ever.
function checks.is_wait(value)
  return checks.is_seconds(value) or value == math.huge
end

return checks
