-- Text for people: sizes and times, and how wide it is on a terminal. Names
-- and messages come from strangers, so what could steer a terminal is taken out.
local core = require("multisock.core")

local text = {}

---- UTF-8, by hand because Lua 5.1 and 5.2 have nothing for it -----------------

-- The code point that begins at byte i and its length; nil, 1 when that is no
-- UTF-8.
local function decode(s, i)
  local byte = s:byte(i)
  local count, least, code
  if byte < 128 then
    return byte, 1
  elseif byte >= 194 and byte < 224 then
    count, least, code = 1, 0x80, byte - 192
  elseif byte >= 224 and byte < 240 then
    count, least, code = 2, 0x800, byte - 224
  elseif byte >= 240 and byte < 245 then
    count, least, code = 3, 0x10000, byte - 240
  else
    return nil, 1
  end
  for k = 1, count do
    local more = s:byte(i + k)
    if more == nil or more < 128 or more > 191 then
      return nil, 1
    end
    code = code * 64 + more - 128
  end
  if code < least or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then
    return nil, 1
  end
  return code, count + 1
end

-- Ranges of characters that take two columns: East Asian ones and emoji.
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF },
  { 0x20000, 0x3FFFD },
}

local function columns(code)
  if code >= 0x300 and code <= 0x36F then
    return 0                        -- an accent on the character before it
  end
  for _, range in ipairs(WIDE) do
    if code >= range[1] and code <= range[2] then
      return 2
    end
  end
  return 1
end

-- The characters of s and the columns of each.
local function characters(s)
  local list, widths = {}, {}
  local i = 1
  while i <= #s do
    local code, length = decode(s, i)
    list[#list + 1] = s:sub(i, i + length - 1)
    widths[#widths + 1] = code and columns(code) or 1
    i = i + length
  end
  return list, widths
end

-- Whether each byte is a character that takes one column: most text is.
local function is_plain(s)
  return not s:find("[^\32-\126]")
end

--- The text with U+FFFD in place of every byte that is no UTF-8.
function text.valid(s)
  local pieces, i = {}, 1
  if not s:find("[\128-\255]") then
    return s
  end
  while i <= #s do
    local code, length = decode(s, i)
    pieces[#pieces + 1] = code and s:sub(i, i + length - 1) or "\239\191\189"
    i = i + length
  end
  return table.concat(pieces)
end

--- The text with `substitute` in place of every control character and every
-- byte that is no UTF-8.
text.clean = core.plain

--- The beginning of the text in at most so many bytes, no character cut in two.
function text.head(s, bytes)
  if #s <= bytes then
    return s
  end
  local stop = bytes
  while stop > 0 and s:byte(stop + 1) >= 128 and s:byte(stop + 1) < 192 do
    stop = stop - 1
  end
  return s:sub(1, stop)
end

---- Columns -------------------------------------------------------------------

--- How many columns of a terminal the text takes.
function text.width(s)
  local total = 0
  if is_plain(s) then
    return #s
  end
  local _, widths = characters(s)
  for i = 1, #widths do
    total = total + widths[i]
  end
  return total
end

--- The text, padded to `width` columns.
function text.pad(s, width)
  return s .. (" "):rep(width - text.width(s))
end

local DOTS = "..."

local function dots_for(width)
  return DOTS:sub(1, width > 6 and 3 or width > 2 and 1 or 0)
end

--- The text in exactly `width` columns: cut in the middle, or padded.
function text.fit(s, width)
  if is_plain(s) and #s > width then
    local dots = dots_for(width)
    local head = math.ceil((width - #dots) / 2)
    return s:sub(1, head) .. dots .. s:sub(#s - (width - #dots - head) + 1)
  end
  local list, widths = characters(s)
  local total = 0
  for i = 1, #widths do
    total = total + widths[i]
  end
  if total <= width then
    return s .. (" "):rep(width - total)
  end
  local dots = dots_for(width)
  local room = width - #dots
  local first, last, used = 0, #list + 1, 0
  while true do
    -- In turns from the two ends, the beginning first.
    local from_head = first <= #list - last + 1
    local index = from_head and first + 1 or last - 1
    if used + widths[index] > room then
      break
    end
    used = used + widths[index]
    if from_head then
      first = index
    else
      last = index
    end
  end
  return table.concat(list, "", 1, first) .. dots .. table.concat(list, "", last)
    .. (" "):rep(room - used)
end

-- How many characters two texts begin with in common.
local function common_start(one, other)
  local list, others = characters(one), characters(other)
  local count = 0
  while count < #list and list[count + 1] == others[count + 1] do
    count = count + 1
  end
  return count
end

-- What stands behind the first `skipped` characters, behind dots, in exactly
-- `width` columns.
local function fit_end(s, skipped, width)
  local list, widths = characters(s)
  local dots = dots_for(width)
  local last, used = skipped, #dots
  while last < #list and used + widths[last + 1] <= width do
    last = last + 1
    used = used + widths[last]
  end
  return dots .. table.concat(list, "", skipped + 1, last) .. (" "):rep(width - used)
end

--- Each text in exactly `width` columns, as `fit` does it; but texts that would
-- look alike are shown from where they begin to differ.
-- @param texts list of strings @return list of strings
function text.fit_apart(texts, width)
  local fitted, count, sorted = {}, {}, {}
  for i, s in ipairs(texts) do
    fitted[i], sorted[i] = text.fit(s, width), s
    count[fitted[i]] = (count[fitted[i]] or 0) + 1
  end
  table.sort(sorted)
  local skipped = {}
  for i = 2, #sorted do
    local one, other = sorted[i - 1], sorted[i]
    if one ~= other then
      local common = common_start(one, other)
      skipped[one], skipped[other] = math.max(skipped[one] or 0, common), common
    end
  end
  for i, s in ipairs(texts) do
    if count[fitted[i]] > 1 and skipped[s] then
      fitted[i] = fit_end(s, skipped[s], width)
    end
  end
  return fitted
end

---- Numbers -------------------------------------------------------------------

local UNITS = { "", "K", "M", "G", "T", "P" }

-- Three digits and a unit of 1,024: "999", "0.98K", "12.3M".
local function scale(bytes)
  local unit = 1
  while bytes >= 999.5 and unit < #UNITS do
    bytes = bytes / 1024
    unit = unit + 1
  end
  local format = (unit == 1 or bytes >= 99.95) and "%.0f" or bytes >= 9.995 and "%.1f" or "%.2f"
  return format:format(bytes), UNITS[unit]
end

--- Bytes in at most 5 columns: "12.3M".
function text.short_size(bytes)
  local digits, unit = scale(bytes)
  return digits .. unit
end

--- So many of something: "1 file", "2 files".
function text.count(number, noun)
  return ("%d %s%s"):format(number, noun, number == 1 and "" or "s")
end

--- Bytes to be read in a sentence: "12.3 MiB", "1 byte".
function text.size(bytes)
  local digits, unit = scale(bytes)
  if unit == "" then
    return digits .. (bytes == 1 and " byte" or " bytes")
  end
  return digits .. " " .. unit .. "iB"
end

--- Seconds in at most 5 columns: "0:07", "59:59", "1h02m", "3d04h".
function text.duration(seconds)
  if seconds > 99 * 86400 then
    return ">99d"
  end
  local whole = math.ceil(seconds)
  local function parts(format, large, small)
    return format:format(math.floor(whole / large), math.floor(whole % large / small))
  end
  if whole < 3600 then
    return parts("%d:%02d", 60, 1)
  elseif whole < 86400 then
    return parts("%dh%02dm", 3600, 60)
  end
  return parts("%dd%02dh", 86400, 3600)
end

return text
