-- Values that are sent as text: in a query, a form, a header. What would be sent
-- wrong or not at all is misuse.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local pairs = compat.pairs

local values = {}

--- A key that a list does not have; nil when the table is a list.
function values.odd_key(list)
  local count = #list
  for key in pairs(list) do
    if not compat.is_integer(key) or key < 1 or key > count then
      return key
    end
  end
end

--- The names in a table, in order. @param set table whose keys are strings
function values.sorted_keys(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- The keys of a table in the order of their numbers. @param set table of numbers
function values.in_order(set)
  local keys = {}
  for key in pairs(set) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return set[a] < set[b] end)
  return keys
end

--- What stands where something else was expected.
function values.describe(value)
  if value == package.loaded.multisock and value ~= nil then
    return "multisock itself: it was called with a colon, write ms.NAME(...)"
  elseif type(value) == "table" then
    local key = values.odd_key(value)
    return key == nil and "a list" or ("a table with the key %s"):format(
      type(key) == "string" and ("%q"):format(key) or tostring(key))
  elseif value == core.null then
    return "ms.null"
  end
  local kind = type(value)
  return (kind == "number" or kind == "boolean") and tostring(value) or kind
end

--- The value as it is sent: numbers with all their digits.
-- @return string; nil when it cannot be sent
function values.text(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return core.number_text(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
end

--- The same with its names as texts in lower case.
-- @return a new table; or `map`, which is none
function values.lowered(map)
  if type(map) ~= "table" then
    return map
  end
  local lowered = {}
  for name, value in pairs(map) do
    lowered[tostring(name):lower()] = value
  end
  return lowered
end

--- One table over another, one level deep; what is no table takes the other's place.
-- @return a new table; or `over`
function values.merged(base, over)
  if type(base) ~= "table" or type(over) ~= "table" then
    return over
  end
  local merged = {}
  for name, value in pairs(base) do
    merged[name] = value
  end
  for name, value in pairs(over) do
    merged[name] = value
  end
  return merged
end

--- A table of options as it is; or a plain one, with what a metatable gives it for these names.
-- @param given any @param ... tables whose keys are the names
function values.unfolded(given, ...)
  if type(given) ~= "table" or getmetatable(given) == nil then
    return given
  end
  local plain = values.merged(given, {})
  for i = 1, select("#", ...) do
    for name in pairs((select(i, ...))) do
      plain[name] = given[name]
    end
  end
  return plain
end

return values
