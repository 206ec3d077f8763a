-- How the body of a stream (stream.lua) is read: as it comes, whole, or into a file.
-- Its content codings are undone by decoding.lua.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local handles = require("multisock.connection.handles")
local pairs = require("multisock.base.compat").pairs
local scheduler = require("multisock.tasks.scheduler")
local uncaught = require("multisock.base.uncaught")

local now = scheduler.now

-- Where C can go on after suspending: see src/fetch/perform.c.
local take_rest = core.rest

local owners                        -- as in stream.lua

local reading, methods = {}, {}

--- Raises what the upload has raised: for whoever waits, or reads.
function reading.raise_raised(self)
  local raised = self.raised
  if raised and raised.misuse then
    errors.misuse(raised[1])
  elseif raised then
    uncaught.raise(raised[1], raised.traceback)
  end
end

-- What reading returns when the body did not come well; raises what the upload has
-- raised.
local function failed(self)
  reading.raise_raised(self)
  return nil, self.failure
end

--- Waits until all has come. @param since? when the silence began; else now
-- @return nothing; or err
local function await_end(self, since)
  while not self.released and self.easy:ended() == false do
    since = since or now()
    local err = self:await_change(since)
    if err then
      return err
    end
  end
end

--- Some of the body, when there is some.
-- @param most? bytes at most
-- @return string; or nil
function methods:take(most)
  local chunk, drained = self.easy:take(most)
  if drained then
    self.multi:resume(self.easy)
  end
  return chunk
end

--- Some of the body, as soon as there is some.
-- @param most? bytes at most
-- @return string; nil at the end; nil, err
function methods:read(most)
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

-- Its task is woken for another reason than that all has come.
local function interrupted(self, task)
  local cancelled = task.interrupt
  if cancelled then
    task.interrupt = nil
    if errors.is(cancelled) then
      self:describe(cancelled)
    end
    self:abort(cancelled)
    error(cancelled, 0)
  end
end

--- The same, in one call of C, of a transfer for which nothing has to be done meanwhile.
-- Raises when the task was cancelled.
-- @param self a stream, or one of coming.lua @param task that runs
-- @param number? of the profile to keep its handle with; nil: that of before
-- @param guard? of its response, which has it no more when all has come
-- @return string; nil when Lua has to go on, and where it has waited it is `rested`
function reading.rest(self, task, number, guard)
  local origin, easy = self.origin, self.easy
  local status, body, snapshot, awaited, extra = take_rest(origin.limiter, easy, task, number,
    guard)
  if status then
    owners[easy] = nil
    self.snapshot, self.released = snapshot, true
    if extra then
      handles.close(self.client, origin, easy, easy:home())
    end
    if awaited then
      origin:pass_on()
    end
    return body
  elseif status == false then
    interrupted(self, task)
    self.since, self.rested = body, true       -- when it began to wait
  end
end

-- Whether nothing has to be done for it until all has come.
local function is_bare(self)
  local deadline = self.deadline
  return take_rest and not self.rested and not self.left
    and (self.bare or self.request.simple
      and not (self.probe or self.settings.curl or self.attempt_at or self.since))
    and not (deadline and now() >= deadline)
end

--- The error of a body that has more bytes than the option `max_body` allows.
function reading.too_large(limit)
  return errors.new("too_large", ("the body is larger than max_body (%d bytes)"):format(limit))
end

--- Such a body is cut off.
-- @return nil, err
function methods:refuse_size(limit)
  local err = reading.too_large(limit)
  self:abort(err)
  return nil, err
end

--- All has come: what was gathered of the body.
-- @return string; or nil, err
function methods:take_all()
  local body = self.easy:take()
  self:check_end()
  if self.failure then
    return failed(self)
  end
  return body or ""
end

--- All that is left of the body.
-- @return string; or nil, err
function methods:read_all()
  if self.released then
    return failed(self)
  end
  self.buffering = true
  local task = scheduler.task
  if task and is_bare(self) then
    local body = reading.rest(self, task, self.settings.profile.number)
    if body then
      return body
    end
  end
  if not self.rested then
    self.easy:gather("buffering", true)
    local _, _, received = self.easy:marks()
    local limit = self.settings.max_body
    if limit > 0 and received > limit then
      return self:refuse_size(limit)
    end
  end
  if not self.released then
    self.multi:resume(self.easy)
  end
  local err = await_end(self, self.since)
  if err then
    return nil, err
  elseif self.released then
    return failed(self)
  end
  return self:take_all()
end

--- Writes all that is left of the body to a file of core.replacement, without a detour
-- through Lua.
-- @return bytes; or nil, err
function methods:save(file)
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
  local err = await_end(self)
  if err then
    return nil, err
  elseif self.released then
    return failed(self)
  end
  message = easy:sink_end()
  _, _, received = easy:marks()
  self:check_end()
  if message then
    self.failure = self:describe(errors.new("io", message, { phase = "receive" }))
  end
  if self.failure then
    return failed(self)
  end
  return received - before
end

--- What is left of the body is taken as it comes: see decoding.lua.
function methods.stop_decoding() end

--- Gives streams these methods.
-- @param class table @param owners_of table: who is told of what nobody waits for
function reading.add_to(class, owners_of)
  owners = owners_of
  for name, method in pairs(methods) do
    class[name] = method
  end
end

return reading
