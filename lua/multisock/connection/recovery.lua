-- What may be done about a request that got no answer, where it is libcurl's or ours
-- to do: wait for a descriptor or a name, speak another version of HTTP, send once
-- more what a dead connection took. Each function here gives the request that is to
-- be performed again. What servers answer is the affair of middleware/retry.lua.
local admission = require("multisock.connection.admission")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local names = require("multisock.connection.names")
local origins = require("multisock.connection.origins")
local scheduler = require("multisock.tasks.scheduler")
local settings = require("multisock.request.settings")
local setup = require("multisock.request.setup")
local stream = require("multisock.connection.stream")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

local recovery = {}

-- Nobody else can be asked: a server that speaks HTTP/2 alone is asked in that,
-- although libcurl before 8.1 may take a cut body for a whole one. All versions of
-- libcurl have no code for this, only OpenSSL's and GnuTLS's words for the alert.
local function speaks_http2_alone(request, err)
  return request.settings.http_version == nil and errors.is(err, "tls")
    and request.target.scheme == "https"
    and err.message:lower():find("no application protocol", 1, true) ~= nil
    and setup.http1(request.settings, "https") == "1.1"
end

--- The request, in HTTP/2.
function recovery.in_http2(request)
  request.settings = settings.with(request.settings, { http_version = "2" })
  return request
end

--- The server does not want to be asked whether it wants the body (417): it gets it
-- unasked, where that can be read again.
-- @return the request that gets it; or nil
function recovery.unasked(self)
  local body = self.request.body
  if self.upload_begun and body.rewind == nil then
    return nil
  end
  local again = self.request:again(core.snapshot(self.easy:snapshot(), "attempts"))
  self:abort()
  if self.upload_begun then
    body.rewind()
  end
  again.unexpected = true
  return again
end

-- A kept connection died while the body was sent: what may be is sent once more,
-- where that can be read again. What has died while libcurl read it repeats itself.
local function once_more(self, err)
  local body = self.request.body
  if self.request.repeated or self.upload_begun and body.rewind == nil then
    return nil, err
  end
  if self.upload_begun then
    body.rewind()
  end
  return self.request:again(err.attempts)
end

-- How long a request waits before it asks again for a descriptor: longer each time.
local FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5

-- The process had no descriptor left for it: waits for one, as long as connecting
-- may take.
local function wait_for_file(request, err)
  local time, limit = now(), request.settings.timeout.connect or math.huge
  local since, pause = request.lacking_since or time, request.lacking_pause or FIRST_PAUSE
  if request.deadline and time >= request.deadline then
    return nil, admission.timeout_error(request, "total", request.settings.timeout.total)
  elseif time + pause >= since + limit or request.client.closed then
    return nil, err
  end
  request.lacking_since, request.lacking_pause = since, math.min(2 * pause, LONGEST_PAUSE)
  if request.deadline then
    pause = math.min(pause, request.deadline - time)
  end
  waiting.sleep(pause)
  return request
end

--- There is no address, or no descriptor for looking it up.
-- @return the request, to be performed again; or nil, err
function recovery.without_name(request, err)
  if err.kind == "io" then
    return wait_for_file(request, err)
  end
  return nil, err
end

-- It would have had to look up a name by itself. Once: a name that is then still not
-- in the cache is one that we do not know, such as a proxy's.
local function look_up(self)
  local request = self.request
  local ok, err, cancelled = names.await(request, request.name or self.origin.name)
  if cancelled then
    error(err, 0)
  elseif not ok then
    return recovery.without_name(request, err)
  elseif request.client.closed then
    return nil, errors.new("cancelled", stream.CLIENT_CLOSED, { url = request:url() })
  end
  request.looks_up, request.was_denied = request.was_denied, true
  request.simple = request.simple and not request.looks_up
  return request
end

--- What to do when a stream has ended before its answer.
-- @return the request, to be performed again; or nil, err
function recovery.after(self, err)
  if self.client.closed then
    return nil, err
  elseif self.denied then
    return look_up(self)
  elseif self.lacked_files then
    return wait_for_file(self.request, err)
  elseif self.demanded_http1 then
    -- The server wants HTTP/1.1 after all (see receiver_connect.c).
    origins.keep_apart(self.client, self.origin)
    return self.request:again(err.attempts)
  elseif self.lied then
    origins.keep_apart(self.client, self.origin)
  elseif self.repeat_due then
    return once_more(self, err)
  elseif speaks_http2_alone(self.request, err) then
    self.origin.http2_alone = true
    return recovery.in_http2(self.request)
  end
  return nil, err
end

return recovery
