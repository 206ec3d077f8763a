-- poll(2) and nothing else: no library but libc, no loop of a host's.
local core = require("multisock.core")

local poller = core.poller()
local handlers, ready = {}, {}

local poll = { name = "poll", hears_signals = true }

function poll.watch(fd, what, fn)
  poller:watch(fd, what)
  handlers[fd] = what and fn
end

function poll.step(timeout)
  for i = 1, 2 * poller:wait(timeout, ready), 2 do
    local fd = ready[i]
    -- Serving one may end another.
    if handlers[fd] then
      handlers[fd](fd, ready[i + 1])
    end
  end
end

return poll
