-- Fields of `curl -F` as parts of the option `multipart`.
local contents = require("multisock.base.contents")

local form = {}

-- What curl says of files by the end of their name; of others, that they are bytes.
local TYPES = {
  gif = "image/gif", jpg = "image/jpeg", jpeg = "image/jpeg", png = "image/png",
  svg = "image/svg+xml", txt = "text/plain", htm = "text/html", html = "text/html",
  pdf = "application/pdf", xml = "application/xml",
}

-- A value, in quotes or up to a semicolon. Returns it, and what is behind it.
local function read_value(text, at)
  if text:sub(at, at) ~= '"' then
    return text:match("^([^;]*)()", at)
  end
  local pieces = {}
  at = at + 1
  while true do
    local plain, stop = text:match('^([^"\\]*)()', at)
    pieces[#pieces + 1] = plain
    if text:sub(stop, stop) == '"' then
      return table.concat(pieces), stop + 1
    elseif stop > #text then
      return nil, "a double quote has no end"
    end
    -- Before others the backslash stays.
    local behind = text:sub(stop + 1, stop + 1)
    pieces[#pieces + 1] = behind:find('[\\"]') and behind or "\\" .. behind
    at = stop + 2
  end
end

local READ = {
  type = function(part, value) part.type = value end,
  filename = function(part, value) part.filename = value end,
  headers = function(part, value)
    local name, content = value:match("^([^:@][^:]*):%s*(.*)$")
    if name == nil then
      return "headers are read as \"Name: value\" alone"
    end
    part.headers = part.headers or {}
    part.headers[name] = content
  end,
}

-- ";type=text/plain;filename=x" behind a value. A semicolon that nothing known follows
-- belongs to the type: returns why not, or nil.
local function read_rest(part, text, at)
  while at <= #text do
    local name, stop = text:match("^;%s*(%l+)=()", at)
    if name == nil or not READ[name] then
      return ("-F: what is behind the value cannot be had: %s"):format(text:sub(at))
    end
    local value, behind = read_value(text, stop)
    if value == nil then
      return "-F: " .. behind
    end
    if name == "type" then          -- "text/plain; charset=x" is one type
      local more, further = text:match("^(;%s*charset=[^;]*)()", behind)
      value, behind = value .. (more or ""), further or behind
    end
    local why = READ[name](part, value)
    if why then
      return "-F: " .. why
    end
    at = behind
  end
end

--- "name=value", "name=@file" or "name=<file", with what stands behind.
-- @return part; or nil, message
function form.part(text)
  local name, sign, at = text:match("^([^=]*)=([@<]?)()")
  if name == nil then
    return nil, "-F: NAME=VALUE expected"
  end
  local value, stop = read_value(text, at)
  if value == nil then
    return nil, "-F: " .. stop
  end
  local part = { name = name }
  local why = read_rest(part, text, stop)
  if why then
    return nil, why
  elseif sign == "" then
    part.value = value
    return part
  elseif value == "-" or value:find(",", 1, true) then
    return nil, "-F: one file with a name expected, not " .. value
  elseif sign == "<" then
    part.value, why = contents(value)
    return part.value and part, why and "-F: " .. why
  end
  part.file = value
  part.type = part.type or TYPES[(value:match("%.(%w+)$") or ""):lower()]
  return part
end

return form
