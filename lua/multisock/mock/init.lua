-- ms.mock: an agent that answers what a test has it answer.
local agent = require("multisock.agent")
local asked = require("multisock.middleware.asked")
local chance = require("multisock.base.chance")
local checks = require("multisock.mock.checks")
local delays = require("multisock.mock.delays")
local errors = require("multisock.base.errors")
local faults = require("multisock.mock.faults")
local places = require("multisock.mock.places")
local replies = require("multisock.mock.replies")
local response_class = require("multisock.response")
local routes = require("multisock.mock.routes")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")

local mock = {}

local Mock = { __name = "multisock.mock" }
Mock.__index = Mock

--- What ms.mock takes.
-- @class multisock.MockOptions
-- @field routes? multisock.Route[]|fun(request: multisock.Request): any, any a list of which the
-- first answers that a request is for; or a function that answers all
-- @field faults? multisock.Fault[] what goes wrong: the first that comes upon a request
-- @field seed? integer of all chance: `faults`, ranges of `delay`, and in `mock:run` also that of
-- retries (0)
-- @field clock? "virtual"|"manual" how time passes in `mock:run`: by itself, when every task waits
-- for it (the default), or by `mock:advance`

local function check(self, name)
  errors.check_self(self, Mock, "mock", name)
end

---- What comes in -------------------------------------------------------------

--- A request that a mock was asked.
-- @class multisock.Call
-- @field method string
-- @field url string
-- @field headers headers as it was sent
-- @field body? string all of it; nil also when no connection stood
-- @field at number ms.now() when it came
-- @field route? string which route answered: `"routes[2]"`
-- @field fault? string what went wrong instead: `"faults[1]"`

-- All of it, as one string. @return string, or nil; or nil, err
local function read_body(body)
  if body == nil or body.bytes then
    return body and body.bytes
  end
  local parts = {}
  body.begun = true
  repeat
    local piece, err = body.read()
    if err then
      err.phase = err.phase or "send"
      return nil, err
    end
    parts[#parts + 1] = piece
  until piece == nil
  return table.concat(parts)
end

--- A server takes the whole body before it answers.
-- @return true; or nil, err
local function take_body(call, request)
  local err
  request.agent_phase = "send"
  call.body, err = read_body(request.body)
  request.agent_phase = nil
  return err == nil or nil, err
end

local function note(self, view)
  local call = {
    method = view.method, url = view.url, headers = view.headers, at = scheduler.now(),
  }
  self.noted[#self.noted + 1] = call
  return call
end

---- What goes out -------------------------------------------------------------

--- What a function of the program returned. @return reply or response; or nil, err
local function result_of(route, reply, err)
  if response_class.is(reply) then
    return reply
  elseif type(reply) == "table" then
    local where = route.where .. (route.where == "routes" and "" or ".reply") .. "()"
    checks.fields(where, reply, replies.fields)
    return replies.check_one(where, reply)
  elseif reply ~= nil or err == nil then
    errors.misuse(("mock: %s: the function returned %s: a table, a response, or nil, err expected")
      :format(route.where, values.describe(reply)))
  end
  return nil, err
end

-- What a route says to its next request: an answer, or a function that says it.
local function next_reply(route)
  route.count = route.count + 1
  return route.replies[math.min(route.count, #route.replies)]
end

local function find_route(self, view, place)
  local route = routes.find(self.routes, view, place)
  if route == nil then
    errors.misuse("mock: " .. routes.explain(self.routes, view, place))
  end
  return route
end

-- The seconds of a field of an answer and of the fault that came upon it.
local function seconds_of(self, name, reply, fault)
  return delays.seconds(reply[name], self.number)
    + (fault and delays.seconds(fault.reply[name], self.number) or 0)
end

local NOTHING = {}

--- Comes as far as sending it.
-- @param reply answer, or response, or nil: not known yet @return true; or nil, err
local function connect(self, made, reply, fault)
  reply = reply ~= nil and not response_class.is(reply) and reply or NOTHING
  local seconds, is_unsent = seconds_of(self, "connect", reply, fault), replies.is_unsent(reply)
  if is_unsent then
    seconds = seconds + seconds_of(self, "delay", reply, fault)
  end
  local ok, err = delays.connect(made, seconds)
  if ok and is_unsent then
    return replies.make(reply, made)
  end
  return ok, err
end

-- Answers as `reply` has it, and as the fault has it that came upon it.
local function answer(self, made, reply, fault)
  local is_made = response_class.is(reply)
  local ok, err = delays.wait(made, seconds_of(self, "delay", is_made and NOTHING or reply, fault))
  if not ok then
    return nil, err
  end
  local response = reply
  if not is_made then
    response, err = replies.make(reply, made)
  end
  if response and fault and fault.reply.at then
    return replies.cut(response, made, fault.reply.at, fault.reply.fail)
  end
  return response, err
end

--- Who answers: a fault in the place of the routes, or a route, upon which a fault may come.
-- @return an answer or function; the route; the fault upon it
local function find_reply(self, call, request)
  local place = routes.place(request.url)
  local fault = faults.find(self.faults, request, place, self.number)
  call.fault = fault and fault.where
  if fault and fault.answers then
    return fault.reply
  end
  local route = find_route(self, request, place)
  call.route = route.where
  return next_reply(route), route, fault
end

--- Answers a request: what a client calls whose `agent` this is.
-- @param request multisock.Request
-- @return response; or nil, err
-- @raise when no route is for it
function Mock:perform(request)
  check(self, "perform")
  asked.check("perform", request)
  local made, call = request._made, note(self, request)
  local reply, route, fault = find_reply(self, call, request)
  local asks, count = type(reply) == "function", route and route.count
  local ok, err = connect(self, made, not asks and reply or nil, fault)
  if ok then
    ok, err = take_body(call, made)
  end
  if ok and asks then
    reply, err = result_of(route, reply(request, count))
    if reply ~= nil then
      ok, err = connect(self, made, reply)
    end
  end
  if not ok or reply == nil then
    return nil, err
  end
  return answer(self, made, reply, fault)
end

---- What a test asks ----------------------------------------------------------

--- What it was asked, in order.
-- @param url? string those alone that this is for, as the `url` of a route
-- @return multisock.Call[] a list of its own
function Mock:calls(url)
  check(self, "calls")
  if url ~= nil and type(url) ~= "string" then
    errors.misuse("calls: string expected, got " .. values.describe(url))
  end
  local list = {}
  for _, call in ipairs(self.noted) do
    if url == nil or routes.fits(url, routes.place(call.url)) then
      list[#list + 1] = call
    end
  end
  return list
end

--- Whether all that the routes have was asked for: each as often as its `times`, or, without,
-- once for each of its answers.
-- @raise naming what was not
function Mock:assert_done()
  check(self, "assert_done")
  local missing = {}
  for _, route in ipairs(self.routes) do
    if route.count < route.least then
      missing[#missing + 1] = ("%s: asked %d of %d times"):format(route.shown, route.count,
        route.least)
    end
  end
  if #missing > 0 then
    errors.misuse("mock: not all was asked for: " .. table.concat(missing, "; "))
  end
end

---- Time ----------------------------------------------------------------------

-- Its clock goes on in the next run.
local function world_of(self)
  self.world = self.world or require("multisock.tasks.simulated").new(self.manual,
    chance.seeded(self.seed + 1))
  return self.world
end

--- Runs `fn` and all that it spawned, as ms.run, with a clock of its own: nothing waits in
-- earnest, and what is sent without an agent raises.
-- @param fn function @param ... any what it is called with
-- @return ... fn's results @raise as ms.run; when every task waits for a manual clock
function Mock:run(fn, ...)
  check(self, "run")
  if type(fn) ~= "function" then
    errors.misuse("mock:run: function expected, got " .. values.describe(fn))
  elseif tasks.is_running() then
    errors.misuse("mock:run: the loop is running already; call it outside of ms.run")
  end
  return require("multisock.tasks.simulated").run(world_of(self), fn, ...)
end

--- Moves a manual clock, in a task of `mock:run`: what is due meanwhile happens in its order. It
-- returns when that has run and waits again.
-- @param seconds number
function Mock:advance(seconds)
  check(self, "advance")
  if not checks.is_seconds(seconds) then
    errors.misuse("advance: seconds of 0 or more expected, got " .. values.describe(seconds))
  end
  require("multisock.tasks.simulated").advance(world_of(self), seconds)
end

function Mock:__tostring()
  return ("multisock.mock (%d calls)"):format(#self.noted)
end

---- Making one ----------------------------------------------------------------

local OPTIONS = { routes = true, faults = true, seed = true, clock = true }

--- Makes a mock.
-- @param options? table: routes, faults, seed, clock @return mock @raise on misuse
function mock.new(options)
  options = options == nil and {} or options
  checks.fields("options", options, OPTIONS)
  checks.integer("seed", options.seed, -2 ^ 53, 2 ^ 53)
  local kind, seed = options.clock, options.seed or 0
  if kind ~= nil and kind ~= "virtual" and kind ~= "manual" then
    checks.expected("clock", '"virtual" or "manual"', kind)
  end
  -- Faults by themselves: what else takes a chance does not move them.
  local bytes = chance.seeded(seed)
  local self = setmetatable({
    routes = routes.check(options.routes), faults = faults.check(options.faults), noted = {},
    number = function() return chance.number(bytes) end, seed = seed, manual = kind == "manual",
  }, Mock)
  agent.admitting(self, places.take)
  return self
end

return mock
