-- multisock on WeeChat's own event loop: nothing looks again and again, WeeChat wakes it
-- when there is something to do. Put this file where WeeChat's Lua finds it; in a script,
-- after weechat.register:
--   local ms = require("multisock")
--   ms.use_loop(require("multisock_weechat"))
local adapter = { name = "weechat" }

-- WeeChat calls functions by their names.
local callbacks = {}

local function hook(name, make, fn)
  if callbacks[name] then
    weechat.unhook(callbacks[name])
    callbacks[name] = nil
  end
  if fn then
    callbacks[name] = make()
    _G[name] = function()
      fn()
      return weechat.WEECHAT_RC_OK
    end
  end
end

function adapter.listen(fd, fn)
  hook("multisock_on_ready", function()
    return weechat.hook_fd(fd, 1, 0, 0, "multisock_on_ready", "")
  end, fn)
end

function adapter.timer(seconds, fn)
  hook("multisock_on_time", function()
    local milliseconds = math.max(1, math.ceil(math.min(seconds, 1e6) * 1000))
    return weechat.hook_timer(milliseconds, 0, 1, "multisock_on_time", "")
  end, seconds and function()
    callbacks.multisock_on_time = nil  -- WeeChat has unhooked what was to come once
    fn()
  end)
end

--- WeeChat runs its loop, nobody else: who waits is a task.
function adapter.is_running()
  return true
end

function adapter.step()
  error("the loop is WeeChat's")
end

return adapter
