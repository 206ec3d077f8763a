-- ms.from_curl: a command line of curl as a request. What it does not know it refuses
-- by name: nothing is left out but what is about curl's output. Loaded at first use.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local meanings = require("multisock.curl.meanings")
local percent = require("multisock.base.percent")
local ROWS = require("multisock.request.options").rows
local shell = require("multisock.curl.shell")
local values = require("multisock.base.values")

local next, pairs = compat.next, compat.pairs
local refuse, add_header = meanings.refuse, meanings.add_header
local TAKING, ALONE, LETTERS = meanings.taking, meanings.alone, meanings.letters

---- The words -----------------------------------------------------------------

local function unknown(option)
  refuse(("the option %s is not known here"):format(errors.quote(option)))
end

-- "-sSLXPOST": the last one may have its value behind it. Returns how many words of those
-- that follow were taken.
local function read_letters(self, word, next_word)
  for at = 2, #word do
    local letter = word:sub(at, at)
    local name = LETTERS[letter] or unknown("-" .. letter)
    local fn = TAKING[name]
    if fn then
      local rest = word:sub(at + 1)
      local value = rest ~= "" and rest or next_word
        or refuse(("-%s: a value expected"):format(letter))
      fn(self, value, "-" .. letter)
      return rest == "" and 1 or 0
    end
    ALONE[name](self)
  end
  return 0
end

local function read_word(self, word, next_word)
  if word:sub(1, 2) == "--" and word ~= "--" then
    local name = word:sub(3)
    local fn = TAKING[name]
    if fn then
      fn(self, next_word or refuse(word .. ": a value expected"), word)
      return 1
    end
    (ALONE[name] or unknown(word))(self)
    return 0
  elseif word:sub(1, 1) == "-" then
    if word == "-" or word == "--" then
      unknown(word)
    end
    return read_letters(self, word, next_word)
  end
  self.urls[#self.urls + 1] = word
  return 0
end

---- The request -----------------------------------------------------------------

local function find_url(self)
  local url = self.urls[1] or refuse("there is no URL")
  if self.urls[2] then
    refuse("there is more than one URL")
  end
  if not url:find("^%a[%w+.-]*://") then
    url = "http://" .. url
  end
  if not url:lower():find("^https?://") then
    refuse("only http: and https: URLs are read")
  elseif not self.no_patterns and url:gsub("^%a+://[^/?#]*%[[%x:.%%]+%]", ""):find("[%[%]{}]") then
    refuse("the URL has a pattern, which curl would make several of (without -g)")
  end
  if self.get and self.data then
    local head, fragment = url:match("^([^#]*)(.*)$")
    url = head .. (head:find("?", 1, true) and "&" or "?") .. self.data .. fragment
  end
  return url
end

local function has(self, name)
  for _, field in ipairs(self.headers) do
    if field[1]:lower() == name:lower() then
      return true
    end
  end
  for _, gone in ipairs(self.gone) do
    if gone:lower() == name:lower() then
      return true
    end
  end
  return false
end

local function set_body(self)
  local options = self.options
  local sends = self.data and not self.get
  local kinds = (sends and 1 or 0) + (self.parts and 1 or 0) + (self.upload and 1 or 0)
    + (self.head and 1 or 0)
  if kinds > 1 then
    refuse("of -d, -F, -T and -I one alone can be had")
  elseif sends then
    options.body = self.data
    if not has(self, "Content-Type") then
      add_header(self, "Content-Type", self.content_type or "application/x-www-form-urlencoded")
    end
    if self.content_type and not has(self, "Accept") then
      add_header(self, "Accept", self.content_type)
    end
  elseif self.upload then
    options.body = self.upload
    if not has(self, "Content-Type") then
      self.gone[#self.gone + 1] = "Content-Type"
    end
  end
  options.multipart = self.parts
  options.method = self.method or self.head and "HEAD" or self.upload and "PUT" or nil
end

local function set_headers(self)
  local fields, raw = {}, {}
  for _, field in ipairs(self.headers) do
    local name, value = field[1], field[2]
    local before = fields[name]
    if before == nil then
      fields[name] = value
    else
      local list = type(before) == "table" and before or { before }
      fields[name], list[#list + 1] = list, value
    end
  end
  -- A line without a value takes away what libcurl, or we, would send.
  for _, name in ipairs(self.gone) do
    raw[#raw + 1] = name .. ":"
  end
  self.options.headers = next(fields) and fields
  self.options.curl = raw[1] and { httpheader = raw }
end

local function pair_of(text)
  local user, password = text:match("^([^:]*):(.*)$")
  return user or text, password or ""
end

local function set_credentials(self)
  local options = self.options
  local user, password
  if self.user then
    user, password = pair_of(self.user)
  end
  if self.sigv4 then
    self.sigv4.access_key, self.sigv4.secret_key = user, password
    options.auth = { aws_sigv4 = self.sigv4 }
  elseif self.scheme == "negotiate" then
    options.auth = { negotiate = true }
  elseif self.bearer then
    options.auth = { bearer = self.bearer }
  elseif user then
    options.auth = { [self.scheme or "basic"] = { user, password } }
  end
  if self.proxy then
    local proxy = self.proxy:find("://", 1, true) and self.proxy or "http://" .. self.proxy
    if self.proxy_user then
      user, password = pair_of(self.proxy_user)
      proxy = proxy:gsub("://", function(sign)
        return sign .. percent.escape(user) .. ":" .. percent.escape(password) .. "@"
      end, 1)
    end
    options.proxy = proxy
  end
end

-- What the options themselves say of the values.
local function check(options)
  for name, value in pairs(options) do
    local ok, message = pcall(ROWS[name].check, name, value)
    if not ok then
      refuse(errors.unplaced(tostring(message)))
    end
  end
end

local function read(text)
  if text:find('%^"') and not text:find("\\\n") then
    refuse("this is a line for cmd.exe: copy it as for bash")
  end
  local words, message = shell.split(text)
  if words == nil then
    refuse(message)
  end
  local at = words[1] == "$" and 2 or 1         -- a prompt
  if not (words[at] or ""):find("curl$") and not (words[at] or ""):find("curl%.exe$") then
    refuse("the command is not curl")
  end
  local self = { urls = {}, headers = {}, gone = {},
    options = { redirect = "manual", decompress = false } }
  at = at + 1
  while at <= #words do
    at = at + 1 + read_word(self, words[at], words[at + 1])
  end
  local url = find_url(self)
  if self.cookie then
    add_header(self, "Cookie", self.cookie)
  end
  set_body(self)
  set_headers(self)
  set_credentials(self)
  check(self.options)
  return url, self.options
end

--- @return URL, options; or nil, err
return function(text)
  if type(text) ~= "string" then
    errors.misuse("from_curl: string expected, got " .. values.describe(text))
  end
  local ok, url, options = pcall(read, text)
  if ok then
    return url, options
  elseif errors.is(url) then
    return nil, url
  end
  error(url, 0)
end
