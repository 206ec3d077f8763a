-- Bounded parallel work over a list or an iterator: ms.map and ms.each.
local scheduler = require("multisock.scheduler")
local new_queue = require("multisock.queue")

local map = {}

local OPTIONS = { concurrency = true, on_error = true, progress = true }

local function check_options(what, options)
  options = options or {}
  if type(options) ~= "table" then
    error(what .. ": table of options expected, got " .. type(options), 3)
  end
  for name in pairs(options) do
    if not OPTIONS[name] then
      error(("%s: unknown option %q"):format(what, tostring(name)), 3)
    end
  end
  local concurrency = options.concurrency or 64
  if type(concurrency) ~= "number" or concurrency < 1 then
    error(("%s: option 'concurrency': integer of 1 or more expected, got %s"):format(what,
      tostring(concurrency)), 3)
  end
  if options.on_error ~= nil and options.on_error ~= "stop" and options.on_error ~= "continue" then
    error(("%s: option 'on_error': \"stop\" or \"continue\" expected, got %s"):format(what,
      tostring(options.on_error)), 3)
  end
  return options, concurrency
end

-- A function that gives i, item, and nil at the end.
local function source(what, items)
  if type(items) == "table" and getmetatable(items) == nil or type(items) == "table"
    and #items > 0 then
    local i = 0
    return function()
      i = i + 1
      if items[i] ~= nil then
        return i, items[i]
      end
    end
  end
  local callable = type(items) == "function"
    or type(items) == "table" and getmetatable(items) and getmetatable(items).__call
  if not callable then
    error(what .. ": list or iterator expected, got " .. type(items), 3)
  end
  local i = 0
  return function()
    local item = items()
    if item ~= nil then
      i = i + 1
      return i, item
    end
  end
end

-- Without a function the items are URLs, and the results responses whose body
-- is there.
local function fetch_whole(url)
  local response, err = map.fetch(url)
  if response == nil then
    return nil, err
  end
  local body
  body, err = response:text()
  if body == nil then
    return nil, err
  end
  return response
end

local function arguments(what, fn, options)
  if type(fn) == "table" and options == nil then
    fn, options = nil, fn
  end
  if fn ~= nil and type(fn) ~= "function" then
    error(("%s: function expected, got %s"):format(what, type(fn)), 3)
  end
  local concurrency
  options, concurrency = check_options(what, options)
  return fn or fetch_whole, options, concurrency
end

-- Runs fn over all items in `concurrency` tasks of the group; `done(i, value,
-- err)` takes each result and returns true to stop.
local function work(group, next_item, fn, concurrency, done)
  local stopped = false
  local active = 0
  local function worker()
    while not stopped do
      local i, item = next_item()
      if i == nil then
        stopped = true
        break
      end
      local value, err = fn(item, i)
      if done(i, value, err) then
        stopped = true
        group:cancel("map: stopped at an error")
        break
      end
    end
    active = active - 1
  end
  -- Workers are started as they are needed: a short list needs few. A list
  -- tells its end by itself; an iterator is asked by the workers.
  return function(count)
    for _ = 1, math.min(count, concurrency) do
      active = active + 1
      group:spawn(worker)
    end
  end
end

local function item_count(items, concurrency)
  return type(items) == "table" and getmetatable(items) == nil and #items or concurrency
end

--- Calls fn for every item, many at a time.
-- @param items list or iterator function
-- @param fn? function(item, i) -> value; or nil, err. Without it the items are
-- URLs and the results responses, body read
-- @param options? {concurrency = 64, on_error = "continue" or "stop",
-- progress = function(done, total)}
-- @return results, errors: by the item's index; results.n is the count
-- @raise what fn raised, after the rest was cancelled
function map.map(items, fn, options)
  local concurrency
  fn, options, concurrency = arguments("map", fn, options)
  local next_item = source("map", items)
  local results, errors_ = { n = 0 }, {}
  local total = type(items) == "table" and #items or nil
  local finished = 0
  scheduler.group(function(group)
    work(group, function()
      local i, item = next_item()
      if i and i > results.n then
        results.n = i
      end
      return i, item
    end, fn, concurrency, function(i, value, err)
      results[i] = value
      if value == nil then
        errors_[i] = err
      end
      finished = finished + 1
      if options.progress then
        options.progress(finished, total)
      end
      return options.on_error == "stop" and value == nil and err ~= nil
    end)(item_count(items, concurrency))
  end)
  return results, errors_
end

--- The same, in order of arrival: `for i, value, err in ms.each(...)`. Leaving
-- the loop early cancels what still runs (by `break` in Lua 5.4; elsewhere call
-- :close() on the first value that `each` returns).
function map.each(items, fn, options)
  local concurrency
  fn, options, concurrency = arguments("each", fn, options)
  local next_item = source("each", items)
  -- Bounded, so that a slow loop body slows the work down.
  local arrived = new_queue(math.max(1, concurrency))
  local task = scheduler.spawn(function()
    scheduler.group(function(group)
      work(group, next_item, fn, concurrency, function(i, value, err)
        arrived:put({ i, value, err })
        return options.on_error == "stop" and value == nil and err ~= nil
      end)(item_count(items, concurrency))
    end)
  end)
  task:on_done(function()
    arrived:close()
  end)
  local iterator = setmetatable({}, {
    __name = "multisock.each",
    __call = function()
      local entry = arrived:get()
      if entry then
        return entry[1], entry[2], entry[3]
      end
      task:await()                  -- raises what fn raised
    end,
    __index = {
      close = function()
        task:cancel("each: left early")
      end,
    },
    __close = function()
      task:cancel("each: left early")
    end,
  })
  return iterator, nil, nil, iterator
end

return map
