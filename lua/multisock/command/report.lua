-- What is said at the end: the summary, the table of failures, and the record
-- of each URL for --json.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local text = require("multisock.base.text")

local report = {}

-- Notes that are printed at most: a long list of duplicates is one cause.
local MOST_NOTES = 20

-- Columns up to which URLs are padded: one long URL must not widen every line.
local WIDEST_URL = 48

local function shown_url(job)
  return errors.redact_url(job.url)
end

--- The message of an error in one line, with where the partial file is.
function report.reason(job)
  local message = job.err.message
  if job.part_left then
    message = ("%s (%s in %s)"):format(message, text.size(job.size), job.part)
  end
  return (text.clean(message, "?"))
end

--- What was done, in one line.
-- @param run table: count, done, failed, done_bytes, active (what was cut
-- off), interrupted (boolean)
function report.summary(run, seconds)
  local bytes = run.done_bytes
  for _, job in ipairs(run.active) do
    bytes = bytes + job.size - (job.resumed or 0)
  end
  local line = text.count(run.done, "file")
  if run.interrupted then
    line = ("interrupted: %d of %s"):format(run.done, text.count(run.count, "file"))
  end
  line = ("%s, %s in %.1f s"):format(line, text.size(bytes), seconds)
  if bytes > 0 and seconds > 0 then
    line = ("%s (%s/s)"):format(line, text.size(bytes / seconds))
  end
  if run.failed > 0 then
    line = ("%s, %d failed"):format(line, run.failed)
  end
  if #run.active > 0 then
    line = ("%s, %d unfinished"):format(line, #run.active)
  end
  return line .. "\n"
end

--- What users should know of names and files that were there before.
function report.notes(notes)
  local lines = {}
  for i = 1, math.min(#notes, MOST_NOTES) do
    lines[i] = text.clean(notes[i], "?") .. "\n"
  end
  if #notes > MOST_NOTES then
    lines[#lines + 1] = ("... and %s with other names\n"):format(
      text.count(#notes - MOST_NOTES, "more file"))
  end
  return table.concat(lines)
end

--- The table of failures; "" when there are none.
-- @param jobs list of {url, err}, and part_left, part, size
function report.failures(jobs)
  if #jobs == 0 then
    return ""
  end
  local rows = { { "kind", "url", "why" } }
  for i, job in ipairs(jobs) do
    rows[i + 1] = { job.err.kind or "error", shown_url(job), report.reason(job) }
  end
  local kind_width, url_width = 0, 0
  for _, row in ipairs(rows) do
    kind_width = math.max(kind_width, text.width(row[1]))
    url_width = math.min(WIDEST_URL, math.max(url_width, text.width(row[2])))
  end
  local lines = { ("failed: %d\n"):format(#jobs) }
  for i, row in ipairs(rows) do
    lines[i + 1] = ("%s  %s  %s\n"):format(text.pad(row[1], kind_width),
      text.pad(row[2], url_width), row[3])
  end
  return table.concat(lines)
end

-- The members of a record, in the order in which they are printed.
local MEMBERS = {
  "url", "ok", "size", "status", "seconds", "path", "resumed_from", "sha256", "skipped", "part",
  "error",
}

local function record_of(job)
  local record = {
    url = errors.redact_url(job.url),
    ok = job.err == nil,
    size = job.size,
    status = job.status,
    seconds = math.floor(job.seconds * 1000 + 0.5) / 1000,
  }
  if job.err then
    record.error = job.err
    record.part = job.part_left and job.part or nil
  else
    record.path, record.sha256, record.skipped = job.path, job.sha256, job.skipped
    record.resumed_from = (job.resumed or 0) > 0 and job.resumed or nil
  end
  return record
end

-- A record is printed whatever a list of URLs or a folder's name has in it.
local function encode(value)
  return core.json_encode(type(value) == "string" and text.valid(value) or value)
end

--- The record of a URL that has ended: a line of JSON.
function report.record(job)
  local record, pieces = record_of(job), {}
  for _, name in ipairs(MEMBERS) do
    local value = record[name]
    if name == "error" and value then
      pieces[#pieces + 1] = ('"error":{"kind":%s,"message":%s}'):format(
        encode(value.kind or "error"), encode(value.message))
    elseif value ~= nil then
      pieces[#pieces + 1] = ('"%s":%s'):format(name, encode(value))
    end
  end
  return "{" .. table.concat(pieces, ",") .. "}"
end

return report
