-- What a user asks for, checked: URL, method, headers, body, settings. Pure:
-- nothing is sent here.
local base64 = require("multisock.base64")
local core = require("multisock.core")
local errors = require("multisock.errors")
local headers = require("multisock.headers")
local pins = require("multisock.pins")
local settings = require("multisock.settings")
local targets = require("multisock.targets")
local values = require("multisock.values")

local request = {}

local find_target = targets.get
local setmetatable, type = setmetatable, type

local Request = { __name = "multisock.request" }
Request.__index = Request

local FILE_CHUNK = 64 * 1024

---- Bodies ------------------------------------------------------------------

-- A body is {bytes = string}, or {read = function() -> string or nil,
-- size = integer or nil, rewind = function or nil, begun = true once it was read from}.

local function check_chunk(chunk)
  if chunk ~= nil and type(chunk) ~= "string" then
    error("body: the iterator returned " .. type(chunk) .. ": string or nil expected", 0)
  end
  return chunk
end

-- How many bytes a file has from `start` on; nil where that cannot be told: files
-- of /proc say that they have none.
local function file_size(file, start)
  local stop = file:seek("end")
  file:seek("set", start)
  local size = stop and math.max(stop - start, 0)
  return (size ~= 0 or file:read(0) == nil) and size or nil
end

-- Of a file that grows meanwhile, a log, what it has now is sent.
local function file_body(file)
  local start, given = file:seek("cur"), 0
  local size = start and file_size(file, start)
  return {
    size = size, file = true,
    read = function()
      local most = size and math.min(FILE_CHUNK, size - given) or FILE_CHUNK
      if most == 0 then
        return nil
      end
      local chunk, message = file:read(most)
      if chunk == nil and message then
        error(errors.new("io", "body: " .. message), 0)
      end
      given = given + #(chunk or "")
      return chunk
    end,
    rewind = start and function()
      file:seek("set", start)
      given = 0
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
  elseif kind == "table" and values.odd_key(value) == nil then
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
    .. (io.type(value) or values.describe(value)), 0)
end

-- Methods are case-sensitive; these are mistyped in lower case only.
local STANDARD = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
}

local function normal_method(method)
  local upper = method:upper()
  return STANDARD[upper] and upper or method
end

-- The one value of a field that frames the body, or nil.
local function find_one(list, name)
  local found
  for i = 1, #list do
    if list[i][1]:lower() == name:lower() then
      if found then
        error(("headers: %s is given twice"):format(name), 0)
      end
      found = list[i][2]
    end
  end
  return found
end

-- How long the body is, and that it comes in chunks, is libcurl's to know: what
-- the user says of it must be true, or the server would wait, or have a rest.
local function check_framing(body, list, http_version)
  if http_version ~= "1.0" and (#list == 0 or not core.frames(list)) then
    return
  end
  local length = find_one(list, "Content-Length")
  local coding = find_one(list, "Transfer-Encoding")
  if length and coding then
    error("headers: Content-Length and Transfer-Encoding exclude each other", 0)
  elseif coding then
    if not body then
      error("headers: Transfer-Encoding, but there is no body", 0)
    elseif not coding:lower():find("%f[%w]chunked%s*$") then
      error(("headers: Transfer-Encoding is %s, but must end with \"chunked\""):format(
        errors.quote(coding)), 0)
    end
  elseif length then
    local number = length:find("^%d+$") and tonumber(length)
    local actual = not body and 0 or body.bytes and #body.bytes or body.size or number
    if number == nil or number ~= actual then
      error(("headers: Content-Length is %s, but the body has %s bytes"):format(length,
        tostring(actual or "unknown")), 0)
    elseif body then
      body.size = actual
    end
  end
  if http_version == "1.0" and body and (coding or not (body.bytes or body.size)) then
    error("body: HTTP/1.0 has no chunks: the length must be known, from a string or the header "
      .. "Content-Length", 0)
  end
end

local function encode_json(value)
  local ok, encoded = pcall(core.json_encode, value)
  if not ok then
    error("option 'json': " .. tostring(encoded), 0)
  end
  return encoded
end

local function refuse_two(one, other)
  error(("options '%s' and '%s' exclude each other"):format(one, other), 0)
end

-- The body and the content type that goes with it; or nothing.
local function choose_body(options)
  local body, json, form = options.body, options.json, options.form
  if json ~= nil then
    if body ~= nil or form ~= nil then
      refuse_two(body ~= nil and "body" or "json", body ~= nil and "json" or "form")
    end
    return { bytes = encode_json(json) }, "application/json"
  elseif body ~= nil then
    if form ~= nil then
      refuse_two("body", "form")
    end
    return make_body(body), "application/octet-stream"
  elseif form ~= nil then
    return { bytes = targets.encode_form("form", form) }, "application/x-www-form-urlencoded"
  end
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

-- Whether it is to go through a proxy that the program has named.
local function names_proxy(given)
  local raw = given.curl or {}
  return given.proxy or raw.proxy or raw.pre_proxy
end

--- Whether this request may go to this URL.
-- @return true; or nil, err of kind "policy"
function request.check_target(given, target)
  if given.resolve and names_proxy(given) and pins.choose(given, target) then
    return nil, errors.new("policy", "resolve has an address for " .. target.host
      .. ", but the proxy would look it up by itself; proxy = false asks it directly",
      { url = errors.redact_url(target.text) })
  elseif allowed(given, target.scheme) then
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

-- Raw options in whose place the request sets its own: what they say would not be
-- sent.
local REPLACED = {
  postfields = true, copypostfields = true, httppost = true, mimepost = true, nobody = true,
  httpget = true,
}
local KEEPS_CUSTOM = { GET = true, POST = true, HEAD = true }

local function check_raw(self, raw)
  for name, value in pairs(raw) do
    local lower = tostring(name):lower()
    if REPLACED[lower] and (self.body or self.method ~= "GET")
      or lower == "customrequest" and not KEEPS_CUSTOM[self.method] then
      errors.misuse(("option 'curl.%s' (%s): this request's own method and body take its "
        .. "place"):format(name, type(value) == "string" and ("%d bytes"):format(#value)
        or values.describe(value)))
    end
  end
end

-- What is a request's own, where the client has defaults for it.
local function with_defaults(own, options)
  local all = {}
  for name, value in pairs(own) do
    all[name] = value
  end
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  return all
end

-- Fills a request from its options, but for its target; `method`: that of the call.
-- Raises at level 0. Returns its URL.
local function fill(self, method, url, options)
  local base = self.settings
  if base.own and (options == nil or type(options) == "table") then
    options = with_defaults(base.own, options)
  end
  local given = settings.derive(base, options)
  local fields, other = options.headers, options.method
  self.settings = given
  if fields ~= nil then
    fields = headers.merge(base.headers, headers.to_list(fields, 0))
    self.headers = fields
  end
  if other ~= nil then
    method = normal_method(settings.rows.method.check("method", other))
  end
  local body, content_type = choose_body(options)
  if body or fields then
    check_framing(body, self.headers, given.http_version)
  end
  if body then
    if method == "HEAD" or method == "TRACE" then
      error(("a %s request cannot have a body"):format(method), 0)
    end
    self.body, self.content_type = body, content_type
  end
  self.method = method or body and "POST" or "GET"
  self.meta = options.meta
  local query = options.query
  return query == nil and url or targets.add_query(url, query)
end

-- Raw options that a method or a body of our own replaces: the handle has to be set
-- up again for the next request.
local function is_replaced(raw)
  for name in pairs(raw) do
    local lower = tostring(name):lower()
    if REPLACED[lower] or lower == "customrequest" then
      return true
    end
  end
  return false
end

-- Whether the handle has afterwards what the next request would not expect.
local function leaves_marks(self, given)
  return not self.target.web
    or given.curl and (self.body or self.method ~= "GET") and is_replaced(given.curl) or nil
end

--- A request that is nothing but a URL, of a client whose URLs need no look.
function request.plain(client, target)
  local given = client.settings
  return setmetatable({
    client = client, method = "GET", settings = given, headers = given.headers,
    target = target, simple = given.simple,
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
    errors.misuse("url: string expected, got " .. type(url)
      .. (type(options) == "string" and ", and then the URL: call ms.get(url) with a dot" or ""))
  end
  local base = client.settings
  local self = setmetatable({
    client = client, method = method or "GET", settings = base, headers = base.headers,
    target = nil,                     -- with room for what comes
  }, Request)
  if options ~= nil or base.own then
    local ok, text = pcall(fill, self, method, url, options)
    if not ok then
      errors.misuse(text)
    end
    url = text
  end
  local target, err
  if client.base then
    target, err = targets.resolve(client.base, url)
  else
    target, err = find_target(url)
  end
  if target == nil then
    return nil, err
  end
  local body, given = self.body, self.settings
  self.target = target
  if target.web and client.is_usual and given.profile == base.profile then
    self.simple = given.simple and not (body and body.bytes == nil)
    return self
  end
  if not target.web or given.protocols ~= settings.defaults.protocols or given.resolve then
    local ok
    ok, err = request.check_target(given, target)
    if not ok then
      return nil, err
    end
  end
  if given.curl and target.web then
    check_raw(self, given.curl)
  end
  self.simple = target.web and given.simple and not (body and body.bytes == nil)
  if not target.web then
    self.body = self.body and adapt_body(self.body, target.scheme)
    self.marks = true
  elseif given.curl then
    self.marks = leaves_marks(self, given)
    self.simple = self.simple and not self.marks
  end
  return self
end

--- The same request for another URL: what a redirect needs.
function Request:clone()
  local copy = {}
  for key, value in pairs(self) do
    copy[key] = value
  end
  -- What it has waited for.
  copy.lookup_since, copy.was_denied, copy.looks_up = nil, nil, nil
  copy.lacking_since, copy.lacking_pause = nil, nil
  return setmetatable(copy, Request)
end

--- The same request once more.
-- @param tries integer how often it was sent
function Request:again(tries)
  local copy = self:clone()
  copy.tries, copy.repeated, copy.simple = tries, true, false
  return copy
end

--- The URL as text, user name and password removed.
function Request:url()
  return errors.without_user(self.target.text)
end

function Request:__tostring()
  return "multisock.request (" .. self.method .. " " .. errors.redact_url(self.target.text) .. ")"
end

---- What a request means to an easy handle -----------------------------------

-- Whose bodies have a meaning, see message.c.
local HAS_LENGTH = { POST = true, PUT = true, PATCH = true }

local USER_AGENT = "User-Agent: multisock/" .. core.version().multisock
-- What can be undone but deflate: all that have it have gzip, it is two formats with
-- one name, and each byte of a header line costs libcurl 100 instructions.
local ACCEPT_ENCODING = "Accept-Encoding: "
  .. table.concat(core.version().codings, ", "):gsub(", deflate", "")
local ACCEPT_IDENTITY = "Accept-Encoding: identity"

-- A header line of our own, because libcurl formats its options anew for each
-- request, and a handle would have to be set up for it.
local function authorization(self)
  local auth = self.settings.auth
  if auth.bearer then
    return "Authorization: Bearer " .. auth.bearer
  elseif not self.target.has_user then
    return "Authorization: Basic " .. base64.encode(auth.basic[1] .. ":" .. auth.basic[2])
  end
end

-- What is sent unless the user says otherwise. As header lines, because
-- libcurl formats its own options anew for each request, character by
-- character.
local function default_lines(given)
  local raw = settings.raw(given)
  local lines = { agent = not raw.useragent and USER_AGENT or nil }
  if given.decompress and not raw.accept_encoding then
    -- A part of a coded body is no coded body.
    local is_part = raw.range or raw.resume_from or raw.resume_from_large
    lines.encoding = is_part and ACCEPT_IDENTITY or ACCEPT_ENCODING
    lines.identity = ACCEPT_IDENTITY
  end
  return lines
end

local function make_lines(self, content_type)
  local given = self.settings
  local raw, profile = given.curl, given.profile
  local defaults = profile.lines
  if defaults == nil then
    defaults = default_lines(given)
    profile.lines = defaults        -- they follow from what makes a profile
  end
  return core.lines(self.headers, raw and raw.httpheader, defaults, content_type,
    self.body ~= nil, self.unexpected, given.auth and self.target.web and authorization(self))
end

--- The header lines of a request, for C. Those of requests that have none of their own
-- are made once for all of them.
-- @return core.Lines
function request.lines(self)
  local given, content_type = self.settings, self.content_type
  if self.body == nil then
    content_type = HAS_LENGTH[self.method] and "" or nil
  end
  local known = given.lines
  if not known or self.headers ~= given.headers or self.unexpected or self.target.has_user
    or not self.target.web then
    local lines
    lines, self.expects = make_lines(self, content_type)
    return lines
  end
  -- What differs, as a key: a content type, or that there is none, or no body at all.
  local key = content_type or 0
  local lines = known[key]
  if lines == nil then
    lines, self.expects = make_lines(self, content_type)
    known[key] = not self.expects and lines or nil
  end
  return lines
end

-- What may be done twice (RFC 9110 9.2.2). Of others libcurl would send again,
-- too, what a kept connection has swallowed.
local IDEMPOTENT = {
  GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true,
}

-- What a key of the caller's makes repeatable.
local WITH_KEY = { POST = true, PATCH = true }

--- Whether it must not be sent twice unasked. With the option `retry` that says what
-- may be.
function request.is_once(self)
  local raw, retry = self.settings.curl, self.settings.retry
  local method = raw and raw.customrequest or self.method
  if retry then
    return not (retry.methods[method] or retry.idempotency_key and WITH_KEY[method])
  end
  return not IDEMPOTENT[method]
end

---- Once more -------------------------------------------------------------------

--- Whether the body can be sent from its start, again or for the first time.
-- @return true; or nil, why not
function Request:can_replay()
  local body = self.body
  if body and body.begun and body.rewind == nil then
    return nil, "the body came from a function and cannot be sent again"
  end
  return true
end

--- Makes the body start again.
-- @return true; or nil, why not
function Request:replay()
  local ok, why = self:can_replay()
  if ok and self.body and self.body.rewind then
    self.body.rewind()
  end
  return ok, why
end

--- Tells who listens to it; nobody does of most clients.
-- @param name string, and what events.lua says of it
function Request:event(name, ...)
  local tell = self.client.tell
  if tell then
    tell(self, name, ...)
  end
end

--- Gives a request another body, or none.
-- @param value what the option `body` takes, or nil @raise naming what is wrong
function request.replace_body(self, value)
  local body = value ~= nil and make_body(value) or nil
  check_framing(body, self.headers, self.settings.http_version)
  if body and not self.target.web then
    body = adapt_body(body, self.target.scheme)
  end
  self.body = body
  self.content_type = body and (self.content_type or "application/octet-stream")
end

return request
