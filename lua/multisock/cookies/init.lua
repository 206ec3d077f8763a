-- ms.cookies: a jar keeps what servers say with Set-Cookie, and tells what to send back.
-- The middleware of the option `cookies` (middleware/cookies.lua) asks it, whoever
-- performs the requests.
local clock = require("multisock.base.clock")
local errors = require("multisock.base.errors")
local files = require("multisock.cookies.file")
local lines = require("multisock.cookies.line")
local store = require("multisock.cookies.store")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local HUGE = math.huge

local cookies = {}

local Jar = { __name = "multisock.jar" }
Jar.__index = Jar

-- What one answer may set, and what is sent at most: servers refuse more.
local MOST_OF_RESPONSE = 50
local MOST_SENT, MOST_BYTES = 150, 8190
-- Origins of which is known what they get.
local MOST_ORIGINS = 1000

local function check(self, name)
  errors.check_self(self, Jar, "jar", name)
  if self.closed then
    errors.misuse("the jar is closed")
  end
end

---- What is sent --------------------------------------------------------------

-- Browsers and curl trust the machine itself, too.
local IS_LOCAL = { localhost = true, ["127.0.0.1"] = true, ["::1"] = true }

-- host, whether nobody listens between.
local function side_of(target)
  local host = target.host:match("^%[(.*)%]$") or target.host
  return host, target.scheme == "https" or IS_LOCAL[host] == true
end

local function path_of(target)
  return targets.url(target):get("path") or "/"
end

-- The header of these, {"Cookie", value}; false: none.
local function make_field(found, path)
  local sent, size = {}, 0
  for i = 1, #found do
    local cookie = found[i]
    if lines.is_below(path, cookie.path) then
      local pair = cookie.name .. "=" .. cookie.value
      size = size + #pair + 2
      if size > MOST_BYTES or #sent >= MOST_SENT then
        break
      end
      sent[#sent + 1] = pair
    end
  end
  return #sent > 0 and { "Cookie", table.concat(sent, "; ") }
end

-- What an origin gets, the most specific first; `field`, where that is the same for all
-- paths; and when it has to be made anew.
local function gather(self, target, time)
  local found, all_paths = { expires = math.huge }, true
  local host, is_secure = side_of(target)
  self.store:each_of(host, time, function(cookie)
    found.expires = math.min(found.expires, cookie.expires or math.huge)
    if is_secure or not cookie.secure then
      found[#found + 1] = cookie
      all_paths = all_paths and cookie.path == "/"
    end
  end)
  table.sort(found, function(a, b)
    if #a.path ~= #b.path then
      return #a.path > #b.path
    end
    return a.made < b.made
  end)
  if all_paths then
    found.field = make_field(found, "/")
  end
  return found
end

--- The header that a request for this target is to have.
-- @param target see request/targets.lua
-- @return {"Cookie", value}, not to be changed; false: none
-- @local
function Jar:field(target)
  if self.closed then
    errors.misuse("the jar is closed")
  end
  if self.version ~= self.store.version then
    self.origins, self.origin_count, self.version = {}, 0, self.store.version
  end
  local found = self.origins[target.origin]
  if found == nil or found.expires < HUGE and found.expires <= clock.time() then
    found = gather(self, target, clock.time())
    if self.origin_count >= MOST_ORIGINS then
      self.origins, self.origin_count = {}, 0
    end
    self.origins[target.origin], self.origin_count = found, self.origin_count + 1
  end
  local field = found.field
  if field == nil then
    return make_field(found, path_of(target))
  end
  return field
end

---- What is set ---------------------------------------------------------------

-- Whether somebody who may listen between would replace what came over TLS.
local function hides_secure(self, cookie, host)
  local hides = false
  self.store:each_of(host, clock.time(), function(other)
    hides = hides or other.secure and other.name == cookie.name
      and lines.is_below(cookie.path, other.path)
  end)
  return hides
end

-- Returns true; or nil, why not.
local function set(self, target, line)
  local cookie, why = lines.parse(line)
  if cookie == nil then
    return nil, why
  end
  local host, is_secure = side_of(target)
  cookie, why = lines.accept(cookie, host, path_of(target), is_secure)
  if cookie == nil then
    return nil, why
  elseif not is_secure and hides_secure(self, cookie, host) then
    return nil, "there is a Secure one of this name"
  end
  self.store:put(cookie, clock.time())
  self.store:limit(cookie.domain)
  return true
end

--- Keeps what the Set-Cookie lines of an answer say, but those that no server may set.
-- @param target of the request @param list of these
-- @local
function Jar:keep(target, list)
  if self.closed then
    return                          -- the answer comes after its end
  end
  for i = 1, math.min(#list, MOST_OF_RESPONSE) do
    set(self, target, list[i])
  end
end

---- What a program calls ------------------------------------------------------

local function target_of(url)
  if type(url) ~= "string" then
    errors.misuse("url: string expected, got " .. values.describe(url))
  end
  return targets.get(url)
end

local function save(self, path)
  local version = self.store.changes
  local ok, err = files.write(path, self.store:all(clock.time()))
  if ok then
    self.saved = version
  end
  return ok, err
end

local function check_path(path)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    errors.misuse("cookies: path: string expected, got " .. (type(path) == "string"
      and errors.quote(path) or values.describe(path)))
  end
  return path
end

--- What a request for this URL would have as its `Cookie` header.
-- @param url string
-- @return string; nil: nothing; or nil, err (kind "url")
function Jar:get(url)
  check(self, "get")
  local target, err = target_of(url)
  if target == nil then
    return nil, err
  end
  local field = self:field(target)
  return field and field[2] or nil
end

--- Keeps what a server at this URL would set by this line.
-- @param url string
-- @param line string as behind `Set-Cookie: `
-- @return true; or nil, err: kind "url", or "policy" when it may not set that
function Jar:set(url, line)
  check(self, "set")
  local target, err = target_of(url)
  if type(line) ~= "string" then
    errors.misuse("line: string expected, got " .. values.describe(line))
  elseif target == nil then
    return nil, err
  end
  local ok, why = set(self, target, line)
  if not ok then
    return nil, errors.new("policy", "the cookie is refused: " .. why,
      { url = errors.redact_url(url) })
  end
  return true
end

--- Forgets all cookies.
function Jar:clear()
  check(self, "clear")
  self.store:clear()
end

--- Writes all cookies, those of the session, too, into a file that nobody else may read,
-- all or nothing.
-- @param path? string instead of that of ms.cookies
-- @return true; or nil, err (kind "io")
function Jar:save(path)
  check(self, "save")
  return save(self, check_path(path or self.path))
end

--- Saves what has changed, where it has a path, and ends. May be called again.
-- @return true; or nil, err (kind "io"), and it is still open
function Jar:close()
  errors.check_self(self, Jar, "jar", "close")
  if self.closed then
    return true
  end
  if self.path and self.saved ~= self.store.changes then
    local ok, err = save(self, self.path)
    if not ok then
      return nil, err
    end
  end
  self.closed = true
  return true
end

-- What cannot be saved is not lost in silence, unless there is worse.
function Jar:__close(raised)
  local ok, err = self:close()
  if not ok and raised == nil then
    error(err, 0)
  end
end

--- A cookie, as a jar shows it.
-- @class multisock.Cookie
-- @field name string
-- @field value string
-- @field domain string
-- @field host_only boolean whether names below the domain do not get it
-- @field path string
-- @field secure boolean whether it goes over TLS alone
-- @field http_only boolean
-- @field expires? number seconds since 1970; nil: when the session ends

--- Iterates over copies of its cookies: `for cookie in jar:each()`.
-- @return iterator
function Jar:each()
  check(self, "each")
  local all, i = self.store:all(clock.time()), 0
  return function()
    i = i + 1
    local cookie = all[i]
    return cookie and {
      name = cookie.name, value = cookie.value, domain = cookie.domain,
      host_only = cookie.host_only, path = cookie.path, secure = cookie.secure,
      http_only = cookie.http_only, expires = cookie.expires,
    }
  end
end

function Jar:__len()
  return self.store.count
end

function Jar:__tostring()
  return ("multisock.jar (%d cookies%s)"):format(self.store.count, self.closed and ", closed" or "")
end

--- Makes a jar.
-- @param path? string: loaded when it is there, and saved
-- @return jar; or nil, err (kind "io") when the file cannot be read
function cookies.new(path)
  local self = setmetatable({
    path = path ~= nil and check_path(path) or nil, closed = false, store = store.new(),
    origins = {}, origin_count = 0, version = 0,
  }, Jar)
  if path then
    local list, err = files.read(path)
    if list == nil then
      return nil, err
    end
    self.store:load(list, clock.time())
  end
  self.saved = self.store.changes
  return self
end

return cookies
