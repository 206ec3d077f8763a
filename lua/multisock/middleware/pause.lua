-- Waiting that belongs to a client: it ends when that is closed.
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local pause = {}

--- Suspends until woken, or until `deadline` (seconds of the clock), or the client is
-- closed.
-- @param who of waiting.waiter @param deadline? math.huge is none
-- @return nothing; or the error with which it was cancelled: clean up, then raise
function pause.park(client, who, deadline)
  local pauses = client.pauses or {}
  client.pauses, client.pause_count = pauses, (client.pause_count or 0) + 1
  pauses[who] = client.pause_count
  local err = waiting.park_until(who, deadline ~= math.huge and deadline)
  pauses[who] = nil
  return err
end

--- Suspends until `deadline`.
-- @return true; false when the client was closed
-- @raise when cancelled
function pause.wait_until(client, deadline)
  local who = waiting.waiter()
  while not client.closed and scheduler.now() < deadline do
    local err = pause.park(client, who, deadline)
    if err then
      error(err, 0)
    end
  end
  return not client.closed
end

--- The client was closed: nobody waits any longer.
function pause.wake(client)
  for _, who in ipairs(values.in_order(client.pauses)) do
    scheduler.wake(who)
  end
end

--- What a request that waited for a closed client ends with.
function pause.closed_error(request, attempts)
  return errors.new("cancelled", "the client was closed",
    { url = request:url(), phase = "queue", attempts = attempts })
end

--- What a request ends with whose time in all has passed while it waited.
function pause.too_late(request, attempts)
  return errors.new("timeout", ("not done after %g s (timeout.total)"):format(
    request.settings.total), { url = request:url(), phase = "queue", attempts = attempts,
      retryable = true })
end

return pause
