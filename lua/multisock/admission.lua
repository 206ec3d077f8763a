-- Who may start: the queue in front of libcurl. Waiting inside libcurl costs
-- quadratic time and lets timeouts run, so a transfer is added only when a
-- connection or a stream is free for it.
--
-- A host is learnt: the first request to it is a scout. When the scout's
-- connection stands its version is known, too, and all follow that the limits
-- allow. (Where only the answer tells the version, at most as many as one HTTP/2
-- connection carries do before that.) So HTTP/2 from cold opens as few
-- connections as it needs, and a slow name server sees one question.
local core = require("multisock.core")
local errors = require("multisock.errors")
local scheduler = require("multisock.scheduler")
local waiting = require("multisock.waiting")

local admission = {}

-- Descriptors that are left to the rest of the program, or half of a few.
local RESERVED_FILES = 96

-- Streams on one HTTP/2 connection: what libcurl assumes by default, and what
-- servers allow. More is slower: each event wakes all of them in libcurl.
local STREAMS = 100

---- Budgets: connections of a client, and of the process ----------------------

--- A number of connections that many hosts share. In the array part wait the
-- hosts that need one: [first..last].
-- @param limit? integer; nil: none but that of the process
function admission.new_budget(limit)
  return { count = core.budget(limit), first = 1, last = 0 }
end

-- Connections that the process can have at once.
local files = core.open_files() or 1000000
local process_limit = math.max(1, files - math.min(RESERVED_FILES, math.ceil(files / 2)))
local process = admission.new_budget(process_limit)

--- Connections that the process can have at once.
function admission.process_limit()
  return process_limit
end

local function starve(host, budget)
  if not host.starving then
    host.starving = true
    budget.last = budget.last + 1
    budget[budget.last] = host
    budget.count:set_awaited(true)
  end
end

-- Hosts that wait for a connection take turns.
local function feed(budget)
  while budget.first <= budget.last and not budget.count:is_full() do
    local host = budget[budget.first]
    budget[budget.first] = nil
    budget.first = budget.first + 1
    host.starving = false
    host:pump()
  end
  if budget.first > budget.last then
    budget.first, budget.last = 1, 0
    budget.count:set_awaited(false)
  end
end

---- Hosts ---------------------------------------------------------------------

local Host = {}
Host.__index = Host

--- What is known of one origin, for one client.
-- @param limits table with `budget`, and `host_connections` and `streams`, both
-- optional
-- @param known boolean: neither its version nor its name has to be asked
-- @param cleartext boolean: it cannot become HTTP/2
-- @param http1? "1.0" or "1.1": it is asked in that alone
function admission.new_host(limits, known, cleartext, http1)
  return setmetatable({
    -- The arithmetic, and the handles that wait for the next request.
    gate = core.gate(limits.budget.count, process.count, limits.host_connections,
      limits.streams or STREAMS, known, cleartext),
    budget = limits.budget,
    http1 = http1,
    first = 1,        -- the queue: [first..last]
    last = 0,
    behind = 0,       -- how many more stand behind the entries: see bulk.lua
  }, Host)
end

-- Takes a place, or nothing; true for the second result when the transfer is to
-- open a connection for others. Who is kept back by a budget alone has the host
-- wait for that.
local function take(host)
  local taken, result = host.gate:take(host.last - host.first + host.behind)
  if not taken and result then
    starve(host, result == "client" and host.budget or process)
  end
  return taken, result
end

-- After fewer connections are counted.
local function feed_all(host)
  if host.first <= host.last then
    -- Those who wait longer come first.
    if host.budget.first <= host.budget.last then
      starve(host, host.budget)
    elseif process.first <= process.last then
      starve(host, process)
    end
  end
  feed(host.budget)
  feed(process)
end

-- Who waits in the queue looks at its entry.
local function tell(entry)
  if entry.told then
    entry.told(entry)
  else
    scheduler.wake(entry.who)
  end
end

-- Admits from the head of the queue as long as there are places.
function Host:pump()
  while self.first <= self.last do
    local entry = self[self.first]
    if not entry.gone then
      local taken, scout = take(self)
      if not taken then
        return
      end
      entry.admitted = true
      entry.scout = scout
      tell(entry)
    end
    self[self.first] = nil
    self.first = self.first + 1
  end
  self.first, self.last = 1, 0
  self.gate:set_queued(false)
end

--- Puts an entry into the queue.
-- @param entry table: `who` is woken, or `told(entry)` is called, when it is `admitted`
-- (perhaps as a `scout`) or the client was `closed`; `gone`: it is passed over
function Host:queue(entry)
  self.last = self.last + 1
  self[self.last] = entry
  self.gate:set_queued(true)
end

--- Takes a place for one transfer, if one is free and nobody waits.
-- @return true, scout (boolean); or nothing
function Host:take()
  if self.first > self.last then
    local taken, scout = take(self)
    if taken then
      return true, scout
    end
  end
end

-- Waits in the queue. Returns the entry; or nil, err when the client was closed;
-- or nil when the deadline has passed.
local function wait(host, deadline)
  local who = waiting.waiter()
  local entry = { who = who }
  host:queue(entry)
  while not entry.admitted do
    local err
    if deadline then
      err = waiting.park_until(who, deadline)
    else
      err = waiting.park(who)
    end
    if err then
      entry.gone = true
      if entry.admitted then
        host:leave(entry.scout)
      end
      error(err, 0)
    elseif entry.closed then
      return nil, errors.new("cancelled", "the client was closed", { phase = "queue" })
    elseif not entry.admitted and deadline and scheduler.now() >= deadline then
      entry.gone = true
      return nil
    end
  end
  return entry
end

--- Takes a place for one transfer, waiting for it if it must.
-- @param host @param deadline? seconds of the clock
-- @return true, scout (boolean); or nil, err; or nil when the deadline has passed
function admission.enter(host, deadline)
  local taken, scout = host:take()
  if taken then
    return true, scout
  end
  local entry, err = wait(host, deadline)
  if entry == nil then
    return nil, err
  end
  return true, entry.scout
end

--- The scout's connection stands: its name is resolved, TLS is done.
-- @param reused boolean whether it was there before
-- @param http_version? string, when that is known already
function Host:connected(reused, http_version)
  if self.gate:connected(reused) and not (http_version and self:learn(http_version)) then
    self:pump()
  end
end

--- A connection, or an answer, told the version.
-- @return boolean whether that is new
function Host:learn(http_version)
  local new = self.gate:learn(http_version)
  if new then
    self:pump()
    feed_all(self)
  end
  return new
end

--- A place was given back: lets others have it.
function Host:pass_on()
  local budget = self.budget
  if budget.first <= budget.last or process.first <= process.last then
    feed_all(self)
  end
  if self.first <= self.last then
    self:pump()
  end
end

--- Gives the place back. @param scout? boolean: it was the scout, and ended
-- before its connection stood
function Host:leave(scout)
  self.gate:leave(scout)
  self:pass_on()
end

--- Whether nobody uses it or waits for it.
function Host:is_idle()
  return self.gate:active() == 0 and self.first > self.last and not self.starving
    and self.behind == 0
end

--- Lets all that wait go: the client is being closed.
function Host:close()
  for i = self.first, self.last do
    local entry = self[i]
    if not entry.gone then
      entry.gone, entry.closed = true, true
      tell(entry)
    end
    self[i] = nil
  end
  self.first, self.last = 1, 0
  self.gate:set_queued(false)
end

--- The error of a transfer that waited too long.
-- @param name "queue" or "total": the limit that passed @param seconds its length
function admission.timeout_error(name, seconds)
  return errors.new("timeout",
    ("no free connection within %g s (timeout.%s)"):format(seconds, name),
    { phase = "queue", retryable = true })
end

--- Connections counted now, and the limit, for leak checks.
function admission.counts()
  return process.count:counts()
end

return admission
