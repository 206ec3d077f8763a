-- What `require "lcurl"` and its safe variant return: the same
-- functions, that raise what libcurl refuses, or return it after nil.
local core = require("multisock.core")
local native = require("lcurl.native")
local constants = require("lcurl.constants")
local easy = require("lcurl.easy")
local errors = require("lcurl.errors")
local form = require("lcurl.form")
local multi = require("lcurl.multi")
local object = require("lcurl.object")
local pairs = require("lcurl.pairs")
local share = require("lcurl.share")
local url = require("lcurl.url")

local VERSION = core.version()

-- Options as libcurl describes them.
local option_types = {
  long = "OT_LONG", values = "OT_VALUES", off_t = "OT_OFF_T", object = "OT_OBJECT",
  string = "OT_STRING", list = "OT_SLIST", pointer = "OT_CBPTR", blob = "OT_BLOB",
  ["function"] = "OT_FUNCTION",
}

local function describe_option(option)
  local kind = option_types[option.type]
  return {
    id = option.id, name = option.name, type = constants.values[kind], type_name = kind:sub(4),
    flags = 0, flags_set = { alias = false },
  }
end

local function find_option(field, value)
  for _, option in ipairs(core.options()) do
    if option[field] == value then
      return describe_option(option)
    end
  end
end

-- Features by curl's names, which are those of Lua-cURLv3 but for these.
local renamed = {
  ["alt-svc"] = "ALTSVC", CharConv = "CONV", ["GSS-API"] = "GSSAPI", Kerberos = "KERBEROS5",
  MultiSSL = "MULTI_SSL", ["TLS-SRP"] = "TLSAUTH_SRP", TrackMemory = "CURLDEBUG",
  UnixSockets = "UNIX_SOCKETS",
}

-- False where libcurl has not got them; what is newer is there when it has.
local known_features = {
  "ALTSVC", "ASYNCHDNS", "BROTLI", "CONV", "CURLDEBUG", "DEBUG", "GSSAPI", "GSSNEGOTIATE", "HSTS",
  "HTTP2", "HTTP3", "HTTPS_PROXY", "IDN", "IPV6", "KERBEROS4", "KERBEROS5", "LARGEFILE", "LIBZ",
  "MULTI_SSL", "NTLM", "NTLM_WB", "PSL", "SPNEGO", "SSL", "SSPI", "TLSAUTH_SRP", "UNICODE",
  "UNIX_SOCKETS", "ZSTD",
}

local function describe_version()
  local info = native.version_info()
  info.features, info.protocols = {}, {}
  for _, field in ipairs(known_features) do
    info.features[field] = false
  end
  for name in pairs(VERSION.features) do
    info.features[renamed[name] or (name:upper():gsub("-", "_"))] = true
  end
  for _, name in ipairs(VERSION.protocols) do
    info.protocols[name:upper()] = true
  end
  return info
end

local library = {}

--- libcurl and its parts, as one line.
library.version = native.curl_version

--- What curl_version_info tells, or one field of it.
function library.version_info(field)
  local info = describe_version()
  if field == nil then
    return info
  end
  return info[field]
end

--- libcurl is initialised once, when multisock.core is loaded.
function library.init() end

library.error = errors.create

function library.easy_option_by_id(id)
  return find_option("id", id)
end

function library.easy_option_by_name(name)
  return find_option("name", object.check_string("easy_option_by_name", 1, name):upper())
end

function library.ieasy_options()
  local list, i = core.options(), 0
  return function()
    i = i + 1
    return list[i] and describe_option(list[i])
  end
end

--- @param mode string "raise", or "return" for nil and the error
return function(mode)
  local module = {}
  for name, value in pairs(constants.values) do
    module[name] = value
  end
  for name, fn in pairs(library) do
    module[name] = fn
  end
  function module.easy(settings) return easy.new(mode, settings) end
  function module.multi(settings) return multi.new(mode, settings) end
  function module.share(settings) return share.new(mode, settings) end
  function module.form() return form.new(mode) end
  function module.url(text, flags) return url.new(mode, text, flags) end
  return module
end
