-- Who the user is: what the option `auth` takes, and what of it a handle is set up
-- from. Basic and bearer are header lines (header_lines.lua); what answers a challenge
-- is libcurl's, and its state stays with the handle.
local core = require("multisock.core")
local errors = require("multisock.base.errors")

local credentials = {}

-- CURLAUTH_...
local DIGEST, NEGOTIATE, BEARER = 2, 4, 64

--- @param basic table of the checks and makers of checks that options.lua has
-- @return table of rows by option
function credentials.rows(basic)
  local function user_and_password(name, value)
    if type(value) ~= "table" or #value ~= 2 then
      basic.expected(name, "{user, password}", value)
    end
    return basic.list(name, value)
  end

  local function only_true(name, value)
    if value ~= true then
      basic.expected(name, "true", value)
    end
    return value
  end

  local AUTH = {
    basic = { check = user_and_password, type = "string[]", doc = "`{user, password}`" },
    bearer = { check = basic.text, type = "string", doc = "a token" },
    digest = { check = user_and_password, type = "string[]",
      doc = "`{user, password}`, of which the server gets a digest (RFC 7616)" },
    negotiate = { check = only_true, type = "boolean",
      doc = "`true`: Kerberos, as the user whose ticket the system has (RFC 4559)" },
  }
  local auth_fields = basic.fields(AUTH)

  local function auth(name, value)
    if value == false then
      return false
    end
    local checked = auth_fields(name, value)
    local first = next(checked)
    local second = first and next(checked, first)
    if second then
      error(("option '%s': %s exclude each other"):format(name,
        first < second and first .. " and " .. second or second .. " and " .. first), 0)
    elseif first == nil then
      error(("option '%s': %s expected"):format(name, "basic, bearer, digest or negotiate"), 0)
    end
    return checked
  end

  return {
    auth = { check = auth, scope = "message", lines = true, secret = true, cross_origin = "drop",
      part = credentials.handshake, fields = AUTH, type = "multisock.Auth|false",
      doc = "who you are, `false`: nobody: [Authentication](#authentication)" },
  }
end

--- What of `auth` a handle is set up from; nil: nothing.
function credentials.handshake(auth)
  return auth and (auth.digest or auth.negotiate) and auth or nil
end

--- Puts it on a handle that is for nobody else.
-- @param set function(name, value)
-- @return true; or nil, err where this libcurl cannot
function credentials.apply(set, auth)
  if auth.digest then
    set("httpauth", DIGEST)
    set("username", auth.digest[1])
    set("password", auth.digest[2])
  elseif not core.version().features.SPNEGO then
    return nil, errors.new("curl", "auth.negotiate needs a libcurl built with SPNEGO (GSS-API); "
      .. "this is " .. core.version().curl)
  else
    set("httpauth", NEGOTIATE)
    set("userpwd", ":")             -- the system knows who it is
    -- It is the connection that the server then knows: nobody else may have it.
    set("fresh_connect", 1)
    set("forbid_reuse", 1)
  end
  return true
end

--- The same for what is not HTTP, where nothing is a header line.
function credentials.apply_foreign(easy, auth)
  if auth.basic then
    easy:setopt({ username = auth.basic[1], password = auth.basic[2] })
  elseif auth.bearer then
    easy:setopt({ httpauth = BEARER, xoauth2_bearer = auth.bearer })
  end
end

return credentials
