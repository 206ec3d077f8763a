-- Requests whose options say nothing unusual: headers, a timeout, a query, a body that is a
-- text or made of a table. C reads the options and makes header lines and body of them
-- (src/fetch/usual.c). Of a client that does nothing with such requests before they are sent
-- no request is made of it, until somebody looks at the request of its response; of one with
-- cookies, retries and the like it is made of these parts. What is unusual, or wrong, goes the
-- way of all requests.
local answers = require("multisock.connection.answers")
local calls = require("multisock.calls")
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
local at_length, go_on, response_to = url_only.at_length, url_only.go_on, answers.to_parts
local pass_on, send_any = calls.pass, calls.any

local usual = {}

-- Whether default fields say what a body or an answer of a request has to be like.
local function has_special(list)
  return core.frames(list) or header_lines.asks(list)
end

-- What the options say: target, settings, core.Lines, body, its content type, method, meta;
-- nothing where something is unusual.
local function parts_of(client, method, url, options)
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
  if target and target.kept then
    return target, given, lines, body, content_type, wanted or body and "POST" or "GET", meta
  end
end

-- Sends it: from the second request to an origin on in one call of C.
local function send(client, method, url, options)
  local target, given, lines, body, content_type, wanted, meta = parts_of(client, method, url,
    options)
  local origin, task = target and client.origins[target.origin], scheduler.task
  if not (origin and task) or scheduler.refuse then
    return send_any(client, method, url, options)
  end
  local total = given.total
  local deadline = total and now() + total or nil
  local status, text, snapshot, awaited, easy = perform_in_c(origin.limiter, target, task,
    given.profile.number, false, given.limits, lines, wanted, deadline, body, once[wanted])
  if status and text and status < 300 then
    if awaited or easy then
      transfer.left(client, origin, awaited, easy)
    end
    return response_to({ client, target, given, wanted, lines, body, content_type, meta },
      status, text, snapshot)
  end
  local made = new_request(client, target, given, wanted, lines, body, content_type, meta)
  if status == nil and text == nil then
    made.deadline = deadline
    return at_length(made, origin)
  end
  return go_on(made, origin, task, deadline, status, text, snapshot, awaited, easy)
end

-- Makes a request of it, for the chain.
local function pass(client, method, url, options)
  local target, given, lines, body, content_type, wanted, meta = parts_of(client, method, url,
    options)
  if target == nil then
    return send_any(client, method, url, options)
  end
  return pass_on(new_request(client, target, given, wanted, lines, body, content_type, meta))
end

--- How a client sends such requests.
-- @return function(client, method, url, options) -> response; or nil, err. `method`, url and
-- options: as for calls.any. False where none of its requests are such
function usual.way(client)
  local given = client.settings
  if not url_only.is_simple(client) or given.http_version == "1.0" or given.json_codec
    or not header_lines.are_kept(given) or has_special(given.headers) then
    return false
  end
  return url_only.suits(client) and send or pass
end

return usual
