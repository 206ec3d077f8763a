-- Errors of tasks that nobody awaited, and what listeners raise. Each is a record {err,
-- traceback, observed, what} (`what` failed; nil: a task) in the list `unobserved` of its
-- scope, which goes over to `outside` when the scope ends. There it is told to on_error or
-- raised. A task that is collected before can never be awaited, so on_error is told at
-- once. Used by scheduler.lua and tasks/init.lua.
local compat = require("multisock.base.compat")
local editor = require("multisock.base.editor")
local pairs = compat.pairs
local uncaught = require("multisock.base.uncaught")

local unobserved = {}

-- The scope of tasks of a host loop or the main chunk, outside any run.
local outside = { children = {}, count = 0, last = 0 }
unobserved.outside = outside

-- `unobserved.on_error` is the function that gets them: `fn(err, traceback)`, or nil.
local collected, collected_count = {}, 0

local function note_collected(record)
  if not record.observed then
    collected_count = collected_count + 1
    collected[collected_count] = record
  end
end

--- Adds a record to a scope's list.
function unobserved.add(scope, record)
  if scope.ended then
    scope = outside
  end
  local list = scope.unobserved
  if list == nil then
    list = { stale = 0 }
    scope.unobserved = list
  end
  list[#list + 1] = record
  record.list = list
end

--- A task has failed, and nobody has awaited it so far.
function unobserved.report(task)
  local record = { err = task.results[1], traceback = task.traceback }
  task.record = record
  task.collected = compat.finalizer(note_collected, record)
  unobserved.add(task.scope, record)
end

--- Somebody got the result. Of a long list the records that are settled so are
-- dropped now and then.
function unobserved.observe(task)
  task.observed = true
  local record = task.record
  if record == nil or record.observed then
    return
  end
  record.observed = true
  local list = record.list
  list.stale = list.stale + 1
  if list.stale > 16 and list.stale * 2 > #list then
    local kept, size = 0, #list
    for i = 1, size do
      local entry = list[i]
      list[i] = nil
      if not entry.observed then
        kept = kept + 1
        list[kept] = entry
      end
    end
    list.stale = 0
  end
end

local function tell(record)
  record.observed = true
  if unobserved.on_error == nil then
    uncaught.raise(record.err, record.traceback)
  end
  local ok, err = unobserved.call_back(outside, unobserved.on_error, record.err, record.traceback)
  if not ok then
    error(err, 0)
  end
end

--- Tells on_error of tasks that were collected.
function unobserved.tell_collected()
  while unobserved.on_error and collected_count > 0 do
    local record = collected[collected_count]
    collected[collected_count] = nil
    collected_count = collected_count - 1
    if not record.observed then
      tell(record)
    end
  end
end

--- Tells on_error of all, or raises the first.
function unobserved.tell()
  local list = outside.unobserved
  if list == nil then
    return
  end
  outside.unobserved = nil
  for i = 1, #list do
    if not list[i].observed then
      local ok, err = pcall(tell, list[i])
      if not ok then
        for j = i + 1, #list do
          unobserved.add(outside, list[j])
        end
        error(err, 0)
      end
    end
  end
end

local function print_error(what, err, traceback)
  local text = ("multisock: %s: %s\n%s"):format(what, tostring(err),
    traceback and traceback .. "\n" or "")
  local vim = editor.neovim()
  if vim then
    -- Neovim: a message, because stderr is its screen.
    vim.schedule(function()
      vim.notify(text, vim.log.levels.ERROR)
    end)
  else
    io.stderr:write(text)
  end
end

local NOBODY = "a task failed and nobody awaited it"

--- Tells on_error of all, or prints them: for a host's loop, into which nothing
-- is raised.
-- @param err? in a table: what was raised at another place
function unobserved.tell_host(err)
  local list = outside.unobserved
  outside.unobserved = nil
  if err then
    list = list or {}
    table.insert(list, 1, { err = err[1] })
  end
  for i = 1, list and #list or 0 do
    local record = list[i]
    if not record.observed then
      record.observed = true
      if unobserved.on_error == nil then
        print_error(record.what or NOBODY, record.err, record.traceback)
      else
        local ok, raised = unobserved.call_back(outside, unobserved.on_error, record.err,
          record.traceback)
        if not ok then
          print_error("on_error failed", raised)
        end
      end
    end
  end
end

-- Tasks that were spawned outside of any run, and nobody has run the loop since.
local function warn_of_idle()
  local count, where = 0, nil
  for task in pairs(outside.children) do
    if task.co == nil then
      count = count + 1
      where = where == nil and task.spawned_at or where ~= task.spawned_at and "" or where
    end
  end
  if count > 0 then
    print_error(("%s%s never ran"):format(where or "", count == 1 and "a task of ms.spawn"
      or count .. " tasks of ms.spawn"), "nothing has run the loop after it: ms.run(fn) runs it, "
      .. "and so does task:await() on the main chunk")
  end
end

-- Nothing may be waiting in vain when the program ends without another run.
unobserved.at_exit = compat.finalizer(function()
  warn_of_idle()
  local list = outside.unobserved
  for i = 1, list and #list or 0 do
    if not list[i].observed then
      print_error(list[i].what or NOBODY, list[i].err, list[i].traceback)
    end
  end
end)

return unobserved
