-- Forms of Lua-cURLv3. libcurl has deprecated the interface that they were made
-- for; here they are lists of MIME parts, which it has instead.
local callbacks = require("lcurl.callbacks")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local multipart = require("lcurl.multipart")
local object = require("lcurl.object")
local pairs = require("lcurl.pairs")

local form = {}

local values = constants.values
local check_string = object.check_string

local function add(state, self, part)
  state.parts[#state.parts + 1] = part
  state.version = state.version + 1
  return self
end

--- Optional texts, then headers: nil and false stand for one that is left out.
-- @return headers, texts...
local function split(method, first, limit, ...)
  local texts = {}
  for i = 1, select("#", ...) do
    local value = (select(i, ...))
    if type(value) == "table" then
      local headers = {}
      for k, line in ipairs(value) do
        headers[k] = tostring(line)
      end
      return headers[1] and headers, object.unpack(texts, 1, limit)
    elseif i > limit then
      break
    elseif value ~= nil and value ~= false then
      texts[i] = check_string(method, first + i - 1, value)
    end
  end
  return nil, object.unpack(texts, 1, limit)
end

local methods = {}

--- add_content(name, content, [type,] [headers])
function methods.add_content(state, self, name, content, ...)
  name = check_string("add_content", 1, name)
  content = check_string("add_content", 2, content)
  local headers, kind = split("add_content", 3, 1, ...)
  return add(state, self, { name = name, data = content, type = kind, headers = headers })
end

--- add_buffer(name, filename, content, [type,] [headers])
function methods.add_buffer(state, self, name, filename, content, ...)
  name = check_string("add_buffer", 1, name)
  filename = check_string("add_buffer", 2, filename)
  content = check_string("add_buffer", 3, content)
  local headers, kind = split("add_buffer", 4, 1, ...)
  return add(state, self, {
    name = name, filename = filename, data = content, headers = headers,
    type = kind or multipart.type_of(filename) or multipart.DEFAULT_TYPE,
  })
end

--- add_file(name, path, [type, [filename,]] [headers])
function methods.add_file(state, self, name, path, ...)
  name = check_string("add_file", 1, name)
  path = check_string("add_file", 2, path)
  local headers, kind, filename = split("add_file", 3, 2, ...)
  return add(state, self, {
    name = name, file = path, filename = filename, headers = headers,
    type = kind or multipart.type_of(filename or path) or multipart.DEFAULT_TYPE,
  })
end

--- add_files(name, { path, { path[, type[, filename]] }, ... })
function methods.add_files(state, self, name, files)
  name = check_string("add_files", 1, name)
  local parts = {}
  for i, file in ipairs(type(files) == "table" and files or { false }) do
    local row = type(file) == "string" and { file } or file
    if type(row) ~= "table" or #row < 1 or #row > 3 then
      return errors.fail(state, "CURL-FORM", values.E_FORM_ILLEGAL_ARRAY)
    end
    local texts = {}
    for k = 1, #row do
      if type(row[k]) ~= "string" and type(row[k]) ~= "number" then
        return errors.fail(state, "CURL-FORM", values.E_FORM_ILLEGAL_ARRAY)
      end
      texts[k] = tostring(row[k])
    end
    local path, kind, filename = texts[1], texts[2], texts[3]
    parts[i] = {
      file = path, filename = filename,
      type = kind or multipart.type_of(filename or path) or multipart.DEFAULT_TYPE,
    }
  end
  if #parts == 0 then
    return self
  elseif #parts == 1 then
    parts[1].name = name
    return add(state, self, parts[1])
  end
  return add(state, self, { name = name, type = "multipart/mixed", subparts = parts })
end

--- add_stream(name, [filename, [type,]] [headers,] size, reader [, context])
function methods.add_stream(state, self, name, ...)
  name = check_string("add_stream", 1, name)
  local count, at = select("#", ...), nil
  for i = 1, math.min(count, 4) do
    if type((select(i, ...))) == "number" then
      at = i
      break
    end
  end
  if not at then
    object.bad_argument("add_stream", 2, "stream size required")
  end
  local size = object.integer((select(at, ...)))
  if size % 1 ~= 0 or size < 0 then
    object.bad_argument("add_stream", at + 1, "size in bytes expected, got " .. size)
  end
  local before = { ... }
  local headers, filename, kind = split("add_stream", 2, 2, object.unpack(before, 1, at - 1))
  local read = callbacks.bind("read", "add_stream", at + 2, select(at + 1, ...))
  if not read then
    object.bad_argument("add_stream", at + 2, "function expected, got null")
  end
  return add(state, self, {
    name = name, filename = filename, type = kind or (filename and multipart.type_of(filename)),
    headers = headers, size = math.floor(size), stream = read,
  })
end

--- Pieces of the text to a writer, as a writefunction takes them.
-- @return true; or false, what the writer returned after nil
local function write(text, writer)
  local results = object.pack(writer(text))
  local first = results[1]
  if results.n == 0 or first == true then
    return true
  elseif type(first) == "number" then
    return first == #text
  end
  return false, results[2]
end

--- get(): the body as text. get(writer[, context]), get(object): to a writer.
-- A stream cannot be read twice: its part is there without its content.
function methods.get(state, self, ...)
  local text, err = multipart.encode(state.parts)
  if not text then
    return errors.fail(state, "CURL-EASY", values.E_READ_ERROR, err)
  elseif (...) == nil then
    return text
  end
  local writer = callbacks.bind("write", "get", 1, ...)
  if not writer then
    object.bad_argument("get", 1, "writer expected, got null")
  end
  local ok, reason = write(text, writer)
  if not ok then
    return nil, reason
  end
  return self
end

--- Handles that have the form keep what they were given.
function methods.free(state)
  if state.closed then return end
  state.closed = true
end

form.class = object.class("LcURL HTTPPost", methods, { closed = "freed" })

-- The parts as multisock.core takes them.
local function describe(state, easy, readers)
  local list = {}
  for i, part in ipairs(state.parts) do
    local stream = part.stream
    if stream then
      local reader, copy = {}, {}
      readers[#readers + 1] = reader
      for key, value in pairs(part) do
        copy[key] = value
      end
      copy.stream = nil
      copy.read = function(room)
        return callbacks.reader(easy, reader, room, stream)
      end
      part = copy
    end
    list[i] = part
  end
  return list
end

--- @param mode string "raise" or "return"
function form.new(mode)
  return form.class.new({ mode = mode, parts = {}, version = 0, describe = describe })
end

return form
