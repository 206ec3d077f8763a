-- The file of a jar: the format of Netscape's, as curl's are.
local contents = require("multisock.base.contents")
local errors = require("multisock.base.errors")
local lines = require("multisock.cookies.line")
local replace = require("multisock.base.replace")

local file = {}

local HEAD = [[
# Netscape HTTP Cookie File
# https://curl.se/docs/http-cookies.html
# Written by multisock.

]]

local function to_line(cookie)
  return table.concat({
    (cookie.http_only and "#HttpOnly_" or "") .. (cookie.host_only and "" or ".") .. cookie.domain,
    cookie.host_only and "FALSE" or "TRUE", cookie.path, cookie.secure and "TRUE" or "FALSE",
    ("%.0f"):format(cookie.expires or 0), cookie.name, cookie.value,
  }, "\t") .. "\n"
end

-- A cookie; nil of a line that is none.
local function from_line(line)
  local rest, is_http_only = line:gsub("^#HttpOnly_", "")
  local fields = {}
  for field in (rest .. "\t"):gmatch("([^\t]*)\t") do
    fields[#fields + 1] = field
  end
  local domain = (fields[1] or ""):gsub("^%.", ""):lower()
  local expires = (fields[5] or ""):find("^%-?%d+$") and tonumber(fields[5])
  if rest:find("^#") or #fields < 6 or #fields > 7 or domain == "" or fields[6] == ""
    or not expires or not lines.is_clean(table.concat(fields)) then
    return nil
  end
  local cookie = {
    name = fields[6], value = fields[7] or "", domain = domain, host_only = fields[2] ~= "TRUE",
    path = fields[3]:sub(1, 1) == "/" and fields[3] or "/", secure = fields[4] == "TRUE",
    http_only = is_http_only > 0,
  }
  if expires > 0 then
    cookie.expires = expires
  end
  return not lines.breaks_promise(cookie) and cookie or nil
end

-- ENOENT: the system's words may be in any language.
local NO_FILE = 2

--- @return list of cookies, empty when there is no file; or nil, err
function file.read(path)
  local list = {}
  local text, message, code = contents(path)
  if text == nil and code ~= NO_FILE then
    return nil, errors.new("io", message)
  end
  for line in (text or ""):gmatch("[^\r\n]+") do
    list[#list + 1] = from_line(line)
  end
  return list
end

--- @return true; or nil, err, and the file is as it was
function file.write(path, list)
  local text = { HEAD }
  for _, cookie in ipairs(list) do
    text[#text + 1] = to_line(cookie)
  end
  local ok, message = replace(path, table.concat(text), { private = true, sync = true })
  if not ok then
    return nil, errors.new("io", ("%s: %s"):format(path, message))
  end
  return true
end

return file
