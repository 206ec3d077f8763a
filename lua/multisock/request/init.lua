-- What a user asks for, checked: URL, method, headers, body, settings. Pure:
-- nothing is sent here.
local bodies = require("multisock.request.bodies")
local core = require("multisock.core")
local credentials = require("multisock.request.credentials")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local DEFAULTS = require("multisock.request.options").defaults
local ROWS = require("multisock.request.options").rows
local netrc = require("multisock.request.netrc")
local pairs = require("multisock.base.compat").pairs
local permission = require("multisock.request.permission")
local settings = require("multisock.request.settings")
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local request = {}

local find_target, pick, usual_fields = targets.get, core.pick, core.fields
local field_list = core.field_list
local setmetatable, type, unfolded = setmetatable, type, values.unfolded

local Request = { __name = "multisock.request" }
Request.__index = Request

-- Methods are case-sensitive; these are mistyped in lower case only.
local STANDARD = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
}

local function normal_method(method)
  local upper = method:upper()
  return STANDARD[upper] and upper or method
end

---- Requests ----------------------------------------------------------------

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
  local all = values.merged(own, options or {})
  for name, value in pairs(own) do
    if ROWS[name].merge and all[name] ~= value then
      all[name] = ROWS[name].merge(value, all[name])
    end
  end
  return all
end

-- What a request has of its options beside its settings, in the order in which `pick`
-- gives them. `timeout` is among them because settings with another one are known mostly.
local PLACES = {
  timeout = 1, headers = 2, method = 3, query = 4, meta = 5, body = 6, json = 7, form = 8,
  multipart = 9,
}
local PLACE_COUNT = 9

-- Fills a request from its options, but for its target; `method`: that of the call. With
-- `filled` it is no longer one that its URL alone could make again.
-- Raises at level 0. Returns its URL; or nil, err.
local function fill(self, method, url, options)
  local base = self.settings
  self.filled = true
  options = unfolded(options, ROWS)
  if base.own and (options == nil or type(options) == "table") then
    options = with_defaults(base.own, options)
  end
  local others, timeout, fields, other, query, meta, body, json, form, multipart =
    pick(options, PLACES, PLACE_COUNT)
  if others == nil then
    error("options: table expected, got " .. type(options), 0)
  end
  local given = base
  if others or timeout ~= nil then
    given = not others and base.totals.known[timeout] or settings.derive(base, options)
    self.settings = given
  end
  local defaults, frames = base.headers, false
  local has_defaults = #defaults > 0
  if fields ~= nil then
    local own = not has_defaults and usual_fields(fields)
    if not own then
      own, frames = headers.merge(defaults, headers.to_list(fields, 0)), true   -- perhaps
    end
    self.headers = own
  end
  if other ~= nil then
    method = normal_method(ROWS.method.check("method", other))
  end
  local content_type
  body, content_type = bodies.choose(body, json, form, multipart, self, given.json_codec)
  if frames or has_defaults or body and given.http_version == "1.0" then
    bodies.check_framing(body, self:fields(), given.http_version)
  end
  if body then
    if method == "HEAD" or method == "TRACE" then
      error(("a %s request cannot have a body"):format(method), 0)
    end
    if given.auth then
      credentials.check_body(given.auth, body)
    end
    self.body, self.content_type = body, content_type
  elseif content_type then
    return nil, content_type        -- why there is none
  end
  self.method = method or body and "POST" or "GET"
  self.meta = meta
  return query and targets.add_query(url, query) or url
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

-- One that is nothing but a method and the URL of a target.
local function bare(client, method, target, given)
  return setmetatable({
    client = client, method = method, settings = given, headers = given.headers,
    target = target, simple = given.simple,
  }, Request)
end

--- Whether nothing has to be looked at in these settings before a URL of the web is asked for.
function request.needs_no_look(given)
  return given.curl == nil and given.resolve == nil and given.allow_private and not given.netrc
    and given.protocols == DEFAULTS.protocols
end

--- A request that is nothing but a URL, of a client whose URLs need no look.
function request.plain(client, target)
  return bare(client, "GET", target, client.settings)
end

--- One of usual.lua. Its header fields stay lines until somebody looks at them.
-- @param lines core.Lines @param body? string
function request.of_parts(client, target, given, method, lines, body, content_type, meta)
  return setmetatable({
    client = client, method = method, settings = given, headers = lines, lines_of = given,
    target = target, body = body and { bytes = body }, content_type = content_type,
    meta = meta, simple = given.simple,
  }, Request)
end

--- Makes a request.
-- @param client @param method? string; nil: the option `method`, or POST when
-- there is a body, or GET
-- @param url string @param options? table
-- @param base? settings in place of the client's
-- @return request; or nil, err (kind "url" or "policy", or "io" of a file)
-- @raise on misuse
function request.new(client, method, url, options, base)
  base = base or client.settings
  if options == nil and client.is_bare then
    -- The usual case: nothing has to be looked at.
    local target = targets.young[url]
    if target == nil and type(url) == "string" then
      local found, err = find_target(url)
      if found == nil then
        return nil, err
      end
      target = found.kept and found
    end
    if target then
      return bare(client, method or "GET", target, base)
    end
  end
  if type(url) ~= "string" then
    errors.misuse("url: string expected, got " .. values.describe(url)
      .. (type(options) == "string" and ", and then the URL: call ms.get(url) with a dot" or ""))
  end
  local asked = url
  local self = setmetatable({
    client = client, method = method or "GET", settings = base, headers = base.headers,
    target = nil,                     -- with room for what comes
  }, Request)
  if options ~= nil or base.own then
    local ok, text, failure = pcall(fill, self, method, url, options)
    if not ok then
      errors.misuse(text)
    elseif text == nil then
      return nil, failure
    end
    url = text
  end
  local target, err
  if client.base then
    target, err = targets.under(client.base, url)
    if target and target.origin ~= client.base.origin and base == client.settings then
      return request.new(client, method, asked, options, strangers.of_client(client))
    end
  else
    target, err = find_target(url)
  end
  if target == nil then
    return nil, err
  end
  local body, given = self.body, self.settings
  self.target = target
  if given.netrc then
    local ok
    ok, err = netrc.apply(self, base == client.abroad)
    if not ok then
      return nil, err
    end
    given = self.settings
  end
  -- With a user's name in its URL its header lines are like no other's.
  self.simple = target.web and given.simple and not (body and body.bytes == nil)
    and not target.has_user
  if target.web and client.is_usual and given.profile == base.profile then
    return self
  end
  if not target.web or given.protocols ~= DEFAULTS.protocols or given.resolve
    or not given.allow_private then
    local ok
    ok, err = permission.check(given, target)
    if not ok then
      return nil, err
    end
  end
  if given.curl and target.web then
    check_raw(self, given.curl)
  end
  if not target.web then
    self.body = self.body and bodies.adapt(self.body, target.scheme)
    self.marks = true
  elseif given.curl then
    self.marks = leaves_marks(self, given)
    self.simple = self.simple and not self.marks
  end
  return self
end

--- The header fields that it has of its options and its client's.
-- @return list of {name, value}, not to be changed
function Request:fields()
  local list, base = self.headers, self.lines_of
  if type(list) == "userdata" then
    list = field_list(list)
    if base then
      list = #list > 0 and headers.merge(base.headers, list) or base.headers
    end
    self.headers = list
  end
  return list
end

--- Whether this is such a request.
function request.is(value)
  return getmetatable(value) == Request
end

--- The same request for another URL: what a redirect needs.
function Request:clone()
  local copy = {}
  self:fields()                     -- lines are those of one request
  for key, value in pairs(self) do
    copy[key] = value
  end
  -- What it has waited for.
  copy.lookup_since, copy.was_denied, copy.looks_up = nil, nil, nil
  copy.lacking_since, copy.lacking_pause, copy.lookup_time = nil, nil, nil
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

--- The same as who listens is shown it: that of a WebSocket begins with ws.
function Request:shown_url()
  local url = self:url()
  return self.shown and self.shown(url) or url
end

function Request:__tostring()
  return "multisock.request (" .. self.method .. " " .. errors.redact_url(self.target.text) .. ")"
end

-- What may be done twice (RFC 9110 9.2.2). Of others libcurl would send again,
-- too, what a kept connection has swallowed.
local IDEMPOTENT = {
  GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true,
}

-- What a key of the caller's makes repeatable.
local WITH_KEY = { POST = true, PATCH = true }

--- Whether a request with this method, and without the option `retry`, must not be sent twice
-- unasked: the methods of those that must not.
request.once = {}
for method in pairs(STANDARD) do
  request.once[method] = not IDEMPOTENT[method]
end

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

--- Tells who listens to it; nobody does of most clients (`client.tell` is nil).
-- @param name string @param fields? table of what events.lua says of it; is kept
function Request:event(name, fields)
  local tell = self.client.tell
  if tell then
    tell(self, name, fields)
  end
end

--- Gives a request another body, or none.
-- @param value what the option `body` takes, or nil @raise naming what is wrong
function request.replace_body(self, value)
  local body = value ~= nil and bodies.make(value) or nil
  bodies.check_framing(body, self:fields(), self.settings.http_version)
  if body and not self.target.web then
    body = bodies.adapt(body, self.target.scheme)
  end
  self.body = body
  self.content_type = body and (self.content_type or "application/octet-stream")
end

return request
