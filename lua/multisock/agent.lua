-- What performs the requests of a client in the place of the network: a function,
-- or an object with `perform` and `close`.
local errors = require("multisock.errors")
local asked = require("multisock.asked")
local response_class = require("multisock.response")
local scheduler = require("multisock.scheduler")
local tasks = require("multisock.tasks")
local values = require("multisock.values")

local agent = {}

--- @raise when it cannot be one
function agent.check(given)
  if type(given) == "function" then
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
  return response
end

--- @param given what agent.check has passed
-- @return function(request) -> response; or nil, err
function agent.wrap(given)
  local perform = given
  if type(given) ~= "function" then
    perform = function(view)
      return given:perform(view)
    end
  end
  return function(made)
    if made.client.closed then
      errors.misuse("the client is closed")
    end
    local view = asked.new(made)
    if made.deadline then
      local left = math.max(0, made.deadline - scheduler.now())
      return finish(made, tasks.with_timeout(left, perform, view))
    end
    return finish(made, perform(view))
  end
end

--- The client that it belonged to is closed.
function agent.close(given)
  if type(given) ~= "function" and given.close then
    given:close()
  end
end

return agent
