-- One URL into one file, by ms.download: which name it gets, and what is said of it.
-- Nothing here is protected by pcall, so that Lua 5.1 can suspend in it: a download that is
-- cut off leaves its file to download.abandon.
local checksums = require("multisock.command.checksums")
local download = require("multisock.download")
local errors = require("multisock.base.errors")
local names = require("multisock.command.names")
local pairs = require("multisock.base.compat").pairs
local text = require("multisock.base.text")

local command = {}

-- What is there of it now.
local function look(job)
  local made = job.made
  local target = made.target
  if target then
    job.size, job.total, job.resumed = target.held, target.version.size, target.resumed_from
    job.opened = true
  end
  job.status = made.status
end

-- What should be known of a partial file that was there before.
local function tell_of_part(job, note)
  local target = job.made.target
  if target == nil or target.found == 0 or not target.touched then
    return
  elseif target.resumed_from > 0 then
    note(("%s: went on at %s, where it was left"):format(job.path, text.size(target.resumed_from)))
  else
    note(("%s from before was replaced: it could not be gone on with"):format(job.part))
  end
end

-- A file of this name that is there already is not fetched.
local function skip(job, path, sum)
  local found = sum and checksums.of_file(path)
  if sum and found ~= sum then
    return nil, errors.new("checksum", ("%s is there, and has another SHA-256: %s"):format(path,
      found or "it cannot be read"))
  end
  job.path, job.skipped = path, true
  return true
end

--- Downloads job.url; keeps job.status, job.total (bytes, when the server says so), job.size
-- (bytes so far) and job.resumed (how many of these were there before) up to date.
-- @param given table: client, folder (of names.folder), options (of the download), name
-- (or nil), checksums (by name, or nil), skip_existing
-- @param job table: url; gets wanted, path and part, where it is saved, and opened once part
-- is a file of its own
-- @param note function(message) about what was there before
-- @return true; or nil, err @raise when cancelled
function command.run(given, job, note)
  job.wanted = given.name or names.from_url(job.url)
  local sum = given.checksums and given.checksums[job.wanted]
  local wanted = given.folder.prefix .. job.wanted
  if given.checksums and not sum then
    return nil, errors.new("checksum", "no checksum for a file named " .. job.wanted)
  elseif given.skip_existing and names.exists(wanted) then
    return skip(job, wanted, sum)
  end
  job.path, job.part = given.folder:claim(job.wanted)
  local options = { checksum = sum and "sha256:" .. sum, progress = function()
    look(job)
  end }
  for name, value in pairs(given.options) do
    options[name] = value
  end
  job.made = download.new(given.client, job.url, job.path, options)
  function job.made.rename()
    if names.exists(job.path) then  -- it was not when the name was claimed
      job.path = given.folder:claim(job.wanted)
    end
    return job.path
  end
  local result, err = download.run(job.made)
  look(job)
  tell_of_part(job, note)
  if result == nil then
    return nil, err
  end
  job.sha256 = result.sha256
  if job.path ~= wanted then
    note(("%s is taken: saved as %s"):format(wanted, job.path))
  end
  return true
end

--- Ends a download that was cut off: what has arrived stays in job.part.
function command.abandon(job)
  if job.made then
    look(job)
    job.made:close()
  end
end

return command
