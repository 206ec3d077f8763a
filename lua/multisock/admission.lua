-- Who may start: the queue in front of libcurl. Waiting inside libcurl costs
-- quadratic time and lets timeouts run, so a transfer is added only when a
-- connection or a stream is free for it.
--
-- A host is learnt: the first request to it is a scout. When the scout's
-- connection stands the others follow, at most as many as one HTTP/2
-- connection carries; when its answer has told the version, all that the
-- limits allow. So HTTP/2 from cold opens as few connections as it needs, and
-- a slow name server sees one question.
local core = require("multisock.core")
local errors = require("multisock.errors")
local scheduler = require("multisock.scheduler")

local admission = {}

-- Descriptors that are left to the rest of the program.
local RESERVED_FILES = 96
local LEAST_CONNECTIONS = 200

-- Streams on one HTTP/2 connection: what libcurl assumes by default, and what
-- servers allow. More is slower: each event wakes all of them in libcurl.
local STREAMS = 100

-- Scouts of one host at most, when the first ones got no connection.
local MOST_SCOUTS = 64

---- Budgets: connections of a client, and of the process ----------------------

--- A number of connections that many hosts share. In the array part wait the
-- hosts that need one: [first..last].
-- @param limit? integer; nil: none but that of the process
function admission.new_budget(limit)
  return { total = 0, limit = limit or math.huge, first = 1, last = 0 }
end

-- Connections that the process can have at once.
local process = admission.new_budget(math.max(LEAST_CONNECTIONS,
  (core.open_files() or 1000000) - RESERVED_FILES))

--- Connections that the process can have at once.
function admission.process_limit()
  return process.limit
end

local function starve(host, budget)
  if not host.starving then
    host.starving = true
    budget.last = budget.last + 1
    budget[budget.last] = host
  end
end

-- Hosts that wait for a connection take turns.
local function feed(budget)
  while budget.first <= budget.last and budget.total < budget.limit do
    local host = budget[budget.first]
    budget[budget.first] = nil
    budget.first = budget.first + 1
    host.starving = false
    host:pump()
  end
  if budget.first > budget.last then
    budget.first, budget.last = 1, 0
  end
end

-- Counts the connections of a host: of HTTP/1 one for each transfer, and while
-- the version is not known that is what it may come to.
local function recount(host)
  local counted = host.connections
  if host.version ~= "h2" and host.active > counted then
    counted = host.active
  end
  local change = counted - host.counted
  host.counted = counted
  host.budget.total = host.budget.total + change
  process.total = process.total + change
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

-- The budget that has no connection left, or nil.
local function exhausted(host)
  if host.budget.total >= host.budget.limit then
    return host.budget
  elseif process.total >= process.limit then
    return process
  end
end

---- Hosts ---------------------------------------------------------------------

local Host = {}
Host.__index = Host

--- What is known of one origin, for one client.
-- @param limits table with `budget`, and `host_connections` and `streams`, both
-- optional
-- @param known boolean: neither its version nor its name has to be asked
function admission.new_host(limits, known)
  return setmetatable({
    budget = limits.budget,
    limit = limits.host_connections or math.huge,
    streams = limits.streams or STREAMS,
    version = known and "h1" or nil,
    active = 0,       -- transfers admitted
    counted = 0,      -- connections that the budgets know of
    connections = 0,  -- of HTTP/2, or of a host whose version is not known
    scouts = 0,       -- of those connections, how many are being opened
    scouts_most = 1,
    first = 1,        -- the queue: [first..last]
    last = 0,
    lanes = {},       -- its share of the client's pool, see pool.lua
    idle = {},        -- prepared handles, see handles.lua
    idle_last = 0,
  }, Host)
end

-- Streams that the connections which stand can carry.
local function capacity(host)
  return (host.connections - host.scouts) * host.streams
end

-- Takes a place that is there without further thought: on a connection that
-- stands, or for one more of HTTP/1. What most requests do.
function Host:take_free()
  local active = self.active
  if self.version == "h1" then
    local budget = self.budget
    if active == self.counted and active < self.limit and budget.total < budget.limit
      and process.total < process.limit then
      self.active, self.counted = active + 1, active + 1
      budget.total = budget.total + 1
      process.total = process.total + 1
      return true
    end
  elseif active < capacity(self) and self.version == "h2" then
    self.active = active + 1
    return true
  end
  return false
end

-- Takes a place; false when there is none now. The second result is the budget
-- that alone stands in the way, the third says that the transfer is to open a
-- connection for others.
function Host:take()
  if self:take_free() then
    return true
  end
  local version = self.version
  local scout = version ~= "h1" and self.active >= capacity(self)
  if version ~= "h2" and self.active >= self.limit then
    return false
  elseif scout and (self.scouts >= self.scouts_most or self.connections >= self.limit
    or version == nil and self.connections > self.scouts) then
    return false
  elseif scout or version ~= "h2" then
    local budget = exhausted(self)
    if budget then
      return false, budget
    end
  end
  if scout then
    self.connections = self.connections + 1
    self.scouts = self.scouts + 1
  end
  self.active = self.active + 1
  recount(self)
  return true, nil, scout
end

-- Admits from the head of the queue as long as there are places.
function Host:pump()
  while self.first <= self.last do
    local entry = self[self.first]
    if not entry.gone then
      local taken, budget, scout = self:take()
      if not taken then
        if budget then
          starve(self, budget)
        end
        return
      end
      entry.admitted = true
      entry.scout = scout
      scheduler.wake(entry.who)
    end
    self[self.first] = nil
    self.first = self.first + 1
  end
  self.first, self.last = 1, 0
end

-- Waits in the queue. Returns the entry; or nil, err when it timed out or the
-- client was closed.
local function wait(host, deadline, timeout_error)
  local who = scheduler.waiter()
  local entry = { who = who }
  host.last = host.last + 1
  host[host.last] = entry
  while not entry.admitted do
    local err
    if deadline then
      err = scheduler.park_until(who, deadline)
    else
      err = scheduler.park(who)
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
      return nil, timeout_error()
    end
  end
  return entry
end

--- Takes a place for one transfer, waiting for it if it must.
-- @param host @param deadline? seconds of the clock @param timeout_error function
-- @return true, scout (boolean); or nil, err
function admission.enter(host, deadline, timeout_error)
  if host.first > host.last then
    local taken, budget, scout = host:take()
    if taken then
      return true, scout
    end
    if budget then
      starve(host, budget)
    end
  end
  local entry, err = wait(host, deadline, timeout_error)
  if entry == nil then
    return nil, err
  end
  return true, entry.scout
end

--- The scout's connection stands: its name is resolved, TLS is done.
-- @param multiplexes boolean whether it may turn out to be HTTP/2
-- @param reused boolean whether it was there before
function Host:connected(multiplexes, reused)
  if self.scouts == 0 then
    return
  end
  self.scouts = self.scouts - 1
  self.scouts_most = 1
  if reused and self.connections > 1 then
    self.connections = self.connections - 1
    recount(self)
  end
  if multiplexes then
    self:pump()
  else
    self:learn("1.1")
  end
end

--- An answer told the version.
function Host:learn(http_version)
  local version = (http_version == "2" or http_version == "3") and "h2" or "h1"
  if self.version == version then
    return
  end
  self.scouts = 0
  if version == "h1" then
    self.connections = 0            -- each transfer has its own
  elseif self.connections == 0 then
    self.connections = math.min(self.active, 1)
  end
  self.version = version
  recount(self)
  self:pump()
  feed_all(self)
end

--- Gives the place back. @param scout? boolean: it was the scout, and ended
-- before its connection stood
function Host:leave(scout)
  local budget, active = self.budget, self.active - 1
  self.active = active
  if self.version == "h1" and self.counted == active + 1 then
    self.counted = active
    budget.total = budget.total - 1
    process.total = process.total - 1
  elseif scout or active == 0 or self.version == nil then
    if scout and self.scouts > 0 then
      self.scouts = self.scouts - 1
      self.connections = self.connections - 1
      -- A host that does not answer may not keep all others waiting for one
      -- connect timeout after the other.
      self.scouts_most = math.min(self.scouts_most * 2, MOST_SCOUTS)
    end
    if active == 0 then
      -- Which of its connections are still alive is not known: ask again.
      self.connections = 0
      self.scouts = 0
    end
    recount(self)
  end
  if budget.first <= budget.last or process.first <= process.last then
    feed_all(self)
  end
  if self.first <= self.last then
    self:pump()
  end
end

--- Whether nobody uses it or waits for it.
function Host:is_idle()
  return self.active == 0 and self.first > self.last and not self.starving
end

--- Lets all that wait go: the client is being closed.
function Host:close()
  for i = self.first, self.last do
    local entry = self[i]
    if not entry.gone then
      entry.gone, entry.closed = true, true
      scheduler.wake(entry.who)
    end
    self[i] = nil
  end
  self.first, self.last = 1, 0
end

--- The error of a transfer that waited too long.
-- @param name "queue" or "total": the limit that passed @param seconds its length
function admission.timeout_error(name, seconds)
  return errors.new("timeout",
    ("no free connection within %g s (timeout.%s)"):format(seconds, name),
    { phase = "queue", retryable = true })
end

-- For the short way, without a search through the metatable.
admission.take_free, admission.leave = Host.take_free, Host.leave

--- Connections counted now, and the limit, for leak checks.
function admission.counts()
  return process.total, process.limit
end

return admission
