-- Lists of checksums as sha256sum writes them ("HEX  NAME"), and BSD's ("SHA256 (NAME) =
-- HEX").
local contents = require("multisock.base.contents")
local core = require("multisock.core")

local checksums = {}

-- The name without its folder, by which a download knows its file.
local function last_part(name)
  return name:match("[^/]*$")
end

--- Reads a list. @return table from name to hexadecimal digits; or nil, message
function checksums.read(path)
  local content, message = contents(path)
  if content == nil then
    return nil, (message:gsub("^.*: ", ""))
  end
  local found = {}
  for line in content:gmatch("[^\r\n]+") do
    local digits, name = line:match("^(%x+)%s[ *](.+)$")
    if digits == nil then
      name, digits = line:match("^SHA256 %((.+)%) = (%x+)$")
    end
    if digits and #digits == 64 then
      found[last_part(name)] = digits:lower()
    elseif not line:find("^#") then
      return nil, "not a list of SHA-256 checksums: " .. line:sub(1, 40)
    end
  end
  return found
end

local PIECE = 256 * 1024

--- The checksum of a file. @return string; nil: it cannot be read
function checksums.of_file(path)
  local file, sum = io.open(path, "rb"), core.sha256()
  local bytes = file and sum and file:read(PIECE)
  if not file then
    return nil
  end
  while bytes do
    sum:update(bytes)
    bytes = file:read(PIECE)
  end
  file:close()
  return sum and sum:finish()
end

return checksums
