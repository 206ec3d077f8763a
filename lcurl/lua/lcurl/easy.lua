-- Easy handles of Lua-cURLv3 on those of multisock.core.
local core = require("multisock.core")
local callbacks = require("lcurl.callbacks")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local mime = require("lcurl.mime")
local object = require("lcurl.object")
local options = require("lcurl.options")
local pairs = require("lcurl.pairs")
local share = require("lcurl.share")
local url = require("lcurl.url")

local easy = {}

local values = constants.values
local bad_argument, type_name = object.bad_argument, object.type_name
local class

-- ---- Options ----

local function set_one(state, self, key, where, ...)
  local option = options.find(key)
  if not option then
    return errors.fail(state, "CURL-EASY", values.E_UNKNOWN_OPTION, tostring(key))
  end
  return options.set(state, self, option, where, ...)
end

local methods = {}

function methods.setopt(state, self, key, ...)
  if type(key) == "table" then
    return options.apply(self, key, function(name, value)
      return set_one(state, self, name, "setopt_" .. tostring(name), value)
    end)
  elseif type(key) ~= "number" and type(key) ~= "string" then
    bad_argument("setopt", 1, "option expected, got " .. type_name(key))
  end
  return set_one(state, self, key, "setopt", ...)
end

function methods.unsetopt(state, self, key)
  local option = options.find(key)
  if not option then
    return errors.fail(state, "CURL-EASY", values.E_UNKNOWN_OPTION, tostring(key))
  end
  return options.unset(state, self, option)
end

local objects = options.objects

--- The body of a POST; of a longer string the first `size` bytes.
function objects.postfields(state, self, where, value, size)
  if value == core.null then
    return options.finish(state, self, state.core:unsetopt("postfields"))
  end
  value, size = object.check_string(where, 1, value), object.integer(size)
  if type(size) == "number" then
    if size < 0 or size > #value then
      bad_argument(where, 2, ("%s is more than the %d bytes of the data"):format(size, #value))
    end
    value = value:sub(1, size)
  end
  return options.finish(state, self, state.core:setopt("postfields", value))
end

objects.copypostfields = objects.postfields

-- Keeps the object as long as the handle has it.
local function set_object(state, self, name, value, part)
  local ok, err = state.core:setopt(name, part)
  if ok then
    state.objects[name] = value
  end
  return options.finish(state, self, ok, err)
end

function objects.share(state, self, where, value)
  return set_object(state, self, "share", value, share.class.check(where, 1, value).core)
end

function objects.curlu(state, self, where, value)
  return set_object(state, self, "curlu", value, url.class.check(where, 1, value).core)
end

function objects.stream_depends(state, self, where, value)
  return set_object(state, self, "stream_depends", value, class.check(where, 1, value).core)
end

function objects.stream_depends_e(state, self, where, value)
  return set_object(state, self, "stream_depends_e", value, class.check(where, 1, value).core)
end

local function set_body(name, check)
  return function(state, self, where, value)
    local tree = check(where, 1, value)
    local ok, err = mime.attach(state, tree)
    if ok then
      state.objects.httppost, state.objects.mimepost = nil, nil
      state.objects[name] = value
    end
    return options.finish(state, self, ok, err)
  end
end

objects.mimepost = set_body("mimepost", function(where, position, value)
  return mime.class.check(where, position, value)
end)

objects.httppost = set_body("httppost", function(where, position, value)
  return require("lcurl.form").class.check(where, position, value)
end)

-- ---- Infos ----

-- "name:value" texts, as libcurl has them, of a table by name.
local function certificate_lines(fields)
  local lines = {}
  for name, value in pairs(fields) do
    lines[#lines + 1] = name .. ":" .. value
  end
  table.sort(lines)
  return lines
end

local function get_info(state, name, decode)
  if name == "lastsocket" then
    return state.core:getinfo("activesocket") or -1
  end
  local value, err = state.core:getinfo(name)
  if value == nil and err then
    return errors.deliver(state, errors.convert("CURL-EASY", err))
  end
  if name == "certinfo" and not decode then
    for i, fields in ipairs(value) do
      value[i] = certificate_lines(fields)
    end
  end
  return value
end

function methods.getinfo(state, _, info, ...)
  local name = constants.infos[info]
  if type(name) == "number" then
    name = info
  end
  if not name then
    return errors.fail(state, "CURL-EASY", values.E_UNKNOWN_OPTION, tostring(info))
  end
  return get_info(state, name, ...)
end

-- ---- Transfers ----

--- What a transfer needs at its start: nothing left of the one before, and a
-- body that is what the form or mime object says now.
-- @return true; or nil, an error of multisock.core
function easy.begin(state)
  callbacks.begin(state)
  return mime.refresh(state)
end

function methods.perform(state, self)
  if state.multi then
    return errors.fail(state, "CURL-EASY", values.E_FAILED_INIT, "the handle is in a multi")
  elseif state.performing then
    return errors.fail(state, "CURL-EASY", values.E_RECURSIVE_API_CALL)
  end
  local ok, err = easy.begin(state)
  if ok then
    state.performing = true
    ok, err = state.core:perform()
    state.performing = nil
  end
  if ok then
    return self
  end
  local how, value = callbacks.ended(state, err)
  if how == "raised" then
    error(value, 0)
  elseif how == "refused" then
    return callbacks.unpack(value, 1, value.n)
  elseif value then
    return errors.fail(state, "CURL-EASY", value)
  end
  return errors.deliver(state, errors.convert("CURL-EASY", err))
end

--- The error of a transfer that a multi handle has run.
function easy.error(state, err)
  local code = state.code
  local how, value = callbacks.ended(state, err)
  if how == "raised" then
    return errors.new("CURL-EASY", code, nil, value)
  elseif how == "refused" then
    return errors.new("CURL-EASY", code, nil, value[2])
  elseif value then
    return errors.new("CURL-EASY", value)
  end
  return errors.convert("CURL-EASY", err)
end

function methods.pause(state, self, mask)
  return options.finish(state, self, state.core:pause(mask))
end

function methods.reset(state, self)
  state.core:reset()
  easy.clear(state)
  return self
end

function methods.upkeep(state, self)
  return options.finish(state, self, state.core:upkeep())
end

function methods.mime(state, self)
  return mime.new(state.mode, self)
end

function methods.close(state)
  if state.closed then return end
  state.closed = true
  local multi = state.multi
  if multi then
    state.multi = nil
    multi.easies[state.core] = nil
  end
  state.core:close()
  easy.clear(state)
  state.data = nil
end

-- ---- Texts and data ----

function methods.escape(_, _, text)
  return (object.check_string("escape", 1, text):gsub("[^A-Za-z0-9%-%._~]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

function methods.unescape(_, _, text)
  return (object.check_string("unescape", 1, text):gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

methods.setdata, methods.getdata = object.set_data, object.get_data

-- ---- The class ----

-- setopt_NAME, unsetopt_NAME and getinfo_NAME, when first asked for.
local function lookup(key)
  local verb, name = key:match("^(%l+)_([%l%d_]+)$")
  local option = verb and options.find(name)
  if verb == "setopt" and option then
    return function(state, self, ...)
      return options.set(state, self, option, key, ...)
    end
  elseif verb == "unsetopt" and option then
    return function(state, self)
      return options.unset(state, self, option)
    end
  elseif verb == "getinfo" and constants.infos[name] then
    return function(state, _, ...)
      return get_info(state, name, ...)
    end
  end
end

class = object.class("LcURL Easy", methods, { lookup = lookup })
easy.class = class

--- Nothing is set: as libcurl's handle after its making or reset.
function easy.clear(state)
  state.callbacks, state.installed, state.objects = {}, {}, {}
  state.post, state.noprogress = nil, true
end

--- Calls dispatchers for what arrives, so that it can be listened to while the
-- transfer runs.
function easy.listen(handle)
  local state = class.state(handle)
  local ok, err = callbacks.install(state, "writefunction")
  if ok then
    ok, err = callbacks.install(state, "headerfunction")
  end
  return ok, err
end

--- Makes an easy handle.
-- @param mode string "raise" or "return"
-- @param settings table|nil
function easy.new(mode, settings)
  local handle, err = core.easy()
  local state = { mode = mode, core = handle }
  if not handle then
    return errors.deliver(state, errors.convert("CURL-EASY", err))
  end
  easy.clear(state)
  callbacks.begin(state)
  return options.start(class, methods, state, settings)
end

return easy
