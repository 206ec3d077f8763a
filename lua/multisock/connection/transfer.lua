-- request -> easy -> response: admits a request, starts it, and hands over the
-- response. Small ones end here; what goes on for longer is a stream.
local admission = require("multisock.connection.admission")
local answers = require("multisock.connection.answers")
local coming = require("multisock.connection.coming")
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local credentials = require("multisock.request.credentials")
local errors = require("multisock.base.errors")
local handles = require("multisock.connection.handles")
local header_lines = require("multisock.request.header_lines")
local lookups = require("multisock.connection.lookups")
local milestones = require("multisock.connection.milestones")
local names = require("multisock.connection.names")
local origins = require("multisock.connection.origins")
local pairs = compat.pairs
local recovery = require("multisock.connection.recovery")
local request_module = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local setup = require("multisock.request.setup")
local stream = require("multisock.connection.stream")
local upload = require("multisock.connection.upload")
local waiting = require("multisock.tasks.waiting")

local now, waiter = scheduler.now, waiting.waiter
local lines_of, is_once = header_lines.of, request_module.is_once
local start, perform_in_c = core.start, compat.perform
local whole_response, coming_response = answers.whole, coming.response

local transfer = {}

---- Who may start -------------------------------------------------------------

-- From now on its time runs.
local function begin_attempt(request)
  local seconds = request.settings.attempt
  if seconds then
    request.attempt_at = now() + seconds
  end
end

-- When it has to have its answer: seconds of the clock; nil: there is no limit.
local function answer_due(request)
  local at, deadline = request.attempt_at, request.deadline
  if at and not (deadline and deadline < at) then
    return at
  end
  return deadline
end

-- The slot is given back; libcurl, or Lua, refused.
local function refuse(origin, probe, target, err, misuse)
  origin:leave(probe)
  if misuse then
    errors.misuse(errors.unplaced(tostring(err)))
  end
  err.url, err.attempts = errors.redact_url(target.text), 1
  return nil, err
end

-- Once more, as recovery.lua says, or not at all.
local function again(request, err)
  if request then
    return transfer.perform(request)
  end
  return nil, err
end

-- From the added handle to the response.
local function finish_start(self, status, err)
  status, err = self:answer(status, err)
  if not status then
    return again(recovery.after(self, err))
  elseif status == 417 and self.request.expects then
    local unasked = recovery.unasked(self)
    if unasked then
      return transfer.perform(unasked)
    end
  end
  return answers.of_stream(self.request, status, self)
end

local TRACES = { verbose = true, debugfunction = true, doh_url = true }

-- Whether libcurl may tell of its work: not where the user listens already, nor
-- where transfers of its own, as for DoH, would tell the terminal.
local function may_trace(given)
  for name in pairs(given.curl or {}) do
    if TRACES[tostring(name):lower()] then
      return false
    end
  end
  return given.doh_url == nil
end

-- Adds the transfer, and waits for its answer.
local function start_in_lua(request, origin, probe, started)
  local client = request.client
  local easy, multi, misuse = handles.take(client, origin, request)
  if easy == nil then
    return refuse(origin, probe, request.target, multi, misuse)
  end
  local waited = now() - started - (request.lookup_time or 0)
  local self = stream.new(request, easy, multi, origin, probe, started, math.max(0, waited))
  local body = request.body
  if body and body.read then
    upload.start(self, body)
  end
  if self.progress then
    easy:gather("chatty", true)
  end
  if request.tries then
    easy:gather("tries", request.tries)
  end
  if probe then
    easy:gather("tell_connected", true)
    if not origin.http1 and may_trace(request.settings) then
      easy:gather("version", true)
    end
  end
  if request.settings.auth and not request.target.web then
    credentials.apply_foreign(easy, request.settings.auth)
  end
  if body and body.read then
    easy:gather("rewinds", body.rewind ~= nil)
  elseif body and body.unframed then
    setup.apply_unframed(easy)
  end
  if request.watched then
    milestones.begin(self)
  end
  local ok, err = start(origin.limiter, multi, easy, request.target, request.settings.limits,
    lines_of(request), request.method, answer_due(request), body and (body.bytes or true),
    is_once(request), body and body.size)
  if not ok then
    return self:fail(err)
  end
  return finish_start(self, false)
end

---- In one call ---------------------------------------------------------------

-- core.perform (see perform.c) does all between the request and its response, where
-- a slot and a handle are free and nothing has to be done meanwhile.

--- It did not start. @return nil, err
function transfer.conclude_refused(request, origin, err)
  origin:pass_on()
  err.url, err.attempts = errors.redact_url(request.target.text), 1
  return nil, err
end

--- More of the body is to come, or it failed, or it was cancelled.
-- @param guard? of core.guard, where there is one: another one, if forgotten, would end it
-- @return response; or nil, err
function transfer.conclude(request, origin, task, easy, multi, guard)
  local client, cancelled = request.client, task.interrupt
  local self = stream.new(request, easy, multi, origin, nil, now(), 0)
  task.interrupt, self.guard = nil, guard
  if cancelled then
    self:abort(cancelled)
    error(cancelled, 0)
  elseif client.closed then
    return self:fail(errors.new("cancelled", stream.CLIENT_CLOSED))
  end
  return finish_start(self, easy:answer())
end

--- The same of a request of a list, whose body was waited for.
function transfer.conclude_late(request, origin, easy, multi)
  local response, err = transfer.conclude(request, origin, scheduler.task, easy, multi)
  if response and response._transfer then
    response._transfer.since = 0
  end
  return response, err
end

--- C has what an ended transfer has left: others may have waited for its slot, and its
-- handle may be one too many.
function transfer.left(client, origin, awaited, easy)
  if easy then
    handles.close(client, origin, easy, easy:home())
  end
  if awaited then
    origin:pass_on()
  end
end

--- What has become of a request that C has sent.
-- @param deadline? seconds of the clock
-- @param status, text, snapshot, awaited, easy what core.perform has returned: of a body that is
-- to come its handle and guard stand in places of these
-- @return response; nil, err; or nothing: Lua has to send it
function transfer.outcome(request, origin, task, deadline, status, text, snapshot, awaited, easy)
  if status and text then
    if awaited or easy then
      transfer.left(request.client, origin, awaited, easy)
    end
    if deadline and status >= 300 then
      request.deadline = deadline
    end
    return whole_response(request, status, text, snapshot)
  end
  request.deadline = deadline
  if status then                    -- more of its body is to come
    local given, handle, guard = request.settings, snapshot, awaited
    if given.attempt or given.curl or given.buffer then
      return transfer.conclude(request, origin, task, handle, handle:home(), guard)
    end
    return coming_response(request.client, origin, status, handle, guard, deadline, nil, request)
  elseif status == false then
    return transfer.conclude(request, origin, task, text, snapshot)
  elseif text then
    return transfer.conclude_refused(request, origin, text)
  end
end
local outcome = transfer.outcome

-- Returns as `outcome`. `taken`: it has its slot already.
local function perform_at_once(request, given, origin, task, deadline, taken)
  local due = deadline
  if given.attempt then
    request.deadline = deadline
    if not taken then
      begin_attempt(request)
    end
    due = answer_due(request)
  end
  local body = request.body
  local bare = body == nil and request.method == "GET"
  local lines = bare and request.headers == given.headers and given.lines[0] or lines_of(request)
  -- Kept before they are passed on: a smaller stack for each task that waits, as is little
  -- that is kept on the way here (spec/many_tasks_spec.lua).
  local status, text, snapshot, awaited, easy = perform_in_c(origin.limiter, request.target, task,
    given.profile.number, taken, given.limits, lines, request.method, due, body and body.bytes,
    not bare and is_once(request))
  return outcome(request, origin, task, deadline, status, text, snapshot, awaited, easy)
end

--- Has a handle wait for it at `origin`, where it has its place.
-- @return true; or nil, err, and then the place is given back
function transfer.prepare(request, origin)
  request.name = names.of(request, origin)
  local easy, multi, misuse = handles.take(request.client, origin, request)
  if easy == nil then
    return refuse(origin, nil, request.target, multi, misuse)
  end
  handles.keep(request.client, origin, easy, multi, request.settings.profile.number)
  return true
end

-- With a slot taken at `origin`.
local function start_prepared(request, origin, task, started)
  do
    local ready, refused = transfer.prepare(request, origin)
    if not ready then
      return nil, refused
    end
  end
  local queue_time = now() - started
  local response, err = perform_at_once(request, request.settings, origin, task,
    request.deadline, true)
  if response then
    response._queue_time = queue_time
  elseif err == nil then
    return start_in_lua(request, origin, nil, started)
  end
  return response, err
end

---- All requests ---------------------------------------------------------------

--- With a slot taken: waits for the name of the origin.
-- @return true, probe; or nil, err
local function look_up(request, origin, probe)
  local client = request.client
  if request.watched then
    request:event("start")
  end
  if client.closed then
    origin:leave(probe)
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url(),
      phase = "queue", attempts = 1 })
  end
  begin_attempt(request)
  local name = names.of(request, origin)
  request.name = name
  if probe and name and not lookups.is_fresh(name) then
    local ok, err, cancelled = names.await(request, name)
    if not ok or client.closed then
      origin:leave(probe)
      if cancelled then
        error(err, 0)
      end
      return nil, err or errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url() }),
        true
    end
  end
  return true, probe
end

-- One of a list begins when it has its slot.
local function enter(request, origin, started, listed)
  if not listed then
    return admission.enter_in_time(origin, request, started)
  end
  local admitted, probe = admission.enter(origin)
  local total = request.settings.total
  request.deadline = total and now() + total or nil
  return admitted, probe
end

-- Waits for a slot, too.
local function admit(request, origin, started, listed)
  local admitted, probe = enter(request, origin, started, listed)
  if not admitted then
    probe.url, probe.attempts = probe.url or request:url(), probe.attempts or 1
    return nil, probe
  end
  return look_up(request, origin, probe)
end

--- Sends a request that has its place at `origin`.
-- @param probe boolean: it opens a connection for others
-- @return response; or nil, err
function transfer.perform_admitted(request, origin, probe)
  local ready, err, nameless = look_up(request, origin, probe)
  if nameless then
    return again(recovery.without_name(request, err))
  elseif not ready then
    return nil, err
  end
  return start_in_lua(request, origin, probe, now())
end

--- Ends a transfer that no task waits for.
-- @return nil, err
function transfer.cut(request, origin, easy, err)
  return stream.new(request, easy, easy:home(), origin, nil, now(), 0):fail(err)
end

--- When a request of a list that is admitted now has to have its answer.
-- @return seconds of the clock; nil: there is no limit
function transfer.admitted_until(request)
  local total = request.settings.total
  request.deadline = total and now() + total or nil
  begin_attempt(request)
  return answer_due(request)
end

--- Sends a request, whatever it takes, at `origin`; it has its deadline.
-- @param listed? boolean as for perform
-- @return response; or nil, err
function transfer.at_length(request, origin, listed)
  local who = waiter()              -- raises where nobody can wait
  if origin.http2_alone and request.settings.http_version == nil then
    return transfer.perform(recovery.in_http2(request), listed)
  end
  local started = now()
  local admitted, probe, nameless = admit(request, origin, started, listed)
  if nameless then
    return again(recovery.without_name(request, probe))
  elseif not admitted then
    return nil, probe
  elseif request.simple and not probe and who ~= scheduler.main then
    return start_prepared(request, origin, who, started)
  end
  return start_in_lua(request, origin, probe, started)
end

--- Sends a request.
-- @param listed? boolean: it is one of a list, sent for the first time: `timeout.total` counts
-- from when it is admitted, and `timeout.queue` is nothing to it
-- @return response; or nil, err
function transfer.perform(request, listed)
  local client, given = request.client, request.settings
  if client.closed then
    errors.misuse("the client is closed")
  elseif scheduler.refuse then
    scheduler.refuse(request.method .. " " .. errors.redact_url(request:url()))
  end
  local origin, deadline = origins.of(request), not listed and request.deadline or nil
  local task, total = scheduler.task, given.total
  if total and deadline == nil then
    deadline = now() + total
  end
  if task and request.simple then
    local response, err = perform_at_once(request, given, origin, task, deadline)
    if response or err then
      return response, err
    end
  end
  request.deadline = deadline
  return transfer.at_length(request, origin, listed)
end

return transfer
