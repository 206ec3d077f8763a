-- The file that a download writes: PATH.part until all of it is there and right. Keeps
-- which bytes of which version there are, here and in PATH.part.json, and the checksum.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local ranges = require("multisock.download.ranges")
local scheduler = require("multisock.tasks.scheduler")
local state = require("multisock.download.state")
local waiting = require("multisock.tasks.waiting")

local now = scheduler.now

local target = {}

local Target = {}
Target.__index = Target

-- How much may have to be fetched again, in seconds, after the process was killed.
local SAVE_INTERVAL = 0.5

-- What a full disk is given back, so that there is room to write down what is known.
local ROOM = 64 * 1024

-- What is read for a checksum before others have their turn: 1 ms.
local TURN = 1024 * 1024

--- What went wrong with the file, and nothing else will help.
function Target:fail(message)
  self.broken = self.broken or errors.new("io", ("%s: %s"):format(self.part, message))
  return nil, self.broken
end

--- Opens PATH.part.
-- @param resume boolean: whether what is there from before may be used
-- @return target; or nil, err
function target.open(path, resume)
  local self = setmetatable({ path = path, part = path .. ".part", version = { ranges = {} },
    held = 0, resumed_from = 0, saved_at = now() }, Target)
  local ok, message = core.check_place(path)
  if not ok then
    return nil, errors.new("io", ("%s: %s"):format(path, message))
  end
  local file
  file, message = core.part_file(self.part)
  if file == nil then
    return self:fail(message)
  end
  self.file = file
  local size
  size, message = file:size()
  if size == nil then
    return self:fail(message)
  end
  self.found = size                 -- bytes that somebody has left here
  local known = resume and size > 0 and state.load(self.part, size)
  if known then
    self.version, self.held = known, ranges.total(known.ranges)
    self.resumed_from, self.joined = self.held, true
    -- What is behind it nobody knows: bytes that were written last, or another program's.
    ok, message = file:cut(known.ranges[#known.ranges][2])
    if not ok then
      return self:fail(message)
    end
    if self.held == known.size then
      self:forget_last()
    end
  end
  self.sum, self.summed = core.sha256(), 0
  return self
end

-- All is there, but only the server knows whether it is still the same: asked for its
-- last byte, it says so.
function Target:forget_last()
  local list = self.version.ranges
  self.held, self.resumed_from = self.held - 1, self.resumed_from - 1
  list[#list][2] = list[#list][2] - 1
  if list[#list][1] == list[#list][2] then
    list[#list] = nil
  end
end

--- What is missing, as ranges; the last may end at math.huge.
function Target:missing()
  return ranges.missing(self.version.ranges, self.version.size or math.huge)
end

--- Begins with another version: what is there goes.
-- @param seen what its answer says: see answers.lua
-- @return true; or nil, err
function Target:restart(seen)
  state.remove(self.part)           -- before the bytes change, of which it speaks
  local ok, message = self.file:cut(0)
  if not ok then
    return self:fail(message)
  end
  self.version = { etag = seen.etag, last_modified = seen.last_modified, size = seen.size,
    source = seen.source, place = seen.place, ranges = {} }
  self.held, self.resumed_from = 0, 0
  self.sum, self.summed = core.sha256(), 0
  self.touched, self.joined = true, false
  return true
end

--- Takes bytes. @return true; or nil, err
function Target:write(at, bytes)
  local ok, message = self.file:write(at, bytes)
  if not ok then
    return self:fail(message)
  end
  local behind = at + #bytes
  ranges.add(self.version.ranges, at, behind)
  self.held = ranges.total(self.version.ranges)
  if self.sum and at == self.summed then
    self.sum:update(bytes)
    self.summed = behind
  end
  self.touched = true
  if now() - self.saved_at >= SAVE_INTERVAL then
    return self:save()
  end
  return true
end

--- Writes down what is there. @return true; or nil, err
function Target:save()
  if self.fsync then
    local ok, message = self.file:sync()
    if not ok then
      return self:fail(message)
    end
  end
  local ok, message = state.store(self.part, self.version)
  if not ok then
    return self:fail(message)
  end
  self.saved_at = now()
  return true
end

--- The SHA-256 of all, in hexadecimal digits; lets others run meanwhile.
-- @return string; nil where there is no library for it; or nil, err
function Target:checksum()
  local sum, turn = self.sum, 0
  self.sum = nil
  while sum do
    local bytes, message = self.file:read(self.summed)
    if bytes == nil then
      return self:fail(message)
    elseif bytes == "" then
      return sum:finish()
    end
    sum:update(bytes)
    self.summed, turn = self.summed + #bytes, turn + #bytes
    if turn >= TURN then
      waiting.sleep(0)
      turn = 0
    end
  end
end

--- Gives the complete file its name.
-- @param path where it is to be @return true; or nil, err
function Target:publish(path)
  local size, message = self.file:size()
  if size ~= self.held then
    return self:fail(message or "another program has changed this file")
  end
  local ok = true
  if self.fsync then
    ok, message = self.file:sync()
  end
  if ok then
    ok, message = self.file:take_place(self.part, path)
  end
  if not ok then
    self.broken = errors.new("io", ("%s: %s"):format(path, message))
    return nil, self.broken
  end
  self.path, self.published = path, true
  state.remove(self.part)
  if self.fsync then
    ok, message = core.sync_folder(path:match("^(.*/)[^/]*$") or ".")
  end
  local closed, close_message = self:close()
  if not (ok and closed) then
    return self:fail(message or close_message)
  end
  return true
end

--- What is there is wrong: nothing of it stays.
function Target:discard()
  state.remove(self.part)
  os.remove(self.part)
  self.published = true             -- there is nothing more to be kept
end

-- Writes down what is there for the next time. A full disk has no room for that: then the
-- last bytes are given up.
local function keep(self)
  if state.store(self.part, self.version) then
    return
  end
  local list = self.version.ranges
  local behind = math.max(0, list[#list][2] - ROOM)
  self.version.ranges = ranges.cut(list, behind)
  if behind > 0 and self.file:cut(behind) then
    state.store(self.part, self.version)
  end
end

--- Lets go of the file; what is there stays for the next time. May be called again.
function Target:close()
  local file = self.file
  if file == nil then
    return true
  end
  if not self.published then
    if self.held > 0 and self.touched then
      keep(self)
    elseif self.held == 0 and (self.touched or self.found == 0) then
      self:discard()
    end
  end
  self.file = nil
  return file:close()
end

return target
