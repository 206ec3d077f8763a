-- What an answer says of the file that it brings: which version of it, and which bytes.
local core = require("multisock.core")

local answers = {}

-- Two answers with the same strong one have the same bytes (RFC 9110 8.8.3).
local function strong_etag(fields)
  return (fields:get("etag") or ""):match('^"[!#-~]*"$')
end

-- A date proves as much when the file has not changed in the second in which the answer
-- was made, by the clock of the same server (RFC 9110 8.8.2.2).
local function strong_date(fields)
  local text, made = fields:get("last-modified"), fields:get("date")
  local changed = text and core.getdate(text)
  made = made and core.getdate(made)
  return changed and made and made > changed and text:match("^[ -~]+$") or nil
end

-- A number of bytes that Lua can count with.
local function count(digits)
  return digits and #digits <= 15 and tonumber(digits) or nil
end

--- @return table: etag, last_modified (only strong ones), size (nil: it does not say),
-- first and behind (the bytes that it brings; no `behind`: all that come); nil: its
-- Content-Range makes no sense
function answers.read(response)
  local fields = response.headers
  local seen = { etag = strong_etag(fields), last_modified = strong_date(fields) }
  if response.status ~= 206 then
    if not fields:get("transfer-encoding") then
      seen.size = count((fields:get("content-length") or ""):match("^%d+$"))
    end
    seen.first, seen.behind = 0, seen.size
    return seen
  end
  local first, last, size = (fields:get("content-range") or ""):match(
    "^[Bb][Yy][Tt][Ee][Ss] +(%d+)%-(%d+)/([%d*]+)$")
  first, last, size = count(first), count(last), count(size)
  if first == nil or last == nil or last < first or size == nil or last >= size then
    return nil
  end
  seen.first, seen.behind, seen.size = first, last + 1, size
  return seen
end

--- Whether an answer brings the same bytes as the version that is known.
-- @param same_url boolean: a date proves nothing of another URL
function answers.is_same(version, seen, same_url)
  if version.size and seen.size and version.size ~= seen.size then
    return false
  elseif version.etag or seen.etag then
    return version.etag == seen.etag
  end
  return same_url and version.last_modified ~= nil
    and version.last_modified == seen.last_modified
end

return answers
