-- Bodies that a task has opened and that nobody else reads: when it ends by an error, or is
-- cancelled, they end with it. (A task that ends well may have given them to others.)
local errors = require("multisock.base.errors")
local scheduler = require("multisock.tasks.scheduler")

local Opened = {}
Opened.__index = Opened

local opened = {}

--- The running task has opened it.
-- @param running what brings the body
function opened.add(running)
  local task = scheduler.task
  if task == nil then
    return
  end
  local list = task.opened
  if list == nil then
    list = setmetatable({}, Opened)
    task.opened = list
  end
  if list[2] == nil and (list[1] == nil or list[1].released) then
    list[1] = running               -- most tasks read one after the other
    return
  end
  local count = #list
  while count > 0 and list[count].released do
    list[count] = nil
    count = count - 1
  end
  list[count + 1] = running
end

-- The error that leaves the task may show its response to who gets it.
local function is_shown(err, running)
  local shown = errors.is(err) and err.response and err.response._transfer
  return shown and (shown == running or shown.source == running)
end

--- Its task has failed.
-- @param err what it has raised
function Opened:close(task, err)
  for i = 1, #self do
    local running = self[i]
    local reader = not running.released and running.reader
    if reader ~= false and (reader == nil or reader == task) and not is_shown(err, running) then
      running:abort(errors.new("closed", "the task that has opened the response has failed"))
    end
  end
end

return opened
