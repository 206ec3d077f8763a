-- A client: defaults, a connection pool, and the chain that its requests pass.
local admission = require("multisock.connection.admission")
local agent = require("multisock.agent")
local bulk = require("multisock.bulk")
local calls = require("multisock.calls")
local chain = require("multisock.chain")
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local events = require("multisock.middleware.events")
local handles = require("multisock.connection.handles")
local map = require("multisock.map")
local option_list = require("multisock.request.options")
local origins = require("multisock.connection.origins")
local pairs = compat.pairs
local pool = require("multisock.connection.pool")
local request = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local settings = require("multisock.request.settings")
local stream = require("multisock.connection.stream")
local suggest = require("multisock.base.suggest")
local targets = require("multisock.request.targets")
local transfer = require("multisock.connection.transfer")
local url_only = require("multisock.url_only")
local usual = require("multisock.usual")
local values = require("multisock.base.values")
require("multisock.response")

local send_any, type = calls.any, type

-- By client: what sends its requests that are nothing but a URL.
local by_url = setmetatable({}, { __mode = "k" })

local client = {}

local Client = { __name = "multisock.client" }
Client.__index = Client

-- Every method that sends: a request and what its chain makes of it.
local function sender(name, method)
  local may_be_bare = method == "GET" or method == nil
  --- Sends a request with the method in its name (`fetch`: that of the option `method`)
  -- and waits for the headers of the answer; the body streams.
  -- @param url string
  -- @param options? multisock.Options
  -- @return response; or nil, err
  -- @raise on misuse, and when the task is cancelled
  return function(self, url, options)
    local get = options == nil and may_be_bare and by_url[self]
    if get then
      return get(self, url)         -- the usual case: it is a client
    elseif type(self) ~= "table" or not self.handler then
      errors.called_with_dot("client", name)
    elseif options ~= nil and self.by_options then
      return self.by_options(self, method, url, options)
    end
    return send_any(self, method, url, options)
  end
end

local function check(self, name)
  errors.check_self(self, Client, "client", name)
end

-- Of what does not begin in map.lua or download/, which look for themselves.
local function check_open(self, name)
  check(self, name)
  if self.closed then
    errors.misuse("the client is closed")
  end
end

Client.fetch = sender("fetch")

for _, method in ipairs({ "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }) do
  Client[method:lower()] = sender(method:lower(), method)
end

--- As ms.map, with this client.
-- @param items table|function as for ms.map
-- @param fn? fun(item: any, i: integer): any, any as for ms.map
-- @param options? multisock.MapOptions
-- @return table, table: results and errors, by the item's index; results.n is the count
-- @raise what fn raised, after the rest was cancelled
function Client:map(items, fn, options)
  check(self, "map")
  return map.map(self, items, fn, options)
end

--- As ms.to_curl, with this client's defaults.
-- @param what string|table as for ms.to_curl
-- @param options? multisock.Options as for ms.to_curl
-- @return string; or nil, err
-- @raise on misuse
function Client:to_curl(what, options)
  return require("multisock.curl.to_curl")(self, what, options)
end

--- As ms.each, with this client.
-- @param items table|function as for ms.map
-- @param fn? fun(item: any, i: integer): any, any as for ms.map
-- @param options? multisock.MapOptions
-- @return multisock.Each, an iterator
function Client:each(items, fn, options)
  check(self, "each")
  return map.each(self, items, fn, options)
end

--- As ms.download, with this client.
-- @param source string|string[] as for ms.download
-- @param path string
-- @param options? multisock.DownloadOptions
-- @return {path: string, size: integer, resumed_from: integer, sha256: string}; or nil, err
function Client:download(source, path, options)
  check(self, "download")
  local download = require("multisock.download")
  return download.run(download.new(self, source, path, options))
end

--- Asks for a list that a server gives page by page:
-- `for page in client:pages(url) do ... end`.
-- @param url string of the first page
-- @param options? multisock.Options, and `next`: `"link"` (the default): the next page is
-- what `Link` says with `rel="next"`, or a function(response) that returns its URL, nil
-- after the last; and `max`: so many pages at most
-- @return iterator of responses @raise the err table of what failed
function Client:pages(url, options)
  check_open(self, "pages")
  local list = require("multisock.pages").new(self, url, options)
  return list, nil, nil, list
end

--- As ms.eventsource, with this client.
-- @param url string
-- @param options? multisock.EventSourceOptions
-- @return multisock.EventSource, an iterator of events
-- @raise on misuse
function Client:eventsource(url, options)
  check_open(self, "eventsource")
  local source = require("multisock.eventsource").new(self, url, options)
  return source, nil, nil, source
end

--- As ms.websocket, with this client.
-- @param url string as for ms.websocket
-- @param options? multisock.WebSocketOptions
-- @return multisock.WebSocket; or nil, err
function Client:websocket(url, options)
  check_open(self, "websocket")
  return require("multisock.websocket").open(self, url, options)
end

--- Sends a request whose body is written while its answer is read: [streams.md](streams.md#duplex).
-- @param method string
-- @param url string
-- @param options? multisock.Options but for a body, and `max_size`: bytes that are read up to a
-- mark, at most (1 MiB)
-- @return multisock.Duplex
-- @raise on misuse
function Client:duplex(method, url, options)
  check_open(self, "duplex")
  return require("multisock.duplex").new(self, method, url, options)
end

--- What it is doing now, and has done: a table of counts, made in a moment. Of a client with
-- an agent only `requests` and `retries` are known.
-- @return multisock.Stats
function Client:stats()
  check(self, "stats")
  return require("multisock.stats")(self)
end

local function new_pool(limits)
  return pool.new(function(idle, shares)
    local multi = assert(core.multi({
      pipelining = shares and 2 or 0,
      max_concurrent_streams = limits.streams or 100,
      -- Idle ones hold descriptors too: the oldest make room for the next origin.
      maxconnects = idle,
    }))
    scheduler.loop().attach(multi)
    return multi
  end, function(multi)
    scheduler.loop().close(multi)
  end, limits.idle, admission.process_limit())
end

local function close_network(self)
  stream.close_client(self)
  bulk.close_client(self)
  for _, origin in pairs(self.origins) do
    handles.forget(self, origin)
  end
  self.settings.profiles:close()
end

--- Ends its transfers and closes its connections. May be called again.
function Client:close()
  check(self, "close")
  if self.closed then
    return
  end
  self.closed, by_url[self], self.by_options = true, nil, false
  if self.pauses then
    require("multisock.middleware.pause").wake(self)
  end
  for _, origin in pairs(self.origins) do
    origin:close()                    -- who waits in its queue
  end
  if self.agent == nil then
    close_network(self)
  end
  if self.given_agent then
    agent.close(self.given_agent)
  end
end

Client.__close = Client.close

--- Forgets all connections, and what names were resolved to: to be called when the
-- network is another one. Transfers that run go on; their connections are closed
-- when they are done.
function Client:network_changed()
  check_open(self, "network_changed")
  if self.agent then
    return                          -- no connection is ours
  end
  for _, origin in pairs(self.origins) do
    handles.forget(self, origin)
  end
  local fresh = new_pool(self.limits)
  fresh:replace(self.pool)
  self.pool = fresh
end

function Client:__tostring()
  return "multisock.client (" .. (self.closed and "closed" or "open") .. ")"
end

local LIMITS = {
  connections = { type = "integer", shown = "open files less 96, or half of a few",
    doc = "connections at once; who finds no descriptor left waits for one as long as "
      .. "`timeout.connect` allows" },
  host_connections = { type = "integer", shown = "none", doc = "to one scheme, origin and port" },
  streams = { type = "integer", default = 100, doc = "requests at once on one HTTP/2 connection" },
  idle = { type = "integer", shown = "as `connections`", doc = "idle connections that are kept" },
  requests = { type = "integer", shown = "none",
    doc = "requests at once, whatever carries them; one ends with its body" },
}

-- Checks and copies what the user gave.
local function make_limits(given)
  if type(given) ~= "table" then
    errors.misuse("limits: table expected, got " .. values.describe(given))
  end
  local limits = {}
  for name, value in pairs(given) do
    if not LIMITS[name] then
      errors.misuse("limits: unknown field " .. errors.quote(name)
        .. suggest.hint_or_all(name, LIMITS))
    end
    if type(value) ~= "number" or value < 1 or value % 1 ~= 0 then
      errors.misuse(("limits.%s: integer of 1 or more expected, got %s"):format(name,
        errors.quote(value)))
    end
    limits[name] = value
  end
  limits.counter = admission.new_counter(limits.connections)
  limits.counter_of_requests = limits.requests and admission.new_counter(limits.requests)
  return limits
end

-- What a client takes beside the options of requests, as rows: see options.lua.
local OWN = {
  base_url = { type = "string",
    doc = "stands before every URL that is no absolute one: `https://h/v1` and `/users` is "
      .. "`https://h/v1/users`" },
  limits = { type = "multisock.Limits", fields = LIMITS, doc = "how much at once" },
  middleware = { type = "function[]",
    doc = "functions that each call passes once, outside of all else" },
  each_attempt = { type = "function[]",
    doc = "functions that a request passes each time that it is sent, also for each redirect "
      .. "and retry; signing belongs here" },
  on = { type = "table<string, fun(event: multisock.Event)>",
    doc = "functions that are told of what happens, by event" },
  agent = { type = "table|fun(request: multisock.Request): multisock.Response?, any",
    doc = "performs in the place of the network: a function, or an object with "
      .. "`:perform(request)` and perhaps `:close()`" },
}
client.rows = OWN

-- All that there are, and who listens to all of them: a list that is never changed, only
-- replaced.
local clients, tracers = setmetatable({}, { __mode = "k" }), {}

-- Its chain, with what tells who listens now.
local function arrange(self)
  local all = tracers
  if self.listen then
    all = { self.listen, compat.unpack(tracers) }
  end
  self.tell, self.uses.on = events.of(self.on, all)
  self.handler = chain.compose(self.uses, self.perform)
  self.bulk_handler = nil             -- made when it is used
  by_url[self], self.by_options = url_only.way(self), usual.way(self)
end

--- Has functions listen to all clients.
-- @param list of functions, in place of those before; it is kept
function client.trace(list)
  tracers = list
  for each in pairs(clients) do
    arrange(each)
  end
end

--- Who listens to all clients.
function client.tracers()
  return tracers
end

-- What its chain is made of, and what performs at the end of it.
local function parts(own, performs)
  local uses = {
    middleware = chain.list("middleware", own.middleware),
    each_attempt = chain.list("each_attempt", own.each_attempt),
    foreign = performs ~= nil,
  }
  if uses.foreign then
    return uses, agent.wrap(performs)
  end
  return uses, transfer.perform
end

--- Makes a client.
-- @param options? every request option, `base_url`, `limits`, `middleware`,
-- `each_attempt`, `on`, `agent`
-- @return client @raise on an unknown option
function client.new(options)
  local own, request_options = {}, {}
  if options ~= nil and type(options) ~= "table" then
    errors.misuse("options: table expected, got " .. values.describe(options))
  end
  for name, value in pairs(values.unfolded(options, OWN, option_list.rows) or {}) do
    if OWN[name] then
      own[name] = value
    else
      request_options[name] = value
    end
  end
  local base
  if own.base_url ~= nil then
    if type(own.base_url) ~= "string" then
      errors.misuse("base_url: string expected, got " .. values.describe(own.base_url))
    end
    local err
    base, err = targets.base(own.base_url)
    if base == nil then
      errors.misuse("base_url: " .. err.message)
    end
  end
  if own.agent ~= nil then
    agent.check(own.agent)
  end
  local performs, listen = agent.parts(own.agent)
  local uses, perform = parts(own, performs)
  local limits = make_limits(own.limits or {})
  local ok, given = pcall(settings.of_client, request_options)
  if not ok then
    errors.misuse(given)
  end
  local is_usual = base == nil and request.needs_no_look(given)
  local known = origins.new()
  local self = setmetatable({
    settings = given,
    base = base, prefix = base and base.prefix or false,
    limits = limits,
    pool = not uses.foreign and new_pool(limits) or nil,
    known = known, origins = known.by_key,
    agent = performs, given_agent = own.agent, listen = listen,
    on = events.listeners(own.on),
    uses = uses, perform = perform, bulks = {},
    is_usual = is_usual, closed = false,
    usual_profile = given.resolve == nil and given.profile,    -- URLs alone tell its origins
    is_bare = is_usual and not given.own,      -- a URL alone needs no look
    get = Client.get, post = Client.post,      -- asked for most: found without __index
  }, Client)
  arrange(self)
  clients[self] = true
  return self
end

return client
