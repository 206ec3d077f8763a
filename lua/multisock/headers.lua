-- Header fields. Pure: no core, no scheduler.
local headers = {}

local Headers = {}
local methods = {}

-- RFC 9110 token characters.
local NOT_TOKEN = "[^%w!#$%%&'*+%-.^_`|~]"

local function check_name(what, name)
  if type(name) ~= "string" then
    error(("%s: name: string expected, got %s"):format(what, type(name)), 3)
  end
end

--- The first value of a field, whatever its case.
-- @param name string @return string or nil
function methods:get(name)
  check_name("get", name)
  local all = self._index[name:lower()]
  return all and all[1]
end

--- All values of a field, in the order of arrival.
-- @param name string @return list, empty when there are none
function methods:get_all(name)
  check_name("get_all", name)
  local all = self._index[name:lower()]
  local copy = {}
  for i = 1, all and #all or 0 do
    copy[i] = all[i]
  end
  return copy
end

--- Iterates over name, value in the order of arrival, names as they came.
function methods:each()
  local list, at = self._list, 0
  return function()
    at = at + 1
    local field = list[at]
    if field then
      return field[1], field[2]
    end
  end
end

function methods:add(name, value)
  local list, index = self._list, self._index
  list[#list + 1] = { name, value }
  local key = name:lower()
  local all = index[key]
  if all then
    all[#all + 1] = value
  else
    index[key] = { value }
  end
end

--- `headers["content-type"]`: the values, joined by ", ", or nil.
function Headers.__index(self, name)
  local method = methods[name]
  if method then
    return method
  end
  local all = type(name) == "string" and rawget(self, "_index")[name:lower()]
  return all and table.concat(all, ", ") or nil
end

function Headers.__newindex(_, name)
  error("headers are read-only: " .. tostring(name), 2)
end

function Headers.__pairs(self)
  return self:each()
end

function Headers.__tostring(self)
  local lines = {}
  for name, value in self:each() do
    lines[#lines + 1] = name .. ": " .. value
  end
  return table.concat(lines, "\n")
end

Headers.__name = "multisock.headers"

--- An empty, ordered, case-insensitive list of fields.
function headers.new()
  return setmetatable({ _list = {}, _index = {} }, Headers)
end

--- Reads a raw header block. A line that starts with a space continues the one
-- before it.
-- @param block string @return headers, and the reason phrase (nil when none)
function headers.parse(block)
  local fields = headers.new()
  local reason
  for line in block:gmatch("[^\n]+") do
    -- A "\r" elsewhere does not end a line: it would make a field of a value.
    line = line:gsub("\r+$", "")
    if line:find("^HTTP/") then
      reason = line:match("^%S+%s+%d+%s+(%S.-)%s*$")
    elseif line:find("^[ \t]") then
      local list = fields._list
      local last = list[#list]
      if last then
        local all = fields._index[last[1]:lower()]
        last[2] = last[2] .. " " .. line:match("^%s*(.-)%s*$")
        all[#all] = last[2]
      end
    else
      local name, value = line:match("^([^:]-)%s*:%s*(.-)%s*$")
      if name and name ~= "" then
        fields:add(name, value)
      end
    end
  end
  return fields, reason
end

--- Raises unless this may be sent as a field.
function headers.check(name, value, level)
  level = (level or 1) + 1
  if type(name) ~= "string" or name == "" or name:find(NOT_TOKEN) then
    error(("headers: invalid name %q"):format(tostring(name)), level)
  end
  if type(value) ~= "string" and type(value) ~= "number" then
    error(("headers: %s: string or number expected, got %s"):format(name, type(value)), level)
  end
  if tostring(value):find("[%z\r\n]") then
    error(("headers: %s: the value has a line break or a zero byte"):format(name), level)
  end
end

local function add_checked(list, name, value, level)
  headers.check(name, value, level + 1)
  list[#list + 1] = { name, tostring(value) }
end

--- Checks what a user gave as request headers.
-- @param given table of name = value, name = {values}, or a headers object
-- @return list of {name, value}, names in alphabetical order
function headers.to_list(given, level)
  level = (level or 1) + 1
  local list = {}
  if type(given) ~= "table" then
    error("headers: table expected, got " .. type(given), level)
  end
  if getmetatable(given) == Headers then
    for name, value in given:each() do
      add_checked(list, name, value, level)
    end
    return list
  end
  local names = {}
  for name in pairs(given) do
    if type(name) ~= "string" then
      error("headers: names must be strings, got " .. tostring(name), level)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = given[name]
    if type(value) == "table" then
      for i = 1, #value do
        add_checked(list, name, value[i], level)
      end
    else
      add_checked(list, name, value, level)
    end
  end
  return list
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

--- Two lists in one: fields of `over` replace those of `base`.
function headers.merge(base, over)
  local merged = {}
  for i = 1, #base do
    if not headers.find(over, base[i][1]) then
      merged[#merged + 1] = base[i]
    end
  end
  for i = 1, #over do
    merged[#merged + 1] = over[i]
  end
  return merged
end

--- The list in libcurl's words.
function headers.to_lines(list)
  local lines = {}
  for i = 1, #list do
    local name, value = list[i][1], list[i][2]
    -- "Name:" would remove the field, with or without spaces behind.
    lines[i] = not value:find("%S") and name .. ";" or name .. ": " .. value
  end
  return lines
end

return headers
