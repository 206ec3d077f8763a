-- ms.har(path, "record"): keeps what a client sends and gets, and writes it.
local attempts = require("multisock.trace.attempts")
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local entries = require("multisock.har.entries")
local errors = require("multisock.base.errors")
local recorder = require("multisock.cache.recorder")
local replace = require("multisock.base.replace")
local scheduler = require("multisock.tasks.scheduler")

local now = scheduler.now

-- Bytes of one body that are kept, and of all together.
local MOST_BODY, MOST_ALL = 1024 * 1024, 64 * 1024 * 1024

local Recording = { __name = "multisock.har" }
Recording.__index = Recording

local function begun(self, attempt, event)
  self.attempts[#self.attempts + 1] = attempt
  attempt.request = entries.request(event.request, math.max(0, math.min(MOST_BODY, self.left)),
    self.known)
  self.left = self.left - math.max(0, attempt.request.bodySize)
end

local function answered(self, attempt, event)
  attempt.response = entries.response(event.response, event.request.settings.sensitive_headers)
  if entries.is_switched(event.response.status) then
    return
  end
  recorder.attach(event.response, math.max(0, math.min(MOST_BODY, self.left)), function(body)
    self.left, attempt.body = self.left - #body, body
  end)
end

-- One of a WebSocket; what was sent in pieces is not whole anywhere.
local function messaged(self, attempt, event)
  local message = event.message
  if message == nil or #message > math.min(MOST_BODY, self.left) then
    return
  end
  self.left = self.left - #message
  attempt.messages = attempt.messages or {}
  table.insert(attempt.messages, { at = event.time, direction = event.direction,
    kind = event.kind, data = message })
end

--- Writes what was recorded so far, in place of what is there.
-- @return true; or nil, err (kind "io")
function Recording:save()
  local list = {}
  for i, attempt in ipairs(self.attempts) do
    list[i] = entries.entry(attempt, self.wall, now(), self.known)
  end
  local har = core.json_encode({ log = {
    version = "1.2", creator = { name = "multisock", version = core._VERSION:match("%S+$") },
    pages = core.json_array({}), entries = core.json_array(list),
  } })
  local ok, message = replace(self.path, har, { private = true })
  if not ok then
    return nil, errors.new("io", ("har: %s: %s"):format(self.path, message))
  end
  return true
end

--- Likewise: of every client that has it, at its end.
Recording.close, Recording.__close = Recording.save, Recording.save

function Recording:__tostring()
  return ("multisock.har (%d recorded)"):format(#self.attempts)
end

local record = {}

--- @return object that listens: see agent.lua
function record.new(path)
  local began, wall = now(), clock.time()
  local self = setmetatable({
    path = path, attempts = {}, known = {}, left = MOST_ALL,
    wall = function(time)
      return wall + time - began
    end,
  }, Recording)
  self.listen = attempts.listener(function(...)
    begun(self, ...)
  end, function(...)
    answered(self, ...)
  end, nil, function(...)
    messaged(self, ...)
  end)
  return self
end

return record
