-- Attempts made of events: when each of their steps was, and how long its phases took. For
-- HAR files and waterfalls.
local attempts = {}

-- The last time that each was told; a connection that turned out dead is looked for again.
local STEPS = { start = true, connect = true, sent = true, headers = true }

--- @param begun? function(attempt, event): one begins @param answered? function(attempt, event)
-- @param ended? function(attempt, event): one has ended
-- @param messaged? function(attempt, event): a message has gone or come
-- @return function(event), for ms.trace and the like
function attempts.listener(begun, answered, ended, messaged)
  local running = setmetatable({}, { __mode = "k" })
  return function(event)
    local key, name = event.request.watched, event.name
    local attempt = key and running[key]
    if name == "queue" and key then
      attempt = { queue = event.time, call = event.call, number = event.attempt,
        method = event.method, url = event.url }
      running[key] = attempt
      if begun then
        begun(attempt, event)
      end
    elseif attempt == nil or attempt.done then
      return
    elseif STEPS[name] then
      attempt[name] = event.time
      if name == "connect" then
        attempt.reused, attempt.timings, attempt.peer = event.reused, event.timings, event.peer
      elseif name == "headers" then
        attempt.status = event.response.status
        if answered then
          answered(attempt, event)
        end
      end
    elseif name == "message" then
      if messaged then
        messaged(attempt, event)
      end
    elseif name == "done" then
      attempt.done, attempt.err, attempt.sizes = event.time, event.err, event.sizes
      attempt.websocket = event.websocket
      if ended then
        ended(attempt, event)
      end
    end
  end
end

attempts.PHASES = { "queue", "dns", "connect", "tls", "send", "wait", "receive" }

-- What is between two times that libcurl tells, 0 at least.
local function between(from, to)
  return to > 0 and math.max(0, to - from) or 0
end

--- How long its phases took, up to `now` of one that has not ended.
-- @return table by PHASES: seconds, 0 where it had none; together they are all of its time.
-- `connected` is false where no connection was opened
function attempts.phases(attempt, now)
  local at, spent = attempt.queue, { connected = attempt.reused == false }
  local last = attempt.done or now
  local function take(name, to)
    to = math.min(math.max(to, at), last)
    spent[name] = (spent[name] or 0) + to - at
    at = to
  end
  for _, name in ipairs(attempts.PHASES) do
    spent[name] = 0
  end
  take("queue", attempt.start or last)
  if attempt.connect then
    local took, timings = attempt.connect - at, attempt.timings
    local dns, tls = timings.dns, between(timings.connect, timings.tls)
    -- What libcurl does not count belongs to connecting.
    if attempt.reused then
      take("wait", attempt.connect)
    else
      take("dns", at + math.min(dns, took))
      take("connect", attempt.connect - tls)
      take("tls", attempt.connect)
    end
    take("send", attempt.sent or attempt.headers or last)
  elseif not attempt.headers then
    take("connect", last)
  end
  take("wait", attempt.headers or last)
  take("receive", last)
  return spent
end

return attempts
