-- What those who listen to the request of a WebSocket are told of it after the handshake: its
-- messages, and how it ended.
local errors = require("multisock.base.errors")

local told = {}

local Told = {}
Told.__index = Told

-- Codes behind which nothing has gone wrong; that of an end without a close frame.
local ENDS_WELL = { [1000] = true, [1001] = true }
local NO_CLOSE = 1006

--- Whether it was closed as it should be.
function told.ended_well(err)
  return errors.is(err, "closed") and ENDS_WELL[err.close_code] == true
end

local function tell(self, direction, kind, size, message)
  local made = self.made
  if made.watched then
    made:event("message", { direction = direction, kind = kind, size = size, message = message })
  end
end

--- A message has come.
function Told:received(kind, message)
  self.received_count, self.received_bytes = self.received_count + 1, self.received_bytes + #message
  tell(self, "received", kind, #message, message)
end

--- What of a message was sent. @param more whether it goes on
function Told:sent(kind, piece, more)
  self.sent_bytes = self.sent_bytes + #piece
  self.begun = self.begun + #piece
  if not more then
    local size = self.begun
    self.sent_count, self.begun = self.sent_count + 1, 0
    tell(self, "sent", kind, size, size == #piece and piece or nil)
  end
end

--- How a WebSocket ended, and the messages that went over it.
-- @class multisock.WebSocketEnd
-- @field close_code integer 1005: none was given, 1006: the connection ended without a close
-- @field reason string what was given with the code; `""`: nothing
-- @field sent integer messages
-- @field sent_bytes integer of messages that were sent, without frames
-- @field received integer messages
-- @field received_bytes integer of messages that have come, without frames

--- @param err why it has ended
-- @return err, unless it has ended well; multisock.WebSocketEnd
function Told:outcome(err)
  local known = errors.is(err)
  return not told.ended_well(err) and err or nil, {
    close_code = known and err.close_code or NO_CLOSE, reason = known and err.reason or "",
    sent = self.sent_count, sent_bytes = self.sent_bytes,
    received = self.received_count, received_bytes = self.received_bytes,
  }
end

--- @param made the request
function told.new(made)
  return setmetatable({
    made = made, begun = 0, sent_count = 0, sent_bytes = 0, received_count = 0, received_bytes = 0,
  }, Told)
end

return told
