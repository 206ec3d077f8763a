-- What performs the requests of a client in the place of the network: a function,
-- or an object with `perform` and `close`.
local errors = require("multisock.base.errors")
local asked = require("multisock.middleware.asked")
local header_lines = require("multisock.request.header_lines")
local pairs = require("multisock.base.compat").pairs
local protected = require("multisock.tasks.protected")
local response_class = require("multisock.response")
local limits = require("multisock.connection.limits")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local uncaught = require("multisock.base.uncaught")
local unobserved = require("multisock.tasks.unobserved")
local values = require("multisock.base.values")
local watched = require("multisock.response.watched")

local agent = {}

---- Who only listens ------------------------------------------------------------

-- What stands in the place of an agent, and leaves performing to another one or to the
-- network.
local listeners = setmetatable({}, { __mode = "k" })

--- Makes one. @param object with `listen`, function(event), and `close`, which returns true;
-- or nil, err @param inner? the agent that performs
-- @return object
function agent.listening(object, inner)
  listeners[object] = { inner = inner }
  return object
end

-- What lets a request wait before it is performed.
local admitters = setmetatable({}, { __mode = "k" })

--- Has an agent take places.
-- @param admit function(made) -> place with `follow(response)` and `leave()`; nil: it needs none;
-- or nil, err
function agent.admitting(object, admit)
  admitters[object] = admit
end

--- @return what performs, nil: the network; and function(event), or nil
function agent.parts(given)
  local known = given ~= nil and listeners[given]
  if known then
    return known.inner, given.listen
  end
  return given
end

---- Who performs ----------------------------------------------------------------

--- @raise when it cannot be one
function agent.check(given)
  if type(given) == "function" or listeners[given] then
    return
  end
  local ok, perform = pcall(function() return given.perform end)
  if not ok or type(perform) ~= "function" then
    errors.misuse("agent: function, or object with perform, expected, got "
      .. values.describe(given))
  end
end

-- An agent may say what went wrong in its own words.
local function failure(made, err)
  if type(err) == "string" then
    err = errors.new("io", err)
  elseif not errors.is(err) then
    if type(err) ~= "table" or type(err.kind) ~= "string" or type(err.message) ~= "string" then
      errors.misuse("agent: response or nil, err expected, got nil, " .. values.describe(err))
    end
    local fields = {}
    for name, value in pairs(err) do
      fields[name] = value
    end
    err = errors.new(err.kind, err.message, fields)
  end
  err.url, err.attempts = err.url or made:url(), err.attempts or 1
  return nil, err
end

local function finish(made, response, err)
  if response == nil or response == false then
    return failure(made, err)
  elseif not response_class.is(response) then
    errors.misuse("agent: a response, as of ms.response, expected, got "
      .. values.describe(response))
  end
  response_class.belongs(response, made)
  watched.arrived(made, response)
  return response
end

-- With `buffer`, and in a list, its body belongs to what is performed. `came.response` is what
-- has come.
local function buffering(made, perform, came)
  return function(view)
    local response, err = perform(view)
    if response_class.is(response) then
      came.response = response
      response_class.belongs(response, made)
      watched.arrived(made, response)
      return response_class.buffered(response)
    end
    return response, err
  end
end

-- Performs it within so many seconds: what is left of a limit of `timeout`. An agent may say in
-- `made.agent_phase` how far it is; without that it waits for the answer.
local function in_time(made, seconds, name, perform, view, came)
  local own
  local response, err = tasks.with_timeout(seconds, function()
    local answer
    answer, own = perform(view)
    return answer, own
  end)
  if response == nil and err ~= own then
    local answered = came.response ~= nil
    err = limits.passed(made, name, made.settings.timeout[name],
      answered and "receive" or made.agent_phase or "wait", answered)
    err.response = came.response
  end
  return response, err
end

-- Performs it in a place that `admit` gives, once there is one.
local function in_place(made, admit, perform)
  local place, err = admit(made)
  if place == nil then
    if err then
      return failure(made, err)
    end
    return perform(made)
  end
  local ok, response, more = protected(function()
    return perform(made)
  end)
  if ok and response then
    place:follow(response)
    return response
  end
  place:leave()
  if not ok then
    uncaught.raise(response, more)
  end
  return nil, more
end

--- @param given what agent.check has passed
-- @return function(request) -> response; or nil, err
function agent.wrap(given)
  local performs = given
  if type(given) ~= "function" then
    performs = function(view)
      return given:perform(view)
    end
  end
  local function perform_now(made)
    local came = {}
    local perform = (made.settings.buffer or made.index) and buffering(made, performs, came)
      or performs
    made.client.agent_requests = (made.client.agent_requests or 0) + 1
    local view = asked.new(made, header_lines.fields(made))
    local left, attempt = math.huge, made.settings.attempt
    if made.watched then
      made:event("start", { waits = "server" })   -- its connections are its own
    end
    if made.deadline then
      left = math.max(0, made.deadline - scheduler.now())
    end
    if attempt and attempt < left then
      return finish(made, in_time(made, attempt, "attempt", perform, view, came))
    elseif made.deadline then
      return finish(made, in_time(made, left, "total", perform, view, came))
    end
    return finish(made, perform(view))
  end
  local admit = admitters[given]
  return function(made)
    if made.client.closed then
      errors.misuse("the client is closed")
    elseif admit then
      return in_place(made, admit, perform_now)
    end
    return perform_now(made)
  end
end

--- The client that it belonged to is closed.
function agent.close(given)
  local known = listeners[given]
  if known then
    local ok, err = given:close()
    if not ok then                    -- nobody else can be told
      unobserved.add(unobserved.outside, { err = err })
    end
    given = known.inner
  end
  if given ~= nil and type(given) ~= "function" and given.close then
    given:close()
  end
end

return agent
