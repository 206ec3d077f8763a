-- What ms.eventsource takes: options of its own, and those of requests.
local checks = require("multisock.request.options").checks
local own_options = require("multisock.request.own_options")
local pairs = require("multisock.base.compat").pairs

local options = {}

local function delay(name, value)
  if type(value) ~= "number" or value ~= value or value < 0 then
    checks.expected(name, "seconds of 0 or more", value)
  end
  return value
end

local function header_value(name, value)
  if type(value) ~= "string" or value:find("[%z\r\n]") then
    checks.expected(name, "string of one line", value)
  end
  return value
end

local function count_or_huge(name, value)
  return value == math.huge and value or checks.count(name, value)
end

local function last(name, value)
  if type(value) ~= "string" and type(value) ~= "function" then
    checks.expected(name, "string or function", value)
  end
  return value
end

-- What an event source takes beside the options of requests, as rows: see request/options.lua.
local OWN = {
  reconnect = { check = delay, type = "number", default = 3,
    doc = "seconds between two connections, until the server says another time (`retry:`)" },
  last_event_id = { check = header_value, type = "string",
    doc = "the id of the last event that an earlier run has seen: the server goes on behind it" },
  tries = { check = count_or_huge, type = "integer", default = math.huge, shown = "`math.huge`",
    doc = "so many connections in a row that bring no event are tried again; 0: none is" },
  max_size = { check = own_options.size_or_huge, type = "integer", shown = "1 MiB",
    doc = "bytes of an event at most" },
  done = { check = last, type = "string|fun(event: multisock.ServerEvent): boolean",
    doc = "the data of the last event, or a function that knows it: then the source ends" },
  json = { check = checks.boolean, type = "boolean", default = false,
    doc = "decodes the data of each event" },
}
options.rows = OWN

-- It is asked for with GET, as often as it takes, and read while it comes.
local REFUSED = {}
for _, name in ipairs({ "method", "body", "form", "multipart", "buffer" }) do
  REFUSED[name] = " is not for event sources"
end

-- Of a source there is no whole: the client's limit is not for it.
local function without_total(timeout)
  if timeout ~= nil and type(timeout) ~= "table" then
    return timeout
  end
  local copy = {}
  for name, value in pairs(timeout or {}) do
    copy[name] = value
  end
  copy.total = copy.total or math.huge
  return copy
end

--- @param given table as a user gives it @return options of its own, options of its requests
function options.check(given)
  local own, asked = own_options.split("eventsource", OWN, REFUSED, given)
  asked.timeout = without_total(given.timeout)
  asked.buffer, asked.cache, asked.fail_on_error = false, false, false
  return own, asked
end

return options
