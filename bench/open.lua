-- What many connections take that stay open, and whether they wake anybody while nothing
-- comes: WebSockets, streams of events, event sources.
--   python3 bench/open.py                        prints the PORT
--   lua5.4 bench/open.lua KIND PORT [COUNT]      KIND: websocket, events or eventsource
local ms = require("multisock")

io.stdout:setvbuf("line")
local kind, port = assert(arg[1], "a kind is missing"), assert(arg[2], "a port is missing")
local count = tonumber(arg[3]) or 10000
local base = "://127.0.0.1:" .. port

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

-- Each: opens one of a client; what is to be done with what it returned, if anything, while
-- nothing comes; has something go over all of these.
local KINDS = {}

KINDS.websocket = {
  open = function(client)
    return ms.assert(client:websocket("ws" .. base))
  end,
  wait = function(ws)
    return ws
  end,
  exchange = function(sockets)
    ms.map(sockets, function(ws)
      ms.assert(ws:send("hello"))
      assert(ms.assert(ws:receive()) == "hello")
    end)
  end,
}

local function tell_all(tasks)
  ms.assert(ms.get("http" .. base .. "/tell"))
  for _, task in ipairs(tasks) do
    assert(task:await().data == "hello")
  end
end

-- A stream is read by a task, as in a program; its first event has come.
KINDS.events = {
  open = function(client)
    local read = ms.assert(client:get("http" .. base)):events()
    assert(read().data == "hello")
    return read
  end,
  wait = ms.spawn, exchange = tell_all,
}

KINDS.eventsource = {
  open = function(client)
    local source = client:eventsource("http" .. base)
    assert(ms.assert(source:read()).data == "hello")
    return function() return source:read() end
  end,
  wait = ms.spawn, exchange = tell_all,
}

ms.run(function()
  local client = ms.client({ limits = { connections = count }, timeout = { idle = math.huge } })
  local does = assert(KINDS[kind], "KIND: websocket, events or eventsource")
  local before, started, numbers = resident(), ms.now(), {}
  for i = 1, count do
    numbers[i] = i
  end
  local opened = ms.map(numbers, function() return does.open(client) end)
  for i = 1, count do
    opened[i] = does.wait(opened[i])
  end
  ms.sleep(0)
  print(("%d open after %.1f s: %.1f KiB each, of them %.1f KiB of Lua's"):format(count,
    ms.now() - started, (resident() - before) / count, collectgarbage("count") / count))
  ms.sleep(33)                        -- libcurl's limit for connecting has passed
  local switches = status("ctxt_switches:%s*(%d+)")
  ms.sleep(20)
  print(("20 s in which nothing comes: %d context switches"):format(
    status("ctxt_switches:%s*(%d+)") - switches))
  started = ms.now()
  does.exchange(opened)
  print(("a message on each: %.1f s; %.1f KiB each"):format(ms.now() - started,
    (resident() - before) / count))
  client:close()
end)
