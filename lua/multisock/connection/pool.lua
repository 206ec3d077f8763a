-- The multi handles of a client. libcurl's search for a connection is linear in
-- those that one multi has to a host, and taking a transfer out walks all that
-- it has: with 1,000 connections that is a third of the time. So HTTP/1
-- transfers are spread over several multis; HTTP/2, which shares a connection,
-- stays on one.
--
-- libcurl parses a file of authorities once for each multi, and keeps one file in
-- each: so TLS spreads over few multis, one after the other, where they are many. Who
-- trusts another file has multis of his own. So has what libcurl would send on
-- connections of others, or others on its connections: see request/trust.lua.
--
-- An easy handle belongs to one multi, where its connection is, for as long as
-- it waits with its host (handles.lua): so the next transfer finds it.
local core = require("multisock.core")
local pairs = require("multisock.base.compat").pairs

local pool = {}

-- Whether what is asked in HTTP/1 has to be kept from the multi where connections
-- are shared: there libcurl may send a request on a busy one, and mix up answers.
local quirks = core.quirks()
local APART = quirks.version_of_answer ~= nil or quirks.mixed_versions ~= nil
pool.keeps_apart = APART

-- Handles of one multi from which on another one is used.
local CROWD = 16

local MOST_MEMBERS = 32

-- Multis over which spreads what has many authorities to parse in each, and their crowd: this
-- is more work than many searches.
local MOST_PARSED = 4
local PARSED_CROWD = 64

-- Files of authorities that have multis of their own; more share those of the
-- client.
local MOST_TRUSTED = 8

-- Likewise what libcurl would mix up: more have one together.
local MOST_APART = 32

local Pool = {}
Pool.__index = Pool

local function make(self, shares)
  local multi = self.new_multi(self.idle, shares)
  self.handles[multi] = 0
  return multi
end

local function add(self)
  local multi = make(self, not APART)
  self[#self + 1] = multi
  return multi
end

-- The multi where connections are shared.
local function shared(self)
  if not APART then
    return self[1]
  end
  self.shared = self.shared or make(self, true)
  return self.shared
end

--- Makes a pool: a list of multis, with
-- @param new_multi function(idle, shares): a multi that keeps so many idle
-- connections, and whether transfers may share one
-- @param close_multi function(multi)
-- @param idle? integer: idle connections that the user allows, in one multi then
-- @param files integer: connections that the process can have
function pool.new(new_multi, close_multi, idle, files)
  local most = idle and 1 or math.max(1, math.min(MOST_MEMBERS, math.floor(files / (2 * CROWD))))
  local self = setmetatable({
    new_multi = new_multi,
    close_multi = close_multi,
    most = most,
    limited = idle ~= nil,
    -- Each multi bounds its idle connections by itself, so that all together
    -- leave descriptors for the next host.
    idle = idle or math.floor(files / most),
    handles = {},                 -- how many belong to each multi
    trusting = {},                -- other pools, by what they trust
    trusted = 0,
    apart = 0,                    -- how many of them libcurl would mix up
    retired = {},                 -- pools that this one has replaced
  }, Pool)
  add(self)
  return self
end

-- The multi with the fewest handles; one more while all are crowded, but not while one has
-- its file of many authorities still to parse: that takes 20 ms each time.
local function least_crowded(self, parses)
  local handles, best = self.handles, self[1]
  local count, most, crowd, cold = #self, self.most, CROWD, false
  if parses then
    crowd = PARSED_CROWD
    most = math.min(most, MOST_PARSED)
  end
  -- No math.min: the stacks of tasks are to stay small (spec/many_tasks_spec.lua), and a function
  -- of C takes 20 places.
  for i = 1, count < most and count or most do
    local multi = self[i]
    if handles[multi] < handles[best] then
      best = multi
    end
    cold = cold or parses and not multi:is_warm()
  end
  if handles[best] >= crowd and count < most and not cold then
    return add(self)
  end
  return best
end

local function add_pool(self, key)
  local other = pool.new(self.new_multi, self.close_multi, self.idle, self.idle)
  other.most = MOST_PARSED
  self.trusting[key] = other
  return other
end

-- The pool for what this request trusts.
local function pool_for(self, trust, apart)
  local other = self.trusting[trust]
  if other then
    return other
  elseif apart then
    if self.apart >= MOST_APART then
      return self.trusting.others or add_pool(self, "others")
    end
    self.apart = self.apart + 1
  elseif self.limited or self.trusted >= MOST_TRUSTED then
    return self
  else
    self.trusted = self.trusted + 1
  end
  return add_pool(self, trust)
end

--- The multi for a new handle.
-- @param spread boolean whether it is for HTTP/1; what may be HTTP/2 shares a
-- connection with others
-- @param parses? boolean: many authorities are parsed before its multi connects
-- @param trust? string: other authorities than those of the client
-- @param home? the multi that is preferred, while it is not crowded: there is a
-- connection
-- @param apart? boolean: libcurl would take connections of others for it, or its for others
function Pool:assign(spread, parses, trust, home, apart)
  local members = home and self.handles[home]
  if members and members < 2 * CROWD then
    self.handles[home] = members + 1
    return home
  elseif trust then
    local other = pool_for(self, trust, apart)
    if other ~= self then
      return other:assign(spread, parses)
    end
  end
  local multi = spread and least_crowded(self, parses) or shared(self)
  self.handles[multi] = self.handles[multi] + 1
  return multi
end

--- Whether what is asked in HTTP/1 must not be in this multi.
function Pool:is_shared(multi)
  for _, other in pairs(self.trusting) do
    if multi == other.shared then
      return true
    end
  end
  return multi == self.shared
end

-- The pool that this multi is a member of, of those that a pool has made.
local function find_owner(self, multi)
  if self.handles[multi] then
    return self
  end
  for _, other in pairs(self.trusting) do
    if other.handles[multi] then
      return other
    end
  end
end

--- Whether new transfers may run in this multi.
function Pool:is_current(multi)
  return find_owner(self, multi) ~= nil
end

local function is_used(self)
  for _, count in pairs(self.handles) do
    if count > 0 then
      return true
    end
  end
  for _, other in pairs(self.trusting) do
    if is_used(other) then
      return true
    end
  end
  return false
end

-- Closes the pools of before that nothing runs in any more.
local function close_retired(self)
  local retired, left = self.retired, {}
  for _, old in ipairs(retired) do
    if is_used(old) then
      left[#left + 1] = old
    else
      old:close()
    end
  end
  self.retired = left
end

--- Takes the place of another pool. That one goes with all its connections as soon
-- as no handle belongs to it.
function Pool:replace(other)
  for _, old in ipairs(other.retired) do
    self.retired[#self.retired + 1] = old
  end
  other.retired = {}
  self.retired[#self.retired + 1] = other
  close_retired(self)
end

--- A handle of this multi is closed.
function Pool:unassign(multi)
  local owner = find_owner(self, multi)
  if owner then
    owner.handles[multi] = owner.handles[multi] - 1
    return
  end
  for _, old in ipairs(self.retired) do
    owner = owner or find_owner(old, multi)
  end
  owner.handles[multi] = owner.handles[multi] - 1
  close_retired(self)
end

--- Closes all multis, and with them all connections.
function Pool:close()
  local close = self.close_multi
  for i = 1, #self do
    close(self[i])
  end
  if self.shared then
    close(self.shared)
  end
  for _, other in pairs(self.trusting) do
    other:close()
  end
  for _, old in ipairs(self.retired) do
    old:close()
  end
end

return pool
