-- libevent, through luaevent: on the base that luaevent.loop() runs.
local compat = require("multisock.base.compat")
local luaevent = require("luaevent")

local core = luaevent.core

local event = { name = "event" }

-- luaevent keeps it to itself.
local function find_base()
  local name, value = debug.getupvalue(luaevent.loop, 1)
  return name == "base" and value or core.new()
end

--- The base: event.base:loop() is the same as luaevent.loop().
event.base = find_base()

local base = event.base
local stepping = false

-- A step ends with the events that came together.
local function leave()
  if stepping then
    stepping = false
    base:loopexit(0)
  end
end

local KINDS = { ["in"] = core.EV_READ, out = core.EV_WRITE, inout = core.EV_READ + core.EV_WRITE }
local WHAT = { [core.EV_READ] = "in", [core.EV_WRITE] = "out", [KINDS.inout] = "inout" }

local watches = {}

function event.watch(fd, what, fn)
  if watches[fd] then
    watches[fd]:close()
    watches[fd] = nil
  end
  if what then
    watches[fd] = base:addevent(fd, KINDS[what], function(kind)
      leave()
      fn(fd, WHAT[kind])
      return KINDS[what]
    end)
  end
end

function event.listen(fd, fn)
  event.watch(fd, fn and "in", fn)
end

-- Nothing of luaevent's may be collected while it is called: the closure has it.
local function after(seconds, fn)
  local entry
  entry = base:addevent(nil, core.EV_TIMEOUT, function()
    leave()
    if entry then
      fn()
    end
    return core.LEAVE
  end, seconds)
  return entry
end

local timer

function event.timer(seconds, fn)
  if timer then
    timer:close()
    timer = nil
  end
  if seconds then
    timer = after(seconds, function()
      timer = nil
      fn()
    end)
  end
end

local function nothing() end

function event.step(timeout)
  local alarm = timeout and after(timeout, nothing)
  stepping = true
  base:loop()
  stepping = false
  if alarm then
    alarm:close()
  end
end

function event.is_running()
  return compat.is_on_stack(base.loop)
end

return event
