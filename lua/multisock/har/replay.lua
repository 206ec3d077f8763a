-- ms.har(path, "replay"): an agent that answers what was recorded, without a network.
local base64 = require("multisock.base.base64")
local contents = require("multisock.base.contents")
local core = require("multisock.core")
local entries = require("multisock.har.entries")
local errors = require("multisock.base.errors")
local made = require("multisock.response.made")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")

local Player = { __name = "multisock.har" }
Player.__index = Player

---- What is like what -----------------------------------------------------------

-- Boundaries of forms are new each time.
local function without(body, boundary)
  local pieces, at = {}, 1
  repeat
    local first, last = body:find(boundary, at, true)
    pieces[#pieces + 1] = body:sub(at, (first or 0) - 1)
    at = last and last + 1
  until first == nil
  return table.concat(pieces)
end

-- In the place of a body that was too long to be recorded.
local function left_out(size)
  return ("\0%d bytes"):format(size)
end

-- Method, URL and body, without secrets.
local function key_of(method, url, body, content_type)
  body = body and entries.body(body, content_type) or ""
  local boundary = content_type:match('boundary="?([^";%s]+)')
  if boundary then
    body = without(body, boundary)
  end
  return method .. " " .. entries.url(url), body
end

---- The file ----------------------------------------------------------------

local function damaged(path, why)
  return nil, errors.new("protocol", ("har: %s is no HAR file: %s"):format(path, why))
end

local function is_table(value)
  return type(value) == "table"
end

local function body_of(message, what)
  local body = is_table(message[what]) and message[what].text or nil
  local coding = is_table(message[what]) and (message[what].encoding or message[what]._encoding)
  if type(body) ~= "string" then
    return nil
  end
  return coding == "base64" and base64.decode(body) or body
end

-- Of what is decoded these are not true any more.
local FRAMING = {
  ["content-encoding"] = true, ["content-length"] = true, ["transfer-encoding"] = true,
}

local function header_fields(list)
  local fields = {}
  for _, field in ipairs(is_table(list) and list or {}) do
    local name, value = field.name, field.value
    if type(name) == "string" and type(value) == "string" and not FRAMING[name:lower()]
      and not name:find("^:") then
      fields[name] = fields[name] or {}
      table.insert(fields[name], (value:gsub("[%z\r\n]", " ")))
    end
  end
  return fields
end

-- Adds an entry; nil, why, when it is none.
local function add(self, entry)
  local request, response = entry.request, entry.response
  if not (is_table(request) and is_table(response)) or type(request.method) ~= "string"
    or type(request.url) ~= "string" or type(response.status) ~= "number" then
    return nil, "without method, url and status"
  end
  local kind = is_table(request.postData) and request.postData.mimeType
  local line, body = key_of(request.method, request.url, body_of(request, "postData"),
    type(kind) == "string" and kind or "")
  local size = request.bodySize
  if body == "" and type(size) == "number" and size >= 1 and size % 1 == 0 then
    body = left_out(size)
  end
  local key = line .. "\n" .. body
  local list = self.known[key] or { at = 0 }
  self.known[key], self.lines[line] = list, true
  list[#list + 1] = { status = response.status, url = request.url,
    status_text = type(response.statusText) == "string" and response.statusText or "",
    headers = header_fields(response.headers), body = body_of(response, "content"),
    kind = entry._kind, message = response._error }
  return true
end

---- Answers -------------------------------------------------------------------

-- The lines that are compared, and how much of each: it is for a message.
local MOST_LINES, MOST_LETTERS = 200, 100

local function nearest(self, line)
  local best, least, count = nil, math.huge, 0
  for other in pairs(self.lines) do
    count = count + 1
    if count > MOST_LINES then
      break
    end
    local same = 0
    while same < #line and line:byte(same + 1) == other:byte(same + 1) do
      same = same + 1
    end
    local far = suggest.distance(line:sub(same + 1, same + MOST_LETTERS),
      other:sub(same + 1, same + MOST_LETTERS))
    if far < least or far == least and other < best then
      best, least = other, far
    end
  end
  return best
end

local function miss(self, line)
  local why
  if self.lines[line] then
    why = "; it was recorded with another body"
  else
    local near = nearest(self, line)
    why = near and "; the nearest is " .. near or ": nothing is"
  end
  errors.misuse(("har: %s is not recorded in %s%s"):format(line, self.path, why))
end

-- What has failed, fails again.
local function failure(found, why)
  local kind, message = found.kind, found.message
  return errors.new(type(kind) == "string" and kind or "io",
    type(message) == "string" and message:gsub("^%l[%l_]*: ", "") or why)
end

--- Answers what is recorded for it, one after the other, the last one again and again.
-- @return response; or nil, err, as it was recorded
-- @raise when nothing is
function Player:perform(request)
  local sent = request._made.body
  local line, body = key_of(request.method, request.url, sent and sent.bytes,
    request.headers:get("Content-Type") or "")
  local list = self.known[line .. "\n" .. body]
    or sent and sent.bytes and self.known[line .. "\n" .. left_out(#sent.bytes)]
  if not list then
    miss(self, line)
  end
  list.at = math.min(list.at + 1, #list)
  local found = list[list.at]
  if found.status < 100 or found.status > 999 or found.status % 1 ~= 0 then
    return nil, failure(found, "it failed when it was recorded")
  end
  local source = found.body or found.message == nil and "" or function()
    return nil, failure(found, "the body was not recorded")
  end
  local response = made.new(source, { status = found.status, headers = found.headers,
    url = found.url })
  response.status_text = found.status_text
  return response
end

--- Nothing is to be closed.
function Player.close()
  return true
end

Player.__close = Player.close

function Player:__tostring()
  return ("multisock.har (replays %s)"):format(self.path)
end

local replay = {}

--- @return agent; or nil, err (kind "io" or "protocol")
function replay.new(path)
  local json, message = contents(path)
  if json == nil then
    return nil, errors.new("io", "har: " .. message)
  end
  local har, err = core.json_decode((json:gsub("^\239\187\191", "")))
  if err then
    return damaged(path, err.message)
  end
  local list = is_table(har) and is_table(har.log) and har.log.entries
  if not is_table(list) then
    return damaged(path, "it has no log.entries")
  end
  local self = setmetatable({ path = path, known = {}, lines = {} }, Player)
  for i = 1, #list do
    local ok, why = add(self, is_table(list[i]) and list[i] or {})
    if not ok then
      return damaged(path, ("entry %d is %s"):format(i, why))
    end
  end
  return self
end

return replay
