-- The load through luasocket on copas, which makes a connection for each
-- request. bench/run puts copas on the path.
local copas = require "copas"
local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"
local support = dofile(arg[0]:match("^(.*/)") .. "support.lua")

local options = support.options(arg, "copas")
local tally = support.tally("copas", options, socket.gettime)

-- What socket.http asks of a socket and the wrapper of old copas lacks: its
-- settimeout() returns nothing, which socket.http takes for a failure.
local function create()
  local plain = socket.tcp()
  local wrapped = copas.wrap(plain)
  return {
    connect = function(_, host, port)
      return copas.connect(plain, host, port)
    end,
    send = function(_, ...)
      return wrapped:send(...)
    end,
    receive = function(_, pattern, prefix)
      return copas.receive(plain, pattern, prefix)
    end,
    settimeout = function()
      return 1
    end,
    close = function()
      return plain:close()
    end,
  }
end

local function perform()
  local parts = {}
  local done, status = http.request {
    url = options.url, create = create, sink = ltn12.sink.table(parts),
  }
  local body = table.concat(parts)
  if not done then
    return status or "it failed without a reason"
  elseif status ~= 200 then
    return "the status is not 200"
  elseif #body ~= tally:expect(#body) then
    return "the body has the wrong length"
  end
end

local running = options.connections

local function loop()
  tally:loop(perform)
  running = running - 1
end

if options.requests then
  tally:open()
end
for _ = 1, options.connections do
  copas.addthread(loop)
end
-- Not copas.loop(): old ones never return.
local turn = options.seconds and socket.gettime() + support.WARM_UP
while running > 0 do
  copas.step(0.1)
  if turn and socket.gettime() >= turn then
    if tally.measuring then
      tally:close()
      turn = nil
    else
      tally:open()
      turn = socket.gettime() + options.seconds
    end
  end
end
if options.requests then
  tally:close()
end
tally:print()
