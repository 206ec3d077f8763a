-- Bounded parallel work over a list or an iterator: ms.map and ms.each.
local bulk = require("multisock.bulk")
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local pairs = compat.pairs
local suggest = require("multisock.base.suggest")
local tasks = require("multisock.tasks")
local new_queue = require("multisock.tasks.queue")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local map = {}

--- Options of ms.map and ms.each.
-- @class multisock.MapOptions
-- @field concurrency? integer items in work at once (64), or math.huge
-- @field on_error? "continue"|"stop" `"stop"`: the first `nil, err` cancels the rest
-- @field progress? fun(done: integer, total: integer?) after each item; no total of an iterator
local OPTIONS = { concurrency = true, on_error = true, progress = true }

local function bad_option(what, name, expected, value)
  errors.misuse(("%s: option '%s': %s expected, got %s"):format(what, name, expected,
    errors.quote(value)))
end

local function check_options(what, options)
  if type(options) ~= "table" then
    errors.misuse(what .. ": table of options expected, got " .. type(options))
  end
  for name in pairs(options) do
    if not OPTIONS[name] then
      local meant = suggest.hint(name, OPTIONS)
      if meant == "" then
        meant = ": options of requests belong to a client, or to the function that fetches"
      end
      errors.misuse(("%s: unknown option %s%s"):format(what, errors.quote(name), meant))
    end
  end
  local concurrency = options.concurrency
  if concurrency ~= nil and concurrency ~= math.huge
    and (not compat.is_integer(concurrency) or concurrency < 1) then
    bad_option(what, "concurrency", "integer of 1 or more", concurrency)
  end
  if options.on_error ~= nil and options.on_error ~= "stop" and options.on_error ~= "continue" then
    bad_option(what, "on_error", '"stop" or "continue"', options.on_error)
  end
  if options.progress ~= nil and type(options.progress) ~= "function" then
    bad_option(what, "progress", "function", options.progress)
  end
  return options
end

-- A function that gives i, item, and nil at the end; and for a list, its length.
local function source(what, items)
  local kind, metatable = type(items), getmetatable(items)
  local i = 0
  if kind == "function" or type(metatable) == "table" and metatable.__call then
    return function()
      local item = items()
      if item ~= nil then
        i = i + 1
        return i, item
      end
    end
  elseif kind ~= "table" then
    errors.misuse(what .. ": list or iterator expected, got " .. kind)
  end
  -- The results of another map have holes, and say how long they are.
  local count = compat.is_integer(items.n) and items.n or #items
  return function()
    while i < count do
      i = i + 1
      if items[i] ~= nil then
        return i, items[i]
      end
    end
  end, count
end

local function arguments(what, fn, options)
  if type(fn) == "table" and options == nil then
    fn, options = nil, fn
  end
  if fn ~= nil and type(fn) ~= "function" then
    errors.misuse(("%s: function expected, got %s"):format(what, values.describe(fn)))
  end
  return fn, check_options(what, options or {})
end

-- Without a function the items are URLs, or {url, options}, of this client. Returns a
-- function that begins.
local function fetching(client, what, items, next_item, total, options)
  if type(client) == "function" then
    client = client()
  end
  if client.closed then
    errors.misuse("the client is closed")
  end
  local place = errors.position()
  return function()
    return bulk.new(client, { what = what, place = place, items = total and items,
      total = total, next_item = next_item, concurrency = options.concurrency or 64,
      stops = options.on_error == "stop", progress = options.progress })
  end
end

-- An iterator may wait, as the lines of a response do, so one task at a time
-- asks it, and nobody after its end.
local function one_at_a_time(next_item)
  local turn = new_queue(1)
  local ended = false
  turn:put(true)
  return function()
    turn:get()
    local i, item
    if not ended then
      i, item = next_item()
      ended = i == nil
    end
    -- When next_item raises the group ends: nobody waits for this.
    turn:put(true)
    return i, item
  end
end

-- Runs fn over all items in tasks of a group; `done(i, value, err)` takes each
-- result and returns true to stop.
local function work(next_item, fn, options, done)
  local concurrency = options.concurrency or 64
  local stop_at_error = options.on_error == "stop"
  tasks.group(function(group)
    local stopped = false
    local function worker(i, item)
      while i and not stopped do
        local value, err = fn(item, i)
        if stopped then
          return
        end
        done(i, value, err)
        if stop_at_error and value == nil and err ~= nil then
          stopped = true
          group:cancel("map: stopped at an error")
          return
        end
        i, item = next_item()
      end
    end
    -- A worker is started for an item, so a short list needs few.
    group:spawn(function()
      local count = 0
      while count < concurrency and not stopped do
        local i, item = next_item()
        if i == nil then
          break
        end
        count = count + 1
        group:spawn(worker, i, item)
      end
    end)
  end)
end

-- Counts what is done, for `progress`.
local function counter(options, total)
  local finished = 0
  return options.progress and function()
    finished = finished + 1
    options.progress(finished, total)
  end or function() end
end

--- What ms.each returns: an iterator that can be closed.
-- @class multisock.Each
local Each = { __name = "multisock.each" }
Each.__index = Each

--- Cancels what still runs. May be called again.
function Each:close()
  if self.closed then
    return
  end
  self.closed = true
  self.task:cancel("each: left early")
  tasks.forgo(self.task)
end

Each.__close = Each.close

function Each:__call()
  if self.closed then
    return nil
  end
  local entry = self.arrived:get()
  if entry then
    return entry[1], entry[2], entry[3]
  end
  self.task:await()                 -- raises what fn raised
end

function Each:__tostring()
  return ("multisock.each (%s)"):format(self.closed and "closed" or self.task:status())
end

-- In a group, with which all ends that runs.
local function map_fetched(begin, results, errors_)
  tasks.group(function()
    local fetched = begin()
    local i, response, err = fetched()
    while i do
      results.n = math.max(results.n, i)
      results[i], errors_[i] = response, err
      i, response, err = fetched()
    end
  end)
  return results, errors_
end

--- What ms.map does, for a client.
-- @param client whose requests they are, or function that returns it
function map.map(client, items, fn, options)
  fn, options = arguments("map", fn, options)
  local next_item, total = source("map", items)
  local results, errors_, count = { n = total or 0 }, {}, counter(options, total)
  if fn == nil then
    return map_fetched(fetching(client, "map", items, next_item, total, options), results, errors_)
  elseif total == nil then
    next_item = one_at_a_time(next_item)
  end
  local function next_counted()
    local i, item = next_item()
    if i and i > results.n then
      results.n = i
    end
    return i, item
  end
  work(next_counted, fn, options, function(i, value, err)
    results[i] = value
    if value == nil then
      errors_[i] = err
    end
    count()
  end)
  return results, errors_
end

--- What ms.each does, for a client.
function map.each(client, items, fn, options)
  fn, options = arguments("each", fn, options)
  local next_item, total = source("each", items)
  local count = counter(options, total)
  waiting.waiter()                -- raises where the loop below could not wait
  if fn == nil then
    local iterator = fetching(client, "each", items, next_item, total, options)()
    return iterator, nil, nil, iterator
  elseif total == nil then
    next_item = one_at_a_time(next_item)
  end
  -- Bounded, so that a slow loop body slows the work down.
  local arrived = new_queue(options.concurrency or 64)
  local task = tasks.spawn_apart(function()
    work(next_item, fn, options, function(i, value, err)
      arrived:put({ i, value, err })
      count()
    end)
  end)
  tasks.when_done(task, function()
    arrived:close()
  end)
  local iterator = setmetatable({ task = task, arrived = arrived }, Each)
  return iterator, nil, nil, iterator
end

return map
