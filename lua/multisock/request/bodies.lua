-- Bodies of requests: what a user may give for one, read piece by piece, and whether it
-- is what the headers say of it.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local files = require("multisock.request.files")
local headers = require("multisock.request.headers")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local bodies = {}

local json_body, next = core.json_body, compat.next

-- A body is {bytes = string}, or {read = function() -> string; nil at the end; nil, err,
-- size = integer or nil, rewind = function or nil, close = function or nil: of what is
-- open for it, is_ready = function(task) or nil: whether `read` has something to give; if not,
-- the task is woken when it has, begun = true once it was read from}. is_form = true: its
-- content type is its own.

-- What the user's function says went wrong, as an error of this request.
local function failure(what, err)
  if errors.is(err) then
    return errors.new(err.kind, what .. ": " .. err.message, { retryable = err.retryable })
  end
  return errors.new("io", what .. ": " .. tostring(err))
end

local function function_body(read, what)
  return {
    read = function()
      local chunk, err = read()
      if chunk ~= nil and type(chunk) ~= "string" then
        errors.misuse(("%s: the iterator returned %s: string or nil expected"):format(what,
          values.describe(chunk)))
      elseif chunk == nil and err ~= nil then
        return nil, failure(what, err)
      end
      return chunk
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

-- A function that gives the body, each time that it is sent: it is first asked when
-- that begins, where it may wait.
local function replayed_body(given, what)
  if type(given.replay) ~= "function" or next(given) ~= "replay" or next(given, "replay") then
    error(what .. ": {replay = function} expected, got " .. values.describe(given), 0)
  end
  local current
  local function close()
    if current and current.close then
      current.close()
    end
    current = nil
  end
  return {
    read = function()
      if current == nil then
        local made = given.replay()
        if type(made) == "table" and made.replay ~= nil then
          error(what .. ".replay: the function returned another replay", 0)
        end
        current = bodies.make(made, what .. ".replay")
        current = current.bytes and text_body(current.bytes) or current
      end
      return current.read()
    end,
    rewind = close, close = close,
  }
end

-- As ms.queue is.
local function is_callable(value)
  local metatable = getmetatable(value)
  return type(metatable) == "table" and metatable.__call ~= nil
end

--- Of what the option `body` takes.
-- @param what? string: what messages call it @raise naming what is wrong, at level 0
function bodies.make(value, what)
  local kind = type(value)
  what = what or "body"
  if kind == "string" then
    return { bytes = value }
  elseif kind == "function" or is_callable(value) then
    return function_body(value, what)
  elseif kind == "table" and value.replay ~= nil then
    return replayed_body(value, what)
  elseif kind == "table" and values.odd_key(value) == nil then
    for i = 1, #value do
      if type(value[i]) ~= "string" then
        error(("%s[%d]: string expected, got %s"):format(what, i, type(value[i])), 0)
      end
    end
    return { bytes = table.concat(value) }
  elseif io.type(value) == "file" then
    return files.of_open(value, what)
  end
  error(what .. ": string, list of strings, function, {replay = function} or open file expected, "
    .. "got " .. (io.type(value) or values.describe(value)), 0)
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

local function encode_with(codec, value)
  return require("multisock.request.codec").encode(codec, value)
end

local function refuse_two(body, json, form, multipart)
  local given = {}
  for _, one in ipairs({ { "body", body }, { "json", json }, { "form", form },
    { "multipart", multipart } }) do
    given[#given + 1] = one[2] ~= nil and one[1] or nil
  end
  error(("options '%s' and '%s' exclude each other"):format(given[1], given[2]), 0)
end

-- The body and its content type; or nil, err.
local function make_form(parts, request)
  local body, content_type = require("multisock.request.multipart")(parts, bodies.make)
  if body and headers.find(request:fields(), "Content-Type") then
    error("headers: Content-Type: the option 'multipart' makes its own, with its boundary", 0)
  end
  return body, content_type
end

--- The body and the content type that goes with it; or nothing.
-- @param body, json, form, multipart what these options say
-- @param request whose body it is @param codec false, or that of `json_codec`
-- @return body, string; or nil, err
function bodies.choose(body, json, form, multipart, request, codec)
  if json ~= nil then
    if body ~= nil or form ~= nil or multipart ~= nil then
      refuse_two(body, json, form, multipart)
    end
    return { bytes = codec and encode_with(codec, json) or json_body(json) }, "application/json"
  elseif body ~= nil then
    if form ~= nil or multipart ~= nil then
      refuse_two(body, json, form, multipart)
    end
    return bodies.make(body), "application/octet-stream"
  elseif form ~= nil then
    if multipart ~= nil then
      refuse_two(body, json, form, multipart)
    end
    return { bytes = targets.encode_form("form", form) }, "application/x-www-form-urlencoded"
  elseif multipart ~= nil then
    return make_form(multipart, request)
  end
end

-- Bodies for other protocols than HTTP. MQTT publishes what HTTP would post; all
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
