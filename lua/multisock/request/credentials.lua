-- Who the user is: what the option `auth` takes, and what of it a handle is set up
-- from. Basic, bearer and signatures are header lines (header_lines.lua); what answers a
-- challenge is libcurl's, and its state stays with the handle.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")

local next = compat.next

local credentials = {}

--- Headers that say who you are, whatever option they come of.
credentials.HEADERS = {
  "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token",
  "X-Access-Token", "X-Api-Token", "X-Auth-Key", "X-Csrf-Token", "X-Xsrf-Token",
  "X-Amz-Security-Token", "X-Consul-Token", "X-Functions-Key", "X-Gitlab-Token",
  "X-Goog-Api-Key", "X-Shopify-Access-Token", "X-Vault-Token", "Api-Key", "Apikey",
  "DD-Api-Key", "DD-Application-Key", "Ocp-Apim-Subscription-Key", "Private-Token",
}

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

  -- The name of a user is in the header line.
  local function of_digest(name, value)
    local pair = user_and_password(name, value)
    for i = 1, 2 do
      if pair[i]:find("[\r\n]") then
        error(("option '%s[%d]': text without line breaks expected"):format(name, i), 0)
      end
    end
    return pair
  end

  local function only_true(name, value)
    if value ~= true then
      basic.expected(name, "true", value)
    end
    return value
  end

  -- Of a header line, or signed with it.
  local function line(name, value)
    basic.text(name, value)
    if value == "" or value:find("[%c ]") then
      basic.expected(name, "text without blanks", value)
    end
    return value
  end

  -- A line break would end its header line, and begin another.
  local function token(name, value)
    basic.text(name, value)
    local at = value:find("%c")
    if at then
      error(("option '%s': the token has a line break or another control character, as byte %d of "
        .. "%d%s"):format(name, at, #value, at == #value
          and ": was it read from a file, and its end not cut off?" or ""), 0)
    end
    return value
  end

  local KEYS = {
    access_key = { check = line, type = "string", doc = "the key's id" },
    secret_key = { check = basic.text, type = "string", secret = true, doc = "the key" },
    session_token = { check = line, type = "string", secret = true,
      doc = "the token that comes with a temporary key" },
    region = { check = line, type = "string", doc = '`"eu-west-1"`' },
    service = { check = line, type = "string", doc = '`"s3"`, `"execute-api"`' },
  }
  local key_fields = basic.fields(KEYS)

  local function sigv4(name, value)
    local checked = key_fields(name, value)
    for _, field in ipairs({ "access_key", "secret_key", "region", "service" }) do
      if checked[field] == nil then
        error(("option '%s': %s is missing"):format(name, field), 0)
      end
    end
    local ready, why = core.sha256()
    if not ready then
      error(("option '%s': %s"):format(name, why), 0)
    end
    return checked
  end

  local AUTH = {
    aws_sigv4 = { check = sigv4, type = "multisock.Sigv4", fields = KEYS,
      doc = "signs the request for AWS" },
    basic = { check = user_and_password, type = "string[]", doc = "`{user, password}`" },
    bearer = { check = token, type = "string", doc = "a token" },
    digest = { check = of_digest, type = "string[]",
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
      error(("option '%s': aws_sigv4, basic, bearer, digest or negotiate expected, got an empty "
        .. "table: is what it is made of nil?"):format(name), 0)
    end
    return checked
  end

  local NETRC = {
    path = { check = basic.path, type = "string", shown = "`~/.netrc`", doc = "the file" },
    cleartext = { check = basic.boolean, type = "boolean", default = false,
      doc = "`true`: also for what is not encrypted, as `http` and `ftp`" },
  }
  local netrc_fields = basic.fields(NETRC)

  local function netrc(name, value)
    if type(value) == "table" then
      return netrc_fields(name, value)
    elseif type(value) ~= "boolean" and type(value) ~= "string" then
      basic.expected(name, "boolean, path or table", value)
    end
    return type(value) == "string" and basic.path(name, value) or value
  end

  return {
    netrc = { check = netrc, scope = "chain", fields = NETRC, default = false,
      type = "boolean|string|multisock.Netrc", shown = "`false`",
      doc = "user and password from a file: `true` (`~/.netrc`), its path, or a table: "
        .. "[Authentication](#authentication)" },
    auth = { check = auth, scope = "message", lines = true, secret = true, cross_origin = "drop",
      part = credentials.handshake, fields = AUTH, type = "multisock.Auth|false",
      doc = "who you are, `false`: nobody: [Authentication](#authentication)" },
  }
end

--- What of `auth` a handle is set up from; nil: nothing.
function credentials.handshake(auth)
  return auth and (auth.digest or auth.negotiate) and auth or nil
end

--- Raises when a body cannot be signed, which has to be known for that.
function credentials.check_body(auth, body)
  local keys = auth.aws_sigv4
  if keys and body.bytes == nil and keys.service ~= "s3" then
    error("option 'body': string expected, as auth.aws_sigv4 signs it", 0)
  end
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
