-- ms.har: an agent that records what passes, or answers what was recorded. Loaded at first
-- use.
local agent = require("multisock.agent")
local errors = require("multisock.base.errors")
local record = require("multisock.har.record")
local replay = require("multisock.har.replay")
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local MODES = { record = true, replay = true }

--- @param path string @param mode "record" or "replay" @param inner? agent that performs
-- @return agent; or nil, err
return function(path, mode, inner)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    errors.misuse("har: path of a file expected, got " .. values.describe(path))
  elseif not MODES[mode] then
    errors.misuse(('har: "record" or "replay" expected, got %s%s'):format(
      type(mode) == "string" and errors.quote(mode) or values.describe(mode),
      suggest.hint(mode, MODES)))
  elseif inner ~= nil then
    agent.check(inner)
    if mode == "replay" then
      errors.misuse("har: an agent is for recording; a replay asks nobody")
    end
  end
  if mode == "replay" then
    return replay.new(path)
  end
  return agent.listening(record.new(path), inner)
end
