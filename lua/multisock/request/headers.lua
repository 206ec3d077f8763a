-- Header fields: those that users give are checked here, those of a response
-- are objects of src/lua/headers.c.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local values = require("multisock.base.values")

local headers = {}

-- RFC 9110 token characters.
local NOT_TOKEN = "[^%w!#$%%&'*+%-.^_`|~]"

--- Reads a raw header block: see src/lua/headers.c.
-- @param block string @return headers, and the reason phrase (nil when none)
headers.parse = core.headers

local Headers = getmetatable(headers.parse(""))

--- Whether it may be the name of a field, a method, a subprotocol.
function headers.is_token(text)
  return type(text) == "string" and text ~= "" and not text:find(NOT_TOKEN)
end
local is_token = headers.is_token

-- Adds a field; raises when it may not be sent.
local function add_checked(list, name, value, level)
  level = level + 1
  if not is_token(name) then
    error("headers: invalid name " .. errors.quote(name), level)
  end
  local text = type(value) ~= "boolean" and values.text(value)
  if not text then
    error(("headers: %s: string or number expected, got %s"):format(name,
      values.describe(value)), level)
  end
  if text:find("[%z\r\n]") then
    error(("headers: %s: the value has a line break or a zero byte"):format(name), level)
  end
  list[#list + 1] = { name, text }
end

-- Two would be sent as one, or refused by the server (RFC 9112 3.2).
local function check_host(list, level)
  local seen = false
  for i = 1, #list do
    local is_host = list[i][1]:lower() == "host"
    if is_host and seen then
      error("headers: Host is given twice", level + 1)
    end
    seen = seen or is_host
  end
  return list
end

--- Checks what a user gave as request headers.
-- @param given table of name = value, name = {values}, name = false, or a headers object
-- @return list of {name, value}, names in alphabetical order; and a set of the names, in
-- lower case, that are false; nil: none is
function headers.to_list(given, level)
  level = (level or 1) + 1
  local usual = core.fields(given)
  if usual then
    return core.field_list(usual)
  end
  local list = {}
  if type(given) == "userdata" and getmetatable(given) == Headers then
    for name, value in given:each() do
      add_checked(list, name, value, level)
    end
    return check_host(list, level)
  elseif type(given) ~= "table" then
    error("headers: table expected, got " .. values.describe(given), level)
  end
  local names = {}
  for name in pairs(given) do
    if type(name) ~= "string" then
      error("headers: names must be strings, got " .. errors.quote(name), level)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  local gone
  for _, name in ipairs(names) do
    local value = given[name]
    if value == false then
      gone = gone or {}
      gone[name:lower()] = true
    elseif type(value) == "table" and values.odd_key(value) == nil then
      for i = 1, #value do
        add_checked(list, name, value[i], level)
      end
    else
      add_checked(list, name, value, level)
    end
  end
  return check_host(list, level), gone
end

--- The first value of a name in such a list, or nil.
function headers.find(list, name)
  name = name:lower()
  for i = 1, #list do
    if list[i][1]:lower() == name then
      return list[i][2]
    end
  end
end

--- Two lists in one: fields of `over` replace those of `base`, and those in `gone` go.
function headers.merge(base, over, gone)
  if #base == 0 then
    return over
  end
  local merged = {}
  for i = 1, #base do
    local name = base[i][1]
    if not (headers.find(over, name) or gone and gone[name:lower()]) then
      merged[#merged + 1] = base[i]
    end
  end
  for i = 1, #over do
    merged[#merged + 1] = over[i]
  end
  return merged
end

return headers
