-- Keeps a copy of a body as it is read, and hands it over when that has come to its end.
-- What nobody reads is not asked for: the server waits as it does without a copy.
local errors = require("multisock.base.errors")

local recorder = {}

local methods = {}

-- Reads and writes what it has not itself of the source that it records.
local Recorder = {
  __index = function(self, name)
    local method = methods[name]
    if method then
      return method
    end
    return rawget(self, "source")[name]
  end,
  __newindex = function(self, name, value)
    self.source[name] = value
  end,
}

-- No whole body will come of it.
local function give_up(self)
  local state = self.state
  state.pieces, state.done = nil, nil
end

local function keep(self, piece)
  local state = self.state
  local pieces = state.pieces
  if pieces then
    state.size = state.size + #piece
    if state.size > state.most then
      return give_up(self)
    end
    pieces[#pieces + 1] = piece
  end
end

local function finish(self)
  local pieces, done = self.state.pieces, self.state.done
  if pieces then
    give_up(self)
    done(table.concat(pieces))
  end
end

function methods:take(most)
  local piece = self.source:take(most)
  if piece then
    keep(self, piece)
  end
  return piece
end

function methods:read(most)
  self.source.reader = self.reader
  local piece, err = self.source:read(most)
  if piece then
    keep(self, piece)
  elseif err then
    give_up(self)
  else
    finish(self)
  end
  return piece, err
end

function methods:read_all()
  self.source.reader = self.reader
  local body, err = self.source:read_all()
  if body then
    keep(self, body)
    finish(self)
  else
    give_up(self)
  end
  return body, err
end

local PIECE = 64 * 1024

function methods:save(file)
  local size = 0
  while self.state.pieces do
    local piece, err = self:read(PIECE)
    if piece == nil then
      return not err and size or nil, err
    end
    local written, message = file:write(piece)
    if not written then
      local failure = errors.new("io", message)
      self:abort(failure)
      return nil, failure
    end
    size = size + #piece
  end
  -- It is too long to be kept: the rest goes without a detour through Lua.
  local rest, err = self.source:save(file)
  return rest and size + rest, err
end

function methods:abort(err)
  give_up(self)
  if self.saving then
    self.saving:close()
  end
  return self.source:abort(err)
end

-- What is read to its end decoded can be kept.
function methods:stop_decoding()
  if not self.state.pieces then
    self.source:stop_decoding()
  end
end

--- @param response whose body nobody has begun to read
-- @param most bytes of a body that is kept
-- @param done function(body), called once at its end
function recorder.attach(response, most, done)
  local body, source = response._body, response._transfer
  if body then
    if #body <= most then
      done(body)
    end
  elseif source then
    response._transfer = setmetatable({
      source = source, state = { pieces = {}, size = 0, most = most, done = done },
      asked = false,                -- there is something to do with it
    }, Recorder)
  end
end

return recorder
