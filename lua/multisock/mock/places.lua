-- The places of requests over a mock: as many at once as the `limits` of their client say, behind
-- the queue in which those stand that go over the network. agent.lua asks for one before the
-- time of an attempt begins.
local admission = require("multisock.connection.admission")
local remembered = require("multisock.base.remembered")
local scheduler = require("multisock.tasks.scheduler")
local source = require("multisock.response.source")
local waiting = require("multisock.tasks.waiting")

local places = {}

local Place = {}
Place.__index = Place

-- As of an HTTP/1.1 server: each request has a connection of its own.
local function origin_of(request)
  local client, key = request.client, request.target.origin
  local origin = client.origins[key]
  if origin == nil then
    origin = admission.new_origin(client.limits, true, true, "1.1")
    remembered.add(client.known, key, origin, origin.is_idle)
  end
  return origin
end

-- Waits for it. As over the network, one of a list begins with its place: its total counts from
-- there, and `queue` is nothing to it.
local function enter(origin, request)
  local tries = request.attempt_count
  if request.index == nil or tries and tries[1] > 1 then
    return admission.enter_in_time(origin, request, scheduler.now())
  end
  local admitted, result = admission.enter(origin)
  if admitted and request.deadline then
    request.deadline = scheduler.now() + request.settings.total
  end
  return admitted, result
end

--- Waits for a place, as long as the limits of the request allow.
-- @return place; nil where the client has no limits; or nil, err
function places.take(request)
  local limits = request.client.limits
  if not (limits.connections or limits.host_connections or limits.requests) then
    return nil
  end
  local origin = origin_of(request)
  local admitted, result = enter(origin, request)
  if not admitted then
    return nil, result
  end
  return setmetatable({ origin = origin, probe = result }, Place)
end

--- Others may have it. May be called again.
function Place:leave()
  local origin = self.origin
  if origin then
    self.origin = nil
    if self.timer then
      waiting.cancel_timer(self.timer)
    end
    origin:leave(self.probe)
  end
end

--- It is taken until the body has come, or nobody wants it any more.
function Place:follow(response)
  local running = response._transfer
  local function leave()
    self:leave()
  end
  if running == nil or not source.when_released(running, leave) then
    return leave()
  elseif running.ends_at then
    self.timer = waiting.at(running.ends_at, leave)
  end
end

return places
