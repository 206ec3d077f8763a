-- Loaded by busted before the specs: a deadline for each, a leak check after
-- each, and an aggressive collector when MULTISOCK_STRESS_GC asks for it.
local admission = require("multisock.admission")
local ms = require("multisock")
local scheduler = require("multisock.scheduler")
local stream = require("multisock.stream")

local helper = {}

-- All specs of transfers and tasks can be run on any loop. NAME/watch is one whose
-- adapter has `listen`, without that.
local function use_loop(name)
  local plain = name:match("^(.*)/watch$")
  if plain == nil then
    return ms.use_loop(name)
  end
  local adapter = {}
  for field, value in pairs(require("multisock.loop." .. plain)) do
    adapter[field] = field ~= "listen" and value or nil
  end
  ms.use_loop(adapter)
end

if os.getenv("MULTISOCK_LOOP") then
  use_loop(os.getenv("MULTISOCK_LOOP"))
end

local TIME_SCALE = tonumber(os.getenv("MULTISOCK_TIME_SCALE") or "1")

if os.getenv("MULTISOCK_STRESS_GC") == "1" then
  collectgarbage("incremental", 1, 1000)
end

--- Seconds, stretched where the tools make everything slow (valgrind).
function helper.seconds(seconds)
  return seconds * TIME_SCALE
end

--- Whether times can be measured: not under valgrind and the like.
helper.timing_is_real = TIME_SCALE == 1

--- A spec body that runs as a task and fails after `seconds` (10).
function helper.task(fn, seconds)
  seconds = helper.seconds(seconds or 10)
  return function()
    ms.run(function()
      local guard = scheduler.at(ms.now() + seconds, function()
        error(("the spec was not done after %g s"):format(seconds), 0)
      end)
      local ok, err = xpcall(fn, function(err)
        return type(err) == "string" and debug.traceback(err, 2) or err
      end)
      scheduler.cancel_timer(guard)
      if not ok then
        error(err, 0)
      end
    end)
  end
end

--- Collects all that can be collected, and lets the loop end what that ended.
function helper.collect()
  for _ = 1, 3 do
    collectgarbage()
    ms.step(0)
  end
end

--- Asserts that nothing is left running: tasks, timers, waiters, places.
function helper.check_leaks()
  helper.collect()
  local tasks, timers, ready = scheduler.pending()
  local connections = admission.counts()
  assert(tasks == 0, ("%d tasks left"):format(tasks))
  assert(timers == 0, ("%d timers left"):format(timers))
  assert(ready == 0, ("%d woken tasks left"):format(ready))
  assert(stream.counts() == 0, "somebody still waits for a transfer")
  assert(connections == 0, ("%d connections still counted"):format(connections))
end

--- KiB of resident memory now.
function helper.resident_kib()
  local file = assert(io.open("/proc/self/status"))
  local kib = tonumber(file:read("a"):match("VmRSS:%s*(%d+)"))
  file:close()
  return kib
end

return helper
