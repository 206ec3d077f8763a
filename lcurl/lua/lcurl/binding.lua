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

-- Features under the names of Lua-cURLv3, false where libcurl has not got them.
local features = {
  ["alt-svc"] = "ALTSVC", AsynchDNS = "ASYNCHDNS", brotli = "BROTLI", Debug = "DEBUG",
  GSSAPI = "GSSAPI", HSTS = "HSTS", HTTP2 = "HTTP2", HTTP3 = "HTTP3",
  ["HTTPS-proxy"] = "HTTPS_PROXY", IDN = "IDN", IPv6 = "IPV6", Kerberos = "KERBEROS5",
  Largefile = "LARGEFILE", libz = "LIBZ", MultiSSL = "MULTI_SSL", NTLM = "NTLM",
  NTLM_WB = "NTLM_WB", PSL = "PSL", SPNEGO = "SPNEGO", SSL = "SSL", SSPI = "SSPI",
  ["TLS-SRP"] = "TLSAUTH_SRP", TrackMemory = "CURLDEBUG", Unicode = "UNICODE",
  UnixSockets = "UNIX_SOCKETS", zstd = "ZSTD",
}

local function describe_version()
  local info = {
    version = VERSION.curl, version_num = VERSION.curl_number,
    ssl_version = VERSION.ssl, ssl_version_num = 0,
    libz_version = native.curl_version():match(" zlib/(%S+)"),
    features = { KERBEROS4 = false, CONV = false, GSSNEGOTIATE = false }, protocols = {},
  }
  for name, field in pairs(features) do
    info.features[field] = VERSION.features[name] == true
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
  object.check_string("easy_option_by_name", 1, name)
  return find_option("name", name:upper())
end

function library.ieasy_options()
  local list, i = core.options(), 0
  return function()
    i = i + 1
    return list[i] and describe_option(list[i])
  end
end

---@param mode string "raise", or "return" for nil and the error
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
