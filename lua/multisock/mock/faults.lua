-- The faults of a mock: what goes wrong now and then, by its seed.
local checks = require("multisock.mock.checks")
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local replies = require("multisock.mock.replies")
local routes = require("multisock.mock.routes")

local faults = {}

--- What goes wrong: a reply with `status` or `fail` comes in the place of the route's; one with
-- `at` cuts the route's, one with `delay` or `connect` alone holds it up.
-- @class multisock.Fault
-- @field status? integer and `headers`, `body`, `json`, `delay`, `connect`, `fail`, `at` as of an
-- answer
-- @field ratio? number of so many of the requests it is for, by the seed (1: all)
-- @field times? integer so often at most
-- @field method? string as of a route
-- @field url? string as of a route
-- @field query? table<string, any> as of a route
-- @field match? fun(request: multisock.Request): boolean as of a route

local FIELDS = {
  method = true, url = true, query = true, match = true, ratio = true, times = true,
}
for name in pairs(replies.fields) do
  FIELDS[name] = true
end

local function check_fault(where, given)
  checks.fields(where, given, FIELDS)
  local ratio = given.ratio
  if ratio ~= nil and (type(ratio) ~= "number" or not (ratio > 0 and ratio <= 1)) then
    checks.expected(where .. ".ratio", "number above 0, at most 1", ratio)
  end
  checks.integer(where .. ".times", given.times, 1)
  local self = routes.matcher(where, given)
  local reply = replies.check_one(where, given)
  if not (reply.status or reply.fail or reply.delay or reply.connect) then
    errors.misuse(("mock: %s: one of `status`, `fail`, `delay` and `connect` expected")
      :format(where))
  elseif not reply.status and (reply.body or #reply.headers > 0) then
    errors.misuse(("mock: %s: an answer needs its `status`"):format(where))
  end
  self.where, self.ratio, self.times, self.count = where, ratio or 1, given.times or math.huge, 0
  -- A cut is made in what the route answers.
  self.answers = reply.status ~= nil or reply.fail ~= nil and reply.at == nil
  self.reply = reply
  return self
end

--- Checks them. @return list
function faults.check(given)
  local list = {}
  checks.list("faults", given or {}, "faults")
  for i = 1, #(given or {}) do
    list[i] = check_fault(("faults[%d]"):format(i), given[i])
  end
  return list
end

--- The first that happens to a request.
-- @param number function: 0 to 1, by chance @return fault, or nil
function faults.find(list, view, place, number)
  for i = 1, #list do
    local fault = list[i]
    if fault.count < fault.times and not routes.misfit(fault, view, place)
      and (fault.ratio == 1 or number() < fault.ratio) then
      fault.count = fault.count + 1
      return fault
    end
  end
end

return faults
