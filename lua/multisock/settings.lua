-- Request options: the one list of their names, the check of each value, and
-- what it means to an easy handle. A new option is one row here.
local compat = require("multisock.compat")
local core = require("multisock.core")
local errors = require("multisock.errors")
local headers = require("multisock.headers")
local pins = require("multisock.pins")
local protocols = require("multisock.protocols")
local suggest = require("multisock.suggest")
local values = require("multisock.values")

local QUIRKS = core.quirks()

local settings = {}

---- Checks: (name, value) -> value, or raise at level 0 -----------------------

-- What must not stand in a message.
local SECRET = { "^auth", "^proxy", "password" }

local function expected(name, what, value)
  for _, pattern in ipairs(SECRET) do
    if name:find(pattern) then
      error(("option '%s': %s expected, got a %s (not shown)"):format(name, what, type(value)), 0)
    end
  end
  error(("option '%s': %s expected, got %s"):format(name, what,
    type(value) == "string" and errors.quote(value) or values.describe(value)), 0)
end

local function boolean(name, value)
  if type(value) ~= "boolean" then
    expected(name, "boolean", value)
  end
  return value
end

local function text(name, value)
  if type(value) ~= "string" or value:find("%z") then
    expected(name, "string", value)
  end
  return value
end

local function count(name, value)
  if not compat.is_integer(value) or value < 0 then
    expected(name, "integer of 0 or more", value)
  end
  return value
end

local function size(name, value)
  if not compat.is_integer(value) or value < 1 then
    expected(name, "integer of 1 or more", value)
  end
  return value
end

local function callable(name, value)
  if type(value) ~= "function" then
    expected(name, "function", value)
  end
  return value
end

local function any(_, value)
  return value
end

local function one_of(...)
  local names = { ... }
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  return function(name, value)
    if not set[value] then
      expected(name, '"' .. table.concat(names, '", "') .. '"', value)
    end
    return value
  end
end

local function list(name, value)
  if type(value) ~= "table" or values.odd_key(value) ~= nil then
    expected(name, "list of strings", value)
  end
  for i = 1, #value do
    text(name .. "[" .. i .. "]", value[i])
  end
  return value
end

local function pin_list(name, value)
  local parsed, wrong = pins.parse(list(name, value))
  if parsed == nil then
    expected(("%s[%d]"):format(name, wrong), '"HOST:PORT:ADDRESS[,ADDRESS]" with IP addresses',
      value[wrong])
  end
  return parsed
end

-- `math.huge` is no limit: false, which is not the default of who names none.
local function seconds(name, value)
  if type(value) ~= "number" or value <= 0 or value ~= value then
    expected(name, "seconds above 0", value)
  end
  return value < math.huge and value
end

-- Likewise; 0 is no limit.
local function count_or_huge(name, value)
  return value == math.huge and 0 or count(name, value)
end

-- A table whose fields have checks of their own.
local function fields(checks)
  return function(name, value)
    if type(value) ~= "table" then
      expected(name, "table", value)
    end
    local checked = {}
    for key, given in pairs(value) do
      local check = checks[key]
      if check == nil then
        error(("option '%s': unknown field %s%s"):format(name, errors.quote(key),
          suggest.hint(key, checks, suggest.ELSEWHERE)), 0)
      end
      checked[key] = check(name .. "." .. tostring(key), given)
    end
    return checked
  end
end

local timeout_fields = fields({
  total = seconds, queue = seconds, connect = seconds, first_byte = seconds, idle = seconds,
})

local function timeout(name, value)
  if type(value) == "number" then
    return { total = seconds(name, value) }
  end
  return timeout_fields(name, value)
end

local function token(name, value)
  if type(value) ~= "string" or value == "" or value:find("[^%w!#$%%&'*+%-.^_`|~]") then
    expected(name, "HTTP method", value)
  elseif value:upper() == "CONNECT" then
    error(("option '%s': CONNECT is what libcurl asks proxies for (option 'proxy')"):format(name),
      0)
  end
  return value
end

local function user_and_password(name, value)
  if type(value) ~= "table" or #value ~= 2 then
    expected(name, "{user, password}", value)
  end
  return list(name, value)
end

local function text_or_false(name, value)
  return value ~= false and text(name, value)
end

local function header_list(_, value)
  return headers.to_list(value, 0)
end

local function name_set(name, value)
  local set = {}
  for _, entry in ipairs(list(name, value)) do
    set[entry:lower()] = true
  end
  return set
end

-- Raw options that ask libcurl for a body, which it would wait for: bodies are fed
-- by us.
local FED = {
  upload = true, put = true, post = true, infilesize = true, infilesize_large = true,
  postfieldsize = true, postfieldsize_large = true,
}

local function raw_options(name, value)
  if type(value) ~= "table" then
    expected(name, "table of libcurl's options", value)
  end
  for key in pairs(value) do
    if type(key) == "string" and FED[key:lower()] then
      error(("option '%s.%s': a body is sent with the options 'method' and 'body'"):format(name,
        key), 0)
    end
  end
  return value
end

local NO_OPTIONS = {}

--- The raw options that are given, by libcurl's names in lower case.
-- @return table not to be changed
function settings.raw(given)
  if given.curl == nil then
    return NO_OPTIONS
  end
  local options = {}
  for name, value in pairs(given.curl) do
    options[type(name) == "string" and name:lower() or name] = value
  end
  return options
end

--- What libcurl, or Lua, says about a raw option that is wrong, and what was meant.
function settings.explain(message)
  message = errors.unplaced(tostring(message))
  local name = message:match("^unknown option '([^']*)'")
  if name then
    local names = {}
    for i, option in ipairs(core.options()) do
      names[i] = option.name:lower()
    end
    message = "option 'curl': " .. message .. suggest.hint(name, names)
  end
  return message
end

local auth_fields = fields({ basic = user_and_password, bearer = text })

local function auth(name, value)
  local checked = auth_fields(name, value)
  if checked.basic and checked.bearer then
    error("option 'auth': basic and bearer exclude each other", 0)
  end
  return checked
end

settings.checks = {
  method = token, headers = header_list, query = any, body = any, json = any, form = any,
  redirect = one_of("follow", "error", "manual"), max_redirects = count,
  timeout = timeout, max_body = count_or_huge, max_headers = size, high_water = size,
  decompress = boolean, http_version = one_of("1.0", "1.1", "2", "3"),
  fail_on_error = boolean,
  auth = auth,
  proxy = text_or_false, no_proxy = list, trust_env = boolean,
  tls = fields({
    verify = boolean, ca = text, ca_path = text, cert = text, key = text, password = text,
    pinned_public_key = text, min_version = one_of("1.0", "1.1", "1.2", "1.3"),
  }),
  resolve = pin_list, connect_to = list, doh_url = text, unix_socket = text, interface = text,
  protocols = list, sensitive_headers = name_set, progress = callable, meta = any,
  curl = raw_options,
}

settings.defaults = {
  headers = {},
  redirect = "follow",
  max_redirects = 10,
  -- What is an own field was asked for, which `idle` of a stream has to be.
  timeout = setmetatable({}, {
    __index = { connect = 30, first_byte = 300, idle = 60 },
  }),
  max_body = 64 * 1024 * 1024,
  decompress = true,
  trust_env = true,
  protocols = { "http", "https" },
  sensitive_headers = name_set("sensitive_headers", {
    "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token",
    "X-Access-Token", "X-Csrf-Token", "X-Amz-Security-Token", "Api-Key", "Private-Token",
  }),
}

-- What a request is filled from, beside what its handle is set up from.
local REQUEST_ONLY = { "method", "query", "body", "json", "form", "meta" }

--- Checks options and lays them over `base`: what is not named is the base's.
-- @raise naming the option and its value, where the user's code is
function settings.derive(base, options)
  if type(options) ~= "table" then
    errors.misuse("options: table expected, got " .. type(options))
  end
  local derived = {}
  for name, value in pairs(options) do
    local check = settings.checks[name]
    if check == nil then
      errors.misuse("unknown option " .. errors.quote(name)
        .. suggest.hint(name, settings.checks, suggest.ELSEWHERE))
    end
    local ok, checked = pcall(check, name, value)
    if not ok then
      errors.misuse(checked)
    end
    derived[name] = checked
  end
  for _, name in ipairs(REQUEST_ONLY) do
    if derived[name] ~= nil then
      -- A client's default that even a request without options has to look at.
      derived.fills_request = true
    end
  end
  if derived.headers then
    derived.headers = headers.merge(base.headers, derived.headers)
  end
  if derived.timeout then
    for name, value in pairs(base.timeout) do
      if derived.timeout[name] == nil then
        derived.timeout[name] = value
      end
    end
    setmetatable(derived.timeout, getmetatable(base.timeout))
  end
  return setmetatable(derived, { __index = base })
end

--- The same settings without a base behind them: reading one is a single
-- table access.
function settings.flatten(given)
  local flat = {}
  for name, value in pairs(settings.defaults) do
    flat[name] = value
  end
  for name, value in pairs(given) do
    flat[name] = value
  end
  return flat
end

---- What settings mean to an easy handle --------------------------------------

local HTTP_VERSION = { ["1.0"] = 1, ["1.1"] = 2, ["2"] = 4, ["3"] = 30 }
settings.HTTP_VERSION = HTTP_VERSION
local TLS_VERSION = { ["1.0"] = 4, ["1.1"] = 5, ["1.2"] = 6, ["1.3"] = 7 }
local PROXY_VARIABLES = {
  "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
}

-- Asking the environment is 1,100 instructions of libcurl's per request.
function settings.environment_has_proxy()
  for _, name in ipairs(PROXY_VARIABLES) do
    if os.getenv(name) then
      return true
    end
  end
  return false
end

local function set_tls(set, tls)
  if tls.verify == false then
    set("ssl_verifypeer", 0)
    set("ssl_verifyhost", 0)
  end
  set("sslcert", tls.cert)
  set("sslkey", tls.key)
  set("keypasswd", tls.password)
  set("pinnedpublickey", tls.pinned_public_key)
  if tls.min_version then
    set("sslversion", TLS_VERSION[tls.min_version])
  end
end

-- Who is trusted: what is named, and nobody else. libcurl looks into its folder
-- beside a file that it is given, and keeps a parsed file only where no folder is
-- set: so without one each connection would parse 150 certificates. This holds
-- for a proxy of TLS, too.
local DEFAULT_FILE, DEFAULT_FOLDER = core.version().cainfo, core.version().capath

local function set_trust(set, tls)
  local none = core.null
  if tls.ca or tls.ca_path and DEFAULT_FILE then
    set("cainfo", tls.ca or none)
  end
  if tls.ca_path or DEFAULT_FOLDER and (tls.ca or DEFAULT_FILE) then
    set("capath", tls.ca_path or none)
  end
  if DEFAULT_FOLDER and DEFAULT_FILE then
    set("proxy_capath", none)
  end
end

--- What a request trusts, as text: of what libcurl has parsed it keeps one file for
-- each multi.
-- @return string; nil when it is what the client trusts
function settings.trust(given, base)
  if given.tls == base.tls and given.curl == base.curl then
    return nil
  end
  local function describe(from)
    local tls, raw = from.tls or {}, from.curl or {}
    return ("%s|%s|%s|%s|%s"):format(tostring(tls.ca), tostring(tls.ca_path), tostring(raw.cainfo),
      tostring(raw.capath), tostring(raw.cainfo_blob))
  end
  local own = describe(given)
  return own ~= describe(base) and own or nil
end

local function set_auth(set, given)
  if given.basic then
    set("httpauth", 1)
    set("username", given.basic[1])
    set("password", given.basic[2])
  elseif given.bearer then
    set("httpauth", 64)
    set("xoauth2_bearer", given.bearer)
  end
end

local function set_proxy(set, given)
  local none = false
  if given.proxy then
    set("proxy", given.proxy)
  elseif given.proxy == false or not given.trust_env or not settings.environment_has_proxy() then
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
function settings.raw_version(given)
  for name, value in pairs(given.curl or {}) do
    if tostring(name):lower() == "http_version" then
      return value
    end
  end
  return nil
end

-- Whether libcurl takes a cut HTTP/2 body for a whole one: who wants that asks for
-- "2".
local TALKS = core.quirks().reuses_talking ~= nil
local TRUNCATES = core.quirks().h2_truncates ~= nil

--- The version of HTTP/1 in which a request is sent, whatever the server may offer
-- beside it.
-- @param given table its settings @param scheme string of its URL
-- @return "1.0" or "1.1"; nil when it may be HTTP/2 or 3, or the user has set
-- libcurl's own option
function settings.http1(given, scheme)
  local version = given.http_version
  if settings.raw_version(given) ~= nil then
    return nil
  elseif version == "1.0" or version == "1.1" then
    return version
  elseif scheme ~= "https" or version == nil and TRUNCATES then
    return "1.1"                    -- libcurl asks for no other without TLS
  end
end

local function set_version(set, given)
  local raw = tonumber(settings.raw_version(given)) or 0
  set("http_version", HTTP_VERSION[given.http_version])
  if QUIRKS.quic_forgets_streams and (given.http_version == "3" or raw >= HTTP_VERSION["3"]) then
    set("ssl_ec_curves", CURVES_OF_ONE_DATAGRAM)
  end
end

-- libcurl takes milliseconds as a long, which has 32 bits on some systems.
local MAX_MS = 2 ^ 31 - 1

--- Sends what a handle asks to the addresses of a pin, and not through a proxy that
-- the environment names.
-- @return true; or nil, err
function settings.apply_pin(easy, pin, given)
  local lines = { pin.connect_to[1] }
  for _, line in ipairs(given.connect_to or {}) do
    lines[#lines + 1] = line
  end
  local ok, err = easy:setopt({ connect_to = lines, resolve = pin.resolve, noproxy = "*" })
  return ok and true, err
end

--- Puts settings on a handle that is fresh from core.easy or reset.
-- @param base table the settings of its client
-- @param scheme? string of its URL, where that is known
-- @return true; or nil, err when libcurl refuses one
function settings.apply(easy, given, base, scheme)
  local refused
  local function set(name, value)
    if value ~= nil and not refused then
      local ok, err = easy:setopt(name, value)
      if not ok then
        refused = err
      end
    end
  end
  local connect = given.timeout.connect
  local connect_ms = connect and math.min(connect * 1000, MAX_MS) or MAX_MS
  set("connecttimeout_ms", math.max(1, math.floor(connect_ms)))
  -- A server that ignores "Expect: 100-continue" costs this long.
  set("expect_100_timeout_ms", 200)
  if given.http_version == "3" and not core.version().features.HTTP3 then
    return nil, errors.new("curl", "http_version = \"3\" needs a libcurl built with HTTP/3; this "
      .. "is " .. core.version().curl)
  end
  set_version(set, given)
  protocols.apply(set, given, base, scheme)
  set_proxy(set, given)
  local proxy = given.proxy or nil
  easy:gather("proxied", proxy ~= nil)
  easy:gather("tunnels", proxy ~= nil and not proxy:lower():find("^socks"))
  set_trust(set, given.tls or {})
  set_tls(set, given.tls or {})
  set_auth(set, given.auth or {})
  set("connect_to", given.connect_to)
  set("doh_url", given.doh_url)
  set("unix_socket_path", given.unix_socket)
  if given.unix_socket and TALKS then
    set("forbid_reuse", 1)          -- nobody can tell these sockets from each other
  end
  set("interface", given.interface)
  easy:gather("first_byte", given.timeout.first_byte or nil)
  easy:gather("high_water", given.high_water or 256 * 1024)
  easy:gather("max_headers", given.max_headers or 300 * 1024)
  easy:gather("max_body", given.max_body)
  local raw = settings.raw(given)
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
  easy:gather("auth_rounds", (raw.httpauth or raw.proxyauth) ~= nil)
  if refused then
    return nil, refused
  end
  return true
end

return settings
