-- What one key of one rule of the option `throttle` may do: when the next request may start,
-- who waits for that, and what answers say of it. Used by throttle.lua.
local retry_after = require("multisock.middleware.retry_after")
local scheduler = require("multisock.tasks.scheduler")

local now = scheduler.now

local gates = {}

---- Windows -------------------------------------------------------------------

-- The last `limit` starts, in a ring: one more may follow when the oldest, which stands at
-- `at`, is so old.
local function new_window(limit, per)
  return { limit = limit, per = per, at = 1 }
end

--- A new one. Waiting requests stand in its queue, [first..last], by their numbers: who has
-- come first is first, also when it has waited somewhere else before.
-- @param limit integer @param per seconds @param rule as request/policies.lua has them
function gates.new(limit, per, rule)
  local gate = {
    closed_until = 0, windows = { new_window(limit, per) }, started = 0, first = 1, last = 0,
    is_of_all = rule.key == "all", open_at = 0,
  }
  gate.alone = { gate }             -- all gates of who has no other
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

-- When the next may start; `gate.open_at` has it.
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

--- A request starts: `gate.open_at` says when the next may.
local function note_start(gate, time)
  local windows, open_at = gate.windows, gate.closed_until
  for i = 1, #windows do
    local window = windows[i]
    local at = window.at
    window[at] = time
    at = at < window.limit and at + 1 or 1
    window.at = at
    local oldest = window[at]
    if oldest and oldest + window.per > open_at then
      open_at = oldest + window.per
    end
  end
  gate.started = time
  gate.open_at = gate.rate and math.max(open_at, time + 1 / gate.rate) or open_at
end

--- Who waits first; nil: nobody. Those that have left in the middle are passed over.
local function first_of(gate)
  while gate.first <= gate.last and gate[gate.first].gone do
    gate[gate.first] = nil
    gate.first = gate.first + 1
  end
  return gate[gate.first]
end

--- Who waits first looks whether its turn has come.
local function wake_first(gate)
  local first = first_of(gate)
  if first then
    scheduler.wake(first.who)
  end
end

--- Stands in its queue. @param entry {number, who}
local function join(gate, entry)
  local at = gate.last + 1
  while at > gate.first and gate[at - 1].number > entry.number do
    gate[at] = gate[at - 1]
    at = at - 1
  end
  gate[at], gate.last = entry, gate.last + 1
end

--- Does not stand there any more.
local function leave(gate, entry)
  entry.gone = true
  wake_first(gate)
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

--- What an answer says. @param bad boolean: of status 429 or 503
local function learn(all, response, bad)
  local seconds = bad and retry_after(response)
  for i = 1, #all do
    local gate = all[i]
    if gate.adaptive then
      adapt(gate, bad)
    end
    -- What one host says is not for all.
    if seconds and not gate.is_of_all then
      gate.closed_until = math.max(gate.closed_until,
        now() + math.min(seconds, LONGEST_CLOSED))
    end
    gate.open_at = free_at(gate)
  end
end

gates.first_of, gates.note_start, gates.wake_first = first_of, note_start, wake_first
gates.join, gates.leave, gates.learn = join, leave, learn

return gates
