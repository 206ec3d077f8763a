-- The origins that a client knows: which one a request belongs to. What leads to
-- another connection is another origin: scheme, host and port, and the options that
-- say how to connect.
local admission = require("multisock.connection.admission")
local handles = require("multisock.connection.handles")
local lookups = require("multisock.connection.lookups")
local pins = require("multisock.request.pins")
local remembered = require("multisock.base.remembered")
local settings = require("multisock.request.settings")
local setup = require("multisock.request.setup")

local forget_requests = require("multisock.request").forget
local trust = require("multisock.request.trust")

local origins = {}

-- Those that a client remembers before it forgets idle ones.
local MOST_IDLE = 1000

--- What a client knows of origins: `by_key`, see base/remembered.lua.
function origins.new()
  return remembered.new(MOST_IDLE)
end

local PRIOR_KNOWLEDGE = "2-prior-knowledge"

-- An origin that is not known yet.
local function new_origin(request, key, pin)
  local client, target, given = request.client, request.target, request.settings
  local usual = client.settings
  -- Where each request has a connection the version makes no difference.
  local known = target.scheme ~= "https" and (given.http_version == PRIOR_KNOWLEDGE
    or target.numeric or given.unix_socket ~= nil or pin ~= nil)
  local origin = admission.new_origin(client.limits, known, target.scheme == "http",
    setup.http1(given, target.scheme))
  origin.tls, origin.pin = target.scheme == "https", pin
  origin.parses = origin.tls and trust.parses_many(given)
  if given ~= usual then
    origin.trust, origin.apart = trust.differs(given, usual, origin.tls)
  end
  origin.name = not pin and lookups.name_for(usual, target, setup.environment_has_proxy)
  remembered.add(client.known, key, origin, function(idle)
    if idle:is_idle() then
      handles.forget(client, idle)
      forget_requests(client)
      return true
    end
  end)
  return origin
end

-- Of one that is not the client's usual, or not known.
local function find_origin(request)
  if request.settings.http_version == PRIOR_KNOWLEDGE and request.target.scheme == "https" then
    -- TLS tells, and such a connection may be shared.
    request.settings = settings.with(request.settings, { http_version = "2" })
  end
  local client, target, given = request.client, request.target, request.settings
  local key, usual = target.origin, client.settings
  local profile, pin = given.profile, given.resolve and pins.choose(given, target)
  if profile ~= usual.profile then
    -- What leads to another connection is another origin.
    key = ("%s|%s|%s|%s"):format(key, profile.connection, tostring(setup.raw_version(given)),
      trust.differs(given, usual, target.scheme == "https") or "")
  end
  if pin then
    key = key .. "|" .. pin.name
  end
  return client.origins[key] or new_origin(request, key, pin)
end

--- From now on the server is asked in HTTP/1.1, apart from what shares connections.
function origins.keep_apart(client, origin)
  if not origin.http1 then
    origin.http1 = "1.1"
    handles.forget(client, origin)
    origin:learn("1.1")
  end
end

--- The origin of a request, as admission knows it.
function origins.of(request)
  local client, given = request.client, request.settings
  return given.profile == client.usual_profile and client.origins[request.target.origin]
    or find_origin(request)
end

return origins
