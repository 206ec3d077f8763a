-- Forms from tables: name = "content", or name = a table that says what it is.
local pairs = require("lcurl.pairs")

local forms = {}

local function check(name, key, value, expected)
  if type(value) ~= expected then
    error(("form field '%s': %s: %s expected, got %s"):format(
      tostring(name), key, expected, type(value)), 0)
  end
  return value
end

local function check_common(name, field)
  for key, expected in pairs({ name = "string", type = "string", headers = "table" }) do
    if field[key] ~= nil then
      check(name, key, field[key], expected)
    end
  end
end

-- { stream = function or object, length =, name =, type =, headers = }
local function add_stream(form, name, field)
  local stream, length = field.stream, field.length
  if type(stream) ~= "function" and length == nil then
    length = stream.length and stream:length()
  end
  check(name, "length", length, "number")
  return form:add_stream(name, field.name, field.type, field.headers, length, stream)
end

-- { file = path, type =, filename =, headers = }
local function add_file(form, name, field)
  check(name, "file", field.file, "string")
  return form:add_file(name, field.file, field.type, field.filename, field.headers)
end

-- { data = text, name =, type =, headers = }
local function add_data(form, name, field)
  check(name, "data", field.data, "string")
  check(name, "name", field.name, "string")
  return form:add_buffer(name, field.name, field.data, field.type, field.headers)
end

local function add_field(form, name, field)
  if type(field) == "string" then
    return form:add_content(name, field)
  end
  check(name, "value", field, "table")
  check_common(name, field)
  if field.stream then
    return add_stream(form, name, field)
  elseif field.file then
    return add_file(form, name, field)
  elseif field.data then
    return add_data(form, name, field)
  end
  local content = field[1] or field.content
  if content == nil then
    return form                    -- as Lua-cURLv3: nothing that it knows
  end
  check(name, "content", content, "string")
  return form:add_content(name, content, field.type, field.headers)
end

--- Adds every field of a table.
-- @return form; or nil, err
function forms.add(form, fields)
  for name, field in pairs(fields) do
    local ok, err = add_field(form, name, field)
    if not ok then
      return nil, err
    end
  end
  return form
end

return forms
