-- One round, in a process of its own: round.lua MODE SEED STEPS. What it needs
-- of the servers is in the environment. Ends with status 0, or 1 after telling
-- what was wrong.
local mode, seed, steps = arg[1], tonumber(arg[2]), tonumber(arg[3])
math.randomseed(seed)

local callbacks = require("spec.fuzz.callbacks")
local journal = require("spec.fuzz.journal")
local values = require("spec.fuzz.values")
journal.open("journal")

local function words(name)
  local list = {}
  for word in (os.getenv(name) or ""):gmatch("%S+") do list[#list + 1] = word end
  return list
end

values.urls = words("FUZZ_URLS")
local options = require("spec.fuzz.options")
options.ports = {}
for i, port in ipairs(words("FUZZ_PORTS")) do options.ports[i] = tonumber(port) end
options.ca, options.unix_socket = os.getenv("FUZZ_CA"), os.getenv("FUZZ_SOCKET")

if os.getenv("FUZZ_STRESS_GC") == "1" then
  collectgarbage("incremental", 1, 1000)
  local collect = collectgarbage
  -- Other modes would let it rest.
  function collectgarbage(what, ...)   -- luacheck: ignore
    if what == nil or what == "step" then return collect(what or "collect", ...) end
  end
end

local level = require("spec.fuzz." .. mode)
local ok, err = xpcall(function()
  level.begin()
  for step = 1, steps // (level.calls or 1) do
    journal.write("-- step " .. step)
    level.act()
  end
  level.finish()
end, debug.traceback)
if not ok then journal.fail(tostring(err)) end
-- Lua finalizes nothing that is made while its state is being closed.
callbacks.act = function() end

print(journal.calls)
for _, text in ipairs(journal.failures or {}) do
  io.stderr:write("FAILURE: ", text, "\n")
end
os.exit(not journal.failures, true)
