-- How requests of a list (bulk.lua) are started: at once (starting.lua) where a slot is
-- free; else they wait, in lines of which one entry stands in the queue of their origin
-- (admission.lua). Who has a chain to pass waits in a task.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local request = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local origins = require("multisock.connection.origins")
local starting = require("multisock.starting")
local transfer = require("multisock.connection.transfer")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local fail, in_task, settle = starting.fail, starting.in_task, starting.settle

local submitting = {}

---- Lines ---------------------------------------------------------------------

local function queue(self, origin)
  local entry = { origin = origin, told = self.told }
  self.entries[origin] = entry
  self.running = self.running + 1   -- kept free for it
  origin:queue(entry)
end

-- Of those that are nothing but a URL a line has the target, and `items` their places in
-- the list.
local function append(self, origin, line, made, target, i)
  local last = line.last + 1
  line.last, line[last], line.items[last] = last, target or made, target and i
  origin.behind, self.ahead = origin.behind + 1, self.ahead + 1
end

--- The first one. @return request; or target, its place in the list
local function shift(self, origin, line)
  local first = line.first
  local entry, i = line[first], line.items[first]
  line.first, line[first], line.items[first] = first + 1, nil, nil
  origin.behind, self.ahead = origin.behind - 1, self.ahead - 1
  return entry, i
end

-- The first one of a line has its slot.
local function start_first(self, origin, line, probe)
  local entry, i = shift(self, origin, line)
  if i then
    return starting.start_target(self, i, entry, origin, probe)
  end
  return starting.start(self, entry, origin, probe)
end

local function new_line(self, origin)
  local line = { first = 1, last = 0, items = {} }
  self.lines[origin] = line
  queue(self, origin)
  return line
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
    start_first(self, origin, line, probe)
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
    start_first(self, origin, line, entry.probe)
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

--- Sends what is nothing but a URL as soon as there is a slot.
-- @return boolean: whether that is done
local function admit_target(self, i, target)
  local origin, plain = starting.plain_origin(self, target)
  if not plain or origin.http2_alone then
    return false
  end
  local line = self.lines[origin]
  if line == nil then
    local taken, probe = origin:take()
    if taken then
      starting.start_target(self, i, target, origin, probe)
      return true
    end
    line = new_line(self, origin)
  end
  append(self, origin, line, nil, target, i)
  return true
end

-- What performs it in a task: the network, or an agent.
local function perform_first(self, asked)
  local perform = self.client.perform
  return perform(asked, perform == transfer.perform)
end

-- Sends it as soon as there is a slot.
local function admit(self, made)
  local origin = origins.of(made)
  local line = self.lines[origin]
  made.origin, made.limiter = origin, origin.limiter       -- `limiter`: for C
  if origin.http2_alone and made.settings.http_version == nil then
    self.running = self.running + 1
    return in_task(self, made, function(asked)
      return perform_first(self, asked)
    end)
  elseif line == nil then
    if made.simple then
      local started, err = starting.at_once(self, made, origin)
      if started then
        return
      elseif err then
        return fail(self, made, err)
      end
    end
    local taken, probe = origin:take()
    if taken then
      return starting.start(self, made, origin, probe)
    end
    line = new_line(self, origin)
  end
  append(self, origin, line, made, starting.is_plain(self, made, origin) and made.target,
    made.index)
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
    return perform_first(self, asked)
  end)
end

---- Items ---------------------------------------------------------------------

local function make(self, item)
  if type(item) == "table" then
    if type(item[1]) ~= "string" then
      errors.misuse("URL or {URL, options} expected, got " .. values.describe(item))
    end
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
-- @param item URL, or {url, options} @param target? of a URL that may be plain @raise misuse
function submitting.submit(self, i, item, target)
  if self.client.closed then
    errors.misuse("the client is closed")
  elseif target and admit_target(self, i, target) then
    return
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
      local made, i = shift(self, origin, line)
      see(i and starting.indexed(self, i, made) or made)
    end
  end
  self.entries, self.granted, self.lines, self.stalled = {}, {}, {}, {}
  for id, which in pairs(self.requests) do
    if which then
      local easy = self.slot[id]
      local i, target = core.item(easy)
      local made = which.origin and which or starting.indexed(self, i, target)
      local err = reason()
      core.waiting[id], self.requests[id] = false, false
      self.running = self.running - 1
      transfer.cut(made, made.origin or which, easy, err)
      see(made, err)
    end
  end
end

return submitting
