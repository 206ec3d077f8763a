-- A queue between tasks.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")
local waiting = require("multisock.tasks.waiting")

--- What ms.queue makes; `for value in queue` takes until it is closed and empty.
-- @class multisock.Queue
-- @field count integer values in it; `#queue` where Lua has it for tables
local Queue = { __name = "multisock.queue" }
Queue.__index = Queue

-- Tasks that wait, in order: [first..last], false where one gave up.
local function new_line()
  return { first = 1, last = 0 }
end

local function head(line)
  while line.first <= line.last do
    local who = line[line.first]
    if who then
      return who
    end
    line[line.first] = nil
    line.first = line.first + 1
  end
  line.first, line.last = 1, 0
end

local function wake_head(line)
  local who = head(line)
  if who then
    scheduler.wake(who)
  end
end

-- Waits for its turn: until nobody is before it and `ready(self)`, or closed.
local function wait(self, line, ready)
  if self.closed or head(line) == nil and ready(self) then
    return
  end
  local who = waiting.waiter()
  local at = line.last + 1
  line[at], line.last = who, at
  local err
  repeat
    err = waiting.park(who)
  until err or self.closed or head(line) == who and ready(self)
  line[at] = false
  if err then
    -- Had it been woken, then another can have what it leaves.
    if ready(self) then
      wake_head(line)
    end
    error(err, 0)
  end
end

local function has_room(self)
  return self.count < self.capacity
end

local function has_values(self)
  return self.count > 0
end

--- Adds a value; waits while the queue is full.
-- @param value any but nil
-- @raise when the queue is closed
function Queue:put(value)
  errors.check_self(self, Queue, "queue", "put")
  if value == nil then
    errors.misuse("put: value expected, got nil")
  end
  wait(self, self.putters, has_room)
  if self.closed then
    errors.misuse("put: the queue is closed")
  end
  self.last = self.last + 1
  self.values[self.last] = value
  self.count = self.count + 1
  wake_head(self.getters)
  if has_room(self) then
    wake_head(self.putters)
  end
end

--- Takes the oldest value; waits while the queue is empty.
-- @return value; nil when it is closed and empty
function Queue:get()
  errors.check_self(self, Queue, "queue", "get")
  wait(self, self.getters, has_values)
  if self.count == 0 then
    return nil
  end
  local value = self.values[self.first]
  self.values[self.first] = nil
  self.first = self.first + 1
  self.count = self.count - 1
  wake_head(self.putters)
  if has_values(self) then
    wake_head(self.getters)
  end
  return value
end

--- No more can be put; what is in it can still be taken. May be called again.
function Queue:close()
  errors.check_self(self, Queue, "queue", "close")
  self.closed = true
  for _, line in ipairs({ self.getters, self.putters }) do
    for i = line.first, line.last do
      if line[i] then
        scheduler.wake(line[i])
      end
    end
  end
end

Queue.__close = Queue.close

--- `for value in queue` takes until it is closed and empty.
function Queue:__call()
  return self:get()
end

function Queue:__len()
  return self.count
end

function Queue:__tostring()
  return ("multisock.queue (%d values%s)"):format(self.count, self.closed and ", closed" or "")
end

--- Makes a queue.
-- @param capacity? integer: values at most; nil: no bound
-- @return queue
return function(capacity)
  if capacity ~= nil and capacity ~= math.huge
    and (not compat.is_integer(capacity) or capacity < 1) then
    errors.misuse("queue: integer of 1 or more expected, got " .. errors.quote(capacity))
  end
  return setmetatable({
    capacity = capacity or math.huge, values = {}, first = 1, last = 0, count = 0,
    getters = new_line(), putters = new_line(),
  }, Queue)
end
