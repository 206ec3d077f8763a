-- What all specs share, loaded before them: a deadline for each, what must not be left
-- after it, and an aggressive collector when MULTISOCK_STRESS_GC asks for it.
local admission = require("multisock.connection.admission")
local compat = require("multisock.base.compat")
local ms = require("multisock")
local scheduler = require("multisock.tasks.scheduler")
local shell = require("spec.support.shell")
local stream = require("multisock.connection.stream")
local waiting = require("multisock.tasks.waiting")
local portable = package.loaded["spec.support.portable"]

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

--- So many, or a few where the collector never rests: it looks at all of them each time.
function helper.many(count)
  return os.getenv("MULTISOCK_STRESS_GC") == "1" and math.ceil(count / 5) or count
end

if os.getenv("MULTISOCK_STRESS_GC") == "1" then
  if _VERSION == "Lua 5.4" then
    collectgarbage("incremental", 1, 1000)
  else
    collectgarbage("setpause", 1)
    collectgarbage("setstepmul", 1000)
  end
end

--- Seconds, stretched where the tools make everything slow (valgrind).
function helper.seconds(seconds)
  return seconds * TIME_SCALE
end

--- Whether times can be measured: not under valgrind and the like.
helper.timing_is_real = TIME_SCALE == 1

--- Whether blocks close variables at their end: `local x <close> =`.
helper.has_close = portable == nil

-- Ends the spec that runs as skipped. It has `pending` in its own environment;
-- `busted.pending` would do nothing there.
local pending = require("busted.core")().pending

--- A spec of what happens at the end of a block.
function helper.of_block(fn)
  return helper.has_close and fn or function()
    pending(_VERSION .. " closes no variables at the end of a block")
  end
end

--- A spec of waiting in a for loop, a metamethod or pcall, in a task.
function helper.of_loop(fn)
  return compat.yields_in_pcall and fn or function()
    pending("Lua 5.1 cannot suspend there")
  end
end

--- Closes what Lua 5.4 would have closed by itself.
local function close_all()
  if portable then
    portable.close()
  end
end

--- As math.type of Lua 5.3. Before, the two are the same: a number that could be
-- either is `expected`.
function helper.number_type(value, expected)
  if math.type then
    return math.type(value)
  end
  return type(value) == "number" and (expected == "float" or value % 1 == 0) and expected or nil
end

helper.read_file, helper.write_file = shell.read_file, shell.write_file

-- Where nothing can wait inside xpcall, a task of its own protects.
local protect = compat.yields_in_pcall and function(fn)
  return xpcall(fn, function(err)
    return type(err) == "string" and debug.traceback(err, 2) or err
  end)
end or function(fn)
  return ms.spawn(fn):join()
end

--- A spec body that runs as a task and fails after `seconds` (10).
function helper.task(fn, seconds)
  seconds = helper.seconds(seconds or 10)
  return function()
    ms.run(function()
      local guard = waiting.at(ms.now() + seconds, function()
        error(("the spec was not done after %g s"):format(seconds), 0)
      end)
      local ok, err = protect(fn)
      close_all()
      waiting.cancel_timer(guard)
      if not ok then
        error(err, 0)
      end
    end)
  end
end

--- A spec body on the clock of a mock, where time passes at once: `fn(mock)`.
-- @param options? as for ms.mock
function helper.simulated(options, fn)
  return function()
    local mock = ms.mock(options)
    mock:run(fn, mock)
    close_all()
  end
end

local function collect_once()
  collectgarbage()
  ms.step(0)
end

--- Collects all that can be collected, and lets the loop end what that ended.
function helper.collect()
  for _ = 1, 3 do
    collect_once()
  end
end

-- What is left running, in words: tasks, timers, waiters, places.
local function left_over()
  local tasks, timers, ready = scheduler.pending()
  local connections = admission.counts()
  return tasks ~= 0 and ("%d tasks left"):format(tasks)
    or timers ~= 0 and ("%d timers left"):format(timers)
    or ready ~= 0 and ("%d woken tasks left"):format(ready)
    or stream.counts() ~= 0 and "somebody still waits for a transfer"
    or connections ~= 0 and ("%d connections still counted"):format(connections)
    or nil
end

--- Asserts that nothing is left running. What one collection ended is not collected
-- again: to collect is most of what a small spec costs.
function helper.check_leaks()
  close_all()
  collect_once()
  local left = left_over()
  if left then
    helper.collect()
    left = left_over()
  end
  assert(left == nil, left)
end

--- The loop's clock without the time that this thread could have run, but others
-- did: a busy machine is nobody's fault. The clock alone where the kernel does not
-- tell.
function helper.own_time()
  local text = shell.read_file("/proc/thread-self/schedstat") or ""
  return ms.now() - (tonumber(text:match("^%d+ (%d+)")) or 0) / 1e9
end

--- KiB of resident memory now.
function helper.resident_kib()
  return tonumber(shell.read_file("/proc/self/status"):match("VmRSS:%s*(%d+)"))
end

--- What an iterator gives, as a list: also where a loop of Lua's cannot wait for it.
function helper.all_of(iterator)
  local list = {}
  local value = iterator()
  while value ~= nil do
    list[#list + 1] = value
    value = iterator()
  end
  return list
end

--- A function that gives a piece so many times, each after a pause.
-- @param pause? seconds; nil: it does not wait
function helper.pieces(count, piece, pause)
  return function()
    if pause then
      ms.sleep(pause)
    end
    count = count - 1
    return count >= 0 and piece or nil
  end
end

--- How many bytes an iterator gives.
function helper.length_of(iterator)
  local length = 0
  for piece in iterator do
    length = length + #piece
  end
  return length
end

--- The names of the things in a list, as one string.
function helper.names(list)
  local names = {}
  for i, thing in ipairs(list) do
    names[i] = thing.name
  end
  return table.concat(names, " ")
end

--- Adds the fields of `more`, and returns the table.
function helper.with(fields, more)
  for name, value in pairs(more or {}) do
    fields[name] = value
  end
  return fields
end

--- A text as a part of a URL: %XX for each byte that is neither letter nor digit.
function helper.escape(text)
  return (text:gsub("[^%w]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

--- The err of what has returned nil, err, as it must.
function helper.err_of(value, err)
  assert(value == nil, "no error, but " .. tostring(value))
  return err
end

--- What a call raises that must fail.
function helper.failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert(ok == false, "the call has not failed")
  return err
end

return helper
