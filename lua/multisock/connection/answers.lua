-- Responses, made of what a transfer gives. What they are says response/init.lua, above.
local opened = require("multisock.connection.opened")
local reading = require("multisock.connection.reading")

local setmetatable, note_opened, read_rest = setmetatable, opened.add, reading.rest

local answers = {}

local read_text, response_metatable

--- Says what responses are, and how one is made of a stream: for response/init.lua.
-- @param of_stream function(request, status, stream) -> response
function answers.define(metatable, text, of_stream)
  response_metatable, read_text, answers.of_stream = metatable, text, of_stream
end

--- All of it came in one call. @return response
function answers.whole(request, status, body, snapshot)
  return setmetatable({
    request = request, status = status, ok = status >= 200 and status < 300,
    text = read_text,               -- asked for first: found without __index
    _body = body, _snapshot = snapshot, _use = "new",
  }, response_metatable)
end

--- The same where no request was made of the URL: the response makes it, if asked for it.
function answers.to_url(client, target, status, body, snapshot)
  return setmetatable({
    status = status, ok = status >= 200 and status < 300, text = read_text,
    _client = client, _target = target, _body = body, _snapshot = snapshot, _use = "new",
  }, response_metatable)
end

--- The same where a request's parts are kept in its place: see usual.lua.
function answers.to_parts(parts, status, body, snapshot)
  return setmetatable({
    status = status, ok = status >= 200 and status < 300, text = read_text,
    _parts = parts, _body = body, _snapshot = snapshot, _use = "new",
  }, response_metatable)
end

-- The text of such a response: mostly all of it is waited for, and nothing else is done
-- meanwhile.
local function text_to_come(self)
  local running = self and self._transfer
  if running and running.bare and self._use == "new" and not running.reading then
    running.reading = true
    local body = read_rest(running)
    running.reading = false
    if body then
      self._body, self._use = body, "kept"
      return body
    end
  end
  return read_text(self)
end

--- Its body comes, and nothing has to be done for it meanwhile.
-- @param running stream @param guard of core.guard
function answers.coming(request, status, running, guard)
  note_opened(running)
  return setmetatable({
    request = request, status = status, ok = true, text = text_to_come,
    _transfer = running, _guard = guard, _use = "new",
    _body = nil,                    -- with room for it
  }, response_metatable)
end

return answers
