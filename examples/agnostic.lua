-- Runs 100 transfers with libcurl's agnostic interface alone: socketfunction,
-- timerfunction, socket_action, assign and info_read of multisock.core, in a
-- loop that is written here, in Lua. Any event loop can take its place.
--
--   lua5.4 examples/agnostic.lua URL...
--
-- One address is fetched 100 times, several are taken in turn, 20 at a time;
-- every tenth is taken out again. Lua cannot wait for sockets itself: a second
-- multi, without transfers, serves as poll(2), so that nothing but the core is
-- needed.
local core = require("multisock.core")

local TRANSFERS, AT_ONCE = 100, 20

local urls = { ... }
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/agnostic.lua URL...\n")
  os.exit(2)
end

local poller = assert(core.multi())

-- What libcurl wants to know: sockets by descriptor, and when its one timer is
-- due. Setting the timer replaces what it was.
local watches, due = {}, nil

local multi
multi = assert(core.multi {
  -- The first time a socket comes without a watch: one is made and assigned to
  -- it, and libcurl hands it over from then on, until "remove".
  socketfunction = function(_, fd, what, watch)
    if what == "remove" then
      watches[fd] = nil
      return
    end
    if not watch then
      watch = { fd = fd }
      multi:assign(fd, watch)
    end
    watch.events = what ~= "none" and what or nil
    watches[fd] = watch.events and watch
  end,
  timerfunction = function(ms)
    due = ms and core.now() + ms / 1000
  end,
})

local sizes, running, added, ended, removed = {}, 0, 0, 0, 0

local function remove(easy)
  assert(multi:remove_handle(easy))
  easy:close()
end

local function add()
  added = added + 1
  local easy
  easy = assert(core.easy {
    url = urls[(added - 1) % #urls + 1],
    timeout_ms = 60000,
    writefunction = function(bytes)
      sizes[easy] = sizes[easy] + #bytes
    end,
  })
  sizes[easy] = 0
  assert(multi:add_handle(easy))
  if added % 10 == 0 then
    -- Whatever it is doing: its socket goes with it.
    remove(easy)
    removed = removed + 1
  end
end

-- Waits for the sockets and the timer, and tells libcurl what happened.
local function turn()
  local list = {}
  for _, watch in pairs(watches) do
    list[#list + 1] = watch
  end
  local ms = due and math.ceil(math.max(due - core.now(), 0) * 1000) or 1000
  local _, ready = assert(poller:poll(ms, list))
  for _, event in ipairs(ready) do
    -- What was done for another socket may have ended this one.
    if watches[event.fd] then
      running = assert(multi:socket_action(event.fd, event.events))
    end
  end
  if due and due <= core.now() then
    due = nil
    running = assert(multi:socket_action())
  end
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
    ended = ended + 1
    bytes = bytes + sizes[easy]
    failed = failed + (ok and 0 or 1)
    remove(easy)
  end
end

local started, most = core.now(), 0
while ended + removed < TRANSFERS do
  while added < TRANSFERS and added - ended - removed < AT_ONCE do
    add()
  end
  turn()
  most = math.max(most, running)
  take_results()
end

for _, result in ipairs(order) do
  print(("%4d  %s"):format(counts[result], result))
end
print(("%d transfers, %d removed, %d failed, %d bytes, at most %d at once, %.2f s"):format(
  added, removed, failed, bytes, most, core.now() - started))
multi:close()
poller:close()
os.exit(failed == 0 and 0 or 1, true)
