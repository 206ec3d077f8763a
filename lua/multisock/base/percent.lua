-- Percent-encoding (RFC 3986 2.1) of one component of a URL: what is neither letter
-- nor digit nor one of -._~ would mean something there.
local errors = require("multisock.base.errors")
local values = require("multisock.base.values")

local percent = {}

-- Not %w: what that is depends on the locale.
local RESERVED = "[^A-Za-z0-9%-._~]"

local function byte_code(byte)
  return ("%%%02X"):format(byte:byte())
end

--- The text as it stands in a URL: all but letters, digits and `-._~` as `%XX`.
-- @param text string|number @return string
function percent.escape(text)
  if type(text) == "number" then
    text = values.text(text)
  end
  if type(text) ~= "string" then
    errors.misuse("escape: string or number expected, got " .. values.describe(text))
  end
  return (text:gsub(RESERVED, byte_code))
end

local function byte_of(code)
  return string.char(tonumber(code, 16))
end

--- The other way: each `%XX` is the byte that it stands for, all else stays, also a `+`.
-- @param text string @return string
function percent.unescape(text)
  if type(text) ~= "string" then
    errors.misuse("unescape: string expected, got " .. values.describe(text))
  end
  return (text:gsub("%%(%x%x)", byte_of))
end

return percent
