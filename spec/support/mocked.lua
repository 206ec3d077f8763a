-- What specs of mocks share.
local helper = require("spec.helper")
local ms = require("multisock")

local mocked = {}

--- A mock of these routes, and a client over it.
function mocked.over(routes, options, more)
  local given = { routes = routes }
  helper.with(given, more)
  options = options or {}
  options.agent = ms.mock(given)
  return ms.client(options), options.agent
end

--- What makes specs with a client of a mock: function(fn, options), see helper.simulated. The
-- spec is fn(client, mock).
-- @param server options of the mock
function mocked.served(server)
  return function(fn, options)
    return helper.simulated(server, function(mock)
      local client = ms.client(helper.with({ agent = mock }, options))
      fn(client, mock)
      client:close()
    end)
  end
end

--- The body of what a client gets.
function mocked.text(client, url, options)
  return ms.assert(ms.assert(client:get(url, options)):text())
end

--- What a log has: each entry with the seconds since the first.
-- @return function(what), and without `what` the list of all
function mocked.new_log()
  local began, list = ms.now(), {}
  return function(what)
    if what == nil then
      return list
    end
    list[#list + 1] = ("%s %.3f"):format(what, ms.now() - began)
  end
end

--- Runs `fn(mock, log)` on the clock of a mock. @return what was logged
function mocked.logged(fn, options)
  local mock = ms.mock(options)
  return mock:run(function()
    local log = mocked.new_log()
    fn(mock, log)
    return log()
  end)
end

return mocked
