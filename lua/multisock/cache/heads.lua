-- Status line and header fields of a stored answer, as text: what is kept of them, and
-- what a later answer changes (RFC 9111 3.1, 3.2).
local dates = require("multisock.cache.dates")
local directives = require("multisock.cache.directives")
local headers = require("multisock.request.headers")
local pairs = require("multisock.base.compat").pairs

local heads = {}

-- Of one connection.
local HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
  ["proxy-authenticate"] = true, ["proxy-authentication-info"] = true, ["upgrade"] = true,
  ["proxy-authorization"] = true, ["transfer-encoding"] = true, ["trailer"] = true,
}

-- What a 304 does not change: it belongs to the body that is stored.
local OF_BODY = {
  ["content-length"] = true, ["content-encoding"] = true, ["content-range"] = true,
}

-- Fields that are not kept: of the connection, and those that may not be shown again
-- without asking (`no-cache="name"`, 5.2.2.4).
local function unwanted(fields)
  local no_cache = directives.parse(fields:get_all("cache-control"))["no-cache"]
  local named = directives.names(fields:get_all("connection"))
  for name in pairs(directives.names({ type(no_cache) == "string" and no_cache or "" })) do
    named[name] = true
  end
  return named
end

local function status_line(status, reason)
  return ("HTTP/1.1 %d %s"):format(status, reason or "")
end

local function join(lines)
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- @param status integer @param reason? string @param fields headers
-- @param got_at seconds since 1970: its Date when it has none
-- @return string, for headers.parse
function heads.make(status, reason, fields, got_at)
  local lines, named, dated = { status_line(status, reason) }, unwanted(fields), false
  for name, value in fields:each() do
    local lower = name:lower()
    dated = dated or lower == "date"
    if not HOP[lower] and not named[lower] then
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  if not dated then
    lines[#lines + 1] = "Date: " .. dates.format(got_at)
  end
  return join(lines)
end

--- The head with what a newer answer says of it: a 304, or one to HEAD.
-- @param head string @param newer headers @param got_at seconds since 1970: of these
-- @return string
function heads.update(head, newer, got_at)
  local kept, reason = headers.parse(head)
  local lines = { status_line(tonumber(head:match("^%S+ (%d+)")), reason) }
  local replaced = { age = true, date = true }       -- it is younger now
  for name in newer:each() do
    local lower = name:lower()
    replaced[lower] = not HOP[lower] and not OF_BODY[lower] or nil
  end
  for name, value in kept:each() do
    if not replaced[name:lower()] then
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  local named = unwanted(newer)
  if #newer:get_all("date") == 0 then
    lines[#lines + 1] = "Date: " .. dates.format(got_at)
  end
  for name, value in newer:each() do
    local lower = name:lower()
    if replaced[lower] and not named[lower] then
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  return join(lines)
end

--- The headers that are given to who asks, with its age.
function heads.shown(head, age)
  local fields = headers.parse(head)
  local lines = { (head:match("^[^\r\n]*")) }
  for name, value in fields:each() do
    if name:lower() ~= "age" then
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  lines[#lines + 1] = ("Age: %d"):format(math.floor(age))
  return headers.parse(join(lines))
end

-- More than anybody means.
local MOST_VARY = 16

--- The names in Vary.
-- @return list in lower case, sorted, empty when there are none; nil: no request is the same
function heads.vary(fields)
  local set, list = directives.names(fields:get_all("vary")), {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  if set["*"] or #list > MOST_VARY then
    return nil
  end
  table.sort(list)
  return list
end

return heads
