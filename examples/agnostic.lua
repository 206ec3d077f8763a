-- Runs 100 transfers with libcurl's agnostic interface alone: socketfunction,
-- timerfunction, socket_action and info_read of multisock.core, in a loop that
-- is written here, in Lua. Any event loop can take its place.
--
--   lua5.4 examples/agnostic.lua URL...
--
-- One address is fetched 100 times, several are taken in turn. Lua cannot wait
-- for sockets itself: this uses luasocket's select (Debian: lua-socket).
local core = require("multisock.core")
local socket = require("socket")

local TRANSFERS = 100

local urls = { ... }
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/agnostic.lua URL...\n")
  os.exit(2)
end

-- What libcurl wants to know: sockets by descriptor, and when its timer is due.
local wanted, due = {}, nil

local multi = assert(core.multi {
  socketfunction = function(_, fd, what)
    wanted[fd] = what ~= "remove" and what or nil
  end,
  timerfunction = function(ms)
    due = ms and socket.gettime() + ms / 1000
  end,
})

local sizes = {}
for i = 1, TRANSFERS do
  local easy
  easy = assert(core.easy {
    url = urls[(i - 1) % #urls + 1],
    timeout_ms = 60000,
    writefunction = function(bytes)
      sizes[easy] = sizes[easy] + #bytes
    end,
  })
  sizes[easy] = 0
  assert(multi:add_handle(easy))
end

-- select wants objects that know their descriptor.
local function waiting_for(direction)
  local list = {}
  for fd, what in pairs(wanted) do
    if what == direction or what == "inout" then
      list[#list + 1] = { fd = fd, getfd = function() return fd end }
    end
  end
  return list
end

-- Waits for the sockets and the timer, and tells libcurl what happened. The
-- return value is the count of transfers that still run.
local function turn()
  local timeout = due and math.max(due - socket.gettime(), 0) or nil
  local readable, writable = socket.select(waiting_for("in"), waiting_for("out"), timeout)
  local running
  for _, ready in ipairs(readable) do
    running = assert(multi:socket_action(ready.fd, "in"))
  end
  for _, ready in ipairs(writable) do
    -- What was done for another socket may have ended this one.
    if wanted[ready.fd] then
      running = assert(multi:socket_action(ready.fd, "out"))
    end
  end
  if due and due <= socket.gettime() then
    due = nil
    running = assert(multi:socket_action())
  end
  return running
end

local counts, order, bytes, failed = {}, {}, 0, 0

-- Counts each result: a status, or what went wrong.
local function take_results()
  while true do
    local easy, ok, err = multi:info_read()
    if easy == nil then
      return
    end
    local result = ok and ("status %d"):format(easy:getinfo("response_code"))
      or ("%s (%s)"):format(err.kind, err.code)
    if not counts[result] then
      counts[result] = 0
      order[#order + 1] = result
    end
    counts[result] = counts[result] + 1
    bytes = bytes + sizes[easy]
    failed = failed + (ok and 0 or 1)
    multi:remove_handle(easy)
    easy:close()
  end
end

local started = socket.gettime()
repeat
  local running = turn()
  take_results()
until running == 0

for _, result in ipairs(order) do
  print(("%4d  %s"):format(counts[result], result))
end
print(("%d transfers, %d failed, %d bytes, %.2f s"):format(
  TRANSFERS, failed, bytes, socket.gettime() - started))
multi:close()
os.exit(failed == 0, true)
