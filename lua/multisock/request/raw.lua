-- The option `curl`: libcurl's own options, by their names there, in any case.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local raw = {}

local NO_OPTIONS = {}

-- Those that ask libcurl for a body, which it would wait for: bodies are fed by us.
local FED = {
  upload = true, put = true, post = true, infilesize = true, infilesize_large = true,
  postfieldsize = true, postfieldsize_large = true,
}

--- The raw options that are given, in lower case.
-- @return table not to be changed
function raw.of(given)
  return values.lowered(given.curl) or NO_OPTIONS
end

-- All that this libcurl has; asked for when the first one is given.
local names
local function known_names()
  if names == nil then
    names = {}
    for _, option in ipairs(core.options()) do
      names[option.name:lower()] = true
    end
  end
  return names
end

-- What is said of a name that is none, and which was meant.
local function unknown(name)
  return ("option 'curl': unknown option %s%s"):format(errors.quote(name),
    suggest.hint(name, known_names()))
end

-- Lists and the like may be changed by who gave them, before they are sent.
local function copy(value, copies)
  if type(value) ~= "table" or getmetatable(value) ~= nil then
    return value
  elseif copies[value] == nil then
    local own = {}
    copies[value] = own
    for key, field in pairs(value) do
      own[key] = copy(field, copies)
    end
  end
  return copies[value]
end

--- Checks the names; libcurl checks the values when a handle is set up.
-- @param expected function(name, what, value), which raises
function raw.check(name, value, expected)
  if type(value) ~= "table" then
    expected(name, "table of libcurl's options", value)
  end
  for key in pairs(value) do
    local lower = type(key) == "string" and key:lower()
    if lower and FED[lower] then
      error(("option '%s.%s': a body is sent with the options 'method' and 'body'"):format(name,
        key), 0)
    elseif not known_names()[lower] then
      error(unknown(key), 0)
    end
  end
  return copy(value, {})
end

--- Those of a request over those of its client.
function raw.merge(base, over)
  local own, others = values.lowered(over), {}
  for name, value in pairs(base or {}) do
    if own[tostring(name):lower()] == nil then
      others[name] = value
    end
  end
  return values.merged(others, over)
end

return raw
