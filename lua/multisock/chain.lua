-- What a request passes, outermost first: `middleware`, total, fail_on_error,
-- redirects, cookies, cache, retries, throttles, `each_attempt`, and the agent that
-- performs it. Made once for a client, of what it uses: an empty place is none.
local asked = require("multisock.middleware.asked")
local errors = require("multisock.base.errors")
local events = require("multisock.middleware.events")
local pause = require("multisock.middleware.pause")
local redirect = require("multisock.middleware.redirect")
local scheduler = require("multisock.tasks.scheduler")
local status = require("multisock.middleware.status")
local values = require("multisock.base.values")

local chain = {}

--- Checks a list of middleware. @return a copy
function chain.list(name, given)
  if given == nil then
    return {}
  elseif type(given) ~= "table" or values.odd_key(given) ~= nil then
    errors.misuse(("%s: list of functions expected, got %s"):format(name, values.describe(given)))
  end
  local list = {}
  for i = 1, #given do
    if type(given[i]) ~= "function" then
      errors.misuse(("%s[%d]: function expected, got %s"):format(name, i,
        values.describe(given[i])))
    end
    list[i] = given[i]
  end
  return list
end

-- Who forgets to return what `next` gave would have a request without an outcome.
local function check_result(name, i, response, err)
  if response == nil and err == nil then
    errors.misuse(("%s[%d] returned nothing: response or nil, err expected"):format(name, i))
  end
  return response, err
end

-- The functions of a user, in front of `next`.
local function users(name, list, next)
  if #list == 0 then
    return next
  end
  local handler = function(view)
    asked.check("next", view)
    local made, err = asked.seal(view)
    if made == nil then
      return nil, err
    end
    return next(made)
  end
  for i = #list, 1, -1 do
    local fn, inner = list[i], handler
    handler = function(view)
      asked.check("next", view)
      return check_result(name, i, fn(view, inner))
    end
  end
  return function(made)
    return handler(asked.new(made))
  end
end

-- Redirects and repeats come out of the one request, so they share the list.
local function count_attempts(next)
  return function(made)
    local count = made.attempt_count or { 0 }
    count[1] = count[1] + 1
    made.attempt_count = count
    return next(made)
  end
end

-- A function of the user's may have waited past the total: nothing is sent any more.
local function in_time(next)
  return function(made)
    if made.deadline and scheduler.now() >= made.deadline then
      return nil, pause.too_late(made, made.attempt_count[1])
    end
    return next(made)
  end
end

-- Throttles; what few use is loaded by the first request that does.
local function throttled(next)
  return function(made)
    if made.settings.throttle then
      return require("multisock.middleware.throttle").send(made, next)
    end
    return next(made)
  end
end

-- The time for all hops. (The network sets it itself where nothing lies between.)
local function total(next)
  return function(made)
    local seconds = made.settings.total
    if seconds and made.deadline == nil then
      made.deadline = scheduler.now() + seconds
    end
    return next(made)
  end
end

--- Whether nothing is done before a request is sent, and nothing with an answer that
-- is neither a redirect nor a failure.
-- @param uses as for compose
function chain.is_bare(uses)
  for _, use in pairs(uses) do
    if use and (type(use) ~= "table" or next(use) ~= nil) then
      return false
    end
  end
  return true
end

-- Redirects, of requests with cookies whose answers may be stored and that are tried again
-- (what few use is loaded by the first that does), and then fail_on_error. Of most requests
-- only the status is looked at.
local function answered(perform)
  local next, cookies = throttled(perform), nil
  local function kept(made)
    return cookies.keep(made, next)
  end
  local function retried(made)
    return require("multisock.middleware.retry").send(made, made.settings.cookies and kept or next)
  end
  -- What stands behind the cache: tries, each of which may set cookies.
  local function behind(given)
    return given.retry and retried or given.cookies and kept or next
  end
  local function cached(made)
    return require("multisock.middleware.cache").send(made, behind(made.settings))
  end
  local function with_cookies(made)
    local given = made.settings
    cookies = cookies or require("multisock.middleware.cookies")
    return cookies.send(made, next, given.cache and cached or given.retry and retried)
  end
  local function way(given)
    return given.cookies and with_cookies or given.cache and cached or behind(given)
  end
  return function(made)
    local given = made.settings
    local try = given.detours and way(given) or perform
    local response, err = try(made)
    if response == nil or response.status < 300 then
      return response, err
    end
    response, err = redirect.continue(made, response, try)
    if given.fail_on_error then
      return status.check(response, err)
    end
    return response, err
  end
end

--- @param uses table: middleware, each_attempt (lists), on (what is listened to, by name, or
-- nil), foreign (boolean: an agent of the user's)
-- @param perform function(request) -> response; or nil, err
-- @return the same kind of function
function chain.compose(uses, perform)
  local handler = uses.on and events.attempts(uses.on, perform) or perform
  if #uses.each_attempt > 0 then
    handler = users("each_attempt", uses.each_attempt, in_time(handler))
  end
  if uses.on or uses.foreign or #uses.each_attempt > 0 then
    handler = count_attempts(handler)
  end
  handler = answered(handler)
  if uses.foreign or #uses.each_attempt > 0 then
    handler = total(handler)
  end
  handler = users("middleware", uses.middleware, handler)
  return uses.on and events.outcome(handler) or handler
end

return chain
