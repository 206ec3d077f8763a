-- Requests whose options say nothing unusual, of a client that does nothing with such
-- requests before they are sent: headers, a timeout, a query, a body that is a text or made
-- of a table. C reads the options and makes header lines and body of them (src/fetch/usual.c).
-- No request is made of it, until somebody looks at the request of its response. What is
-- unusual, or wrong, goes the way of all requests.
local answers = require("multisock.connection.answers")
local core = require("multisock.core")
local header_lines = require("multisock.request.header_lines")
local once = require("multisock.request").once
local new_request = require("multisock.request").of_parts
local perform_in_c = require("multisock.base.compat").perform
local scheduler = require("multisock.tasks.scheduler")
local targets = require("multisock.request.targets")
local transfer = require("multisock.connection.transfer")
local url_only = require("multisock.url_only")

local find_target, now, read = targets.get, scheduler.now, core.usual
local go_on, response_to = url_only.go_on, answers.to_parts

local usual = {}

-- Whether default fields say what a body or an answer of a request has to be like.
local function has_special(list)
  return core.frames(list) or header_lines.asks(list)
end

--- Whether requests of a client can be such.
function usual.suits(client)
  local given = client.settings
  return url_only.suits(client) and given.http_version ~= "1.0" and not given.json_codec
    and header_lines.are_kept(given) and not has_special(given.headers)
end

--- Sends it, where all that it takes is known: from the second request to an origin on.
-- @param client that suits @param method string; nil: that of the options, or what goes with
-- the body @param url any @param options any
-- @return response; or nil, err; or nothing: it is to be sent as any other
function usual.send(client, method, url, options)
  local base = client.settings
  local asked, lines, timeout, body, content_type, wanted, meta = read(options, method, url,
    base.lines, client.prefix or nil)
  if not asked then
    if asked == false then
      header_lines.prepare(base)    -- for the next one
    end
    return nil
  end
  local given = timeout == nil and base or base.totals.known[timeout]
  local target = given and (targets.young[asked] or find_target(asked))
  if not (target and target.kept) then
    return nil
  end
  local origin, task = client.origins[target.origin], scheduler.task
  if not (origin and task) or scheduler.refuse then
    return nil
  end
  method = wanted or body and "POST" or "GET"
  local total = given.total
  local deadline = total and now() + total or nil
  local status, text, snapshot, awaited, easy = perform_in_c(origin.limiter, target, task,
    base.profile.number, false, given.limits, lines, method, deadline, body, once[method])
  local parts = { client, target, given, method, lines, body, content_type, meta }
  if status and text then
    if awaited or easy then
      transfer.left(client, origin, awaited, easy)
    end
    if status < 300 then
      return response_to(parts, status, text, snapshot)
    end
  end
  return go_on(new_request(parts), origin, task, deadline, status, text, snapshot, awaited, easy)
end

return usual
