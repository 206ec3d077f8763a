-- Another origin than that for which a request, or a client with a base_url, was made:
-- what it does not get.
local errors = require("multisock.base.errors")
local ROWS = require("multisock.request.options").rows
local pairs = require("multisock.base.compat").pairs
local settings = require("multisock.request.settings")

local strangers = {}

-- What names the host that the user asked, not the one asked now.
local HOST = { host = true }

-- libcurl's own options that say who the user is.
local IDENTITY = {}
for _, name in ipairs({
  "userpwd", "username", "password", "login_options", "httpauth", "xoauth2_bearer", "aws_sigv4",
  "netrc", "netrc_file", "cookie", "cookielist", "cookiefile", "sslcert", "sslcert_blob", "sslkey",
  "sslkey_blob", "keypasswd", "tlsauth_username", "tlsauth_password", "httpheader",
}) do
  IDENTITY[name] = true
end

-- What does not follow to another origin: true, or which fields of it do not.
local LOST = {}
for name, row in pairs(ROWS) do
  if row.cross_origin == "drop" then
    LOST[name] = true
  end
  for field, inner in pairs(row.fields or {}) do
    if inner.cross_origin == "drop" then
      LOST[name] = LOST[name] or {}
      LOST[name][field] = true
    end
  end
end

local function without_identity(raw)
  local kept = {}
  for name, value in pairs(raw) do
    if not IDENTITY[tostring(name):lower()] then
      kept[name] = value
    end
  end
  return kept
end

--- A list of {name, value} without those whose names are in a set, in lower case.
function strangers.without(list, names)
  local kept = {}
  for i = 1, #list do
    if not names[list[i][1]:lower()] then
      kept[#kept + 1] = list[i]
    end
  end
  return kept
end

-- These settings without what identifies the user.
local function stranger_settings(given)
  local changes = { curl = given.curl and without_identity(given.curl) }
  for name, lost in pairs(LOST) do
    if lost == true then
      changes[name] = false
    elseif given[name] then
      changes[name] = {}
      for field, value in pairs(given[name]) do
        if not lost[field] then
          changes[name][field] = value
        end
      end
    end
  end
  return settings.with(given, changes)
end

--- A request goes to another origin than before: it loses what is for that one alone.
-- @param known? table of fields: of its headers only these are lost
function strangers.estrange(request, known)
  local given, list = request.settings, {}
  for _, field in ipairs(request:fields()) do
    local name = field[1]:lower()
    if known and not known[field] or not (given.sensitive_headers[name] or HOST[name]) then
      list[#list + 1] = field
    end
  end
  request.headers, request.settings = list, stranger_settings(given)
  request.simple = request.simple and request.settings.simple
end

--- The option `query` without the fields whose names tell that they are secret.
function strangers.query(query)
  local kept = {}
  for name, value in pairs(type(query) == "table" and query or {}) do
    local url = ("http://host/?%s=value"):format(tostring(name))
    kept[name] = errors.redact_url(url) == url and value or nil
  end
  return query and kept
end

local function stranger_own(own)
  local kept = {}
  for name, value in pairs(own) do
    kept[name] = value
  end
  kept.query = strangers.query(own.query)
  return kept
end

--- What a client asks other origins with than that of its base_url.
-- @return settings
function strangers.of_client(client)
  local abroad = client.abroad
  if abroad == nil then
    local given = client.settings
    abroad = stranger_settings(given)
    abroad.headers = strangers.without(strangers.without(given.headers, given.sensitive_headers),
      HOST)
    abroad.own = given.own and stranger_own(given.own)
    abroad.inherited = { __index = abroad }
    abroad.totals = { known = {}, count = 0 }
    client.abroad = abroad
  end
  return abroad
end

return strangers
