-- The multi handles of a client. libcurl's search for a connection is linear in
-- those that one multi has to a host, and taking a transfer out walks all that
-- it has: with 1,000 connections that is a third of the time. So HTTP/1
-- transfers are spread over several multis; HTTP/2, which shares a connection,
-- stays on the first.
--
-- An easy handle belongs to one multi, where its connection is, for as long as
-- it waits with its host (handles.lua): so the next transfer finds it.
local pool = {}

-- Handles of one multi from which on another one is used.
local CROWD = 16

local MOST_MEMBERS = 32

local Pool = {}
Pool.__index = Pool

local function add(self)
  local multi = self.new_multi(self.idle)
  self[#self + 1] = multi
  self.handles[multi] = 0
  return multi
end

--- Makes a pool: a list of multis, with
-- @param new_multi function(idle): a multi that keeps so many idle connections
-- @param idle? integer: idle connections that the user allows, in one multi then
-- @param files integer: connections that the process can have
function pool.new(new_multi, idle, files)
  local most = idle and 1 or math.max(1, math.min(MOST_MEMBERS, math.floor(files / (2 * CROWD))))
  local self = setmetatable({
    new_multi = new_multi,
    most = most,
    -- Each multi bounds its idle connections by itself, so that all together
    -- leave descriptors for the next host.
    idle = idle or math.floor(files / most),
    handles = {},                 -- how many belong to each multi
  }, Pool)
  add(self)
  return self
end

-- The multi with the fewest handles; one more while all are crowded.
local function least_crowded(self)
  local handles, best = self.handles, self[1]
  for i = 2, #self do
    if handles[self[i]] < handles[best] then
      best = self[i]
    end
  end
  if handles[best] >= CROWD and #self < self.most then
    return add(self)
  end
  return best
end

--- The multi for a new handle.
-- @param spread boolean whether it is for HTTP/1; what may be HTTP/2 shares a
-- connection with others
function Pool:assign(spread)
  local multi = spread and least_crowded(self) or self[1]
  self.handles[multi] = self.handles[multi] + 1
  return multi
end

--- A handle of this multi is closed.
function Pool:unassign(multi)
  self.handles[multi] = self.handles[multi] - 1
end

--- Closes all multis, and with them all connections.
-- @param close function(multi)
function Pool:close(close)
  for i = 1, #self do
    close(self[i])
  end
end

return pool
