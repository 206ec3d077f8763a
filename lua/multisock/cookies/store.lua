-- What a jar keeps: by domain, and there by what makes two cookies the same one.
local clock = require("multisock.base.clock")
local lines = require("multisock.cookies.line")
local pairs = require("multisock.base.compat").pairs

local store = {}

local Store = {}
Store.__index = Store

-- What servers may have it keep: cookies of one domain, and all. (A file may have more.)
local MOST_OF_DOMAIN = 180
local MOST = 10000
-- Longer ones are no names.
local LONGEST_HOST = 255

--- @return store with `count`; `changes`, another number after each change, and
-- `version`, after those that concern what is sent
function store.new()
  return setmetatable({ domains = {}, count = 0, loaded = 0, changes = 0, version = 0 }, Store)
end

local function changed(self)
  self.changes, self.version = self.changes + 1, self.version + 1
end

local function key_of(cookie)
  return ("%s\t%s\t%s"):format(cookie.name, cookie.path, tostring(cookie.host_only))
end

local function remove(self, domain, key)
  local bucket = self.domains[domain]
  bucket.cookies[key] = nil
  bucket.count, self.count = bucket.count - 1, self.count - 1
  if bucket.count == 0 then
    self.domains[domain] = nil
  end
  changed(self)
end

local function is_over(cookie, time)
  return cookie.expires ~= nil and cookie.expires <= time
end

--- Puts it in the place of the one that it renews. One that is over takes it away.
function Store:put(cookie, time)
  local key, domain = key_of(cookie), cookie.domain
  local bucket = self.domains[domain]
  local old = bucket and bucket.cookies[key]
  if is_over(cookie, time) then
    if old then
      remove(self, domain, key)
    end
    return
  elseif bucket == nil then
    bucket = { cookies = {}, count = 0 }
    self.domains[domain] = bucket
  end
  changed(self)
  cookie.set, cookie.made = self.changes, old and old.made or self.changes
  bucket.cookies[key] = cookie
  if old == nil then
    bucket.count, self.count = bucket.count + 1, self.count + 1
  elseif old.value == cookie.value and old.secure == cookie.secure
    and (cookie.expires or math.huge) >= (old.expires or math.huge) then
    self.version = self.version - 1           -- the same is sent, for longer
  end
end

--- Puts those of a file, however many they are.
function Store:load(list, time)
  for _, cookie in ipairs(list) do
    self:put(cookie, time)
  end
  self.loaded = self.count
  for _, bucket in pairs(self.domains) do
    bucket.loaded = bucket.count
  end
end

function Store:clear()
  self.domains, self.count, self.loaded = {}, 0, 0
  changed(self)
end

---- Limits --------------------------------------------------------------------

-- Whether `a` goes before `b`: what is over, then what anybody between may have set,
-- then what was set longest ago.
local function goes_first(a, b, time)
  local over = is_over(a, time)
  if over ~= is_over(b, time) then
    return over
  elseif a.secure ~= b.secure then
    return b.secure
  end
  return a.set < b.set
end

local function remove_one(self, domain)
  local time, first, first_key = clock.time(), nil, nil
  for key, cookie in pairs(self.domains[domain].cookies) do
    if first == nil or goes_first(cookie, first, time) then
      first, first_key = cookie, key
    end
  end
  remove(self, domain, first_key)
end

-- A tenth, so that it is not looked for with each cookie.
local function remove_many(self)
  local time, all = clock.time(), {}
  for domain, bucket in pairs(self.domains) do
    for key, cookie in pairs(bucket.cookies) do
      all[#all + 1] = { domain = domain, key = key, cookie = cookie }
    end
  end
  table.sort(all, function(a, b)
    return goes_first(a.cookie, b.cookie, time)
  end)
  for i = 1, math.ceil(#all / 10) do
    remove(self, all[i].domain, all[i].key)
  end
end

--- After a server has set one for this domain: others make room.
function Store:limit(domain)
  local bucket = self.domains[domain]
  if bucket and bucket.count > math.max(MOST_OF_DOMAIN, bucket.loaded or 0) then
    remove_one(self, domain)
  end
  if self.count > math.max(MOST, self.loaded) then
    remove_many(self)
  end
end

---- Looking -------------------------------------------------------------------

--- Calls for each cookie that a host may get, whatever the path and the scheme.
-- @param call function(cookie)
function Store:each_of(host, time, call)
  local has_parents = #host <= LONGEST_HOST and not lines.is_address(host)
  local domain = host
  while domain do
    local bucket = self.domains[domain]
    for _, cookie in pairs(bucket and bucket.cookies or {}) do
      if not is_over(cookie, time) and (domain == host or not cookie.host_only) then
        call(cookie)
      end
    end
    domain = has_parents and domain:match("^[^.]*%.(.+)$")
  end
end

--- All that are not over, by domain, and there the oldest first.
function Store:all(time)
  local all = {}
  for _, bucket in pairs(self.domains) do
    for _, cookie in pairs(bucket.cookies) do
      if not is_over(cookie, time) then
        all[#all + 1] = cookie
      end
    end
  end
  table.sort(all, function(a, b)
    if a.domain ~= b.domain then
      return a.domain < b.domain
    end
    return a.made < b.made
  end)
  return all
end

return store
