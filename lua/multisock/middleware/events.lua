-- Who listens to the requests of a client: the option `on`.
local asked = require("multisock.middleware.asked")
local errors = require("multisock.base.errors")
local suggest = require("multisock.base.suggest")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")

local events = {}

local NAMES = {
  queue = true, headers = true, redirect = true, retry = true, response = true, error = true,
}

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

--- What a listener of the option `on` gets.
-- @class multisock.Event
-- @field name string "queue", "headers", "redirect", "retry", "response" or "error"
-- @field method string
-- @field url string
-- @field meta any
-- @field attempt integer
-- @field response? response of "headers", "redirect", "retry" and "response"
-- @field err? err of "error" and "retry"
-- @field to? string: where a redirect leads
-- @field delay? seconds until a retry

--- Tells who listens. What a listener raises is no matter of the request: it goes to
-- ms.on_error.
-- @param made the request @param name string
-- @param response? @param err? @param to? string: where a redirect leads
-- @param delay? seconds until a retry
local function tell(fn, made, name, response, err, to, delay)
  local view = asked.new(made)
  local event = {
    name = name, method = view.method, url = view.url, meta = view.meta, attempt = view.attempt,
    response = response, err = err, to = to, delay = delay,
  }
  local ok, raised = unobserved.call_back(unobserved.outside, fn, event)
  if not ok then
    unobserved.add(unobserved.outside, { err = raised })
  end
end

--- @param list what events.listeners gave
-- @return function(request, name, ...) for Request:event
function events.of(list)
  return function(made, name, ...)
    local fn = list[name]
    if fn then
      tell(fn, made, name, ...)
    end
  end
end

--- In front of what performs: each attempt, and its answer.
function events.attempts(next)
  return function(made)
    made:event("queue")
    local response, err = next(made)
    if response then
      made:event("headers", response)
    end
    return response, err
  end
end

--- Outermost: what came of the call.
function events.outcome(next)
  return function(made)
    local response, err = next(made)
    if response then
      made:event("response", response)
    else
      made:event("error", nil, err)
    end
    return response, err
  end
end

return events
