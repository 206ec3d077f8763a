-- The body of a request as options of curl.
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local secrets = require("multisock.request.secrets")
local shell = require("multisock.curl.shell")
local values = require("multisock.base.values")

-- In a form's field of curl: what stands in quotes.
local function form_quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local BYTES = "application/octet-stream"

local function form_type(part, usual)
  local kind = part.type or usual
  return kind and ";type=" .. kind or ""
end

-- How a part is said to `curl -F`: the option, and its value; or nil, why not. Only one
-- can be read from standard input.
local function form_field(self, part)
  local name, filename = part.name, part.filename
  if name:find('[=%c"]') or part.headers or part.type and part.type:find("[;%c]")
    or filename and filename:find("%c") then
    return nil, "has a name, a type or headers that curl -F does not take"
  end
  if part.file then
    local path, kind = form_quote(part.file), form_type(part, BYTES)
    if filename == false then
      return "-F", name .. "=<" .. path .. kind
    end
    return "-F", ("%s=@%s;filename=%s%s"):format(name, path,
      form_quote(filename or part.file:match("[^/]*$")), kind)
  end
  local text = values.text(part.value) or type(part.body) == "string" and part.body
  if text and not filename then
    if text:find("[%z\1-\8\11-\31\127]") then
      return nil, "has control characters, which curl -F does not take"
    elseif self.hides and secrets.is_name(name) then
      text = secrets.HIDDEN
    end
    if part.type then
      return "-F", name .. "=" .. form_quote(text) .. form_type(part)
    end
    return "--form-string", name .. "=" .. text
  elseif text or self.reads then
    return nil, "is no file, but has a file name"
  end
  self.reads = true
  return "-F", ("%s=%s-%s%s"):format(name, filename and "@" or "<",
    filename and ";filename=" .. form_quote(filename) or "",
    form_type(part, filename and BYTES))
end

-- A form in options of curl's own; false, why not, when they cannot say it.
local function add_form(self, parts)
  local fields = {}
  for i, part in ipairs(parts) do
    local option, value = form_field(self, part)
    if option == nil then
      return false, ("multipart[%d] %s"):format(i, value)
    end
    fields[i] = { option, value }
  end
  for _, field in ipairs(fields) do
    self:pair(field[1], field[2])
  end
  return #fields > 0, "multipart has no parts"
end

-- Longer ones the system does not take as an argument, and others would not come
-- through a terminal as they are.
local LONGEST = 100000
local STEERS = "[%z\1-\8\11-\31\127]"

local function add_bytes(self, body, content_type)
  local bytes = body.bytes
  if self.hides then
    bytes = body.parts and secrets.hide_parts(bytes, body.parts)
      or secrets.hide_body(bytes, content_type)
  end
  if #bytes > LONGEST or bytes:find(STEERS) then
    self.pipe = "printf " .. shell.printf(bytes)
    self:pair("--data-binary", "@-")
  else
    self:pair("--data-raw", bytes)
  end
end

local POSTS = { POST = true, PUT = true, PATCH = true }
-- From here on curl asks before it sends a body.
local ASKS = 1024 * 1024

--- Adds the body of a request to a command (see to_curl.lua).
-- @return the method that curl would use then; or nil, err
return function(self, made)
  local body, content_type = made.body, made.content_type
  if body == nil then
    if not POSTS[made.method] then
      return made.method == "HEAD" and "HEAD" or "GET"
    end
    body, content_type = { bytes = "" }, nil
  end
  if not ((body.size or body.bytes and #body.bytes or math.huge) < ASKS
    or headers.find(made:fields(), "Expect")) then
    self:pair("-H", "Expect:")
  end
  if body.parts then
    local added, why = add_form(self, body.parts)
    if added then
      return "POST"
    elseif body.bytes == nil then
      return nil, errors.new("curl", "to_curl: " .. why)
    end
  end
  local own_type = headers.find(made:fields(), "Content-Type")
  if not own_type then
    self:pair("-H", "Content-Type:" .. (content_type and " " .. content_type or ""))
  end
  if body.bytes then
    add_bytes(self, body, own_type or content_type)
    return "POST"
  end
  self:pair("-T", "-")              -- what the program gives piece by piece
  return "PUT"
end
