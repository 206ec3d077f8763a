-- Functions for the callback options: most do what is expected of them, some
-- call anything, close their own handle, raise, yield or return nonsense.
local journal = require("spec.fuzz.journal")
local values = require("spec.fuzz.values")

local callbacks = { frames = {}, act = function() end }

local random, chance, one = math.random, values.chance, values.one

local MOST_DEPTH = 3

-- What each role returns when it behaves.
local behaved = {}

function behaved.readfunction(room)
  if chance(40) then return nil end
  if chance(3) then return 0x10000001 end
  return values.bytes(math.min(tonumber(room) or 0, 3000))
end

function behaved.writefunction()
  if chance(3) then return 0x10000001 end
  if chance(2) then return false end
end

function behaved.opensocketfunction()
  return one { true, true, true, nil, false, 0, 1000 }
end

function behaved.hstsreadfunction()
  if chance(60) then return nil end
  return { host = one { "localhost", "a.example", ("h"):rep(300) }, include_subdomains = chance(50),
    expire = one { "20991231 23:59:59", "unlimited", "nonsense", nil } }
end

function behaved.trailerfunction()
  return one { nil, {}, { "X-Trailer: a" }, { "X-A: b", "X-C: d" }, { "x" } }
end

function behaved.xferinfofunction()
  if chance(3) then return false end
end
behaved.progressfunction = behaved.xferinfofunction

function behaved.pushfunction()
  return one { true, false, "ok", "deny", "errorout", nil }
end

function behaved.seekfunction()
  return one { true, nil, false }
end
behaved.fnmatch_function = behaved.seekfunction
behaved.chunk_bgn_function = behaved.seekfunction
behaved.ssh_keyfunction = behaved.seekfunction
behaved.ssh_hostkeyfunction = behaved.seekfunction

--- Values that callbacks raise; the oracle compares them.
local function raised_value()
  local choice = random(6)
  if choice == 1 then return "raised by the fuzzer" end
  if choice == 2 then return { fuzz = random(1000) } end
  if choice == 3 then return random(1000) end
  if choice == 4 then return setmetatable({}, { __tostring = function() error("no text") end }) end
  if choice == 5 then return false end
  return { kind = "timeout", message = "raised by the fuzzer" }
end

--- Begins a call in which callbacks may run; returns its frame.
function callbacks.enter(owner)
  local frame = { owner = owner }
  table.insert(callbacks.frames, frame)
  return frame
end

function callbacks.leave(frame)
  while #callbacks.frames > 0 and table.remove(callbacks.frames) ~= frame do end
end

-- What a multi's function raises is told by the call that drives this multi, and
-- by none when the collector closes it.
local of_multis = { socketfunction = true, timerfunction = true }

local function note(role, value, owner)
  local frame = callbacks.frames[#callbacks.frames]
  if frame and not frame.raised
    and (not of_multis[role] or owner and owner[1] == frame.owner) then
    frame.raised = { value = value, role = role }
  end
end

local function close_owner(owner)
  local object = owner and owner[1]
  if object then
    journal.write("closes its own " .. tostring(object))
    pcall(object.close, object)
    local frame = callbacks.frames[#callbacks.frames]
    if frame then frame.closed = true end
  end
end

-- Does something before it returns; may not return.
local function misbehave(role, owner)
  local choice = random(100)
  if choice <= 10 and journal.depth < MOST_DEPTH * 2 then
    for _ = 1, random(3) do callbacks.act() end
  elseif choice <= 13 then
    close_owner(owner)
  elseif choice <= 17 then
    local value = raised_value()
    journal.write("raises " .. journal.show(value))
    note(role, value, owner)
    error(value, 0)
  elseif choice == 18 then
    note(role, callbacks, owner)
    coroutine.yield("from a callback")
  elseif choice <= 20 then
    collectgarbage()
  end
end

--- Makes a function for a role. `owner` may be its object.
function callbacks.make(owner, role)
  local quiet = chance(40)
  -- Some callbacks hold their own object, which then is a cycle to collect.
  local held = owner and setmetatable({ owner }, chance(50) and { __mode = "v" } or nil)
  return function(...)
    journal.depth = journal.depth + 1
    journal.write(("in %s(%s)"):format(role, journal.arguments(table.pack(...))))
    local ok, err = pcall(function()
      if not quiet then misbehave(role, held) end
    end)
    journal.depth = journal.depth - 1
    if not ok then error(err, 0) end
    if not quiet and chance(4) then
      return values.any(1)
    end
    if behaved[role] then return behaved[role](...) end
  end
end

values.make_function = callbacks.make

return callbacks
