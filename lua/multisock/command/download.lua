-- One URL into one file: NAME.part while it grows, NAME once it is complete.
-- Nothing here is protected by pcall, so that Lua 5.1 can suspend in it: a
-- download that is cancelled leaves its file to download.abandon.
local errors = require("multisock.base.errors")
local names = require("multisock.command.names")

local download = {}

local function io_error(message)
  return nil, errors.new("io", message)
end

-- Opens the partial file. One from before is not resumed but replaced, and by
-- a file of our own: a link with that name must not lead elsewhere.
local function open(job, note)
  if names.exists(job.part) then
    note(("%s from before was replaced: a download starts from its beginning"):format(job.part))
    os.remove(job.part)
  end
  local file, message = io.open(job.part, "wb")
  if not file then
    return io_error(message)
  end
  job.file, job.opened = file, true
  return file
end

local function close(job)
  local file = job.file
  job.file = nil
  local ok, message = file:close()
  if not ok then
    return io_error(job.part .. ": " .. message)
  end
  return true
end

local function copy(job, response)
  while true do
    local chunk, err = response:read()
    if chunk == nil then
      return err == nil, err
    end
    local ok, message = job.file:write(chunk)
    if not ok then
      return io_error(job.part .. ": " .. message)
    end
    job.size = job.size + #chunk
  end
end

-- Another program that uses the same partial file would leave us with its
-- bytes under our name.
local function is_unchanged(job)
  local file = io.open(job.part, "rb")
  local size = file and file:seek("end")
  if file then
    file:close()
  end
  return size == job.size
end

-- Gives the complete file its name.
local function publish(job, folder, note)
  if not is_unchanged(job) then
    return io_error(job.part .. ": another program has changed this file")
  end
  if names.exists(job.path) then    -- it was not when the name was claimed
    job.path = folder:claim(job.wanted)
  end
  local ok, message = os.rename(job.part, job.path)
  if not ok then
    return io_error(message)
  end
  local wanted = folder.prefix .. job.wanted
  if job.path ~= wanted then
    note(("%s is taken: saved as %s"):format(wanted, job.path))
  end
  return true
end

local function save(job, response, folder, note)
  local ok, err = open(job, note)
  if not ok then
    return nil, err
  end
  local closed, close_err
  ok, err = copy(job, response)
  closed, close_err = close(job)
  if not ok or not closed then
    return nil, err or close_err
  end
  return publish(job, folder, note)
end

--- Downloads job.url; keeps job.status, job.total (bytes, when the server says
-- so) and job.size (bytes so far) up to date.
-- @param client @param folder of names.folder
-- @param job table: url; gets wanted, path and part, where it is saved, and
-- opened once part is a file of its own
-- @param note function(message) about what was there before
-- @return true; or nil, err @raise when cancelled
function download.run(client, folder, job, note)
  job.wanted = names.from_url(job.url)
  job.path, job.part = folder:claim(job.wanted)
  local response, err = client:get(job.url)
  if response == nil then
    if err.response then
      job.status = err.response.status
      err.response:close()
    end
    return nil, err
  end
  job.status = response.status
  job.total = tonumber((response.headers:get("content-length") or ""):match("^%d+$"))
  local ok
  ok, err = save(job, response, folder, note)
  response:close()
  return ok, err
end

--- Ends a download that was cut off: what has arrived stays in job.part.
function download.abandon(job)
  if job.file then
    close(job)
  end
end

return download
