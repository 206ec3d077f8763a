-- Lists in header fields, and the directives of Cache-Control (RFC 9111 5.2). A server may
-- fill a whole header block with them: all of it takes time in proportion to its size.
local directives = {}

-- Longer than anybody lives (RFC 9111 1.2.2).
local MOST_SECONDS = 2 ^ 31

-- Where a quoted string that begins at `at` ends.
local function end_of_quoted(text, at)
  repeat
    at = text:find('["\\]', at + 1)
    if at == nil then
      return #text                    -- it has no end
    end
    local escape = text:byte(at) == 92
    at = escape and at + 1 or at
  until not escape
  return at
end

-- Not one pattern: that would take the square of a long run of spaces.
local function trim(text)
  local from = text:find("%S")
  return from and text:match(".*%S", from) or ""
end

--- The members of a list: split at its commas, but not those in quotes; trimmed, none
-- empty.
-- @param values list of field values @return list
function directives.members(values)
  local list = {}
  for i = 1, #values do
    local text, start, at = values[i], 1, 1
    repeat
      local here = text:find('[,"]', at)
      if here and text:byte(here) == 34 then
        at = end_of_quoted(text, here) + 1
      else
        local member = trim(text:sub(start, (here or 0) - 1))
        if member ~= "" then
          list[#list + 1] = member
        end
        start, at = here and here + 1, here and here + 1
      end
    until start == nil
  end
  return list
end

local function unquote(text)
  local quoted = text:match('^"(.*)"$')
  return quoted and quoted:gsub("\\(.)", "%1") or text
end

--- @param values list of the values of Cache-Control
-- @return table: by name in lower case, its argument, or true. What comes twice counts as it
-- came first (4.2.1); `no-cache` and `private`, as if they were for all of it
function directives.parse(values)
  local found = {}
  for _, member in ipairs(directives.members(values)) do
    local equals = member:find("=", 1, true)
    local name = trim(member:sub(1, (equals or 0) - 1)):lower()
    local argument = equals == nil or unquote(trim(member:sub(equals + 1)))
    if found[name] == nil then
      found[name] = argument
    elseif name == "no-cache" or name == "private" then
      found[name] = true
    end
  end
  return found
end

--- @param value? what stands in such a table
-- @return seconds; nil when there are none, or that is no number of seconds
function directives.seconds(value)
  local digits = type(value) == "string" and value:match("^0*(%d+)$")
  if not digits then
    return nil
  end
  return #digits > 10 and MOST_SECONDS or math.min(tonumber(digits), MOST_SECONDS)
end

--- Names of fields in an argument or a list. @return set, in lower case
function directives.names(values)
  local set = {}
  for _, name in ipairs(directives.members(values)) do
    set[name:lower()] = true
  end
  return set
end

return directives
