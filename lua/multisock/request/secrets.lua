-- What is hidden of requests and answers that are shown or kept: command lines, traces,
-- HAR files. The values of fields whose names say that they are secret, in headers, URLs,
-- forms and JSON.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local percent = require("multisock.base.percent")
local SENSITIVE = require("multisock.request.options").defaults.sensitive_headers
local values = require("multisock.base.values")

local secrets = { HIDDEN = "***" }

local HIDDEN = secrets.HIDDEN

-- As the last word of a name: `user_password`, `botToken`; but a token may be a place in a
-- list.
local LAST = { password = true, passwd = true, passphrase = true, secret = true, token = true }
local PLACES = { page = true, next = true, cursor = true, continuation = true, sync = true }

-- Whether messages of ours hide it.
local function is_hidden(name)
  return core.redact("http://h/?" .. name .. "=value"):find("***", 1, true) ~= nil
end

--- Whether the value of a field of this name is hidden: what is secret in URLs, however it
-- is written (`api_key`, `apiKey`, `X-Api-Key`), and what ends as a secret does.
function secrets.is_name(name)
  name = percent.unescape(name):gsub("(%l)(%u)", "%1_%2"):gsub("[-.%s]", "_"):lower()
  local inner = (name:match("^(.*[^%]])%]*$") or ""):match("^.*[%[%]](.*)$") or ""
  name = inner ~= "" and inner or name:match("^([^%[%]]+)%]*$") or name   -- user[password]
  local before, last = name:match("^(.*)_([^_]*)$")
  before, last = before or "", last or name
  return is_hidden(name) or is_hidden((name:gsub("^x_", "")))
    or LAST[last] and not (last == "token" and PLACES[before:match("[^_]*$")]) or false
end

--- The value of a header field: of a secret its scheme alone, if it has one.
-- @param sensitive? table of the option `sensitive_headers`
function secrets.hide_header(name, value, sensitive)
  local lower = name:lower()
  if lower == "set-cookie" then
    return (value:gsub("=[^;]*", "=" .. HIDDEN, 1))
  elseif not (SENSITIVE[lower] or sensitive and sensitive[lower] or secrets.is_name(name)) then
    -- URLs: of Location, Link, Referer.
    return (value:gsub("(%a://)[^/?#%s]*@", "%1"):gsub("([?&;#])([^=?&;#%s]+)=([^?&;#%s\"'<>,]*)",
      function(before, field)
        return secrets.is_name(field) and before .. field .. "=" .. HIDDEN or nil
      end))
  end
  local scheme = lower:find("authorization$") and value:match("^%S+ ")
  return (scheme or "") .. HIDDEN
end

-- "a=1&token=***".
local function hide_fields(text)
  return (text:gsub("[^&;]+", function(pair)
    local name = pair:match("^=*([^=]+)=")
    return name and secrets.is_name(name) and pair:match("^=*[^=]+=") .. HIDDEN or nil
  end))
end

-- Behind a string of JSON that begins at `at`; it may have no end.
local function behind_string(text, at)
  at = text:find('["\\]', at + 1)
  while at and text:sub(at, at) == "\\" do
    at = text:find('["\\]', at + 2)
  end
  return at and at + 1 or #text + 1
end

-- Behind any value.
local function behind_value(text, at)
  local depth = 0
  while true do
    at = text:find('["%[{%]},]', at) or #text + 1
    local char = text:sub(at, at)
    if char == "" or depth == 0 and char:find("[%]},]") then
      return at
    elseif char == '"' then
      at = behind_string(text, at)
    else
      depth = depth + (char:find("[%[{]") and 1 or char == "," and 0 or -1)
      at = at + 1
    end
  end
end

-- The same of JSON.
local function hide_json(text)
  local pieces, at = {}, 1
  while true do
    local name, first = text:match('"([^"\\]+)"%s*:%s*()', at)
    if name == nil then
      pieces[#pieces + 1] = text:sub(at)
      return table.concat(pieces)
    end
    pieces[#pieces + 1], at = text:sub(at, first - 1), first
    if secrets.is_name(name) then
      pieces[#pieces + 1], at = '"' .. HIDDEN .. '"', behind_value(text, first)
    elseif text:sub(first, first) == '"' then
      at = behind_string(text, first)
      pieces[#pieces + 1] = text:sub(first, at - 1)
    end
  end
end

-- The same of forms of multipart/form-data.
local function hide_form(text, boundary)
  local pieces, at = {}, 1
  repeat
    local first, last = text:find("--" .. boundary, at, true)
    local part = text:sub(at, (first or 0) - 1)
    local head = part:match("^.-\r\n\r\n")
    local name = head and head:match('[;%s]name="([^"]*)"')
    pieces[#pieces + 1] = name and secrets.is_name(name) and head .. HIDDEN .. "\r\n" or part
    pieces[#pieces + 1] = first and "--" .. boundary
    at = last and last + 1
  until first == nil
  return table.concat(pieces)
end

--- Of other text what looks as JSON does.
-- @param content_type? string
function secrets.hide_body(text, content_type)
  local kind = content_type and content_type:lower() or ""
  if kind:find("^application/x%-www%-form%-urlencoded") then
    return hide_fields(text)
  end
  local boundary = kind:find("^multipart/") and content_type:match('[bB]oundary="?([^";%s]+)')
  return boundary and hide_form(text, boundary) or hide_json(text)
end

local function replace(text, old, new)
  local pieces, at = {}, 1
  while true do
    local first, last = text:find(old, at, true)
    pieces[#pieces + 1] = text:sub(at, (first or 0) - 1)
    if first == nil then
      return table.concat(pieces, new)
    end
    at = last + 1
  end
end

--- @param text string a form of the option `multipart` @param parts what that was given
function secrets.hide_parts(text, parts)
  for _, part in ipairs(parts) do
    local body = part.body
    local value = values.text(part.value) or type(body) == "string" and body
      or type(body) == "table" and body[1] and table.concat(body)
    if value and secrets.is_name(part.name) then
      text = replace(text, "\r\n\r\n" .. value .. "\r\n--", "\r\n\r\n" .. HIDDEN .. "\r\n--")
    end
  end
  return text
end

--- Of a URL user name and password go, too.
function secrets.hide_url(url)
  local head, query, fragment = errors.without_user(url):match("^([^?#]*)(%??[^#]*)(#?.*)$")
  return head .. query:sub(1, 1) .. hide_fields(query:sub(2))
    .. fragment:sub(1, 1) .. hide_fields(fragment:sub(2))
end

return secrets
