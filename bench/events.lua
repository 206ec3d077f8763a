-- How many events of one stream are read in a second of CPU.
--   python3 bench/open.py                        prints the PORT
--   lua5.4 bench/events.lua PORT [COUNT]
local ms = require("multisock")

local url = "http://127.0.0.1:" .. assert(arg[1], "a port is missing")
local count = tonumber(arg[2]) or 500000

local function measure(what, options)
  local response = ms.assert(ms.get(("%s/burst/%d"):format(url, count)))
  local before, seen = os.clock(), 0
  for event in response:events(options) do
    seen = seen + 1
    assert(event.id == tostring(seen - 1))
  end
  assert(seen == count)
  print(("%s: %.0f events in a second of CPU"):format(what, count / (os.clock() - before)))
end

ms.run(function()
  measure("as text")
  measure("as JSON", { json = true })
end)
