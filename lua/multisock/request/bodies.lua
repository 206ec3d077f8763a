-- Bodies of requests: what a user may give for one, read piece by piece, and whether it
-- is what the headers say of it.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local bodies = {}

local FILE_CHUNK = 64 * 1024

-- A body is {bytes = string}, or {read = function() -> string or nil,
-- size = integer or nil, rewind = function or nil, begun = true once it was read from}.

local function check_chunk(chunk)
  if chunk ~= nil and type(chunk) ~= "string" then
    error("body: the iterator returned " .. type(chunk) .. ": string or nil expected", 0)
  end
  return chunk
end

-- How many bytes a file has from `start` on; nil where that cannot be told: files
-- of /proc say that they have none.
local function file_size(file, start)
  local stop = file:seek("end")
  file:seek("set", start)
  local size = stop and math.max(stop - start, 0)
  return (size ~= 0 or file:read(0) == nil) and size or nil
end

-- Of a file that grows meanwhile, a log, what it has now is sent.
local function file_body(file)
  local start, given = file:seek("cur"), 0
  local size = start and file_size(file, start)
  return {
    size = size, file = true,
    read = function()
      local most = size and math.min(FILE_CHUNK, size - given) or FILE_CHUNK
      if most == 0 then
        return nil
      end
      local chunk, message = file:read(most)
      if chunk == nil and message then
        error(errors.new("io", "body: " .. message), 0)
      end
      given = given + #(chunk or "")
      return chunk
    end,
    rewind = start and function()
      file:seek("set", start)
      given = 0
    end,
  }
end

local function function_body(read)
  return {
    read = function()
      return check_chunk(read())
    end,
  }
end

-- For protocols that are fed piece by piece.
local function text_body(text)
  local sent = false
  return {
    size = #text,
    read = function()
      local piece = not sent and text ~= "" and text or nil
      sent = true
      return piece
    end,
    rewind = function()
      sent = false
    end,
  }
end

--- Of what the option `body` takes. @raise naming what is wrong, at level 0
function bodies.make(value)
  local kind = type(value)
  if kind == "string" then
    return { bytes = value }
  elseif kind == "function" then
    return function_body(value)
  elseif kind == "table" and values.odd_key(value) == nil then
    for i = 1, #value do
      if type(value[i]) ~= "string" then
        error(("body[%d]: string expected, got %s"):format(i, type(value[i])), 0)
      end
    end
    return { bytes = table.concat(value) }
  elseif io.type(value) == "file" then
    return file_body(value)
  end
  error("body: string, list of strings, function or open file expected, got "
    .. (io.type(value) or values.describe(value)), 0)
end

-- The one value of a field that frames the body, or nil.
local function find_one(list, name)
  local found
  for i = 1, #list do
    if list[i][1]:lower() == name:lower() then
      if found then
        error(("headers: %s is given twice"):format(name), 0)
      end
      found = list[i][2]
    end
  end
  return found
end

--- How long the body is, and that it comes in chunks, is libcurl's to know: what
-- the user says of it must be true, or the server would wait, or have a rest.
function bodies.check_framing(body, list, http_version)
  if http_version ~= "1.0" and (#list == 0 or not core.frames(list)) then
    return
  end
  local length = find_one(list, "Content-Length")
  local coding = find_one(list, "Transfer-Encoding")
  if length and coding then
    error("headers: Content-Length and Transfer-Encoding exclude each other", 0)
  elseif coding then
    if not body then
      error("headers: Transfer-Encoding, but there is no body", 0)
    elseif not coding:lower():find("%f[%w]chunked%s*$") then
      error(("headers: Transfer-Encoding is %s, but must end with \"chunked\""):format(
        errors.quote(coding)), 0)
    end
  elseif length then
    local number = length:find("^%d+$") and tonumber(length)
    local actual = not body and 0 or body.bytes and #body.bytes or body.size or number
    if number == nil or number ~= actual then
      error(("headers: Content-Length is %s, but the body has %s bytes"):format(length,
        tostring(actual or "unknown")), 0)
    elseif body then
      body.size = actual
    end
  end
  if http_version == "1.0" and body and (coding or not (body.bytes or body.size)) then
    error("body: HTTP/1.0 has no chunks: the length must be known, from a string or the header "
      .. "Content-Length", 0)
  end
end

local function encode_json(value)
  local ok, encoded = pcall(core.json_encode, value)
  if not ok then
    error("option 'json': " .. tostring(encoded), 0)
  end
  return encoded
end

local function refuse_two(one, other)
  error(("options '%s' and '%s' exclude each other"):format(one, other), 0)
end

--- The body and the content type that goes with it; or nothing.
function bodies.choose(options)
  local body, json, form = options.body, options.json, options.form
  if json ~= nil then
    if body ~= nil or form ~= nil then
      refuse_two(body ~= nil and "body" or "json", body ~= nil and "json" or "form")
    end
    return { bytes = encode_json(json) }, "application/json"
  elseif body ~= nil then
    if form ~= nil then
      refuse_two("body", "form")
    end
    return bodies.make(body), "application/octet-stream"
  elseif form ~= nil then
    return { bytes = targets.encode_form("form", form) }, "application/x-www-form-urlencoded"
  end
end

--- Bodies for other protocols than HTTP. MQTT publishes what HTTP would post; all
-- others upload.
function bodies.adapt(body, scheme)
  if scheme == "file" then
    errors.misuse("body: a file: URL is only read; write with io.open")
  elseif scheme == "mqtt" and not body.bytes then
    errors.misuse("body: string or list of strings expected for mqtt:")
  elseif scheme ~= "mqtt" and body.bytes then
    return text_body(body.bytes)
  end
  return body
end

return bodies
