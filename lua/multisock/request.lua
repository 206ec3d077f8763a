-- What a user asks for, checked: URL, method, headers, body, settings. Pure:
-- nothing is sent here.
local core = require("multisock.core")
local errors = require("multisock.errors")
local headers = require("multisock.headers")
local settings = require("multisock.settings")
local targets = require("multisock.targets")

local request = {}

local Request = { __name = "multisock.request" }
Request.__index = Request

local FILE_CHUNK = 64 * 1024

---- Bodies ------------------------------------------------------------------

-- A body is {bytes = string}, or {read = function() -> string or nil,
-- size = integer or nil, rewind = function or nil}.

local function check_chunk(chunk)
  if chunk ~= nil and type(chunk) ~= "string" then
    error("body: the iterator returned " .. type(chunk) .. ": string or nil expected", 0)
  end
  return chunk
end

local function file_body(file)
  local start = file:seek("cur")
  local stop = start and file:seek("end")
  if start then
    file:seek("set", start)
  end
  return {
    size = start and stop - start,
    read = function()
      local chunk, message = file:read(FILE_CHUNK)
      if chunk == nil and message then
        error(errors.new("io", "body: " .. message), 0)
      end
      return chunk
    end,
    rewind = start and function()
      file:seek("set", start)
    end,
  }
end

local function function_body(read)
  return {
    read = function()
      return check_chunk(read())
    end,
  }
end

-- For protocols that are fed piece by piece.
local function text_body(text)
  local sent = false
  return {
    size = #text,
    read = function()
      local piece = not sent and text ~= "" and text or nil
      sent = true
      return piece
    end,
    rewind = function()
      sent = false
    end,
  }
end

local function make_body(value)
  local kind = type(value)
  if kind == "string" then
    return { bytes = value }
  elseif kind == "function" then
    return function_body(value)
  elseif kind == "table" then
    for i = 1, #value do
      if type(value[i]) ~= "string" then
        error(("body[%d]: string expected, got %s"):format(i, type(value[i])), 0)
      end
    end
    return { bytes = table.concat(value) }
  elseif io.type(value) == "file" then
    return file_body(value)
  end
  error("body: string, list of strings, function or open file expected, got "
    .. (io.type(value) or kind), 0)
end

local json_library

--- lua-cjson, loaded at first use.
function request.json()
  if json_library == nil then
    local ok, library = pcall(require, "cjson")
    if not ok then
      error("json needs lua-cjson: luarocks install lua-cjson, or your system's package of it", 0)
    end
    json_library = library.new()
  end
  return json_library
end

local BODY_OPTIONS = { "body", "json", "form" }

-- Methods are case-sensitive; these are mistyped in lower case only.
local STANDARD = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
}

local function normal_method(method)
  local upper = method:upper()
  return STANDARD[upper] and upper or method
end

-- A length that the user gives is libcurl's to know, or it would send chunks
-- beside it; a wrong one would leave the server waiting, or with a rest.
local function check_length(body, list)
  local given = headers.find(list, "Content-Length")
  if given == nil then
    return
  end
  local length = given:find("^%d+$") and tonumber(given)
  local actual = body.bytes and #body.bytes or body.size or length
  if length == nil or length ~= actual then
    error(("headers: Content-Length is %s, but the body has %s bytes"):format(given,
      tostring(actual or "unknown")), 0)
  end
  body.size = actual
end

-- The body and the content type that goes with it.
local function choose_body(given)
  local chosen, body, content_type
  for _, name in ipairs(BODY_OPTIONS) do
    if given[name] ~= nil then
      if chosen then
        error(("options '%s' and '%s' exclude each other"):format(chosen, name), 0)
      end
      chosen = name
    end
  end
  if chosen == nil then
    return nil
  elseif chosen == "json" then
    local ok, encoded = pcall(request.json().encode, given.json)
    if not ok then
      error("option 'json': " .. tostring(encoded), 0)
    end
    body, content_type = { bytes = encoded }, "application/json"
  elseif chosen == "form" then
    body, content_type = { bytes = targets.encode_form("form", given.form) },
      "application/x-www-form-urlencoded"
  else
    body, content_type = make_body(given.body), "application/octet-stream"
  end
  check_length(body, given.headers)
  return body, content_type
end

---- Requests ----------------------------------------------------------------

local function allowed(given, scheme)
  for _, name in ipairs(given.protocols) do
    if name == scheme then
      return true
    end
  end
  return false
end

--- Whether this request may go to this URL.
-- @return true; or nil, err of kind "policy"
function request.check_target(given, target)
  if allowed(given, target.scheme) then
    return true
  end
  return nil, errors.new("policy", ("protocol %q is not allowed (option 'protocols')"):format(
    target.scheme), { url = errors.redact_url(target.text) })
end

-- Bodies for other protocols than HTTP. MQTT publishes what HTTP would post; all
-- others upload.
local function adapt_body(body, scheme)
  if scheme == "file" then
    errors.misuse("body: a file: URL is only read; write with io.open")
  elseif scheme == "mqtt" and not body.bytes then
    errors.misuse("body: string or list of strings expected for mqtt:")
  elseif scheme ~= "mqtt" and body.bytes then
    return text_body(body.bytes)
  end
  return body
end

local function fill_from_options(self, base, options)
  local given = options and settings.derive(base, options) or base
  self.settings = given
  local method = given.method and normal_method(given.method) or self.method
  self.headers = given.headers
  self.meta = given.meta
  local ok, body, content_type = pcall(choose_body, given)
  if not ok then
    errors.misuse(body)
  end
  if body then
    self.body = body
    if not headers.find(self.headers, "Content-Type") then
      self.headers = headers.merge(self.headers, { { "Content-Type", content_type } })
    end
    if method == "HEAD" then
      errors.misuse("a HEAD request cannot have a body")
    end
  end
  self.method = method or body and "POST" or "GET"
  return given
end

local function with_query(url, query)
  if query == nil then
    return url
  end
  local ok, text = pcall(targets.add_query, url, query)
  if not ok then
    errors.misuse(text)
  end
  return text
end

--- A request with nothing but a URL: a handle with the client's settings needs
-- nothing more.
function request.plain(client, target)
  local given = client.settings
  return setmetatable({
    client = client, method = "GET", settings = given, headers = given.headers, target = target,
    is_plain = true,
  }, Request)
end

--- Makes a request.
-- @param client @param method? string; nil: the option `method`, or POST when
-- there is a body, or GET
-- @param url string @param options? table
-- @return request; or nil, err (kind "url" or "policy")
-- @raise on misuse
function request.new(client, method, url, options)
  if type(url) ~= "string" then
    errors.misuse("url: string expected, got " .. type(url))
  end
  local given = client.settings
  local self
  if options == nil and not given.fills_request then
    self = request.plain(client)
    self.method = method or "GET"
    self.is_plain = self.method == "GET"
  else
    self = setmetatable({ client = client, method = method }, Request)
    given = fill_from_options(self, given, options)
    url = with_query(url, given.query)
  end
  local target, err
  if client.base then
    target, err = targets.resolve(client.base, url)
  else
    target, err = targets.get(url)
  end
  if target == nil then
    return nil, err
  end
  if not target.web or given.protocols ~= settings.defaults.protocols then
    local ok
    ok, err = request.check_target(given, target)
    if not ok then
      return nil, err
    end
    -- Other protocols may need more on a handle: protocols.lua.
    self.is_plain = self.is_plain and target.web
  end
  self.target = target
  if self.body and not target.web then
    self.body = adapt_body(self.body, target.scheme)
  end
  return self
end

--- The same request for another URL: what a redirect needs.
function Request:clone()
  local copy = {}
  for key, value in pairs(self) do
    copy[key] = value
  end
  copy.is_plain = false
  return setmetatable(copy, Request)
end

--- The URL as text, user name and password removed.
function Request:url()
  return errors.redact_url(self.target.text)
end

function Request:__tostring()
  return "multisock.request (" .. self.method .. " " .. self:url() .. ")"
end

---- What a request means to an easy handle -----------------------------------

local function apply_body(easy, self)
  local body = self.body
  if body.bytes then
    easy:setopt("postfields", body.bytes)
    if self.method ~= "POST" and self.target.web then
      easy:setopt("customrequest", self.method)
    end
    return
  end
  easy:gather("sending", true)
  if self.method == "POST" and self.target.web then
    easy:setopt("post", 1)
    if body.size then
      easy:setopt("postfieldsize_large", body.size)
    end
    return
  end
  easy:setopt("upload", 1)
  if body.size then
    easy:setopt("infilesize_large", body.size)
  end
  if self.method ~= "PUT" and self.target.web then
    easy:setopt("customrequest", self.method)
  end
end

local function codings()
  local features = core.version().features
  return (features.libz and "gzip" or "identity") .. (features.brotli and ", br" or "")
    .. (features.zstd and ", zstd" or "")
end

local USER_AGENT = "User-Agent: multisock/" .. core.version().multisock
local ACCEPT_ENCODING = "Accept-Encoding: " .. codings()

-- What is sent unless the user says otherwise. As header lines, because
-- libcurl formats its own options anew for each request, character by
-- character.
local function add_defaults(lines, self)
  local function missing(name)
    return headers.find(self.headers, name) == nil
  end
  local raw = self.settings.curl or {}
  if missing("User-Agent") and not raw.useragent then
    lines[#lines + 1] = USER_AGENT
  end
  if self.settings.decompress and missing("Accept-Encoding") and not raw.accept_encoding then
    lines[#lines + 1] = ACCEPT_ENCODING
  end
  local body = self.body
  if body and body.read and not body.size and missing("Transfer-Encoding")
    and missing("Content-Length") then
    lines[#lines + 1] = "Transfer-Encoding: chunked"      -- HTTP/2 drops it by itself
  elseif body == nil and self.method == "POST" and missing("Content-Type") then
    lines[#lines + 1] = "Content-Type:"
  end
end

-- What may be done twice (RFC 9110 9.2.2). Of others libcurl would send again,
-- too, what a kept connection has swallowed.
local IDEMPOTENT = {
  GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true,
}

--- Puts method, headers and body on a handle.
-- @return true; or nil, err
function request.apply(easy, self)
  if not IDEMPOTENT[(self.settings.curl or {}).customrequest or self.method] then
    easy:gather("once", true)
  end
  if self.body then
    apply_body(easy, self)
  elseif self.method == "HEAD" then
    easy:setopt("nobody", 1)
  elseif self.method == "POST" then
    easy:setopt("postfields", "")
  elseif self.method ~= "GET" then
    easy:setopt("customrequest", self.method)
  end
  local lines = headers.to_lines(self.headers)
  for _, line in ipairs(self.settings.curl and self.settings.curl.httpheader or {}) do
    lines[#lines + 1] = line
  end
  add_defaults(lines, self)
  return easy:setopt("httpheader", lines)
end

return request
