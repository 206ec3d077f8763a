-- The running half of a response: a transfer that somebody waits for, its
-- limits, its upload and progress, and the body as it arrives. transfer.lua
-- starts it, response/init.lua reads it.
local core = require("multisock.core")
local decoding = require("multisock.connection.decoding")
local errors = require("multisock.base.errors")
local handles = require("multisock.connection.handles")
local limits = require("multisock.connection.limits")
local lookups = require("multisock.connection.lookups")
local milestones = require("multisock.connection.milestones")
local pacing = require("multisock.connection.pacing")
local pairs = require("multisock.base.compat").pairs
local pins = require("multisock.request.pins")
local progress = require("multisock.connection.progress")
local reading = require("multisock.connection.reading")
local scheduler = require("multisock.tasks.scheduler")
local upload = require("multisock.connection.upload")
local waiting = require("multisock.tasks.waiting")

local now, park_until = scheduler.now, waiting.park_until
local nearest_limit = limits.nearest

local stream = { CLIENT_CLOSED = "the client was closed" }

local Stream = {}
Stream.__index = Stream

-- Who waits for a handle to be ready, by the handle's number; else false.
local waiters = core.waiting

-- Transfers whose response was handed over before its body was read: when it
-- is collected unread, the C side says so and the transfer is ended here.
local owners = {}
stream.owners = owners

scheduler.set_stray_handler(function(easy)
  local owner = owners[easy]
  if owner then
    owner:unclaimed()
  end
end)

lookups.set_owners(owners)

---- Errors --------------------------------------------------------------------

--- Adds to an error what the core does not know.
function Stream:describe(err)
  if not errors.is(err) then
    return err                      -- a callback raised something of its own
  end
  local request = self.request
  err.url = err.url or errors.redact_url(request.target.text)
  if self.origin.pin then
    err.message = pins.reveal(err.message, request.target.host)
  end
  if not self.released then
    err.attempts = err.attempts or core.snapshot(self.easy:snapshot(), "attempts")
    err.phase = err.phase or self.easy:phase()
    err.timings = err.timings or self:timings()
  end
  err.attempts = err.attempts or 1
  return err
end

function Stream:timings()
  return milestones.complete(self, core.snapshot(self.easy:snapshot(), "timings"))
end

Stream.timeout_error = limits.error

---- Ending --------------------------------------------------------------------

local function give_back(self)
  local easy = self.easy
  if not self.client.closed then
    self.multi:remove_handle(easy)
  end
  self.origin.limiter:count(easy)
  easy:forget()
  handles.give_back(self.client, self.origin, self.request, easy, self.multi)
  self:leave()
  scheduler.rearm()                 -- a host's loop may have waited for it alone
  if self.on_end then
    self.on_end()
  end
end

-- Gives back the handle and the place; whatever was running is cut off. In a callback of
-- libcurl nothing can be: then that comes in the next turn.
function Stream:release()
  if self.released then
    return
  end
  self.released = true
  local easy = self.easy
  local id = easy:id()
  local who = waiters[id]
  owners[easy], waiters[id] = nil, false
  pacing.stop(self)
  if who then
    scheduler.wake(who)             -- another task reads what is ended here
  end
  if core.in_callback() then
    waiting.at(now(), function()
      give_back(self)
    end)
  else
    give_back(self)
  end
end

-- Gives back the place, at the end of the transfer: its body may wait for a
-- reader for ever.
function Stream:leave()
  if not self.left then
    self.left = true
    upload.stop(self)
    self.origin:leave(self.probe)
  end
end

--- Ends it early. @param err? what later reads of its body shall report
function Stream:abort(err)
  if self.saving then
    self.saving:close()             -- also when the task that saves does not go on
  end
  if not self.released then
    self.failure = err or errors.new("closed", "the response was closed")
    self:describe(self.failure)
    self.snapshot = self.easy:snapshot()
    self:release()
  end
end

-- What was said while nobody waited: the probe's connection, the end, or that
-- the response was collected.
function Stream:unclaimed()
  if self.easy:abandoned() then
    self:abort()
    return
  end
  self:tell()
  -- Who was told may have ended it.
  if not self.released and self.easy:ended() ~= false then
    self:leave()
  end
end

-- Passes on what is ready for others than the reader.
function Stream:tell()
  if self.probe then
    self:check_probe()
  end
  if self.uploader and self.easy:marks() then
    scheduler.wake(self.uploader)
  end
  if self.settings.curl then
    pacing.watch(self)
  end
  if self.request.watched then
    milestones.tell(self)
  end
end

function Stream:check_probe()
  local _, connected = self.easy:marks()
  if connected then
    self.probe = false
    local version = self.easy:version()
    if self.origin.http1 then
      version = "1"
    end
    self.origin:connected(self.easy:getinfo("num_connects") == 0, version)
  end
end

---- Waiting -------------------------------------------------------------------

-- Whether another task, or `progress`, has ended it. A client that is closed ends
-- what has been answered; of this one the answer may have come a moment before.
local function has_ended(self)
  if self.client.closed then
    self:abort(errors.new("cancelled", stream.CLIENT_CLOSED))
  end
  return self.released
end

--- Suspends until it is ready. Returns nothing, or the error that ended the
-- transfer: a passed limit. Raises when the task was cancelled.
function Stream:await_change(since)
  local easy = self.easy
  local at, name, seconds
  if self.limited or since then
    at, name, seconds = nearest_limit(self, since)
  end
  if self.progress then
    -- Not everything that moves makes it ready: look from time to time.
    local look_at = now() + progress.INTERVAL
    if at == nil or look_at < at then
      at, name = look_at, nil
    end
  end
  local who, id = waiting.waiter(), easy:id()
  if waiters[id] then
    error("another task waits for this response already", 0)
  end
  waiters[id] = who
  local err = park_until(who, at)
  if has_ended(self) then
    -- The handle may serve somebody else by now.
    if err then
      error(err, 0)
    end
    reading.raise_raised(self)
    return self.failure
  end
  waiters[id] = false
  if err then
    if errors.is(err) then
      self:describe(err)
    end
    self:abort(err)
    error(err, 0)
  end
  self:tell()
  if self.progress then
    progress.call(self)
  end
  if has_ended(self) then           -- by who was told
    return self.failure
  end
  if at and name and now() >= at then
    -- Something may have come just now: then the limit has moved.
    local still_at = nearest_limit(self, since)
    if still_at and now() >= still_at and easy:ended() == false then
      err = self:timeout_error(name, seconds)
      self:abort(err)
      return err
    end
  end
end

---- The end -------------------------------------------------------------------

--- Ends it once nothing more can come; false while more can.
function Stream:check_end()
  local ended, err = self.easy:ended()
  if ended == false then
    return false
  end
  if self.progress then
    progress.call(self, true)
    if has_ended(self) then
      return true
    end
  end
  if ended then
    self.snapshot = self.easy:snapshot()
    self:release()
    return true
  end
  self.failure = self:describe(err)
  self.snapshot = self.easy:snapshot()
  self:release()
  return true
end

---- Starting, for transfer.lua -------------------------------------------------

--- Makes the stream of a handle that is about to be added.
function stream.new(request, easy, multi, origin, probe, started, queue_time)
  local given = request.settings
  return setmetatable({
    request = request, client = request.client, settings = given, easy = easy,
    origin = origin, multi = multi,
    probe = probe, started = started, queue_time = queue_time, deadline = request.deadline,
    progress = given.progress,
    attempt_at = request.attempt_at,
    limited = request.deadline ~= nil or request.attempt_at ~= nil,
  }, Stream)
end

-- What those have in common whose answer C has handed over.
local Answered = setmetatable({ answered = true, bare = true, queue_time = 0 }, Stream)
Answered.__index = Answered

--- Makes a stream of what coming.lua knows of such a transfer.
function stream.answered(self, request)
  local deadline = self.deadline or nil
  request.deadline = deadline
  self.asked, self.deadline, self.limited = nil, deadline, deadline ~= nil
  self.request, self.settings = request, request.settings
  self.multi = not self.released and self.easy:home() or nil
  local reads = self.reading        -- a task, true, or false
  self.reader = rawget(self, "reader") or reads ~= true and reads or nil
  setmetatable(self, Answered)
end

--- Ends it before its answer.
-- @return nil, err
function Stream:fail(err)
  if self.client.closed and errors.is(err, "cancelled") then
    err.message = stream.CLIENT_CLOSED
  end
  err = self:describe(err)
  if self.request.watched then
    milestones.tell(self)
  end
  self:release()
  return nil, err
end

-- Waits for status and headers. `status` is known when the caller has
-- asked for it already.
function Stream:answer(status, err)
  local easy = self.easy
  while not status do
    if status == nil and err then
      self.demanded_http1, self.lied = easy:demanded_http1(), easy:lied()
      self.lacked_files, self.denied = easy:lacks_files(), easy:denied()
      self.repeat_due = easy:repeat_due()
      return self:fail(err)
    elseif err then
      err = limits.late_error(self)
      self:abort(err)
      return nil, err
    end
    err = self:await_change()
    if err then
      return nil, err
    end
    status, err = easy:answer()
  end
  if self.origin.limiter:version() == nil then
    self.origin:learn(self.origin.http1 or core.snapshot(easy:snapshot(), "http_version") or "1.1")
  end
  owners[easy] = self
  self.answered = true
  if easy:ended() ~= false then
    self:leave()
  elseif status >= 300 and self.request.body then
    upload.answered(self)
  else
    upload.settle(self)
  end
  if self.settings.curl then
    pacing.watch(self)              -- when it came half-way, nobody was told
  end
  if easy:is_coded() then
    decoding.begin(self)
  end
  return status
end

reading.add_to(Stream, owners)
decoding.set_base(Stream)

---- All streams ---------------------------------------------------------------

--- Ends everything that runs for a client that is being closed.
function stream.close_client(client)
  client.pool:close()
  for _, self in pairs(owners) do
    if self.client == client then
      self:abort(errors.new("cancelled", stream.CLIENT_CLOSED))
    end
  end
  -- Libcurl's handles were marked as ended: who waits looks at them.
  for _, task in pairs(waiters) do
    if type(task) == "table" then
      scheduler.wake(task)
    end
  end
  scheduler.rearm()
end

--- How many handles have somebody waiting, for leak checks.
function stream.counts()
  local count = 0
  for _, who in pairs(waiters) do
    count = count + ((type(who) == "table" or type(who) == "userdata") and 1 or 0)
  end
  return count
end

return stream
