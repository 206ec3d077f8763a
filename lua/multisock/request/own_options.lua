-- Options of what is made of requests, such as a download or an event source: its own, which
-- are rows as those of options.lua, beside those of its requests.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local option_module = require("multisock.request.options")
local pairs = compat.pairs
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local checks, known = option_module.checks, option_module.rows

local own_options = {}

--- What a check returns; what it raises is misuse.
-- @param what string: who takes the options, for messages
function own_options.checked(what, check, ...)
  local ok, value, more = pcall(check, ...)
  if not ok then
    errors.misuse(what .. ": " .. value)
  end
  return value, more
end

--- A check: as that of sizes, or math.huge for no limit.
function own_options.size_or_huge(name, value)
  return value == math.huge and value or checks.size(name, value)
end

-- For who mistyped one: all that may be given.
local function all_names(rows, refused)
  local all = {}
  for _, list in ipairs({ rows, known }) do
    for name in pairs(list) do
      all[name] = not refused[name] or nil
    end
  end
  return all
end

--- Takes what a user gives apart.
-- @param what string: who takes the options, for messages @param rows table: its own options
-- @param refused table by name: the end of the message, of options of requests that mean nothing
-- there @param given table
-- @return its own options, with their defaults; those of requests
-- @raise on misuse
function own_options.split(what, rows, refused, given)
  if type(given) ~= "table" then
    errors.misuse(what .. ": table of options expected, got " .. values.describe(given))
  end
  given = values.unfolded(given, rows, known, refused)
  local own, asked = {}, {}
  for name, row in pairs(rows) do
    own[name] = row.default
  end
  for name, value in pairs(given) do
    if rows[name] then
      own[name] = own_options.checked(what, rows[name].check, name, value)
    elseif refused[name] then
      errors.misuse(("%s: option '%s'%s"):format(what, name, refused[name]))
    elseif known[name] then
      asked[name] = value
    else
      errors.misuse(("%s: unknown option %s%s"):format(what, errors.quote(name),
        suggest.hint(name, all_names(rows, refused), suggest.ELSEWHERE)))
    end
  end
  return own, asked
end

return own_options
