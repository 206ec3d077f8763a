-- What ms.websocket gives: the messages of one WebSocket, both ways.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local handshake = require("multisock.websocket.handshake")
local link = require("multisock.websocket.link")
local protected = require("multisock.tasks.protected")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local told = require("multisock.websocket.told")
local uncaught = require("multisock.base.uncaught")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local websocket = {}

--- An open WebSocket. Tasks may send and receive at the same time.
-- @class multisock.WebSocket
-- @field url string user name and password removed
-- @field subprotocol? string which of the option `subprotocols` the server speaks
-- @field response response of the handshake, for its headers; it has no body
local WebSocket = { __name = "multisock.websocket" }
WebSocket.__index = WebSocket

local function check(self, name)
  errors.check_self(self, WebSocket, "websocket", name)
  return self._link
end

-- The server is told so when a message cannot be ended.
local INTERNAL = 1011

local function is_open(running)
  return not (running.ended or running.closing or running.transfer.released)
end

local function closed(running)
  return nil, running:failure()
end

---- Sending ----------------------------------------------------------------------------

-- As a frame, sent after those before it.
local function send_frame(running, kind, piece, more)
  local frame = running.frames:encode(kind, piece, more)
  if frame == nil then
    return "send: the text is not UTF-8: send it as \"binary\""
  end
  running:send(frame)
  running.told:sent(kind, piece, more)
end

local function is_congested(running)
  return is_open(running) and running:is_congested()
end

-- Messages do not mix: while one is sent in pieces the others wait.
local function is_early(running)
  return is_open(running) and running.in_pieces
end

-- A message of pieces that a function gives: each is a fragment. What has been begun has
-- to be ended.
-- Returns nothing; or what to raise, whether that is misuse, and what failed otherwise.
local function send_pieces(running, next_piece, kind)
  while true do
    local ok, piece, failure = protected(next_piece)
    if not ok then
      return piece
    elseif failure ~= nil then
      return nil, false, failure
    elseif not is_open(running) then
      return nil
    elseif piece == nil then
      send_frame(running, kind, "")
      return nil
    elseif type(piece) ~= "string" then
      return "send: the function returned " .. type(piece) .. ": string or nil expected", true
    end
    local fault = send_frame(running, kind, piece, true)
    if fault then
      return fault, true
    end
    local err = running:await(is_congested)
    if err then
      return err
    end
  end
end

local function send_function(running, next_piece, kind)
  running.in_pieces = true
  local raised, misuse, failure = send_pieces(running, next_piece, kind)
  running.in_pieces = false
  running:tell_senders()
  if raised ~= nil or failure ~= nil then
    running:close(INTERNAL, "", errors.new("closed", "a message was broken off",
      { close_code = INTERNAL, reason = "", url = running.url, phase = "send" }))
  end
  if misuse then
    errors.misuse(raised)
  elseif raised ~= nil then
    error(raised, 0)
  end
  return failure
end

--- Sends a message. Returns when it is on its way: while more than `high_water` bytes wait to
-- be sent, this waits, too.
-- @param data string|fun(): string? a function gives its pieces, and nil at the end: they are
-- sent as they come
-- @param kind? "text"|"binary" the default is "text", which has to be UTF-8
-- @return true; or nil, err once it is closed
-- @raise on misuse, and when the task is cancelled
function WebSocket:send(data, kind)
  local running = check(self, "send")
  kind = kind == nil and "text" or kind
  if kind ~= "text" and kind ~= "binary" then
    errors.misuse('send: "text" or "binary" expected, got ' .. errors.quote(kind))
  elseif type(data) ~= "string" and type(data) ~= "function" then
    errors.misuse("send: string or function expected, got " .. values.describe(data))
  end
  local err = running:await(is_early)
  if err then
    error(err, 0)
  elseif not is_open(running) then
    return closed(running)
  elseif type(data) == "function" then
    local failure = send_function(running, data, kind)
    if failure ~= nil then
      return nil, failure
    end
  else
    local fault = send_frame(running, kind, data)
    if fault then
      errors.misuse(fault)
    end
    err = running:await(is_congested)
    if err then
      error(err, 0)
    end
  end
  if not is_open(running) then
    return closed(running)
  end
  return true
end

---- Receiving --------------------------------------------------------------------------

--- Waits for the next message.
-- @return string, string: the message, and "text" or "binary"; or nil, err: of kind "closed" when
-- it was closed, with `close_code` and `reason`
-- @raise when the task is cancelled
function WebSocket:receive()
  local running = check(self, "receive")
  local entry = running.inbox:get()
  if entry == nil then
    return closed(running)
  end
  running:took(entry[1])
  return entry[1], entry[2]
end

--- Iterates over the messages: `for data, kind in ws:messages() do ... end`. Ends when the
-- WebSocket is closed with 1000 or 1001.
-- @return iterator of string, string
-- @raise the err table when it ends otherwise
function WebSocket:messages()
  check(self, "messages")
  return function()
    local data, kind = self:receive()
    if data == nil then
      local err = kind
      if told.ended_well(err) then
        return nil
      end
      uncaught.raise(err)
    end
    return data, kind
  end
end

--- Asks whether the other end is there, and waits for its answer (which is read when the
-- messages before it are received, if there are many).
-- @return number: seconds that it took; or nil, err once it is closed
-- @raise when the task is cancelled
function WebSocket:ping()
  local running = check(self, "ping")
  if not is_open(running) then
    return closed(running)
  end
  local who = waiting.waiter()
  running.asked = (running.asked or 0) + 1
  local ping = { who = who, payload = ("%d"):format(running.asked) }
  running.pings[#running.pings + 1] = ping
  local asked = scheduler.now()
  running:send(running.frames:encode("ping", ping.payload))
  while not ping.answered and is_open(running) do
    local err = waiting.park(who)
    if err then
      error(err, 0)
    end
  end
  if not ping.answered then
    return closed(running)
  end
  return ping.answered - asked
end

---- Closing ----------------------------------------------------------------------------

-- What a program may say: 1004 to 1006 and 1015 are never sent.
local function check_close(code, reason)
  if not compat.is_integer(code) or code < 1000 or code > 4999 or code >= 1004 and code <= 1006
    or code > 1014 and code < 3000 then
    errors.misuse("close: 1000 to 1003, 1007 to 1014 or 3000 to 4999 expected, got "
      .. errors.quote(code))
  elseif type(reason) ~= "string" or #reason > 123 or not core.is_utf8(reason) then
    errors.misuse("close: reason: UTF-8 of 123 bytes at most expected, got "
      .. errors.quote(reason))
  end
end

--- Closes it: says so to the other end, which has 5 seconds to say so, too. Returns at once;
-- a task of who calls waits for that, so that `ms.run` does not end before. (On the main
-- chunk, outside of `ms.run`, this waits by itself.) May be called again.
-- @param code? integer the default is 1000
-- @param reason? string of 123 bytes at most
function WebSocket:close(code, reason)
  local running = check(self, "close")
  code, reason = code == nil and 1000 or code, reason == nil and "" or reason
  check_close(code, reason)
  running:close(code, reason)
  if running.ended or running.awaited then
    return
  end
  running.awaited = true
  local ok, who = pcall(waiting.waiter)
  if ok and who == scheduler.main then
    link.await_end(running)
  else
    tasks.spawn(link.await_end, running)
  end
end

function WebSocket:__close()
  self:close()
end

function WebSocket:__tostring()
  local running = self._link
  return ("multisock.websocket (%s)"):format((running.ended or running.transfer.released)
    and "closed" or running.closing and "closing" or "open")
end

--- Opens a WebSocket.
-- @return WebSocket; or nil, err
function websocket.open(client, url, options)
  local response, own, subprotocol = handshake.perform(client, url, options)
  if response == nil then
    return nil, own
  end
  local address = handshake.to_ws(response.url)
  response._use = "closed"            -- what comes is not for who reads that
  return setmetatable({
    url = address, subprotocol = subprotocol, response = response,
    _link = link.new(response, address, own.max_size),
  }, WebSocket)
end

return websocket
