-- How requests of a list (bulk.lua) are started: at once in C where a slot and a handle
-- are free; else they wait, in lines of which one entry stands in the queue of their
-- origin (admission.lua). A task of its own gets who opens a connection for others, who
-- needs more than C can do, and who has a chain to pass.
local buffered = require("multisock.response").buffered
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local header_lines = require("multisock.request.header_lines")
local pairs = require("multisock.base.compat").pairs
local request = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local origins = require("multisock.connection.origins")
local settings = require("multisock.request.settings")
local transfer = require("multisock.connection.transfer")
local waiting = require("multisock.tasks.waiting")

local start_in_c = core.submit
local now = scheduler.now

local submitting = {}

--- Who waits for results, or the keeper, looks for himself.
function submitting.wake(self)
  local slot = self.slot
  local who = slot.who
  if who then
    slot.who = nil
    scheduler.wake(who)
  end
end
local wake = submitting.wake

--- A result is there.
function submitting.settle(self, i, response, err)
  if self.stopping then
    return
  end
  local last = self.last + 1
  self.last, self.arrived[last], self.responses[last] = last, i, response or false
  if response == nil then
    self.failures[last] = err
    self.stopping = self.stops
  end
end
local settle = submitting.settle

-- It has failed.
local function fail(self, made, err)
  if errors.is(err) then
    err.request = made
  end
  settle(self, made.index, nil, err)
end

---- In a task -----------------------------------------------------------------

-- It counts no longer.
local function leave(self, made)
  if made.waits then
    made.waits = nil
    self.ahead = self.ahead - 1
  else
    self.running = self.running - 1
  end
end

local function run(self, made)
  self.handed[made] = nil
  local response, err = self.handler(made)
  if response then
    local body
    body, err = response:text()
    response = body and response or nil
  end
  leave(self, made)
  if response then
    settle(self, made.index, response)
  else
    fail(self, made, err)
  end
  wake(self)
end

--- Has a request pass the chain in a task of its own.
-- @param first? function(request): what performs it the first time
-- @param easy? core.Easy on which it runs already @param probe? boolean: else it has a
-- place, as a probe or not; nil: it has none
function submitting.in_task(self, made, first, easy, probe)
  local done = false
  made.first = first and function(asked)
    if done then                    -- another hop, of the same request or a copy
      return self.client.perform(asked)
    end
    done = true
    return first(asked)
  end
  if easy or probe ~= nil then
    self.handed[made] = { easy = easy, probe = probe }
  end
  self.group:spawn(run, self, made)
end
local in_task = submitting.in_task

--- What performs requests at the end of a chain that in_task uses: with their bodies.
function submitting.perform_with(perform)
  return function(made)
    local first = made.first
    if first then
      return buffered(first(made))
    end
    return buffered(perform(made))
  end
end

---- Starting ------------------------------------------------------------------

-- Whether it is nothing but a URL: then C has all of it, and `plain` of its origin what all
-- of these have in common.
local function is_plain(self, made, origin)
  local given, target = made.settings, made.target
  if not (self.plainly and made.simple and given == self.client.settings and target.web
    and made.method == "GET" and made.body == nil and not target.has_user)
    or given.retry or given.attempt or given.cache or given.lines == settings.NO_LINES then
    return false
  end
  origin.plain = origin.plain or {
    number = given.profile.number, limits = given.limits, lines = header_lines.of(made),
    once = request.is_once(made), total = given.total,
  }
  return true
end

--- Starts the request for a URL in C, if its origin is known and has a slot and a handle.
-- @return whether it has started
function submitting.start_plain(self, i, target)
  local origin = self.client.origins[target.origin]
  local plain = origin and origin.plain
  if not plain or target.has_user or self.lines[origin] then
    return false
  end
  local total = plain.total
  local id, err = start_in_c(origin.limiter, target, self.batch, plain.number, nil, plain.limits,
    plain.lines, "GET", total and now() + total, nil, plain.once)
  if id then
    self.index[id], self.targets[id], self.requests[id] = i, target, origin
    self.running = self.running + 1
    return true
  elseif err then
    local made = request.plain(self.client, target)
    transfer.conclude_refused(made, origin, err)
    made.index = i
    fail(self, made, err)
    return true
  end
  return false
end

-- Starts it in C. @return true; nil, err; or nothing when no handle is free, or no place
local function start_at_once(self, made, origin, taken)
  local given, body = made.settings, made.body
  local due = transfer.admitted_until(made)
  local id, err = start_in_c(origin.limiter, made.target, self.batch, given.profile.number, taken,
    given.limits, header_lines.of(made), made.method, due, body and body.bytes,
    request.is_once(made))
  if id then
    local plain = is_plain(self, made, origin)
    self.index[id], self.requests[id] = made.index, plain and origin or made
    self.targets[id] = plain and made.target
    self.running = self.running + 1
    return true
  elseif err then
    transfer.conclude_refused(made, origin, err)
  end
  return nil, err
end

-- It has a slot. A handle is made for it, if need be.
local function start(self, made, origin, probe)
  if made.simple and not probe then
    local started, err = start_at_once(self, made, origin, true)
    if not started and not err then
      started, err = transfer.prepare(made, origin)
      if started then
        started, err = start_at_once(self, made, origin, true)
      end
    end
    if started then
      return
    elseif err then
      return fail(self, made, err)
    end
  end
  transfer.admitted_until(made)
  self.running = self.running + 1
  in_task(self, made, function(asked)
    return transfer.perform_admitted(asked, origin, probe)
  end, nil, probe)
end

---- Lines ---------------------------------------------------------------------

local function queue(self, origin)
  local entry = { origin = origin, told = self.told }
  self.entries[origin] = entry
  self.running = self.running + 1   -- kept free for it
  origin:queue(entry)
end

local function shift(self, origin, line)
  local made = line[line.first]
  line[line.first] = nil
  line.first = line.first + 1
  origin.behind, self.ahead = origin.behind - 1, self.ahead - 1
  return made
end

local function serve_line(self, origin, line)
  while line.first <= line.last do
    if self.running >= self.concurrency then
      self.stalled[#self.stalled + 1] = origin
      return
    end
    local taken, probe = origin:take()
    if not taken then
      return queue(self, origin)
    end
    start(self, shift(self, origin, line), origin, probe)
  end
  self.lines[origin] = nil
end

-- Tasks of a chain wait until so few run that they may be admitted.
local function serve_entering(self)
  local line = self.entering
  while line.first <= line.last and self.running < self.concurrency do
    local entry = line[line.first]
    line[line.first] = nil
    line.first = line.first + 1
    if not entry.gone then
      entry.admitted = true
      self.running = self.running + 1
      scheduler.wake(entry.who)
    end
  end
end

--- Goes on with those who wait.
function submitting.serve(self)
  local granted, stalled = self.granted, self.stalled
  while #granted > 0 do
    local entry = table.remove(granted)
    local origin = entry.origin
    local line = self.lines[origin]
    self.entries[origin] = nil
    self.running = self.running - 1
    start(self, shift(self, origin, line), origin, entry.probe)
    serve_line(self, origin, line)
  end
  for _ = 1, #stalled do
    if self.running >= self.concurrency then
      break
    end
    local origin = table.remove(stalled, 1)
    serve_line(self, origin, self.lines[origin])
  end
  serve_entering(self)
end

-- Sends it as soon as there is a slot.
local function admit(self, made)
  local origin = origins.of(made)
  local line = self.lines[origin]
  made.origin, made.limiter = origin, origin.limiter       -- `limiter`: for C
  if origin.http2_alone and made.settings.http_version == nil then
    self.running = self.running + 1
    return in_task(self, made)
  elseif line == nil then
    if made.simple then
      local started, err = start_at_once(self, made, origin)
      if started then
        return
      elseif err then
        return fail(self, made, err)
      end
    end
    local taken, probe = origin:take()
    if taken then
      return start(self, made, origin, probe)
    end
    line = { first = 1, last = 0 }
    self.lines[origin] = line
    queue(self, origin)
  end
  line.last = line.last + 1
  line[line.last] = made
  origin.behind, self.ahead = origin.behind + 1, self.ahead + 1
end

---- A chain that may have it wait ---------------------------------------------

-- Waits until so few run that it may be admitted.
local function enter(self)
  local line = self.entering
  if self.running < self.concurrency then
    self.running = self.running + 1
    return
  end
  local entry = { who = waiting.waiter() }
  line.last = line.last + 1
  line[line.last] = entry
  while not entry.admitted do
    local err = waiting.park(entry.who)
    if err then
      entry.gone = true
      if entry.admitted then
        self.running = self.running - 1
      end
      error(err, 0)
    end
  end
end

local function pass_chain(self, made)
  made.waits = true
  self.ahead = self.ahead + 1
  in_task(self, made, function(asked)
    enter(self)
    if made.waits then
      made.waits = nil
      self.ahead = self.ahead - 1
    end
    return self.client.perform(asked)
  end)
end

---- Items ---------------------------------------------------------------------

local function make(self, item)
  if type(item) == "table" then
    return request.new(self.client, nil, item[1], item[2])
  end
  return request.new(self.client, nil, item)
end

-- Misuse says which item it was, and where map or each was called.
local function raise_of_item(self, i, err)
  if type(err) == "string" then
    local place = errors.position()
    if err:sub(1, #place) == place then
      err = err:sub(#place + 1)
    end
    err = ("%s%s: item %d: %s"):format(self.place, self.what, i, err)
  end
  error(err, 0)
end

--- Starts the request for an item, or has it wait.
-- @param item URL, or {url, options} @raise misuse
function submitting.submit(self, i, item)
  if self.client.closed then
    errors.misuse("the client is closed")
  end
  local ok, made, err = pcall(make, self, item)
  if not ok then
    raise_of_item(self, i, made)
  elseif made == nil then
    return settle(self, i, nil, err)
  end
  made.index = i
  local given = made.settings
  local retry = given.retry
  if not self.bare or given.throttle or given.cache or given.cookies
    or retry and (retry.idempotency_key or retry.breaker) then
    return pass_chain(self, made)
  elseif retry then
    made.is_counted = true          -- what is good at once does not meet retry.lua
    require("multisock.middleware.retry").count(self.client)
  end
  return admit(self, made)
end

---- Taking all back ------------------------------------------------------------

--- Ends what runs in C, and what waits for a slot.
-- @param reason function() -> err, one for each
-- @param see function(i, err): err is nil for those that had not begun
function submitting.take_back(self, reason, see)
  for _, entry in pairs(self.entries) do
    entry.gone = true
    self.running = self.running - 1
    if entry.admitted then
      entry.origin:leave(entry.probe)
    end
  end
  for origin, line in pairs(self.lines) do
    while line.first <= line.last do
      local made = shift(self, origin, line)
      see(made)
    end
  end
  self.entries, self.granted, self.lines, self.stalled = {}, {}, {}, {}
  for id, which in pairs(self.requests) do
    if which then
      local easy, i, target = self.slot[id], self.index[id], self.targets[id]
      local made = target and request.plain(self.client, target) or which
      local err = reason()
      core.waiting[id], self.requests[id] = false, false
      self.running = self.running - 1
      made.index = i
      transfer.cut(made, target and which or made.origin, easy, err)
      see(made, err)
    end
  end
end

return submitting
