-- Error objects of our own making; those of libcurl come from the core with
-- the same metatable.
local core = require("multisock.core")

local errors = {}

--- What failed outside of the program. `tostring(err)` is one line.
-- @class multisock.Error
-- @field kind string what to decide by; the list is in [errors.md](errors.md)
-- @field message string libcurl's own words where it has some
-- @field code? string libcurl's code, such as `"CURLE_COULDNT_CONNECT"`
-- @field number? integer libcurl's code, such as 7
-- @field url? string user name and password removed
-- @field phase? string `"queue" "resolve" "connect" "tls" "send" "wait" "receive"`: how far
-- it came
-- @field retryable boolean whether trying again, unchanged, may succeed; false when that
-- might do twice what a POST or PATCH does, of which bytes were sent
-- @field attempts? integer how often the server may have got the request, or a part of it;
-- 1 at least. See [Kept connections](#kept-connections)
-- @field timings? multisock.Timings as in a response
-- @field response? response when headers had arrived
-- @field request? any the request that failed, for [ms.to_curl](#command-lines-of-curl)
-- @field reason? any of kind `"cancelled"`: what was given to `cancel`; of a WebSocket that
-- was closed, what was said with `close_code`
-- @field close_code? integer with which a [WebSocket](websocket.md#closing) was closed
-- @field traceback? string where the task was that met it, when it was raised

-- The kinds that multisock gives beside the table of libcurl's codes
-- (core.error_table), each with its reason.
errors.kinds = {
  { "url", "the URL cannot be parsed, or has no host" },
  { "timeout", "a limit of `timeout` passed; `phase` says where" },
  { "cancelled", "the task was cancelled, or the handle was closed" },
  { "closed", "the response was closed, or its body was read already; a stream of events ended "
    .. "before its last one" },
  { "too_large", "`max_body`, `max_headers` or `max_size` was passed" },
  { "redirect",
    "more than `max_redirects`, `redirect = \"error\"`, or a body that cannot be sent twice" },
  { "policy", "a protocol that `protocols` does not allow, `resolve` beside `proxy`, "
    .. "`cache = \"only-if-cached\"` and nothing stored; of `jar:set`, a cookie that may not be "
    .. "set there" },
  { "breaker", "`retry.breaker`: its origin has failed too often, and is not asked for a while" },
  { "status", "`fail_on_error` and a status of 400 or more; of `ms.eventsource`, any but 200 "
    .. "that ends it" },
  { "protocol", "a body that is not what its headers say, or no JSON, or of `ms.eventsource` no "
    .. "stream of events" },
  { "checksum", "a download that is not what its `checksum` says" },
  { "io", "a local file cannot be read or written" },
}

-- How far a request came: `phase` of its error. (What was refused before there was
-- a request, kinds "url" and "policy", has none.)
errors.phases = {
  { "queue", "it waited for a connection or a stream" },
  { "resolve", "the name was being looked up" },
  { "connect", "TCP, or the proxy that was asked to connect" },
  { "tls", "the handshake with the server" },
  { "send", "the connection was there, and the request's body was on its way" },
  { "wait", "the request was sent, nothing of an answer had come" },
  { "receive", "an answer had begun; also what is said of it afterwards" },
}

--- Phases in which the server cannot have got a byte of the request.
errors.UNSENT = { queue = true, resolve = true, connect = true, tls = true }

--- Makes an error object.
-- @param kind string @param message string
-- @param fields? table of further fields, used as the object
function errors.new(kind, message, fields)
  local err = fields or {}
  err.kind = kind
  err.message = message
  if err.retryable == nil then
    err.retryable = false
  end
  return core.error(err)
end

--- @param reason? string, or an error object (of one that cancelled, its reason)
function errors.cancelled(reason)
  local message = reason == nil and "cancelled" or tostring(reason)
  if errors.is(reason, "cancelled") then
    message, reason = reason.message, reason.reason
  end
  return errors.new("cancelled", message, { reason = reason })
end

--- What was raised, for where nil and false would say that nothing was.
function errors.raised(value)
  return value or errors.new("curl", "a callback raised " .. tostring(value))
end

-- Where the files of this package are, as debug.getinfo names it.
local PACKAGE = debug.getinfo(1, "S").source:match("^(@.*)base/errors%.lua$") or "@?"
local FOLDER = PACKAGE:sub(2)

--- Whether a file is one of this package, by its name in messages and tracebacks:
-- of a long path they show the end.
function errors.is_ours(name)
  if name:sub(1, #FOLDER) == FOLDER then
    return true
  end
  local module = name:match("^%.%.%..*(multisock/.*)%.lua$")
  return module ~= nil and package.loaded[module:gsub("/init$", ""):gsub("/", ".")] ~= nil
end

--- A message without the place in this package that it begins with.
function errors.unplaced(message)
  local file, rest = message:match("^([^\n]-):%d+: (.*)$")
  return file and errors.is_ours(file) and rest or message
end

--- Where the user's code is: past all frames of this package, however many calls
-- (and tail calls) lie between.
-- @return "file:line: "; "" when there is none
function errors.position()
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info do
    -- Lua 5.1 has a frame for each tail call, which is nowhere.
    if info.what ~= "C" and info.what ~= "tail" and info.source:sub(1, #PACKAGE) ~= PACKAGE then
      return ("%s:%d: "):format(info.short_src, info.currentline)
    end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return ""
end

--- Raises a misuse there: somewhere in this package, or of what it has called in C.
function errors.misuse(message)
  message = core.redact(errors.unplaced(tostring(message)))
  error(errors.position() .. message, 0)
end

--- Raises for a method that was called without its object.
function errors.called_with_dot(what, name)
  errors.misuse(("%s.%s was called with a dot: call %s:%s(...)"):format(what, name, what, name))
end

--- The same, unless the method has its object, which is one of this class.
function errors.check_self(self, class, what, name)
  if getmetatable(self) ~= class then
    errors.called_with_dot(what, name)
  end
end

--- Whether this value is an error object of this kind (any kind when nil).
function errors.is(value, kind)
  return type(value) == "table" and getmetatable(value) == errors.metatable
    and (kind == nil or value.kind == kind)
end

errors.metatable = getmetatable(core.error({ kind = "curl", message = "" }))

--- A URL without user name and password: what a program is told.
function errors.without_user(url)
  if not url:find("@", 1, true) then
    return url
  end
  return (url:gsub("^(%a[%w+.-]*:/+)[^/?#]*@", "%1"))
end

--- A URL for messages and logs: secrets in its query go, too.
errors.redact_url = core.redact

--- The same of text that is no valid URL: where its user name and password end
-- is anybody's guess, so all goes that could belong to them.
function errors.redact_text(text)
  local scheme, rest = text:match("^(%a[%w+.-]*:[/\\]+)(.*)$")
  rest = (rest or text):gsub("^.*@", "")
  return core.redact((scheme or "") .. rest)
end

-- Characters of a value that a message shows.
local SHOWN = 60

--- A value of a user's, as a message shows it.
function errors.quote(value)
  if type(value) ~= "string" then
    return core.plain(tostring(value))
  end
  return '"' .. core.plain(#value > SHOWN and value:sub(1, SHOWN) .. "..." or value) .. '"'
end

return errors
