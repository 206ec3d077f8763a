-- Bodies that may not come faster than `curl = { max_recv_speed_large = ... }`
-- says. libcurl's own limit is not used: it lets the first megabytes pass, and a
-- transfer that is paused and limited at once may wait for ever, because it looks
-- again only when its socket has something to say, which has said all. So C pauses
-- the transfer (src/base/pace.h), and it goes on from here.
local scheduler = require("multisock.tasks.scheduler")
local waiting = require("multisock.tasks.waiting")

local pacing = {}

--- Has a stream whose bytes came too early go on in time.
function pacing.watch(self)
  local seconds = not self.pacer and self.easy:early()
  if seconds then
    self.pacer = waiting.at(scheduler.now() + seconds, function()
      self.pacer = nil
      if not self.released and not self.client.closed then
        self.multi:resume(self.easy)
      end
    end)
  end
end

--- It has ended.
function pacing.stop(self)
  if self.pacer then
    waiting.cancel_timer(self.pacer)
    self.pacer = nil
  end
end

return pacing
