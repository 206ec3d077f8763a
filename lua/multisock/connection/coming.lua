-- A good answer of which more is to come, and for which nothing has to be done meanwhile: C has
-- handed it over (core.perform). Mostly all of its body is wanted, and C waits for that, too.
-- For who wants anything else it becomes a stream (stream.lua).
local answers = require("multisock.connection.answers")
local core = require("multisock.core")
local opened = require("multisock.connection.opened")
local plain_request = require("multisock.request").plain
local reading = require("multisock.connection.reading")
local scheduler = require("multisock.tasks.scheduler")
local stream = require("multisock.connection.stream")

local now, note_opened, rest = scheduler.now, opened.add, reading.rest
local owners, setmetatable = stream.owners, setmetatable

local Coming = {}

-- Whoever asks for a field that it has not wants a stream.
function Coming:__index(name)
  local asked = self.asked
  stream.answered(self, asked.client and asked or plain_request(self.client, asked))
  return self[name]
end

-- The text of its response.
local function text(self)
  local running = self and self._transfer
  local task = scheduler.task
  if running and running.asked and self._use == "new" and task and not running.reading
    and (not running.deadline or now() < running.deadline) then
    running.reading = task
    local body = rest(running, task, nil, self._guard)
    running.reading = false
    if body then
      self._body, self._use, self._guard = body, "kept", nil
      return body
    end
  end
  return answers.read_text(self)
end
if core.rest == nil then
  text = nil                        -- the usual method
end

local coming = {}

--- @param status integer @param easy core.Easy that brings it @param guard of core.guard
-- @param deadline? seconds of the clock
-- @param target? of which nothing but its URL was said @param request? else
-- @return response
function coming.response(client, origin, status, easy, guard, deadline, target, request)
  local running = setmetatable({
    client = client, origin = origin, easy = easy, asked = target or request,
    deadline = deadline or false, reading = false, released = false, snapshot = false,
  }, Coming)
  owners[easy] = running
  note_opened(running)
  return setmetatable({
    status = status, ok = true, text = text, _transfer = running, _guard = guard, _use = "new",
    request = request, _body = nil, -- with room for it
  }, answers.metatable)
end

return coming
