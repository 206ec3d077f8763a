-- Attempts that somebody listens to: that the answer is there, and that it has ended.
-- `made.watched` says what was told of one.
local core = require("multisock.core")
local milestones = require("multisock.connection.milestones")

local watched = {}

--- It has ended: told once for each attempt.
-- @param response? @param err? why it did not end well @param running? its stream
-- @param websocket? what went over it after the handshake
function watched.ended(made, response, err, running, websocket)
  local told = made.watched
  if told == nil or told.ended then
    return
  end
  told.ended = true
  local shot = running and running.snapshot
  local is_error = type(err) == "table"
  made:event("done", {
    response = response or is_error and err.response or nil, err = err,
    timings = shot and milestones.complete(running, core.snapshot(shot, "timings"))
      or is_error and err.timings or nil,
    sizes = shot and core.snapshot(shot, "sizes") or nil, websocket = websocket,
  })
end

--- Its answer is there.
function watched.arrived(made, response)
  local told = made.watched
  if told == nil or told.answered then
    return
  end
  told.answered = true
  local running = response._transfer
  if running and running.easy then
    milestones.tell(running)
  end
  made:event("headers", { response = response })
  if running == nil or running.released then
    return watched.ended(made, response, running and running.failure, running)
  end
  -- Who forgets a response unread has it collected: so the stream may not keep it.
  local kept = setmetatable({ response }, { __mode = "v" })
  function running.on_end()
    local err, websocket = running.failure, nil
    if running.outcome then           -- of a WebSocket: see websocket/link.lua
      err, websocket = running.outcome()
    end
    watched.ended(made, kept[1], err, running, websocket)
  end
end

return watched
