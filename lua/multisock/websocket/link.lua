-- An open WebSocket's connection: a task of its own reads what comes, answers pings and
-- closes, and keeps messages until somebody receives them. So it knows nothing of the
-- object that the user has (init.lua): when that is collected, this ends by itself.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local new_queue = require("multisock.tasks.queue")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local told = require("multisock.websocket.told")
local waiting = require("multisock.tasks.waiting")

local now, park, wake = scheduler.now, waiting.park, scheduler.wake

local link = {}

local Link = {}
Link.__index = Link

-- A piece of what comes, at most.
local MOST = 64 * 1024

-- What a message takes beside its bytes.
local ENTRY = 64

-- The closing handshake has to be done after so many seconds.
local CLOSE_SECONDS = 5

-- Codes that no frame has (RFC 6455, 7.4.1): none was given; there was no close frame.
local NO_CODE, NO_CLOSE = 1005, 1006
local GOING_AWAY = 1001

local function wake_all(list)
  for i = 1, #list do
    wake(list[i])
    list[i] = nil
  end
end

---- The end --------------------------------------------------------------------------

--- Who waits to send, or for a pong, looks again.
function Link:tell_senders()
  wake_all(self.senders)
  for _, ping in ipairs(self.pings) do
    wake(ping.who)
  end
end

--- Nothing comes any more, nothing can be sent.
-- @param err? why, where that is not known yet
function Link:finish(err)
  if self.ended then
    return
  end
  self.ended, self.err = true, self.err or err
  if self.timer then
    waiting.cancel_timer(self.timer)
  end
  self.transfer:abort(errors.new("closed", "the WebSocket was closed"))
  self.frames = nil
  self.inbox:close()
  self:tell_senders()
  wake_all(self.closers)
end

local function closed_error(self, code, reason, who)
  local because = reason ~= "" and (" (%s)"):format(core.plain(reason)) or ""
  return errors.new("closed", ("the WebSocket was closed by %s: %d%s"):format(who, code, because),
    { close_code = code, reason = reason, url = self.url, phase = "receive" })
end

-- The transfer has ended without a close frame, or failed.
local function broken_error(self)
  local err = self.transfer.failure
  if err == nil then
    err = errors.new("closed", "the connection ended without a close frame", { phase = "receive" })
  end
  if errors.is(err) then
    err.url, err.close_code, err.reason = self.url, NO_CLOSE, err.reason or ""
  end
  return err
end

--- Why nothing can be sent any more. The connection may have gone before its reader, whose
-- turn comes, has seen it.
-- @return err
function Link:failure()
  if self.err == nil then
    self:finish(broken_error(self))
  end
  return self.err
end

---- Sending --------------------------------------------------------------------------

-- Bytes that libcurl has not taken yet.
local function unsent(self)
  local _, _, _, sent = self.transfer.easy:marks()
  return self.fed - sent
end

--- Whether what waits to be sent is more than ought to.
function Link:is_congested()
  return not self.transfer.released and unsent(self) > self.high_water
end

--- Has a frame sent, after those before it.
function Link:send(frame)
  local transfer = self.transfer
  self.fed = self.fed + #frame
  transfer.easy:feed(frame)
  transfer.multi:resume_sending(transfer.easy)
end

--- Suspends the task as long as `is_early(self)`.
-- @return nothing; or the error with which it was cancelled
function Link:await(is_early)
  while is_early(self) do
    local who = waiting.waiter()
    self.senders[#self.senders + 1] = who
    local err = park(who)
    if err then
      return err
    end
  end
end

local function send_close(self, code, reason)
  local payload = ""
  if code ~= NO_CODE then
    payload = string.char((code - code % 256) / 256, code % 256) .. reason
  end
  self:send(self.frames:encode("close", payload))
end

--- Begins the closing handshake. What comes until it is done is dropped.
-- @param err? what is told to who receives, in place of that it was closed
function Link:close(code, reason, err)
  if self.ended or self.closing then
    return
  end
  self.closing = true
  self.err = err or closed_error(self, code, reason, "the program")
  self.inbox:close()
  if self.transfer.released then
    return                            -- its reader is about to see that
  end
  send_close(self, code, reason)
  -- The other end answers, and closes the connection.
  self.timer = waiting.at(now() + CLOSE_SECONDS, function()
    self:finish()
  end)
  wake(self.reader)
  self:tell_senders()
end

---- Receiving ------------------------------------------------------------------------

local handlers = {}

local function keeping(kind)
  return function(self, data)
    if not self.closing then
      self.held = self.held + #data + ENTRY
      self.inbox:put({ data, kind })
    end
    self.told:received(kind, data)
  end
end

handlers.text, handlers.binary = keeping("text"), keeping("binary")

-- The last one is answered where they come faster than answers can go.
function handlers:ping(payload)
  if self.closing then
    return
  elseif self:is_congested() then
    self.pong = payload
  else
    self:send(self.frames:encode("pong", payload))
  end
end

-- A pong answers what was asked before, too.
function handlers:pong(payload)
  local pings = self.pings
  for i = 1, #pings do
    if pings[i].payload == payload then
      for j = 1, i do
        pings[j].answered = now()
        wake(pings[j].who)
      end
      for j = 1, #pings do
        pings[j] = pings[j + i]
      end
      return
    end
  end
end

function handlers:close(code, reason)
  self.heard_close = true
  if not self.closing then
    self:close(code or NO_CODE, reason or "", closed_error(self, code or NO_CODE, reason or "",
      "the server"))
  end
end

local KINDS = { [1009] = "too_large" }

-- The server has broken a rule.
local function refuse(self, code, message)
  self.heard_close = true             -- nothing more is understood
  self:close(code, message, errors.new(KINDS[code] or "protocol", message,
    { close_code = code, reason = "", url = self.url, phase = "receive" }))
end

-- Whatever is whole of what has come.
local function understand(self, bytes)
  if self.heard_close then
    return                            -- nothing follows it
  end
  local frames = self.frames
  frames:feed(bytes)
  while not (self.heard_close or self.transfer.released) do
    local kind, data, more = frames:next()
    if kind then
      handlers[kind](self, data, more)
    elseif kind == nil then
      return
    else
      refuse(self, data, more)
    end
  end
end

-- Whether nothing more is taken before somebody receives: what an ended transfer has
-- left is little.
local function is_full(self)
  return self.held > self.high_water and not self.closing
    and self.transfer.easy:ended() == false
end

-- Passes on what the transfer has told.
local function tell(self)
  local transfer = self.transfer
  if not self.closing and transfer.easy:abandoned() then
    self:close(GOING_AWAY, "")        -- nobody can receive it any more
  end
  if transfer.easy:hung_up() and not self.hung_up then
    self.hung_up = true
    transfer.easy:end_upload()        -- so that it ends
  end
  if not self:is_congested() then
    local pong = self.pong
    if pong and not self.closing then
      self.pong = nil
      self:send(self.frames:encode("pong", pong))
    end
    wake_all(self.senders)
  end
end

local function run(self)
  local transfer = self.transfer
  if not transfer.released then
    tell(self)                          -- it may have hung up right behind its answer
  end
  while not self.ended do
    local full = not transfer.released and is_full(self)
    local chunk = not full and not transfer.released and transfer:take(MOST)
    if chunk then
      understand(self, chunk)
    elseif transfer.released or not full and transfer:check_end() then
      self:finish(broken_error(self))
    else
      transfer:await_change(not full and self.since or nil)
      if not transfer.released then
        tell(self)
      end
    end
  end
end

--- A message was taken.
function Link:took(data)
  local was_full = self.held > self.high_water
  self.held = self.held - #data - ENTRY
  if was_full and self.held <= self.high_water then
    wake(self.reader)
  end
end

--- Makes one of the transfer of a response of status 101.
-- @param max_size of a message
function link.new(response, url, max_size)
  local transfer = response._transfer
  local given = transfer.settings
  -- The limits were those of the handshake.
  transfer.deadline, transfer.attempt_at, transfer.limited = nil, nil, false
  transfer.progress = nil
  local self = setmetatable({
    transfer = transfer, url = url, frames = core.websocket_frames(max_size),
    high_water = given.high_water, inbox = new_queue(), held = 0, fed = 0,
    senders = {}, closers = {}, pings = {}, told = told.new(transfer.request),
    since = rawget(given.timeout, "idle") and now() or nil,
  }, Link)
  function transfer.unclaimed()       -- while the reader has something to do
    tell(self)
  end
  function transfer.outcome()
    return self.told:outcome(self.err or broken_error(self))
  end
  self.reader = tasks.spawn_outside(run, self)
  return self
end

--- Suspends the task until the closing handshake is done, or its time is over.
function link.await_end(self)
  local who = waiting.waiter()
  while not self.ended do
    self.closers[#self.closers + 1] = who
    local err = park(who)
    if err then
      self:finish()
      error(err, 0)
    end
  end
end

return link
