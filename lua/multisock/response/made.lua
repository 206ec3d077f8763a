-- Responses that a program makes: what agents give, and middleware that answers by
-- itself.
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local pairs = require("multisock.base.compat").pairs
local response = require("multisock.response")
local source = require("multisock.response.source")
local values = require("multisock.base.values")

local made = {}

local OPTIONS = { status = true, headers = true, url = true }

local function check_options(options)
  if type(options) ~= "table" then
    errors.misuse("response: table of options expected, got " .. values.describe(options))
  end
  for name in pairs(options) do
    if not OPTIONS[name] then
      errors.misuse("response: unknown option " .. errors.quote(name))
    end
  end
  local status, url = options.status, options.url
  if status ~= nil and (type(status) ~= "number" or status % 1 ~= 0 or status < 0
    or status > 999) then
    errors.misuse("response: status: integer of 0 to 999 expected, got " .. values.describe(status))
  elseif url ~= nil and type(url) ~= "string" then
    errors.misuse("response: url: string expected, got " .. values.describe(url))
  end
  return status or 200, url
end

-- The same object as of what a server has sent.
local function make_headers(given)
  local ok, list = pcall(headers.to_list, given or {}, 0)
  if not ok then
    errors.misuse("response: " .. tostring(list))
  end
  local block = { "HTTP/1.1 200" }
  for _, field in ipairs(list) do
    block[#block + 1] = field[1] .. ": " .. field[2]
  end
  return (headers.parse(table.concat(block, "\r\n") .. "\r\n\r\n"))
end

local function make_source(body)
  if type(body) == "function" then
    return source.of_iterator(body)
  elseif io.type(body) == "file" then
    return source.of_file(body)
  end
  errors.misuse("response: string, function or open file expected, got "
    .. (io.type(body) or values.describe(body)))
end

--- Makes a response of a body: a string, a function that gives strings and nil at
-- the end, or an open file.
-- @param body? @param options? table: status (200), headers, url
function made.new(body, options)
  local status, url = check_options(options or {})
  local text = body == nil and "" or type(body) == "string" and body or nil
  return setmetatable({
    status = status, ok = status >= 200 and status < 300,
    headers = make_headers(options and options.headers),
    url = url and errors.without_user(url),
    _use = "new", _body = text, _transfer = not text and make_source(body) or nil,
  }, response.metatable)
end

return made
