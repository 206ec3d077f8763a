-- One download from its start to its end: goes on after cuts, from mirror to mirror, and
-- checks what has come.
local errors = require("multisock.base.errors")
local mirrors = require("multisock.download.mirrors")
local pairs = require("multisock.base.compat").pairs
local pause = require("multisock.middleware.pause")
local progress = require("multisock.connection.progress")
local ranges = require("multisock.download.ranges")
local retry_after = require("multisock.middleware.retry_after")
local scheduler = require("multisock.tasks.scheduler")
local segments = require("multisock.download.segments")
local stream = require("multisock.download.stream")
local target = require("multisock.download.target")

local now = scheduler.now

local job = {}

local Job = {}
Job.__index = Job

-- Seconds before the first try to go on; they double.
local FIRST_DELAY, LONGEST_DELAY = 0.1, 5
-- A server that wants to be left alone for longer is not waited for.
local LONGEST_RETRY_AFTER = 120

--- @param given table: client, urls, path, request (options of the requests), checksum (hex
-- digits), segments, tries, resume, fsync, progress
function job.new(given)
  local self = {}
  for name, value in pairs(given) do
    self[name] = value
  end
  self.mirrors = mirrors.new(self.client, self.urls, self.request)
  self.mirror = self.mirrors[1]
  self.got, self.failures, self.restarts = 0, 0, 0
  return setmetatable(self, Job)
end

---- Progress ------------------------------------------------------------------

function Job:tell(last)
  local time = now()
  if not self.progress or not last and time - (self.told or 0) < progress.INTERVAL then
    return
  end
  self.told = time
  self.progress(progress.of(self.got, self.started, self.target.held, self.target.version.size))
end

--- So many bytes were written.
function Job:received(count)
  self.got = self.got + count
  self:tell()
end

---- Parts ---------------------------------------------------------------------

--- Whether parts are asked for of a mirror that begins to bring the whole file.
function Job:divides(response, seen)
  return self.segments > 1 and not self.alone and seen.etag ~= nil and seen.size ~= nil
    and #ranges.divide({ { 0, seen.size } }, self.segments) > 1
    and (response.headers:get("accept-ranges") or "") ~= "none"
end

function Job:divide(mirror, response, seen)
  return segments.fetch(self, mirror, response, seen)
end

--- Fetches some of what is missing. @return as stream.fetch
function Job:fetch(mirror)
  local version, missing = self.target.version, self.target:missing()
  if self.segments > 1 and not self.alone and not self.in_one and version.etag and version.size
    and self.target.held > 0 and #ranges.divide(missing, self.segments) > 1 then
    return segments.fetch(self, mirror)
  end
  return stream.fetch(self, mirror, missing[1], false)
end

---- Failures ------------------------------------------------------------------

-- The one after this that has not failed for good, and is not known to have another version
-- than what is there; or else one that has.
--- @return mirror; nil: there is none
local function next_mirror(self, mirror)
  local count, at, differs = #self.mirrors, 1, nil
  for i, other in ipairs(self.mirrors) do
    at = other == mirror and i or at
  end
  for i = 1, count do
    local other = self.mirrors[(at + i - 1) % count + 1]
    if not other.dead and not other.differs then
      return other
    end
    differs = differs or not other.dead and other or nil
  end
  return differs
end

--- Whether this mirror, which has another version than what is there, is left alone: the one
-- that gave it may go on.
function Job:keeps(mirror)
  local owner = self.owner
  if self.target.held == 0 or owner == nil or owner == mirror or owner.dead then
    return false
  end
  mirror.differs, self.mirror = true, owner
  return true
end

-- Whether more is there than ever before. Another version of the file starts from
-- nothing, but not without end: servers may have one each.
local function has_gained(self)
  local version, before = self.target.version, self.before
  if before and before ~= version and not (before.etag == version.etag
    and before.last_modified == version.last_modified and before.size == version.size) then
    self.restarts = self.restarts + 1
    if self.restarts <= self.tries then
      self.most = 0
    end
  end
  self.before = version
  if self.target.held > self.most then
    self.most = self.target.held
    return true
  end
end

-- Seconds to wait; nil: nothing is waited for.
local function delay_of(self, err)
  local delay = math.min(LONGEST_DELAY, FIRST_DELAY * 2 ^ self.failures)
  local asked = err.response and retry_after(err.response)
  if asked and asked > LONGEST_RETRY_AFTER then
    return nil
  end
  return math.max(delay, asked or 0)
end

--- What is left to do after a failure. @return true: go on; or nil, err
function Job:recover(mirror, err)
  local gained = has_gained(self)
  if self.target.broken or err.kind == "cancelled" then
    return nil, err
  elseif not err.retryable or self.got == 0 then
    mirror.dead = true              -- what has never begun was not cut
  else
    self.failures = gained and 0 or self.failures + 1
    if self.failures >= self.tries then
      mirror.dead, self.failures = true, 0
    end
  end
  local other = next_mirror(self, mirror)
  if other == nil then
    return nil, err
  end
  self.mirror = other
  if mirror.dead then
    return true
  end
  local delay = delay_of(self, err)
  if delay == nil then
    return nil, err
  elseif not pause.wait_until(self.client, now() + delay) then
    return nil, errors.new("cancelled", "the client was closed", { url = err.url })
  end
  return true
end

---- The end -------------------------------------------------------------------

--- What came is not what it should be. @return true: it is fetched once more; or nil, err
function Job:reject(sum)
  local err = errors.new("checksum", ("%s has the SHA-256 %s, not %s"):format(
    errors.redact_url(self.mirror.url), sum, self.checksum), { url = self.mirror.url,
    phase = "receive" })
  err.url = errors.without_user(err.url)
  if self.target.joined and not self.in_one then
    self.in_one = true              -- perhaps the parts were of different files
  else
    self.mirror.dead = true
    self.mirror = next_mirror(self, self.mirror)
  end
  if self.mirror == nil then
    self.target:discard()
    return nil, err
  end
  return self.target:restart({})
end

function Job:finish()
  local sum, err = self.target:checksum()
  if err then
    return nil, err
  elseif self.checksum and sum ~= self.checksum then
    local ok
    ok, err = self:reject(sum)
    if not ok then
      return nil, err
    end
    return self:transfer()
  end
  local ok
  ok, err = self.target:publish(self.rename and self:rename() or self.path)
  if not ok then
    return nil, err
  end
  return { path = self.target.path, size = self.target.held,
    resumed_from = self.target.resumed_from, sha256 = sum }
end

-- Until nothing is missing.
function Job:transfer()
  while #self.target:missing() > 0 do
    local mirror = self.mirror
    local ok, err = self:fetch(mirror)
    if not ok and err then
      ok, err = self:recover(mirror, err)
      if not ok then
        return nil, err
      end
    end
  end
  return self:finish()
end

-- Begins with what is there. Its validator proves something when it is of one of the URLs:
-- files of one server may have the same.
function Job:take_over()
  local version = self.target.version
  self.before, self.most = version, self.target.held
  for _, mirror in ipairs(self.mirrors) do
    if mirror.place and mirror.place == version.place then
      self.owner = mirror
    end
  end
  if self.owner == nil then
    version.etag, version.last_modified = nil, nil
  end
end

--- Runs it. @return {path, size, resumed_from, sha256}; or nil, err
function Job:run()
  local err
  self.started = now()
  self.target, err = target.open(self.path, self.resume)
  if self.target == nil then
    return nil, err
  end
  self.target.fsync = self.fsync
  self:take_over()
  if self.on_open then
    self:on_open()
  end
  self.result, err = self:transfer()
  if self.result then
    self:tell(true)
  end
  return self.result, err
end

--- Lets go of its file. May be called again.
function Job:close()
  if self.target then
    self.target:close()
  end
end

return job
