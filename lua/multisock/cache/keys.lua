-- What an answer is found by: the URL, who asks and how (his identity), and the headers
-- that its Vary names. Of credentials there are hashes alone, with a key that the store
-- has: neither a file nor a dump of memory tells them.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local options = require("multisock.request.options")
local pairs = require("multisock.base.compat").pairs

local keys = {}

-- Options that say who asks, whom he believes, and which way: what one got is not for the
-- other.
local OPTIONS = { "netrc" }
for name, row in pairs(options.rows) do
  if row.scope == "handle" or row.secret or row.cross_origin then
    OPTIONS[#OPTIONS + 1] = name
  end
end
table.sort(OPTIONS)

-- And the host that is asked, whatever the URL says.
local ALWAYS = {
  ["authorization"] = true, ["proxy-authorization"] = true, ["cookie"] = true, ["host"] = true,
}

---- Values as text ------------------------------------------------------------

-- Each with its length, so that no two are the same by chance. Raises a level that no
-- option has.
local function add(parts, value, depth)
  local kind = type(value)
  if kind == "table" and depth < 8 then
    local names = {}
    for name in pairs(value) do
      names[#names + 1] = name
    end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    parts[#parts + 1] = ("{%d"):format(#names)
    for _, name in ipairs(names) do
      add(parts, tostring(name), depth + 1)
      add(parts, value[name], depth + 1)
    end
  elseif kind == "string" or kind == "number" or kind == "boolean" or value == nil then
    local text = tostring(value)
    parts[#parts + 1] = ("%s%d:%s"):format(kind:sub(1, 1), #text, text)
  else
    parts.odd = true                  -- a function: nobody knows what it is the same as
  end
end

-- Settings are not changed, and most requests have their client's.
local known = setmetatable({}, { __mode = "k" })

-- As one string; false when there is something that cannot be compared.
local function settings_text(given)
  local text = known[given]
  if text == nil then
    local parts = {}
    for _, name in ipairs(OPTIONS) do
      add(parts, given[name], 0)
    end
    text = not parts.odd and table.concat(parts)
    known[given] = text
  end
  return text
end

--- The headers of a request that say who asks, and whom, as text.
function keys.credentials(request)
  local parts, sensitive, list = {}, request.settings.sensitive_headers, request:fields()
  for i = 1, #list do
    local name = list[i][1]:lower()
    if ALWAYS[name] or sensitive[name] then
      add(parts, name, 0)
      add(parts, list[i][2], 0)
    end
  end
  return table.concat(parts)
end

---- Keys ----------------------------------------------------------------------

local Key = {}
Key.__index = Key

--- The URL by which its answers are kept: no user name, no fragment.
function keys.url(target)
  return (errors.without_user(target.text):gsub("#.*$", ""))
end

--- @param request @param salt string: the store's key, 16 bytes
-- @return key: url, identity; nil: its answers are nobody else's
function keys.of(request, salt)
  local settings = settings_text(request.settings)
  if not settings then
    return nil
  end
  local user = request.target.has_user and request.target.text:match("^%a[%w+.-]*:/+([^/?#]*)@")
  local parts = { settings, keys.credentials(request) }
  add(parts, user, 0)
  return setmetatable({
    url = keys.url(request.target), salt = salt, list = request:fields(),
    identity = core.keyed_hash(salt, table.concat(parts)), variants = {},
  }, Key)
end

-- Lines of one field are one list, and blanks around its commas mean nothing (RFC 9111
-- 4.1); languages have no case.
local function normal(list, name)
  local values = {}
  for i = 1, #list do
    if list[i][1]:lower() == name then
      values[#values + 1] = list[i][2]
    end
  end
  local text = table.concat(values, ","):gsub("%s*,%s*", ","):gsub("^%s+", ""):gsub("%s+$", "")
  return name == "accept-language" and text:lower() or text
end

--- A hash of what it says in the headers that a Vary names.
-- @param names list, of heads.vary
function Key:variant(names)
  if #names == 0 then
    return ""
  end
  local text = table.concat(names, ",")
  local hash = self.variants[text]    -- most answers for a URL name the same
  if hash == nil then
    local parts = {}
    for i = 1, #names do
      add(parts, normal(self.list, names[i]), 0)
    end
    hash = core.keyed_hash(self.salt, table.concat(parts))
    self.variants[text] = hash
  end
  return hash
end

--- Whether other headers say the same in those that a Vary names.
function Key:is_like(list, names)
  for i = 1, #names do
    if normal(list, names[i]) ~= normal(self.list, names[i]) then
      return false
    end
  end
  return true
end

--- A text that requests have in common which are the same in all their headers.
function Key:exact()
  local parts = { self.url, self.identity }
  for i = 1, #self.list do
    add(parts, self.list[i][1]:lower(), 0)
    add(parts, self.list[i][2], 0)
  end
  return core.keyed_hash(self.salt, table.concat(parts))
end

--- Whether a stored answer is one to this request.
function Key:matches(entry)
  return entry.identity == self.identity and self:variant(entry.vary) == entry.variant
end

--- The newest of those that answer this request (RFC 9111 4.1).
-- @param entries list @return entry; or nil
function Key:choose(entries)
  local best
  for i = 1, #entries do
    local entry = entries[i]
    if (best == nil or entry.facts.date >= best.facts.date) and self:matches(entry) then
      best = entry
    end
  end
  return best
end

return keys
