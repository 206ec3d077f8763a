-- A waterfall: what requests spent their time with, as a picture. Loaded at first use.
local attempts = require("multisock.trace.attempts")
local errors = require("multisock.base.errors")
local now = require("multisock.tasks.scheduler").now
local replace = require("multisock.base.replace")
local svg = require("multisock.waterfall.svg")
local trace = require("multisock.trace")

local waterfall = {}

local Waterfall = { __name = "multisock.waterfall" }
Waterfall.__index = Waterfall

--- The picture of all attempts so far.
-- @return string: SVG
function Waterfall:svg()
  return svg.render(self.attempts, now())
end

--- Writes it to a file, in place of what is there.
-- @param path string @return true; or nil, err (kind "io")
function Waterfall:save(path)
  local ok, message = replace(path, self:svg())
  if not ok then
    return nil, errors.new("io", ("waterfall: %s: %s"):format(path, message))
  end
  return true
end

--- Listens no longer. May be called again.
function Waterfall:close()
  self.stop()
end

Waterfall.__close = Waterfall.close

function Waterfall:__tostring()
  return ("multisock.waterfall (%d attempts)"):format(#self.attempts)
end

--- Begins to listen to all clients. @return object
function waterfall.start()
  local list = {}
  return setmetatable({
    attempts = list,
    stop = trace.start(attempts.listener(function(attempt)
      list[#list + 1] = attempt
    end)),
  }, Waterfall)
end

return waterfall
