-- ms.eventsource: the events of a URL, over as many connections as it takes (WHATWG HTML 9.2).
local chance = require("multisock.base.chance")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local iterators = require("multisock.response.iterators")
local options = require("multisock.eventsource.options")
local pause = require("multisock.middleware.pause")
local request = require("multisock.request")
local retry_after = require("multisock.middleware.retry_after")
local scheduler = require("multisock.tasks.scheduler")
local status_text = require("multisock.middleware.status").text
local tasks = require("multisock.tasks")
local uncaught = require("multisock.base.uncaught")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

local eventsource = { rows = options.rows }

--- What ms.eventsource makes; `for event in source` reads it, and raises what `read` returns
-- as an error.
-- @class multisock.EventSource
local Source = { __name = "multisock.eventsource" }
Source.__index = Source

-- A request that goes on where the last connection was.
local function make_request(self)
  local made, err = request.new(self.client, "GET", self.url, self.asked)
  if made == nil then
    return nil, err
  end
  local fields, id = {}, self.told.id
  for _, field in ipairs({ { "Accept", "text/event-stream" }, { "Cache-Control", "no-cache" } }) do
    if not headers.find(made:fields(), field[1]) then
      fields[#fields + 1] = field
    end
  end
  if id ~= "" then
    fields[#fields + 1] = { "Last-Event-ID", id }
  end
  made.headers = headers.merge(made:fields(), fields)
  return made
end

-- What an answer that is no stream of events ends with.
local function refusal(response)
  local status, media = response.status, response.headers:get("content-type")
  local kind, message = "status", status_text(response)
  if status == 204 then
    message = message .. ": the server wants no more connections"
  elseif status == 200 then
    kind, message = "protocol", "no stream of events: Content-Type is "
      .. (media and errors.quote(media) or "not said")
  end
  response:close()
  return errors.new(kind, message, { url = response.url, response = response, phase = "receive",
    attempts = response.attempts, retryable = status >= 500 })
end

local function is_stream(response)
  local media = response.headers:get("content-type") or ""
  return response.status == 200 and media:lower():match("^%s*([^;%s]*)") == "text/event-stream"
end

local function is_connecting(self)
  local group = self.connecting
  return group ~= nil and not group.scope.ended
end

--- In a task of its own, which close() can cancel.
-- @return response; or nil, err; nil: the source was closed
local function ask(self, made)
  local response, err
  tasks.group(function(group)
    self.connecting = group
    group:spawn(function()
      response, err = self.client.handler(made)
    end)
  end)
  if response and self.ended then
    response:close()
    return nil
  end
  return response, err
end

-- Whether another connection may help.
local function is_final(self, err)
  if not errors.is(err) then
    return true
  elseif err.kind == "cancelled" then
    return self.client.closed         -- else only who has read was
  end
  return not (err.retryable or err.kind == "closed" or err.kind == "tls" and self.was_open)
end

-- Longer it gets by no doubling; and the shortest that is doubled.
local LONGEST, SHORTEST = 30, 0.1
-- What no server makes a program wait: 30 years.
local FOREVER = 1e9

-- The connection has ended, or there was none. Says when the next is due.
local function set_due(self, response)
  local base = self.told.retry or self.own.reconnect
  local seconds = base
  if self.failures > 0 then
    local shortest = math.max(base, SHORTEST)
    seconds = math.min(shortest * 2 ^ (self.failures - 1), math.max(base, LONGEST))
  end
  seconds = math.max(seconds, response and retry_after(response) or 0)
  -- Not all clients of a server that has ended shall come back at once.
  self.due = now() + math.min(seconds, FOREVER) * (1 + 0.1 * chance.number())
end

--- It has ended without an event since the one before.
-- @return nothing; or the error that ends the source
local function count_failure(self, err)
  if is_final(self, err) or self.failures >= self.own.tries then
    return err
  end
  self.failures = self.failures + 1
  set_due(self, err.response)
end

-- Suspends until the next connection is due, or the source or its client is closed.
local function wait_due(self)
  local who = waiting.waiter()
  while not (self.ended or self.client.closed) and now() < self.due do
    self.waiting = who
    local err = pause.park(self.client, who, self.due)
    self.waiting = nil
    if err then
      error(err, 0)
    end
  end
end

--- Connects. @return nothing; or the error that ends the source
local function open(self)
  if self.due then
    wait_due(self)
  end
  if self.ended then
    return nil
  end
  local made, err = make_request(self)
  if made == nil then
    return err
  elseif self.client.closed then
    return pause.closed_error(made, 1)
  end
  local response
  response, err = ask(self, made)
  if response and not is_stream(response) then
    response, err = nil, refusal(response)
  end
  if response then
    self.response, self.was_open = response, true
    self.events = iterators.events(response, { max_size = self.own.max_size,
      done = self.own.done, json = self.own.json }, self.told)
  elseif err then
    return count_failure(self, err)
  end
end

--- The connection has ended, well or not. @return nothing; or the error that ends the source
local function after(self, err)
  self.response, self.events = nil, nil
  if err == nil and self.own.done then
    self.ended = true
    return nil
  end
  err = err or errors.new("closed", "the server has ended the stream of events", {
    url = errors.redact_url(self.url), phase = "receive", retryable = true })
  if self.gained then
    self.failures, self.gained = 0, false
    if is_final(self, err) then
      return err
    end
    set_due(self)
    return nil
  end
  return count_failure(self, err)
end

---- Reading -------------------------------------------------------------------

--- Waits for the next event; meanwhile it connects as often as that takes.
-- @return multisock.ServerEvent; nil when the source was closed, or `done` has come; nil, err when
-- no connection is tried any more
function Source:read()
  errors.check_self(self, Source, "eventsource", "read")
  if self.waiting or is_connecting(self) then
    errors.misuse("another task reads this event source already")
  end
  while not self.ended do
    local event, err
    if self.events then
      event, err = self.events()
      if event then
        self.gained = true
        return event
      elseif not self.ended then
        err = after(self, err)
      end
    else
      err = open(self)
    end
    if err and not self.ended then
      self.ended, self.failure = true, err
    end
  end
  return nil, self.failure
end

function Source:__call()
  local event, err = self:read()
  if err then
    uncaught.raise(err)
  end
  return event
end

--- Ends its connection, and whoever waits for an event: `read` returns nil. May be called again.
function Source:close()
  errors.check_self(self, Source, "eventsource", "close")
  self.ended = true
  if self.response then
    self.response:close()
    self.response, self.events = nil, nil
  elseif is_connecting(self) then
    self.connecting:cancel("the event source was closed")
  elseif self.waiting then
    scheduler.wake(self.waiting)
  end
end

Source.__close = Source.close

function Source:__tostring()
  return ("multisock.eventsource (%s)"):format(self.ended and "closed" or self.events and "open"
    or is_connecting(self) and "connecting" or "waiting")
end

--- @param url string @param given? table: the options of Client:eventsource
function eventsource.new(client, url, given)
  local own, asked = options.check(given or {})
  local self = setmetatable({
    client = client, url = url, own = own, asked = asked, failures = 0,
    told = { id = own.last_event_id or "" },
  }, Source)
  make_request(self)                -- what is misuse is raised here
  return self
end

return eventsource
