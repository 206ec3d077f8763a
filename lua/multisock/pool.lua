-- The multi handles of a client. libcurl's search for a connection is linear in
-- those that one multi has to a host, and taking a transfer out walks all that
-- it has: with 1,000 connections that is a third of the time. So HTTP/1
-- transfers are spread over several multis; HTTP/2, which shares a connection,
-- stays on the first.
--
-- An easy handle belongs to one multi, where its connection is, for as long as
-- it waits with its host (handles.lua): so the next transfer finds it.
local core = require("multisock.core")

local pool = {}

--- Whether what is asked in HTTP/1.1 has to be kept apart from what may share a
-- connection: libcurl before 8.5 sends the one on the busy connection of the
-- other, and mixes up their answers.
pool.mixes_up = core.version().curl_number < 0x080500

-- Handles of one multi from which on another one is used.
local CROWD = 16

local MOST_MEMBERS = 32

local Pool = {}
Pool.__index = Pool

local function add(self)
  local multi = self.new_multi(self.idle, #self == 0 or not pool.mixes_up)
  self[#self + 1] = multi
  self.handles[multi] = 0
  return multi
end

--- Makes a pool: a list of multis, with
-- @param new_multi function(idle, shares): a multi that keeps so many idle
-- connections, and whether transfers may share one
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

-- The multi with the fewest handles, from this one on; one more while all are
-- crowded.
local function least_crowded(self, first)
  local handles, best = self.handles, self[first] or add(self)
  for i = first + 1, #self do
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
-- @param apart? any: true when it must not meet those
function Pool:assign(spread, apart)
  local multi = apart and least_crowded(self, 2) or spread and least_crowded(self, 1) or self[1]
  self.handles[multi] = self.handles[multi] + 1
  return multi
end

--- Whether a handle of this multi may meet some that share a connection.
function Pool:is_shared(multi)
  return multi == self[1]
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
