-- URLs, parsed once: what a request needs to know of its URL before libcurl
-- sees it, and the parsed form that libcurl then takes over.
local core = require("multisock.core")
local encode = require("multisock.base.percent").escape
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local values = require("multisock.base.values")

local known, put_under = core.url_known, core.url_under
local setmetatable = setmetatable

local targets = {}

-- The last URLs that were asked for again, and the first of each place, in two generations:
-- when the young one is full it becomes the old one. Bounded, and a hit costs one table access.
local GENERATION = 512
local old, count = {}, 0

--- The young ones, by their text. They are HTTP's, without a user's name: `kept`.
targets.young = {}

-- Longer ones are not kept: a server may redirect to URLs as long as a header.
local LONGEST = 2048
local ANY_SCHEME = { "non_support_scheme", "uri" }

local function is_numeric(host)
  return host:find("^%[") ~= nil or host:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
end

local function url_error(err, text)
  err.url = errors.redact_text(text)
  err.kind = "url"
  err.retryable = false
  return err
end

-- By what is before the path (core.url_place): metatables with what the last targets
-- have in common, a parsed one for a start. Parsing and asking for the parts is most of
-- the work, and a crawler has thousands of one place.
local places, place_count = {}, 0
local MOST_PLACES = 512

-- A name that is not ASCII in the form that DNS and TLS know (IDN). libcurl does
-- this by itself, but in the encoding of the locale.
local function to_ascii(url, host)
  local ascii, err = url:get("host", { "punycode" })
  if ascii == nil then
    err.message = ("the host name %q is not ASCII, and libcurl cannot convert it (%s): write it "
      .. "as xn--..."):format(host:sub(1, 80), core.version().features.IDN and err.message
        or "it was built without IDN")
    return nil, err
  end
  return url:set("host", ascii) and ascii
end

-- What all URLs of a place have.
local function describe_place(url, scheme, host)
  local port = url:get("port", { "default_port", "non_support_scheme" }) or "0"
  local web = scheme == "http" or scheme == "https"
  return {
    scheme = scheme,
    host = host,
    origin = scheme .. "://" .. host .. ":" .. port,
    numeric = host == "" or host == "localhost" or is_numeric(host),
    web = web,
    kept = web,
  }
end

local function remember_place(written, place)
  if place_count >= MOST_PLACES then
    places, place_count = {}, 0
  end
  places[written], place_count = place, place_count + 1
end

-- `written`: its place, where that is worth remembering.
local function describe(url, text, written)
  local place = written and places[written]
  if place then
    return setmetatable({ url = url, text = text }, place)
  end
  local scheme, host = url:get("scheme"), (url:get("host") or ""):lower()
  if host:find("[\128-\255]") then
    local err
    host, err = to_ascii(url, host)
    if host == nil then
      return nil, err
    end
    text = url:get("url")
  end
  place = { __index = describe_place(url, scheme, host) }
  if written and #written <= LONGEST then
    place.__index.sample = url
    remember_place(written, place)
  end
  local has_user = not written and (url:get("user") or url:get("password")) and true or nil
  return setmetatable({
    url = url, text = text, has_user = has_user, kept = has_user and false,
  }, place)
end

--- The parsed form of a target, for who looks at its parts. Those of a place that is known
-- have none before: libcurl gets their text (src/fetch/start.c).
-- @return core.Url
function targets.url(target)
  local url = target.url
  if url == nil then
    url = target.sample:beside(target.text)
    target.url = url
  end
  return url
end

-- What libcurl means by "bad path" and the like, where that can be told.
local function explain(text)
  local at = text:find("[%z\1-\32\127]")
  if text:find("^%s") or text:find("%s", #text) then
    return "the URL has white space around it"
  elseif at and text:sub(at, at) == " " then
    return ("the URL has a space at byte %d: write it as %%20"):format(at)
  elseif at then
    return ("the URL has a control character at byte %d"):format(at)
  elseif not text:find("^%a[%w+.-]*:") or text:find("^[%w.-]+:%d") then
    return "the URL has no scheme, such as https://"
  end
end

-- One whose place is not known, or that has to be parsed all the same.
local function parse(text)
  local url, err = core.url(text, ANY_SCHEME)
  if url == nil then
    err.message = explain(text) or err.message
    return nil, err
  end
  local target
  target, err = describe(url, text, core.url_place(text))
  if target and target.host == "" and target.scheme:find("^http") then
    return nil, errors.new("url", "the URL has no host")
  end
  return target, err
end

local function remember(text, target)
  if count >= GENERATION then
    old, targets.young, count = targets.young, {}, 0
  end
  targets.young[text] = target
  count = count + 1
end

--- Parses an absolute URL.
-- @return target; or nil, err of kind "url"
function targets.get(text)
  local target = targets.young[text]
  if target then
    return target
  end
  target = old[text]
  if target == nil then
    local place, again = known(text, places)
    if place then
      target = setmetatable({ text = text }, place)
      if not again then
        return target               -- one of thousands, perhaps
      end
      targets.url(target)           -- handles get this in turn, it need not be set again
    else
      local err
      target, err = parse(text)
      if target == nil then
        return nil, url_error(err, text)
      end
    end
  end
  if target.kept and #text <= LONGEST then
    remember(text, target)
  end
  return target
end

--- A URL without the white space around it. Not with one pattern for both ends:
-- that takes the square of the longest run of blanks.
function targets.trim(text)
  local first = text:find("%S")
  local behind = first and text:reverse():find("%S")
  return first and text:sub(first, #text + 1 - behind) or ""
end

--- Resolves a reference, such as a Location.
-- @return target; or nil, err
function targets.resolve(base, reference)
  local url = targets.url(base):dup()
  reference = targets.trim(reference)
  local ok, err
  if reference == "" or reference:find("^#") then
    -- libcurl would take the last part of the path away.
    ok, err = url:set("fragment", reference:match("^#(.+)"), { "uri", "urlencode" })
  else
    ok, err = url:set("url", reference, { "non_support_scheme", "uri", "urlencode" })
  end
  if not ok then
    return nil, url_error(err, reference)
  end
  local text
  text, err = url:get("url")
  if text == nil then
    return nil, url_error(err, reference)
  end
  return targets.get(text)
end

--- Parses a base_url, for `under`.
-- @return target; or nil, err
function targets.base(text)
  local base, err = targets.get(text)
  if base == nil then
    return nil, err
  end
  local url = targets.url(base)
  if url:get("query") or url:get("fragment") then
    return nil, errors.new("url", "no place for a query or a fragment: it stands before paths")
  end
  base.path = url:get("path")
  base.folder = base.path:gsub("/+$", "") .. "/"
  base.root = not base.has_user and base.text:match("^%a[%w+.-]*://[^/?#]*")
  -- What core.url_under puts paths behind; false: each has to be looked at.
  base.prefix = base.root and not base.folder:find("/.", 1, true) and base.root .. base.folder
  return base
end

--- Puts a path, a query or both behind a base_url; an absolute URL stays as it is.
-- @param base target of targets.base
-- @return target; or nil, err
function targets.under(base, reference)
  local usual = base.prefix and (reference == "" and base.root .. base.path
    or put_under(base.prefix, reference))
  if usual then
    return targets.get(usual)
  end
  reference = targets.trim(reference)
  if reference:find("^%a[%w+.-]*://") then
    return targets.resolve(base, reference)
  end
  local path, rest = reference:match("^([^?#]*)(.*)$")
  return targets.resolve(base, (path == "" and base.path
    or base.folder .. path:gsub("^/+", "")) .. rest)
end

--- The same target with user name and password of another.
-- @return target
function targets.with_user(target, other)
  local url = targets.url(target):dup()
  for _, part in ipairs({ "user", "password" }) do
    local text = targets.url(other):get(part)
    if text then
      url:set(part, text)
    end
  end
  return targets.get(url:get("url"))
end

local function encode_value(name, value)
  local text = values.text(value)
  if text == nil then
    error(("%s: string, number, boolean or list of them expected, got %s"):format(name,
      values.describe(value)), 0)
  end
  return encode(text)
end

-- A table that is no list would be sent in part, or not at all.
local function is_list(value)
  return type(value) == "table" and values.odd_key(value) == nil
end

--- "a=1&b=2" of a table; lists give the name several times; names in
-- alphabetical order.
function targets.encode_form(what, fields)
  if type(fields) ~= "table" then
    error(("%s: table expected, got %s"):format(what, type(fields)), 0)
  end
  local usual = getmetatable(fields) == nil and core.form(fields)
  if usual then
    return usual
  end
  local names, pieces = {}, {}
  for name in pairs(fields) do
    if type(name) ~= "string" then
      error(("%s: names must be strings, got %s"):format(what, tostring(name)), 0)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = fields[name]
    local list = is_list(value) and value or { value }
    for i = 1, #list do
      pieces[#pieces + 1] = encode(name) .. "=" .. encode_value(what .. "." .. name, list[i])
    end
  end
  return table.concat(pieces, "&")
end

--- The URL with this query added to what it has.
function targets.add_query(text, query)
  local encoded = targets.encode_form("query", query)
  if encoded == "" then
    return text
  end
  local head, fragment = text, ""
  if text:find("#", 1, true) then
    head, fragment = text:match("^([^#]*)(.*)$")
  end
  local glue = head:find("?", 1, true) and (head:find("[?&]$") and "" or "&") or "?"
  return head .. glue .. encoded .. fragment
end

return targets
