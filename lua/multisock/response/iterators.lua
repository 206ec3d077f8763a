-- The body of a response piece by piece: its iterators. Each gives what a reader finds, and
-- raises where that returns an error, so that what was cut off never looks complete.
local errors = require("multisock.base.errors")
local lines = require("multisock.response.lines")
local pairs = require("multisock.base.compat").pairs
local raise = require("multisock.base.uncaught").raise

local iterators, methods = {}, {}

-- What `next` returns (value; nil; nil, err), for a for loop.
local function iterate(self, next)
  local failure
  return function()
    local value, err
    if failure == nil then
      value, err = next()
      failure = err
    end
    if failure then
      raise(failure)
    end
    return value
  end, nil, nil, self._guard and self or nil
end

-- What cannot be read on is closed.
local function failing(self)
  return function(kind, message)
    local err = errors.new(kind, message, { url = self.url })
    self:close()
    return iterators.describe(self, err)
  end
end

local function decoding(self)
  return function(text)
    return iterators.decode(self, text)
  end
end

-- Lines of the body, of so many bytes at most.
local function lines_of(self, most, what)
  local fail = failing(self)
  return lines.reader(function()
    return self:read()
  end, most, function()
    return fail("too_large", ("%s is longer than max_size (%.0f bytes)"):format(what, most))
  end, false)
end

--- Events of a response, for who does not want them raised.
-- @param options? as response:events() has them @param told? as events.lua has it
-- @return function() -> event; nil at the end; nil, err
function iterators.events(self, options, told)
  local events = require("multisock.response.events")
  return events.reader(self, options, decoding(self), failing(self), told)
end

--- Iterates over the body as it arrives.
-- @param most? bytes of a chunk at most
-- @return iterator of strings
-- @raise the err table when the body does not end well
function methods:chunks(most)
  iterators.check(self, "chunks")
  local running, begun = self._transfer, false
  return function()
    if begun and not running.reading and not running.released then
      -- The usual case: the next piece is there.
      local piece = running:take(most or iterators.MOST)
      if piece then
        return piece
      end
    end
    begun = running ~= nil
    local chunk, err = self:read_some(most)
    if err then
      raise(err)
    end
    return chunk
  end, nil, nil, self._guard and self or nil
end

--- Iterates over lines, without their "\n" or "\r\n".
-- @param options? {max_size?: integer} bytes of a line at most (1 MiB)
-- @return iterator of strings
-- @raise the err table when the body does not end well, or (kind "too_large") a line is longer
function methods:lines(options)
  iterators.check(self, "lines")
  local most = lines.longest("lines", options, { max_size = true })
  return iterate(self, lines_of(self, most, "a line"))
end

--- Iterates over server-sent events: [streams.md](streams.md#events). An event that the body
-- ends in is dropped.
-- @param options? multisock.EventOptions
-- @return iterator of events
-- @raise the err table when the body does not end well, or (kind "closed") ends without what
-- `done` says, or (kind "too_large") an event is larger, or (kind "protocol") is no JSON
function methods:events(options)
  iterators.check(self, "events")
  return iterate(self, iterators.events(self, options))
end

--- Iterates over records of JSON, one a line (NDJSON): [streams.md](streams.md#records). Empty
-- lines are passed over; null is ms.null.
-- @param options? {max_size?: integer} bytes of a record at most (1 MiB)
-- @return iterator of values
-- @raise the err table when the body does not end well, or (kind "protocol") a line is no JSON,
-- or (kind "too_large") longer
function methods:records(options)
  iterators.check(self, "records")
  local most = lines.longest("records", options, { max_size = true })
  local next_line, number = lines_of(self, most, "a record"), 0
  return iterate(self, function()
    local line, err
    repeat
      line, err = next_line()
      if line == nil then
        return nil, err
      end
      number = number + 1
    until line:find("%S")
    local value
    value, err = iterators.decode(self, line)
    if err then
      return nil, failing(self)("protocol", ("line %d is no JSON: %s"):format(number, err.message))
    end
    return value
  end)
end

--- Gives responses these methods.
-- @param class table @param parts table: what they need of init.lua: check(response, name), which
-- raises where it is none, describe(response, err), which completes an error,
-- decode(response, text), which reads JSON, and MOST
function iterators.add_to(class, parts)
  for name, part in pairs(parts) do
    iterators[name] = part
  end
  for name, method in pairs(methods) do
    class[name] = method
  end
end

return iterators
