-- A queue between tasks.
local scheduler = require("multisock.scheduler")

local Queue = { __name = "multisock.queue" }
Queue.__index = Queue

-- Waits until `ready(self)` or closed; tasks wait in order.
local function wait(self, list, ready)
  local who = scheduler.waiter()
  while not ready(self) and not self.closed do
    list[#list + 1] = who
    local err = scheduler.park(who)
    for i = #list, 1, -1 do
      if list[i] == who then
        table.remove(list, i)
      end
    end
    if err then
      error(err, 0)
    end
  end
end

local function wake_first(list)
  if list[1] then
    scheduler.wake(list[1])
  end
end

local function has_room(self)
  return self.count < self.capacity
end

local function has_values(self)
  return self.count > 0
end

--- Adds a value; waits while the queue is full.
-- @param value anything but nil
-- @raise when the queue is closed
function Queue:put(value)
  if value == nil then
    error("put: value expected, got nil", 2)
  end
  wait(self, self.putters, has_room)
  if self.closed then
    error("put: the queue is closed", 2)
  end
  self.last = self.last + 1
  self.values[self.last] = value
  self.count = self.count + 1
  wake_first(self.getters)
end

--- Takes the oldest value; waits while the queue is empty.
-- @return value; nil when it is closed and empty
function Queue:get()
  wait(self, self.getters, has_values)
  if self.count == 0 then
    return nil
  end
  local value = self.values[self.first]
  self.values[self.first] = nil
  self.first = self.first + 1
  self.count = self.count - 1
  wake_first(self.putters)
  if self.count > 0 then
    wake_first(self.getters)
  end
  return value
end

--- No more can be put; what is in it can still be taken. May be called again.
function Queue:close()
  self.closed = true
  for _, list in ipairs({ self.getters, self.putters }) do
    for i = 1, #list do
      scheduler.wake(list[i])
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
-- @param capacity? values at most; nil: no bound
return function(capacity)
  if capacity ~= nil and (type(capacity) ~= "number" or capacity < 1) then
    error("queue: capacity of 1 or more expected, got " .. tostring(capacity), 2)
  end
  return setmetatable({
    capacity = capacity or math.huge, values = {}, first = 1, last = 0, count = 0,
    getters = {}, putters = {},
  }, Queue)
end
