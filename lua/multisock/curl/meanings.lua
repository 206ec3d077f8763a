-- What the options of curl's command mean: functions that change what from_curl.lua
-- collects.
local contents = require("multisock.base.contents")
local errors = require("multisock.base.errors")
local form = require("multisock.curl.form")
local percent = require("multisock.base.percent")

local meanings = {}

--- Raises what from_curl returns.
function meanings.refuse(message)
  error(errors.new("curl", "from_curl: " .. message), 0)
end
local refuse = meanings.refuse

local function read_file(option, path)
  if path == "-" then
    refuse(option .. " @-: standard input cannot be had")
  end
  local content, message = contents(path)
  return content or refuse(("%s: %s"):format(option, message))
end

local function number(option, value)
  return tonumber(value) or refuse(("%s: number expected, got %s"):format(option,
    errors.quote(value)))
end

---- What the options mean: fn(self, value, name) ------------------------------

-- `self`: url, method, head, get (booleans), headers (list of {name, value}), gone (names
-- of headers that are not to be sent), data (string), content_type, parts, and `options`.

local function set(name, value)
  return function(self, given)
    self.options[name] = value == nil and given or value
  end
end

local function set_tls(name, value)
  return function(self, given)
    self.options.tls = self.options.tls or {}
    self.options.tls[name] = value == nil and given or value
  end
end

local function add_to(name)
  return function(self, given)
    local list = self.options[name] or {}
    self.options[name], list[#list + 1] = list, given
  end
end

local function timeout(field)
  return function(self, value, name)
    local seconds = number(name, value)
    self.options.timeout = self.options.timeout or {}
    self.options.timeout[field] = seconds > 0 and seconds or math.huge
  end
end

function meanings.add_header(self, name, value)
  self.headers[#self.headers + 1] = { name, value }
end

local add_header = meanings.add_header

local function header(name)
  return function(self, value)
    add_header(self, name, value)
  end
end

local function any_header(self, line)
  local name, sign, value = line:match("^([^:;]+)([:;])%s*(.*)$")
  value = value and (value:match("^.*%S") or "")
  if name == nil or sign == ";" and value ~= "" then
    refuse("-H: NAME: VALUE expected, got " .. errors.quote(line))
  elseif sign == ":" and value == "" then
    self.gone[#self.gone + 1] = name
  else
    add_header(self, name, value)
  end
end

local function add_data(self, text, glue)
  self.data = self.data and self.data .. (glue or "&") .. text or text
end

-- Of files line breaks are left out, as curl does; `raw`: they are not.
local function data(raw)
  return function(self, value, name)
    if value:sub(1, 1) == "@" then
      value = read_file(name, value:sub(2))
      value = raw and value or value:gsub("[\r\n%z]", "")
    end
    add_data(self, value)
  end
end

-- "content", "=content", "name=content", "@file" or "name@file".
local function encoded_data(self, value, name)
  local field, sign, content = value:match("^([^=@]*)([=@])(.*)$")
  field, content = field or "", content or value
  if sign == "@" then
    content = read_file(name, content)
  end
  add_data(self, (field ~= "" and field .. "=" or "") .. percent.escape(content):gsub("%%20", "+"))
end

local function json(self, value, name)
  add_data(self, value:sub(1, 1) == "@" and read_file(name, value:sub(2)) or value, "")
  self.content_type = "application/json"
end

local function part(self, value)
  local made, why = form.part(value)
  self.parts = self.parts or {}
  self.parts[#self.parts + 1] = made or refuse(why)
end

local function plain_part(self, value)
  local name, content = value:match("^([^=]*)=(.*)$")
  self.parts = self.parts or {}
  self.parts[#self.parts + 1] = { name = name or refuse("--form-string: NAME=VALUE expected"),
    value = content }
end

local function cookie(self, value)
  if not value:find("=", 1, true) then
    refuse("-b: NAME=VALUE expected; files of cookies are read by ms.cookies")
  end
  self.cookie = self.cookie and self.cookie .. ";" .. value or value       -- as curl does
end

local function certificate(self, value)
  local path, password = value:match("^([^:]*):(.*)$")
  set_tls("cert")(self, path or value)
  if password then
    set_tls("password")(self, password)
  end
end

local function no_proxy(self, value)
  if value == "*" then
    self.options.proxy = false
    return
  end
  local list = {}
  for host in value:gmatch("[^%s,]+") do
    list[#list + 1] = host
  end
  self.options.no_proxy = list
end

local function redirects(self, value, name)
  local count = number(name, value)
  self.options.max_redirects = count >= 0 and count or 2 ^ 31 - 1
end

local function upload(self, path)
  if path == "-" or path == "." then
    refuse("-T -: standard input cannot be had")
  end
  self.upload = read_file("-T", path)
end

local function signed(self, value)
  local provider, region, service = value:match("^aws:(%w*):([^:]+):([^:]+)$")
  self.sigv4 = provider and { region = region, service = service }
    or refuse("--aws-sigv4: aws:amz:REGION:SERVICE expected")
end

local function mark(name, value)
  return function(self, given)
    self[name] = value == nil and given or value
  end
end

local function nothing() end

--- Long names with what they mean: of those that take a value.
meanings.taking = {
  ["aws-sigv4"] = signed, cacert = set_tls("ca"), capath = set_tls("ca_path"), cert = certificate,
  ["connect-timeout"] = timeout("connect"), ["connect-to"] = add_to("connect_to"),
  cookie = cookie, data = data(), ["data-ascii"] = data(), ["data-binary"] = data(true),
  ["data-raw"] = function(self, value) add_data(self, value) end,
  ["data-urlencode"] = encoded_data, ["doh-url"] = set("doh_url"), form = part,
  ["form-string"] = plain_part, header = any_header, interface = set("interface"), json = json,
  key = set_tls("key"), ["max-redirs"] = redirects, ["max-time"] = timeout("total"),
  noproxy = no_proxy, ["oauth2-bearer"] = mark("bearer"), pass = set_tls("password"),
  pinnedpubkey = set_tls("pinned_public_key"), proxy = mark("proxy"),
  ["proxy-user"] = mark("proxy_user"),
  range = function(self, value) add_header(self, "Range", "bytes=" .. value) end,
  referer = header("Referer"), request = mark("method"), resolve = add_to("resolve"),
  retry = function(self, value, name) self.options.retry = number(name, value) end,
  ["unix-socket"] = set("unix_socket"), ["upload-file"] = upload,
  url = function(self, value) self.urls[#self.urls + 1] = value end,
  user = mark("user"),
  ["user-agent"] = function(self, value)
    if value == "" then
      self.gone[#self.gone + 1] = "User-Agent"
    else
      add_header(self, "User-Agent", value)
    end
  end,
}
--- Of those that do not.
meanings.alone = {
  basic = mark("scheme", "basic"), compressed = set("decompress", true),
  digest = mark("scheme", "digest"), fail = set("fail_on_error", true),
  ["fail-with-body"] = set("fail_on_error", true), get = mark("get", true),
  globoff = mark("no_patterns", true), head = mark("head", true),
  ["http1.0"] = set("http_version", "1.0"), ["http1.1"] = set("http_version", "1.1"),
  http2 = set("http_version", "2"), http3 = set("http_version", "3"),
  ["http2-prior-knowledge"] = set("http_version", "2-prior-knowledge"),
  insecure = set_tls("verify", false), location = set("redirect", "follow"),
  negotiate = mark("scheme", "negotiate"), tlsv1 = set_tls("min_version", "1.0"),
  ["tlsv1.0"] = set_tls("min_version", "1.0"), ["tlsv1.1"] = set_tls("min_version", "1.1"),
  ["tlsv1.2"] = set_tls("min_version", "1.2"), ["tlsv1.3"] = set_tls("min_version", "1.3"),
  -- What is shown of it, and what is so in any case.
  disable = nothing, include = nothing, ["no-buffer"] = nothing, ["no-progress-meter"] = nothing,
  ["progress-bar"] = nothing, ["show-error"] = nothing, silent = nothing,
  ["tcp-nodelay"] = nothing, verbose = nothing,
}
--- Their short names.
meanings.letters = {
  ["#"] = "progress-bar", ["0"] = "http1.0", ["1"] = "tlsv1", A = "user-agent", E = "cert",
  F = "form", G = "get", H = "header", I = "head", L = "location", N = "no-buffer",
  S = "show-error", T = "upload-file", U = "proxy-user", X = "request", b = "cookie", d = "data",
  e = "referer", f = "fail", g = "globoff", i = "include", k = "insecure", m = "max-time",
  q = "disable", r = "range", s = "silent", u = "user", v = "verbose", x = "proxy",
}

return meanings
