-- ms.hedge: asks again when the answer is slow, and takes the first good one.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local pairs = compat.pairs
local response = require("multisock.response")
local scheduler = require("multisock.tasks.scheduler")
local suggest = require("multisock.base.suggest")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local OPTIONS = { after = true, max = true }

--- @return after, max
local function check(options, fn)
  if type(options) ~= "table" then
    errors.misuse("hedge: table of options expected, got " .. values.describe(options))
  elseif type(fn) ~= "function" then
    errors.misuse("hedge: function expected, got " .. values.describe(fn))
  end
  for name in pairs(options) do
    if not OPTIONS[name] then
      errors.misuse(("hedge: unknown option %s%s"):format(errors.quote(name),
        suggest.hint(name, OPTIONS)))
    end
  end
  local after, max = options.after, options.max
  if after == nil then
    after = 0.3
  elseif type(after) ~= "number" or after ~= after or after < 0 then
    errors.misuse("hedge: option 'after': seconds of 0 or more expected, got "
      .. errors.quote(after))
  end
  if max == nil then
    max = 2
  elseif max ~= math.huge and (not compat.is_integer(max) or max < 1) then
    errors.misuse("hedge: option 'max': integer of 1 or more expected, got " .. errors.quote(max))
  end
  return after, max
end

--- Whether a try that has ended is what was asked for. What it raised of the outside
-- world, as iterators do, is a failure like one that it returned.
-- @raise anything else that it raised
local function is_good(task)
  local ok, value = task:join()
  if not ok then
    if not errors.is(value) or value.kind == "cancelled" then
      task:await()
    end
    return false
  end
  return value ~= nil and not (response.is(value) and value.status >= 500)
end

-- What is returned when no try was good: of an answer more can be learnt than of an
-- error.
local function is_better(task, than)
  return than == nil or response.is(task.results[1]) or not response.is(than.results[1])
end

local function close_responses(task)
  for i = 1, task.ok and task.results.n or 0 do
    if response.is(task.results[i]) then
      task.results[i]:close()
    end
  end
end

-- Starts tries until one is good, or all have failed. @return its task
local function first_good(after, max, fn, started)
  local who, ended = waiting.waiter(), {}
  local running, latest, best = 0, nil, nil
  local function start()
    local task = tasks.spawn_apart(fn, #started + 1)
    started[#started + 1] = task
    running, latest = running + 1, scheduler.now()
    tasks.when_done(task, function()
      ended[#ended + 1] = task
      scheduler.wake(who)
    end)
  end
  start()
  while true do
    local task = table.remove(ended, 1)
    if task then
      running = running - 1
      if is_good(task) then
        return task
      elseif is_better(task, best) then
        best = task
      end
    end
    local more, due = #started < max, latest + after
    if more and (task or scheduler.now() >= due) then
      start()                       -- a failure starts the next at once
    elseif running == 0 and #ended == 0 then
      return best
    elseif #ended == 0 then
      local err = waiting.park_until(who, more and due < math.huge and due)
      if err then
        error(err, 0)
      end
    end
  end
end

-- Of those that lost nobody wants the errors, and nobody reads the answers.
local function let_go(started, taken)
  for _, task in ipairs(started) do
    if task ~= taken then
      tasks.forgo(task)
      close_responses(task)
    end
  end
end

--- Calls `fn(1)`, and, when nothing has come of it after `after` seconds, or it has
-- failed, `fn(2)` beside it, and so on. Good is what is not nil and no response of
-- 500 or more. For what may be asked twice.
-- @param options table: after (0.3), seconds between two tries, math.huge: only after
-- a failure; max (2), how many tries there are at most
-- @param fn function(try) -> value; or nil, err. Each in a task of its own
-- @return the results of the first good one, when the others were cancelled and have
-- ended; when none was good, of the last that answered, or else that failed
-- @raise what a try raised, but errors of the outside world
return function(options, fn)
  local after, max = check(options, fn)
  local started, taken = {}, nil
  tasks.group(function(group)
    taken = first_good(after, max, fn, started)
    tasks.forgo(taken)
    group:cancel("hedge: another try was first")
  end)
  let_go(started, taken)
  if not taken.ok then
    return nil, taken.results[1]
  end
  return compat.unpack(taken.results, 1, taken.results.n)
end
