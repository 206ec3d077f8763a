-- Drives multis with any event loop that can watch a descriptor, in Lua, over
-- libcurl's agnostic interface: what driver_uv.c does for libuv. For adapters
-- (loop/*.lua) that have `watch`. libcurl is never entered from its own
-- callbacks: these write down what it wants.
local core = require("multisock.core")
local timers = require("multisock.base.timers")

local driver = {}

local now = core.now
local pairs = require("multisock.base.compat").pairs

-- A descriptor that the loop cannot watch is tried from a clock instead.
local UNWATCHABLE = 0.01

-- Sweeps over all transfers, see docs/quirks.md.
local quirks = core.quirks()
local RESCUE_SWEEPS = quirks.refused_address_waits and 8 or 0
local RESCUE_INTERVAL = 0.15

-- Seconds, see QUIC_LATE_MS in driver_uv.c.
local LATE = quirks.quic_forgets_streams and 0.002 or 0

local Driver = {}
Driver.__index = Driver

---- Entering libcurl ----------------------------------------------------------

-- What a call raises is what our callbacks raised in it, or the adapter in
-- them. The next turn raises it.
local function fail(self, err)
  if self.failure == nil then
    self.failure = { err }
  end
end

-- What has ended is read always, and becomes ready: a transfer that ends on a timer
-- is otherwise told of by nobody.
local function drain(self, state)
  local multi = state.multi
  local ok, err = pcall(multi.info_read, multi)
  if not ok then
    fail(self, err)
  end
end

-- Nothing is done for a multi that was closed meanwhile.
local function act(self, state, fd, what)
  if state.closed then
    return
  end
  local multi = state.multi
  -- nil, err when libcurl refuses to go on: then its transfers are ready.
  local ok, err = pcall(multi.socket_action, multi, fd, what)
  if not ok then
    fail(self, err)
  end
  drain(self, state)
end

---- Sockets -------------------------------------------------------------------

local function unwatch(self, fd)
  self.owners[fd], self.wanted[fd], self.young[fd] = nil, nil, nil
  self.watched = self.watched - 1
  if self.clocks[fd] then
    timers.cancel(self.clocks[fd])
    self.clocks[fd] = nil
  else
    self.watch(fd, nil)
  end
end

local function start_clock(self, fd)
  self.clocks[fd] = timers.add({ deadline = now() + UNWATCHABLE, fn = function()
    self.clocks[fd] = nil
    local state = self.owners[fd]
    if state then
      start_clock(self, fd)
      act(self, state, fd, self.wanted[fd])
    end
  end })
end

local function watch(self, fd, what)
  if self.clocks[fd] == nil and self.watch(fd, what, self.on_event) == false then
    start_clock(self, fd)
  end
end

-- libcurl's socket callback.
local function on_socket(self, state, fd, what)
  if what == "remove" or what == "none" then
    if self.owners[fd] then
      if self.young[fd] then
        self:rescue(state)
      end
      unwatch(self, fd)
    end
    return
  end
  if self.owners[fd] == nil then
    self.watched = self.watched + 1
  end
  self.owners[fd] = state
  -- Until it reads it is a connect, see again_if_young.
  self.young[fd] = what == "out" and self.wanted[fd] ~= "in" and self.wanted[fd] ~= "inout" or nil
  if self.wanted[fd] ~= what then
    self.wanted[fd] = what
    watch(self, fd, what)
  end
end

-- libcurl before 8.2 closes a socket that did not connect by itself, and may get
-- its number again for the next address without a word: then the watch is on
-- what is closed.
local function again_if_young(self, fd)
  if self.young[fd] and self.clocks[fd] == nil then
    self.watch(fd, nil)
    watch(self, fd, self.wanted[fd])
  end
end

-- A host's loop may tell of what is not watched any more.
local function on_event(self, fd, what)
  local state = self.owners[fd]
  if state and state.kicked then
    -- What was started goes first: see turn() in loop.c.
    state.kicked = false
    act(self, state)
    state = self.owners[fd]
  end
  if state then
    local young = self.young[fd]
    act(self, state, fd, what)
    if young then
      again_if_young(self, fd)
    end
  end
  self.tell()
end

---- libcurl's timer, among the scheduler's -------------------------------------

local function set_timer(self, state, ms)
  if state.entry then
    timers.cancel(state.entry)
    state.entry = nil
  end
  state.kicked = ms == 0
  if ms == 0 then
    if not state.queued then
      state.queued = true
      self.kick_count = self.kick_count + 1
      self.kicks[self.kick_count] = state
    end
  elseif ms then
    state.entry = timers.add({ deadline = now() + ms / 1000 + LATE, fn = state.on_time })
  end
  self.wish()
end

-- Some versions (8.10.0 to 8.11.0) do not repeat a timer that fired a fraction
-- too early: ask.
local function on_time(self, state)
  state.entry = nil
  act(self, state)
  if not state.closed and state.entry == nil and not state.kicked then
    local ms = state.multi:timeout()
    if ms then
      set_timer(self, state, math.max(ms, 1))
    end
  end
end

-- Those who kick again meanwhile wait for the next turn: transfers that kick for
-- ever must not starve the sockets.
function Driver:serve()
  local kicks, count = self.kicks, self.kick_count
  if count == 0 then
    return
  end
  self.kicks, self.other_kicks, self.kick_count = self.other_kicks, kicks, 0
  for i = 1, count do
    local state = kicks[i]
    kicks[i] = nil
    state.queued = false
    if state.kicked then
      state.kicked = false
      act(self, state)
    end
  end
end

-- A connection was refused.
function Driver:rescue(state)
  local running = state.sweeps ~= nil
  state.sweeps = RESCUE_SWEEPS
  if running or RESCUE_SWEEPS == 0 then
    return
  end
  local function sweep()
    state.sweeps = state.sweeps - 1
    local ok, err = pcall(state.multi.socket_all, state.multi)
    if not ok then
      fail(self, err)
    end
    drain(self, state)
    if state.sweeps > 0 and #state.multi:get_handles() > 0 then
      state.sweep = timers.add({ deadline = now() + RESCUE_INTERVAL, fn = sweep })
    else
      state.sweeps, state.sweep = nil, nil
    end
  end
  state.sweep = timers.add({ deadline = now() + RESCUE_INTERVAL, fn = sweep })
end

---- The engine of a loop --------------------------------------------------------

-- Whether something waits that needs no event.
function Driver:is_behind()
  return self.kick_count > 0 or self.failure ~= nil or not self.ready:is_empty()
end

-- Of timers, and of the limits that the C side looks after.
function Driver:next_deadline()
  local deadline, expiry = timers.next_deadline(), self.ready:expire()
  return expiry and (deadline == nil or expiry < deadline) and expiry or deadline
end

function Driver:attach(multi)
  local state = { multi = multi }
  self.ready:attach(multi)
  self.states[multi] = state
  state.on_time = function()
    on_time(self, state)
  end
  return assert(multi:setopt({
    socketfunction = function(_, fd, what)
      if not state.closed then
        on_socket(self, state, fd, what)
      end
    end,
    timerfunction = function(ms)
      if not state.closed then
        set_timer(self, state, ms)
      end
    end,
  }))
end

-- The watches end first: nothing may watch what is closed.
function Driver:close(multi)
  local state = self.states[multi]
  if state == nil or state.closed then
    return
  end
  state.closed = true
  set_timer(self, state, nil)
  if state.sweep then
    timers.cancel(state.sweep)
  end
  local fds = {}
  for fd, owner in pairs(self.owners) do
    if owner == state then
      fds[#fds + 1] = fd
    end
  end
  for i = 1, #fds do
    unwatch(self, fds[i])
  end
  multi:close()
end

local function raise_failure(self)
  local failure = self.failure
  if failure then
    self.failure = nil
    error(failure[1], 0)
  end
end

--- Makes the engine of a loop (see adapter.lua).
-- @param adapter table @param tell function() after each event @param wish
-- function() when libcurl has set its timer
function driver.new(adapter, tell, wish)
  local self = setmetatable({
    watch = adapter.watch, tell = tell, wish = wish,
    owners = {}, wanted = {}, young = {}, clocks = {},   -- by descriptor
    watched = 0,
    kicks = {}, other_kicks = {}, kick_count = 0,
    ready = core.ready_box(),
    states = setmetatable({}, { __mode = "k" }),         -- by multi
  }, Driver)

  function self.on_event(fd, what)
    on_event(self, fd, what)
  end

  local engine = {}

  --- Waits in the host's loop, `timeout` seconds at most, and serves.
  function engine.step(timeout)
    self:serve()
    -- libcurl may have set its timer just now.
    local deadline = self:next_deadline()
    local left = self:is_behind() and 0 or deadline and math.max(0, deadline - now())
    if left and (timeout == nil or left < timeout) then
      timeout = left
    end
    adapter.step(timeout)
    self:serve()
    self.ready:expire()
    raise_failure(self)
  end

  --- Serves what is there, without waiting.
  function engine.serve()
    self:serve()
    self.ready:expire()
    raise_failure(self)
  end

  --- What is left to be done, in seconds: for the host's timer.
  function engine.timeout()
    local expiry = self.ready:expire()
    if self:is_behind() then
      return 0
    end
    return expiry and math.max(0, expiry - now())
  end

  --- Nothing to do: see BREATH in adapter.lua.
  function engine.interruptible()
  end

  function engine.is_alive()
    return self.watched > 0 or self:is_behind()
  end

  function engine.ready(_, ready, last, strays)
    return self.ready:take(ready, last, strays)
  end

  function engine.attach(multi)
    return self:attach(multi)
  end

  function engine.close(multi)
    self:close(multi)
  end

  --- Watched sockets and attached multis, for leak checks.
  function engine.counts()
    local multis = 0
    for _, state in pairs(self.states) do
      multis = multis + (state.closed and 0 or 1)
    end
    return self.watched, multis
  end

  return engine
end

return driver
