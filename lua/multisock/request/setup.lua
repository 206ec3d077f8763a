-- What settings mean to an easy handle: which of libcurl's options are set on it.
local core = require("multisock.core")
local credentials = require("multisock.request.credentials")
local errors = require("multisock.base.errors")
local ROWS = require("multisock.request.options").rows
local pairs = require("multisock.base.compat").pairs
local protocols = require("multisock.request.protocols")
local raw_options = require("multisock.request.raw").of
local trust = require("multisock.request.trust")

local QUIRKS = core.quirks()

local setup = {}

local HTTP_VERSION = {
  ["1.0"] = 1, ["1.1"] = 2, ["2"] = 4, ["2-prior-knowledge"] = 5, ["3"] = 30,
}
setup.HTTP_VERSION = HTTP_VERSION
local TLS_VERSION = { ["1.0"] = 4, ["1.1"] = 5, ["1.2"] = 6, ["1.3"] = 7 }
local PROXY_VARIABLES = {
  "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
}

-- Asking the environment is 1,100 instructions of libcurl's per request.
function setup.environment_has_proxy()
  for _, name in ipairs(PROXY_VARIABLES) do
    if os.getenv(name) then
      return true
    end
  end
  return false
end

-- What libcurl takes as it is.
local function set_as_they_are(set, rows, given)
  for name, row in pairs(rows) do
    if row.sets then
      set(row.sets, given[name])
    end
  end
end

local function set_tls(set, tls)
  if tls.verify == false then
    set("ssl_verifypeer", 0)
    set("ssl_verifyhost", 0)
  end
  set_as_they_are(set, ROWS.tls.fields, tls)
  if tls.cert and not tls.password then
    set("keypasswd", "")            -- or OpenSSL asks on the terminal, and waits
  end
  if tls.min_version then
    set("sslversion", TLS_VERSION[tls.min_version])
  end
end

-- Whether the environment may name a proxy for it. What goes elsewhere by an option of its
-- own counts as gone to its server.
local function asks_environment(given)
  local raw = raw_options(given)
  return given.proxy == nil and given.trust_env and given.allow_private
    and setup.environment_has_proxy() and not (given.connect_to or given.resolve or raw.connect_to
      or raw.resolve)
end

local function set_proxy(set, given)
  local none = false
  if given.proxy then
    set("proxy", given.proxy)
  elseif given.proxy == false or not given.trust_env or not given.allow_private
    or not setup.environment_has_proxy() then
    set("proxy", "")
    none = given.curl == nil        -- which may name one after all
  end
  if given.no_proxy then
    set("noproxy", table.concat(given.no_proxy, ","))
  elseif none or given.proxy and not given.trust_env then
    set("noproxy", "")              -- otherwise libcurl asks the environment, each time
  end
end

-- On the QUIC of OpenSSL libcurl never sends the connection's own streams when the server has
-- acknowledged one datagram of the hello before it answers; later requests, whose
-- headers refer to them, wait for ever. A hello without the large keys of
-- post-quantum exchange is one datagram.
local CURVES_OF_ONE_DATAGRAM = "X25519:P-256:P-384"

--- The version that `curl` asks for; nil: none.
function setup.raw_version(given)
  for name, value in pairs(given.curl or {}) do
    if tostring(name):lower() == "http_version" then
      return value
    end
  end
  return nil
end

-- Whether libcurl takes a cut HTTP/2 body for a whole one: who wants that asks for
-- "2".
local TALKS = QUIRKS.reuses_talking ~= nil
local TRUNCATES = QUIRKS.h2_truncates ~= nil

--- The version of HTTP/1 in which a request is sent, whatever the server may offer
-- beside it.
-- @param given table its settings @param scheme string of its URL
-- @return "1.0" or "1.1"; nil when it may be HTTP/2 or 3, or the user has set
-- libcurl's own option
function setup.http1(given, scheme)
  local version = given.http_version
  if setup.raw_version(given) ~= nil then
    return nil
  elseif version == "1.0" or version == "1.1" then
    return version
  elseif version == "2-prior-knowledge" then
    return nil
  elseif scheme ~= "https" or version == nil and TRUNCATES then
    return "1.1"                    -- libcurl asks for no other without TLS
  end
end

local function set_version(set, given)
  local raw = tonumber(setup.raw_version(given)) or 0
  set("http_version", HTTP_VERSION[given.http_version])
  if given.http_version == "2-prior-knowledge" then
    -- libcurl 7.88 begins the session anew on a connection that has one, which fails.
    set("fresh_connect", 1)
    set("forbid_reuse", 1)
  end
  if QUIRKS.quic_forgets_streams and (given.http_version == "3" or raw >= HTTP_VERSION["3"]) then
    set("ssl_ec_curves", CURVES_OF_ONE_DATAGRAM)
  end
end

--- Sends what a handle asks to the addresses of a pin, and not through a proxy that
-- the environment names.
-- @return true; or nil, err
function setup.apply_pin(easy, pin, given)
  local lines = { pin.connect_to[1] }
  for _, line in ipairs(given.connect_to or {}) do
    lines[#lines + 1] = line
  end
  local ok, err = easy:setopt({ connect_to = lines, resolve = pin.resolve, noproxy = "*" })
  return ok and true, err
end

--- For what is sent as it is, both ways, once the server has switched protocols
-- (websocket/): a proxy that reads it would not pass it on, and nothing is sent twice, so
-- that nothing is kept for it. The handle has to be set up again for another request.
function setup.apply_unframed(easy)
  easy:setopt("httpproxytunnel", 1)
  easy:gather("rewinds", true)
end

--- Puts settings on a handle that is fresh from core.easy or reset.
-- @param base table the settings of its client
-- @param scheme? string of its URL, where that is known
-- @return true; or nil, err when libcurl refuses one
function setup.apply(easy, given, base, scheme)
  local refused
  local function set(name, value)
    if value ~= nil and not refused then
      local ok, err = easy:setopt(name, value)
      if not ok then
        refused = err
      end
    end
  end
  -- A server that ignores "Expect: 100-continue" costs this long.
  set("expect_100_timeout_ms", 200)
  if given.http_version == "3" and not core.version().features.HTTP3 then
    return nil, errors.new("curl", "http_version = \"3\" needs a libcurl built with HTTP/3; this "
      .. "is " .. core.version().curl)
  end
  set_version(set, given)
  protocols.apply(set, given, base, scheme)
  if not given.allow_private then
    easy:gather("public_only", true)
  end
  set_proxy(set, given)
  local proxy = given.proxy or nil
  easy:gather("proxied", proxy ~= nil or asks_environment(given))
  easy:gather("tunnels", proxy ~= nil and not proxy:lower():find("^socks"))
  trust.apply(set, given)
  set_tls(set, given.tls or {})
  set_as_they_are(set, ROWS, given)
  local handshake = credentials.handshake(given.auth)
  if handshake then
    local ok, err = credentials.apply(set, handshake)
    if not ok then
      return nil, err
    end
  end
  if given.unix_socket and TALKS then
    set("forbid_reuse", 1)          -- nobody can tell these sockets from each other
  end
  local raw = raw_options(given)
  for name, value in pairs(raw) do
    set(name, value)
  end
  if raw.max_recv_speed_large and not refused then
    easy:gather("speed", raw.max_recv_speed_large)
    set("max_recv_speed_large", 0)              -- pacing.lua tells why
  end
  easy:gather("undecoded", not given.decompress and raw.accept_encoding == nil
    and raw.transfer_encoding == nil)
  -- libcurl decodes what the user has it ask for; all else is undone by us, who
  -- know where it ends.
  easy:gather("decodes", given.decompress and raw.accept_encoding == nil
    and raw.http_content_decoding ~= 0 and raw.http_content_decoding ~= false)
  easy:gather("transfer_codings", raw.transfer_encoding ~= nil
    or raw.http_transfer_decoding ~= nil)
  -- libcurl's own rounds of authentication: a 401 may not be the answer yet.
  easy:gather("auth_rounds", handshake ~= nil or (raw.httpauth or raw.proxyauth) ~= nil)
  if refused then
    return nil, refused
  end
  return true
end

return setup
