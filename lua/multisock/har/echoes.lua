-- Secrets that a server sends back: what requests were seen to have is looked for in
-- answers, whatever these call it.
local base64 = require("multisock.base.base64")
local percent = require("multisock.base.percent")
local secrets = require("multisock.request.secrets")
local values = require("multisock.base.values")

local echoes = {}

-- Shorter ones would be found in what has nothing to do with them.
local SHORTEST = 6

local function note(known, value)
  if type(value) == "string" and #value >= SHORTEST and value ~= secrets.HIDDEN then
    known[value] = true
  end
end

local function note_field(known, name, value)
  if secrets.is_name(name) then
    note(known, value)
    note(known, percent.unescape(value))
  end
end

--- Of "a=1&token=x", in time that grows with the text alone.
-- @param piece string: a pattern of what stands between two separators
local function note_pairs(known, text, piece)
  for pair in text:gmatch(piece) do
    local name, value = pair:match("^=*([^=]+)=(.*)$")
    if name then
      note_field(known, name:match("^.*[?/](.*)$") or name, value)
    end
  end
end

--- Adds the secrets of a request.
-- @param known table: a set of strings @param list of {name, value}: its headers
-- @param body? string
function echoes.learn(known, made, list, body)
  local auth = made.settings.auth or {}
  local user, password = made.target.text:match("^%a[%w+.-]*:/+([^/?#:]*):?([^/?#]*)@")
  local in_url = user and { percent.unescape(user), percent.unescape(password) }
  for _, pair in ipairs({ auth.basic or auth.digest or in_url or nil, in_url or nil }) do
    note(known, pair[2])
    note(known, base64.encode(pair[1] .. ":" .. pair[2]))
  end
  note(known, auth.bearer)
  for _, field in ipairs(list) do
    local name, value = field[1], field[2]
    if name:lower() == "cookie" then
      for cookie in value:gmatch("=([^;]*)") do
        note(known, cookie)
      end
    elseif secrets.hide_header(name, value, made.settings.sensitive_headers) ~= value then
      note(known, value)
      note(known, value:match("^%S+ (.+)$"))
    end
  end
  note_pairs(known, made.target.text, "[^&#;]+")
  if body then
    note_pairs(known, body, "[^&%s]+")
    for name, value in body:gmatch('"([^"\\]+)"%s*:%s*"([^"\\]*)"') do
      note_field(known, name, value)
    end
  end
end

--- A text without those, the longest first.
function echoes.hide(known, text)
  local list = values.sorted_keys(known)
  table.sort(list, function(a, b)
    return #a > #b or #a == #b and a < b
  end)
  for _, value in ipairs(list) do
    if text:find(value, 1, true) then
      text = text:gsub(value:gsub("%W", "%%%0"), secrets.HIDDEN)
    end
  end
  return text
end

return echoes
