-- request -> easy -> response: admits a request, starts it, and hands over the
-- response. Small ones end here; what goes on for longer is a stream.
local admission = require("multisock.admission")
local core = require("multisock.core")
local errors = require("multisock.errors")
local handles = require("multisock.handles")
local scheduler = require("multisock.scheduler")
local stream = require("multisock.stream")

local now, waiter, park = scheduler.now, scheduler.waiter, scheduler.park
local take, leave = admission.take, admission.leave
local multi_start, multi_conclude = core.multi_start, core.multi_conclude
local waiting = stream.waiting

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

-- No handle takes the settings: the place is given back.
local function refuse(request, host, scout, err, misuse)
  host:leave(scout)
  if misuse then
    error(err, 0)
  end
  err.url = request:url()
  return nil, err
end

-- From the added handle to the response.
local function finish_start(self, status, err)
  status, err = self:answer(status, err)
  if not status then
    return nil, err
  end
  return transfer.new_response(self.request, status, self, nil, nil, self.queue_time)
end

-- A request with limits, a body or progress, or one that had to queue.
local function start_guarded(request, host, scout, started)
  local client = request.client
  if client.closed then
    host:leave(scout)
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url() })
  end
  local easy, err, misuse = handles.take(client, request)
  if easy == nil then
    return refuse(request, host, scout, err, misuse)
  end
  local self = stream.new(request, easy, host, scout, started, now() - started)
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
  ok, err = multi_start(client.multi, easy, request.target.url)
  if not ok then
    return self:fail(err)
  end
  return finish_start(self, false)
end

-- Half-way in the short way: what comes next needs a transfer.
local function leave_short_way(request, host, easy, cancelled, status, err)
  local self = stream.new(request, easy, host, nil, now(), 0)
  if cancelled then
    self:abort(cancelled)
    error(cancelled, 0)
  elseif request.client.closed then
    return self:fail(errors.new("cancelled", stream.CLIENT_CLOSED))
  end
  return finish_start(self, status, err)
end

-- The short way, for a request with nothing but a URL to a host with a free
-- place: no transfer is made when the body is there with the headers. This is
-- what most requests are, so it has few calls and makes no tables but the
-- response.
local function start_plain(request, client, host, who)
  local easy, err, misuse = handles.take(client, request)
  if easy == nil then
    return refuse(request, host, nil, err, misuse)
  end
  local multi, target = client.multi, request.target
  local ok
  ok, err = multi_start(multi, easy, target.url, target.cleartext and host.active > MANY)
  if not ok then
    easy:close()
    return refuse(request, host, nil, err)
  end
  waiting[easy] = who
  local cancelled = park(who)
  waiting[easy] = nil
  if cancelled or client.closed then
    return leave_short_way(request, host, easy, cancelled)
  end
  local status, body, snapshot, worn = multi_conclude(multi, easy)
  if snapshot == nil then
    return leave_short_way(request, host, easy, nil, status, body)
  end
  local list = client.prepared
  local count = #list
  if worn or count >= handles.MAX_IDLE then
    handles.release(client, easy, false)
  else
    list[count + 1] = easy
  end
  leave(host)
  return setmetatable({
    request = request, status = status, ok = status >= 200 and status < 300,
    _body = body, _snapshot = snapshot, _untouched = true,
  }, transfer.response_metatable)
end

--- Sends a request.
-- @return response; or nil, err
function transfer.perform(request)
  local client = request.client
  if client.closed then
    error("the client is closed", 0)
  end
  local who = waiter()              -- raises where nobody can wait
  local host = request.plain and client.hosts[request.target.origin] or find_host(request)
  if request.plain and host.version == "h1" and host.first > host.last and client.unlimited
    and take(host) then
    return start_plain(request, client, host, who)
  end
  local started = now()
  local total = request.settings.timeout.total
  if total and request.deadline == nil then
    request.deadline = started + total
  end
  local admitted, scout = enter(host, request, started)
  if not admitted then
    return nil, scout
  end
  return start_guarded(request, host, scout, started)
end

return transfer
