-- The option `progress`: how far a transfer is, told now and then.
local errors = require("multisock.base.errors")
local now = require("multisock.tasks.scheduler").now

-- INTERVAL: how often it is called at most, in seconds.
local progress = { INTERVAL = 0.1 }

--- What the option `progress` gets.
-- @class multisock.Progress
-- @field down integer bytes so far, before decoding
-- @field up integer bytes of the body so far
-- @field down_total? integer
-- @field up_total? integer
-- @field speed number bytes a second, mean
-- @field eta? number seconds that are left

--- What it is told.
-- @param moved bytes since `started` @param started seconds of the clock
-- @param up? integer @param up_total? integer
-- @return multisock.Progress
function progress.of(moved, started, down, down_total, up, up_total)
  local elapsed = now() - started
  local p = { down = down, down_total = down_total, up = up or 0, up_total = up_total,
    speed = elapsed > 0 and moved / elapsed or 0 }
  local left = (down_total or down) - down + (up_total or p.up) - p.up
  p.eta = p.speed > 0 and (down_total or up_total) and left / p.speed or nil
  return p
end

--- Calls the function of the option `progress` now and then, and at the end.
function progress.call(self, last)
  local time = now()
  if not last and time - (self.progress_at or 0) < progress.INTERVAL then
    return
  end
  self.progress_at = time
  local easy = self.easy
  -- As the totals are: before decoding.
  local down, up = easy:getinfo("size_download_t"), easy:getinfo("size_upload_t")
  if self.body then
    up = select(4, easy:marks())    -- without what frames chunks
  end
  local total = easy:getinfo("content_length_download_t")
  local up_total = easy:getinfo("content_length_upload_t")
  local p = progress.of(down + up, self.started, down, total and total >= 0 and total or nil, up,
    up_total and up_total > 0 and up_total or nil)
  local ok, err = pcall(self.progress, p)
  if not ok then
    self:abort(errors.raised(err))
    error(err, 0)
  end
end

return progress
