-- ms.to_curl: a request as a command line of curl, for sh. Loaded at first use.
local add_body = require("multisock.curl.body")
local asked = require("multisock.middleware.asked")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local pairs = require("multisock.base.compat").pairs
local request = require("multisock.request")
local DEFAULTS = require("multisock.request.options").defaults
local secrets = require("multisock.request.secrets")
local shell = require("multisock.curl.shell")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local HIDDEN = secrets.HIDDEN

-- What is collected: `flags`, options without a value; `pairs`, those with one; `pipe`,
-- what writes to the command; and whether secrets are hidden.
local Command = {}
Command.__index = Command

function Command:flag(name)
  self.flags[#self.flags + 1] = name
end

function Command:pair(name, value)
  self.pairs[#self.pairs + 1] = name .. " " .. shell.quote(value)
end

function Command:secret(text)
  return self.hides and HIDDEN or text
end

local function refuse(message)
  return nil, errors.new("curl", "to_curl: " .. message)
end

---- Headers and credentials ---------------------------------------------------

local function shown_value(self, made, name, value)
  return self.hides and secrets.hide_header(name, value, made.settings.sensitive_headers) or value
end

local function add_headers(self, made)
  for _, field in ipairs(made:fields()) do
    local name, value = field[1], field[2]
    self:pair("-H", value:find("%S") and name .. ": " .. shown_value(self, made, name, value)
      or name .. ";")
  end
  local jar = made.settings.cookies
  local line = jar and not headers.find(made:fields(), "Cookie") and jar:get(made.target.text)
  if line then
    self:pair("-b", self:secret(line))
  end
end

local function add_auth(self, made)
  local auth = made.settings.auth
  local pair = auth and (auth.basic or auth.digest)
  if pair and not made.target.has_user then
    self:pair("-u", pair[1] .. ":" .. self:secret(pair[2]))
  elseif made.target.has_user and self.hides then
    self:pair("-u", HIDDEN)
  end
  if auth and auth.digest then
    self:flag("--digest")
  elseif auth and auth.negotiate then
    self:flag("--negotiate")
    self:pair("-u", ":")
  elseif auth and auth.bearer then
    self:pair("-H", "Authorization: Bearer " .. self:secret(auth.bearer))
  elseif auth and auth.aws_sigv4 then
    local keys = auth.aws_sigv4
    self:pair("--aws-sigv4", ("aws:amz:%s:%s"):format(keys.region, keys.service))
    self:pair("-u", keys.access_key .. ":" .. self:secret(keys.secret_key))
    if keys.session_token then
      self:pair("-H", "X-Amz-Security-Token: " .. self:secret(keys.session_token))
    end
  end
end

---- Settings ------------------------------------------------------------------

local VERSIONS = {
  ["1.0"] = "--http1.0", ["1.1"] = "--http1.1", ["2"] = "--http2", ["3"] = "--http3",
  ["2-prior-knowledge"] = "--http2-prior-knowledge",
}

local function add_tls(self, tls)
  if tls.verify == false then
    self:flag("-k")
  end
  local function add(name, option)
    if tls[name] then
      self:pair(option, tls[name])
    end
  end
  add("ca", "--cacert")
  add("ca_path", "--capath")
  add("cert", "--cert")
  add("key", "--key")
  add("pinned_public_key", "--pinnedpubkey")
  if tls.password then
    self:pair("--pass", self:secret(tls.password))
  end
  if tls.min_version then
    self:flag("--tlsv" .. tls.min_version)
  end
end

local function add_ways(self, given)
  if given.proxy then
    self:pair("-x", self.hides and secrets.hide_url(given.proxy) or given.proxy)
  elseif given.proxy == false or not given.trust_env then
    self:pair("--noproxy", "*")
  end
  if given.no_proxy then
    self:pair("--noproxy", table.concat(given.no_proxy, ","))
  end
  for _, pin in ipairs(given.resolve or {}) do
    self:pair("--resolve", ("%s:%s:%s"):format(pin.host, pin.port, pin.addresses))
  end
  for _, line in ipairs(given.connect_to or {}) do
    self:pair("--connect-to", line)
  end
  for name, option in pairs({ doh_url = "--doh-url", unix_socket = "--unix-socket",
    interface = "--interface" }) do
    if given[name] then
      self:pair(option, given[name])
    end
  end
end

local function seconds(number)
  return (("%.3f"):format(number):gsub("%.?0+$", ""))
end

local function add_settings(self, given)
  if given.redirect == "follow" then
    self:flag("-L")
    if given.max_redirects ~= DEFAULTS.max_redirects then
      self:pair("--max-redirs", tostring(given.max_redirects))
    end
  end
  if given.decompress then
    self:flag("--compressed")
  end
  if given.fail_on_error then
    self:flag("--fail")
  end
  if given.http_version then
    self:flag(VERSIONS[given.http_version])
  end
  if given.total then
    self:pair("--max-time", seconds(given.total))
  end
  if rawget(given.timeout, "connect") then
    self:pair("--connect-timeout", seconds(given.timeout.connect))
  end
  if given.retry then
    self:pair("--retry", tostring(given.retry.limit))
  end
  add_tls(self, given.tls or {})
  add_ways(self, given)
end

---- All of it -------------------------------------------------------------------

local function find_curl_option(raw)
  local names = {}
  for name in pairs(raw or {}) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return names[1]
end

local function command_of(made, hides)
  local self = setmetatable({ flags = {}, pairs = {}, hides = hides }, Command)
  local raw = find_curl_option(made.settings.curl)
  if not made.target.web then
    return refuse("only http: and https: URLs can be said, not " .. made.target.scheme .. ":")
  elseif raw then
    return refuse(("the option 'curl.%s' is one of libcurl, not of the command"):format(raw))
  end
  add_settings(self, made.settings)
  add_auth(self, made)
  add_headers(self, made)
  local method, err = add_body(self, made)
  if method == nil then
    return nil, err
  end
  if method == "HEAD" then
    self:flag("--head")
  elseif method ~= made.method then
    table.insert(self.pairs, 1, "-X " .. shell.quote(made.method))
  end
  local url = targets.url(made.target):get("url")
  if url:find("[%[%]{}]") then
    self:flag("--globoff")
  end
  local first = { self.pipe and self.pipe .. " | curl" or "curl" }
  for _, flag in ipairs(self.flags) do
    first[#first + 1] = flag
  end
  first[#first + 1] = shell.quote(hides and secrets.hide_url(url) or url)
  table.insert(self.pairs, 1, table.concat(first, " "))
  return table.concat(self.pairs, " \\\n  ")
end

-- Of a middleware's request, with what it has changed.
local function of_asked(view)
  local copy = setmetatable({}, getmetatable(view))
  for name, value in pairs(view) do
    copy[name] = value
  end
  copy._sent = nil                  -- its body stays where it is
  return asked.seal(copy)
end

local function split_options(options)
  if options ~= nil and type(options) ~= "table" then
    errors.misuse("to_curl: table of options expected, got " .. values.describe(options))
  end
  local rest
  for name, value in pairs(options or {}) do
    if name ~= "redact" then
      rest = rest or {}
      rest[name] = value
    end
  end
  local redact = options and options.redact
  if redact ~= nil and type(redact) ~= "boolean" then
    errors.misuse("to_curl: option 'redact': boolean expected, got " .. values.describe(redact))
  end
  return rest, redact ~= false
end

--- @param client whose defaults hold for a URL, or function that returns it
-- @param what URL, or a request @param options? those of the request, and `redact`
-- @return string; or nil, err
return function(client, what, options)
  local rest, hides = split_options(options)
  local made, err
  if type(what) == "string" then
    made, err = request.new(type(client) == "function" and client() or client, nil, what, rest)
  elseif rest then
    errors.misuse("to_curl: a request has its options; redact alone is expected beside it")
  elseif request.is(what) then
    made = what
  elseif asked.is(what) then
    made, err = of_asked(what)
  else
    errors.misuse("to_curl: URL or request expected, got " .. values.describe(what))
  end
  if made == nil then
    return nil, err
  end
  return command_of(made, hides)
end
