-- What many open WebSockets take, and whether they wake anybody while nothing comes.
--   python3 bench/websockets.py              prints the PORT
--   lua5.4 bench/websockets.lua PORT [COUNT]
local ms = require("multisock")

local url = "ws://127.0.0.1:" .. assert(arg[1], "a port is missing")
local count = tonumber(arg[2]) or 9900

local function status(pattern)
  local sum = 0
  for line in io.lines("/proc/self/status") do
    sum = sum + (tonumber(line:match(pattern)) or 0)
  end
  return sum
end

local function resident()
  collectgarbage()
  collectgarbage()
  return status("^VmRSS:%s*(%d+)")
end

ms.run(function()
  local client = ms.client({ limits = { connections = count } })
  local before, started, numbers = resident(), ms.now(), {}
  for i = 1, count do
    numbers[i] = i
  end
  local sockets = ms.map(numbers, function()
    return ms.assert(client:websocket(url))
  end)
  local opened = ms.now() - started
  print(("%d open after %.1f s: %.1f KiB each, of them %.1f KiB of Lua's"):format(count, opened,
    (resident() - before) / count, collectgarbage("count") / count))
  ms.sleep(33)                        -- libcurl's limit for connecting has passed
  local switches = status("ctxt_switches:%s*(%d+)")
  ms.sleep(20)
  print(("20 s in which nothing comes: %d context switches"):format(
    status("ctxt_switches:%s*(%d+)") - switches))
  started = ms.now()
  ms.map(sockets, function(ws)
    ms.assert(ws:send("hello"))
    return ms.assert(ws:receive())
  end)
  print(("a message there and back, on each: %.1f s; %.1f KiB each"):format(ms.now() - started,
    (resident() - before) / count))
  client:close()
end)
