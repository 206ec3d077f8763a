-- Lines of a body that comes in pieces, for response:lines().
local errors = require("multisock.base.errors")
local values = require("multisock.base.values")

local lines = {}

-- A line at most, unless asked for another size: one that never ends would fill
-- the memory.
local LONGEST = 1024 * 1024

--- Checks the options of lines(). @return bytes of a line at most
function lines.longest(options)
  if options == nil then
    return LONGEST
  elseif type(options) ~= "table" then
    errors.misuse("lines: table expected, got " .. values.describe(options))
  end
  for name in pairs(options) do
    if name ~= "max_size" then
      errors.misuse("lines: unknown option " .. errors.quote(name))
    end
  end
  local most = options.max_size or LONGEST
  if type(most) ~= "number" or most ~= most or most < 1 then
    errors.misuse("lines: max_size: number of 1 or more expected, got " .. values.describe(most))
  end
  return most
end

--- Iterates over lines.
-- @param read function() -> string; nil at the end; nil, err
-- @param most bytes of a line @param too_long function(message) that raises
function lines.iterate(read, most, too_long)
  local rest, at, ended = "", 1, false
  local pieces, size = {}, 0
  local function add(stop)
    size = size + stop - at + 1
    if size > most then
      too_long(("a line is longer than max_size (%.0f bytes)"):format(most))
    end
    pieces[#pieces + 1] = rest:sub(at, stop)
    at = stop + 1
  end
  local function take()
    local line = table.concat(pieces)
    pieces, size = {}, 0
    return line
  end
  return function()
    while true do
      local stop = rest:find("\n", at, true)
      if stop then
        add(stop - 1)
        at = stop + 1
        return (take():gsub("\r$", ""))
      end
      -- Kept in pieces: a long line is never copied more than once.
      add(#rest)
      if ended then
        local line = take()
        return line ~= "" and line or nil
      end
      local chunk, err = read()
      if err then
        error(err, 0)
      end
      rest, at, ended = chunk or "", 1, chunk == nil
    end
  end
end

return lines
