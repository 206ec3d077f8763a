-- Request options: the one list of them, a row each, and the checks of their values.
-- A new option is a row here.
local compat = require("multisock.base.compat")
local credentials = require("multisock.request.credentials")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local pairs = compat.pairs
local pins = require("multisock.request.pins")
local policies = require("multisock.request.policies")
local raw = require("multisock.request.raw")
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local options = {}

---- Checks: (name, value) -> value, or raise at level 0 -----------------------

-- Whether what stands there must not stand in a message: "auth.basic[1]".
local function is_secret(name)
  local option, field = name:match("^([%w_]*)%.?([%w_]*)")
  local row = options.rows[option]
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

-- What is named by it cannot have no name: libcurl would take it as not given.
local function named(what)
  return function(name, value)
    if text(name, value) == "" then
      expected(name, what, value)
    end
    return value
  end
end

local path, url = named("path"), named("URL")

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
  local own = {}                    -- the user may change his
  for i = 1, #value do
    own[i] = text(name .. "[" .. i .. "]", value[i])
  end
  return own
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
          suggest.hint_or_all(key, rows, suggest.ELSEWHERE)), 0)
      end
      checked[key] = row.check(name .. "." .. tostring(key), given)
    end
    return checked
  end
end

local function token(name, value)
  if not headers.is_token(value) then
    expected(name, "HTTP method", value)
  elseif value:upper() == "CONNECT" then
    error(("option '%s': CONNECT is what libcurl asks proxies for (option 'proxy')"):format(name),
      0)
  end
  return value
end

local function url_or_false(name, value)
  return value ~= false and url(name, value)
end

-- A jar, or false. Not loaded for those who have none.
local function jar(name, value)
  local class = type(value) == "table" and getmetatable(value)
  if value ~= false and not (type(class) == "table" and class.__name == "multisock.jar") then
    expected(name, "false or a jar, as of ms.cookies(),", value)
  elseif value and value.closed then
    error(("option '%s': the jar is closed"):format(name), 0)
  end
  return value
end

local function header_list(_, value)
  return (headers.to_list(value, 0))
end

local function name_set(name, value)
  local set = {}
  for _, entry in ipairs(list(name, value)) do
    set[entry:lower()] = true
  end
  return set
end

-- A library for JSON is one as it is.
local function codec(name, value)
  if value ~= false and (type(value) ~= "table" or type(value.encode) ~= "function"
    or type(value.decode) ~= "function") then
    expected(name, "{encode = function, decode = function}, or false,", value)
  end
  return value
end

local function raw_options(name, value)
  return raw.check(name, value, expected)
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
-- part: what of it a handle is set up from, of a row that is none of "handle"; nil:
-- nothing.
-- connection: it leads to another connection. lines: header lines come of it.
-- sets: the option of libcurl that takes it as it is; what means more to a handle is
-- in setup.lua. secret: no message shows it. cross_origin = "drop": it does not follow a redirect
-- to another origin.
-- type, doc, and shown (for a default that needs words): what people and editors are
-- told, in docs/fetch.md and by ms.help. fields: the rows of what is in the table.
-- merge: lays what a request says over what its client does; without it a request's
-- takes the place of the client's.

local TIMEOUTS = {
  total = { check = seconds, type = "number",
    doc = "the whole: waiting, every redirect, the body, and pauses of the one who reads it" },
  attempt = { check = seconds, type = "number",
    doc = "one try, from the end of its waiting in the queue to the headers of its answer, or "
      .. "to the end of its body (`buffer`, `map`, `each`); each [retry](resilience.md#retries) "
      .. "is another one" },
  queue = { check = seconds, type = "number",
    doc = "waiting for a free place under `limits`, and for `throttle`" },
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
  elseif type(value) ~= "table" then
    expected(name, "seconds or table", value)
  end
  return timeout_fields(name, value)
end

local TLS = {
  verify = { check = boolean, type = "boolean", default = true,
    doc = "`false` accepts any certificate and any host name" },
  ca = { check = path, type = "string",
    doc = "file with the authorities to trust, PEM: these and no others" },
  ca_path = { check = path, type = "string",
    doc = "folder with them (`openssl rehash`), alone or beside `ca`" },
  cert = { check = path, type = "string", cross_origin = "drop", sets = "sslcert",
    doc = "file with the client certificate" },
  key = { check = path, sets = "sslkey", type = "string", cross_origin = "drop",
    doc = "file with its key" },
  password = { check = text, sets = "keypasswd", type = "string", cross_origin = "drop",
    secret = true, doc = "the key's password" },
  pinned_public_key = { check = named("path or hash"), sets = "pinnedpublickey", type = "string",
    doc = '`CURLOPT_PINNEDPUBLICKEY`: a file, or `"sha256//..."`' },
  min_version = { check = one_of("1.0", "1.1", "1.2", "1.3"), type = '"1.0"|"1.1"|"1.2"|"1.3"',
    doc = "the oldest version that is accepted" },
}

options.rows = {
  method = { check = token, scope = "message", own = true, type = "string",
    shown = "that of the call",
    doc = "in place of the call's; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS may be in "
      .. "lower case" },
  headers = { check = header_list, scope = "message", own = true, default = {},
    type = "table<string, string|number|false|(string|number)[]>|multisock.Headers", shown = "",
    doc = "`name = value`, or `name = {values}` to send several; strings or numbers; "
      .. "`name = false`: not what the client has" },
  query = { check = any, scope = "message", own = true, type = "false|table<string, any>",
    merge = values.merged,
    doc = "added to the URL, encoded: strings, numbers, booleans, lists; `false`: nothing" },
  body = { check = any, scope = "message", own = true,
    type = "string|string[]|fun(): string?|file*|table",
    doc = "what is sent: [Bodies](#bodies)" },
  json = { check = any, scope = "message", own = true, type = "any",
    doc = "sent as [JSON](json.md), `Content-Type: application/json`; null is `ms.null`, "
      .. "`ms.array({})` an empty array" },
  json_codec = { check = codec, scope = "chain", type = "table|false", default = false,
    doc = "`{encode = function, decode = function}`: JSON of another library, for the option "
      .. "`json` and `response:json()`: [json.md](json.md#another-library)" },
  form = { check = any, scope = "message", own = true, type = "table<string, any>",
    doc = "sent as a form, `application/x-www-form-urlencoded`; values as for `query`" },
  multipart = { check = any, scope = "message", own = true, type = "multisock.Part[]",
    doc = "sent as a form of parts, such as files: [Multipart](#multipart)" },
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
  buffer = { check = boolean, scope = "chain", type = "boolean", default = false,
    doc = "the response is handed over with its whole body; one that fails is `nil, err`, which "
      .. "`retry` covers, and `timeout.attempt` the time until its end" },
  redirect = { check = one_of("follow", "error", "manual"), scope = "chain",
    type = '"follow"|"error"|"manual"', default = "follow",
    doc = '`"error"`: a redirect is `nil, err`; `"manual"`: it is the response' },
  max_redirects = { check = count, scope = "chain", type = "integer", default = 10,
    doc = "more is `nil, err`" },
  fail_on_error = { check = boolean, scope = "chain", type = "boolean", default = false,
    doc = "a status of 400 or more is `nil, err`; `err.response` is the answer" },
  sensitive_headers = { check = name_set, scope = "chain", type = "string[]",
    default = name_set("", credentials.HEADERS), shown = "see [Redirects](#redirects)",
    doc = "headers that a redirect to another origin loses, in place of the default list" },
  cookies = { check = jar, scope = "chain", type = "false|multisock.Jar", default = false,
    shown = "`false`", doc = "a jar that keeps them: [state.md](state.md#cookies)" },
  progress = { check = callable, scope = "chain", type = "fun(progress: multisock.Progress)",
    doc = "see [Progress](#progress)" },
  meta = { check = any, scope = "chain", own = true, type = "any", merge = values.merged,
    doc = "kept with the request; nothing else looks at it" },
  decompress = { check = boolean, scope = "handle", lines = true, type = "boolean", default = true,
    doc = "asks for content codings and undoes them: [Content codings](#content-codings)" },
  http_version = { check = one_of("1.0", "1.1", "2", "2-prior-knowledge", "3"),
    scope = "handle", connection = true, type = '"1.0"|"1.1"|"2"|"2-prior-knowledge"|"3"',
    doc = "see [HTTP versions](#http-versions)" },
  protocols = { check = list, scope = "handle", type = "string[]", default = { "http", "https" },
    doc = "URL schemes that are allowed, for redirects too: [protocols.md](protocols.md)" },
  tls = { check = fields(TLS), scope = "handle", connection = true, fields = TLS,
    type = "multisock.Tls", merge = values.merged, doc = "see [TLS](#tls)" },
  proxy = { check = url_or_false, scope = "handle", connection = true, secret = true,
    type = "string|false",
    doc = "URL of a [proxy](#proxies); `false`: none, whatever the environment says" },
  no_proxy = { check = list, scope = "handle", type = "string[]",
    doc = "hosts that are asked without the proxy: names, which stand for what is below them, "
      .. "too, addresses, blocks (`10.0.0.0/8`), and `*`" },
  trust_env = { check = boolean, scope = "handle", type = "boolean", default = true,
    doc = "takes from the environment the proxy when `proxy` is not given, and the authorities "
      .. "when `tls` names none" },
  resolve = { check = pin_list, scope = "handle", type = "string[]",
    doc = '`"host:port:address"`: addresses for names, see [below](#addresses-of-your-own)' },
  connect_to = { check = list, scope = "handle", connection = true, sets = "connect_to",
    type = "string[]",
    doc = '`"host:port:host2:port2"`: connects elsewhere, `CURLOPT_CONNECT_TO`' },
  doh_url = { check = url, scope = "handle", sets = "doh_url",
    type = "string", doc = "name lookup over HTTPS at this URL" },
  allow_private = { check = boolean, scope = "handle", connection = true, type = "boolean",
    default = true,
    doc = "`false` connects to public addresses alone: [Private addresses](#private-addresses)" },
  unix_socket = { check = path, scope = "handle", connection = true, sets = "unix_socket_path",
    type = "string",
    doc = "connects to the Unix socket with this path; the URL still gives `Host` and path" },
  interface = { check = named("name or address"), scope = "handle", connection = true,
    sets = "interface", type = "string", doc = "name or address of the local end" },
  curl = { check = raw_options, scope = "handle", lines = true, type = "table<string, any>",
    merge = raw.merge,
    doc = "`option = value`: libcurl's own: [Options of libcurl](#options-of-libcurl)" },
}

local rows = options.rows

-- For rows that stand elsewhere.
local basic = {
  boolean = boolean, list = list, text = text, path = path, token = token, fields = fields,
  count = count, size = size, callable = callable, expected = expected,
}
options.checks = basic
for _, more in ipairs({ policies(basic), credentials.rows(basic) }) do
  for name, row in pairs(more) do
    rows[name] = row
  end
end

options.defaults = {}
for name, row in pairs(rows) do
  options.defaults[name] = row.default
end

return options
