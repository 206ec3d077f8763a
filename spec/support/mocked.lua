-- What specs of mocks share.
local ms = require("multisock")

local mocked = {}

--- A mock of these routes, and a client over it.
function mocked.over(routes, options, more)
  local given = { routes = routes }
  for name, value in pairs(more or {}) do
    given[name] = value
  end
  options = options or {}
  options.agent = ms.mock(given)
  return ms.client(options), options.agent
end

--- The body of what a client gets.
function mocked.text(client, url, options)
  return ms.assert(ms.assert(client:get(url, options)):text())
end

return mocked
