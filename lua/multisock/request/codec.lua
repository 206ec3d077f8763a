-- The option `json_codec`: JSON by a library of the user's. Loaded at its first use.
local errors = require("multisock.base.errors")
local values = require("multisock.base.values")

local codec = {}

--- @return string @raise naming what is wrong, at level 0
function codec.encode(given, value)
  local ok, text = pcall(given.encode, value)
  if not ok then
    error("option 'json': " .. tostring(text), 0)
  elseif type(text) ~= "string" then
    error("option 'json': json_codec.encode returned " .. values.describe(text)
      .. ": string expected", 0)
  end
  return text
end

--- Libraries raise, or return nil and why; and there are those that have nil for null.
-- @return value; or nil, err
function codec.decode(given, text)
  local ok, value, message, more = pcall(given.decode, text)
  if not ok then
    return nil, errors.new("protocol", tostring(value))
  elseif value == nil and message ~= nil then
    -- (dkjson: nil, position, message.)
    return nil, errors.new("protocol", tostring(type(more) == "string" and more or message))
  end
  return value
end

return codec
