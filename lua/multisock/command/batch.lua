-- A batch of downloads, so many at once: runs them, shows them while they run,
-- and reports on them.
local core = require("multisock.core")
local download = require("multisock.command.download")
local errors = require("multisock.base.errors")
local ms = require("multisock")
local names = require("multisock.command.names")
local progress = require("multisock.command.progress")
local report = require("multisock.command.report")
local terminal = require("multisock.base.terminal")
local text = require("multisock.base.text")

local batch = {}

local DRAW_INTERVAL = 0.1

local Batch = {}
Batch.__index = Batch

function Batch:note(message)
  self.notes[#self.notes + 1] = message
end

-- Records are for programs: when they cannot be had, that is a failure, but
-- the files are still wanted.
function Batch:print_record(job)
  if not self.json or self.output_failed then
    return
  end
  if self.display and core.is_terminal(1) then
    self.display:clear()
  end
  local ok, message = io.stdout:write(report.record(job), "\n")
  if ok then
    ok, message = io.stdout:flush()
  end
  if not ok then
    self.output_failed = tostring(message)
  end
end

function Batch:start(job)
  job.started = ms.now()
  self.active[#self.active + 1] = job
end

function Batch:finish(job, err)
  job.seconds = ms.now() - job.started
  for i = #self.active, 1, -1 do
    if self.active[i] == job then
      table.remove(self.active, i)
    end
  end
  if err == nil then
    self.done = self.done + 1
    self.done_bytes = self.done_bytes + job.size - (job.resumed or 0)
  else
    job.err = err
    job.part_left = job.opened and names.exists(job.part)
    self.failed = self.failed + 1
    self.lost_bytes = self.lost_bytes + job.size - (job.resumed or 0)
    self.failures[#self.failures + 1] = job
  end
  self:print_record(job)
end

function Batch:fetch(job)
  self:start(job)
  local ok, err = nil, job.err
  if err == nil then
    ok, err = download.run(self.each, job, function(message)
      self:note(message)
    end)
  end
  self:finish(job, not ok and err or nil)
  return true
end

function Batch:watch()
  while true do
    self.display:draw(ms.now())
    ms.sleep(DRAW_INTERVAL)
  end
end

function Batch:work()
  ms.group(function(group)
    -- A child of the group, so that it ends when the work fails.
    local watcher = self.display and group:spawn(self.watch, self)
    ms.map(self.jobs, function(job)
      return self:fetch(job)
    end, { concurrency = self.concurrency })
    if watcher then
      watcher:cancel()
    end
  end)
end

-- Those that Ctrl-C cut off: their files are closed and stay as they are.
function Batch:abandon_active()
  self.interrupted = true
  for _, job in ipairs(self.active) do
    download.abandon(job)
    job.seconds = ms.now() - job.started
    job.part_left = job.opened and names.exists(job.part)
    job.err = errors.cancelled("interrupted")
    self:print_record(job)
  end
end

---- The end -------------------------------------------------------------------

function Batch:report()
  local write = function(...)
    io.stderr:write(...)
  end
  if not self.quiet then
    write(report.notes(self.notes))
  end
  write(report.failures(self.failures))
  if self.interrupted and not self.quiet then
    for _, job in ipairs(self.active) do
      if job.part_left then
        write(("unfinished: %s (%s)\n"):format(text.clean(job.part, "?"), text.size(job.size)))
      end
    end
  end
  if self.output_failed then
    write("multisock get: cannot write to standard output: ", self.output_failed, "\n")
  end
  for _, message in ipairs(self.unsaved) do
    write("multisock get: ", message, "\n")
  end
  if not self.quiet then
    write(report.summary(self, ms.now() - self.started))
  end
end

local function new_display(self)
  if self.quiet or not terminal.is_there() then
    return nil
  end
  return progress.new(self, function(frame)
    io.stderr:write(frame)
    io.stderr:flush()
  end, terminal.size)
end

--- Makes a batch.
-- @param options table: jobs (list of {url, size = 0}, and err for one that
-- fails without being tried), concurrency, each (what each is done with: see
-- download.lua), quiet, json (boolean: records are wanted), pictures (of pictures.lua)
function batch.new(options)
  local self = setmetatable({
    jobs = options.jobs, count = #options.jobs, concurrency = options.concurrency,
    each = options.each, pictures = options.pictures, quiet = options.quiet, json = options.json,
    active = {}, notes = {}, failures = {},
    done = 0, failed = 0, done_bytes = 0, lost_bytes = 0,
  }, Batch)
  self.display = new_display(self)
  return self
end

--- Runs it to its end, or to Ctrl-C.
-- @param is_interrupt function(err) -> boolean
-- @return true when all is well, false when something failed; nil when it was
-- interrupted
function Batch:run(is_interrupt)
  self.started = ms.now()
  local ok, err = pcall(ms.run, self.work, self)
  if self.display then
    self.display:clear()
  end
  if not ok then
    if not is_interrupt(err) then
      error(err, 0)
    end
    self:abandon_active()
  end
  self.unsaved = self.pictures:finish()
  self:report()
  self.each.client:close()
  if not self.interrupted then
    return self.failed == 0 and not self.output_failed and #self.unsaved == 0
  end
end

return batch
