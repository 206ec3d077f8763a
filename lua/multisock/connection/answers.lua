-- Responses, made of what a transfer gives. What they are says response/init.lua, above.
local setmetatable = setmetatable

local answers = {}

local read_text, response_metatable

--- Says what responses are, and how one is made of a stream: for response/init.lua.
-- @param of_stream function(request, status, stream) -> response
function answers.define(metatable, text, of_stream)
  response_metatable, read_text = metatable, text
  answers.metatable, answers.read_text, answers.of_stream = metatable, text, of_stream
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

return answers
