-- client:stats: what a client is doing now, and has done. Counted when it is asked for, but
-- for what a counter has anyway.
local pairs = require("multisock.base.compat").pairs

--- What a client is doing now, and has done.
-- @class multisock.Stats
-- @field requests integer sent so far, each redirect and each retry among them
-- @field retries integer of these, what `retry` has sent again
-- @field sent integer bytes of requests, heads and bodies, as HTTP/1.1 has them, of transfers
-- that have ended
-- @field received integer bytes of answers likewise, before decoding
-- @field active integer on their way now; also answers whose body is not read yet
-- @field waiting integer for a free place under `limits`
-- @field connections integer in use now
-- @field idle integer connections that are kept for the next request; some may be closed by
-- now
-- @field origins integer that the client knows

--- @return multisock.Stats
return function(client)
  local connections, _, started, sent, received = client.limits.counter.count:counts()
  local stats = {
    requests = (client.agent_requests or 0) + started, retries = client.retry_count or 0,
    sent = sent, received = received,
    active = 0, waiting = 0, connections = connections, idle = 0, origins = 0,
  }
  for _, origin in pairs(client.origins) do
    local active, waiting, idle = origin:counts()
    stats.origins = stats.origins + 1
    stats.active, stats.waiting = stats.active + active, stats.waiting + waiting
    stats.idle = stats.idle + idle
  end
  return stats
end
