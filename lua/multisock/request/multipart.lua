-- The option `multipart`: a form of parts (multipart/form-data, RFC 7578), as browsers
-- send it. Loaded by the first request that has one.
local chance = require("multisock.base.chance")
local errors = require("multisock.base.errors")
local files = require("multisock.request.files")
local headers = require("multisock.request.headers")
local hex = require("multisock.base.hex")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

--- A part of the option `multipart`: it has one of `value`, `file` and `body`.
-- @class multisock.Part
-- @field name string of the field
-- @field value? string|number|boolean sent as text
-- @field file? string path of a file, opened when it is sent
-- @field body? any what the option `body` takes: [Bodies](#bodies)
-- @field filename? string|false the name that the server is told; of a `file` the last part
-- of its path, unless `false`
-- @field type? string content type; `application/octet-stream` of a `file`, and of what has a
-- `filename`
-- @field headers? table<string, string|number> more header fields of this part
local FIELDS = {
  name = true, value = true, file = true, body = true, filename = true, type = true,
  headers = true,
}

local function expected(what, wanted, value)
  error(("%s: %s expected, got %s"):format(what, wanted, values.describe(value)), 0)
end

local function check_text(what, value)
  if type(value) ~= "string" then
    expected(what, "string", value)
  elseif value:find("%z") then
    error(what .. ": the string has a zero byte", 0)
  end
  return value
end

-- As browsers write names (WHATWG HTML, multipart/form-data): UTF-8 stays as it is.
local ESCAPES = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

local function quoted(text)
  return '"' .. text:gsub('["\r\n]', ESCAPES) .. '"'
end

local function find_kind(what, part)
  local kind
  for _, name in ipairs({ "value", "file", "body" }) do
    if part[name] ~= nil then
      if kind then
        error(("%s: %s and %s exclude each other"):format(what, kind, name), 0)
      end
      kind = name
    end
  end
  if kind == nil then
    error(what .. ": value, file or body expected", 0)
  end
  return kind
end

local function check_fields(what, part)
  if type(part) ~= "table" then
    expected(what, "table", part)
  end
  for name in pairs(part) do
    if not FIELDS[name] then
      error(("%s: unknown field %s%s"):format(what, errors.quote(name),
        suggest.hint(name, FIELDS)), 0)
    end
  end
end

-- What the part is made of: a string, or a body as bodies.lua has them; or nil, err.
local function content_of(what, part, kind, make_body)
  local name, given = what .. "." .. kind, part[kind]
  if kind == "value" then
    return values.text(given) or expected(name, "string, number or boolean", given)
  elseif kind == "file" then
    if io.type(given) then
      error(name .. ": path expected, got an open file: that is a body", 0)
    end
    if check_text(name, given) == "" then
      error(name .. ': path expected, got ""', 0)
    end
    return files.of_path(given, name)
  end
  local made = make_body(given, name)
  return made.bytes or made
end

local function filename_of(what, part)
  local given = part.filename
  if given then
    return check_text(what .. ".filename", given)
  elseif given == nil and part.file then
    return part.file:match("[^/]*$")
  end
end

-- Those that say what the part is are made of its own fields.
local MADE = { ["content-disposition"] = "name and filename", ["content-type"] = "type" }

local function own_lines(what, given)
  local ok, list = pcall(headers.to_list, given, 0)
  if not ok then
    error(what .. "." .. errors.unplaced(list), 0)
  end
  for i, field in ipairs(list) do
    local made_of = MADE[field[1]:lower()]
    if made_of then
      error(("%s.headers: %s is made of %s"):format(what, field[1], made_of), 0)
    end
    list[i] = field[1] .. ": " .. field[2] .. "\r\n"
  end
  return table.concat(list)
end

-- The header block of a part.
local function head_of(what, part)
  local filename, kind = filename_of(what, part), part.type
  local lines = { "Content-Disposition: form-data; name=", quoted(check_text(what .. ".name",
    part.name)) }
  if filename then
    lines[#lines + 1] = "; filename=" .. quoted(filename)
  end
  lines[#lines + 1] = "\r\n"
  if kind ~= nil then
    if check_text(what .. ".type", kind):find("[\r\n]") then
      error(what .. ".type: the string has a line break", 0)
    end
  elseif filename or part.file then
    kind = "application/octet-stream"
  end
  if kind then
    lines[#lines + 1] = "Content-Type: " .. kind .. "\r\n"
  end
  if part.headers ~= nil then
    lines[#lines + 1] = own_lines(what, part.headers)
  end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines)
end

-- Nobody who writes a part can know it: it need not be looked for in there.
local function new_boundary()
  return "multisock-" .. hex.encode(chance.bytes(16))
end

-- Strings, and bodies between them: neighbours that are strings become one, all at once,
-- or many parts would take the square of their time.
local function join(list)
  local pieces, texts = {}, {}
  for i = 1, #list + 1 do
    local piece = list[i]
    if type(piece) == "string" then
      texts[#texts + 1] = piece
    else
      if texts[1] then
        pieces[#pieces + 1], texts = table.concat(texts), {}
      end
      pieces[#pieces + 1] = piece
    end
  end
  return pieces
end

-- How long it is, and whether it can be sent again.
local function describe(pieces)
  local size, again = 0, true
  for _, piece in ipairs(pieces) do
    local is_text = type(piece) == "string"
    local bytes = is_text and #piece or not is_text and piece.size
    size = size and bytes and size + bytes
    again = again and (is_text or piece.rewind ~= nil)
  end
  return size or nil, again
end

-- One after the other.
local function body_of(pieces)
  local size, again = describe(pieces)
  local at = 1
  local function each_read(name)
    for i = 1, math.min(at, #pieces) do
      local piece = pieces[i]
      if type(piece) == "table" and piece[name] then
        piece[name]()
      end
    end
  end
  return {
    size = size,
    read = function()
      while at <= #pieces do
        local piece = pieces[at]
        if type(piece) == "string" then
          at = at + 1
          return piece
        end
        local chunk, err = piece.read()
        if chunk ~= nil or err then
          return chunk, err
        end
        at = at + 1
      end
    end,
    rewind = again and function()
      each_read("rewind")
      at = 1
    end or nil,
    close = function()
      each_read("close")
    end,
  }
end

--- The body of a form, and its content type.
-- @param parts what the user gave @param make_body bodies.make
-- @return body, string; or nil, err @raise naming what is wrong, at level 0
return function(parts, make_body)
  if type(parts) ~= "table" or values.odd_key(parts) ~= nil then
    expected("option 'multipart'", "list of parts", parts)
  end
  local boundary, list = new_boundary(), {}
  for i, part in ipairs(parts) do
    local what = ("multipart[%d]"):format(i)
    check_fields(what, part)
    local content, err = content_of(what, part, find_kind(what, part), make_body)
    if content == nil then
      return nil, err
    end
    list[#list + 1] = "--" .. boundary .. "\r\n" .. head_of(what, part)
    list[#list + 1] = content
    list[#list + 1] = "\r\n"
  end
  list[#list + 1] = "--" .. boundary .. "--\r\n"
  local pieces = join(list)
  local body = #pieces == 1 and { bytes = pieces[1] } or body_of(pieces)
  body.is_form, body.parts = true, parts
  return body, "multipart/form-data; boundary=" .. boundary
end
