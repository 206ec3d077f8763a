-- response:save: a body into a file that is whole before anybody sees it.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local values = require("multisock.base.values")

local saving = {}

--- Raises when this is no path.
function saving.check(path)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    errors.misuse("save: path of a file expected, got " .. (type(path) == "string"
      and errors.quote(path) or values.describe(path)))
  end
end

--- @param path string
-- @param write function(file): has a file of core.replacement written; its bytes; or nil,
-- err; or nil, nil, message of the file
-- @return bytes; or nil, err, and whether it was begun
function saving.run(path, write)
  local file, message = core.replacement(path)
  if file == nil then
    return nil, errors.new("io", path .. ": " .. message), false
  end
  local size, err
  size, err, message = write(file)
  if size then
    local ok
    ok, message = file:publish()
    size = ok and size or nil
  end
  file:close()
  if size then
    return size
  end
  err = err or errors.new("io", message)
  if errors.is(err, "io") then
    err.message = path .. ": " .. err.message
  end
  return nil, err, true
end

return saving
