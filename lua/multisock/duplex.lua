-- client:duplex: a request whose body is written while its answer is read. The body goes the
-- way of all (connection/upload.lua), and the answer is a response as any other.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local pieces = require("multisock.response.pieces")
local request = require("multisock.request")
local ROWS = require("multisock.request.options").rows
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")
local waiting = require("multisock.tasks.waiting")

local pairs = compat.pairs

local duplex = {}

--- A request that is written and read at the same time.
-- @class multisock.Duplex
local Duplex = { __name = "multisock.duplex" }
Duplex.__index = Duplex

-- What is read up to a mark, at most, unless asked for another size.
local LONGEST = 1024 * 1024
local OWN = { max_size = true }
local REFUSED = { "body", "json", "form", "multipart", "buffer" }
-- Before libcurl 8.1 HTTP/2 may cut an answer off unseen, or stall once there is one.
local HTTP1_ALONE = core.quirks().h2_truncates ~= nil

local function wake(who)
  if who then
    scheduler.wake(who)
  end
end

local function check_self(self, name)
  errors.check_self(self, Duplex, "duplex", name)
end

---- The body ------------------------------------------------------------------

-- Nothing more of it is taken.
local function stop(self)
  self.stopped = true
  wake(self.writer)
end

-- What is written is a request's body. It may be sent again when nothing was taken yet.
local function give_body(self, body)
  function body.is_ready(who)
    self.left, self.uploader = false, who
    return self.piece ~= nil or self.finished
  end
  function body.read()
    local piece = self.piece
    self.piece = nil
    wake(self.writer)
    return piece
  end
  function body.close()
    self.left = true
    if body.begun or self.task.done then
      stop(self)
    end
  end
end

-- Why nothing can be written any more.
local function stop_error(self)
  local response, err = self:response()
  if response == nil then
    return err
  end
  return errors.new("closed", self.closed and "the stream was closed"
    or ("the server has answered (HTTP status %d), and takes no more"):format(response.status), {
      url = response.url, response = response, phase = "send", attempts = response.attempts })
end

--- Sends some of the body. Waits while what was written before has not been taken.
-- @param data string
-- @return true; or nil, err when the server takes no more, or there is no connection
function Duplex:write(data)
  check_self(self, "write")
  if type(data) ~= "string" then
    errors.misuse("write: string expected, got " .. values.describe(data))
  elseif self.finished and not self.closed then
    errors.misuse("write: the body is finished")
  elseif self.writer then
    errors.misuse("another task writes already")
  end
  while self.piece and not self.stopped do
    self.writer = waiting.waiter()
    local err = waiting.park(self.writer)
    self.writer = nil
    if err then
      error(err, 0)
    end
  end
  if self.stopped then
    return nil, stop_error(self)
  elseif data ~= "" then
    self.piece = data
    wake(self.uploader)
  end
  return true
end

--- The body ends here. What was written is sent. May be called again.
function Duplex:finish()
  check_self(self, "finish")
  self.finished = true
  wake(self.uploader)
end

---- The answer ----------------------------------------------------------------

--- Waits for the headers of the answer, which may come while the body is sent.
-- @return response; or nil, err
function Duplex:response()
  check_self(self, "response")
  local ok, response, err = self.task:join()
  if ok then
    return response, err
  elseif errors.is(response, "cancelled") then
    return nil, response
  end
  return self.task:await()          -- raises it
end

--- Adds what has come to what is there. @return true; nil at the end; nil, err
local function advance(self, rest)
  local response, err = self:response()
  if response == nil then
    return nil, err
  end
  local chunk
  chunk, err = response:read()
  self.text, self.at = rest .. (chunk or ""), 1
  return chunk ~= nil or nil, err
end

-- What is left at the end, if anything.
local function last_of(held)
  local text = held:whole()
  return text ~= "" and text or nil
end

local function read_count(self, count)
  local held = pieces.new()
  while count > #self.text - self.at + 1 do
    local rest = self.text:sub(self.at)
    held:add(rest)
    count = count - #rest
    local more, err = advance(self, "")
    if err then
      return nil, err
    elseif not more then
      return last_of(held)
    end
  end
  held:add(self.text:sub(self.at, self.at + count - 1))
  self.at = self.at + count
  return held:whole()
end

local function read_until(self, mark)
  local held, size = pieces.new(), 0
  local function add(stop_at)
    local piece = self.text:sub(self.at, stop_at)
    held:add(piece)
    size, self.at = size + #piece, stop_at + 1
    return size <= self.max_size
  end
  while true do
    local first, last = self.text:find(mark, self.at, true)
    -- The mark may have begun at the end of what is there.
    local fits = add(first and first - 1 or math.max(self.at - 1, #self.text - #mark + 1))
    if not fits then
      local err = errors.new("too_large", ("more than max_size (%.0f bytes) without %s"):format(
        self.max_size, errors.quote(mark)), { phase = "receive" })
      self:close()
      return nil, err
    elseif first then
      self.at = last + 1
      return held:whole()
    end
    local more, err = advance(self, self.text:sub(self.at))
    if err then
      return nil, err
    elseif not more then
      add(#self.text)
      return last_of(held)
    end
  end
end

--- Reads some of the answer's body, whose headers it waits for. The last piece may be shorter, or
-- lack the mark.
-- @param what? integer|string so many bytes; or a mark such as `"\n"`, up to which it is read and
-- which is left out; without it what is there
-- @return string; nil at the end; nil, err
function Duplex:read(what)
  check_self(self, "read")
  if what == nil then
    if self.at > #self.text then
      local more, err = advance(self, "")
      if not more then
        return nil, err
      end
    end
    return read_count(self, #self.text - self.at + 1)
  elseif type(what) == "string" and what ~= "" then
    return read_until(self, what)
  elseif compat.is_integer(what) and what >= 1 then
    return read_count(self, what)
  end
  errors.misuse("read: integer of 1 or more, or string, expected, got " .. (what == "" and '""'
    or values.describe(what)))
end

--- Ends it, whatever is still to be sent or read. May be called again.
function Duplex:close()
  check_self(self, "close")
  self.finished, self.closed = true, true
  if not self.task.done then
    self.task:cancel("the stream was closed")
  elseif self.task.ok and self.task.results[1] then
    self.task.results[1]:close()
  end
  stop(self)
end

Duplex.__close = Duplex.close

function Duplex:__tostring()
  return ("multisock.duplex (%s)"):format(self.closed and "closed" or self.finished and "finished"
    or self.stopped and "stopped" or "open")
end

---- Making one ----------------------------------------------------------------

--- @return options of the request, and `max_size`
local function check(client, given)
  if given ~= nil and type(given) ~= "table" then
    errors.misuse("duplex: table of options expected, got " .. values.describe(given))
  end
  local asked = {}
  for name, value in pairs(values.unfolded(given, ROWS, OWN) or {}) do
    asked[name] = value
  end
  for _, name in ipairs(REFUSED) do
    if asked[name] ~= nil then
      errors.misuse(("duplex: option '%s': the body is what is written"):format(name))
    end
  end
  local most = asked.max_size or LONGEST
  if type(most) ~= "number" or most ~= most or most < 1 then
    errors.misuse("duplex: option 'max_size': number of 1 or more expected, got "
      .. values.describe(most))
  end
  asked.max_size, asked.buffer, asked.cache = nil, false, false
  if HTTP1_ALONE and asked.http_version == nil and client.settings.http_version == nil then
    asked.http_version = "1.1"
  end
  return asked, most
end

--- @param method string @param url string @param given? table: as Client:duplex has them
function duplex.new(client, method, url, given)
  if type(method) ~= "string" then
    errors.misuse("duplex: method: string expected, got " .. values.describe(method))
  end
  local asked, most = check(client, given)
  local self = setmetatable({ text = "", at = 1, max_size = most }, Duplex)
  asked.method, asked.body = method, function() end
  local made, err = request.new(client, nil, url, asked)
  if made then
    local version = made.settings.http_version
    if HTTP1_ALONE and version and version:find("^[23]") then
      errors.misuse(("duplex: http_version = %s needs libcurl 8.1 (this is %s)"):format(
        errors.quote(version), core.version().curl))
    end
    give_body(self, made.body)
  end
  self.task = tasks.spawn_apart(function()
    local response
    if made then
      response, err = client.handler(made)
      if response == nil and errors.is(err) then
        err.request = made
      end
    end
    return response, err
  end)
  tasks.when_done(self.task, function()
    if self.left or not (self.task.ok and self.task.results[1]) then
      stop(self)
    end
  end)
  return self
end

return duplex
