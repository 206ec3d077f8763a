-- What a request passes, outermost first: `middleware`, total, fail_on_error,
-- redirects, cookies, cache, retries, throttles, `each_attempt`, and the agent that
-- performs it. Made once for a client, of what it uses: an empty place is none.
local asked = require("multisock.middleware.asked")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local events = require("multisock.middleware.events")
local pause = require("multisock.middleware.pause")
local redirect = require("multisock.middleware.redirect")
local scheduler = require("multisock.tasks.scheduler")
local status = require("multisock.middleware.status")
local values = require("multisock.base.values")

local pairs = compat.pairs

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
    if use and (type(use) ~= "table" or compat.next(use) ~= nil) then
      return false
    end
  end
  return true
end

-- What requests with these settings pass before they are performed, each loaded by the first
-- that does: cookies, cache, retries, throttles. What an attempt sets as a cookie is kept from
-- each.
local function layers(given, perform)
  local next = perform
  local cookies = given.cookies and require("multisock.middleware.cookies")
  if given.throttle then
    next = require("multisock.middleware.throttle").around(next)
  end
  local keeps = not (given.retry or given.cache)
  if cookies and not keeps then
    next = cookies.keeping(next)
  end
  if given.retry then
    next = require("multisock.middleware.retry").around(next)
  end
  if given.cache then
    next = require("multisock.middleware.cache").around(next)
  end
  return cookies and cookies.around(next, keeps) or next
end

--- Redirects of what has passed the layers, and then fail_on_error. Of most requests only the
-- status is looked at.
-- @param made request @param response, err what `try` has made of it
-- @param try function(request) -> response; or nil, err: performs the next ones
-- @return response; or nil, err
function chain.conclude(made, response, err, try)
  if not response or response.status < 300 then
    return response, err
  end
  response, err = redirect.continue(made, response, try)
  if made.settings.fail_on_error then
    return status.check(response, err)
  end
  return response, err
end

-- What becomes of what has passed the layers.
local function answered(perform)
  local ways = {}                   -- by `detours`, see settings.lua
  return function(made)
    local given, try = made.settings, perform
    local detours = given.detours
    if detours then
      try = ways[detours]
      if try == nil then
        try = layers(given, perform)
        ways[detours] = try
      end
    end
    local response, err = try(made)
    return chain.conclude(made, response, err, try)
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
