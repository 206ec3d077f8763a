-- The running half of a response: a transfer that somebody waits for, its
-- limits, its upload and progress, and the body as it arrives. transfer.lua
-- starts it, response/init.lua reads it.
local core = require("multisock.core")
local decoding = require("multisock.connection.decoding")
local errors = require("multisock.base.errors")
local handles = require("multisock.connection.handles")
local lookups = require("multisock.connection.lookups")
local pacing = require("multisock.connection.pacing")
local pins = require("multisock.request.pins")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local uncaught = require("multisock.base.uncaught")
local waiting = require("multisock.tasks.waiting")

local is_once = require("multisock.request").is_once
local now, park, park_until = scheduler.now, waiting.park, waiting.park_until

local stream = { CLIENT_CLOSED = "the client was closed" }

local Stream = {}
Stream.__index = Stream

-- How often `progress` is called at most, in seconds.
local PROGRESS_INTERVAL = 0.1

-- Who waits for a handle to be ready, by the handle's number; else false.
local waiters = core.waiting

-- Where C can go on after suspending: see src/fetch/perform.c.
local take_rest = core.rest

-- Transfers whose response was handed over before its body was read: when it
-- is collected unread, the C side says so and the transfer is ended here.
local owners = {}

scheduler.set_stray_handler(function(easy)
  local owner = owners[easy]
  if owner then
    owner:unclaimed()
  end
end)

lookups.set_owners(owners)

---- Errors --------------------------------------------------------------------

-- Adds what the core does not know.
local function describe(self, err)
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
  local timings = core.snapshot(self.easy:snapshot(), "timings")
  timings.queue = self.queue_time
  return timings
end

--- The error of a limit of `timeout` that has passed.
function Stream:timeout_error(name, seconds)
  local what = {
    total = "not done after %g s (timeout.total)",
    attempt = self.answered and "the body has not ended within %g s (timeout.attempt)"
      or "no answer within %g s (timeout.attempt)",
    first_byte = "no answer within %g s (timeout.first_byte)",
    idle = "nothing arrived for %g s (timeout.idle)",
  }
  local phase = self.easy:phase()
  return describe(self, errors.new("timeout", what[name]:format(seconds), {
    code = "CURLE_OPERATION_TIMEDOUT", number = 28, phase = phase,
    retryable = errors.UNSENT[phase] or not is_once(self.request),
  }))
end

---- Ending --------------------------------------------------------------------

-- Gives back the handle and the place; whatever was running is cut off.
function Stream:release()
  if self.released then
    return
  end
  self.released = true
  local easy, who = self.easy, waiters[self.id]
  owners[easy], waiters[self.id] = nil, false
  pacing.stop(self)
  if who then
    scheduler.wake(who)             -- another task reads what is ended here
  end
  if not self.client.closed then
    self.multi:remove_handle(easy)
  end
  easy:forget()
  handles.give_back(self.client, self.origin, self.request, easy, self.multi)
  self:leave()
  scheduler.rearm()                 -- a host's loop may have waited for it alone
end

-- Nothing more is wanted of the upload, whatever it waits for.
local function stop_upload(self)
  local task = self.uploader
  self.stopped = true
  if task then
    self.uploader = nil
    task:cancel("the transfer has ended")
  end
  if self.body and self.body.close then
    self.body.close()
  end
end

-- Gives back the place, at the end of the transfer: its body may wait for a
-- reader for ever.
function Stream:leave()
  if not self.left then
    self.left = true
    stop_upload(self)
    self.origin:leave(self.probe)
  end
end

--- Ends it early. @param err? what later reads of its body shall report
function Stream:abort(err)
  if not self.released then
    self.failure = err or errors.new("closed", "the response was closed")
    describe(self, self.failure)
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
  if self.easy:ended() ~= false then
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

-- Raises what the upload has raised: for whoever waits, or reads.
local function raise_raised(self)
  local raised = self.raised
  if raised and raised.misuse then
    errors.misuse(raised[1])
  elseif raised then
    uncaught.raise(raised[1], raised.traceback)
  end
end

---- Waiting -------------------------------------------------------------------

-- What is wrong when so many bytes of a body were given, and that was all or not.
-- libcurl would wait for what is missing, and leave out what is too much.
local function wrong_length(body, given, ended)
  local size = body.size
  if size == nil or given == size or given < size and not ended then
    return nil
  end
  return ("body: Content-Length is %d, but the function gave %s bytes"):format(size,
    ended and tostring(given) or given .. " or more")
end

-- The upload cannot go on: what a function has done wrong is raised where the request
-- is waited for.
local function raise_upload(self, err, misuse, traceback)
  self.uploader = nil
  self.raised = { err, misuse = misuse, traceback = traceback }
  self:abort(errors.raised(err))
end

-- The next piece of the body goes to libcurl. False at the end, or when it failed.
local function upload_piece(self, body)
  self.upload_begun, body.begun = true, true
  local traceback
  local ok, chunk, failure = xpcall(body.read, function(err)
    traceback = uncaught.traceback(err)
    return err
  end)
  if self.stopped or self.client.closed then
    return false
  elseif not ok then
    raise_upload(self, chunk, false, traceback)
    return false
  elseif failure then
    self.uploader = nil
    failure.phase = self.easy:phase()
    failure.retryable = failure.retryable and not is_once(self.request)
    self:abort(failure)
    return false
  end
  self.given = self.given + #(chunk or "")
  local fault = wrong_length(body, self.given, chunk == nil)
  if fault then
    raise_upload(self, fault, true)
    return false
  elseif chunk ~= "" then
    self.easy:feed(chunk)
    self.multi:resume(self.easy)
  end
  return chunk ~= nil
end

-- Gives libcurl the upload as it asks for it. A task of its own: what a
-- generator waits for may hold up neither an early answer nor a limit. One that
-- can be read again may have to be, until there is an answer.
local function run_upload(self)
  local easy, who, body = self.easy, waiting.waiter(), self.body
  local more = true
  while not self.stopped and not self.client.closed do
    if easy:rewound() then
      body.rewind()
      self.given, more = 0, true
    end
    -- When all is given that was promised, libcurl does not ask whether it was all.
    if more and (easy:marks() or self.given == body.size) then
      more = upload_piece(self, body)
      self.all_given = not more
    elseif more or body.rewind and not self.answered then
      waiting.park(who)
    else
      break
    end
  end
  self.uploader = nil
end

--- What the option `progress` gets.
-- @class multisock.Progress
-- @field down integer bytes so far, before decoding
-- @field up integer bytes so far
-- @field down_total? integer
-- @field up_total? integer
-- @field speed number bytes a second, mean
-- @field eta? number seconds that are left

local function call_progress(self, last)
  local time = now()
  if not last and time - (self.progress_at or 0) < PROGRESS_INTERVAL then
    return
  end
  self.progress_at = time
  local easy = self.easy
  -- As the totals are: before decoding.
  local down, up = easy:getinfo("size_download_t"), easy:getinfo("size_upload_t")
  if self.body then
    up = select(4, easy:marks())      -- without what frames chunks
  end
  local total = easy:getinfo("content_length_download_t")
  local up_total = easy:getinfo("content_length_upload_t")
  local elapsed = time - self.started
  local speed = elapsed > 0 and (down + up) / elapsed or 0
  local p = { down = down, up = up, speed = speed }
  p.down_total = total and total >= 0 and total or nil
  p.up_total = up_total and up_total > 0 and up_total or nil
  local left = (p.down_total or down) - down + (p.up_total or up) - up
  p.eta = speed > 0 and (p.down_total or p.up_total) and left / speed or nil
  local ok, err = pcall(self.progress, p)
  if not ok then
    self:abort(errors.raised(err))
    error(err, 0)
  end
end

-- Whether its body belongs to what was asked for; that of each request of a list does.
local function is_whole(self)
  return self.settings.buffer or self.request.index ~= nil
end

-- The nearest limit: when, its name, its length. `since`: when this wait for
-- the body began; nil while waiting for the answer (first_byte is looked after by
-- the C side: see deadlines.h).
local function nearest_limit(self, since)
  local limits = self.settings.timeout
  local at, name, seconds = self.deadline, "total", limits.total
  local attempt_at = self.attempt_at
  if attempt_at and (not self.answered or is_whole(self)) and (at == nil or attempt_at < at) then
    at, name, seconds = attempt_at, "attempt", limits.attempt
  end
  local quiet = since and (self.buffering and limits.idle or rawget(limits, "idle"))
  if quiet then
    local _, _, _, _, active = self.easy:marks()
    local quiet_at = math.max(active, since) + quiet
    if at == nil or quiet_at < at then
      at, name, seconds = quiet_at, "idle", quiet
    end
  end
  return at, name, seconds
end

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
    local look_at = now() + PROGRESS_INTERVAL
    if at == nil or look_at < at then
      at, name = look_at, nil
    end
  end
  local who, id = waiting.waiter(), self.id
  if waiters[id] then
    error("another task waits for this response already", 0)
  end
  waiters[id] = who
  local err
  if at then
    err = park_until(who, at)
  else
    err = park(who)
  end
  if has_ended(self) then
    -- The handle may serve somebody else by now.
    if err then
      error(err, 0)
    end
    raise_raised(self)
    return self.failure
  end
  waiters[id] = false
  if err then
    if errors.is(err) then
      describe(self, err)
    end
    self:abort(err)
    error(err, 0)
  end
  self:tell()
  if self.progress then
    call_progress(self)
    if has_ended(self) then
      return self.failure
    end
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

---- Reading -------------------------------------------------------------------

--- Ends it once nothing more can come; false while more can.
function Stream:check_end()
  local ended, err = self.easy:ended()
  if ended == false then
    return false
  end
  if self.progress then
    call_progress(self, true)
    if has_ended(self) then
      return true
    end
  end
  if ended then
    self.snapshot = self.easy:snapshot()
    self.complete = true
    self:release()
    return true
  end
  self.failure = describe(self, err)
  self.snapshot = self.easy:snapshot()
  self:release()
  return true
end

-- What reading returns when the body did not come well; raises what the upload has
-- raised.
local function failed(self)
  raise_raised(self)
  return nil, self.failure
end

--- Some of the body, when there is some.
-- @param most? bytes at most
-- @return string; or nil
function Stream:take(most)
  local chunk, drained = self.easy:take(most)
  if drained then
    self.multi:resume(self.easy)
  end
  return chunk
end

--- Some of the body, as soon as there is some.
-- @param most? bytes at most
-- @return string; nil at the end; nil, err
function Stream:read(most)
  local since
  while not self.released do
    local chunk = self:take(most)
    if chunk then
      return chunk
    end
    if not self:check_end() then
      since = since or now()
      local err = self:await_change(since)
      if err then
        return nil, err
      end
    end
  end
  return failed(self)
end

-- The same, in one call of C, where nothing has to be done meanwhile. Returns nothing
-- when Lua has to go on. Raises when the task was cancelled.
local function read_rest(self)
  local task, easy, origin, id = scheduler.task, self.easy, self.origin, self.id
  if waiters[id] then
    error("another task waits for this response already", 0)
  end
  local status, body, snapshot, extra, awaited = take_rest(origin.limiter, easy, task,
    self.settings.profile.number, self.settings.timeout.idle or nil)
  if status then
    owners[easy] = nil
    self.snapshot, self.complete, self.released, self.left = snapshot, true, true, true
    if extra then
      handles.close(self.client, origin, easy, self.multi)
    end
    if awaited then
      origin:pass_on()
    end
    return body
  end
  local cancelled = status == false and task.interrupt
  if cancelled then
    task.interrupt = nil
    if errors.is(cancelled) then
      describe(self, cancelled)
    end
    self:abort(cancelled)
    error(cancelled, 0)
  end
end

--- All that is left of the body.
-- @return string; or nil, err
function Stream:read_all()
  local easy = self.easy
  local since = self.since          -- of a list: silence was counted before
  if self.released then
    return failed(self)
  end
  self.buffering = true
  easy:gather("buffering", true)
  local _, _, received = easy:marks()
  local limit = self.settings.max_body
  if limit > 0 and received > limit then
    local err = errors.new("too_large",
      ("the body is larger than max_body (%d bytes)"):format(limit))
    self:abort(err)
    return nil, err
  end
  if take_rest and self.request.simple and scheduler.task
    and not (self.left or self.probe or self.settings.curl or self.attempt_at or since)
    and not (self.deadline and now() >= self.deadline) then
    since = now()
    local body = read_rest(self)
    if body then
      return body
    end
  end
  if not self.released then
    self.multi:resume(easy)
  end
  while not self.released and easy:ended() == false do
    since = since or now()
    local err = self:await_change(since)
    if err then
      return nil, err
    end
  end
  if self.released then
    return failed(self)
  end
  local body = easy:take()
  self:check_end()
  if self.failure then
    return failed(self)
  end
  return body or ""
end

--- Writes all that is left of the body to an open file, without a detour
-- through Lua.
-- @return bytes; or nil, err
function Stream:save(file)
  local easy = self.easy
  if self.released then
    return failed(self)
  end
  local waited, message = easy:sink(file)
  if waited == nil then
    self:abort(errors.new("io", message))
    return failed(self)
  end
  local _, _, received = easy:marks()
  local before = received - waited
  self.multi:resume(easy)
  local since
  while not self.released and easy:ended() == false do
    since = since or now()
    local err = self:await_change(since)
    if err then
      return nil, err
    end
  end
  if self.released then
    return failed(self)
  end
  message = easy:sink_end()
  _, _, received = easy:marks()
  self:check_end()
  if message then
    self.failure = describe(self, errors.new("io", message, { phase = "receive" }))
  end
  if self.failure then
    return failed(self)
  end
  return received - before
end

--- What is left of the body is taken as it comes: see decoding.lua.
function Stream.stop_decoding() end

---- Starting, for transfer.lua -------------------------------------------------

--- Makes the stream of a handle that is about to be added.
function stream.new(request, easy, multi, origin, probe, started, queue_time)
  local given = request.settings
  return setmetatable({
    request = request, client = request.client, settings = given, easy = easy, id = easy:id(),
    origin = origin, multi = multi,
    probe = probe, started = started, queue_time = queue_time, deadline = request.deadline,
    progress = given.progress,
    attempt_at = request.attempt_at,
    limited = request.deadline ~= nil or request.attempt_at ~= nil,
  }, Stream)
end

--- Ends it before its answer.
-- @return nil, err
function Stream:fail(err)
  if self.client.closed and errors.is(err, "cancelled") then
    err.message = stream.CLIENT_CLOSED
  end
  err = describe(self, err)
  self:release()
  return nil, err
end

-- An answer of 300 or more needs no more of the body: libcurl stops sending it. One
-- of less may come while the body is sent (a stream both ways, a proxy).
local function end_upload(self)
  if not (self.settings.curl or {}).keep_sending_on_error then
    stop_upload(self)
    self.easy:end_upload()
  end
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
      err = self:timeout_error("first_byte", self.settings.timeout.first_byte)
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
    end_upload(self)
  elseif self.uploader and self.all_given then
    scheduler.wake(self.uploader)   -- it stayed for another try
  end
  if self.settings.curl then
    pacing.watch(self)              -- when it came half-way, nobody was told
  end
  if easy:is_coded() then
    decoding.begin(self)
  end
  return status
end

--- Starts the task that sends the request's body.
function Stream:start_upload(body)
  self.body, self.given = body, 0
  self.uploader = tasks.spawn(run_upload, self)
end

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
