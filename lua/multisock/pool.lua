-- The multi handles of a client. libcurl's search for a connection is linear in
-- those that one multi has to a host, and taking a transfer out walks all that
-- it has: with 1,000 connections that is a third of the time. So HTTP/1
-- transfers are spread over several multis; HTTP/2, which shares a connection,
-- stays on one.
--
-- A host sees its share of the pool as lanes: {multi=, member=, active=, live=},
-- `active` the transfers of the host that run there, `live` the connections that
-- it has had there at once.
local pool = {}

-- Connections of one host, or of many, from which on another multi is used.
local CROWD = 64

local MOST_MEMBERS = 16

local Pool = {}
Pool.__index = Pool

--- Makes a pool.
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
    members = {},
  }, Pool)
  self:add()
  return self
end

function Pool:add()
  -- `load`: the connections that all hosts have had there.
  local member = { multi = self.new_multi(self.idle), load = 0 }
  self.members[#self.members + 1] = member
  return member
end

-- The least loaded multi; one more while all are crowded.
local function choose_member(self)
  local best = self.members[1]
  for i = 2, #self.members do
    if self.members[i].load < best.load then
      best = self.members[i]
    end
  end
  if best.load >= CROWD and #self.members < self.most then
    return self:add()
  end
  return best
end

local function new_lane(self, host)
  -- Until its version is known a host stays where HTTP/2 is.
  local member = host.version == "h1" and choose_member(self) or self.members[1]
  local lane = { multi = member.multi, member = member, active = 0, live = 0 }
  host.lanes[#host.lanes + 1] = lane
  return lane
end

local function choose_lane(self, host)
  local lanes = host.lanes
  if #lanes == 0 then
    return new_lane(self, host)
  elseif host.version ~= "h1" then
    return lanes[1]
  end
  local least
  for i = 1, #lanes do
    local lane = lanes[i]
    if lane.active < lane.live then
      return lane                   -- it has a connection that waits
    elseif least == nil or lane.active < least.active then
      least = lane
    end
  end
  if least.active >= CROWD and #lanes < self.most then
    return new_lane(self, host)
  end
  return least
end

--- The lane for one more transfer to this host, which is counted there until
-- `leave`.
function Pool:enter(host)
  local lane = choose_lane(self, host)
  local active = lane.active + 1
  lane.active = active
  if active > lane.live then
    lane.live = active
    lane.member.load = lane.member.load + 1
  end
  return lane
end

--- The host is being forgotten: its connections will be the next to be closed.
function pool.forget(host)
  for i = 1, #host.lanes do
    local lane = host.lanes[i]
    lane.member.load = lane.member.load - lane.live
  end
end

--- Closes all multis, and with them all connections.
function Pool:close()
  for _, member in ipairs(self.members) do
    member.multi:close()
  end
end

return pool
