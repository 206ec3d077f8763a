-- Waiting that belongs to a client: it ends when that is closed.
local errors = require("multisock.errors")
local scheduler = require("multisock.scheduler")
local waiting = require("multisock.waiting")

local pause = {}

--- Suspends until `deadline` (seconds of the clock).
-- @return true; false when the client was closed
-- @raise when cancelled
function pause.wait_until(client, deadline)
  local who = waiting.waiter()
  local pauses = client.pauses or {}
  client.pauses = pauses
  local err
  while err == nil and not client.closed and scheduler.now() < deadline do
    pauses[who] = true
    err = waiting.park_until(who, deadline)
    pauses[who] = nil
  end
  if err then
    error(err, 0)
  end
  return not client.closed
end

--- The client was closed: nobody waits any longer.
function pause.wake(client)
  for who in pairs(client.pauses) do
    scheduler.wake(who)
  end
end

--- What a request that waited for a closed client ends with.
function pause.closed_error(request, attempts)
  return errors.new("cancelled", "the client was closed",
    { url = request:url(), phase = "queue", attempts = attempts })
end

return pause
