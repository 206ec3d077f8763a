-- Random programs on a mock, and what must be true of each: that every request ends once,
-- no limit is passed, time never goes back, nothing is sent twice unasked, nothing is left. A
-- program is told by its seed: simulation_spec.lua and script/simulate run many.
local chance = require("multisock.base.chance")
local errors = require("multisock.base.errors")
local ms = require("multisock")
local operations = require("spec.support.simulated_operations")
local scheduler = require("multisock.tasks.scheduler")

local simulation = {}

local Program = {}
Program.__index = Program

-- Operations of one program; deeper than so many, none holds others.
local MOST_STEPS, MOST_DEPTH = 80, 5
-- What sums of floats may differ by.
local EXACT = 1e-6

---- Chance, and what has to be true ----------------------------------------------

function Program:number(most)
  return chance.number(self.bytes) * (most or 1)
end

function Program:integer(least, most)
  return least + math.floor(self:number(most - least + 1))
end

function Program:chance(share)
  return self:number() < share
end

function Program:pick(list)
  return list[self:integer(1, #list)]
end

-- What is wrong is known, whatever the program does with an error.
function Program:check(true_so_far, what, ...)
  if not true_so_far and self.violation == nil then
    self.violation = debug.traceback(what:format(...), 2)
  end
end

function Program:note(what)
  local now = ms.now()
  self:check(now >= self.seen_at, "time went back: %g after %g", now, self.seen_at)
  self.seen_at = now
  self.log[#self.log + 1] = ("%.6f %s"):format(now - self.began, what)
end

-- An error that the program may meet: its own, or that it was cancelled.
function Program:check_error(err)
  local allowed = errors.is(err) or type(err) == "table" and err.planned
    or self.closed and tostring(err):find("the client is closed", 1, true)
  self:check(allowed, "raised: %s", tostring(err))
end

-- Calls it; an error of its own ends here, one of another goes on.
function Program:guard(fn, ...)
  local ok, err = pcall(fn, ...)
  if not ok then
    self:check_error(err)
    if errors.is(err, "cancelled") then
      error(err, 0)
    end
  end
  return ok
end

---- Requests ------------------------------------------------------------------

local METHODS = { "GET", "GET", "GET", "PUT", "POST" }
local KINDS = {}
for _, row in ipairs(errors.kinds) do
  KINDS[row[1]] = true
end
for kind in ("connect closed timeout"):gmatch("%a+") do
  KINDS[kind] = true
end

function Program:options_of_request()
  local id = #self.requests + 1
  local options = { method = self:pick(METHODS), headers = { ["X-Id"] = id },
    buffer = self:chance(0.5) or nil }
  if self:chance(0.4) then
    local limits = { "total", "attempt", "first_byte", "queue" }
    options.timeout = { [self:pick(limits)] = self:number(8) + 0.01 }
  end
  if self:chance(0.1) then
    options.retry = false
  end
  self.requests[id] = { method = options.method, began = ms.now(), ends = 0,
    timeout = options.timeout, total = options.timeout and options.timeout.total }
  return options, id
end

-- Reads it, or a part of it, or not.
function Program:use(response)
  local way = self:integer(1, 4)
  if way == 1 then
    response:close()
  elseif way == 2 then
    response:read(3)
  elseif way == 3 then
    local text, err = response:text()
    self:check(text or errors.is(err), "text: %s", tostring(err))
  end
end

-- `of_list`: it may have ended before.
function Program:end_request(id, response, err, of_list)
  local request = self.requests[id]
  local took = ms.now() - request.began
  request.ends = request.ends + 1
  self:check(request.ends == 1, "request %d ended twice", id)
  self:check(of_list or not request.total or took <= request.total + EXACT,
    "request %d took %g of %g", id, took, request.total or 0)
  if response == nil then
    self:check(errors.is(err) and (KINDS[err.kind] or self.closed), "request %d: %s", id,
      tostring(err))
  end
  self:note(("request %d: %s"):format(id, response and response.status or err.kind))
end

function Program:request()
  local options, id = self:options_of_request()
  local url = ("https://h%d.example/%d"):format(self:integer(1, 3), self:integer(1, 5))
  local ok, response, err = pcall(self.client.fetch, self.client, url, options)
  if not ok then
    self:check_error(response)
    self:end_request(id, nil, errors.is(response) and response
      or errors.new("cancelled", tostring(response)))
    error(response, 0)
  end
  self:end_request(id, response, err)
  if response then
    self:use(response)
  end
  return response, err
end

---- What programs do -----------------------------------------------------------

-- Starts some in a group, or another scope. @return the tasks
function Program:start(spawn, depth, most)
  local list = {}
  for i = 1, self:integer(1, most) do
    list[i] = spawn(self.some, self, depth)
    self.tasks[#self.tasks + 1] = list[i]
  end
  return list
end

function Program:check_ended(what, list)
  for _, task in ipairs(list) do
    local status = task:status()
    self:check(status == "done" or status == "failed" or status == "cancelled",
      "%s has ended, a task of it is %s", what, status)
  end
end

-- Counts how many are in `fn` at once.
function Program:gauge(what, most, fn)
  local running = { 0 }
  return function(...)
    running[1] = running[1] + 1
    self:check(running[1] <= most, "%s: %d at once of %d", what, running[1], most)
    local ok, value, err = pcall(fn, ...)
    running[1] = running[1] - 1
    if not ok then
      error(value, 0)
    end
    return value, err
  end, running
end

local LEAVES = { "sleep", "request", "request", "urls", "hedge", "queue", "cancel", "fail" }
local ALL = { "sleep", "request", "request", "urls", "hedge", "queue", "cancel", "fail", "group",
  "group", "limit", "limit", "map" }

--- A few of them, one after the other.
function Program:some(depth)
  for _ = 1, self:integer(1, 4) do
    if self.steps >= MOST_STEPS then
      return
    end
    self.steps = self.steps + 1
    local name = self:pick(depth < MOST_DEPTH and ALL or LEAVES)
    self:note(name)
    operations[name](self, depth + 1)
  end
end

---- The other side ------------------------------------------------------------

function Program:answer(request)
  local id, way = tonumber(request.headers["x-id"]), self:number()
  for name, seconds in pairs(self.requests[id].timeout or {}) do
    self:check(request._made.settings.timeout[name] == seconds, "request %d has lost timeout.%s",
      id, name)
  end
  if way < 0.15 then
    return { status = self:pick({ 500, 503, 429 }), delay = { 0, 1 },
      headers = self:chance(0.5) and { ["Retry-After"] = self:integer(0, 4) } or nil }
  elseif way < 0.2 then
    return { status = 404 }
  elseif way < 0.4 then
    return { delay = { 0, 5 }, body = { "one", self:number(3), "two", self:number(3), "three" } }
  end
  return { delay = { 0, 2 }, body = "body", headers = self:chance(0.5)
    and { ["Cache-Control"] = "max-age=5, stale-while-revalidate=5" } or nil }
end

function Program:make_client()
  local rules = {}
  if self:chance(0.5) then
    rules.throttle = { limit = self:integer(1, 4), per = self:number(5) + 0.1,
      burst = self:chance(0.3) and self:integer(1, 3) or nil }
  end
  if self:chance(0.7) then
    rules.retry = { limit = self:integer(0, 4), backoff = self:number(2) + 0.01,
      breaker = self:chance(0.3) and { min = 3, open = 2 } or nil }
  end
  if self:chance(0.3) then
    rules.cache = { coalesce = self:chance(0.5) }
  end
  self.rules = rules
  self.mock = ms.mock({ seed = self.seed,
    routes = function(request) return self:answer(request) end,
    faults = {
      { ratio = 0.05, fail = "connect" }, { ratio = 0.05, fail = "closed" },
      { ratio = 0.05, fail = "closed", at = 2 }, { ratio = 0.05, delay = { 0, 20 } },
    } })
end

---- What must be true at the end -------------------------------------------------

-- At most `limit` of these moments in any `per` seconds.
function Program:check_window(host, moments, limit, per)
  for i = limit + 1, #moments do
    self:check(moments[i] - moments[i - limit] >= per - EXACT,
      "throttle: %d starts at %s in %g s, %d in %g allowed", limit + 1, host,
      moments[i] - moments[i - limit], limit, per)
  end
end

function Program:check_calls()
  local by_host, sent, seen = {}, {}, {}
  for _, call in ipairs(self.mock:calls()) do
    local id, host = tonumber(call.headers["x-id"]), call.url:match("//([^/]*)")
    by_host[host] = by_host[host] or {}
    table.insert(by_host[host], call.at)
    seen[id] = (seen[id] or 0) + 1
    sent[id] = (sent[id] or 0) + (call.fault == "faults[1]" and 0 or 1)
  end
  local rule, retry = self.rules.throttle, self.rules.retry
  for host, moments in pairs(rule and by_host or {}) do
    self:check_window(host, moments, rule.limit, rule.per)
    if rule.burst and rule.burst < rule.limit then
      self:check_window(host, moments, rule.burst, rule.burst * rule.per / rule.limit)
    end
  end
  for id, request in ipairs(self.requests) do
    self:check(request.ends == 1, "request %d ended %d times", id, request.ends)
    -- A cache may ask for itself once more, to refresh.
    self:check((seen[id] or 0) <= (retry and retry.limit or 0) + (self.rules.cache and 2 or 1)
      * (retry and self.rules.cache and retry.limit + 1 or 1), "request %d was sent %d times", id,
      seen[id] or 0)
    self:check(request.method ~= "POST" or (sent[id] or 0) <= 1, "POST %d came %d times", id,
      sent[id] or 0)
  end
end

function Program:check_left()
  local others, waiting = scheduler.pending()
  self:check(others == self.others, "%d tasks are left", others - self.others)
  self:check(waiting == 0, "%d timers are left", waiting)
  self:check(next(self.client.pauses or {}) == nil, "somebody waits for the client")
end

--- Runs the program of a seed.
-- @return list of strings: what happened @raise what was not true
function simulation.run(seed)
  local self = setmetatable({
    seed = seed, bytes = chance.seeded(seed), log = {}, tasks = {}, requests = {}, steps = 0,
  }, Program)
  self:make_client()
  local ok, err = pcall(self.mock.run, self.mock, function()
    self.began, self.seen_at, self.others = ms.now(), ms.now(), (scheduler.pending())
    local options = { agent = self.mock }
    for name, value in pairs(self.rules) do
      options[name] = value
    end
    self.client = ms.client(options)
    while self.steps < MOST_STEPS do
      pcall(ms.group, function(group)
        local closer = self:chance(0.02)
        self:start(function(...) return group:spawn(...) end, 1, 5)
        if closer then
          ms.sleep(self:number(5))
          self.closed = true
          self.client:close()
        end
      end)
    end
    ms.sleep(1000)
    self:check_left()
    self.client:close()
  end)
  if not ok then
    self:check_error(err)             -- of a task that nobody awaited
  end
  self:check_calls()
  if self.violation then
    error(("seed %d: %s\nlast events:\n  %s"):format(seed, self.violation,
      table.concat(self.log, "\n  ", math.max(1, #self.log - 15))), 0)
  end
  return self.log
end

return simulation
