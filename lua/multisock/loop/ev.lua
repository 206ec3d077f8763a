-- libev's default loop, which lua-ev and hosts in C run, too. What speaks to
-- libev is src/loop/loop_ev.c, built where libev's header is.
local ev = require("multisock.ev")

local loop = { name = "ev" }

loop.watch, loop.timer, loop.step = ev.watch, ev.timer, ev.step
loop.is_running = ev.is_running

--- Runs the loop until nothing in it is active, for a script without a host.
loop.run = ev.run

function loop.listen(fd, fn)
  ev.watch(fd, fn and "in", fn)
end

return loop
