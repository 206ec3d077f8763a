-- The running half of a response whose body comes in content codings: a stream
-- (see stream.lua) that decodes when somebody reads, a slice of 2 ms at a time, so
-- that neither what is held nor the wait of the other tasks grows with what the
-- body decodes to. The work is C's: src/fetch/coded.c.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")
local waiting = require("multisock.tasks.waiting")

local now, park, waiter = scheduler.now, waiting.park, waiting.waiter

local decoding = {}

local Decoding = {}
Decoding.__index = Decoding

-- The class of other streams.
local Stream

---- Turns ---------------------------------------------------------------------

-- Who decodes for long waits here after each slice, first in first out: one goes on
-- in each turn of the loop. Who comes new need not wait, as long as the slices of
-- one turn took no longer than this.
local MOST_SECONDS = 0.005

local queue, first, last = {}, 1, 0
local spent = 0                     -- seconds, since the queue has begun to move
local timer

local function admit()
  local entry
  timer, spent = nil, 0
  repeat
    entry = queue[first]
    queue[first] = nil
    first = first + 1
  until entry == nil or entry.who
  if entry then
    scheduler.wake(entry.who)
    timer = waiting.at(now(), admit)
  else
    first, last = 1, 0
  end
end

-- Lets the others have their turn. Returns nothing, or the error with which the
-- task was cancelled meanwhile.
local function queue_up(who)
  local entry = { who = who }
  last = last + 1
  queue[last] = entry
  timer = timer or waiting.at(now(), admit)
  local err = park(who)
  entry.who = nil
  return err
end

---- Slices --------------------------------------------------------------------

-- Who reads; nil where nobody can wait, as in a callback: then the others have to.
-- Lua 5.1 cannot ask without raising.
local reader = compat.yields_in_pcall and function()
  local can_wait, who = pcall(waiter)
  return can_wait and who or nil
end or function()
  local task = scheduler.task
  if task == nil or task.co then
    return waiter()
  end
end

-- Returns the error of a limit that has passed while it waited.
local function wait_for_turn(self)
  self.tired = false
  local who = reader()
  local err = who and queue_up(who)
  if self.released then
    return nil                      -- by another task
  elseif err then
    self:abort(err)
    error(err, 0)
  elseif self.deadline and now() >= self.deadline then
    err = self:timeout_error("total", self.settings.timeout.total)
    self:abort(err)
    return err
  end
end

-- Decodes some more, as soon as something has come. Returns true; false when all is
-- decoded, or nothing more can be; nil, err when there is nothing to wait for.
local function advance(self)
  local easy = self.easy
  if self.tired or timer and spent > MOST_SECONDS then
    local err = wait_for_turn(self)
    if err then
      return nil, err
    end
  end
  if self.released then
    return nil, self.failure
  end
  local before, began = self.decoded, now()
  local more, drained, size = easy:decode()
  spent = spent + now() - began
  if more == nil then
    return false                    -- the file is full
  end
  self.tired, self.decoded = more, size
  if drained then
    self.multi:resume(easy)
  end
  if more or size > before then
    return true
  elseif easy:ended() ~= false then
    return false
  end
  local err = self:await_change(now())
  return err == nil or nil, err
end

---- Reading: as Stream's ------------------------------------------------------

--- Some of the body, when there is some that is decoded.
function Decoding:take(most)
  return (self.easy:take(most))
end

function Decoding:read(most)
  if self.released then
    return nil, self.failure
  end
  local chunk = self.easy:take(most)
  while chunk == nil do
    local more, err = advance(self)
    if more == nil then
      return nil, err
    end
    chunk = self.easy:take(most)
    if chunk == nil and not more then
      self:check_end()
      return nil, self.failure
    end
  end
  return chunk
end

function Decoding:read_all()
  local limit = self.settings.max_body
  local more, err = not self.released, self.failure
  self.buffering = true
  while more do
    if limit > 0 and self.decoded > limit then
      return self:refuse_size(limit)
    end
    more, err = advance(self)
  end
  if self.released then
    return nil, err
  end
  return self:take_all()
end

function Decoding:save(file)
  local easy = self.easy
  if self.released then
    return nil, self.failure
  end
  local waited, message = easy:sink(file)
  local before = waited and self.decoded - waited
  local more, err = waited ~= nil, nil
  while more do
    more, err = advance(self)
  end
  if self.released then
    return nil, err
  end
  message = message or easy:sink_end()
  if message then
    self:abort(errors.new("io", message))
    return nil, self.failure
  end
  self:check_end()
  if self.failure then
    return nil, self.failure
  end
  return self.decoded - before
end

--- What is left is taken as it comes, for who throws it away.
function Decoding:stop_decoding()
  if not self.released then
    self.easy:stop_decoding()
    setmetatable(self, Stream)
  end
end

---- For stream.lua ------------------------------------------------------------

--- Who does all that is not about the body.
function decoding.set_base(class)
  Stream = class
  setmetatable(Decoding, class)
end

--- Has a stream decode its body.
function decoding.begin(self)
  -- Some may be decoded already, see src/fetch/perform.c.
  local _, _, decoded = self.easy:marks()
  self.decoded = decoded
  setmetatable(self, Decoding)
end

return decoding
