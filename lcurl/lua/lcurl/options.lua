-- Options of an easy handle: what each takes, and how it reaches multisock.core.
local core = require("multisock.core")
local callbacks = require("lcurl.callbacks")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local object = require("lcurl.object")
local pairs = require("lcurl.pairs")

local options = {}

local null = core.null
local bad_argument, type_name = object.bad_argument, object.type_name

-- By name and by number: { name =, id =, kind = }.
local by_name, by_id = {}, {}

for _, option in ipairs(core.options()) do
  local row = { name = option.name:lower(), id = option.id, kind = option.type }
  by_name[row.name], by_id[row.id] = row, row
end
by_name.ftp_response_timeout = by_name.server_response_timeout

-- What is libcurl's business with its C caller, or multisock's own.
for _, name in ipairs({ "errorbuffer", "private", "stderr" }) do
  local row = by_name[name]
  if row then
    by_name[name], by_id[row.id] = nil, nil
  end
end
for name, row in pairs(by_name) do
  if row.kind == "pointer" then
    by_name[name], by_id[row.id] = nil, nil
  end
end

--- The option of this name or number, or nil.
function options.find(key)
  if type(key) == "number" then
    return by_id[math.floor(key)]
  end
  return by_name[key]
end

-- Ends setopt: self, or the error of libcurl.
local function finish(easy, self, ok, err)
  if ok then
    return self
  end
  return errors.deliver(easy, errors.convert("CURL-EASY", err))
end

local function set(easy, self, option, value)
  return finish(easy, self, easy.core:setopt(option.name, value))
end

local function unset(easy, self, option)
  easy.objects[option.name] = nil
  return finish(easy, self, easy.core:unsetopt(option.name))
end

-- libcurl wants 2 for "check the name": 1 is an error, or was.
local verify_host = {
  ssl_verifyhost = true, proxy_ssl_verifyhost = true, doh_ssl_verifyhost = true,
}

local setters = {}

function setters.long(easy, self, option, where, value)
  if type(value) ~= "number" and type(value) ~= "boolean" then
    bad_argument(where, 1, "number or boolean expected, got " .. type_name(value))
  end
  if value == true and verify_host[option.name] then
    value = 2
  elseif option.name == "noprogress" then
    easy.noprogress = value
  end
  return set(easy, self, option, object.integer(value))
end

setters.values, setters.off_t = setters.long, setters.long

function setters.string(easy, self, option, where, value)
  if value == null then
    return unset(easy, self, option)
  elseif type(value) ~= "string" then
    bad_argument(where, 1, "string expected, got " .. type_name(value))
  end
  return set(easy, self, option, value)
end

setters.blob = setters.string

function setters.list(easy, self, option, where, value)
  if value == null or (type(value) == "table" and #value == 0) then
    return unset(easy, self, option)
  elseif type(value) ~= "table" then
    bad_argument(where, 1, "array expected, got " .. type_name(value))
  end
  return set(easy, self, option, value)
end

-- A dispatcher stays for as long as the handle lives: unset, it does what
-- libcurl does without a callback.
local function set_callback(easy, self, option, where, ...)
  local kind = callbacks.find(option.name)
  local fn = callbacks.bind(kind[1], where, 1, ...)
  easy.callbacks[option.name] = fn
  if not fn then
    return options.unset(easy, self, option)
  end
  local ok, err = callbacks.install(easy, option.name)
  if ok and option.name == "progressfunction" then
    -- multisock.core turns it on by itself, Lua-cURLv3 leaves it to the script.
    ok, err = easy.core:setopt("noprogress", easy.noprogress)
  end
  if not ok then
    easy.callbacks[option.name] = nil
  end
  return finish(easy, self, ok, err)
end

setters["function"] = function(easy, self, option, where, ...)
  if callbacks.find(option.name) then
    return set_callback(easy, self, option, where, ...)
  end
  -- One that Lua-cURLv3 lacks: as multisock.core calls it.
  local fn = callbacks.bind(option.name, where, 1, ...)
  if not fn then
    return unset(easy, self, option)
  end
  return set(easy, self, option, fn)
end

-- Options that take an object, by name: function(easy, self, where, value).
options.objects = {}

function setters.object(easy, self, option, where, value, ...)
  local setter = options.objects[option.name]
  if not setter then
    return errors.fail(easy, "CURL-EASY", constants.values.E_UNKNOWN_OPTION, option.name)
  end
  return setter(easy, self, where, value, ...)
end

--- Sets an option.
-- @param where string the method, for messages
-- @return self, or as errors.deliver
function options.set(easy, self, option, where, ...)
  return setters[option.kind](easy, self, option, where, ...)
end

-- Callbacks that libcurl cannot be without once they are there: it would go on
-- with a default that reads from or writes to what multisock has set.
local kept = { writefunction = true, headerfunction = true, readfunction = true }

--- Sets an option back to libcurl's default.
function options.unset(easy, self, option)
  local name = option.name
  if not callbacks.find(name) then
    if name == "httppost" or name == "mimepost" then
      easy.objects.httppost, easy.objects.mimepost, easy.post = nil, nil, nil
      option = by_name.mimepost
    end
    return unset(easy, self, option)
  end
  easy.callbacks[name] = nil
  if not easy.installed[name] or kept[name] then
    return self
  end
  easy.installed[name] = nil
  local ok, err = easy.core:unsetopt(callbacks.find(name).option or name)
  if ok and name == "progressfunction" then
    ok, err = easy.core:setopt("noprogress", easy.noprogress)
  end
  return finish(easy, self, ok, err)
end

options.finish = finish

--- Applies a table of options by name or number.
-- @param set_one function(key, value) -> self, or nil, err
-- @return self, or what set_one returned
function options.apply(self, settings, set_one)
  for key, value in pairs(settings) do
    if type(key) == "string" or type(key) == "number" then
      local ok, err = set_one(key, value)
      if ok == nil then
        return nil, err
      end
    end
  end
  return self
end

--- A new object of a class with its first options, if they are a table; it is closed
-- when one is refused.
-- @return the object, or what methods.setopt returned
function options.start(class, methods, state, settings)
  local self = class.new(state)
  if type(settings) == "table" then
    local ok, err = methods.setopt(state, self, settings)
    if not ok then
      methods.close(state)
      return nil, err
    end
  end
  return self
end

return options
