-- What a terminal shows while files arrive: a line for each that is active and
-- one for all of them, drawn over the ones before.
local errors = require("multisock.base.errors")
local text = require("multisock.base.text")

local progress = {}

-- Seconds over which rates are smoothed, and what the terminal's size may cost:
-- it is asked for every so many seconds, by starting a program.
local SMOOTHING = 3
local SIZE_INTERVAL = 2

local NARROWEST_NAME = 8
local WIDE = 60

---- Rates ---------------------------------------------------------------------

local Meter = {}
Meter.__index = Meter

--- A smoothed rate of something that grows.
function progress.meter(time, bytes)
  return setmetatable({ started = time, time = time, bytes = bytes, sum = 0 }, Meter)
end

--- Takes how much there is at this time. @return bytes a second
function Meter:sample(time, bytes)
  local step = time - self.time
  if step > 0 then
    local old = math.exp(-step / SMOOTHING)
    self.sum = self.sum * old + math.max(0, bytes - self.bytes) / step * (1 - old)
    self.time, self.bytes = time, bytes
  end
  -- Before the first three seconds are over the sum weighs less than 1.
  local weight = 1 - math.exp(-(self.time - self.started) / SMOOTHING)
  return weight > 0 and self.sum / weight or 0
end

---- Lines ---------------------------------------------------------------------

local function right(field, width)
  return (" "):rep(width - #field) .. field
end

local function eta(left, rate)
  return left and rate >= 1 and text.duration(left / rate) or "-"
end

-- The fields behind a name: as many as leave room for it.
local function compose(fields, columns)
  local gap = columns >= WIDE and "  " or " "
  local drop = { "bytes", "eta", "rate", "percent" }
  while true do
    local pieces = {}
    for _, name in ipairs({ "percent", "bytes", "rate", "eta" }) do
      pieces[#pieces + 1] = fields[name] and gap .. fields[name]
    end
    local tail = table.concat(pieces)
    if #tail + NARROWEST_NAME <= columns or #drop == 0 then
      return tail:sub(1, math.max(0, columns - 1))
    end
    fields[table.remove(drop, 1)] = nil
  end
end

-- The fields behind the name of a file.
local function file_fields(job, rate, columns)
  local known = job.total and job.total > 0
  local size = text.short_size(job.size)
  if job.status == nil then
    size = "waiting"
  elseif known then
    size = size .. "/" .. text.short_size(job.total)
  end
  local percent = known and math.min(100, math.floor(job.size / job.total * 100))
  return compose({
    percent = right(percent and percent .. "%" or "-", 4),
    bytes = right(size, 11),
    rate = right(job.status and text.short_size(rate) .. "/s" or "-", 7),
    eta = right(eta(known and job.total - job.size, rate), 5),
  }, columns)
end

-- A line for each of the files, whose names differ where they can.
local function file_lines(jobs, rates, columns)
  local tails, names, widest = {}, {}, 0
  for i, job in ipairs(jobs) do
    tails[i] = file_fields(job, rates[i], columns)
    names[i] = job.wanted and text.clean(job.wanted, "?") or errors.redact_url(job.url)
    widest = math.max(widest, #tails[i])
  end
  local fitted = text.fit_apart(names, columns - widest)
  for i, tail in ipairs(tails) do
    fitted[i] = fitted[i] .. (" "):rep(widest - #tail) .. tail
  end
  return fitted
end

-- Bytes that are still to come: those that servers have named, and for files
-- of unknown size what the others have on average. Nil when none is known.
local function bytes_left(run)
  local known, count, left = run.done_bytes, run.done, 0
  for _, job in ipairs(run.active) do
    if job.total then
      known, count, left = known + job.total, count + 1, left + job.total - job.size
    end
  end
  local unknown = run.count - run.failed - count
  if unknown > 0 and count == 0 then
    return nil
  end
  return left + (unknown > 0 and unknown * known / count or 0)
end

local LABELS = {
  "%d of %s done, %d failed", "%d/%d done, %d failed", "%d/%d, %d failed", "%d/%d",
}

local function total_line(run, rate, columns)
  local tail = compose({
    bytes = right(text.short_size(run.bytes), columns >= WIDE and 11 or 5),
    rate = right(text.short_size(rate) .. "/s", 7),
    eta = right(eta(bytes_left(run), rate), 5),
  }, columns)
  local room = columns - #tail
  for _, format in ipairs(LABELS) do
    local label = format:format(run.done, format:find("%s", 1, true)
      and text.count(run.count, "file") or run.count, run.failed)
    if #label <= room then
      return label .. (" "):rep(room - #label) .. tail
    end
  end
  return tail
end

local Display = {}
Display.__index = Display

function Display:rate(key, time, bytes)
  local meter = self.meters[key]
  if meter == nil then
    meter = progress.meter(key.started, 0)
    self.meters[key] = meter
  end
  return meter:sample(time, bytes)
end

--- The lines as they are to be shown at this time.
-- @param columns width that no line passes @param rows lines at most
-- @return list of strings
function Display:lines(time, columns, rows)
  local run, jobs, rates = self.run, {}, {}
  run.bytes = run.done_bytes + run.lost_bytes
  local room = math.max(0, rows - 1)
  local shown = #run.active <= room and #run.active or math.max(0, room - 1)
  for i, job in ipairs(run.active) do
    local fetched = job.size - (job.resumed or 0)
    run.bytes = run.bytes + fetched
    local rate = self:rate(job, time, fetched)
    if i <= shown then
      jobs[i], rates[i] = job, rate
    end
  end
  local lines = file_lines(jobs, rates, columns)
  if shown < #run.active and rows > 1 then
    lines[#lines + 1] = text.fit(("... and %d more"):format(#run.active - shown), columns)
  end
  lines[#lines + 1] = total_line(run, self:rate(run, time, run.bytes), columns)
  return lines
end

---- The terminal --------------------------------------------------------------

-- Lines are not wrapped while they are drawn: when the terminal has become
-- narrower than we know, they are cut instead of spoiling the count of rows.
local NO_WRAP, WRAP = "\27[?7l", "\27[?7h"
local CLEAR_LINE, CLEAR_BELOW = "\27[K", "\27[J"

-- Back to the first column of the first line that was drawn. The cursor rests
-- in the first column of the last one: there the "^C" that a terminal shows
-- fits, and is cleared with the rest.
function Display:home()
  return "\r" .. (self.drawn > 1 and ("\27[%dA"):format(self.drawn - 1) or "")
end

--- Draws the lines over those drawn before.
function Display:draw(time)
  if self.asked == nil or time - self.asked >= SIZE_INTERVAL then
    self.asked = time
    self.columns, self.rows = self.size()
  end
  -- The last column stays free: terminals differ in what they do there.
  local lines = self:lines(time, math.max(1, self.columns - 1), self.rows)
  local frame = self:home() .. NO_WRAP .. table.concat(lines, CLEAR_LINE .. "\r\n")
    .. CLEAR_LINE .. CLEAR_BELOW .. WRAP .. "\r"
  self.drawn = #lines
  self.write(frame)
end

--- Takes away what was drawn; the next text begins where it was.
function Display:clear()
  if self.drawn > 0 then
    self.write(self:home() .. CLEAR_BELOW)
    self.drawn = 0
  end
end

--- Makes a display.
-- @param run table: started, count (files), done, failed, done_bytes,
-- lost_bytes (of those that failed), active (list of {started, wanted, url,
-- size, total, status}); gets `bytes`
-- @param write function(string) @param size function() -> columns, rows
function progress.new(run, write, size)
  return setmetatable({
    run = run, write = write, size = size, drawn = 0, meters = setmetatable({}, { __mode = "k" }),
  }, Display)
end

return progress
