-- `cache = {coalesce = true}`: of requests that are equal, and for which nothing is stored,
-- the first is sent; the others wait until its answer is stored, and take that. Where it is
-- not to be, each is sent by itself.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local exchange = require("multisock.middleware.cache_exchange")
local pause = require("multisock.middleware.pause")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

-- Sends it, in a task that outlives who wanted it as long as others wait. Of an answer that
-- will be stored the body is read here: who leads may be slow.
local function start(ask, entry, flights, name)
  local flight = { waiting = {}, count = 0, last = 0 }
  flights[name] = flight
  flight.task = tasks.spawn_outside(function()
    local response, err = exchange.ask(ask, entry)
    if response and ask.stores_soon then
      response:text()                 -- who reads it is told when that has failed
    end
    return response, err
  end)
  tasks.when_done(flight.task, function(...)
    flight.outcome = compat.pack(...)
    flights[name] = nil
    for _, who in ipairs(values.in_order(flight.waiting)) do
      scheduler.wake(who)
    end
    if flight.left and flight.outcome[1] and flight.outcome[2] then
      flight.outcome[2]:close()       -- nobody takes it
    end
  end)
  return flight
end

-- Waits for the outcome, or, who does not lead, until `deadline`. Returns the error with
-- which it was cancelled; the last one who waits ends it.
local function wait(client, flight, leads, deadline)
  local who = waiting.waiter()
  local err
  flight.last, flight.count = flight.last + 1, flight.count + 1
  flight.waiting[who] = flight.last
  repeat
    err = pause.park(client, who, deadline)
  until err or flight.outcome
    or not leads and (client.closed or deadline and now() >= deadline)
  flight.waiting[who], flight.count = nil, flight.count - 1
  if flight.count == 0 and not flight.outcome then
    flight.task:cancel("nobody waits for it")
  end
  return err
end

local function lead(ask, entry, flights, name)
  local flight = start(ask, entry, flights, name)
  local err = wait(ask.request.client, flight, true)      -- that has its limits
  if err then
    flight.left = true
    error(err, 0)
  end
  local ok, response, failure = compat.unpack(flight.outcome, 1, flight.outcome.n)
  if not ok then
    error(response, 0)
  end
  return response, failure
end

-- What was the first one's own: its limits, its end.
local OWN = { timeout = true, cancelled = true, too_large = true }

-- What fails for one fails for all that would have asked at once.
local function is_shared(outcome)
  local ok, response, err = compat.unpack(outcome, 1, 3)
  return ok and response == nil and errors.is(err) and not OWN[err.kind] and err
end

local coalesce = {}

--- @param entry? what is stored, and not good enough
-- @param again function(ask) -> response; or nil, err: when the first one's answer is there
-- @return response; or nil, err
function coalesce.send(ask, entry, again)
  local store, request = ask.store, ask.request
  local flights, name = store.flights or {}, ask.key:exact()
  local flight = flights[name]
  store.flights = flights
  if flight == nil then
    return lead(ask, entry, flights, name)
  end
  local total = request.settings.total
  if total and request.deadline == nil then
    request.deadline = now() + total
  end
  local err = wait(request.client, flight, false, request.deadline)
  if err then
    error(err, 0)
  elseif request.client.closed then
    return nil, pause.closed_error(request, 1)
  elseif not flight.outcome then
    return nil, pause.too_late(request, 1)
  end
  err = is_shared(flight.outcome)
  if err then
    return nil, err
  end
  ask.coalesce = false                -- once: what is not stored is not waited for again
  return again(ask)
end

return coalesce
