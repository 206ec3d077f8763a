-- The header lines that a request is sent with: its own, and those that multisock adds.
local base64 = require("multisock.base.base64")
local core = require("multisock.core")
local headers = require("multisock.request.headers")
local raw_options = require("multisock.request.raw").of
local settings = require("multisock.request.settings")
local targets = require("multisock.request.targets")

local header_lines = {}

local new_lines = core.lines

-- Whose bodies have a meaning, see message.c.
local HAS_LENGTH = { POST = true, PUT = true, PATCH = true }

local USER_AGENT = "User-Agent: multisock/" .. core.version().multisock
-- What can be undone but deflate: all that have it have gzip, it is two formats with
-- one name, and each byte of a header line costs libcurl 100 instructions.
local ACCEPT_ENCODING = "Accept-Encoding: "
  .. table.concat(core.version().codings, ", "):gsub(", deflate", "")
local ACCEPT_IDENTITY = "Accept-Encoding: identity"

local function basic(user, password)
  return "Basic " .. base64.encode(user .. ":" .. password)
end

local function authorization(self)
  local auth = self.settings.auth
  if auth.bearer then
    return "Bearer " .. auth.bearer
  elseif auth.basic and not self.target.has_user then
    return basic(auth.basic[1], auth.basic[2])
  end
end

-- A header line of our own, because libcurl formats its options anew for each
-- request, and a handle would have to be set up for it.
local function authorization_line(self)
  local value = authorization(self)
  return value and "Authorization: " .. value
end

-- What is sent unless the user says otherwise. As header lines, because
-- libcurl formats its own options anew for each request, character by
-- character.
local function default_lines(given)
  local raw = raw_options(given)
  -- libcurl signs line by line, and sorts them for proxies.
  local apart = (raw.aws_sigv4 or raw.headeropt) and "apart" or nil
  local lines = { agent = not raw.useragent and USER_AGENT or nil, apart = apart }
  if given.decompress and not raw.accept_encoding then
    -- A part of a coded body is no coded body.
    local is_part = raw.range or raw.resume_from or raw.resume_from_large
    lines.encoding = is_part and ACCEPT_IDENTITY or ACCEPT_ENCODING
    lines.identity = ACCEPT_IDENTITY
  end
  return lines
end

-- Lines of the raw option, and for what is not framed the one with which libcurl leaves
-- out its own.
local function extra_lines(self, raw)
  local given = raw and raw.httpheader
  if not (self.body and self.body.unframed) then
    return given
  end
  local lines = { "Transfer-Encoding:" }
  for _, line in ipairs(given or {}) do
    lines[#lines + 1] = line
  end
  return lines
end

-- `expects` of the request: they ask with Expect.
local function make_lines(self, content_type)
  local given, body, fields = self.settings, self.body, self.headers
  local raw, profile, auth = given.curl, given.profile, given.auth
  local defaults, extra, line = profile.lines, nil, nil
  if defaults == nil then
    defaults = default_lines(given)
    profile.lines = defaults        -- they follow from what makes a profile
  end
  if auth and self.target.web then
    if auth.aws_sigv4 then
      fields = require("multisock.request.sigv4").sign(self, content_type)
    end
    line = authorization_line(self)
  end
  if raw or body and body.unframed then
    extra = extra_lines(self, raw)
  end
  local lines, expects = new_lines(fields, extra, defaults, content_type, body ~= nil,
    self.unexpected, line)
  self.expects = expects or nil
  return lines
end

local function of_url(url)
  return basic(url:get("user", { "urldecode" }) or "", url:get("password", { "urldecode" }) or "")
end

--- The fields of a request for who performs it without libcurl: with those that say who asks.
-- (Digest and Negotiate answer a server, which only libcurl does.)
-- @return list of {name, value}
function header_lines.fields(self)
  local auth, target, list = self.settings.auth, self.target, self:fields()
  if not target.web then
    return list
  elseif auth and auth.aws_sigv4 then
    return require("multisock.request.sigv4").sign(self, self.content_type)
  elseif headers.find(list, "Authorization") then
    return list
  end
  local value = auth and authorization(self) or target.has_user and of_url(targets.url(target))
  return value and headers.merge(list, { { "Authorization", value } }) or list
end

--- The header lines of a request, for C. Those of requests that have none of their own
-- are made once for all of them.
-- @return core.Lines
function header_lines.of(self)
  local given, body, content_type = self.settings, self.body, self.content_type
  if self.lines_of and type(self.headers) == "userdata" then
    if self.lines_of == given and not self.unexpected then
      return self.headers           -- are lines already
    end
    self:fields()
  end
  if body == nil then
    content_type = HAS_LENGTH[self.method] and "" or nil
  elseif body.unframed then
    content_type = ""
  end
  local known, target = given.lines, self.target
  if self.headers ~= given.headers or known == settings.NO_LINES
    or body and (body.is_form or body.unframed)    -- its type, and no frame, are its own
    or self.unexpected or not target.web or target.has_user then
    return make_lines(self, content_type)
  end
  -- What differs, as a key: a content type, or that there is none, or no body at all.
  local key = content_type or 0
  local lines = known[key]
  if lines == nil then
    lines = make_lines(self, content_type)
    known[key] = not self.expects and lines or nil
  end
  return lines
end

-- What lines of requests differ in that have no fields of their own, beside what makes a
-- profile: the content type of the body; "": they say that they have none; 0: no body.
local KEYS = { 0, "", "application/json", "application/octet-stream",
  "application/x-www-form-urlencoded" }

--- Has the lines ready that requests with these settings have when they say nothing of
-- their own. @param given settings whose lines are kept, and whose headers do not ask
function header_lines.prepare(given)
  for _, key in ipairs(KEYS) do
    given.lines[key] = given.lines[key] or make_lines({
      settings = given, headers = given.headers, target = { web = true },
      body = key ~= 0 and key ~= "" and {} or nil,
    }, key ~= 0 and key or nil)
  end
end

--- Whether lines of requests with these settings can be kept.
function header_lines.are_kept(given)
  return given.lines ~= settings.NO_LINES
end

--- Whether these fields ask the server if it wants a body.
function header_lines.asks(list)
  return headers.find(list, "Expect") ~= nil
end

return header_lines
