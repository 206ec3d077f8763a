-- How a host runs each of the loops itself, for the conformance suite: by name,
-- `run(start, done)` has `start` called in the running loop, and returns when the
-- loop has ended; one that never ends is left when `done()`. `ends`: the loop
-- ends by itself when nothing is left. `tick(seconds, fn)` is a timer of its own.
-- `coroutines`: `start` runs in a coroutine of its scheduler.
local hosts = {}

function hosts.luv()
  local uv = require("luv")
  local host = { ends = true }
  function host.tick(seconds, fn)
    local timer = uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, function()
      timer:close()
      fn()
    end)
  end
  function host.run(start)
    host.tick(0, start)
    uv.run()
  end
  return host
end

function hosts.cqueues()
  local cqueues = require("cqueues")
  local host = { ends = true, coroutines = true }
  local controller
  function host.tick(seconds, fn)
    controller:wrap(function()
      cqueues.sleep(seconds)
      fn()
    end)
  end
  function host.run(start)
    controller = cqueues.new()
    controller:wrap(start)
    assert(controller:loop())
  end
  return host
end

function hosts.copas()
  local copas = require("copas")
  local socket = require("socket")
  local host = { ends = false, coroutines = true }
  -- Copas 1 has no timers: a look at each step.
  local ticks = {}
  function host.tick(seconds, fn)
    ticks[#ticks + 1] = { at = socket.gettime() + seconds, fn = fn }
  end
  function host.run(start, done)
    copas.addthread(start)
    repeat
      copas.step(0.01)
      for i = #ticks, 1, -1 do
        if ticks[i].at <= socket.gettime() then
          table.remove(ticks, i).fn()
        end
      end
    until done()
  end
  return host
end

function hosts.event()
  local luaevent = require("luaevent")
  local base = require("multisock.loop.event").base
  local core = luaevent.core
  local host = { ends = true }
  function host.tick(seconds, fn)
    local event
    event = base:addevent(nil, core.EV_TIMEOUT, function()
      if event then
        fn()
      end
      return core.LEAVE
    end, seconds)
  end
  function host.run(start)
    host.tick(0, start)
    luaevent.loop()
  end
  return host
end

-- Only multisock's own binding is there: no timer of a host's.
function hosts.ev()
  local ev = require("multisock.loop.ev")
  local host = { ends = true }
  function host.run(start)
    require("multisock").spawn(start)
    ev.run()
  end
  return host
end

function hosts.glib()
  local GLib = require("lgi").GLib
  local host = { ends = false }
  local function after(milliseconds, fn)
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, milliseconds, fn)
  end
  function host.tick(seconds, fn)
    after(math.ceil(seconds * 1000), function()
      fn()
      return false
    end)
  end
  function host.run(start, done)
    local loop = GLib.MainLoop()
    host.tick(0, start)
    after(10, function()
      if done() then
        loop:quit()
        return false
      end
      return true
    end)
    loop:run()
  end
  return host
end

-- No loop at all: a host that draws, and calls ms.step in each frame.
function hosts.frames()
  local ms = require("multisock")
  local host = { ends = false, frames = true }
  function host.run(start, done)
    start()
    repeat
      local ok, err = xpcall(function() ms.step(0.002, 0.005) end, tostring)
      if not ok then
        print(err)
      end
    until done()
  end
  return host
end

return hosts
