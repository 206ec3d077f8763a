-- The option `throttle`: at most so many starts in any window of so many seconds, for
-- each key. Who has to wait waits with its like: one key never holds up another.
local asked = require("multisock.middleware.asked")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local pause = require("multisock.middleware.pause")
local remembered = require("multisock.base.remembered")
local retry_after = require("multisock.middleware.retry_after")
local scheduler = require("multisock.tasks.scheduler")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

---- Windows -------------------------------------------------------------------

-- The last `limit` starts, in a ring: one more may follow when the oldest, which stands at
-- `at`, is so old.
local function new_window(limit, per)
  return { limit = limit, per = per, at = 1 }
end

---- Gates: what one key of one rule may do ------------------------------------

-- Waiting requests stand in its queue, [first..last], by their numbers: who has come
-- first is first, also when it has waited somewhere else before.
local function new_gate(limit, per, rule)
  local gate = {
    closed_until = 0, windows = { new_window(limit, per) }, started = 0, first = 1, last = 0,
    is_of_all = rule.key == "all",
  }
  local burst = rule.burst
  if burst and burst < limit then
    gate.windows[2] = new_window(burst, burst * per / limit)
  end
  local adaptive = rule.adaptive
  if adaptive then
    gate.adaptive, gate.cut_at = adaptive, 0
    gate.rate = math.min(math.max(limit / per, adaptive.min), adaptive.max)
  end
  return gate
end

local function free_at(gate)
  local at, windows = gate.closed_until, gate.windows
  for i = 1, #windows do
    local window = windows[i]
    local oldest = window[window.at]
    if oldest and oldest + window.per > at then
      at = oldest + window.per
    end
  end
  return gate.rate and math.max(at, gate.started + 1 / gate.rate) or at
end

local function note_start(gate, time)
  local windows = gate.windows
  for i = 1, #windows do
    local window = windows[i]
    local at = window.at
    window[at] = time
    window.at = at < window.limit and at + 1 or 1
  end
  gate.started = time
end

-- Those that have left in the middle are passed over.
local function first_of(gate)
  while gate.first <= gate.last and gate[gate.first].gone do
    gate[gate.first] = nil
    gate.first = gate.first + 1
  end
  return gate[gate.first]
end

local function wake_first(gate)
  local first = first_of(gate)
  if first then
    scheduler.wake(first.who)
  end
end

local function join(gate, entry)
  local at = gate.last + 1
  while at > gate.first and gate[at - 1].number > entry.number do
    gate[at] = gate[at - 1]
    at = at - 1
  end
  gate[at], gate.last = entry, gate.last + 1
end

local function leave(gate, entry)
  entry.gone = true
  wake_first(gate)
end

---- Rules and keys ------------------------------------------------------------

-- Keys of a rule that are remembered before those are forgotten that keep nobody back.
local MOST_KEYS = 1000

local function may_go(gate)
  local time = now()
  return first_of(gate) == nil and gate.closed_until <= time
    and gate.started + gate.windows[1].per <= time
end

-- The gates of a rule for a client: by what it says, as a request may say it anew.
local function gates_of(client, rule)
  local all = client.throttles or {}
  client.throttles = all
  local gates = all[rule.name]
  if gates == nil then
    gates = remembered.new(MOST_KEYS)
    all[rule.name] = gates
  end
  return gates
end

local function key_of(rule, request)
  local key = rule.key
  if key == "all" then
    return key
  elseif key == "host" then
    return request.target.host
  end
  local own
  key, own = key(asked.new(request))
  if own ~= nil and (type(own) ~= "table" or not compat.is_integer(own.limit) or own.limit < 1
    or type(own.per) ~= "number" or own.per ~= own.per or own.per <= 0) then
    errors.misuse("throttle.key: the function returned a key and " .. values.describe(own)
      .. ": {limit = , per = } expected")
  end
  return key, own
end

local function gate_of(client, rule, request)
  local key, own = key_of(rule, request)
  if key == nil then
    return nil                      -- it is not throttled
  end
  local gates = gates_of(client, rule)
  local gate = gates.by_key[key]
  if gate == nil then
    gate = new_gate(own and own.limit or rule.limit, own and own.per or rule.per, rule)
    remembered.add(gates, key, gate, may_go)
  end
  return gate
end

---- Waiting -------------------------------------------------------------------

-- When the first gate that keeps it back may let it through; nil: it may start.
local function find_closed(gates, number, time)
  for i = 1, #gates do
    local gate = gates[i]
    local at, first = free_at(gate), gate.first <= gate.last and first_of(gate)
    if at > time or first and first.number < number then
      return gate, at
    end
  end
end

local function too_late(request, name)
  return nil, errors.new("timeout", ("not started within %g s (timeout.%s)"):format(
    request.settings.timeout[name], name), { url = request:url(), phase = "queue",
      attempts = request.tries or 1, retryable = true })
end

local numbers = 0

-- When it has to be started, and the name of the limit.
local function limit_of(request, time)
  local given = request.settings
  if given.total and request.deadline == nil then
    request.deadline = time + given.total
  end
  local queue, deadline = given.timeout.queue, request.deadline or math.huge
  request.queue_until = queue and time + queue or nil
  if queue and time + queue < deadline then
    return time + queue, "queue"
  end
  return deadline, "total"
end

-- Waits until all gates let it through; at this one it has to wait. Returns true;
-- or nil, err.
local function wait(request, gates, number, closed, at)
  local client = request.client
  local deadline, name = limit_of(request, now())
  if client.tell then
    request:event("throttle", { delay = math.max(0, at - now()) })
  end
  while closed do
    local who = waiting.waiter()
    local entry = { number = number, who = who }
    local err
    join(closed, entry)
    repeat
      -- Only the first one knows when its turn is.
      local mine = first_of(closed) == entry and at or math.huge
      err = pause.park(client, who, math.min(mine, deadline))
      at = free_at(closed)
    until err or client.closed or now() >= deadline or first_of(closed) == entry and now() >= at
    leave(closed, entry)
    if err then
      error(err, 0)
    elseif client.closed then
      return nil, pause.closed_error(request, request.tries or 1)
    elseif now() >= deadline then
      return too_late(request, name)
    end
    closed, at = find_closed(gates, number, now())
  end
  return true
end

-- Returns the seconds that it has waited; or nil, err.
local function pass(request, gates)
  local came = now()
  local time, number = came, numbers + 1
  numbers = number
  local closed, at = find_closed(gates, number, time)
  if request.queue_until then
    request.queue_until = nil       -- of the try before
  end
  if closed then
    local ok, err = wait(request, gates, number, closed, at)
    if not ok then
      return nil, err
    end
    time = now()
  end
  for i = 1, #gates do
    local gate = gates[i]
    note_start(gate, time)
    if gate.first <= gate.last then
      wake_first(gate)
    end
  end
  return time - came
end

---- What answers say ----------------------------------------------------------

-- A server that says longer is asked again nevertheless: nothing waits for ever.
local LONGEST_CLOSED = 3600

-- One second of good answers makes it one start a second faster (or a tenth for each,
-- while it is slow); a bad one half as fast, once for those that were on their way
-- together.
local function adapt(gate, bad)
  local adaptive, time = gate.adaptive, now()
  if not bad then
    gate.rate = math.min(adaptive.max, gate.rate + math.min(1 / gate.rate, gate.rate / 10))
  elseif time >= gate.cut_at then
    gate.rate = math.max(adaptive.min, gate.rate / 2)
    gate.cut_at = time + 2 / gate.rate
  end
end

local function learn(gates, response)
  local bad = response.status == 429 or response.status == 503
  local seconds = bad and retry_after(response)
  for i = 1, #gates do
    local gate = gates[i]
    if gate.adaptive then
      adapt(gate, bad)
    end
    -- What one host says is not for all.
    if seconds and not gate.is_of_all then
      gate.closed_until = math.max(gate.closed_until,
        now() + math.min(seconds, LONGEST_CLOSED))
    end
  end
end

local throttle = {}

--- Sends it when all its rules allow it.
-- @param next function(request) -> response; or nil, err
function throttle.send(request, next)
  local client, rules, gates = request.client, request.settings.throttle, {}
  for i = 1, #rules do
    gates[#gates + 1] = gate_of(client, rules[i], request)
  end
  local waited, err = pass(request, gates)
  if waited == nil then
    return nil, err
  end
  local response
  response, err = next(request)
  if response then
    if waited > 0 then
      response._queue_time = (rawget(response, "_queue_time") or 0) + waited
    end
    learn(gates, response)
  end
  return response, err
end

return throttle
