-- The load through luasocket on copas, which makes a connection for each
-- request. bench/run puts copas on the path.
local copas = require "copas"
local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"
local support = dofile(arg[0]:match("^(.*/)") .. "support.lua")

local options = support.options(arg, "copas")
local tally = support.tally("copas", options, socket.gettime)

local function create()
  return copas.wrap(socket.tcp())
end

local function perform()
  local parts = {}
  local done, status = http.request {
    url = options.url, create = create, sink = ltn12.sink.table(parts),
  }
  local body = table.concat(parts)
  if not done then
    return status
  elseif status ~= 200 then
    return "the status is not 200"
  elseif #body ~= tally:expect(#body) then
    return "the body has the wrong length"
  end
end

local function loop()
  while tally:take() do
    local started = tally:start()
    tally:finish(perform(), started)
  end
end

if options.requests then
  tally:open()
end
for _ = 1, options.connections do
  copas.addthread(loop)
end
if options.seconds then
  copas.addthread(function()
    copas.sleep(support.WARM_UP)
    tally:open()
    copas.sleep(options.seconds)
    tally:close()
  end)
end
copas.loop()
if options.requests then
  tally:close()
end
tally:print()
