-- How one request of a list (bulk.lua) is started: in C, on a handle that is made for it if
-- need be. A task of its own gets who opens a connection for others, who needs more than C
-- can do, and who has a chain to pass. Who has to wait before is submitting.lua's.
local buffered = require("multisock.response").buffered
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local header_lines = require("multisock.request.header_lines")
local request = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local settings = require("multisock.request.settings")
local transfer = require("multisock.connection.transfer")

local start_in_c = core.submit
local now = scheduler.now

local starting = {}

--- Who waits for results, or the keeper, looks for himself.
function starting.wake(self)
  local slot = self.slot
  local who = slot.who
  if who then
    slot.who = nil
    scheduler.wake(who)
  end
end
local wake = starting.wake

--- Nothing more is to be started, and no result goes straight to who asks for one.
function starting.halt(self)
  self.stopping, self.direct = true, false
end

--- A result is there.
function starting.settle(self, i, response, err)
  if self.stopping then
    return
  end
  local last = self.last + 1
  self.last, self.arrived[last], self.responses[last] = last, i, response or false
  if response == nil then
    self.failures[last] = err
    if self.stops then
      starting.halt(self)
    end
  end
end
local settle = starting.settle

--- It has failed.
function starting.fail(self, made, err)
  if errors.is(err) then
    err.request = made
  end
  settle(self, made.index, nil, err)
end
local fail = starting.fail

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
function starting.in_task(self, made, first, easy, probe)
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
local in_task = starting.in_task

--- What performs requests at the end of a chain that in_task uses: with their bodies.
function starting.perform_with(perform)
  return function(made)
    local first = made.first
    if first then
      return buffered(first(made))
    end
    return buffered(perform(made))
  end
end

---- Starting ------------------------------------------------------------------

--- For how many more items there is room at least. Results that nobody takes are bounded as
-- requests that run.
function starting.room_of(self)
  local most = self.concurrency
  local free, unread = most - self.running, most - 1 - self.last + self.first
  if free <= 0 or self.ended or self.stopping then
    return 0
  end
  local ahead = self.most_ahead - self.ahead
  free = unread < free and unread or free
  return ahead < free and ahead or free
end

--- Whether it is nothing but a URL: then C has all of it, and `plain` of its origin what all
-- of these have in common.
function starting.is_plain(self, made, origin)
  local given = made.settings
  if made.filled or not (self.plainly and made.simple and given == self.client.settings)
    or given.retry or given.attempt or given.cache or given.lines == settings.NO_LINES then
    return false
  end
  origin.plain = origin.plain or {
    number = given.profile.number, limits = given.limits, lines = header_lines.of(made),
    once = request.is_once(made), total = given.total,
  }
  return true
end
local is_plain = starting.is_plain

--- The origin of a URL, and its `plain`; nil where one is not known yet.
-- @param target `kept`: without a user's name
function starting.plain_origin(self, target)
  local origin = self.client.origins[target.origin]
  return origin, origin and origin.plain
end
local plain_origin = starting.plain_origin

--- The request for a URL, and nothing else.
function starting.indexed(self, i, target)
  local made = request.plain(self.client, target)
  made.index = i
  return made
end
local indexed = starting.indexed

--- Starts the request for a URL in C, of whose origin `plain` is known.
-- @return whether that is done: it runs, or has failed
local function start_url(self, i, target, origin, plain, taken)
  local total = plain.total
  local id, err = start_in_c(origin.limiter, target, self.batch, plain.number, taken, plain.limits,
    plain.lines, "GET", total and now() + total, nil, plain.once, nil, i)
  if id then
    self.requests[id] = origin
    self.running = self.running + 1
    return true
  elseif err then
    local made = indexed(self, i, target)
    transfer.conclude_refused(made, origin, err)
    fail(self, made, err)
    return true
  end
  return false
end

--- Starts it in C. @return true; nil, err; or nothing when no handle is free, or no place
function starting.at_once(self, made, origin, taken)
  local given, body = made.settings, made.body
  local due = transfer.admitted_until(made)
  local id, err = start_in_c(origin.limiter, made.target, self.batch, given.profile.number, taken,
    given.limits, header_lines.of(made), made.method, due, body and body.bytes,
    request.is_once(made), nil, made.index)
  if id then
    self.requests[id] = is_plain(self, made, origin) and origin or made
    self.running = self.running + 1
    return true
  elseif err then
    transfer.conclude_refused(made, origin, err)
  end
  return nil, err
end
local start_at_once = starting.at_once

--- Starts the request for a URL in C, if its origin is known and has a slot and a handle.
-- @param target `kept`: without a user's name
-- @return whether that is done: it runs, or has failed
function starting.start_plain(self, i, target)
  local origin, plain = plain_origin(self, target)
  if plain and not self.lines[origin] then
    return start_url(self, i, target, origin, plain)
  end
  return false
end

--- It has a slot. A handle is made for it, if need be.
function starting.start(self, made, origin, probe)
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

--- The same for a URL, and nothing else. Ten thousand may run, so no request is made for each
-- of them before it has ended: their handles are made as for one of all.
function starting.start_target(self, i, target, origin, probe)
  local plain = origin.plain
  if not probe then
    local usual = plain.request or request.plain(self.client, target)
    plain.request, usual.target = usual, target
    local ready, err = transfer.prepare(usual, origin)
    if not ready then
      return fail(self, indexed(self, i, target), err)
    elseif start_url(self, i, target, origin, plain, true) then
      return
    end
  end
  local made = indexed(self, i, target)
  made.origin, made.limiter = origin, origin.limiter
  starting.start(self, made, origin, probe)
end

return starting
