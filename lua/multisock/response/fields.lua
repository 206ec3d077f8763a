-- The fields of a response that are computed when they are asked for, out of the snapshot
-- of its transfer: most are never looked at.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local unpack = require("multisock.base.compat").unpack
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local milestones = require("multisock.connection.milestones")
local requests = require("multisock.request")

local computed = {}

local fields = { computed = computed }

-- These change until the body has ended, so they are not kept before.
local CHANGING = { trailers = true, timings = true, sizes = true }

-- What is had at once is not kept either (`again`): with a field more most responses would
-- outgrow their table, and building it anew costs more than many looks.
local function compute(self, name)
  local value, again = computed[name](self)
  if again then
    return value
  elseif not CHANGING[name] or self._transfer == nil or self._transfer.released then
    self[name] = value
  end
  return value
end

--- `__index` of responses, which have these methods. What C finds in `_snapshot` is not
-- asked of those below.
function fields.index(methods)
  local found = {}
  for name in compat.pairs(computed) do
    found[name] = name
  end
  for name, method in compat.pairs(methods) do
    found[name] = method
  end
  return core.response_index(found, compute)
end

--- What its transfer knows, for core.snapshot; nil of one that a program has made.
function fields.snapshot(self)
  local shot = self._snapshot
  local running = shot == nil and self._transfer
  if running then
    return running.snapshot or running.easy and running.easy:snapshot()
  end
  return shot
end

-- Of a response that a program has made nothing is known but what it says.
local function known(self, name)
  local shot = fields.snapshot(self)
  return shot and core.snapshot(shot, name)
end

function computed:headers()
  local shot = self._snapshot or fields.snapshot(self)
  return shot and core.snapshot(shot, "headers")
end

function computed:trailers()
  return known(self, "trailers") or headers.parse("")
end

--- The reason phrase; "" when the server sent none, as HTTP/2 never does.
function computed:status_text()
  return known(self, "reason") or ""
end

function computed:http_version()
  return known(self, "http_version")
end

function computed:attempts()
  return known(self, "attempts") or 1
end

function computed:peer()
  return known(self, "peer")
end

function computed:timings()
  local timings = known(self, "timings")
    or { dns = 0, connect = 0, tls = 0, first_byte = 0, total = 0 }
  local running = self._transfer
  if running and running.easy then
    milestones.complete(running, timings)
  end
  timings.queue = self._queue_time or 0
  return timings
end

function computed:sizes()
  return known(self, "sizes") or { body = 0, upload = 0, headers = 0, request = 0 }
end

--- Whether this answers another URL than the one asked for.
function computed.redirected()
  return false, true              -- the redirect middleware says otherwise
end

--- The redirects that led here, oldest first.
function computed.history()
  return {}
end

function computed:url()
  local asked, target = rawget(self, "request"), self._target
  if target and not asked then
    return target.text, true            -- there is no user in it, or it was a request
  end
  local parts, running = self._parts, self._transfer
  asked = asked or running and (running.asked or running.request)
  target = asked and (asked.target or asked) or parts and parts[2] or target
  -- One that a program has made answers what it says, if anything.
  return target and errors.without_user(target.text)
end

--- One that is nothing but a URL, and one with usual options, is made when somebody looks at it.
function computed:request()
  if self._parts then
    return requests.of_parts(unpack(self._parts, 1, 8))
  end
  local target, running = self._target, self._transfer
  return target and requests.plain(self._client, target) or running and running.request
end

function computed:links()
  local received = self.headers
  return require("multisock.response.links").of(self.url,
    received and received:get_all("link") or {})
end

return fields
