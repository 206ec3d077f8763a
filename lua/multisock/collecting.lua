-- What has ended of the requests of a list (bulk.lua): taken from C, and where it is a good
-- answer to nothing but a URL, the next such one is sent on the same handle, in one call.
local answers = require("multisock.connection.answers")
local core = require("multisock.core")
local request = require("multisock.request")
local starting = require("multisock.starting")
local targets = require("multisock.request.targets")
local transfer = require("multisock.connection.transfer")

local collect, find_target = core.collect, targets.get
local plain_request = request.plain
local response_to, whole_response = answers.to_url, answers.whole

local collecting = {}

---- What comes next -----------------------------------------------------------

--- The target of a URL that may need nothing else.
-- @return target; nil where it is no URL, or needs a look
function collecting.target_of(self, item)
  local target = targets.young[item]
  if target then
    return target
  elseif item ~= nil and self.found_item == item then
    return self.found
  elseif type(item) == "string" then
    target = find_target(item)
    target = target and target.kept and target or nil
  end
  -- It is asked for again, when it cannot be sent yet.
  self.found, self.found_item = target, item
  return target
end
local target_of = collecting.target_of

---- Answers -------------------------------------------------------------------

-- Whether the chain has nothing to do with an answer that is not simply good.
local function is_final(given, status)
  return status >= 400 and not given.fail_on_error and not given.retry
end

-- What C could not do for one, or what the chain has to do with its answer.
local function conclude_in_task(self, made, origin, status, body, snapshot)
  if not status then
    local easy, multi = body, snapshot
    return starting.in_task(self, made, function(asked)
      return transfer.conclude_late(asked, origin, easy, multi)
    end, easy)
  end
  local response = whole_response(made, status, body, snapshot)
  starting.in_task(self, made, function()
    return response
  end)
end

-- As `one`, of what C returns.
local function conclude(self, which, i, target, due, status, body, snapshot, awaited, easy)
  local client, made, origin = self.client, which, which
  if not which.plain then
    origin = which.origin
  elseif awaited == nil and status
    and (status < 300 or is_final(client.settings, status)) then
    self.running = self.running - 1
    return i, response_to(client, target, status, body, snapshot)
  else
    made = plain_request(client, target)
    made.deadline = which.plain.total and due or nil
  end
  if awaited ~= nil then
    transfer.left(client, origin, awaited, easy)
  end
  if status and (status < 300 or is_final(made.settings, status)) then
    self.running = self.running - 1
    return i, whole_response(made, status, body, snapshot)
  end
  made.index, made.origin = i, origin
  conclude_in_task(self, made, origin, status, body, snapshot)
  return nil, true
end

--- Takes one that has ended. @return i, response; nothing when there is none, or there is
-- something else to do for it: then also whether there was one
function collecting.one(self)
  local _, which, i, target, due, status, body, snapshot, awaited, easy = collect(self.batch,
    self.requests)
  if which then
    return conclude(self, which, i, target, due, status, body, snapshot, awaited, easy)
  end
  return nil, false
end

--- The same, and sends the next of the list on the handle of a good one where it can: all
-- before it have started, and C needs nothing of either but a URL.
function collecting.exchange(self)
  local at, origin, target = self.at + 1, nil, nil
  if at <= self.plain_count and self.ahead == 0 then
    local item = self.items[at]
    target = targets.young[item] or target_of(self, item)  -- mostly without a call
    origin = target and self.origins[target.origin]
  end
  local goes_on, which, i, done, due, status, body, snapshot, awaited, easy = collect(self.batch,
    self.requests, origin, target, at)
  if goes_on then
    self.at = at
    if at == self.count then
      self.ended = true
    end
    return i, response_to(self.client, done, status, body, snapshot)
  elseif which then
    return conclude(self, which, i, done, due, status, body, snapshot, awaited, easy)
  end
  return nil, false
end

return collecting
