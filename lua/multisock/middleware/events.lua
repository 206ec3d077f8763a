-- Who listens to the requests of a client: the option `on`, and ms.trace. Of a client that
-- nobody listens to, nothing of this is in the chain.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local now = require("multisock.tasks.scheduler").now
local pairs = compat.pairs
local pause = require("multisock.middleware.pause")
local suggest = require("multisock.base.suggest")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")
local watched = require("multisock.response.watched")

local events = {}

-- Of an attempt; and of the call that it belongs to, or what is between attempts.
local OF_ATTEMPTS = { "queue", "start", "connect", "sent", "headers", "message", "done" }
local OF_CALLS = { "throttle", "redirect", "retry", "response", "error" }

local NAMES = {}
for _, list in ipairs({ OF_ATTEMPTS, OF_CALLS }) do
  for _, name in ipairs(list) do
    NAMES[name] = true
  end
end

--- Checks the option `on`.
-- @return a copy; nil when nobody listens
function events.listeners(given)
  if given == nil then
    return nil
  elseif type(given) ~= "table" then
    errors.misuse("on: table of functions expected, got " .. values.describe(given))
  end
  local list
  for name, fn in pairs(given) do
    if not NAMES[name] then
      errors.misuse(("on: unknown event %s%s"):format(errors.quote(name),
        suggest.hint(name, NAMES)))
    elseif type(fn) ~= "function" then
      errors.misuse(("on.%s: function expected, got %s"):format(name, values.describe(fn)))
    end
    list = list or {}
    list[name] = fn
  end
  return list
end

--- What a listener of the option `on` gets, and that of ms.trace.
-- @class multisock.Event
-- @field name string the event
-- @field time number when it was: seconds of `ms.now()`
-- @field call integer a number of the call, the same for all its redirects and retries
-- @field attempt integer how often the call has sent something so far; 0 before the first time
-- @field method string
-- @field url string user name and password removed
-- @field meta table the option `meta`
-- @field request any what was asked, for [ms.to_curl](#command-lines-of-curl)
-- @field response? response of `headers`, `redirect`, `retry`, `response` and `done`
-- @field err? err of `error`, `retry` and `done`
-- @field to? string of `redirect`: the URL
-- @field waits? string what it waits for from now on: `"throttle"`, `"queue"` (a free place
-- under `limits`), `"connection"`, `"send"`, `"server"`, `"body"`, `"retry"`
-- @field waited_for? string what it has waited for until now
-- @field waited number how long: seconds since the event before, of this call
-- @field delay? number of `retry` and `throttle`: seconds that it will wait at least
-- @field reused? boolean of `connect`: the connection was there
-- @field peer? string of `connect`: `"address:port"`
-- @field timings? multisock.Timings of `connect` and `done`
-- @field sizes? multisock.Sizes of `done`
-- @field websocket? multisock.WebSocketEnd of `done` of a WebSocket
-- @field direction? string of `message`: `"sent"` or `"received"`
-- @field kind? string of `message`: `"text"` or `"binary"`
-- @field size? integer of `message`: bytes
-- @field message? string of `message`; nil: it was sent in pieces

-- What a request waits for behind each.
local WAITS = {
  throttle = "throttle", retry = "retry", queue = "queue", start = "connection",
  connect = "send", sent = "server", headers = "body",
}

-- The outcome of a call changes nothing, nor do messages, nor does the end of an attempt
-- behind which another one waits.
local function waits_behind(name, before)
  if name == "response" or name == "message" or name == "done" and before == "retry" then
    return before
  end
  return WAITS[name]
end

-- What a listener raises is no matter of the request: it goes to ms.on_error.
local function call(fn, event)
  local ok, raised = unobserved.call_back(unobserved.outside, fn, event)
  if not ok then
    unobserved.add(unobserved.outside, {
      err = raised, what = ("a listener of '%s' failed"):format(event.name),
    })
  end
end

-- `count` is what all attempts of the call share.
local function new_event(made, name, fields, count, time)
  local event = fields or {}
  event.name, event.time, event.request = name, time, made
  event.method, event.url, event.meta = made.method, made:shown_url(), made.meta or {}
  event.call, event.attempt = count.call, count[1]
  event.waits, event.waited_for = event.waits or waits_behind(name, count.waits), count.waits
  event.waited = time - (count.at or time)
  return event
end

--- What tells of the requests of a client.
-- @param own what events.listeners gave, or nil @param tracers list of functions, not to be
-- changed: each is told of everything
-- @return function(request, name, fields) for Request:event, and a table of what is listened
-- to; or nothing: nobody listens
function events.of(own, tracers)
  if own == nil and #tracers == 0 then
    return nil
  end
  return function(made, name, fields)
    local fn, count, time = own and own[name], made.attempt_count, now()
    if count == nil then
      return                          -- it began before anybody listened
    end
    local event = (fn or tracers[1]) and new_event(made, name, fields, count, time)
    count.at = time
    count.waits = fields and fields.waits or waits_behind(name, count.waits)
    if fn then
      call(fn, event)
    end
    for i = 1, #tracers do
      call(tracers[i], event)
    end
  end, #tracers > 0 and NAMES or own
end

-- PUC Lua 5.1 cannot wait in pcall: an attempt that is cancelled there before its answer
-- has no `done`.
local protected = compat.yields_in_pcall and pcall or function(fn, made)
  return true, fn(made)
end

--- In front of what performs: each attempt from its start to its end.
-- @param on what is listened to
function events.attempts(on, next)
  local wanted = false
  for _, name in ipairs(OF_ATTEMPTS) do
    wanted = wanted or on[name]
  end
  return not wanted and next or function(made)
    -- Not in one call of C, which tells of nothing that is between.
    made.simple, made.watched = false, {}
    made:event("queue")
    if made.client.closed then        -- by who listens
      local closed = pause.closed_error(made, 1)
      watched.ended(made, nil, closed)
      return nil, closed
    end
    local ok, response, err = protected(next, made)
    if not ok then
      watched.ended(made, nil, response)
      error(response, 0)
    elseif response == nil then
      watched.ended(made, nil, err)
    end
    return response, err
  end
end

local calls = 0

--- Outermost: what came of the call.
function events.outcome(next)
  return function(made)
    calls = calls + 1
    made.attempt_count = { 0, call = calls }
    local response, err = next(made)
    if response then
      made:event("response", { response = response })
    else
      made:event("error", { err = err })
    end
    return response, err
  end
end

return events
