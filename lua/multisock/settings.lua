-- Request options: the one list of their names, the check of each value, and
-- what it means to an easy handle. A new option is one row here.
local compat = require("multisock.compat")
local core = require("multisock.core")
local errors = require("multisock.errors")
local headers = require("multisock.headers")
local pins = require("multisock.pins")
local policies = require("multisock.policies")
local profiles = require("multisock.profiles")
local protocols = require("multisock.protocols")
local suggest = require("multisock.suggest")
local values = require("multisock.values")

local QUIRKS = core.quirks()

local settings = {}

---- Checks: (name, value) -> value, or raise at level 0 -----------------------

-- Whether what stands there must not stand in a message: "auth.basic[1]".
local function is_secret(name)
  local option, field = name:match("^([%w_]*)%.?([%w_]*)")
  local row = settings.rows[option]
  local inner = row and row.fields and row.fields[field]
  return row and row.secret or inner and inner.secret
end

local function expected(name, what, value)
  if is_secret(name) then
    error(("option '%s': %s expected, got a %s (not shown)"):format(name, what, type(value)), 0)
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

-- A table whose fields have rows of their own.
local function fields(rows)
  return function(name, value)
    if type(value) ~= "table" then
      expected(name, "table", value)
    end
    local checked = {}
    for key, given in pairs(value) do
      local row = rows[key]
      if row == nil then
        error(("option '%s': unknown field %s%s"):format(name, errors.quote(key),
          suggest.hint(key, rows, suggest.ELSEWHERE)), 0)
      end
      checked[key] = row.check(name .. "." .. tostring(key), given)
    end
    return checked
  end
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

---- Rows ----------------------------------------------------------------------

-- An option is a row; a new one is added here.
-- check: what it takes. default: of whom no client and no request says otherwise.
-- scope: what it concerns:
--   "handle": how a handle is set up. Handles are kept for who has the same of all
--   these: a profile, see profiles.lua.
--   "message": the request itself, put on a handle and taken off again in C.
--   "limit": the same, as numbers.
--   "chain": what is done around it; no handle knows of it.
-- own: a request keeps it by itself; it is not among its settings.
-- connection: it leads to another connection. lines: header lines come of it.
-- secret: no message shows it. cross_origin = "drop": it does not follow a redirect
-- to another origin.
-- type, doc, and shown (for a default that needs words): what people and editors are
-- told, in docs/fetch.md and by ms.help. fields: the rows of what is in the table.
-- merge: lays what a request says over what its client does; without it a request's
-- takes the place of the client's.

local TIMEOUTS = {
  total = { check = seconds, type = "number",
    doc = "the whole: waiting, every redirect, the body, and pauses of the one who reads it" },
  attempt = { check = seconds, type = "number",
    doc = "one try, from the end of its waiting in the queue to the headers of its answer" },
  queue = { check = seconds, type = "number", doc = "waiting for a free place under `limits`" },
  connect = { check = seconds, type = "number", default = 30,
    doc = "name lookup, connecting and TLS together; a reused connection needs none" },
  first_byte = { check = seconds, type = "number", default = 300,
    doc = "silence between the connection, or the last byte sent, and the answer's headers; "
      .. "interim answers (1xx) do not end it" },
  idle = { check = seconds, type = "number", default = 60, shown = "60 or none, see below",
    doc = "silence while somebody waits for the body" },
}

local timeout_fields = fields(TIMEOUTS)

local function timeout(name, value)
  if type(value) == "number" then
    return { total = seconds(name, value) }
  end
  return timeout_fields(name, value)
end

local AUTH = {
  basic = { check = user_and_password, type = "string[]", doc = "`{user, password}`" },
  bearer = { check = text, type = "string", doc = "a token" },
}

local auth_fields = fields(AUTH)

local function auth(name, value)
  local checked = auth_fields(name, value)
  if checked.basic and checked.bearer then
    error("option 'auth': basic and bearer exclude each other", 0)
  elseif not (checked.basic or checked.bearer) then
    error("option 'auth': basic or bearer expected", 0)
  end
  return checked
end

local TLS = {
  verify = { check = boolean, type = "boolean", default = true,
    doc = "`false` accepts any certificate and any host name" },
  ca = { check = text, type = "string",
    doc = "file with the authorities to trust, PEM: these and no others" },
  ca_path = { check = text, type = "string",
    doc = "folder with them (`openssl rehash`), alone or beside `ca`" },
  cert = { check = text, type = "string", cross_origin = "drop",
    doc = "file with the client certificate" },
  key = { check = text, type = "string", cross_origin = "drop", doc = "file with its key" },
  password = { check = text, type = "string", cross_origin = "drop", secret = true,
    doc = "the key's password" },
  pinned_public_key = { check = text, type = "string",
    doc = '`CURLOPT_PINNEDPUBLICKEY`: a file, or `"sha256//..."`' },
  min_version = { check = one_of("1.0", "1.1", "1.2", "1.3"), type = '"1.0"|"1.1"|"1.2"|"1.3"',
    doc = "the oldest version that is accepted" },
}

local SENSITIVE = {
  "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token",
  "X-Access-Token", "X-Csrf-Token", "X-Amz-Security-Token", "Api-Key", "Private-Token",
}

settings.rows = {
  method = { check = token, scope = "message", own = true, type = "string",
    shown = "that of the call",
    doc = "in place of the call's; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS may be in "
      .. "lower case" },
  headers = { check = header_list, scope = "message", own = true, default = {},
    type = "table<string, string|number|(string|number)[]>|multisock.Headers", shown = "",
    doc = "`name = value`, or `name = {values}` to send several; strings or numbers" },
  query = { check = any, scope = "message", own = true, type = "table<string, any>",
    doc = "added to the URL, encoded: strings, numbers, booleans, or lists of them" },
  body = { check = any, scope = "message", own = true,
    type = "string|string[]|fun(): string?|file*",
    doc = "what is sent: [Bodies](#bodies)" },
  json = { check = any, scope = "message", own = true, type = "any",
    doc = "sent as [JSON](json.md), `Content-Type: application/json`; null is `ms.null`, "
      .. "`ms.array({})` an empty array" },
  form = { check = any, scope = "message", own = true, type = "table<string, any>",
    doc = "sent as a form, `application/x-www-form-urlencoded`; values as for `query`" },
  auth = { check = auth, scope = "message", lines = true, secret = true, cross_origin = "drop",
    fields = AUTH, type = "multisock.Auth",
    doc = "`{basic = {user, password}}` or `{bearer = token}`" },
  timeout = { check = timeout, scope = "limit", fields = TIMEOUTS,
    type = "number|multisock.Timeout", shown = "see [Timeouts](#timeouts)",
    -- What is an own field was asked for, which `idle` of a stream has to be.
    default = setmetatable({}, { __index = {
      connect = TIMEOUTS.connect.default, first_byte = TIMEOUTS.first_byte.default,
      idle = TIMEOUTS.idle.default,
    } }),
    doc = "seconds: a number limits all of it" },
  max_body = { check = count_or_huge, scope = "limit", type = "integer", default = 64 * 1024 * 1024,
    shown = "64 MiB",
    doc = "largest body that is buffered whole, decoded; `math.huge`, or 0: no limit" },
  max_headers = { check = size, scope = "limit", type = "integer", default = 300 * 1024,
    shown = "300 KiB", doc = "largest header block of an answer" },
  high_water = { check = size, scope = "limit", type = "integer", default = 256 * 1024,
    shown = "256 KiB",
    doc = "unread body held before the transfer is paused; also what is decoded ahead of the "
      .. "reader" },
  redirect = { check = one_of("follow", "error", "manual"), scope = "chain",
    type = '"follow"|"error"|"manual"', default = "follow",
    doc = '`"error"`: a redirect is `nil, err`; `"manual"`: it is the response' },
  max_redirects = { check = count, scope = "chain", type = "integer", default = 10,
    doc = "more is `nil, err`" },
  fail_on_error = { check = boolean, scope = "chain", type = "boolean", default = false,
    doc = "a status of 400 or more is `nil, err`; `err.response` is the answer" },
  sensitive_headers = { check = name_set, scope = "chain", type = "string[]",
    default = name_set("sensitive_headers", SENSITIVE), shown = "see [Redirects](#redirects)",
    doc = "headers that a redirect to another origin loses, in place of the default list" },
  progress = { check = callable, scope = "chain", type = "fun(progress: multisock.Progress)",
    doc = "see [Progress](#progress)" },
  meta = { check = any, scope = "chain", own = true, type = "any",
    doc = "kept with the request; nothing else looks at it" },
  decompress = { check = boolean, scope = "handle", lines = true, type = "boolean", default = true,
    doc = "asks for content codings and undoes them: [Content codings](#content-codings)" },
  http_version = { check = one_of("1.0", "1.1", "2", "3"), scope = "handle", connection = true,
    type = '"1.0"|"1.1"|"2"|"3"', doc = "see below" },
  protocols = { check = list, scope = "handle", type = "string[]", default = { "http", "https" },
    doc = "URL schemes that are allowed, for redirects too: [protocols.md](protocols.md)" },
  tls = { check = fields(TLS), scope = "handle", connection = true, fields = TLS,
    type = "multisock.Tls", doc = "see [TLS](#tls)" },
  proxy = { check = text_or_false, scope = "handle", connection = true, secret = true,
    type = "string|false",
    doc = "URL of a proxy; `false`: none, whatever the environment says" },
  no_proxy = { check = list, scope = "handle", type = "string[]",
    doc = "hosts that are asked without the proxy" },
  trust_env = { check = boolean, scope = "handle", type = "boolean", default = true,
    doc = "takes the proxy from the environment when `proxy` is not given" },
  resolve = { check = pin_list, scope = "handle", type = "string[]",
    doc = '`"host:port:address"`: addresses for names, see [below](#addresses-of-your-own)' },
  connect_to = { check = list, scope = "handle", connection = true, type = "string[]",
    doc = '`"host:port:host2:port2"`: connects elsewhere, `CURLOPT_CONNECT_TO`' },
  doh_url = { check = text, scope = "handle", type = "string",
    doc = "name lookup over HTTPS at this URL" },
  unix_socket = { check = text, scope = "handle", connection = true, type = "string",
    doc = "connects to the Unix socket with this path; the URL still gives `Host` and path" },
  interface = { check = text, scope = "handle", connection = true, type = "string",
    doc = "name or address of the local end" },
  curl = { check = raw_options, scope = "handle", lines = true, type = "table<string, any>",
    doc = "`option = value`: libcurl's own options, as in [core.md](core.md#easy-handles)" },
}

local rows = settings.rows

for name, row in pairs(policies({
  boolean = boolean, list = list, token = token, fields = fields, expected = expected,
})) do
  rows[name] = row
end

settings.defaults = {}
for name, row in pairs(rows) do
  settings.defaults[name] = row.default
end

-- Whether nothing has to be done in Lua while a request runs, nor before its handle
-- serves another one.
local function is_simple(given)
  return not (given.progress or given.profile.once or given.doh_url)
end

-- The limits as C takes them.
local function add_limits(given)
  local timeouts = given.timeout
  given.total, given.attempt = timeouts.total or false, timeouts.attempt or false
  given.limits = core.limits(timeouts.total, timeouts.connect, timeouts.first_byte,
    given.high_water, given.max_headers, given.max_body,
    timeouts.idle)
end

local function check_table(options)
  if type(options) ~= "table" then
    error("options: table expected, got " .. type(options), 0)
  end
end

local function unknown(name)
  error("unknown option " .. errors.quote(name) .. suggest.hint(name, rows, suggest.ELSEWHERE), 0)
end

-- Timeouts that name some, over those of the base.
local function lay_timeouts(base, timeouts)
  for name, value in pairs(base.timeout) do
    if timeouts[name] == nil then
      timeouts[name] = value
    end
  end
  return setmetatable(timeouts, getmetatable(base.timeout))
end

-- The settings with these changes, which are checked.
local function lay_over(base, changes, handle_changes, limits_change)
  setmetatable(changes, base.inherited)
  if changes.progress or handle_changes then
    if handle_changes then
      changes.profile = base.profiles:find(changes)
    end
    changes.simple = is_simple(changes)
  end
  if limits_change then
    add_limits(changes)
  end
  return changes
end

-- Settings with another limit in all, the usual change, are kept for a while: most
-- requests of a client have the same.
local MOST_TOTALS = 64

local function keep_total(totals, total, given)
  if totals.count >= MOST_TOTALS then
    totals.known, totals.count = {}, 0
  end
  totals.known[total], totals.count = given, totals.count + 1
  given.inherited = { __index = given }
  return given
end

--- The settings of a request: its options, checked, over those of its client. What is
-- its own is left to request.lua.
-- @return table not to be changed, which others may have, too
-- @raise naming the option and its value, at level 0
function settings.derive(base, options)
  check_table(options)
  local changes, changed, handle_changes, limits_change = nil, 0, false, false
  for name, value in pairs(options) do
    local row = rows[name] or unknown(name)
    if row.own then                                     -- luacheck: ignore 542
      -- Nothing of it is here.
    elseif name == "timeout" and base.totals.known[value] then
      base = base.totals.known[value]
    else
      changes, changed = changes or {}, changed + 1
      value = row.check(name, value)
      changes[name] = row.merge and row.merge(base[name], value) or value
      local scope = row.scope
      handle_changes = handle_changes or scope == "handle"
      limits_change = limits_change or scope == "limit"
      if row.lines then
        changes.lines = false       -- what is kept of the base's is not for these
      end
    end
  end
  if changes == nil then
    return base
  end
  local timeouts = changes.timeout
  if timeouts then
    lay_timeouts(base, timeouts)
  end
  local given = lay_over(base, changes, handle_changes, limits_change)
  if timeouts and changed == 1 and type(options.timeout) == "number" then
    return keep_total(base.totals, options.timeout, given)
  end
  return given
end

--- The settings of a client: its options, checked, over the defaults. Reading one is
-- a single table access.
-- @raise naming the option and its value, at level 0
function settings.of_client(options)
  check_table(options)
  local flat, own = {}, {}
  for name, value in pairs(settings.defaults) do
    flat[name] = value
  end
  for name, value in pairs(options) do
    local row = rows[name] or unknown(name)
    flat[name] = row.check(name, value)
    if row.own and name ~= "headers" then
      own[name] = flat[name]
    end
  end
  if options.timeout ~= nil then
    lay_timeouts(settings.defaults, flat.timeout)
  end
  flat.own = next(own) and own
  flat.inherited = { __index = flat }
  flat.totals = { known = {}, count = 0 }
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
