-- Bytes as hexadecimal digits, and back.
local hex = {}

local function digits_of(byte)
  return ("%02x"):format(byte:byte())
end

local function byte_of(digits)
  return string.char(tonumber(digits, 16))
end

--- @param bytes string @return string: two digits for each, in lower case
function hex.encode(bytes)
  return (bytes:gsub(".", digits_of))
end

--- @param digits string @return string: the bytes
function hex.decode(digits)
  return (digits:gsub("%x%x", byte_of))
end

return hex
