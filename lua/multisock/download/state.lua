-- PATH.part.json: which version of the file PATH.part holds, and which bytes of it. It is
-- written after these, so that it never says more than there is. No URL is in it, which
-- may hold secrets, but SHA-256s of it.
local compat = require("multisock.base.compat")
local contents = require("multisock.base.contents")
local core = require("multisock.core")
local ranges = require("multisock.download.ranges")
local replace = require("multisock.base.replace")

local state = {}

local VERSION = 1

local function name_of(part)
  return part .. ".json"
end

local function is_text(value)
  return value == nil or type(value) == "string"
end

-- Whether it may be sent in a header, as answers.lua has read it. Anybody may have written
-- the file.
local function is_field(value)
  return value == nil or type(value) == "string" and value:find("^[ -~]+$") ~= nil
end

-- The list, when it is one: sorted, apart from each other.
local function read_ranges(given)
  local list, at = {}, -1
  if type(given) ~= "table" then
    return nil
  end
  for i, range in ipairs(given) do
    local first, behind = type(range) == "table" and range[1], type(range) == "table" and range[2]
    if not (compat.is_integer(first) and compat.is_integer(behind) and first > at
      and behind > first) then
      return nil
    end
    list[i], at = { first, behind }, behind
  end
  return list
end

--- What is known of a partial file.
-- @param part its path @param size how many bytes it has
-- @return table: etag, last_modified, size, source, place, ranges; or nil: nothing
function state.load(part, size)
  local text = contents(name_of(part), 1024 * 1024)
  local known = text and core.json_decode(text)
  if type(known) ~= "table" or known.version ~= VERSION or not is_field(known.etag)
    or not is_field(known.last_modified) or not is_text(known.source) or not is_text(known.place)
    or not (known.size == nil or compat.is_integer(known.size)) then
    return nil
  end
  local list = read_ranges(known.ranges)
  if list == nil then
    return nil
  end
  list = ranges.cut(list, math.min(size, known.size or math.huge))
  if #list == 0 then
    return nil
  end
  return { etag = known.etag, last_modified = known.last_modified, size = known.size,
    source = known.source, place = known.place, ranges = list }
end

--- Writes it: all of it, or what was there stays.
-- @return true; or nil, message
function state.store(part, known)
  local list = {}
  for i, range in ipairs(known.ranges) do
    list[i] = core.json_array({ range[1], range[2] })
  end
  local text = core.json_encode({
    version = VERSION, etag = known.etag, last_modified = known.last_modified, size = known.size,
    source = known.source, place = known.place, ranges = core.json_array(list),
  })
  return replace(name_of(part), text .. "\n", { private = true })
end

--- Nothing is known any more: to be called before bytes of another version are written.
function state.remove(part)
  os.remove(name_of(part))
end

return state
