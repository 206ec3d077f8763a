-- What the specs of tasks share.
local ms = require("multisock")

local tasks = {}

--- Lets all that is ready run, and what that makes ready, without a clock.
function tasks.turns(count)
  for _ = 1, count or 10 do
    ms.sleep(0)
  end
end

--- Counts how many run at once.
function tasks.gauge()
  local self = { now = 0, most = 0 }
  function self.wrap(fn)
    return function(...)
      self.now = self.now + 1
      self.most = math.max(self.most, self.now)
      local value, err = fn(...)
      self.now = self.now - 1
      return value, err
    end
  end
  return self
end

--- A list that has a value so many times.
function tasks.copies(value, count)
  local list = {}
  for i = 1, count do
    list[i] = value
  end
  return list
end

--- An iterator over 1 to n.
function tasks.counter(n)
  local i = 0
  return function()
    i = i + 1
    return i <= n and i or nil
  end
end

return tasks
