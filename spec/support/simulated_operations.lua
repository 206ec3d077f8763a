-- What the random programs of simulation.lua do: an operation each, of a program and how deep
-- it is in others.
local errors = require("multisock.base.errors")
local ms = require("multisock")

local operations = {}

-- What sums of floats may differ by.
local EXACT = 1e-6

function operations:sleep()
  local seconds, before = self:pick({ 0, 0, self:number(0.1), self:number(10), 60 }), ms.now()
  ms.sleep(seconds)
  self:check(ms.now() >= before + seconds, "slept less than %g", seconds)
end

function operations:request()
  self:request()
end

function operations:cancel()
  local task = self.tasks[self:integer(1, math.max(1, #self.tasks))]
  if task and task:status() ~= "running" then
    task:cancel("by chance")
  end
end

function operations:fail()
  if self:chance(0.3) then
    error({ planned = true }, 0)
  end
end

function operations:group(depth)
  local list = {}
  self:guard(ms.group, function(group)
    list = self:start(function(...) return group:spawn(...) end, depth, 4)
    self:some(depth)
  end)
  self:check_ended("group", list)
end

function operations:limit(depth)
  local seconds, before, list = self:number(10), ms.now(), {}
  self:guard(function()
    local _, err = ms.with_timeout(seconds, function()
      list = self:start(ms.spawn, depth, 2)
      self:some(depth)
      for _, task in ipairs(list) do
        task:join()
      end
      return true
    end)
    self:check(err == nil or err.kind == "timeout", "with_timeout: %s", tostring(err))
  end)
  self:check(ms.now() <= before + seconds + EXACT, "with_timeout(%g) took %g", seconds,
    ms.now() - before)
  self:check_ended("with_timeout", list)
end

function operations:map(depth)
  local count, most = self:integer(0, 6), self:integer(1, 4)
  local items = {}
  for i = 1, count do
    items[i] = i
  end
  local fn, running = self:gauge("map", most, function(i)
    self:some(depth)
    return i
  end)
  self:guard(function()
    local results, errs = ms.map(items, fn, { concurrency = most })
    for i = 1, count do
      self:check(results[i] == i and errs[i] == nil, "map: result %d is %s", i,
        tostring(results[i]))
    end
  end)
  self:check(running[1] == 0, "map has ended, and %d run", running[1])
end

function operations:urls()
  local items = {}
  for i = 1, self:integer(1, 5) do
    local options, id = self:options_of_request()
    items[i] = { ("https://h%d.example/list"):format(self:integer(1, 3)), options, id = id }
  end
  local ok, results, errs = pcall(self.client.map, self.client, items)
  for i, item in ipairs(items) do
    if ok then
      self:end_request(item.id, results[i], errs[i], true)
    else
      self:end_request(item.id, nil, errors.new("cancelled", "the map was"), true)
    end
  end
  if not ok then
    self:check_error(results)
    error(results, 0)
  end
end

function operations:hedge()
  local max, tries = self:integer(1, 3), 0
  self:guard(ms.hedge, { after = self:number(3), max = max }, function(try)
    tries = tries + 1
    self:check(try == tries and try <= max, "hedge: try %d of %d", try, max)
    return self:request()
  end)
end

function operations:queue()
  local capacity, count = self:integer(1, 3), self:integer(1, 6)
  local queue, got = ms.queue(capacity), 0
  self:guard(ms.group, function(group)
    -- Whoever ends closes it: the other may be cancelled, and would be waited for for ever.
    local function spawn(fn)
      self.tasks[#self.tasks + 1] = group:spawn(fn):on_done(function() queue:close() end)
    end
    spawn(function()
      for i = 1, count do
        if queue.closed then
          return
        end
        local ok, err = pcall(queue.put, queue, i)
        if not ok and not tostring(err):find("the queue is closed", 1, true) then
          error(err, 0)
        end
        self:check(queue.count <= capacity, "queue: %d of %d", queue.count, capacity)
        ms.sleep(self:number(0.1))
      end
    end)
    spawn(function()
      local value = queue:get()
      while value do
        got = got + 1
        self:check(value == got, "queue: %s after %d", tostring(value), got - 1)
        ms.sleep(self:number(0.2))
        value = queue:get()
      end
    end)
  end)
end

return operations
