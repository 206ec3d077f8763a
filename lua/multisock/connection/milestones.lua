-- What is told of a transfer on its way to those who listen (`request.watched`): that its
-- connection is there, that it is sent; and how long each took.
local core = require("multisock.core")
local pairs = require("multisock.base.compat").pairs

local milestones = {}

local TAKEN = { xferinfofunction = true, progressfunction = true, noprogress = true }

-- Whether libcurl can say when all is sent: not where the user listens to that already.
local function is_free(raw)
  for name in pairs(raw or {}) do
    if TAKEN[tostring(name):lower()] then
      return false
    end
  end
  return true
end

--- It is about to start.
function milestones.begin(self)
  self.easy:gather("tell_connected", true)
  if is_free(self.settings.curl) then
    self.easy:gather("tell_sent")
  end
end

--- Tells what has come about since the last time.
function milestones.tell(self)
  if self.told_sent or self.released then
    return
  end
  local connected, sent = self.easy:sent()
  local body = self.request.body
  sent = sent or connected and body ~= nil and body.unframed    -- a handshake is its head alone
  if connected and not self.told_connected then
    self.told_connected = true
    self.request:event("connect", {
      reused = self.easy:getinfo("num_connects") == 0, timings = self:timings(),
      peer = core.snapshot(self.easy:snapshot(), "peer"),
    })
  end
  if sent and not self.released then
    self.told_sent = true
    self.request:event("sent")
  end
end

--- Adds to the timings that libcurl tells what came before: the wait, and a lookup of ours.
-- @return the same table
function milestones.complete(self, timings)
  local lookup = self.request.lookup_time
  timings.queue = self.queue_time
  for name, at in pairs(lookup and timings or {}) do
    if name ~= "queue" and (at > 0 or name == "dns") then
      timings[name] = at + lookup
    end
  end
  return timings
end

return milestones
