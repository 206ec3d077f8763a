--- multisock: coroutine-friendly HTTP for Lua, on libcurl's multi_socket
-- interface and libuv. This file is the public face; the work is elsewhere.
local loaded, reason = pcall(require, "multisock.core")
if not loaded then
  error(require("multisock.base.unloadable")(reason), 0)
end

local client = require("multisock.client")
local core = require("multisock.core")
local embedded = require("multisock.tasks.embedded")
local errors = require("multisock.base.errors")
local loops = require("multisock.loop")
local made = require("multisock.response.made")
local map = require("multisock.map")
local percent = require("multisock.base.percent")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local uncaught = require("multisock.base.uncaught")
local waiting = require("multisock.tasks.waiting")

local ms = {
  run = tasks.run,
  spawn = tasks.spawn,
  sleep = waiting.sleep,
  group = tasks.group,
  with_timeout = tasks.with_timeout,
  on_error = tasks.on_error,
  use_loop = loops.use_loop,
  step = embedded.step,
  next_timeout = scheduler.next_timeout,
  fd = embedded.fd,
  queue = require("multisock.tasks.queue"),
  escape = percent.escape,
  unescape = percent.unescape,
}

--- A monotonic clock; its start means nothing.
-- @return seconds
ms.now = scheduler.now

--- Makes a client: its own defaults, connections and limits.
-- @param options? multisock.ClientOptions
-- @return client
-- @raise on an unknown option
function ms.client(options)
  return client.new(options)
end

-- The client behind ms.fetch and its like, made at first use.
local default

local function get_default()
  if default == nil then
    default = client.new()
  end
  return default
end

local METHODS = { "fetch", "get", "head", "post", "put", "patch", "delete", "options" }

for _, name in ipairs(METHODS) do
  --- Sends a request with the method in its name (`fetch`: that of the option `method`)
  -- and waits for the headers of the answer; the body streams.
  -- @param url string
  -- @param options? multisock.Options
  -- @return response; or nil, err
  -- @raise on misuse, and when the task is cancelled
  ms[name] = function(url, options)
    local shared = default or get_default()
    return shared[name](shared, url, options)
  end
end

--- Calls a function for every item, or fetches every URL, many at a time.
-- @param items table|function: a list, or a function that returns the next item; nil ends
-- it. In a list with `n` (the results of a map) items that are nil are left out
-- @param fn? fun(item: any, i: integer): any, any value; or nil, err. Without it the items
-- are URLs, or {url, options}, and the results responses, body read
-- @param options? multisock.MapOptions
-- @return table, table: results and errors, by the item's index; results.n is the count
-- @raise what fn raised, after the rest was cancelled
function ms.map(items, fn, options)
  return map.map(get_default, items, fn, options)
end

--- The same, in order of arrival: `for i, value, err in ms.each(...)`. Leaving the loop
-- early cancels what still runs (by `break` in Lua 5.4; elsewhere call :close() on the
-- first value that `each` returns). Several tasks may take from one, each result comes once.
-- @param items table|function as for map
-- @param fn? fun(item: any, i: integer): any, any as for map
-- @param options? multisock.MapOptions
-- @return multisock.Each, an iterator
function ms.each(items, fn, options)
  return map.each(get_default, items, fn, options)
end

--- Asks again when the answer is slow, and takes the first good one: what is neither nil nor a
-- response of 500 or more. For what may be asked twice.
-- @param options? {after?: number, max?: integer} another try after so many seconds (0.3),
-- so many in all (2)
-- @param fn fun(try: integer): any, any
-- @return value; or nil, err
-- @raise what a try raised that is no failure of the outside world
function ms.hedge(options, fn)
  return require("multisock.hedge")(options, fn)
end

--- Downloads a file: streams it to `path .. ".part"`, goes on by itself after a cut and in
-- a later call where it was left, and renames it when all is there and right.
-- @param source string|string[] a URL, or several of the same file
-- @param path string where it is to be; what is there is replaced
-- @param options? multisock.DownloadOptions
-- @return {path: string, size: integer, resumed_from: integer, sha256: string}: bytes, how
-- many of them an earlier call had left, hexadecimal digits; or nil, err
-- @raise on misuse, what `progress` raised, and when the task is cancelled
function ms.download(source, path, options)
  return get_default():download(source, path, options)
end

--- Server-sent events of a URL: `for event in ms.eventsource(url) do`. When its connection ends
-- it connects again, and the server goes on behind the last event:
-- [streams.md](streams.md#event-sources).
-- @param url string
-- @param options? multisock.EventSourceOptions
-- @return multisock.EventSource, an iterator of events
-- @raise on misuse
function ms.eventsource(url, options)
  return get_default():eventsource(url, options)
end

--- Opens a WebSocket: [websocket.md](websocket.md).
-- @param url string `ws://` or `wss://`, or a path below `base_url`
-- @param options? multisock.WebSocketOptions
-- @return multisock.WebSocket; or nil, err: of kind "status" when the server answered something
-- else, which is `err.response`
-- @raise on misuse, and when the task is cancelled
function ms.websocket(url, options)
  return get_default():websocket(url, options)
end

--- Makes a cookie jar, for the option `cookies`: [state.md](state.md#cookies).
-- @param path? string: a file in the format of Netscape's and curl's; loaded when it is
-- there, and saved by `:save()` and `:close()`
-- @return jar; or nil, err (kind "io") when the file cannot be read
function ms.cookies(path)
  return require("multisock.cookies").new(path)
end

--- Makes a middleware for `each_attempt` that gets a token, sends it with each request to its
-- own origins, and renews it: [state.md](state.md#tokens).
-- @param options multisock.OAuth2
-- @return function
function ms.oauth2(options)
  return require("multisock.oauth2").new(options)
end

--- Makes a response of a string, an iterator or an open file: what agents give.
-- @param body? string|fun(): string?|file*
-- @param options? {status?: integer, headers?: table, url?: string} the status is 200
-- @return response
ms.response = made.new

--- Makes an agent for tests, which answers what it is told to: `ms.client({agent = mock})`,
-- [testing.md](testing.md).
-- @param options? multisock.MockOptions
-- @return mock
-- @raise on misuse
function ms.mock(options)
  return require("multisock.mock").new(options)
end

--- A request as a command line of `curl`, for sh.
-- @param request string|table URL, or a request: response.request, err.request, or that of a
-- middleware
-- @param options? multisock.Options beside a URL, and `redact`: `false` shows secrets, which
-- are `***` otherwise
-- @return string; or nil, err where the command cannot say it
-- @raise on misuse
function ms.to_curl(request, options)
  return require("multisock.curl.to_curl")(get_default, request, options)
end

--- A command line of `curl` as a request: `ms.fetch(ms.assert(ms.from_curl(text)))`.
-- @param text string as browsers copy it; quotes as in sh
-- @return string, multisock.Options: URL and options; or nil, err that names what cannot be had
function ms.from_curl(text)
  return require("multisock.curl.from_curl")(text)
end

--- Has a function told of every event of all clients, those that are made later included:
-- [seeing.md](seeing.md).
-- @param fn fun(event: multisock.Event)
-- @return function that ends it
function ms.trace(fn)
  return require("multisock.trace").start(fn)
end

--- Makes an agent that records what passes as HAR 1.2, secrets removed, or one that answers
-- what was recorded: [seeing.md](seeing.md#har-files).
-- @param path string of the file; the user alone may read it
-- @param mode "record"|"replay"
-- @param agent? function|table who performs what is recorded; else the network
-- @return agent for `ms.client{agent = }`; or nil, err (kind "io" or "protocol")
function ms.har(path, mode, agent)
  return require("multisock.har")(path, mode, agent)
end

--- JSON's null, as response:json() gives it and the option `json` takes it.
ms.null = core.null

--- Marks a table as a list, so that JSON has it as an array when it is empty.
-- @param list table @return list
ms.array = core.json_array

--- JSON as the option `json` and response:json() have it.
-- @class multisock.Json
-- @field encode fun(value: any): string raises on what JSON cannot say
-- @field decode fun(text: string): any, multisock.Error? the value; or nil, err
-- @field null any as ms.null

--- The JSON that is in use. Read-only.
-- @return multisock.Json
ms.json = setmetatable({}, {
  __index = { encode = core.json_encode, decode = core.json_decode, null = core.null },
  __newindex = function(_, name)
    error("ms.json is read-only: " .. tostring(name), 2)
  end,
})

--- Tells about a function, a method, an option or a field; without a name, which there
-- are.
-- @param name? string such as "ms.get", "get", "timeout", "tls.verify" or "response"
-- @return string to be printed
function ms.help(name)
  return require("multisock.base.help").text(name)
end

--- `assert` for every Lua: raises the error object itself.
-- @param value any
-- @param err? any
-- @param ... any
-- @return value, any, ...
function ms.assert(value, err, ...)
  if not value then
    if errors.is(err) then
      uncaught.raise(err)
    end
    error(err, 2)
  end
  return value, err, ...
end

--- The versions that run.
-- @return table: multisock, lua, curl, curl_number, ssl, quic, cainfo, capath, uv, json (the
-- library in use), codings (those that are undone), protocols, features, and warnings: a list
-- of strings, what is known to be dangerous of them and what is done about it
function ms.version()
  local version = core.version()
  version.json = "multisock"
  version.warnings = require("multisock.base.warnings")(version)
  return version
end

--- "multisock X.Y.Z".
-- @return string
ms._VERSION = core._VERSION

if os.getenv("MULTISOCK_TRACE") then
  require("multisock.trace").of_environment()
end

return ms
