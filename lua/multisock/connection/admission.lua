-- Who may start: the queue in front of libcurl. Waiting inside libcurl costs
-- quadratic time and lets timeouts run, so a transfer is added only when a
-- connection or a stream is free for it.
--
-- An origin is learnt: the first request to it is a probe. When the probe's
-- connection stands its version is known, too, and all follow that the limits
-- allow. (Where only the answer tells the version, at most as many as one HTTP/2
-- connection carries do before that.) So HTTP/2 from cold opens as few
-- connections as it needs, and a slow name server sees one question.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")
local waiting = require("multisock.tasks.waiting")

local admission = {}

-- Descriptors that are left to the rest of the program, or half of a few.
local RESERVED_FILES = 96

-- Streams on one HTTP/2 connection: what libcurl assumes by default, and what
-- servers allow. More is slower: each event wakes all of them in libcurl.
local STREAMS = 100

---- Counters: connections of a client, and of the process ----------------------

--- A number of connections, or of requests, that many origins share. In the array part wait
-- the origins that need one: [first..last].
-- @param limit? integer; nil: none but that of the process
function admission.new_counter(limit)
  return { count = core.counter(limit), first = 1, last = 0 }
end

-- Connections that the process can have at once.
local files = core.open_files() or 1000000
local process_limit = math.max(1, files - math.min(RESERVED_FILES, math.ceil(files / 2)))
local process = admission.new_counter(process_limit)

--- Connections that the process can have at once.
function admission.process_limit()
  return process_limit
end

local function wait_for(origin, counter)
  if not origin.waits then
    origin.waits = true
    counter.last = counter.last + 1
    counter[counter.last] = origin
    counter.count:set_awaited(true)
  end
end

-- Origins that wait for a connection take turns.
local function grant(counter)
  while counter.first <= counter.last and not counter.count:is_full() do
    local origin = counter[counter.first]
    counter[counter.first] = nil
    counter.first = counter.first + 1
    origin.waits = false
    origin:admit()
  end
  if counter.first > counter.last then
    counter.first, counter.last = 1, 0
    counter.count:set_awaited(false)
  end
end

---- Origins ---------------------------------------------------------------------

local Origin = {}
Origin.__index = Origin

--- What is known of one origin, for one client.
-- @param limits table with `counter`, and `counter_of_requests`, `host_connections` and
-- `streams`, all optional
-- @param known boolean: neither its version nor its name has to be asked
-- @param cleartext boolean: it cannot become HTTP/2
-- @param http1? "1.0" or "1.1": it is asked in that alone
function admission.new_origin(limits, known, cleartext, http1)
  local requests = limits.counter_of_requests
  return setmetatable({
    -- The arithmetic, and the handles that wait for the next request.
    limiter = core.limiter(limits.counter.count, process.count, limits.host_connections,
      limits.streams or STREAMS, known, cleartext, requests and requests.count),
    -- By what the limiter says.
    client = limits.counter,
    process = process,
    requests = requests,
    http1 = http1,
    first = 1,        -- the queue: [first..last]
    last = 0,
    behind = 0,       -- how many more stand behind the entries: see bulk.lua
  }, Origin)
end

-- Takes a slot, or nothing; true for the second result when the transfer is to
-- open a connection for others. Who is kept back by a counter alone has the origin
-- wait for that.
local function take(origin)
  local taken, result = origin.limiter:take(origin.last - origin.first + origin.behind)
  if not taken and result then
    wait_for(origin, origin[result])
  end
  return taken, result
end

local function is_awaited(counter)
  return counter ~= nil and counter.first <= counter.last
end

-- After fewer connections, or requests, are counted.
local function grant_all(origin)
  local client, requests = origin.client, origin.requests
  if origin.first <= origin.last then
    -- Those who wait longer come first.
    if is_awaited(requests) then
      wait_for(origin, requests)
    elseif is_awaited(client) then
      wait_for(origin, client)
    elseif is_awaited(process) then
      wait_for(origin, process)
    end
  end
  if requests then
    grant(requests)
  end
  grant(client)
  grant(process)
end

-- Who waits in the queue looks at its entry.
local function tell(entry)
  if entry.told then
    entry.told(entry)
  else
    scheduler.wake(entry.who)
  end
end

-- Admits from the head of the queue as long as there are slots.
function Origin:admit()
  while self.first <= self.last do
    local entry = self[self.first]
    if not entry.gone then
      local taken, probe = take(self)
      if not taken then
        return
      end
      entry.admitted = true
      entry.probe = probe
      tell(entry)
    end
    self[self.first] = nil
    self.first = self.first + 1
  end
  self.first, self.last = 1, 0
  self.limiter:set_queued(false)
end

--- Puts an entry into the queue.
-- @param entry table: `who` is woken, or `told(entry)` is called, when it is `admitted`
-- (perhaps as a `probe`) or the client was `closed`; `gone`: it is passed over
function Origin:queue(entry)
  self.last = self.last + 1
  self[self.last] = entry
  self.limiter:set_queued(true)
end

--- Takes a slot for one transfer, if one is free and nobody waits.
-- @return true, probe (boolean); or nothing
function Origin:take()
  if self.first > self.last then
    local taken, probe = take(self)
    if taken then
      return true, probe
    end
  end
end

-- Waits in the queue. Returns the entry; or nil, err when the client was closed;
-- or nil when the deadline has passed.
local function wait(origin, deadline)
  local who = waiting.waiter()
  local entry = { who = who }
  origin:queue(entry)
  while not entry.admitted do
    local err = waiting.park_until(who, deadline)
    if err then
      entry.gone = true
      if entry.admitted then
        origin:leave(entry.probe)
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

--- Takes a slot for one transfer, waiting for it if it must.
-- @param origin @param deadline? seconds of the clock
-- @return true, probe (boolean); or nil, err; or nil when the deadline has passed
function admission.enter(origin, deadline)
  local taken, probe = origin:take()
  if taken then
    return true, probe
  end
  local entry, err = wait(origin, deadline)
  if entry == nil then
    return nil, err
  end
  return true, entry.probe
end

--- The same, as long as the limits of the request allow.
-- @param started when its waiting began, unless that was before
-- @return true, probe (boolean); or nil, err
function admission.enter_in_time(origin, request, started)
  local limits = request.settings.timeout
  local name, seconds = "queue", limits.queue
  local deadline = seconds and (request.queue_until or started + seconds)
  if request.deadline and not (deadline and deadline <= request.deadline) then
    name, deadline, seconds = "total", request.deadline, limits.total
  end
  local admitted, result = admission.enter(origin, deadline)
  if not admitted and result == nil then
    result = admission.timeout_error(request, name, seconds)
  end
  return admitted, result
end

--- The probe's connection stands: its name is resolved, TLS is done.
-- @param reused boolean whether it was there before
-- @param http_version? string, when that is known already
function Origin:connected(reused, http_version)
  if self.limiter:connected(reused) and not (http_version and self:learn(http_version)) then
    self:admit()
  end
end

--- A connection, or an answer, told the version.
-- @return boolean whether that is new
function Origin:learn(http_version)
  local new = self.limiter:learn(http_version)
  if new then
    self:admit()
    grant_all(self)
  end
  return new
end

--- A slot was given back: lets others have it.
function Origin:pass_on()
  if is_awaited(self.client) or is_awaited(process) or is_awaited(self.requests) then
    grant_all(self)
  end
  if self.first <= self.last then
    self:admit()
  end
end

--- Gives the slot back. @param probe? boolean: it was the probe, and ended
-- before its connection stood
function Origin:leave(probe)
  self.limiter:leave(probe)
  self:pass_on()
end

--- Whether nobody uses it or waits for it.
function Origin:is_idle()
  return self.limiter:active() == 0 and self.first > self.last and not self.waits
    and self.behind == 0
end

--- What is going on there, for stats.lua.
-- @return integers: transfers that run, requests that wait, connections that wait for a
-- request
function Origin:counts()
  local active, idle = self.limiter:active()
  local waiting_here = self.behind
  for i = self.first, self.last do
    waiting_here = waiting_here + (self[i].gone and 0 or 1)
  end
  if self.limiter:version() == "h2" then
    -- However many handles there are, one connection carries them.
    idle = active == 0 and idle > 0 and 1 or 0
  end
  return active, waiting_here, idle
end

--- Lets all that wait go: the client is being closed.
function Origin:close()
  for i = self.first, self.last do
    local entry = self[i]
    if not entry.gone then
      entry.gone, entry.closed = true, true
      tell(entry)
    end
    self[i] = nil
  end
  self.first, self.last = 1, 0
  self.limiter:set_queued(false)
end

--- The error of a request that waited too long.
-- @param name "queue" or "total": the limit that passed @param seconds its length
function admission.timeout_error(request, name, seconds)
  return errors.new("timeout",
    ("no free connection within %g s (timeout.%s)"):format(seconds, name),
    { phase = "queue", retryable = true, url = request:url(), attempts = 1 })
end

--- Connections counted now, and the limit, for leak checks.
function admission.counts()
  return process.count:counts()
end

return admission
