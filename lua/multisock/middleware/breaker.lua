-- `retry.breaker`: a server that fails too often is not asked for a while.
local errors = require("multisock.base.errors")
local remembered = require("multisock.base.remembered")
local scheduler = require("multisock.tasks.scheduler")
local tally = require("multisock.middleware.tally")

local now = scheduler.now

local breaker = {}

-- Origins that a client remembers before those are forgotten that keep nobody back.
local MOST_ORIGINS = 1000

local function may_go(state)
  return state.open_until == nil and state.used_at + state.window < now()
end

-- What is known of the origin of a request, for its client.
local function state_of(request)
  local client, origin = request.client, request.target.origin
  local all = client.breakers or remembered.new(MOST_ORIGINS)
  client.breakers = all
  local state = all.by_key[origin]
  if state == nil then
    local window = request.settings.retry.breaker.window
    state = { tally = tally.new(window), window = window }
    remembered.add(all, origin, state, may_go)
  end
  state.used_at = now()
  return state
end

-- Whether this outcome says that the server, or the way to it, is not well.
local function is_failure(given, response, err)
  if response then
    return given.statuses[response.status] == true
  end
  return errors.is(err) and err.retryable and err.phase ~= "queue"
end

local function open(state, given)
  state.open_until, state.probe_until = now() + given.open, 0
  state.tally = tally.new(state.window)
end

-- Counts an outcome; `probe`: of the one that was to find out.
local function note(state, given, bad, probe)
  if probe then
    if bad then
      open(state, given)
    else
      state.open_until = nil
    end
    return
  elseif state.open_until then
    return                          -- it was on its way before
  end
  state.tally:add(1, bad and 1 or 0)
  local all, failed = state.tally:sums()
  if bad and all >= given.min and failed >= given.ratio * all then
    open(state, given)
  end
end

local function refuse(request, state)
  local left = math.max(0, state.open_until - now())
  return nil, errors.new("breaker", ("%s has failed too often; it is asked again %s"):format(
    request.target.origin, left > 0 and ("in %.1f s"):format(left) or "by one request at a time"),
    { url = request:url(), phase = "queue", attempts = request.tries or 1, retryable = true })
end

--- Whether a request would be refused now.
function breaker.is_open(request)
  local state, time = state_of(request), now()
  return state.open_until ~= nil and (time < state.open_until or time < state.probe_until)
end

--- Sends it, unless its origin is not to be asked. When that is over, one request
-- finds out.
-- @return response; or nil, err (kind "breaker")
function breaker.perform(request, next)
  local state, retry = state_of(request), request.settings.retry
  local probe = state.open_until ~= nil
  if breaker.is_open(request) then
    return refuse(request, state)
  end
  -- One that is cancelled never says what it has found: it is not waited for longer.
  state.probe_until = now() + retry.breaker.open
  local response, err = next(request)
  note(state, retry.breaker, is_failure(retry, response, err), probe)
  return response, err
end

return breaker
