-- request -> easy -> response: admits a request, starts it, and hands over the
-- response. Small ones end here; what goes on for longer is a stream.
local admission = require("multisock.admission")
local core = require("multisock.core")
local errors = require("multisock.errors")
local handles = require("multisock.handles")
local redirect = require("multisock.middleware.redirect")
local request_module = require("multisock.request")
local scheduler = require("multisock.scheduler")
local stream = require("multisock.stream")
local targets = require("multisock.targets")

local now, waiter = scheduler.now, scheduler.waiter
local start, get_short = core.start, core.get

local transfer = {}

-- Hosts that a client remembers before it forgets idle ones.
local MOST_IDLE_HOSTS = 1000
transfer.most_idle_hosts = MOST_IDLE_HOSTS

---- Who may start -------------------------------------------------------------

-- Waits for a place in the host's queue.
local function enter(host, request, started)
  local limits = request.settings.timeout
  local name, seconds = "queue", limits.queue
  local deadline = seconds and started + seconds
  if request.deadline and (deadline == nil or request.deadline < deadline) then
    name, deadline, seconds = "total", request.deadline, limits.total
  end
  local admitted, result = admission.enter(host, deadline)
  if not admitted and result == nil then
    result = admission.timeout_error(name, seconds)
    result.url, result.attempts = request:url(), 1
  end
  return admitted, result
end

-- A crawler meets hosts without end: from time to time those that nobody uses
-- are forgotten, and learnt anew when they come again.
local function remember_host(client, key, host)
  local hosts = client.hosts
  client.host_count = client.host_count + 1
  if client.host_count > client.host_limit then
    local left = 0
    for other, known in pairs(hosts) do
      if known:is_idle() then
        handles.forget(client, known)
        hosts[other] = nil
      else
        left = left + 1
      end
    end
    client.host_count = left + 1
    client.host_limit = math.max(MOST_IDLE_HOSTS, 2 * left)
  end
  hosts[key] = host
end

-- The host of a request, as admission knows it.
local function find_host(request)
  local client, target, given = request.client, request.target, request.settings
  local key, usual = target.origin, client.settings
  if given ~= usual and (given.http_version ~= usual.http_version or given.proxy ~= usual.proxy
    or given.unix_socket ~= usual.unix_socket) then
    -- What leads to another connection is another host.
    key = ("%s|%s|%s|%s"):format(key, tostring(given.http_version), tostring(given.proxy),
      tostring(given.unix_socket))
  end
  local host = client.hosts[key]
  if host == nil then
    local known = target.scheme ~= "https" and (target.numeric or given.unix_socket ~= nil)
    host = admission.new_host(client.limits, known, target.cleartext)
    remember_host(client, key, host)
  end
  return host
end

-- The place is given back; libcurl, or Lua, refused.
local function refuse(host, scout, target, err, misuse)
  host:leave(scout)
  if misuse then
    error(err, 0)
  end
  err.url, err.attempts = errors.redact_url(target.text), 1
  return nil, err
end

-- From the added handle to the response.
local function finish_start(self, status, err)
  status, err = self:answer(status, err)
  if not status then
    return nil, err
  end
  return transfer.new_response(self.request, status, self)
end

-- Whether the user looks at what libcurl tells while it works.
local function traces(raw)
  for name in pairs(raw or {}) do
    name = tostring(name):lower()
    if name == "verbose" or name == "debugfunction" then
      return true
    end
  end
  return false
end

-- A request with limits, a body or progress, or one that opens a connection for
-- others.
local function start_guarded(request, host, scout, started)
  local client = request.client
  local easy, multi, misuse = handles.take(client, host, request)
  if easy == nil then
    return refuse(host, scout, request.target, multi, misuse)
  end
  local self = stream.new(request, easy, multi, host, scout, started, now() - started)
  local body = request.body
  if body and body.read then
    self:start_upload(body.read)
  end
  if self.progress then
    easy:gather("chatty", true)
  end
  if scout then
    easy:gather("tell_connected", true)
    if not traces(request.settings.curl) then
      easy:gather("version", true)
    end
  end
  local ok, err = start(host.gate, multi, easy, request.target)
  if not ok then
    return self:fail(err)
  end
  return finish_start(self, false)
end

---- The short way -------------------------------------------------------------

-- For a request with nothing but a URL, where all is prepared: core.get (see
-- shortcut.c) does nearly all of it. This is what most requests are, so no table
-- is made but the response.

-- What core.get gave, from `status` on, made a response.
local function conclude_short(client, host, target, task, status, body, snapshot, easy, awaited)
  if not status then
    if status == nil then
      -- It did not start: `body` is the error.
      host:pass_on()
      body.url, body.attempts = errors.redact_url(target.text), 1
      return nil, body
    end
    -- Half-way: `body` is the handle, `snapshot` its multi.
    local cancelled = task.interrupt
    local self = stream.new(request_module.plain(client, target), body, snapshot, host, nil,
      now(), 0)
    task.interrupt = nil
    if cancelled then
      self:abort(cancelled)
      error(cancelled, 0)
    elseif client.closed then
      return self:fail(errors.new("cancelled", stream.CLIENT_CLOSED))
    end
    return finish_start(self, body:answer())
  end
  if easy then
    handles.close(client, host, easy, easy:home())
  end
  if awaited then
    host:pass_on()
  end
  return setmetatable({
    status = status, ok = status >= 200 and status < 300,
    _target = target, _client = client, _body = body, _snapshot = snapshot, _use = "new",
  }, transfer.response_metatable)
end

-- With a place taken at `host`.
local function start_plain(request, host, task, started)
  local client, target = request.client, request.target
  local easy, multi, misuse = handles.take(client, host, client.plain_request)
  if easy == nil then
    return refuse(host, nil, target, multi, misuse)
  end
  handles.keep(client, host, easy, multi, true)
  local queue_time = now() - started
  local status, body, snapshot, awaited
  status, body, snapshot, easy, awaited = get_short(host.gate, target, task, true)
  if status == nil and body == nil then
    return start_guarded(request, host, nil, started)
  end
  local response, err = conclude_short(client, host, target, task, status, body, snapshot, easy,
    awaited)
  if response then
    response._queue_time = queue_time
  end
  return response, err
end

--- GET with nothing but a URL, for a client that `is_plain`.
-- @return response; or nil, err
function transfer.get(client, url)
  local target, task = targets.young[url], scheduler.task
  local host = target and task and target.web and client.hosts[target.origin]
  if host then
    local status, body, snapshot, easy, awaited = get_short(host.gate, target, task)
    if status or body then
      local response, err = conclude_short(client, host, target, task, status, body, snapshot, easy,
        awaited)
      if response and status and status >= 300 and status < 400 then
        return redirect.continue(response.request, response, transfer.perform)
      end
      return response, err
    end
  end
  local request, err = request_module.new(client, "GET", url)
  if request == nil then
    return nil, err
  end
  return client.handler(request)
end

---- All requests --------------------------------------------------------------

--- Sends a request.
-- @return response; or nil, err
function transfer.perform(request)
  local client = request.client
  if client.closed then
    error("the client is closed", 0)
  end
  local who = waiter()              -- raises where nobody can wait
  local host, started = find_host(request), now()
  local total = request.settings.timeout.total
  if total and request.deadline == nil then
    request.deadline = started + total
  end
  local admitted, scout = enter(host, request, started)
  if not admitted then
    return nil, scout
  elseif client.closed then
    host:leave(scout)
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url() })
  end
  if request.is_plain and client.is_plain and not scout and who ~= scheduler.main then
    return start_plain(request, host, who, started)
  end
  return start_guarded(request, host, scout, started)
end

return transfer
