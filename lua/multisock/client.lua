-- A client: defaults, a connection pool, and the one list of middleware.
local admission = require("multisock.admission")
local core = require("multisock.core")
local errors = require("multisock.errors")
local handles = require("multisock.handles")
local pool = require("multisock.pool")
local redirect = require("multisock.middleware.redirect")
local request = require("multisock.request")
local scheduler = require("multisock.scheduler")
local settings = require("multisock.settings")
local stream = require("multisock.stream")
local suggest = require("multisock.suggest")
local targets = require("multisock.targets")
local transfer = require("multisock.transfer")
require("multisock.response")

local client = {}

local Client = { __name = "multisock.client" }
Client.__index = Client

-- Outermost first; each is fn(request, next) -> response | nil, err.
local MIDDLEWARE = { redirect.middleware }

-- The list as one function, made once: no closure per request.
local function chain(list)
  local handler = transfer.perform
  for i = #list, 1, -1 do
    local middleware, next = list[i], handler
    handler = function(made)
      return middleware(made, next)
    end
  end
  return handler
end

local function check_status(response, err)
  if response and response.status >= 400 then
    return nil, errors.new("status", ("HTTP status %d %s"):format(response.status,
      response.status_text), {
        url = response.url, attempts = response.attempts, response = response, phase = "receive",
        retryable = response.status >= 500 or response.status == 429,
      })
  end
  return response, err
end

local get = transfer.get

local function send(self, method, url, options)
  local made, err = request.new(self, method, url, options)
  if made == nil then
    return nil, err
  end
  if made.settings.fail_on_error then
    return check_status(self.handler(made))
  end
  return self.handler(made)
end

--- Sends a request and waits for its headers; the body streams.
-- @param url string @param options? table
-- @return response; or nil, err @raise on misuse, and when cancelled
function Client:fetch(url, options)
  local seen = self and self.known
  if seen == nil then
    errors.called_with_dot("client", "fetch")
  end
  local known = options == nil and seen[url]
  if known then
    return get(known)
  end
  return send(self, nil, url, options)
end

for _, method in ipairs({ "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }) do
  local name = method:lower()
  Client[name] = function(self, url, options)
    if getmetatable(self) ~= Client then
      errors.called_with_dot("client", name)
    end
    return send(self, method, url, options)
  end
end

function Client:get(url, options)
  local seen = self and self.known
  if seen == nil then
    errors.called_with_dot("client", "get")
  end
  local known = options == nil and seen[url]
  if known then
    return get(known)
  end
  return send(self, "GET", url, options)
end

local function new_pool(limits)
  return pool.new(function(idle, shares)
    local multi = assert(core.multi({
      pipelining = shares and 2 or 0,
      max_concurrent_streams = limits.streams or 100,
      -- Idle ones hold descriptors too: the oldest make room for the next host.
      maxconnects = idle,
    }))
    scheduler.loop().attach(multi)
    return multi
  end, function(multi)
    scheduler.loop().close(multi)
  end, limits.idle, admission.process_limit())
end

--- Ends its transfers and closes its connections. May be called again.
function Client:close()
  if getmetatable(self) ~= Client then
    errors.called_with_dot("client", "close")
  end
  if self.closed then
    return
  end
  self.closed, self.known = true, {}
  for _, host in pairs(self.hosts) do
    host:close()
  end
  stream.close_client(self)
  for _, host in pairs(self.hosts) do
    handles.forget(self, host)
  end
  if self.model then
    self.model:close()
  end
end

Client.__close = Client.close

--- Forgets all connections, and what names were resolved to: to be called when the
-- network is another one. Transfers that run go on; their connections are closed
-- when they are done.
function Client:network_changed()
  if self.closed then
    errors.misuse("the client is closed")
  end
  for _, host in pairs(self.hosts) do
    handles.forget(self, host)
  end
  local fresh = new_pool(self.limits)
  fresh:replace(self.pool)
  self.pool = fresh
end

function Client:__tostring()
  return "multisock.client (" .. (self.closed and "closed" or "open") .. ")"
end

local LIMITS = { connections = true, host_connections = true, streams = true, idle = true }

-- Checks and copies what the user gave.
local function make_limits(given)
  if type(given) ~= "table" then
    errors.misuse("limits: table expected, got " .. type(given))
  end
  local limits = {}
  for name, value in pairs(given) do
    if not LIMITS[name] then
      errors.misuse("limits: unknown field " .. errors.quote(name) .. suggest.hint(name, LIMITS))
    end
    if type(value) ~= "number" or value < 1 or value % 1 ~= 0 then
      errors.misuse(("limits.%s: integer of 1 or more expected, got %s"):format(name,
        errors.quote(value)))
    end
    limits[name] = value
  end
  limits.budget = admission.new_budget(limits.connections)
  return limits
end

-- Whether a request with nothing but a URL needs nothing but a handle: no limit
-- of ours, nothing to be told, no middleware but for redirects.
local function is_plain(given, base)
  local timeout = given.timeout
  return not (base or given.fills_request or given.fail_on_error or given.progress
    or timeout.total or timeout.queue
    or given.protocols ~= settings.defaults.protocols)
end

--- Makes a client.
-- @param options? every request option, `base_url`, `limits`
-- @return client @raise on an unknown option
function client.new(options)
  local own, request_options = {}, {}
  if options ~= nil and type(options) ~= "table" then
    errors.misuse("options: table expected, got " .. type(options))
  end
  for name, value in pairs(options or {}) do
    if name == "base_url" or name == "limits" then
      own[name] = value
    else
      request_options[name] = value
    end
  end
  local base
  if own.base_url ~= nil then
    if type(own.base_url) ~= "string" then
      errors.misuse("base_url: string expected, got " .. type(own.base_url))
    end
    local err
    base, err = targets.get(own.base_url)
    if base == nil then
      errors.misuse("base_url: " .. err.message)
    end
  end
  local limits = make_limits(own.limits or {})
  local given = settings.flatten(settings.derive(settings.defaults, request_options))
  local self = setmetatable({
    settings = given,
    is_plain = is_plain(given, base),
    base = base,
    limits = limits,
    pool = new_pool(limits),
    hosts = {},
    host_count = 0,
    host_limit = transfer.most_idle_hosts,
    known = {},                   -- URLs that are asked for again, see transfer.lua
    known_count = 0,
    handler = chain(MIDDLEWARE),
    follow = redirect.continue,   -- for transfer.get, which is below the chain
  }, Client)
  -- What a handle for plain requests is set up from.
  self.plain_request = request.plain(self)
  return self
end

return client
