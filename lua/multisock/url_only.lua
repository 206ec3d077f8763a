-- A GET of which nothing is said but its URL, of a client that does nothing with such
-- requests before they are sent: most are like that. No request is made of it, until
-- somebody looks at the request of its response: C gets the URL, and what all of these
-- have in common.
local answers = require("multisock.connection.answers")
local calls = require("multisock.calls")
local chain = require("multisock.chain")
local coming = require("multisock.connection.coming")
local core = require("multisock.core")
local needs_no_look = require("multisock.request").needs_no_look
local new_request = require("multisock.request").plain
local perform_in_c = require("multisock.base.compat").perform
local scheduler = require("multisock.tasks.scheduler")
local targets = require("multisock.request.targets")
local transfer = require("multisock.connection.transfer")

local find_target, now, under = targets.get, scheduler.now, core.url_under
local outcome, send_any = calls.outcome, calls.any
local coming_response, response_to = coming.response, answers.to_url
local type = type

local url_only = {}

--- Whether there is nothing of a client's own in its requests, and nobody else has to do
-- with them.
function url_only.is_simple(client)
  local given = client.settings
  return (client.base == nil or client.prefix) and needs_no_look(given) and not given.own
    and chain.is_bare(client.uses) and given.simple and not client.closed
end

--- Whether requests of a client can be such.
function url_only.suits(client)
  local given = client.settings
  return url_only.is_simple(client) and not (given.detours or given.attempt)
end

--- C had no place or no handle for it: it goes the longer way, but needs no layers before.
-- @param made request that has none of this, but its deadline
-- @return response; or nil, err
function url_only.at_length(made, origin)
  local response, err = transfer.at_length(made, origin)
  return outcome(made, chain.conclude(made, response, err, made.client.perform))
end
local at_length = url_only.at_length

--- C could not do all of it, or the chain has something to do with its answer: that takes a
-- request.
-- @param made, origin as for at_length, which has no deadline yet: that one
-- @param status, body, snapshot, awaited, easy what C has returned, which is not nothing
-- @return response; or nil, err
function url_only.go_on(made, origin, task, deadline, status, body, snapshot, awaited, easy)
  local response, err = transfer.outcome(made, origin, task, deadline, status, body, snapshot,
    awaited, easy)
  return outcome(made, chain.conclude(made, response, err, made.client.perform))
end

-- Sends it: from the second request to an origin on in one call of C. `path`: where it is not
-- `whole`, what was asked for.
local function get(client, whole, path)
  local target = targets.young[whole]
  if target == nil then
    target = type(whole) == "string" and find_target(whole)
    if not (target and target.kept) then
      return send_any(client, "GET", path or whole)
    end
  end
  local origin, task, given = client.origins[target.origin], scheduler.task, client.settings
  local lines, total = given.lines[0], given.total
  if not (origin and task and lines) or scheduler.refuse then
    return send_any(client, "GET", path or whole)
  end
  local deadline = total and now() + total or nil
  local status, body, snapshot, awaited, easy = perform_in_c(origin.limiter, target, task,
    given.profile.number, false, given.limits, lines, "GET", deadline)
  if status == nil and body == nil then
    local made = new_request(client, target)
    made.deadline = deadline
    return at_length(made, origin)
  elseif status and status < 300 then
    if body then
      if awaited or easy then
        transfer.left(client, origin, awaited, easy)
      end
      return response_to(client, target, status, body, snapshot)
    elseif not given.buffer then
      local handle, guard = snapshot, awaited
      return coming_response(client, origin, status, handle, guard, deadline, target)
    end
  end
  return url_only.go_on(new_request(client, target), origin, task, deadline, status, body,
    snapshot, awaited, easy)
end

local function get_under(client, path)
  return get(client, under(client.prefix, path), path)
end

--- How a client sends such requests.
-- @return function(client, url) -> response; or nil, err. False where none of its requests are such
function url_only.way(client)
  return url_only.suits(client) and (client.prefix and get_under or get)
end

return url_only
