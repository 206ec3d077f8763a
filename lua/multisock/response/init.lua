-- Status, headers and body. A response whose body arrived with its headers
-- holds it as a string; any other holds the transfer that still brings it.
local answers = require("multisock.connection.answers")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local fields = require("multisock.response.fields")
local iterators = require("multisock.response.iterators")
local opened = require("multisock.connection.opened")
local saving = require("multisock.response.saving")
local scheduler = require("multisock.tasks.scheduler")
local source = require("multisock.response.source")
local tasks = require("multisock.tasks")
local watched = require("multisock.response.watched")

-- A piece of the body at most, unless asked for another size: HTTP/2 that cannot
-- be paused comes in bursts of megabytes, which as strings would be as much
-- garbage.
local MOST = 64 * 1024

--- An answer. `timings`, `sizes` and `trailers` change until the body has ended.
-- @class multisock.Response
-- @field status integer 0 where a protocol has none (`file:`)
-- @field ok boolean status 200 to 299
-- @field status_text string reason phrase; `""` when there is none, as in HTTP/2
-- @field url string of this answer; user name and password removed
-- @field redirected boolean whether redirects were followed
-- @field history list of the redirects that led here, as responses, oldest first; do not read
-- their bodies
-- @field http_version string `"1.0"`, `"1.1"`, `"2"`, `"3"`: what the server answered with
-- @field headers headers see below
-- @field links table by `rel` what `Link` points to: `links.next.url`, see [Links](#links)
-- @field trailers headers empty until the body has ended
-- @field attempts integer how often the request was sent, see [Kept
-- connections](#kept-connections)
-- @field cached? string `"fresh"`, `"revalidated"`, `"stale"`: it came out of the
-- [cache](cache.md)
-- @field peer? string `"address:port"` of the other end, `"[address]:port"` for IPv6
-- @field timings multisock.Timings seconds: `queue dns connect tls first_byte total`
-- @field request? any what it answers, for [ms.to_curl](#command-lines-of-curl)
-- @field sizes multisock.Sizes bytes: `body` (as received, before decoding), `upload`, `headers`,
-- `request`

--- Seconds. `queue` is the wait before the start, the others are counted from the start.
-- @class multisock.Timings
-- @field queue number the wait for a connection
-- @field dns number until the name was known
-- @field connect number until the connection stood; 0 when it was there
-- @field tls number until TLS stood; 0 when it did
-- @field first_byte number until the answer began
-- @field total number until now, or the end

--- Bytes.
-- @class multisock.Sizes
-- @field body integer as received, before decoding
-- @field upload integer
-- @field headers integer
-- @field request integer

local Response = { __name = "multisock.response" }
local methods = {}
local snapshot = fields.snapshot

---- The body ------------------------------------------------------------------

-- Whether the body came with its headers (`_body`) or still streams is an
-- accident of timing, so nothing that a caller sees may depend on it. `_use` is
-- "new", "kept" when text() has it, "streamed" when somebody reads it piece by
-- piece, or "closed".

local function check(self, name)
  errors.check_self(self, Response, "response", name)
end

local function body_error(self, err)
  if errors.is(err) and err.response == nil then
    err.response, err.request, err.url = self, self.request, err.url or self.url
    err.phase, err.attempts = err.phase or "receive", err.attempts or self.attempts
  end
  return err
end

local function used(self)
  return body_error(self, errors.new("closed",
    self._use == "closed" and "the response was closed" or "the body was read already",
    { url = self.url }))
end

-- Two readers would each get a part of the body.
local function begin_read(self)
  local running = self._transfer
  if running.reading and not running.released then
    errors.misuse("another task reads this response already")
  end
  running.reading, running.reader = true, scheduler.task
end

--- The whole body; it is kept, so this may be called again.
-- @return string; or nil, err (kind "timeout", "closed", "too_large", ...)
function methods:text()
  local body, use = self and self._body, self and self._use
  if body and (use == "new" or use == "kept") then
    -- The usual case: nothing has to be waited for.
    self._use = "kept"
    return body
  end
  check(self, "text")
  if self._failure then
    return nil, self._failure
  elseif use ~= "new" then
    return nil, used(self)
  end
  local err
  begin_read(self)
  body, err = self._transfer:read_all()
  self._transfer.reading = false
  if body == nil then
    self._failure = body_error(self, err)
    return nil, err
  end
  self._body, self._use = body, "kept"
  return body
end

--- JSON, as its request has it. @return value; or nil, err
local function decode(self, text)
  local running = self._transfer
  local asked = self._client or rawget(self, "request") or running and running.client
  local codec = asked and asked.settings.json_codec
  if codec then
    return require("multisock.request.codec").decode(codec, text)
  end
  return core.json_decode(text)
end

--- The body, decoded as JSON; null is ms.null. (With `json_codec` it is what that has for
-- them.)
-- @return value; or nil, err (kind "protocol" when it is no JSON)
function methods:json()
  check(self, "json")
  local body, err = self:text()
  if body == nil then
    return nil, err
  end
  local value
  value, err = decode(self, body)
  if err then
    local media = self.headers and self.headers:get("content-type")
    err.message, err.url = "the body is no JSON: " .. err.message, self.url
    if media and not media:lower():find("json", 1, true) then
      err.message = ("%s (HTTP status %d, Content-Type %s)"):format(err.message, self.status,
        errors.quote(media))
    end
    return nil, body_error(self, err)
  end
  return value
end

-- The body as a string that is there already, read piece by piece.
local function read_kept(self, most)
  local body, at = self._body, self._at or 1
  if at > #body then
    return nil
  end
  local stop = most and math.min(#body, at + most - 1) or #body
  self._at = stop + 1
  return body:sub(at, stop)
end

--- Some of the body, as soon as some is there, `most` bytes at most.
-- @return string; nil at the end; nil, err when it did not end well
-- @local
function methods:read_some(most)
  if most ~= nil and (type(most) ~= "number" or most < 1 or most % 1 ~= 0) then
    errors.misuse("read: integer of 1 or more expected, got " .. errors.quote(most))
  end
  if self._failure then
    return nil, self._failure
  elseif self._use == "closed" then
    return nil, used(self)
  end
  self._use = "streamed"
  if self._body then
    return read_kept(self, most)
  end
  begin_read(self)
  local chunk, err = self._transfer:read(most or MOST)
  self._transfer.reading = false
  if err then
    self._failure = body_error(self, err)
  end
  return chunk, err
end

--- Some of the body: without a number what has come, as soon as something has; else so many
-- bytes, fewer only at its end.
-- @param count? integer
-- @return string; nil at the end; nil, err when it did not end well
function methods:read(count)
  check(self, "read")
  local piece, err = self:read_some(count)
  if count == nil or piece == nil or #piece == count then
    return piece, err
  end
  local pieces, size = { piece }, #piece
  repeat
    piece, err = self:read_some(count - size)
    if err then
      return nil, err
    end
    pieces[#pieces + 1], size = piece, size + #(piece or "")
  until piece == nil or size == count
  return table.concat(pieces)
end

-- Its body, to an open file: see saving.lua.
local function write_to(self, file)
  if self._body then
    local body = self._use == "kept" and self._body or self:read() or ""
    local ok, message = file:write(body)
    return ok and #body or nil, nil, message
  end
  self._use, self._transfer.saving = "streamed", file
  begin_read(self)
  local size, err = self._transfer:save(file)
  self._transfer.reading = false
  return size, err
end

--- Writes the body to a file. A file that is there is replaced when all has come, and
-- keeps its mode; after an error nothing has changed. A device or a pipe is written to as
-- it comes.
-- @param path string
-- @return bytes written; or nil, err (kind "io" when the file fails)
function methods:save(path)
  check(self, "save")
  saving.check(path)
  if self._failure or self._use == "closed" then
    return self:read()              -- leave the file alone
  elseif self._use == "streamed" then
    return nil, used(self)
  end
  local size, err, begun = saving.run(path, function(file)
    return write_to(self, file)
  end)
  if begun then
    self:close()
  end
  return size, err and body_error(self, err)
end

--- Reads the rest of the body and drops it, so that the connection can be used
-- again.
-- @param most? bytes; when there is more, the transfer is closed instead
-- @return true; or nil, err
function methods:discard(most)
  check(self, "discard")
  local size = 0
  if self._use == "closed" then
    return true
  end
  if self._transfer then
    -- Nobody pauses here: a server that falls silent is given up.
    self._transfer.buffering = true
    if not self._transfer.reading then
      self._transfer:stop_decoding()
    end
  end
  repeat
    local chunk, err = self:read()
    if err then
      return nil, err
    end
    size = size + (chunk and #chunk or 0)
    if most and size > most then
      self:close()
      return true
    end
  until chunk == nil
  return true
end

-- What is read of an answer that nobody wants, to keep its connection.
local DRAIN_MOST = 64 * 1024
local DRAIN_SECONDS = 1

--- Reads what is left of a body that nobody wants, so that the connection can be used
-- again, unless it is long (64 KiB) or slow (1 s): then the connection is dropped.
function methods:drain()
  check(self, "drain")
  if self._body == nil and self._guard then
    tasks.with_timeout(DRAIN_SECONDS, self.discard, self, DRAIN_MOST)
  end
  self:close()                      -- also what had come with the headers: no luck of timing
end

--- Ends the transfer when it still runs; what was not read is gone. May be
-- called again.
function methods:close()
  check(self, "close")
  local running = self._transfer
  if running and not running.released then
    self._use = "closed"
    running:abort()
  elseif self._body and self._use ~= "kept" and (self._at or 1) <= #self._body then
    self._use = "closed"
  end
end

Response.__close = methods.close

iterators.add_to(methods, {
  check = check, describe = body_error, decode = decode, MOST = MOST,
})

Response.__index = fields.index(methods)

function Response:__tostring()
  return ("multisock.response (%d, %s)"):format(self.status,
    self._use == "closed" and "closed" or self._body and "complete"
      or self._transfer.released and "read" or "streaming")
end

local response = { metatable = Response }

--- Whether an answer of this status may send the request elsewhere.
function response.is_redirect(status)
  return status == 301 or status == 302 or status == 303 or status == 307 or status == 308
end

-- Of these the body is no matter: redirect.lua gets rid of it.
local function leads_on(self)
  return response.is_redirect(self.status) and self.request.settings.redirect ~= "manual"
    and self.headers:get("location") ~= nil
end

--- A response with its whole body: where that fails the request has failed.
-- @return response; or nil, err
function response.buffered(self, err)
  if self == nil or leads_on(self) then
    return self, err
  end
  local body
  body, err = self:text()
  return body and self or nil, err
end

-- A response of a transfer that still brings its body; or nil, err.
local function of_stream(made_for, status, running)
  local guard = running.guard or core.guard(running.easy)
  running.guard = nil
  local self = setmetatable({
    request = made_for, status = status, ok = status >= 200 and status < 300,
    _use = "new",
    _queue_time = running.queue_time,
    _transfer = running,
    -- Collected unread: the guard tells the transfer.
    _guard = guard,
  }, Response)
  if made_for.watched then
    watched.arrived(made_for, self)
  end
  if made_for.settings.buffer and not made_for.index then      -- of a list they all are
    return response.buffered(self)
  end
  opened.add(running)
  return self
end

answers.define(Response, methods.text, of_stream)

--- Whether this is a response.
function response.is(value)
  return getmetatable(value) == Response
end

--- What its Set-Cookie lines say.
-- @return list of strings; nil when there are none
function response.cookies(self)
  local shot = self._snapshot or snapshot(self)
  if shot then
    return core.snapshot(shot, "cookies")
  end
  return self.headers and self.headers:get_all("set-cookie")
end

--- This answers that request, unless it says that it answers another.
function response.belongs(self, made_for)
  if rawget(self, "request") == nil then
    rawset(self, "request", made_for)
  end
  source.limit(self, made_for.settings.max_body)
end

return response
