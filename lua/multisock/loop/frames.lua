-- libuv's loop for a host that owns its time, such as a game or a player: it calls ms.step
-- in each frame, and nothing may stop it between. So waiting on the main chunk, which
-- would run the loop and stop the host's frames meanwhile, is refused.
local uv = require("multisock.loop.uv")

return setmetatable({
  name = "frames",
  refusal = "the loop is the host's, which calls ms.step in each frame and would stand still "
    .. "meanwhile; start a task with ms.spawn(fn)",
}, { __index = uv })
