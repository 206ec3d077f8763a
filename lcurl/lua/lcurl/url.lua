-- URL objects of Lua-cURLv3 on those of multisock.core.
local core = require("multisock.core")
local native = require("lcurl.native")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local object = require("lcurl.object")
local pairs = require("lcurl.pairs")

local url = {}

local values = constants.values

-- Names of flags in multisock.core, by U_ number.
local flags = {}
for name, number in pairs(values) do
  local flag = name:match("^U_(.*)")
  if flag then
    flags[#flags + 1] = { number, flag:lower() }
  end
end

-- A sum of flags as the list of names that multisock.core takes.
local function flag_names(method, position, sum)
  sum = object.integer(sum)
  if sum == nil then
    return nil
  elseif type(sum) ~= "number" or sum % 1 ~= 0 or sum < 0 then
    object.bad_argument(method, position,
      "sum of U_ flags expected, got " .. object.type_name(sum))
  end
  local names = {}
  for _, flag in ipairs(flags) do
    if math.floor(sum / flag[1]) % 2 == 1 then
      names[#names + 1] = flag[2]
      sum = sum - flag[1]
    end
  end
  if sum ~= 0 then
    object.bad_argument(method, position, "unknown U_ flag " .. sum)
  end
  return names
end

local function fail(state, err)
  return errors.deliver(state, errors.convert("CURL-URL", err))
end

-- The whole URL is there only when it has a scheme and a host.
local function incomplete(state)
  local missing = state.core:get("host") and "E_URL_NO_SCHEME" or "E_URL_NO_HOST"
  return errors.new("CURL-URL", values[missing], native.strerror("url", values[missing]))
end

local function set(state, self, method, part, value, sum)
  if value ~= core.null and type(value) ~= "string" then
    object.bad_argument(method, 1, "string expected, got " .. object.type_name(value))
  end
  if value == core.null then
    value = nil
  end
  local ok, err = state.core:set(part, value, flag_names(method, 2, sum))
  if not ok then
    return fail(state, err)
  end
  return self
end

local function get(state, method, part, sum)
  local value, err = state.core:get(part, flag_names(method, 1, sum))
  if value then
    return value
  elseif err then
    return fail(state, err)
  elseif part == "url" then
    return errors.deliver(state, incomplete(state))
  end
  return core.null
end

local methods = {}

for _, part in ipairs({
  "url", "scheme", "user", "password", "options", "host", "port", "path", "query", "fragment",
  "zoneid",
}) do
  local setter, getter = "set_" .. part, "get_" .. part
  methods[setter] = function(state, self, value, sum)
    return set(state, self, setter, part, value, sum)
  end
  methods[getter] = function(state, _, sum)
    return get(state, getter, part, sum)
  end
end

function methods.dup(state)
  return url.class.new({ mode = state.mode, core = state.core:dup() })
end

--- A transfer that was given the URL keeps it.
function methods.cleanup(state)
  if state.closed then return end
  state.closed = true
  state.core:close()
end

url.class = object.class("LcURL URL", methods, {
  closed = "closed",
  tostring = function(state)
    local text, err = state.core:get("url")
    if not text then
      errors.raise(err and errors.convert("CURL-URL", err) or incomplete(state))
    end
    return text
  end,
})

--- @param mode string "raise" or "return"
-- @param text string|nil
-- @param sum integer|nil flags
function url.new(mode, text, sum)
  local state = { mode = mode, core = assert(core.url()) }
  local self = url.class.new(state)
  if text ~= nil then
    return set(state, self, "url", "url", object.check_string("url", 1, text), sum)
  end
  return self
end

return url
