-- Stored answers in memory: those that were not used for the longest time go first.
local core = require("multisock.core")

local memory = {}

local Memory = {}
Memory.__index = Memory

-- Answers for one URL, by Vary and by who asked: a server may tell any number apart.
local MOST_VARIANTS = 32

-- What an entry takes beside its texts, about.
local OVERHEAD = 1024

--- @param max_size bytes
function memory.new(max_size)
  local ends = {}
  ends.newer, ends.older = ends, ends -- a ring through all entries, by their last use
  return setmetatable({
    salt = core.random(16), max_size = max_size, most_body = math.floor(max_size / 8),
    by_url = {}, ring = ends, size = 0,
  }, Memory)
end

local function unlink(entry)
  entry.newer.older, entry.older.newer = entry.older, entry.newer
end

local function link(self, entry)
  local ring = self.ring
  entry.newer, entry.older = ring, ring.older
  ring.older.newer, ring.older = entry, entry
end

local function drop(self, entry)
  local list = self.by_url[entry.url]
  for i = #list, 1, -1 do
    if list[i] == entry then
      table.remove(list, i)
    end
  end
  if #list == 0 then
    self.by_url[entry.url] = nil
  end
  unlink(entry)
  self.size = self.size - entry.size
end

local NONE = {}

--- All entries for a URL. Not to be changed.
function Memory:find(url)
  return self.by_url[url] or NONE
end

--- The body of an entry, which is used thereby. @return string
function Memory:body(entry)
  unlink(entry)
  link(self, entry)
  return entry.body
end

--- Stores an entry in the place of those that `key` matches.
function Memory:put(key, entry, body)
  local list = self:find(entry.url)
  for i = #list, 1, -1 do
    if key:matches(list[i]) then
      drop(self, list[i])
    end
  end
  entry.body = body
  entry.size = #body + #entry.head + #entry.url + OVERHEAD
  if entry.size > self.max_size then
    return
  end
  list = self.by_url[entry.url] or {}
  self.by_url[entry.url] = list
  if #list >= MOST_VARIANTS then
    drop(self, list[1])
    self.by_url[entry.url] = list
  end
  list[#list + 1] = entry
  link(self, entry)
  self.size = self.size + entry.size
  while self.size > self.max_size do
    drop(self, self.ring.newer)
  end
end

--- The entry has another head. It may have gone meanwhile.
function Memory:update(key, entry, newer)
  self:put(key, newer, entry.body)
end

--- Removes all that is stored for a URL.
function Memory:remove(url)
  local list = self:find(url)
  for i = #list, 1, -1 do
    drop(self, list[i])
  end
end

return memory
