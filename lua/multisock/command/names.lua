-- The names that downloads get: from their URLs, always inside the folder, and
-- never that of something else.
local percent = require("multisock.base.percent")
local text = require("multisock.base.text")

local names = {}

-- Most file systems take 255 bytes; ".part" and a number must fit behind.
local LONGEST = 240
local LONGEST_EXTENSION = 16
local DEFAULT = "index.html"

local ENDING = ".part"

-- What is behind the last "/".
local function last_segment(path)
  return path:match("^.*/(.*)$") or path
end

-- Cut in front of the extension.
local function shorten(name)
  if #name <= LONGEST then
    return name
  end
  local extension = name:match("%.[^.]*$") or ""
  if #extension > LONGEST_EXTENSION then
    extension = ""
  end
  return text.head(name, LONGEST - #extension) .. extension
end

--- The file name for a URL: its last path segment, decoded, without anything
-- that a file system or a terminal could take for more than a name.
-- @param url string @return string, never empty
function names.from_url(url)
  local path = url:gsub("[?#].*$", ""):gsub("^[^/]*//[^/]*", "")
  local name = last_segment(percent.unescape(last_segment(path)))
  name = text.clean(name, "_"):gsub("\\", "_"):gsub("^[ .]+", "")
  -- Blanks at the end, from the end: a pattern would try at each of them.
  name = name:sub(1, #name - #name:reverse():match("^ *"))
  return name == "" and DEFAULT or shorten(name)
end

-- Renaming a thing to itself changes nothing, and tells of files, folders and
-- dangling links alike whether they are there; opening would follow a link.
local function exists(path)
  return os.rename(path, path) == true
end

local Folder = {}
Folder.__index = Folder

--- A folder that downloads go to. @param path string; "" or nil: the current one
function names.folder(path)
  local prefix = ""
  if path and path ~= "" then
    prefix = path:find("/$") and path or path .. "/"
  end
  -- `taken` holds names of this run; `last` the number tried last for a name.
  return setmetatable({ prefix = prefix, taken = {}, last = {} }, Folder)
end

local function shell_quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Makes the folder, and those above it, when it is not there.
-- @return true; or nil, message
function Folder:make()
  if self.prefix == "" then
    return true
  end
  local there = io.open(self.prefix .. ".")
  if there then
    there:close()
    return true
  end
  local pipe = assert(io.popen("mkdir -p -- " .. shell_quote(self.prefix) .. " 2>&1"))
  local said = pipe:read("*a")
  pipe:close()
  if said ~= "" then
    return nil, (said:gsub("%s+$", ""):gsub("^mkdir: ", ""))
  end
  return true
end

function Folder:is_free(name)
  return not self.taken[name] and not self.taken[name .. ENDING]
    and not exists(self.prefix .. name)
end

--- Takes a name: `wanted`, or with the first of ".1", ".2" ... that is free.
-- @return path of the file, path of its partial file
function Folder:claim(wanted)
  local name = wanted
  local number = self.last[wanted] or 0
  while not self:is_free(name) do
    number = number + 1
    name = wanted .. "." .. number
  end
  self.last[wanted] = number
  -- The partial file of "a" must not be the file of a URL that ends in "a.part".
  self.taken[name], self.taken[name .. ENDING] = true, true
  local path = self.prefix .. name
  return path, path .. ENDING
end

names.exists = exists

return names
