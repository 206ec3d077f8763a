-- Requests of a list, many at once, without a task for each: what ms.map and ms.each do
-- without a function. C starts them and says which have ended (src/fetch/bulk.c):
-- starting.lua. Who has to wait before is submitting.lua's.
--
-- Who asks for results takes what has ended, and starts others; while he does something
-- else the keeper does that, so that no place and no connection waits for him.
local chain = require("multisock.chain")
local collecting = require("multisock.collecting")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local DEFAULTS = require("multisock.request.options").defaults
local pairs = require("multisock.base.compat").pairs
local scheduler = require("multisock.tasks.scheduler")
local starting = require("multisock.starting")
local stream = require("multisock.connection.stream")
local submitting = require("multisock.submitting")
local tasks = require("multisock.tasks")
local transfer = require("multisock.connection.transfer")
local waiting = require("multisock.tasks.waiting")

local collect_one, exchange, target_of = collecting.one, collecting.exchange, collecting.target_of
local fail, halt, settle, wake = starting.fail, starting.halt, starting.settle, starting.wake
local room_of, start_plain = starting.room_of, starting.start_plain

local bulk = {}

-- An iterator as those of map.lua are.
local Bulk = { __name = "multisock.each" }
Bulk.__index = Bulk

---- Items ---------------------------------------------------------------------

-- How many are read ahead at most, to find some whose origin has a slot.
local MOST_AHEAD = 1000

-- What is wrong is raised by the keeper, whoever has met it.
local function attempt(self, fn, ...)
  local ok, err = pcall(fn, self, ...)
  if not ok then
    self.raised = self.raised or { err }
    halt(self)
  end
end

local function submit(self, i, item)
  local target
  if self.plainly then
    target = target_of(self, item)
    if target and start_plain(self, i, target) then
      return
    end
  end
  attempt(self, submitting.submit, i, item, target)
end

-- Those of a list.
local function submit_some(self)
  local items, count, most = self.items, self.count, self.concurrency
  local room = room_of(self)
  while room > 0 do
    local at = self.at + 1
    self.at = at
    local item = items[at]          -- which may wait, where the list has an __index
    if at >= count then
      self.ended = true
    end
    if item ~= nil and at <= count then        -- the results of another map have holes
      submit(self, at, item)
    end
    room = room - 1
    if self.ended or self.stopping then
      return
    elseif room == 0 and self.running < most then
      room = room_of(self)          -- some did not start, or have failed
    end
  end
end

-- Goes on with those who wait, and starts others.
local function fill(self)
  if self.ahead > 0 then
    attempt(self, submitting.serve)
  end
  if self.items then
    if self.running < self.concurrency then
      submit_some(self)
    end
  elseif self.feeder and room_of(self) > 0 then
    scheduler.wake(self.feeder)
  end
end

-- The items come from a function, which may wait: so a task asks it.
local function feed(self)
  local who = waiting.waiter()
  while not self.ended and not self.stopping do
    if room_of(self) > 0 then
      local i, item = self.next_item()
      if i == nil then
        self.ended = true
      else
        submit(self, i, item)
      end
    else
      self.feeder = who
      local err = waiting.park(who)
      self.feeder = nil
      if err then
        error(err, 0)
      end
    end
    if self.ended or self.last >= self.first then
      wake(self)
    end
  end
end

---- Answers -------------------------------------------------------------------

-- Takes all that has ended, and starts others.
local function advance(self)
  local i, response = collect_one(self)
  while i or response do
    if i then
      settle(self, i, response)
    end
    fill(self)
    i, response = collect_one(self)
  end
  fill(self)
end

---- The keeper ----------------------------------------------------------------

local function is_over(self)
  return self.stopping or self.ended and self.running == 0 and self.ahead == 0
end

-- Nothing more is wanted.
local function stop(self)
  local function left()
    return errors.new("cancelled", self.what .. ": left early")
  end
  halt(self)
  submitting.take_back(self, left, function() end)
  for made, had in pairs(self.handed) do       -- by tasks that were ended before they began
    if had.easy then
      transfer.cut(made, made.origin, had.easy, left())
    else
      made.origin:leave(had.probe)
    end
  end
  self.client.bulks[self] = nil
end

local function keep(self, group)
  local who, slot = waiting.waiter(), self.slot
  local err
  self.group, self.keeper, self.direct = group, who, not self.progress
  if self.items == nil then
    group:spawn(feed, self)
  end
  advance(self)
  while not err and not is_over(self) do
    if self.last >= self.first then
      wake(self)
    end
    slot.who = slot.who or who
    err = #self.granted == 0 and waiting.park(who) or nil
    if not err then
      advance(self)
    end
  end
  self.keeper = nil
  stop(self)
  if err or self.raised then
    error(err or self.raised[1], 0)
  end
  group:cancel(self.what .. ": stopped at an error")
end

---- Results -------------------------------------------------------------------

-- The oldest that is there.
local function take(self)
  local at = self.first
  local i, response, err = self.arrived[at], self.responses[at], nil
  self.responses[at] = false
  if response == false then
    response, err = nil, self.failures[at]
    self.failures[at] = nil
  end
  if at < self.last then
    self.first = at + 1
  else
    self.first, self.last = 1, 0    -- the places in the tables are used again
  end
  return i, response, err
end

-- One of which all is there. @return i, response; nothing when none is
local function collect(self)
  local i, response = exchange(self)
  while i == nil and response do    -- something else was to be done for one
    i, response = exchange(self)
  end
  if i and self.running < self.low then
    fill(self)
  end
  return i, response
end

-- There may be one for the next who waits, too.
local function pass_on(self)
  if self.line[1] then
    wake(self)
  end
end

-- Waits until there may be a result; of several who do, the first in line looks first.
local function wait(self)
  local who, line, slot = waiting.waiter(), self.line, self.slot
  line[#line + 1] = who
  slot.who = line[1]
  local err = waiting.park(who)
  local at = 1
  while line[at] ~= who do
    at = at + 1
  end
  table.remove(line, at)
  slot.who = line[1] or self.keeper
  if err then
    wake(self)                      -- it was its turn, perhaps
    error(err, 0)
  end
end

-- `looked`: nothing is ready in C.
local function next_result(self, looked)
  local waited = false
  while true do
    if self.closed then
      return nil
    elseif self.first <= self.last then
      if waited and self.keeper then
        scheduler.wake(self.keeper) -- what it was woken for may be something else
      end
      return take(self)
    elseif self.keeper and not self.stopping then
      local i, response
      if not looked then
        i, response = collect(self)
      end
      if i then
        return i, response
      end
      fill(self)
    elseif self.task.done then
      pass_on(self)
      self.task:await()             -- raises what was raised
      return nil
    end
    if (self.ended or self.stopping) and self.keeper and is_over(self) then
      scheduler.wake(self.keeper)
    end
    if self.first > self.last then
      wait(self)
      looked, waited = false, true
    end
  end
end

local function next_counted(self, looked)
  local i, response, err = next_result(self, looked)
  pass_on(self)
  if i and self.progress then
    self.finished = self.finished + 1
    self.progress(self.finished, self.total)
  end
  return i, response, err
end

--- The next result, in order of arrival.
-- @return i, response; or i, nil, err; or nothing at the end
-- @raise misuse, and when cancelled
function Bulk:__call()
  if self.direct and self.first > self.last then
    local i, response = collect(self)
    if i then
      return i, response
    end
    return next_counted(self, true)
  end
  return next_counted(self)
end

--- Cancels what still runs. May be called again.
function Bulk:close()
  if not self.closed then
    self.closed, self.direct = true, false
    self.task:cancel("each: left early")
    tasks.forgo(self.task)
  end
end

Bulk.__close = Bulk.close

function Bulk:__tostring()
  return ("multisock.each (%s)"):format(self.closed and "closed" or self.task:status())
end

--- The client is being closed: what has not ended ends with an error.
function bulk.close_client(client)
  for self in pairs(client.bulks) do
    local function closed()
      return errors.new("cancelled", stream.CLIENT_CLOSED)
    end
    submitting.take_back(self, closed, function(made, err)
      if err == nil then
        err = closed()
        err.url, err.phase, err.attempts = made:url(), "queue", 1
      end
      fail(self, made, err)
    end)
    wake(self)
  end
end

--- @param client
-- @param given table: what ("map" or "each"), place (where that was called, for errors),
-- items and total (a list, how many they are), or next_item (function() -> i, item, which
-- may wait), concurrency, stops (boolean: at an error), progress (function or nil)
-- @return iterator
function bulk.new(client, given)
  if scheduler.refuse and not client.agent then
    scheduler.refuse(given.what)
  end
  local slot, bare, usual = {}, chain.is_bare(client.uses), client.settings
  local self = setmetatable({
    client = client, what = given.what, place = given.place,
    items = given.items, at = 0, count = given.total, next_item = given.next_item,
    concurrency = given.concurrency,
    -- Fewer that run make who takes results start others, some at a time. (Who waits for
    -- results, and the keeper, start all that there is room for.)
    low = given.concurrency - math.floor(given.concurrency / 16),
    most_ahead = math.min(given.concurrency, MOST_AHEAD),
    stops = given.stops,
    progress = given.progress, total = given.total, finished = 0,
    bare = bare,                    -- and URLs need no look:
    plainly = bare and not (client.base or usual.fills_request or usual.resolve)
      and usual.protocols == DEFAULTS.protocols,
    -- Those that C has, by the numbers of their handles: the request; or, where that is
    -- nothing but a URL, its origin. `slot` is for C, too.
    slot = slot, batch = core.batch(slot), requests = {},
    running = 0, ahead = 0,         -- admitted; read ahead, to be admitted
    ended = given.total == 0, stopping = false,
    lines = {}, entries = {}, granted = {}, stalled = {}, entering = { first = 1, last = 0 },
    handed = {},                    -- what tasks have that have not begun
    -- Results: [first..last]; `direct`: who asks takes them from C, and nobody counts them.
    arrived = {}, responses = {}, failures = {}, first = 1, last = 0,
    direct = false, line = {},      -- tasks that wait for one
  }, Bulk)
  -- For collecting.lua: places in the list of those that may be nothing but a URL, and that can
  -- be looked at without a wait.
  local looks = self.plainly and self.items and getmetatable(self.items) == nil
  self.plain_count, self.origins = looks and self.count or 0, client.origins
  self.told = function(entry)
    if entry.admitted then
      self.granted[#self.granted + 1] = entry
    end
    -- Not who waits for results: he might do something else with what is there, which
    -- takes long, or waits for this very place.
    if self.keeper then
      scheduler.wake(self.keeper)
    end
  end
  client.bulk_handler = client.bulk_handler
    or chain.compose(client.uses, starting.perform_with(client.perform))
  self.handler = client.bulk_handler
  client.bulks[self] = true
  self.task = tasks.spawn_apart(function()
    tasks.group(function(group)
      keep(self, group)
    end)
  end)
  tasks.when_done(self.task, function()
    client.bulks[self] = nil
    wake(self)
  end)
  return self
end

return bulk
