-- Request options: the one list of their names, the check of each value, and
-- what it means to an easy handle. A new option is one row here.
local compat = require("multisock.compat")
local core = require("multisock.core")
local errors = require("multisock.errors")
local headers = require("multisock.headers")
local pins = require("multisock.pins")
local profiles = require("multisock.profiles")
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
  elseif not (checked.basic or checked.bearer) then
    error("option 'auth': basic or bearer expected", 0)
  end
  return checked
end

-- Each option is a row: its check, and what it concerns:
-- "handle": how a handle is set up. Handles are kept for who has the same of all
-- these: a profile, see profiles.lua.
-- "message": the request itself, put on a handle and taken off again in C.
-- "limit": the same, as numbers.
-- "chain": what is done around it; no handle knows of it.
-- `connection`: it leads to another connection. `lines`: header lines come of it.
local function handle(check)
  return { check = check, scope = "handle" }
end

local function connection(check)
  return { check = check, scope = "handle", connection = true }
end

local function message(check)
  return { check = check, scope = "message" }
end

local function limit(check)
  return { check = check, scope = "limit" }
end

local function around(check)
  return { check = check, scope = "chain" }
end

local function with_lines(row)
  row.lines = true
  return row
end

settings.rows = {
  method = message(token), headers = with_lines(message(header_list)), query = message(any),
  body = message(any), json = message(any), form = message(any),
  auth = with_lines(message(auth)),
  timeout = limit(timeout), max_body = limit(count_or_huge), max_headers = limit(size),
  high_water = limit(size),
  redirect = around(one_of("follow", "error", "manual")), max_redirects = around(count),
  fail_on_error = around(boolean), sensitive_headers = around(name_set),
  progress = around(callable), meta = around(any),
  decompress = with_lines(handle(boolean)), no_proxy = handle(list), trust_env = handle(boolean),
  doh_url = handle(text), protocols = handle(list), resolve = handle(pin_list),
  http_version = connection(one_of("1.0", "1.1", "2", "3")),
  proxy = connection(text_or_false), connect_to = connection(list),
  unix_socket = connection(text), interface = connection(text),
  tls = connection(fields({
    verify = boolean, ca = text, ca_path = text, cert = text, key = text, password = text,
    pinned_public_key = text, min_version = one_of("1.0", "1.1", "1.2", "1.3"),
  })),
  curl = with_lines(handle(raw_options)),
}

settings.checks = {}
for name, row in pairs(settings.rows) do
  settings.checks[name] = row.check
end

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
local REQUEST_ONLY = {
  method = true, query = true, body = true, json = true, form = true, meta = true,
}

local rows = settings.rows

-- Whether nothing has to be done in Lua while a request runs, nor before its handle
-- serves another one.
local function is_simple(given)
  return not (given.progress or given.profile.once or given.doh_url)
end

-- The limits as C takes them.
local function add_limits(given)
  local timeouts = given.timeout
  given.total = timeouts.total or false
  given.limits = core.limits(timeouts.total, timeouts.connect, timeouts.first_byte,
    given.high_water or 256 * 1024, given.max_headers or 300 * 1024, given.max_body)
end

-- Checks all. Returns whether some concern a handle, and whether some are limits.
local function check_all(options, derived)
  local handle_changes, limits_change = false, false
  for name, value in pairs(options) do
    local row = rows[name]
    if row == nil then
      error("unknown option " .. errors.quote(name)
        .. suggest.hint(name, settings.checks, suggest.ELSEWHERE), 0)
    end
    derived[name] = row.check(name, value)
    local scope = row.scope
    if scope == "handle" then
      handle_changes = true
    elseif scope == "limit" then
      limits_change = true
    end
    if row.lines then
      derived.lines = false         -- what is kept of the base's is not for these
    end
    if REQUEST_ONLY[name] then
      -- A client's default that even a request without options has to look at.
      derived.fills_request = true
    end
  end
  return handle_changes, limits_change
end

-- The usual limit: so many seconds in all. Kept for a while, as most requests of a
-- client have the same.
local MOST_TOTALS = 64

local function keep_total(totals, total, timeouts)
  if totals.count >= MOST_TOTALS then
    for kept in pairs(totals) do
      totals[kept] = nil
    end
    totals.count = 0
  end
  totals[total], totals.count = timeouts, totals.count + 1
end

-- With nothing but the usual limit they are kept, too, by its table.
local function find_limits(totals, derived, total)
  local usual = total and not (rawget(derived, "max_body") or rawget(derived, "high_water")
    or rawget(derived, "max_headers"))
  local known = usual and totals[derived.timeout]
  if known then
    derived.total, derived.limits = total, known
    return
  end
  add_limits(derived)
  if usual then
    totals[derived.timeout] = derived.limits
  end
end

--- Checks options and lays them over `base`: what is not named is the base's.
-- @raise naming the option and its value, where the user's code is
function settings.derive(base, options)
  if type(options) ~= "table" then
    errors.misuse("options: table expected, got " .. type(options))
  end
  local derived = {
    headers = nil, lines = nil, timeout = nil, limits = nil, total = nil, fills_request = nil,
    json = nil, body = nil,         -- room for what is usual
  }
  local ok, handle_changes, limits_change = pcall(check_all, options, derived)
  if not ok then
    errors.misuse(handle_changes)
  end
  if derived.headers then
    derived.headers = headers.merge(base.headers, derived.headers)
  end
  local timeouts = derived.timeout
  local total = base.totals and type(options.timeout) == "number" and timeouts.total or nil
  local known = total and base.totals[total]
  if known then
    derived.timeout = known
  elseif timeouts then
    for name, value in pairs(base.timeout) do
      if timeouts[name] == nil then
        timeouts[name] = value
      end
    end
    setmetatable(timeouts, getmetatable(base.timeout))
    if total then
      keep_total(base.totals, total, timeouts)
    end
  end
  setmetatable(derived, rawget(base, "inherited") or { __index = base })
  if base.profiles then             -- else it is to be the base of a client
    if handle_changes then
      derived.profile = base.profiles:find(derived)
    end
    if handle_changes or derived.progress then
      derived.simple = is_simple(derived)
    end
    if limits_change then
      find_limits(base.totals, derived, total)
    end
  end
  return derived
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
  flat.inherited = { __index = flat }
  flat.totals = { count = 0 }
  flat.lines = {}                   -- header lines of its requests, see request.lua
  flat.profiles = profiles.new(flat, rows)
  flat.profile = flat.profiles:find(flat)
  flat.simple = is_simple(flat)
  add_limits(flat)
  return flat
end

--- The settings of a request with these changes, which are not checked.
-- @param changes table by name, false for what goes
function settings.with(given, changes)
  local derived = setmetatable(changes, { __index = given })
  derived.lines = false
  derived.profile = given.profiles:find(derived)
  derived.simple = is_simple(derived)
  return derived
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

--- Sets the user of what is not HTTP, where it is no header line.
function settings.apply_auth(easy, given)
  if given.basic then
    easy:setopt({ username = given.basic[1], password = given.basic[2] })
  elseif given.bearer then
    easy:setopt({ httpauth = 64, xoauth2_bearer = given.bearer })
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
  set("connect_to", given.connect_to)
  set("doh_url", given.doh_url)
  set("unix_socket_path", given.unix_socket)
  if given.unix_socket and TALKS then
    set("forbid_reuse", 1)          -- nobody can tell these sockets from each other
  end
  set("interface", given.interface)
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
