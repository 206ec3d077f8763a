-- Prints what a server tells, one event a line, whatever becomes of the connection or the
-- server. With FILE it goes on in the next run where it was in this one.
--   lua5.4 examples/event_source.lua URL [FILE]
local ms = require("multisock")

local url, path = arg[1], arg[2]
if url == nil then
  io.stderr:write("usage: lua5.4 examples/event_source.lua URL [FILE]\n")
  os.exit(2)
end

local function read_id()
  local file = path and io.open(path)
  local id = file and file:read("*l")
  if file then
    file:close()
  end
  return id
end

local function keep_id(id)
  local file = assert(io.open(path, "w"))
  file:write(id, "\n")
  file:close()
end

local function show()
  -- A connection that has been silent for a minute is dead: servers send comments meanwhile.
  for event in ms.eventsource(url, { last_event_id = read_id(), timeout = { idle = 60 } }) do
    print(event.type, (event.data:gsub("\n", " ")))
    io.flush()
    if path and event.id ~= "" then
      keep_id(event.id)             -- when it is done with, so that none is lost
    end
  end
end

-- It ends when the server says that there is no more (204), or that it was wrong to ask.
local ok, err = pcall(show)
if not ok then
  io.stderr:write(tostring(err), "\n")
end
os.exit(ok and 0 or 1, true)
