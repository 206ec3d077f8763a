-- Profiles: what handles are set up from, each once for all requests of a client that
-- ask for the same. A handle serves one profile, and needs for the next request of it
-- nothing but the message.
local pairs = require("multisock.base.compat").pairs

local profiles = {}

-- More than a client has at once, as a rule. Of those that are forgotten the handles
-- are no longer found, and go as others come.
local MOST = 64

local Profiles = {}
Profiles.__index = Profiles

-- Numbers of profiles, over all clients. 0 is none.
local last = 0

-- By value: text for a list, a table of fields, or a plain value.
local function describe(value)
  if type(value) ~= "table" then
    return type(value) .. ":" .. tostring(value)
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for i, key in ipairs(keys) do
    local text = describe(value[key])
    keys[i] = ("%s=%d:%s"):format(tostring(key), #text, text)
  end
  return table.concat(keys, ";")
end

--- The profiles of a client.
-- @param base table its settings @param rows see options.lua
function profiles.new(base, rows)
  local names = {}
  for name, row in pairs(rows) do
    if (row.scope == "handle" or row.part) and name ~= "curl" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return setmetatable({ base = base, rows = rows, names = names, known = {}, count = 0, uses = 0 },
    Profiles)
end

-- What a handle is set up from, of the option with this name.
local function part_of(self, name, value)
  local part = self.rows[name].part
  if part then
    return part(value) or false     -- not nil: the client's would count
  end
  return value
end

-- A raw option may be a function or a file, and may leave its traces in a handle:
-- cookies and the like.
local function make(self, given, connection)
  local own = { curl = given.curl }
  for _, name in ipairs(self.names) do
    own[name] = part_of(self, name, given[name])
  end
  last = last + 1
  return {
    number = last, settings = setmetatable(own, { __index = self.base }), raw = given.curl,
    connection = connection, once = given.curl ~= self.base.curl,
  }
end

local function forget_oldest(self)
  local oldest
  for text, profile in pairs(self.known) do
    if profile.number ~= self.base.profile.number
      and (oldest == nil or profile.used < self.known[oldest].used) then
      oldest = text
    end
  end
  if self.known[oldest].model then
    self.known[oldest].model:close()
  end
  self.known[oldest] = nil
  self.count = self.count - 1
end

--- The profile of these settings.
-- @return {number, settings, raw (its raw options, or nil), connection (text: what
-- leads to another connection than the client's own), once (boolean: a handle is not
-- used again)}
function Profiles:find(given)
  local all, connections, base = {}, {}, self.base
  for _, name in ipairs(self.names) do
    local value = part_of(self, name, given[name])
    all[#all + 1] = describe(value)
    if self.rows[name].connection and value ~= base[name] then
      connections[#connections + 1] = name .. "=" .. describe(value)
    end
  end
  local connection = table.concat(connections, "|")
  if given.curl ~= base.curl then
    return make(self, given, connection .. "|" .. tostring(given.curl and "curl"))
  end
  local text = table.concat(all, "|")
  local profile = self.known[text]
  if profile == nil then
    if self.count >= MOST then
      forget_oldest(self)
    end
    profile = make(self, given, connection)
    self.known[text], self.count = profile, self.count + 1
  end
  self.uses = self.uses + 1
  profile.used = self.uses
  return profile
end

--- Closes the handles that are copied.
function Profiles:close()
  for _, profile in pairs(self.known) do
    if profile.model then
      profile.model:close()
    end
  end
end

return profiles
