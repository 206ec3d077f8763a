-- Stored answers in a folder, which other processes may have, too: a file for each, put in
-- place whole and read with its check sum, so that what is broken or half there is as if it
-- were not stored. Its name is a hash with a key that stands beside them; so is what it says
-- of who asked.
local contents = require("multisock.base.contents")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local hex = require("multisock.base.hex")
local replace = require("multisock.base.replace")
local rules = require("multisock.cache.rules")

local disk = {}

local Disk = {}
Disk.__index = Disk

local VERSION = "multisock-cache-1"
local START = "^multisock%-cache%-1 (%d+) (%d+) (%x+)$"
local KEY_FILE = "key"

-- Answers for one URL, by Vary and by who asked.
local MOST_VARIANTS = 32

-- The folder is looked through when so much of its size was written, and what was not used
-- for the longest time goes until this much is left.
local LOOK_AFTER, LEFT = 1 / 16, 7 / 8

-- What else lies there, such as what a process that died has begun to write.
local OLD = 3600

---- Files ---------------------------------------------------------------------

-- Fields of an entry that are written, in this order.
local FIELDS = { "url", "identity", "variant", "names", "status", "http_version", "asked_at",
  "got_at", "head" }

local function describe(entry)
  local parts = {}
  entry.names = table.concat(entry.vary, ",")
  for i, name in ipairs(FIELDS) do
    local text = tostring(entry[name] or "")
    parts[i] = #text .. ":" .. text
  end
  return table.concat(parts)
end

-- An entry of such a text; nil when it is none.
local function parse(text)
  local entry, at = {}, 1
  for _, name in ipairs(FIELDS) do
    local length, start = text:match("^(%d+):()", at)
    if length == nil or #length > 9 then
      return nil
    end
    at = start + tonumber(length)
    entry[name] = text:sub(start, at - 1)
  end
  entry.status, entry.asked_at = tonumber(entry.status), tonumber(entry.asked_at)
  entry.got_at = tonumber(entry.got_at)
  entry.http_version = entry.http_version ~= "" and entry.http_version or nil
  if at ~= #text + 1 or not (entry.status and entry.asked_at and entry.got_at) then
    return nil
  end
  entry.vary = {}
  for name in entry.names:gmatch("[^,]+") do
    entry.vary[#entry.vary + 1] = name
  end
  entry.facts = rules.facts(entry.status, headers.parse(entry.head), entry.asked_at, entry.got_at)
  return entry
end

-- The first line of a file: the length of its description, of its body, and the sum of both.
local function read_start(file)
  local line = file:read("*l") or ""
  local described, body, sum = line:match(START)
  described, body = tonumber(described), tonumber(body)
  if not described or described > 1024 * 1024 then
    return nil
  end
  local text = file:read(described)
  return text and #text == described and text or nil, body, sum
end

local function read_entry(path)
  local file = io.open(path, "rb")
  local text = file and read_start(file)
  if file then
    file:close()
  end
  local entry = text and parse(text)
  if entry then
    entry.path, entry.text = path, text
  end
  return entry
end

---- The store -----------------------------------------------------------------

local function place(self, url)
  local hash = core.keyed_hash(self.salt, url)
  return self.path .. "/" .. hash:sub(1, 2), hash:sub(3) .. "-"
end

--- All entries for a URL.
function Disk:find(url)
  local folder, prefix = place(self, url)
  local list = {}
  for i, name in ipairs(core.list_folder(folder, prefix) or {}) do
    local entry = i <= 2 * MOST_VARIANTS and read_entry(folder .. "/" .. name)
    if entry and entry.url == url then
      list[#list + 1] = entry
    end
  end
  return list
end

--- The body of an entry, which is used thereby. @return string; nil: it has gone
function Disk:body(entry)
  local file = not entry.body and entry.path and io.open(entry.path, "rb")
  if file then
    local text, size, sum = read_start(file)
    local body = text == entry.text and (file:read("*a") or "")
    file:close()
    if body and #body == size and core.keyed_hash(self.salt, text .. body) == sum then
      entry.body = body
      core.touch(entry.path)
    else
      os.remove(entry.path)
    end
  end
  return entry.body
end

-- One more will be there: the oldest goes when there are many.
local function make_room(list)
  if #list >= MOST_VARIANTS then
    table.sort(list, function(a, b) return a.got_at < b.got_at end)
    for i = 1, #list - MOST_VARIANTS + 1 do
      os.remove(list[i].path)
    end
  end
end

--- Stores an entry in the place of those that `key` matches. When it cannot be written it is
-- not stored.
function Disk:put(key, entry, body)
  local folder, prefix = place(self, entry.url)
  local text = describe(entry)
  local name = core.keyed_hash(self.salt, entry.identity .. " " .. entry.names .. " "
    .. entry.variant)
  local path, left = folder .. "/" .. prefix .. name, {}
  for _, other in ipairs(self:find(entry.url)) do
    if other.path ~= path and key:matches(other) then
      os.remove(other.path)
    elseif other.path ~= path then
      left[#left + 1] = other
    end
  end
  make_room(left)
  local sum = core.keyed_hash(self.salt, text .. body)
  local start = ("%s %d %d %s\n"):format(VERSION, #text, #body, sum)
  local file = start .. text .. body
  if core.make_folder(folder) and replace(path, file, { private = true }) then
    entry.path, entry.text = path, text
    self:grown(#file)
  end
end

--- The entry has another head. It may have gone meanwhile.
function Disk:update(key, entry, newer)
  local body = self:body(entry)
  if body then
    newer.body = body
    self:put(key, newer, body)
  end
end

--- Removes all that is stored for a URL.
function Disk:remove(url)
  local folder, prefix = place(self, url)
  for _, name in ipairs(core.list_folder(folder, prefix) or {}) do
    os.remove(folder .. "/" .. name)
  end
end

---- Its size ------------------------------------------------------------------

local function all_files(self)
  local files, size, now = {}, 0, os.time()
  for _, shard in ipairs(core.list_folder(self.path, "") or {}) do
    local folder = self.path .. "/" .. shard
    for _, file in ipairs(#shard == 2 and shard ~= ".." and core.list_folder(folder, "", true)
      or {}) do
      file.path = folder .. "/" .. file.name
      if file.name:find("^%x+%-%x+$") then
        files[#files + 1], size = file, size + file.size
      elseif file.time < now - OLD then
        os.remove(file.path)
      end
    end
  end
  return files, size
end

-- Looks through the folder, and removes what is too much.
local function sweep(self)
  local files, size = all_files(self)
  if size > self.max_size then
    table.sort(files, function(a, b) return a.time < b.time end)
    for _, file in ipairs(files) do
      if size <= self.max_size * LEFT then
        break
      end
      os.remove(file.path)
      size = size - file.size
    end
  end
  self.size, self.written = size, 0
end

--- So many bytes were written.
function Disk:grown(bytes)
  self.written = self.written + bytes
  if self.size == nil or self.written > self.max_size * LOOK_AFTER
    or self.size + self.written > self.max_size then
    sweep(self)
  end
end

---- Opening -------------------------------------------------------------------

local function read_key(path)
  local digits = contents(path .. "/" .. KEY_FILE)
  return digits and #digits == 32 and not digits:find("%X") and hex.decode(digits) or nil
end

local function make_key(path)
  return replace(path .. "/" .. KEY_FILE, hex.encode(core.random(16)),
    { private = true, sync = true })
end

--- @param path a folder, which is made if its parent is there @param max_size bytes
-- @return store; or nil, err (kind "io")
function disk.open(path, max_size)
  local ok, message = core.make_folder(path)
  local salt = ok and read_key(path)
  if ok and not salt then
    ok, message = make_key(path)
    salt = ok and read_key(path)      -- another process may have been faster
  end
  if not salt then
    return nil, errors.new("io", ("%s: %s (cache.path)"):format(path, message or "no key in it"))
  end
  return setmetatable({
    path = path, salt = salt, max_size = max_size, most_body = math.floor(max_size / 8),
    written = 0,
  }, Disk)
end

return disk
