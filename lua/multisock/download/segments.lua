-- Several parts of a file at once, each on a connection of its own. Who is not given its
-- part leaves it to the first, which goes on to the end, or to the next round.
local ranges = require("multisock.download.ranges")
local stream = require("multisock.download.stream")
local tasks = require("multisock.tasks")

local segments = {}

-- Fetches one piece. What goes wrong is left in job.failure.
local function fetch_piece(job, mirror, piece, first)
  while piece[1] < piece[2] do
    local way, at = mirror.way, piece[1]
    local ok, err = stream.fetch(job, mirror, piece, true)
    if err then
      job.failure = job.failure or err
      return
    elseif not ok and mirror.way == way or ok and piece[1] == at then
      job.alone = true              -- it gives no parts
      if first then
        first[2] = job.target.version.size
      end
      return
    end
  end
end

--- Fetches what is missing.
-- @param response? that brings the whole file: it is used for the first piece
-- @param seen? what it says
-- @return true: some came; or nil, err; or nil: no parts are given
function segments.fetch(job, mirror, response, seen)
  local pieces = ranges.divide(job.target:missing(), job.segments)
  local first = response and pieces[1]
  job.failure = nil
  tasks.group(function(group)
    for i = first and 2 or 1, #pieces do
      group:spawn(fetch_piece, job, mirror, pieces[i], first)
    end
    if first then
      local ok, err = stream.write(job, response, seen, first)
      job.failure = job.failure or not ok and err or nil
    end
  end)
  if job.failure then
    return nil, job.failure
  end
  return not job.alone or nil
end

return segments
