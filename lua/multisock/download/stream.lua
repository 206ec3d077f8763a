-- One request of a download: asks for what is missing, decides by the answer whether
-- it is of the same file, and writes what comes.
local answers = require("multisock.download.answers")
local errors = require("multisock.base.errors")
local mirrors = require("multisock.download.mirrors")
local pairs = require("multisock.base.compat").pairs

local stream = {}

-- What is read at once: larger strings cost the memory allocator a mapping each.
local MOST = 64 * 1024

-- What an answer is that no other request would better.
local function strange(response, message)
  local err = errors.new("protocol", message, { url = response.url, response = response,
    attempts = response.attempts, phase = "receive" })
  response:close()
  return nil, err
end

-- Whether the validator of what is there can be asked of this mirror, or be looked for
-- in its answers.
local function can_prove(version, mirror)
  return version.etag or version.last_modified and version.source
    and version.source == mirror.source
end

-- How to ask this mirror.
local function way_of(job, mirror, is_part)
  local way = job.in_one and mirrors.WHOLE or mirror.way
  if job.target.held == 0 and not is_part then
    return mirrors.WHOLE
  elseif way < mirrors.BY_CHECKSUM and not can_prove(job.target.version, mirror) then
    way = mirrors.BY_CHECKSUM
  end
  if way == mirrors.BY_CHECKSUM and not job.checksum then
    way = mirrors.WHOLE
  end
  return way
end

-- The options of a request for these bytes.
local function ask(job, mirror, way, first, behind)
  local options = {}
  for name, value in pairs(mirror.options) do
    options[name] = value
  end
  local fields, version = { ["Accept-Encoding"] = "identity" }, job.target.version
  if way ~= mirrors.WHOLE then
    local last = behind < (version.size or math.huge) and ("%d"):format(behind - 1) or ""
    fields.Range = ("bytes=%d-%s"):format(first, last)
    if way == mirrors.IF_RANGE then
      fields["If-Range"] = version.etag or version.last_modified
    end
  end
  for _, field in ipairs(mirror.options.headers or {}) do
    local list = fields[field[1]] or {}
    if type(list) == "table" then
      list[#list + 1] = field[2]
      fields[field[1]] = list
    end
  end
  options.headers = fields
  return options
end

--- Writes a body to where it belongs, until `piece` is full, whose beginning follows; its
-- end may be set while a read waits.
-- @return true; or nil, err
function stream.write(job, response, seen, piece)
  local target, at, is_full = job.target, seen.first, false
  while true do
    piece[1] = at
    if is_full or at >= piece[2] and seen.behind ~= at then
      response:close()              -- the rest is somebody else's
      return true
    end
    local bytes, err = response:read_some(MOST)
    if err then
      return nil, err
    elseif bytes == nil then
      if seen.behind and at < seen.behind then
        return nil, errors.new("closed", ("the body ended after %d of %d bytes"):format(
          at - seen.first, seen.behind - seen.first), { url = response.url, phase = "receive",
          attempts = response.attempts, retryable = true })
      end
      return true
    end
    if seen.behind and at + #bytes > seen.behind then
      return strange(response, ("the body has more than the %d bytes that its headers say"):format(
        seen.behind - seen.first))
    elseif at + #bytes > piece[2] then
      bytes, is_full = bytes:sub(1, piece[2] - at), true
    end
    local ok
    ok, err = target:write(at, bytes)
    if not ok then
      response:close()
      return nil, err
    end
    at = at + #bytes
    job:received(#bytes)
  end
end

-- The whole file comes, from its beginning.
local function take_whole(job, mirror, response, seen)
  local target = job.target
  seen.source, seen.place = mirror.source, mirror.place
  local ok, err = target:restart(seen)
  if not ok then
    response:close()
    return nil, err
  end
  job.mirror, job.owner = mirror, mirror
  if seen.size == 0 then
    return true
  end
  if job:divides(response, seen) then
    return job:divide(mirror, response, seen)
  end
  local piece = { 0, seen.size or math.huge }
  ok, err = stream.write(job, response, seen, piece)
  if ok and seen.size == nil then
    target.version.size = piece[1]  -- now it is known
  end
  return ok, err
end

--- An answer of 200 to who asked for a part. It is taken, unless the mirror may give the
-- part to who asks otherwise.
-- @return the way in which to ask again; nil: it is taken
local function other_way(job, way, seen, mirror)
  local version = job.target.version
  if way == mirrors.IF_RANGE and answers.is_same(version, seen, version.source == mirror.source)
  then
    return mirrors.BY_ANSWER        -- it is the same file: If-Range means nothing here
  elseif way <= mirrors.BY_ANSWER and job.checksum and version.size and version.size == seen.size
  then
    return mirrors.BY_CHECKSUM      -- perhaps another name for the same
  end
end

-- Whether an answer of 206 brings what was asked for, of the file that is known.
local function fits(job, way, seen, mirror, first, behind)
  local version = job.target.version
  if seen == nil or seen.first ~= first or seen.behind > math.min(behind, seen.size)
    or version.size and version.size ~= seen.size then
    return false, mirrors.WHOLE
  elseif way < mirrors.BY_CHECKSUM
    and not answers.is_same(version, seen, version.source == mirror.source) then
    return false, job.checksum and version.size and mirrors.BY_CHECKSUM or mirrors.WHOLE
  end
  return true
end

-- An answer to who asked for one of several pieces: it has to be that piece.
local function take_piece(job, mirror, response, way, piece)
  local seen = answers.read(response)
  if response.status == 206 and fits(job, way, seen, mirror, piece[1], piece[2]) then
    job.target.joined = true
    return stream.write(job, response, seen, piece)
  elseif response.status == 200
    and other_way(job, way, seen, mirror) == mirrors.BY_ANSWER then
    mirror.way = mirrors.BY_ANSWER
  end
  response:close()
  return nil
end

-- An answer to who asks alone, and may begin anew.
local function take(job, mirror, response, way, piece)
  local seen = answers.read(response)
  local ok, other
  if response.status == 200 or not mirror.web then
    other = way ~= mirrors.WHOLE and other_way(job, way, seen, mirror)
    if not other then
      if way == mirrors.BY_ANSWER or way == mirrors.BY_CHECKSUM then
        mirror.way = mirrors.WHOLE  -- it knows no ranges
      end
      if not job:keeps(mirror) then
        return take_whole(job, mirror, response, seen)
      end
      other = mirror.way
    end
  elseif response.status ~= 206 or way == mirrors.WHOLE then
    return strange(response, ("HTTP status %d for a file"):format(response.status))
  else
    ok, other = fits(job, way, seen, mirror, piece[1], piece[2])
    if ok then
      job.mirror, job.owner, job.target.joined = mirror, mirror, true
      job.target.version.size = seen.size
      return stream.write(job, response, seen, piece)
    end
  end
  mirror.way = other
  response:close()
  return nil
end

--- Fetches some of what is missing.
-- @param piece {first, behind}; the beginning follows what is there, the end may be set
-- meanwhile
-- @param is_part boolean: of several at once
-- @return true: some came; nil, err; or nil: this mirror is to be asked in another way,
-- which is `mirror.way` now, or, when that is as before, not for parts
function stream.fetch(job, mirror, piece, is_part)
  local way = way_of(job, mirror, is_part)
  if is_part and way > mirrors.BY_ANSWER then
    return nil
  end
  local response, err = job.client:get(mirror.url, ask(job, mirror, way, piece[1], piece[2]))
  local answer = response or err.response
  job.status = answer and answer.status or job.status
  if response == nil then
    if answer then
      answer:close()
    end
    if answer and answer.status == 416 and way ~= mirrors.WHOLE then
      mirror.way = is_part and mirror.way or mirrors.WHOLE
      return nil
    end
    return nil, err
  end
  return (is_part and take_piece or take)(job, mirror, response, way, piece)
end

return stream
