-- The option `retry`: sends again what failed, when that may help and may be done.
local chance = require("multisock.base.chance")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local hex = require("multisock.base.hex")
local pause = require("multisock.middleware.pause")
local request_module = require("multisock.request")
local retry_after = require("multisock.middleware.retry_after")
local scheduler = require("multisock.tasks.scheduler")
local tally = require("multisock.middleware.tally")
local values = require("multisock.base.values")

local now, count = scheduler.now, tally.add

---- The key -------------------------------------------------------------------

-- A UUID of version 4.
local function new_key()
  local digits = hex.encode(chance.bytes(16))
  local variant = ("%x"):format(8 + tonumber(digits:sub(17, 17), 16) % 4)
  return ("%s-%s-4%s-%s%s-%s"):format(digits:sub(1, 8), digits:sub(9, 12), digits:sub(14, 16),
    variant, digits:sub(18, 20), digits:sub(21, 32))
end

---- The budget ----------------------------------------------------------------

-- Of the last so many seconds.
local WINDOW = 10
local FREE = 10

-- Requests of a client, and their retries.
local function budget_of(client)
  local budget = client.retry_budget or tally.new(WINDOW)
  client.retry_budget = budget
  return budget
end

-- Whether one more retry is within it; then it is counted.
local function spend(client, ratio)
  local budget = budget_of(client)
  local requests, retries = budget:sums()
  if retries + 1 > FREE + ratio * requests then
    return false
  end
  budget:add(0, 1)
  return true
end

---- When ----------------------------------------------------------------------

-- Longer it gets by no doubling.
local LONGEST_BACKOFF = 30

-- How long we wait by ourselves before retry number `try`.
local function own_delay(given, try, response, err)
  local backoff = given.backoff
  if type(backoff) == "number" then
    local most = math.min(backoff * 2 ^ (try - 1), math.max(backoff, LONGEST_BACKOFF),
      given.max_delay)
    return most * chance.number()
  end
  local seconds = backoff(try, response, err)
  if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds or seconds < 0) then
    errors.misuse("retry.backoff: the function returned " .. values.describe(seconds)
      .. ": seconds of 0 or more, or nil, expected")
  end
  return seconds
end

-- Seconds that no `max_delay` makes a program wait: 30 years, and the absurd.
local FOREVER = 1e9

-- What is waited before retry number `try`: seconds; nil: there is none. And whether
-- the server has said so.
local function delay_of(given, request, try, response, err)
  local seconds = response and given.respect_retry_after and retry_after(response)
  local by_server = seconds ~= nil and seconds ~= false
  if not by_server then
    seconds = own_delay(given, try, response, err)
  end
  local left = request.deadline and request.deadline - now() or math.huge
  if seconds == nil or seconds > math.min(given.max_delay, FOREVER) or seconds >= left then
    return nil
  end
  if by_server then
    local later = seconds * (1 + 0.1 * chance.number())
    return later < left and later or seconds, true
  end
  return seconds, false
end

---- Whether -------------------------------------------------------------------

-- Whether this outcome is one that another try may better.
local function is_transient(given, request, response, err)
  if response == nil then
    -- It says of what may not be sent twice that it was not sent. Who has waited in
    -- a queue of ours for too long need not stand in it again.
    return errors.is(err) and err.retryable and err.phase ~= "queue"
  elseif response.status < 400 or request_module.is_once(request) then
    return false
  end
  local word = given.respect_retry_after and response.headers:get("x-should-retry")
  word = word and word:lower()
  if word == "true" or word == "false" then
    return word == "true"
  end
  return given.statuses[response.status]
end

-- How often it was sent up to this outcome, which is told so.
local function count_sent(request, before, response, err)
  local outcome = response or err
  if response == nil and not errors.is(err) then
    return before
  end
  local sent = outcome.attempts or 1
  if response == nil and errors.UNSENT[err.phase] then
    sent = before
  elseif request.client.agent then
    sent = before + sent            -- it knows of this try alone
  else
    sent = math.max(before, sent)
  end
  if outcome.attempts ~= math.max(sent, 1) then
    outcome.attempts = math.max(sent, 1)
  end
  return sent
end

local function set_key(request, name)
  if not headers.find(request:fields(), name) then
    request.headers = headers.merge(request:fields(), { { name, new_key() } })
  end
end

-- One try.
local function perform(given, request, next)
  if given.breaker then
    return require("multisock.middleware.breaker").perform(request, next)
  end
  return next(request)
end

local function is_closed(given, request)
  return given.breaker and require("multisock.middleware.breaker").is_open(request)
end

-- Sends it again until the outcome is good, or no other try may be made. Returns the last
-- response; or nil, err.
local function send_again(given, request, next, response, err)
  local client, sent, try = request.client, 0, 0
  while true do
    sent = count_sent(request, sent, response, err)
    try = try + 1
    if try > given.limit or not is_transient(given, request, response, err)
      or not request:can_replay() or is_closed(given, request) then
      return response, err
    end
    local delay, by_server = delay_of(given, request, try, response, err)
    if delay == nil or not (by_server or spend(client, given.budget)) then
      return response, err
    end
    local at = now() + delay
    if client.tell then
      request:event("retry", { response = response, err = err, delay = delay })
    end
    if response then
      response:drain()
    end
    if not pause.wait_until(client, at) then
      return nil, pause.closed_error(request, math.max(sent, 1))
    end
    client.retry_count = (client.retry_count or 0) + 1
    request:replay()
    request = request:again(sent > 0 and sent or nil)
    request.repeated = nil          -- this is a try of its own
    response, err = perform(given, request, next)
    if response and response.status < 400 and sent == 0 then
      return response               -- nothing was sent before
    end
  end
end

local retry = {}

--- One more request is sent: the budget is a part of these.
function retry.count(client)
  budget_of(client):add(1, 0)
end

--- Sends requests again when that may help and may be done.
-- @param next function(request) -> response; or nil, err: one try
-- @return the same kind of function
function retry.around(next)
  return function(request)
    local given, client = request.settings.retry, request.client
    if not request.is_counted then  -- as those of a list are, see submitting.lua
      count(client.retry_budget or budget_of(client), 1, 0)
    end
    if given.idempotency_key then
      set_key(request, given.idempotency_key)
    end
    local response, err
    if given.breaker then
      response, err = perform(given, request, next)
    else
      response, err = next(request)
    end
    if response and response.status < 400 then
      return response               -- the usual case; it knows its attempts by itself
    end
    return send_again(given, request, next, response, err)
  end
end

return retry
