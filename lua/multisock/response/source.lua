-- Bodies that no transfer brings: of responses that a program makes. What a
-- response asks of any source is read(most), read_all(), save(file), abort() and
-- `released`, that nothing more will come; a transfer (stream.lua) is one, too.
local errors = require("multisock.base.errors")

local reading = require("multisock.connection.reading")

local source = {}

local Source = {}
Source.__index = Source

local FILE_CHUNK = 64 * 1024

-- What the iterator says went wrong.
local function failure(err)
  return errors.is(err) and err or errors.new("io", "body: " .. tostring(err))
end

-- Nothing more will come: for who listens.
local function finish(self)
  self.released = true
  if self.on_end then
    self.on_end()
  end
  if self.on_release then
    self.on_release()
  end
end

-- The next piece that has bytes; nil at the end; nil, err.
local function pull(self)
  while not self.released do
    self.released = true              -- also when the iterator raises
    local piece, err = self.next()
    if piece == nil then
      self.failure = err ~= nil and failure(err) or nil
      finish(self)
      return nil, self.failure
    elseif type(piece) ~= "string" then
      errors.misuse("body: the iterator returned " .. type(piece) .. ": string or nil expected")
    end
    self.released = false
    if piece ~= "" then
      return piece
    end
  end
end

--- Some of it, `most` bytes at most.
-- @return string; nil at the end; nil, err
function Source:read(most)
  local piece, at = self.rest, self.at
  if piece == nil then
    local err
    piece, err = pull(self)
    if piece == nil then
      return nil, err
    end
    at = 1
  end
  local stop = at + most - 1
  if stop < #piece then
    self.rest, self.at = piece, stop + 1
    return piece:sub(at, stop)
  end
  self.rest = nil
  return piece:sub(at)
end

--- All of it, up to `max_body` bytes where that is set.
-- @return string; or nil, err
function Source:read_all()
  self.buffering = true               -- nobody pauses: a source may be given up when it is silent
  local pieces, size, most = {}, 0, self.max_body or math.huge
  repeat
    local piece, err = self:read(math.huge)
    size = size + #(piece or "")
    if size > most then
      self:abort()
      err = reading.too_large(most)
    end
    if err then
      return nil, err
    end
    pieces[#pieces + 1] = piece
  until piece == nil
  return table.concat(pieces)
end

--- Writes it to a file of core.replacement. @return bytes; or nil, err
function Source:save(file)
  local size = 0
  while true do
    local piece, err = self:read(math.huge)
    if piece == nil then
      return not err and size or nil, err
    end
    local ok, message = file:write(piece)
    if not ok then
      return nil, errors.new("io", message)
    end
    size = size + #piece
  end
end

--- Nothing more is asked for.
function Source:abort()
  if self.saving then
    self.saving:close()
  end
  self.rest = nil
  self.failure = self.failure or errors.new("closed", "the response was closed")
  finish(self)
end

-- For what only a transfer has: a piece that waits already, and a coding.
function Source.take() end
function Source.stop_decoding() end

--- Of a function that gives strings, and nil, or nil, err, at the end.
function source.of_iterator(next)
  return setmetatable({ next = next, released = false }, Source)
end

local function nothing()
end

--- Of a body that is there already no more than the option `max_body` is given at once, as of
-- one that comes.
-- @param response that no transfer brings
function source.limit(response, max_body)
  local body, running = response._body, response._transfer
  if max_body == 0 then
    return
  elseif body and #body > max_body and response._use == "new" and running == nil then
    running = setmetatable({ next = nothing, released = false, rest = body, at = 1 }, Source)
    response._transfer, response._body = running, nil
  end
  if getmetatable(running) == Source then
    running.max_body = max_body
  end
end

--- Has `fn` called when nothing more will come.
-- @param running a source @return whether that is still to be, and this can tell
function source.when_released(running, fn)
  if getmetatable(running) ~= Source or running.released then
    return false
  end
  running.on_release = fn
  return true
end

--- Of an open file, from where it is. It stays the caller's to close.
function source.of_file(file)
  return source.of_iterator(function()
    return file:read(FILE_CHUNK)
  end)
end

return source
