-- GLib's default main context, through lgi: the loop of GTK programs and of awesome.
local lgi = require("lgi")

local GLib = lgi.GLib
local context = GLib.MainContext.default()

local glib = { name = "glib" }

local listener

function glib.listen(fd, fn)
  if listener then
    GLib.source_remove(listener)
    listener = nil
  end
  if fn then
    listener = GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, fd, GLib.IOCondition.IN, function()
      fn()
      return true                   -- again
    end)
  end
end

local function after(seconds, fn)
  local milliseconds = math.ceil(math.min(seconds, 1e6) * 1000)
  return GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, function()
    fn()
    return false
  end)
end

local timer

function glib.timer(seconds, fn)
  if timer then
    GLib.source_remove(timer)
    timer = nil
  end
  if seconds then
    timer = after(seconds, function()
      timer = nil
      fn()
    end)
  end
end

function glib.step(timeout)
  local alarm
  alarm = timeout and timeout > 0 and after(timeout, function()
    alarm = nil
  end)
  context:iteration(timeout ~= 0)
  if alarm then
    GLib.source_remove(alarm)
  end
end

-- A source is being dispatched: a callback of the program's, or below one.
function glib.is_running()
  return GLib.main_depth() > 0
end

return glib
