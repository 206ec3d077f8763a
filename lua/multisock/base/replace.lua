-- Writes a file as a whole: whoever reads it finds the old bytes or the new ones.
local core = require("multisock.core")

--- @param path string
-- @param bytes string
-- @param how? {private?: boolean, sync?: boolean} `private`: the user alone may read it;
-- `sync`: the disk has it then
-- @return true; or nil, the system's words, and the file is as it was
return function(path, bytes, how)
  how = how or {}
  local file, message = core.replacement(path, how.private)
  if file == nil then
    return nil, message
  end
  local ok
  ok, message = file:write(bytes)
  if ok then
    ok, message = file:publish(how.sync)
  end
  file:close()
  return ok, message
end
