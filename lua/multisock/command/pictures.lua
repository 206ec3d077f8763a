-- What is kept of the requests of a command, beside what they fetch: `--har` and
-- `--waterfall`.
local core = require("multisock.core")
local ms = require("multisock")

local pictures = {}

local Pictures = {}
Pictures.__index = Pictures

-- Not being able to write it is to be known before all is fetched.
local function try(option, path)
  local file, message = core.replacement(path, true)
  if file == nil then
    return nil, ("%s %s: %s"):format(option, path, message)
  end
  file:close()
  return true
end

--- Begins.
-- @param given options of the command
-- @return object, with the `agent` of its client, or nil; or nil, message
function pictures.begin(given)
  local self = setmetatable({ path = given.waterfall }, Pictures)
  for _, name in ipairs({ "har", "waterfall" }) do
    local ok, message = true, nil
    if given[name] then
      ok, message = try("--" .. name, given[name])
    end
    if not ok then
      return nil, message
    end
  end
  self.agent = given.har and ms.har(given.har, "record")
  self.chart = given.waterfall and require("multisock.waterfall").start()
  return self
end

--- Writes all.
-- @return list of messages: what could not be written
function Pictures:finish()
  local complaints = {}
  local function note(_, err)
    complaints[#complaints + 1] = err and err.message
  end
  if self.agent then
    note(self.agent:close())
  end
  if self.chart then
    self.chart:close()
    note(self.chart:save(self.path))
  end
  return complaints
end

return pictures
