-- What specs ask of the servers and of the machine beside their own requests.
local ms = require("multisock")
local helper = require("spec.helper")
local shell = require("spec.support.shell")

local probe = {}

--- Waits until `fn` gives something true, `seconds` (5) at most.
-- @return what fn gave
function probe.eventually(fn, seconds)
  local deadline = ms.now() + helper.seconds(seconds or 5)
  while true do
    local value = fn()
    if value then
      return value
    elseif ms.now() > deadline then
      error("it did not happen in time", 2)
    end
    ms.sleep(0.02)
  end
end

--- What hostile.py has counted, asked on a connection of its own that it does
-- not show: {connections, requests, open, peak, paths}.
function probe.stats(hostile)
  local client = ms.client({ tls = { ca = hostile.ca } })
  local stats = ms.assert(ms.assert(client:get(hostile.url("/stats"))):json())
  client:close()
  stats.open = stats.open - 1
  return stats
end

--- Sets the counts to 0 once all connections of before are closed.
function probe.reset(hostile)
  probe.eventually(function()
    return probe.stats(hostile).open == 0
  end)
  local client = ms.client({ tls = { ca = hostile.ca } })
  ms.assert(client:get(hostile.url("/stats-reset")))
  client:close()
end

--- Waits until hostile.py has so many connections open.
function probe.open_becomes(hostile, count)
  probe.eventually(function()
    return probe.stats(hostile).open == count
  end)
end

--- The command before another one that runs it in namespaces of its own, where it
-- may mount, and with `net` has a network of its own. Root can do that anywhere,
-- others where the system lets them.
-- @return string; nil where it cannot be
function probe.apart(net)
  for _, more in ipairs({ "", " --map-root-user" }) do
    local command = "unshare --mount" .. (net and " --net" or "") .. more
    if shell.output(command .. " echo yes 2>/dev/null") == "yes" then
      return command
    end
  end
end

local BLACKHOLE = [[
import os, socket, sys, time
parent = os.getppid()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
port, answers, reads = listener.getsockname()[1], int(sys.argv[1]), int(sys.argv[2])
def read(connection):
    head = b"?"
    while head and not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1) or sys.exit()
if answers:
    print(port, os.getpid(), flush=True)
    connection, _ = listener.accept()
    for _ in range(answers):
        read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
others = [socket.socket() for _ in range(4)]
for other in others:
    other.setblocking(False)
    other.connect_ex(listener.getsockname())
if answers:
    if reads:
        read(connection)
    connection.close()
    if len(sys.argv) > 3:
        other = socket.create_server((sys.argv[3], port))
        connection, _ = other.accept()
        read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
else:
    print(port, os.getpid(), flush=True)
while os.getppid() == parent:
    time.sleep(0.1)
]]

--- A port of 127.0.0.1 that answers no SYN: its queue is full.
-- @param answers? integer: before, it gives so many on one connection, and then closes it
-- @param reads? boolean: once it has read another request on it
-- @param other? string: an address that gives one answer then, "other"
-- @return {port=, url=, stop=function}
function probe.blackhole(answers, reads, other)
  local pipe = assert(io.popen(("exec /usr/bin/python3 -c '%s' %d %d %s"):format(BLACKHOLE,
    answers or 0, reads and 1 or 0, other or "")))
  local port, pid = pipe:read("*n", "*n")
  assert(pid, "the blackhole did not start")
  return {
    port = port,
    url = "http://127.0.0.1:" .. port .. "/",
    stop = function()
      os.execute("kill " .. pid)
      pipe:close()
    end,
  }
end

--- A port of 127.0.0.1 where nobody listens.
function probe.closed_port()
  return tonumber(shell.output("/usr/bin/python3 -c 'import socket; s = socket.socket(); "
    .. 's.bind(("127.0.0.1", 0)); print(s.getsockname()[1])\''))
end

--- The URL of an answer that is sent as it is: "/raw" of hostile.py.
-- @param fields table with `text`, and optionally `next` and `close`
function probe.raw(hostile, fields)
  local query = {}
  for _, name in ipairs({ "text", "next", "close" }) do
    if fields[name] then
      query[#query + 1] = name .. "=" .. helper.escape(tostring(fields[name]))
    end
  end
  return hostile.url("/raw?" .. table.concat(query, "&"))
end

return probe
