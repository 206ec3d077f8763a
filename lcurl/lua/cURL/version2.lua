-- The calls of Lua-cURL 2 that Lua-cURLv3 has kept: easy_init, multi_init and
-- share_init, with post, perform{writefunction=...} and names for flags.
local events = require("cURL.events")
local pairs = require("lcurl.pairs")

-- An option whose values may be named.
local function named(forward, curl, option, prefix, names)
  local set = forward("setopt_" .. option)
  local values = {}
  for name in names:gmatch("%S+") do
    local value = curl[prefix .. name]
    if value then
      values[name], values[value] = value, value
    end
  end
  return function(self, value)
    if values[value] == nil then
      error(("setopt_%s: unsupported value %s"):format(option, tostring(value)), 2)
    end
    return set(self, values[value])
  end
end

-- One field of easy:post{...}.
local function add_field(easy, form, name, field)
  if type(field) == "string" then
    return form:add_content(name, field)
  elseif type(field) ~= "table" then
    error(("post field '%s': string or table expected, got %s"):format(
      tostring(name), type(field)), 0)
  elseif field.stream_length then
    local length = tonumber(field.stream_length)
    local stream = field.stream or easy._read
    if not length or not stream then
      error(("post field '%s': stream_length and stream, or a readfunction, expected"):format(
        tostring(name)), 0)
    end
    return form:add_stream(name, field.file, field.type, field.headers, length, stream)
  elseif field.data then
    return form:add_buffer(name, field.file, field.data, field.type, field.headers)
  end
  return form:add_file(name, field.file, field.type, field.filename, field.headers)
end

local function define_easy(methods, curl, forward, unwrap)
  local set_read, set_share = forward("setopt_readfunction"), forward("setopt_share")

  function methods:setopt_readfunction(fn, ...)
    if select("#", ...) > 0 then
      local context = (...)
      self._read = function(...) return fn(context, ...) end
    else
      self._read = fn
    end
    return set_read(self, fn, ...)
  end

  function methods:setopt_share(share)
    return set_share(self, unwrap(share))
  end

  local perform = forward("perform")
  function methods:perform(settings)
    settings = settings or {}
    local ok, err = true, nil
    for _, name in ipairs({ "readfunction", "writefunction", "headerfunction" }) do
      if ok and settings[name] then
        ok, err = self["setopt_" .. name](self, settings[name])
      end
    end
    if ok then
      ok, err = perform(self)
    end
    if ok then
      return self
    elseif settings.errorfunction then
      return settings.errorfunction(err)
    end
    return nil, err
  end

  function methods:post(fields)
    local form = curl.form()
    for name, field in pairs(fields) do
      local ok, err = add_field(self, form, name, field)
      if not ok then
        return nil, err
      end
    end
    local ok, err = self._handle:setopt_httppost(form)
    if not ok then
      return nil, err
    end
    return self
  end

  methods.setopt_proxytype = named(forward, curl, "proxytype", "PROXY_",
    "HTTP HTTP_1_0 SOCKS4 SOCKS5 SOCKS4A SOCKS5_HOSTNAME HTTPS")
  methods.setopt_httpauth = named(forward, curl, "httpauth", "AUTH_",
    "NONE BASIC DIGEST GSSNEGOTIATE NEGOTIATE NTLM DIGEST_IE GSSAPI NTLM_WB ONLY ANY ANYSAFE "
    .. "BEARER")
  methods.setopt_ssh_auth_types = named(forward, curl, "ssh_auth_types", "SSH_AUTH_",
    "NONE ANY PUBLICKEY PASSWORD HOST GSSAPI KEYBOARD AGENT DEFAULT")
end

--- Adds easy_init, multi_init and share_init to the module.
return function(module, curl, class, forward, unwrap)
  local easy_methods, new_easy = class("Easy", curl.easy)
  define_easy(easy_methods, curl, forward, unwrap)
  module.easy_init = new_easy

  local new_multi = module.multi
  function module.multi_init()
    local self, err = new_multi()
    if not self then
      return nil, err
    end
    -- In version 2 perform is the loop over events.
    self.perform = events.iterate
    return self
  end

  local share_methods, new_share = class("Share", curl.share)
  share_methods.setopt_share = named(forward, curl, "share", "LOCK_DATA_",
    "COOKIE DNS SSL_SESSION CONNECT")
  module.share_init = new_share
end
