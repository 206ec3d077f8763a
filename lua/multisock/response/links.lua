-- `response.links`: what the Link fields of an answer point to (RFC 8288).
local targets = require("multisock.request.targets")

local links = {}

-- More is no help to anybody, and each URL has to be parsed.
local MOST = 256

-- Behind the blanks there.
local function skip(text, at)
  return text:match("^[ \t]*()", at)
end

-- A quoted string that begins at `at`: its value, and where it ends.
local function quoted(text, at)
  local pieces, first = {}, at + 1
  while true do
    local stop = text:find('["\\]', first)
    pieces[#pieces + 1] = text:sub(first, (stop or 0) - 1)
    if stop == nil or text:sub(stop, stop) == '"' then
      return table.concat(pieces), (stop or #text) + 1
    end
    pieces[#pieces + 1] = text:sub(stop + 1, stop + 1)
    first = stop + 2
  end
end

local function parameter(text, at)
  local name, value
  name, at = text:match('^([^ \t;,="]*)()', at)
  at = skip(text, at)
  if text:sub(at, at) ~= "=" then
    return name:lower(), "", at
  end
  at = skip(text, at + 1)
  if text:sub(at, at) == '"' then
    value, at = quoted(text, at)
  else
    value, at = text:match("^([^ \t;,]*)()", at)
  end
  return name:lower(), value, at
end

-- Adds the links of one field. Every byte is looked at once or twice: a server may send
-- as many as it likes.
local function parse(text, found)
  local at = 1
  while #found < MOST do
    at = text:match("^[ \t,]*()", at)
    local stop = text:sub(at, at) == "<" and text:find(">", at, true)
    if not stop then
      return
    end
    local link = { reference = text:sub(at + 1, stop - 1) }
    found[#found + 1] = link
    at = skip(text, stop + 1)
    while text:sub(at, at) == ";" do
      local name, value
      name, value, at = parameter(text, skip(text, at + 1))
      if name ~= "" and name ~= "reference" and link[name] == nil then
        link[name] = value            -- the first one counts (3.4.1)
      end
      at = skip(text, at)
    end
    at = text:find(",", at, true) or #text + 1
  end
end

--- @param base string the URL that they are relative to; nil: none is
-- @param fields string[] values of Link
-- @return list of {url, rel, ...}, and by each rel in lower case the first of it. What has
-- an `anchor` speaks of something else, and is in the list alone
function links.of(base, fields)
  local found, all = {}, {}
  for _, field in ipairs(fields) do
    parse(field, found)
  end
  base = base and targets.get(base)
  for _, link in ipairs(found) do
    local target
    if base then
      target = targets.resolve(base, link.reference)
    else
      target = targets.get(link.reference)
    end
    if target then
      link.url, link.reference = target.text, nil
      all[#all + 1] = link
      for rel in (link.anchor == nil and link.rel or ""):lower():gmatch("%S+") do
        all[rel] = all[rel] or link
      end
    end
  end
  return all
end

return links
