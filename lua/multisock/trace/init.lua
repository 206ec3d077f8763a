-- ms.trace: every event of all clients. Loaded at first use.
local client = require("multisock.client")
local errors = require("multisock.base.errors")
local values = require("multisock.base.values")

local trace = {}

--- @param fn function(event) @return function that ends it
function trace.start(fn)
  if type(fn) ~= "function" then
    errors.misuse("trace: function expected, got " .. values.describe(fn))
  end
  local function mine(event)
    fn(event)
  end
  local list = {}
  for _, other in ipairs(client.tracers()) do
    list[#list + 1] = other
  end
  list[#list + 1] = mine
  client.trace(list)
  return function()
    local kept = {}
    for _, other in ipairs(client.tracers()) do
      if other ~= mine then
        kept[#kept + 1] = other
      end
    end
    client.trace(kept)
  end
end

--- What the environment asks for: `MULTISOCK_TRACE=1` has all events printed.
function trace.of_environment()
  local asked = os.getenv("MULTISOCK_TRACE")
  if asked == "1" then
    trace.start(require("multisock.trace.printer").new())
  elseif asked and asked ~= "" and asked ~= "0" then
    io.stderr:write("multisock: MULTISOCK_TRACE is 1, or is not set\n")
  end
end

return trace
