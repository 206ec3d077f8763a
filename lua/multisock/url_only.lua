-- A GET of which nothing is said but its URL, of a client that does nothing with such
-- requests before they are sent: most are like that. No request is made of it, until
-- somebody looks at the request of its response: C gets the URL, and what all of these
-- have in common.
local answers = require("multisock.connection.answers")
local chain = require("multisock.chain")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local needs_no_look = require("multisock.request").needs_no_look
local new_request = require("multisock.request").plain
local perform_in_c = require("multisock.base.compat").perform
local scheduler = require("multisock.tasks.scheduler")
local targets = require("multisock.request.targets")
local transfer = require("multisock.connection.transfer")

local find_target, now, under = targets.get, scheduler.now, core.url_under
local outcome, response_to = transfer.outcome, answers.to_url
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

--- C could not do all of it, or the chain has something to do with its answer: that takes a
-- request.
-- @param made request that has none of this @param origin, task, deadline as for C
-- @param ... what C has returned
-- @return response; or nil, err
function url_only.go_on(made, origin, task, deadline, ...)
  local response, err = outcome(made, origin, task, deadline, ...)
  if response == nil and err == nil then
    response, err = transfer.at_length(made, origin)
  end
  response, err = chain.conclude(made, response, err, made.client.perform)
  if response == nil and errors.is(err) then
    err.request = made
  end
  return response, err
end

--- Sends it, where all that it takes is known: from the second request to an origin on.
-- @param client that suits @param url any
-- @return response; or nil, err; or nothing: it is to be sent as any other
function url_only.get(client, url)
  if client.prefix then
    url = under(client.prefix, url)
  end
  local target = targets.young[url]
  if target == nil then
    target = type(url) == "string" and find_target(url)
    if not (target and target.kept) then
      return nil
    end
  end
  local origin, task, given = client.origins[target.origin], scheduler.task, client.settings
  local lines, total = given.lines[0], given.total
  if not (origin and task and lines) or scheduler.refuse then
    return nil
  end
  local deadline = total and now() + total or nil
  local status, body, snapshot, awaited, easy = perform_in_c(origin.limiter, target, task,
    given.profile.number, false, given.limits, lines, "GET", deadline)
  if status and body and status < 300 then
    if awaited or easy then
      transfer.left(client, origin, awaited, easy)
    end
    return response_to(client, target, status, body, snapshot)
  end
  return url_only.go_on(new_request(client, target), origin, task, deadline, status, body,
    snapshot, awaited, easy)
end

return url_only
