-- Files as bodies: open ones, and those that have only a name.
local errors = require("multisock.base.errors")

local files = {}

local CHUNK = 64 * 1024

-- How many bytes a file has from `start` on; nil where that cannot be told: files
-- of /proc say that they have none.
local function size_of(file, start)
  local stop = file:seek("end")
  file:seek("set", start)
  local size = stop and math.max(stop - start, 0)
  return (size ~= 0 or file:read(0) == nil) and size or nil
end

local function failure(what, message)
  return nil, errors.new("io", what .. ": " .. message)
end

-- The next piece, behind `given` bytes; or nil, err. Of a file that grows meanwhile, a
-- log, what it had is sent.
local function read_some(file, what, size, given)
  local most = size and math.min(CHUNK, size - given) or CHUNK
  if most == 0 then
    return nil
  end
  local chunk, message = file:read(most)
  if chunk == nil and message then
    return failure(what, message)
  elseif chunk == nil and size then
    return failure(what, ("the file ended after %d of its %d bytes"):format(given, size))
  end
  return chunk
end

--- Of an open file, from where it is. It stays the caller's to close.
-- @param what string: what messages call it
-- @return body, as bodies.lua has them
function files.of_open(file, what)
  local start, given = file:seek("cur"), 0
  local size = start and size_of(file, start)
  return {
    size = size,
    read = function()
      local chunk, err = read_some(file, what, size, given)
      given = given + #(chunk or "")
      return chunk, err
    end,
    rewind = start and function()
      file:seek("set", start)
      given = 0
    end,
  }
end

--- Of a file with this name, which is opened when it is sent.
-- @return body; or nil, err
function files.of_path(path, what)
  local file, message = io.open(path, "rb")
  if file == nil then
    return failure(what, message)
  end
  local _, unreadable = file:read(0)            -- as of a folder
  local size = not unreadable and file:seek("set") and size_of(file, 0) or nil
  file:close()
  if unreadable then
    return failure(what, path .. ": " .. unreadable)
  end
  local opened, given = nil, 0
  local function close()
    if opened then
      opened:close()
      opened = nil
    end
    given = 0
  end
  return {
    size = size, rewind = close, close = close,
    read = function()
      if opened == nil then
        opened, message = io.open(path, "rb")
        if opened == nil then
          return failure(what, message)
        end
      end
      local chunk, err = read_some(opened, what, size, given)
      given = given + #(chunk or "")
      if chunk == nil then
        close()
      end
      return chunk, err
    end,
  }
end

return files
