-- request -> easy -> response: admits a request, starts it, and hands over the
-- response. Small ones end here; what goes on for longer is a stream.
local admission = require("multisock.admission")
local core = require("multisock.core")
local errors = require("multisock.errors")
local handles = require("multisock.handles")
local pool = require("multisock.pool")
local redirect = require("multisock.middleware.redirect")
local request_module = require("multisock.request")
local scheduler = require("multisock.scheduler")
local stream = require("multisock.stream")
local targets = require("multisock.targets")

local now, waiter = scheduler.now, scheduler.waiter
local take_free, leave = admission.take_free, admission.leave
local start, begin, conclude = core.start, core.begin, core.conclude

local transfer = {}

-- Hosts that a client remembers before it forgets idle ones.
local MOST_IDLE_HOSTS = 1000
transfer.most_idle_hosts = MOST_IDLE_HOSTS

-- From so many transfers to one host on their memory counts more than the
-- number of reads for a large body.
local MANY = 2000

---- Who may start -------------------------------------------------------------

-- Waits for a place in the host's queue.
local function enter(host, request, started)
  local limits = request.settings.timeout
  local name, seconds = "queue", limits.queue
  local deadline = seconds and started + seconds
  if request.deadline and (deadline == nil or request.deadline < deadline) then
    name, deadline, seconds = "total", request.deadline, limits.total
  end
  return admission.enter(host, deadline, function()
    local err = admission.timeout_error(name, seconds)
    err.url, err.attempts = request:url(), 1
    return err
  end)
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
        handles.forget(known)
        pool.forget(known)
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
    host = admission.new_host(client.limits, known)
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

-- A request with limits, a body or progress, or one that opens a connection for
-- others.
local function start_guarded(request, host, scout, started)
  local client = request.client
  local easy, err, misuse = handles.configured(client, request)
  if easy == nil then
    return refuse(host, scout, request.target, err, misuse)
  end
  local lane = client.pool:enter(host)
  local self = stream.new(request, easy, host, lane, scout, started, now() - started)
  local body = request.body
  if body and body.read then
    self:start_upload(body.read)
  end
  if self.progress then
    easy:gather("chatty", true)
  end
  if scout then
    easy:gather("tell_connected", true)
  end
  local ok
  ok, err = start(lane.multi, easy, request.target.url)
  if not ok then
    return self:fail(err)
  end
  return finish_start(self, false)
end

---- The short way -------------------------------------------------------------

-- For a request with nothing but a URL to a host with a free place: no request
-- and no transfer is made when the body is there with the headers. This is what
-- most requests are, so it has few calls and makes no table but the response.

-- Half-way in it: what comes next needs a transfer.
local function leave_short_way(client, target, host, lane, easy, cancelled, status, err)
  local self = stream.new(request_module.plain(client, target), easy, host, lane, nil, now(), 0)
  if cancelled then
    self:abort(cancelled)
    error(cancelled, 0)
  elseif client.closed then
    return self:fail(errors.new("cancelled", stream.CLIENT_CLOSED))
  end
  return finish_start(self, status, err)
end

-- With a place taken at `host`, in the coroutine of `task`.
local function short_way(client, target, host, task)
  local last = host.idle_last
  local easy, lane, refused, err
  if last > 0 then
    -- The one that came last: its connection is the warmest.
    local idle = host.idle
    easy, lane = idle[last - 1], idle[last]
    host.idle_last = last - 2
    lane.active = lane.active + 1
  else
    local misuse
    easy, err, misuse = handles.configured(client, client.plain_request)
    if easy == nil then
      return refuse(host, nil, target, err, misuse)
    end
    lane = client.pool:enter(host)
  end
  task.parked = true
  refused, err = begin(lane.multi, easy, target.url, target.cleartext and host.active > MANY,
    task, task.co)
  if refused == false or err then
    task.parked = false
    lane.active = lane.active - 1
    easy:close()
    if err == nil then
      host:leave()
      return waiter()               -- raises: nobody can wait here
    end
    return refuse(host, nil, target, err)
  end
  local cancelled = task.interrupt
  if cancelled or client.closed then
    task.interrupt = nil
    return leave_short_way(client, target, host, lane, easy, cancelled)
  end
  local status, body, snapshot, worn = conclude(lane.multi, easy)
  if snapshot == nil then
    return leave_short_way(client, target, host, lane, easy, nil, status, body)
  end
  lane.active = lane.active - 1
  last = host.idle_last
  if worn or last >= handles.MOST_IDLE then
    handles.release(client, easy)
  else
    host.idle[last + 1], host.idle[last + 2] = easy, lane
    host.idle_last = last + 2
  end
  if host.version == nil then
    host:learn(core.snapshot(snapshot, "http_version") or "1.1")
  end
  leave(host)
  return setmetatable({
    status = status, ok = status >= 200 and status < 300,
    _target = target, _client = client, _body = body, _snapshot = snapshot, _use = "new",
  }, transfer.response_metatable)
end

--- GET with nothing but a URL, for a client that `is_plain`.
-- @return response; or nil, err
function transfer.get(client, url)
  local target, task = targets.young[url], scheduler.task
  local host = target and task and target.web and client.hosts[target.origin]
  if not host or host.first <= host.last or not take_free(host) then
    local request, err = request_module.new(client, "GET", url)
    if request == nil then
      return nil, err
    end
    return client.handler(request)
  end
  local response, err = short_way(client, target, host, task)
  if response and response.status >= 300 and response.status < 400 then
    return redirect.continue(response.request, response, transfer.perform)
  end
  return response, err
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
    local queue_time = now() - started
    local response, err = short_way(client, request.target, host, who)
    if response then
      response._queue_time = queue_time
    end
    return response, err
  end
  return start_guarded(request, host, scout, started)
end

return transfer
