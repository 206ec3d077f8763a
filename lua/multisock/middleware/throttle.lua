-- The option `throttle`: at most so many starts in any window of so many seconds, for
-- each key. Who has to wait waits with its like: one key never holds up another.
local asked = require("multisock.middleware.asked")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local gate_module = require("multisock.middleware.gate")
local pause = require("multisock.middleware.pause")
local remembered = require("multisock.base.remembered")
local scheduler = require("multisock.tasks.scheduler")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

local first_of, note_start = gate_module.first_of, gate_module.note_start
local wake_first, join, leave = gate_module.wake_first, gate_module.join, gate_module.leave
local learn = gate_module.learn

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

-- What the function of a rule says.
local function own_key(rule, request)
  local key, own = rule.key(asked.new(request))
  if own ~= nil and (type(own) ~= "table" or not compat.is_integer(own.limit) or own.limit < 1
    or type(own.per) ~= "number" or own.per ~= own.per or own.per <= 0) then
    errors.misuse("throttle.key: the function returned a key and " .. values.describe(own)
      .. ": {limit = , per = } expected")
  end
  return key, own
end

local function gate_of(client, rule, request)
  local key, own = rule.key, nil
  if key == "host" then
    key = request.target.host
  elseif key ~= "all" then
    key, own = own_key(rule, request)
    if key == nil then
      return nil                    -- it is not throttled
    end
  end
  local all = client.throttles
  local gates = all and all[rule.name] or gates_of(client, rule)
  local gate = gates.by_key[key]
  if gate == nil then
    gate = gate_module.new(own and own.limit or rule.limit, own and own.per or rule.per, rule)
    remembered.add(gates, key, gate, may_go)
  end
  return gate
end

---- Waiting -------------------------------------------------------------------

-- When the first gate that keeps it back may let it through; nil: it may start.
local function find_closed(gates, number, time)
  for i = 1, #gates do
    local gate = gates[i]
    local at, first = gate.open_at, gate.first <= gate.last and first_of(gate)
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
local function wait(request, gates, closed)
  local client, at = request.client, closed.open_at
  local number = numbers + 1
  numbers = number
  local deadline, name = limit_of(request, now())
  if client.tell then
    request:event("throttle", { delay = math.max(0, at - now()) })
    if client.closed then             -- by who was told: nobody would end the pause
      return nil, pause.closed_error(request, request.tries or 1)
    end
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
      at = closed.open_at
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

-- Returns when it starts; or nil, err.
local function pass(request, gates, time)
  for i = 1, #gates do
    local gate = gates[i]
    if gate.open_at > time or gate.first <= gate.last and first_of(gate) then
      local ok, err = wait(request, gates, gate)
      if not ok then
        return nil, err
      end
      time = now()
      break
    end
  end
  for i = 1, #gates do
    local gate = gates[i]
    note_start(gate, time)
    if gate.first <= gate.last then
      wake_first(gate)
    end
  end
  return time
end

-- All that keep a request back.
local function gates_for(request, rules, first)
  local gates = { first }
  for i = 2, #rules do
    gates[#gates + 1] = gate_of(request.client, rules[i], request)
  end
  return gates
end

local throttle = {}

--- Sends requests when all their rules allow it.
-- @param next function(request) -> response; or nil, err
-- @return the same kind of function
function throttle.around(next)
  return function(request)
    local rules, came = request.settings.throttle, now()
    local client, rule = request.client, rules[1]
    local known = rule.key == "host" and client.throttles and client.throttles[rule.name]
    local gate = known and known.by_key[request.target.host] or gate_of(client, rule, request)
    local gates, time = gate and gate.alone, came
    if gate and rules[2] == nil and gate.open_at <= came and gate.first > gate.last then
      note_start(gate, came)        -- the usual case
    else
      local why
      gates = gates_for(request, rules, gate)
      time, why = pass(request, gates, came)
      if time == nil then
        return nil, why
      end
    end
    local response, err = next(request)
    if time > came then
      request.queue_until = nil     -- another try has its own
    end
    if response then
      if time > came then
        response._queue_time = (rawget(response, "_queue_time") or 0) + time - came
      end
      local status = response.status
      local bad = status == 429 or status == 503
      if bad or rules.adapts then
        learn(gates, response, bad)
      end
    end
    return response, err
  end
end

return throttle
