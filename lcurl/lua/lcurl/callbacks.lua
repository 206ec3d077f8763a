-- Callbacks of an easy handle as Lua-cURLv3 calls them: fn, fn and a context,
-- or an object with a method; its arguments, and what its results mean.
--
-- libcurl gets one function per callback, a dispatcher, that looks up what the
-- program has set now. So a callback may be changed while the transfer runs.
local core = require("multisock.core")
local constants = require("lcurl.constants")
local object = require("lcurl.object")

local callbacks = {}

local values = constants.values
local pack, unpack = object.pack, object.unpack
local WRITE_ERROR, ABORTED = values.E_WRITE_ERROR, values.E_ABORTED_BY_CALLBACK

-- Raised by a dispatcher to end the transfer with nothing but its code.
local STOP = setmetatable({}, { __tostring = function() return "ended by a callback" end })

--- Makes one function of a function, a function with its context, or an object.
-- @param method string of the object
-- @param where string, number the method and argument for messages
-- @return function|nil nil for null
function callbacks.bind(method, where, position, ...)
  local count, fn, context = select("#", ...), ...
  if count == 0 or fn == nil then
    object.bad_argument(where, position, "no function present")
  elseif count > 2 then
    object.bad_argument(where, position + 2, "no arguments expected")
  elseif fn == core.null then
    if context ~= nil and context ~= core.null then
      object.bad_argument(where, position + 1, "no context allowed with null")
    end
    return nil
  elseif count == 2 then
    return function(...) return fn(context, ...) end
  elseif type(fn) == "function" then
    return fn
  end
  local kind = type(fn)
  local member = (kind == "table" or kind == "userdata") and fn[method]
  if not member then
    object.bad_argument(where, position,
      ("function, or object with a method '%s' expected, got %s"):format(
        method, object.type_name(fn)))
  end
  return function(...) return member(fn, ...) end
end

-- What a callback returned after nil is the result of perform.
local function refuse(easy, ...)
  if select("#", ...) > 1 then
    easy.refused = pack(...)
  end
end

local function stop(easy, code)
  easy.stopped = code
  error(STOP, 0)
end

-- Returned nil and something: an error of the program's.
local function check_raised(...)
  local first, second = ...
  if select("#", ...) > 1 and first == nil and second ~= nil then
    error(second, 0)
  end
  return select("#", ...), first
end

-- ---- Results of each callback ----

local function written(easy, ...)
  local count, first = select("#", ...), ...
  if count == 0 then
    return true
  elseif first == nil then
    refuse(easy, ...)
    return false
  elseif type(first) == "number" then
    return math.floor(first)
  end
  return first and true or false
end

-- More than libcurl has room for is kept for its next calls.
local function cut(reader, room, bytes)
  if #bytes > room then
    reader.rest = bytes:sub(room + 1)
    return bytes:sub(1, room)
  end
  reader.rest = nil
  return bytes
end

local function read(easy, reader, room, ...)
  local count, first = select("#", ...), ...
  if count == 0 or (count == 1 and first == nil) then
    return nil
  elseif type(first) == "string" then
    return cut(reader, room, first)
  elseif first == values.READFUNC_PAUSE then
    return core.READFUNC_PAUSE
  elseif first == nil then
    refuse(easy, ...)
  end
  return core.READFUNC_ABORT
end

--- A reader for libcurl: calls `fn(room)` when nothing is left over.
-- @param reader table that keeps what is left over, as `rest`
function callbacks.reader(easy, reader, room, fn)
  local rest = reader.rest
  if rest then
    return cut(reader, room, rest)
  end
  easy.entered, easy.code = easy.entered + 1, ABORTED
  local result = read(easy, reader, room, fn(room))
  easy.entered = easy.entered - 1
  return result
end

local function ignored() end

local function progressed(easy, ...)
  local count, first = select("#", ...), ...
  if count == 0 then
    return nil
  elseif first == nil then
    refuse(easy, ...)
    return 1
  elseif type(first) == "boolean" then
    return not first and 1 or nil
  end
  return type(first) == "number" and first > -1 and first < 1 and 1 or nil
end

local function sought(_, ...)
  local count, first = check_raised(...)
  return count == 0 or (first and true or false)
end

local function matched(_, ...)
  local _, first = check_raised(...)
  return first and true or false
end

local function chunk_began(_, ...)
  local count, first = check_raised(...)
  return (count == 0 or first) and 0 or 2      -- CURL_CHUNK_BGN_FUNC_SKIP
end

local function chunk_ended(_, ...)
  local count, first = check_raised(...)
  return (count == 0 or first) and 0 or 1      -- CURL_CHUNK_END_FUNC_FAIL
end

local function trailed(easy, ...)
  local count, first = select("#", ...), ...
  if type(first) == "table" then
    return first
  elseif count == 0 or first == core.null or first == true or (first == nil and count == 1) then
    return nil
  end
  stop(easy, ABORTED)
end

-- Room for a name in libcurl's buffer.
local HOST_SIZE = 255

local function hsts_read(easy, name, subdomains, expire)
  if name == nil then
    return nil
  elseif type(name) ~= "string" or #name > HOST_SIZE
    or (subdomains ~= nil and type(subdomains) ~= "boolean")
    or (expire ~= nil and (type(expire) ~= "string" or #expire ~= 17)) then
    stop(easy, ABORTED)
  end
  return { host = name, include_subdomains = subdomains, expire = expire }
end

local function hsts_written(_, ...)
  local count, first = select("#", ...), ...
  if count == 0 or (count == 1 and first == nil) or first == true then
    return values.STS_OK
  elseif type(first) == "number" then
    return math.floor(first)
  end
  return first == false and values.STS_DONE or values.STS_FAIL
end

-- ---- Arguments ----

local infos = {
  text = values.INFO_TEXT, header_in = values.INFO_HEADER_IN,
  header_out = values.INFO_HEADER_OUT, data_in = values.INFO_DATA_IN,
  data_out = values.INFO_DATA_OUT, ssl_data_in = values.INFO_SSL_DATA_IN,
  ssl_data_out = values.INFO_SSL_DATA_OUT,
}

local filetypes = {
  file = values.FILETYPE_FILE, directory = values.FILETYPE_DIRECTORY,
  symlink = values.FILETYPE_SYMLINK, block = values.FILETYPE_DEVICE_BLOCK,
  char = values.FILETYPE_DEVICE_CHAR, pipe = values.FILETYPE_NAMEDPIPE,
  socket = values.FILETYPE_SOCKET, door = values.FILETYPE_DOOR,
  unknown = values.FILETYPE_UNKNOWN,
}

local function file_of(info)
  return {
    filename = info.filename, filetype = filetypes[info.filetype], size = info.size,
    perm = info.perm, hardlinks = info.hardlinks,
    strings = {
      time = info.time, perm = info.permissions, user = info.user, group = info.group,
      target = info.target,
    },
  }
end

-- A key of known_hosts is base64 text, the server's is bytes.
local function key_of(key)
  if not key then return nil end
  local field = key.key:find("^[%w+/]+=*$") and "base64" or "raw"
  return { [field] = key.key, type = values["KHTYPE_" .. key.type:upper()] or 0 }
end

local matches = {
  ok = values.KHMATCH_OK, mismatch = values.KHMATCH_MISMATCH, missing = values.KHMATCH_MISSING,
}

local function judged(_, verdict)
  return type(verdict) == "number" and math.floor(verdict) or values.KHSTAT_REJECT
end

-- ---- The callbacks ----

-- Calls what the program has set; errors of it pass through libcurl's binding
-- below and come back from perform, where `entered` tells them from others.
local function call(easy, name, code, finish, ...)
  local fn = easy.callbacks[name]
  easy.entered, easy.code = easy.entered + 1, code
  local result = finish(easy, fn(...))
  easy.entered = easy.entered - 1
  return result
end

local function write_stdout(bytes)
  io.stdout:write(bytes)
  return true
end

-- By name of the option: the method of an object, and what makes a dispatcher.
local kinds = {
  writefunction = { "write", function(easy)
    return function(bytes)
      if not easy.callbacks.writefunction then
        return write_stdout(bytes)
      end
      return call(easy, "writefunction", WRITE_ERROR, written, bytes)
    end
  end },
  headerfunction = { "header", function(easy)
    return function(bytes)
      if easy.callbacks.headerfunction then
        return call(easy, "headerfunction", WRITE_ERROR, written, bytes)
      end
    end
  end },
  readfunction = { "read", function(easy)
    return function(room)
      local fn = easy.callbacks.readfunction
      if fn then
        return callbacks.reader(easy, easy, room, fn)
      end
    end
  end },
  progressfunction = { "progress", function(easy)
    return function(...)
      if easy.callbacks.progressfunction then
        return call(easy, "progressfunction", ABORTED, progressed, ...)
      end
    end
  end, option = "xferinfofunction" },
  seekfunction = { "seek", function(easy)
    return function(offset, origin)
      easy.rest = nil
      if easy.callbacks.seekfunction then
        return call(easy, "seekfunction", ABORTED, sought, origin, offset)
      end
      return false
    end
  end },
  debugfunction = { "debug", function(easy)
    return function(info, bytes)
      if easy.callbacks.debugfunction then
        call(easy, "debugfunction", ABORTED, ignored, infos[info], bytes)
      end
    end
  end },
  fnmatch_function = { "match", function(easy)
    return function(pattern, name)
      return call(easy, "fnmatch_function", ABORTED, matched, pattern, name)
    end
  end },
  chunk_bgn_function = { "chunk_bgn", function(easy)
    return function(info, left)
      return call(easy, "chunk_bgn_function", ABORTED, chunk_began, file_of(info), left)
    end
  end },
  chunk_end_function = { "chunk_end", function(easy)
    return function()
      return call(easy, "chunk_end_function", ABORTED, chunk_ended)
    end
  end },
  trailerfunction = { "trailer", function(easy)
    return function()
      return call(easy, "trailerfunction", ABORTED, trailed)
    end
  end },
  ssh_keyfunction = { "ssh_key", function(easy)
    return function(known, found, match)
      return call(easy, "ssh_keyfunction", ABORTED, judged, key_of(known), key_of(found),
        matches[match])
    end
  end },
  hstsreadfunction = { "hstsread", function(easy)
    return function()
      return call(easy, "hstsreadfunction", ABORTED, hsts_read, HOST_SIZE)
    end
  end },
  hstswritefunction = { "hstswrite", function(easy)
    return function(entry, index, total)
      return call(easy, "hstswritefunction", ABORTED, hsts_written, entry.host,
        entry.include_subdomains, entry.expire, index, total)
    end
  end },
}

--- The callback option of this name, with its method, or nil.
function callbacks.find(name)
  return kinds[name]
end

--- Makes libcurl call the dispatcher of this callback.
-- @return boolean|nil, any as core.easy:setopt
function callbacks.install(easy, name)
  if easy.installed[name] then
    return true
  end
  local kind = kinds[name]
  local ok, err = easy.core:setopt(kind.option or name, kind[2](easy))
  if not ok then
    return nil, err
  end
  easy.installed[name] = true
  return true
end

--- Before a transfer: nothing is left of the one before.
function callbacks.begin(easy)
  easy.rest, easy.refused, easy.stopped, easy.code = nil, nil, nil, nil
  easy.entered = 0
end

--- How a failed transfer ended.
-- @return string "raised", value; "refused", packed results; "failed", code or nil
function callbacks.ended(easy, err)
  local entered, refused, stopped = easy.entered, easy.refused, easy.stopped
  easy.refused, easy.stopped, easy.entered = nil, nil, 0
  if err == STOP then
    return "failed", stopped
  elseif entered > 0 then
    return "raised", err
  elseif refused then
    return "refused", refused
  end
  return "failed"
end

callbacks.unpack = unpack

return callbacks
