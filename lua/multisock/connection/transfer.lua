-- request -> easy -> response: admits a request, starts it, and hands over the
-- response. Small ones end here; what goes on for longer is a stream.
local admission = require("multisock.connection.admission")
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local credentials = require("multisock.request.credentials")
local errors = require("multisock.base.errors")
local handles = require("multisock.connection.handles")
local header_lines = require("multisock.request.header_lines")
local lookups = require("multisock.connection.lookups")
local pins = require("multisock.request.pins")
local request_module = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local settings = require("multisock.request.settings")
local setup = require("multisock.request.setup")
local stream = require("multisock.connection.stream")
local waiting = require("multisock.tasks.waiting")

local now, waiter = scheduler.now, waiting.waiter
local lines_of, is_once = header_lines.of, request_module.is_once
local setmetatable = setmetatable
local start, perform_in_c = core.start, compat.perform

local transfer = {}

-- Hosts that a client remembers before it forgets idle ones.
local MOST_IDLE_HOSTS = 1000
transfer.most_idle_hosts = MOST_IDLE_HOSTS

---- Who may start -------------------------------------------------------------

local function waited_too_long(request, name, seconds)
  local err = admission.timeout_error(name, seconds)
  err.url, err.attempts = request:url(), 1
  return err
end

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

-- Waits for a slot in the origin's queue.
local function enter(origin, request, started)
  local limits = request.settings.timeout
  local name, seconds = "queue", limits.queue
  local deadline = seconds and (request.queue_until or started + seconds)
  if request.deadline and (deadline == nil or request.deadline < deadline) then
    name, deadline, seconds = "total", request.deadline, limits.total
  end
  local admitted, result = admission.enter(origin, deadline)
  if not admitted and result == nil then
    result = waited_too_long(request, name, seconds)
  end
  return admitted, result
end

-- A crawler meets hosts without end: from time to time those that nobody uses
-- are forgotten, and learnt anew when they come again.
local function remember_origin(client, key, origin)
  local origins = client.origins
  client.host_count = client.host_count + 1
  if client.host_count > client.host_limit then
    local left = 0
    for other, known in pairs(origins) do
      if known:is_idle() then
        handles.forget(client, known)
        origins[other] = nil
      else
        left = left + 1
      end
    end
    client.host_count = left + 1
    client.host_limit = math.max(MOST_IDLE_HOSTS, 2 * left)
  end
  origins[key] = origin
end

-- An origin that is not known yet.
local function new_origin(request, key, pin)
  local client, target, given = request.client, request.target, request.settings
  local usual = client.settings
  local known = target.scheme ~= "https"
    and (target.numeric or given.unix_socket ~= nil or pin ~= nil)
  local origin = admission.new_origin(client.limits, known, target.scheme == "http",
    setup.http1(given, target.scheme))
  origin.tls, origin.pin = target.scheme == "https", pin
  origin.trust = given ~= usual and setup.trust(given, usual, origin.tls) or nil
  origin.name = not pin and lookups.name_for(usual, target, setup.environment_has_proxy)
  remember_origin(client, key, origin)
  return origin
end

-- Of one that is not the client's usual, or not known.
local function find_origin(request)
  local client, target, given = request.client, request.target, request.settings
  local key, usual = target.origin, client.settings
  local profile, pin = given.profile, given.resolve and pins.choose(given, target)
  if profile ~= usual.profile then
    -- What leads to another connection is another origin.
    key = ("%s|%s|%s|%s"):format(key, profile.connection, tostring(setup.raw_version(given)),
      setup.trust(given, usual, target.scheme == "https") or "")
  end
  if pin then
    key = key .. "|" .. pin.name
  end
  return client.origins[key] or new_origin(request, key, pin)
end

-- The slot is given back; libcurl, or Lua, refused.
local function refuse(origin, probe, target, err, misuse)
  origin:leave(probe)
  if misuse then
    errors.misuse(setup.explain(err))
  end
  err.url, err.attempts = errors.redact_url(target.text), 1
  return nil, err
end

-- From now on the server is asked in HTTP/1.1, apart from what shares connections.
local function keep_apart(client, origin)
  if not origin.http1 then
    origin.http1 = "1.1"
    handles.forget(client, origin)
    origin:learn("1.1")
  end
end

-- Nobody else can be asked: a server that speaks HTTP/2 alone is asked in that,
-- although libcurl before 8.1 may take a cut body for a whole one. All versions of
-- libcurl have no code for this, only OpenSSL's and GnuTLS's words for the alert.
local function speaks_http2_alone(request, err)
  return request.settings.http_version == nil and errors.is(err, "tls")
    and request.target.scheme == "https"
    and err.message:lower():find("no application protocol", 1, true) ~= nil
    and setup.http1(request.settings, "https") == "1.1"
end

local function ask_http2(request)
  request.settings = settings.with(request.settings, { http_version = "2" })
  return transfer.perform(request)
end

--- The server does not want to be asked whether it wants the body (417): it gets it
-- unasked, where that can be read again.
-- @return response; or nil, err; or nothing
local function start_unasked(self)
  local body = self.request.body
  if self.upload_begun and body.rewind == nil then
    return
  end
  local again = self.request:again(core.snapshot(self.easy:snapshot(), "attempts"))
  self:abort()
  if self.upload_begun then
    body.rewind()
  end
  again.unexpected = true
  return transfer.perform(again)
end

--- A kept connection died while the body was sent: what may be is sent once more,
-- where that can be read again. What has died while libcurl read it repeats itself.
-- @return response; or nil, err
local function start_once_more(self, err)
  local body = self.request.body
  if self.request.repeated or self.upload_begun and body.rewind == nil then
    return nil, err
  end
  if self.upload_begun then
    body.rewind()
  end
  return transfer.perform(self.request:again(err.attempts))
end

-- How long a request waits before it asks again for a descriptor: longer each time.
local FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5

-- The process had no descriptor left for it: waits for one, as long as connecting
-- may take.
local function wait_for_file(request, err)
  local time, limit = now(), request.settings.timeout.connect or math.huge
  local since, pause = request.lacking_since or time, request.lacking_pause or FIRST_PAUSE
  if time + pause >= since + limit or request.client.closed then
    return nil, err
  elseif request.deadline and time >= request.deadline then
    return nil, waited_too_long(request, "total", request.settings.timeout.total)
  end
  request.lacking_since, request.lacking_pause = since, math.min(2 * pause, LONGEST_PAUSE)
  if request.deadline then
    pause = math.min(pause, request.deadline - time)
  end
  waiting.sleep(pause)
  return transfer.perform(request)
end

---- Names -----------------------------------------------------------------------

-- The name that a request has to have looked up, or false.
local function name_of(request, origin)
  if request.settings.profile == request.client.settings.profile or origin.pin then
    return origin.name or false
  end
  return lookups.name_for(request.settings, request.target, setup.environment_has_proxy)
    or false
end

--- Waits for a name, as long as connecting may take.
-- @return true; or nil, err; or nil, err, true: to be raised
local function await_name(request, name)
  local connect = request.settings.timeout.connect
  request.lookup_since = request.lookup_since or now()
  local which, seconds = "connect", connect
  local deadline = connect and request.lookup_since + connect
  if request.deadline and (deadline == nil or request.deadline < deadline) then
    which, seconds, deadline = "total", request.settings.timeout.total, request.deadline
  end
  local attempt_at = request.attempt_at
  if attempt_at and (deadline == nil or attempt_at < deadline) then
    which, seconds, deadline = "attempt", request.settings.attempt, attempt_at
  end
  local ok, err, cancelled = lookups.await(name, deadline)
  if ok or cancelled then
    return ok, err, cancelled
  elseif err == nil then
    err = errors.new("timeout", ("no address of %s within %g s (timeout.%s)"):format(
      name:match("^(.*):"), seconds, which), { code = "CURLE_OPERATION_TIMEDOUT", number = 28,
        phase = "resolve", retryable = true })
  end
  err.url, err.attempts = request:url(), 1
  return nil, err
end

-- There is none, or no descriptor for looking it up.
local function without_name(request, err)
  if err.kind == "io" then
    return wait_for_file(request, err)
  end
  return nil, err
end

-- It would have had to look up a name by itself. Once: a name that is then still not
-- in the cache is one that we do not know, such as a proxy's.
local function start_looked_up(self)
  local request = self.request
  local ok, err, cancelled = await_name(request, request.name or self.origin.name)
  if cancelled then
    error(err, 0)
  elseif not ok then
    return without_name(request, err)
  elseif request.client.closed then
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url() })
  end
  request.looks_up, request.was_denied = request.was_denied, true
  request.simple = request.simple and not request.looks_up
  return transfer.perform(request)
end

-- From the added handle to the response.
local function finish_start(self, status, err)
  status, err = self:answer(status, err)
  if not status then
    if self.client.closed then
      return nil, err
    elseif self.denied then
      return start_looked_up(self)
    elseif self.lacked_files then
      return wait_for_file(self.request, err)
    elseif self.demanded_http1 then
      -- The server wants HTTP/1.1 after all (see on_socket in receiver.c).
      keep_apart(self.client, self.origin)
      return transfer.perform(self.request:again(err.attempts))
    elseif self.lied then
      keep_apart(self.client, self.origin)
    elseif self.repeat_due then
      return start_once_more(self, err)
    elseif speaks_http2_alone(self.request, err) then
      self.origin.http2_alone = true
      return ask_http2(self.request)
    end
    return nil, err
  end
  if status == 417 and self.request.expects then
    local response
    response, err = start_unasked(self)
    if response or err then
      return response, err
    end
  end
  return transfer.new_response(self.request, status, self)
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
  local self = stream.new(request, easy, multi, origin, probe, started, now() - started)
  local body = request.body
  if body and body.read then
    self:start_upload(body)
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
  end
  local ok, err = start(origin.limiter, multi, easy, request.target, request.settings.limits,
    lines_of(request), request.method, body and (body.bytes or true), body and body.size,
    is_once(request), answer_due(request))
  if not ok then
    return self:fail(err)
  end
  return finish_start(self, false)
end

---- In one call ---------------------------------------------------------------

local read_text, response_metatable

--- Says what responses are: for response/init.lua.
function transfer.set_response(metatable, text)
  response_metatable, read_text = metatable, text
end

-- core.perform (see perform.c) does all between the request and its response, where
-- a slot and a handle are free and nothing has to be done meanwhile.

--- It did not start. @return nil, err
function transfer.conclude_refused(request, origin, err)
  origin:pass_on()
  err.url, err.attempts = errors.redact_url(request.target.text), 1
  return nil, err
end

--- More of the body is to come, or it failed, or it was cancelled.
-- @return response; or nil, err
function transfer.conclude(request, origin, task, easy, multi)
  local client, cancelled = request.client, task.interrupt
  local self = stream.new(request, easy, multi, origin, nil, now(), 0)
  task.interrupt = nil
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

--- All of it came in one call. @return response
function transfer.whole_response(request, status, body, snapshot)
  return setmetatable({
    request = request, status = status, ok = status >= 200 and status < 300,
    text = read_text,               -- asked for first: found without __index
    _body = body, _snapshot = snapshot, _use = "new",
  }, response_metatable)
end

-- Returns the response; nil, err; or nothing when Lua has to do it. `taken`: it has
-- its slot already.
local function perform_at_once(request, origin, task, taken)
  local given, method, body = request.settings, request.method, request.body
  local usual, due = body == nil and method == "GET", request.deadline
  if given.attempt then
    if not taken then
      begin_attempt(request)
    end
    due = answer_due(request)
  end
  local lines = usual and given.lines and request.headers == given.headers and given.lines[0]
  local status, text, snapshot, easy, awaited = perform_in_c(origin.limiter, request.target, task,
    given.profile.number, taken, given.limits, lines or lines_of(request), method,
    body and body.bytes, nil, not usual and is_once(request), due)
  if status then
    if easy then
      handles.close(request.client, origin, easy, easy:home())
    end
    if awaited then
      origin:pass_on()
    end
    return transfer.whole_response(request, status, text, snapshot)
  elseif status == false then
    return transfer.conclude(request, origin, task, text, snapshot)
  elseif text then
    return transfer.conclude_refused(request, origin, text)
  end
end

--- Has a handle wait for it at `origin`, where it has its place.
-- @return true; or nil, err, and then the place is given back
function transfer.prepare(request, origin)
  local client = request.client
  request.name = name_of(request, origin)
  local easy, multi, misuse = handles.take(client, origin, request)
  if easy == nil then
    return refuse(origin, nil, request.target, multi, misuse)
  end
  handles.keep(client, origin, easy, multi, request.settings.profile.number)
  return true
end

-- With a slot taken at `origin`.
local function start_prepared(request, origin, task, started)
  local ready, refused = transfer.prepare(request, origin)
  if not ready then
    return nil, refused
  end
  local queue_time = now() - started
  local response, err = perform_at_once(request, origin, task, true)
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
  if client.closed then
    origin:leave(probe)
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url(),
      phase = "queue", attempts = 1 })
  end
  begin_attempt(request)
  local name = name_of(request, origin)
  request.name = name
  if probe and name and not lookups.is_fresh(name) then
    local ok, err, cancelled = await_name(request, name)
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

-- Waits for a slot, too.
local function admit(request, origin, started)
  local admitted, probe = enter(origin, request, started)
  if not admitted then
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
    return without_name(request, err)
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

--- The origin of a request, as admission knows it.
function transfer.origin_of(request)
  local client, given = request.client, request.settings
  if given.profile == client.settings.profile and not given.resolve then
    return client.origins[request.target.origin] or find_origin(request)
  end
  return find_origin(request)
end

--- Sends a request.
-- @return response; or nil, err
function transfer.perform(request)
  local client = request.client
  if client.closed then
    error("the client is closed", 0)
  end
  local given, origin = request.settings, nil
  if given.profile == client.settings.profile and not given.resolve then
    origin = client.origins[request.target.origin]
  end
  origin = origin or find_origin(request)
  local task, simple, total = scheduler.task, request.simple, given.total
  if total and request.deadline == nil then
    request.deadline = now() + total
  end
  if task and simple then
    local response, err = perform_at_once(request, origin, task)
    if response or err then
      return response, err
    end
  end
  local who = waiter()              -- raises where nobody can wait
  if origin.http2_alone and given.http_version == nil then
    return ask_http2(request)
  end
  local started = now()
  local admitted, probe, nameless = admit(request, origin, started)
  if nameless then
    return without_name(request, probe)
  elseif not admitted then
    return nil, probe
  elseif simple and not probe and who ~= scheduler.main then
    return start_prepared(request, origin, who, started)
  end
  return start_in_lua(request, origin, probe, started)
end

return transfer
