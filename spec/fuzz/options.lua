-- Random options for easy and multi handles. Numbers that bound a transfer stay
-- small, so that none of them hangs; all else may be anything.
local core = require("multisock.core")
local callbacks = require("spec.fuzz.callbacks")
local values = require("spec.fuzz.values")

-- Handles that have had no transfer are keys of `fresh`.
local options = { ports = { 1 }, fresh = setmetatable({}, { __mode = "k" }) }

local chance, one, random = values.chance, values.one, math.random

-- A transfer without an end would stop the fuzzer.
local bounds = {
  timeout_ms = function() return one { 10, 50, 200, 500 } end,
  timeout = function() return 1 end,
}

-- Bits of methods that ask the network, or programs, for credentials.
local function auth()
  return one { 1, 2, 8, 9, 1 | 1 << 31, 64, 0, 128, -1 & ~(4 | 32), 3 }
end

local steered = {
  url = values.url, port = function() return one(options.ports) end,
  httpauth = auth, proxyauth = auth, socks5_auth = function() return one { 1, 3 } end,
  proxy = values.url, pre_proxy = values.url, doh_url = values.url,
  proxytype = function() return one { 0, 1, 2, 4, 5, 6, 7 } end,
  proxyport = function() return one(options.ports) end,
  http_version = function() return one { 0, 1, 2, 3, 4, 5, 30, 31, 99 } end,
  connect_only = function() return one { 0, 1, 1, 2 } end,
  cookielist = function() return one { "ALL", "SESS", "FLUSH", "RELOAD",
    "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue", values.string() } end,
  unix_socket_path = function() return options.unix_socket end,
  cainfo = function() return options.ca end,
  protocols_str = function() return one { "http,https", "all", "file,http", values.string() } end,
  custom_request = values.word, hsts_ctrl = function() return 1 end,
  infilesize = function() return random(0, 5000) end,
  infilesize_large = function() return random(-1, 5000) end,
  ssl_verifypeer = function() return chance(50) end,
  -- Names that are no addresses are refused anyway, but slowly.
  netrc = function() return random(0, 2) end,
}

local function list()
  local result = {}
  for i = 1, random(0, 4) do result[i] = values.word() end
  return result
end

local function file()
  return chance(50) and values.object("file") or one { "a.file", "b.file", "c/d", "/" }
end

-- libcurl before 8.12 loses the sessions that a handle had of its own, so those
-- that may have some get other shares.
local loses_sessions = core.version().curl_number < 0x080c00

local function share(easy)
  local found = values.object("share")
  if found and loses_sessions and tostring(found):find("ssl_session", 1, true)
    and not options.fresh[easy] then
    return nil
  end
  return found
end

local objects = {
  share = share,
  mimepost = function() return values.object("mime") end,
  curlu = function() return values.object("url") end,
  postfields = function() return values.bytes(20000) end,
  copypostfields = function() return values.bytes(2000) end,
  stream_depends = function() return values.object("easy") end,
  stream_depends_e = function() return values.object("easy") end,
  stderr = file,
  private = function() return values.any() end,
}

local by_type = {
  long = values.integer, off_t = values.integer, values = values.integer,
  string = values.string, list = list, blob = values.string, pointer = file,
}

local known = core.options()
-- Those that change most of what happens.
local favourites = {
  "url", "url", "url", "writefunction", "headerfunction", "readfunction", "xferinfofunction",
  "debugfunction", "verbose", "upload", "post", "postfields", "mimepost", "share", "curlu",
  "httpheader", "connect_only", "opensocketfunction", "closesocketfunction", "prereqfunction",
  "proxy", "http_version", "followlocation", "cookiefile", "cookiejar", "hsts", "hsts_ctrl",
  "hstsreadfunction", "hstswritefunction", "accept_encoding", "httpget", "nobody", "customrequest",
  "seekfunction", "stream_depends", "writedata", "readdata", "headerdata", "ssl_ctx_function",
  "sockoptfunction", "resolver_start_function", "fresh_connect", "forbid_reuse", "range",
  "ssl_verifypeer", "trailerfunction", "buffersize", "resume_from_large", "private", "resolve",
}
local types = {}
for _, option in ipairs(known) do
  types[option.name:lower()] = option.type
end

--- The name of an option, in lower case.
function options.name()
  if chance(50) then return one(favourites) end
  return one(known).name:lower()
end

--- A value for an option of this easy.
function options.value(easy, name)
  if bounds[name] then return bounds[name]() end
  if chance(6) then
    local any = values.any()
    if name ~= "share" or type(any) ~= "userdata" then return any end
  end
  if steered[name] and chance(90) then return steered[name]() end
  if objects[name] then return objects[name](easy) end
  local kind = types[name]
  if kind == "function" then return callbacks.make(easy, name) end
  if kind and by_type[kind] then return by_type[kind]() end
  return values.any()
end

--- A name and a value of an easy's option that may be set and unset: those
-- that bound it keep their value.
function options.pair(easy)
  local name = options.name()
  return name, options.value(easy, name)
end

--- Whether this may be unset.
function options.is_bound(name)
  return type(name) == "string" and bounds[name:lower()] ~= nil
end

--- What every handle gets.
function options.basics(easy, url)
  return {
    url = url or values.url(), timeout_ms = one { 20, 100, 300, 600 }, noproxy = "*",
    writefunction = chance(80) and callbacks.make(easy, "writefunction") or nil,
    proxy = "", quick_exit = 1,
  }
end

local multi_functions = { "socketfunction", "timerfunction", "pushfunction", "notifyfunction" }

--- A name and a value of a multi's option.
function options.multi_pair(multi)
  local choice = random(10)
  if choice <= 4 then
    local name = one(multi_functions)
    return name, chance(90) and callbacks.make(multi, name) or values.any()
  end
  local name = one { "maxconnects", "max_host_connections", "max_total_connections", "pipelining",
    "max_concurrent_streams", "pipelining_site_bl", "pipelining_server_bl", "max_pipeline_length",
    "content_length_penalty_size", "network_changed", values.word() }
  return name, choice == 10 and values.any() or one { 0, 1, 2, 10, list(), true, values.integer() }
end

return options
