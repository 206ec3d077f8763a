-- The module `cURL` of Lua-cURLv3 on lcurl: objects that are
-- tables and take fields of the program's own, forms from tables, and a loop
-- over the events of many transfers. Also the calls of Lua-cURL 2.
local callbacks = require("lcurl.callbacks")
local easy_handles = require("lcurl.easy")
local events = require("cURL.events")
local forms = require("cURL.forms")
local pairs = require("lcurl.pairs")

local INFO = {
  _NAME = "Lua-cURL", _VERSION = "0.3.13-multisock", _LICENSE = "MIT",
}

-- ---- Objects ----

-- What a handle returns for itself is the object for the program.
local function forward(name)
  return function(self, ...)
    local handle = self._handle
    local first, second = handle[name](handle, ...)
    if first == handle then
      return self
    end
    return first, second
  end
end

-- A class of tables around handles: methods that it lacks are the handle's.
local function class(kind, make)
  local methods = {}
  local meta = { __type = "LcURL " .. kind, __name = "LcURL " .. kind }

  function meta.__index(self, key)
    local method = methods[key]
    local handle = rawget(self, "_handle")
    if method == nil and handle and handle[key] then
      method = forward(key)
      methods[key] = method
    end
    return method
  end

  function meta.__tostring(self)
    return ("%s %s (%s)"):format(INFO._NAME, kind, tostring(self._handle):match("%((.-)%)") or "?")
  end

  function meta.__close(self)
    local handle = self._handle
    return (handle.close or handle.free)(handle)
  end

  function methods:handle()
    return self._handle
  end

  local function new()
    local handle, err = make()
    if not handle then
      return nil, err
    end
    return setmetatable({ _handle = handle }, meta)
  end
  return methods, new
end

-- The handle of an object, or what is one already.
local function unwrap(value)
  return type(value) == "table" and rawget(value, "_handle") or value
end

-- ---- Options that take objects or callbacks with objects ----

local function set_easy(names)
  return function(self, key, ...)
    local handle = self._handle
    local result, err
    if type(key) == "table" then
      local copy = {}
      for name, value in pairs(key) do
        copy[name] = names[name] and unwrap(value) or value
      end
      result, err = handle:setopt(copy)
    elseif names[key] then
      result, err = handle:setopt(key, unwrap((...)))
    else
      result, err = handle:setopt(key, ...)
    end
    if result == handle then
      return self
    end
    return result, err
  end
end

-- Names and numbers of the options that take an object.
local function object_options(curl)
  local names = {}
  for _, name in ipairs({ "httppost", "stream_depends", "stream_depends_e", "share" }) do
    names[name] = true
    local number = curl["OPT_" .. name:upper()]
    if number then names[number] = true end
  end
  return names
end

local function define_easy(methods, curl)
  local names = object_options(curl)
  methods.setopt = set_easy(names)
  for name in pairs(names) do
    if type(name) == "string" then
      local set = forward("setopt_" .. name)
      methods["setopt_" .. name] = function(self, value)
        return set(self, unwrap(value))
      end
    end
  end
  local perform = forward("perform")
  function methods:perform(settings)
    if settings then
      local ok, err = self:setopt(settings)
      if not ok then
        return nil, err
      end
    end
    return perform(self)
  end
end

-- ---- Multi ----

local function define_multi(methods, curl)
  local add, remove = forward("add_handle"), forward("remove_handle")
  local set = forward("setopt")

  function methods:add_handle(easy)
    local handle = easy:handle()
    if self._easy[handle] then
      return nil, curl.error(curl.ERROR_MULTI, curl.E_MULTI_ADDED_ALREADY)
    end
    -- So that iperform can listen to transfers that have been added already.
    local ok, err = easy_handles.listen(handle)
    if ok then
      self._easy[handle] = easy
      ok, err = add(self, handle)
      if not ok then
        self._easy[handle] = nil
      end
    end
    if not ok then
      return nil, err
    end
    return self
  end

  function methods:remove_handle(easy)
    local handle = easy:handle()
    self._easy[handle] = nil
    return remove(self, handle)
  end

  function methods:info_read(drop)
    local handle, ok, err = self._handle:info_read(drop)
    local easy = self._easy[handle]
    if handle == 0 then
      return 0
    elseif not easy then
      return handle, ok, err
    elseif drop then
      self._easy[handle] = nil
    end
    return easy, ok, err
  end

  -- The callback gets the object, not the handle.
  local function with_objects(self, ...)
    local fn = callbacks.bind("socket", "setopt_socketfunction", 1, ...)
    local easies = self._easy
    return fn and function(handle, ...)
      return fn(easies[handle], ...)
    end or curl.null
  end

  function methods:setopt_socketfunction(...)
    return set(self, curl.OPT_MULTI_SOCKETFUNCTION, with_objects(self, ...))
  end

  function methods:setopt(key, ...)
    if type(key) == "table" then
      local copy = {}
      for name, value in pairs(key) do
        local socket = name == "socketfunction" or name == curl.OPT_MULTI_SOCKETFUNCTION
        copy[name] = socket and with_objects(self, value) or value
      end
      return set(self, copy)
    elseif key == curl.OPT_MULTI_SOCKETFUNCTION or key == "socketfunction" then
      return self:setopt_socketfunction(...)
    end
    return set(self, key, ...)
  end

  function methods:iperform()
    return events.iterate(self)
  end
end

-- ---- The module ----

local function define_version3(module, curl)
  local easy_methods, new_easy = class("Easy", curl.easy)
  define_easy(easy_methods, curl)
  function module.easy(settings)
    local self, err = new_easy()
    if self and settings then
      return self:setopt(settings)
    end
    return self, err
  end

  local multi_methods, new_multi = class("Multi", curl.multi)
  define_multi(multi_methods, curl)
  function module.multi(settings)
    local self, err = new_multi()
    if not self then
      return nil, err
    end
    self._easy = {}
    if settings then
      return self:setopt(settings)
    end
    return self
  end

  local form_methods, new_form = class("Form", curl.form)
  function form_methods:add(fields)
    return forms.add(self, fields)
  end
  function module.form(fields)
    local self, err = new_form()
    if self and fields then
      return self:add(fields)
    end
    return self, err
  end
end

--- @param curl table lcurl, or its safe variant
return function(curl)
  local module = {}
  for name, value in pairs(curl) do
    module[name] = value
  end
  for name, value in pairs(INFO) do
    module[name] = value
  end
  define_version3(module, curl)
  require("cURL.version2")(module, curl, class, forward, unwrap)
  return module
end
