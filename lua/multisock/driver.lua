-- Drives multis with an event loop of somebody else's, in Lua: what driver_uv.c
-- does for libuv. An adapter (loop/*.lua) gives it `watch`, `step` and, for a
-- host that runs its loop by itself, `timer`; docs/loops.md says what they do.
-- libcurl is never entered from its own callbacks: these write down what it
-- wants. Nothing is raised into the host's loop.
local core = require("multisock.core")
local timers = require("multisock.timers")

local driver = {}

local now = core.now

-- A loop that waits on when Ctrl-C comes is not left waiting for longer.
local BREATH = 0.5

-- A descriptor that the loop cannot watch is tried from a clock instead.
local UNWATCHABLE = 0.01

-- libcurl before 8.4 may wait for half the connect timeout when two of three
-- addresses were refused; sweeps over all transfers cure it (curl#11920).
local RESCUE_SWEEPS = core.version().curl_number < 0x080400 and 8 or 0
local RESCUE_INTERVAL = 0.15

local Driver = {}
Driver.__index = Driver

---- Entering libcurl ----------------------------------------------------------

-- What a call raises is what our callbacks raised in it, or the adapter in
-- them. It is told in the end: see take_failure.
local function fail(self, err)
  if self.failure == nil then
    self.failure = { err }
  end
end

-- What has ended is read always: a transfer that ends on a timer is otherwise
-- told of by nobody.
local function drain(self, state)
  local multi = state.multi
  local ok, err = pcall(multi.info_read, multi)
  if not ok then
    fail(self, err)
  end
  if not state.dirty then
    state.dirty = true
    self.dirty_count = self.dirty_count + 1
    self.dirty[self.dirty_count] = state
  end
end

-- Nothing is done for a multi that was closed meanwhile.
local function act(self, state, fd, what)
  if state.closed then
    return
  end
  local multi = state.multi
  -- nil, err when libcurl refuses to go on: then its transfers have news.
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
      act(self, state, fd)
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
  if state then
    local young = self.young[fd]
    act(self, state, fd, what)
    if young then
      again_if_young(self, fd)
    end
  end
  if not self.stepping then
    self.host.turn()
  end
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
    state.entry = timers.add({ deadline = now() + ms / 1000, fn = state.on_time })
  end
  if self.host then
    self.host.rearm()
  end
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
    if state.closed then
      return
    end
    local ok, err = pcall(state.multi.socket_all, state.multi)
    if not ok then
      fail(self, err)
    end
    drain(self, state)
    if state.sweeps > 0 and #state.multi:get_handles() > 0 then
      timers.add({ deadline = now() + RESCUE_INTERVAL, fn = sweep })
    else
      state.sweeps = nil
    end
  end
  timers.add({ deadline = now() + RESCUE_INTERVAL, fn = sweep })
end

---- What the scheduler asks for ------------------------------------------------

local function take_failure(self)
  local failure = self.failure
  if failure then
    self.failure = nil
    return failure
  end
end
Driver.take_failure = take_failure

--- Whether something is left that the loop could wait for.
function Driver:is_alive()
  local is_alive = self.adapter.is_alive
  return self.watched > 0 or self:is_behind() or is_alive ~= nil and is_alive()
end

--- Whether something waits that needs no event.
function Driver:is_behind()
  return self.kick_count > 0 or self.dirty_count > 0 or self.failure ~= nil
end

--- Makes a loop of an adapter: what loop/uv.lua is for libuv.
function driver.new(adapter)
  local self = setmetatable({
    adapter = adapter,
    watch = adapter.watch,
    owners = {}, wanted = {}, young = {}, clocks = {},   -- by descriptor
    watched = 0,
    kicks = {}, other_kicks = {}, kick_count = 0,
    dirty = {}, dirty_count = 0,
    states = setmetatable({}, { __mode = "k" }),         -- by multi
    stepping = false,
  }, Driver)
  local news = {}
  local loop = { name = adapter.name, adapter = adapter }

  function self.on_event(fd, what)
    on_event(self, fd, what)
  end

  --- Waits for events, `timeout` seconds at most (nil: until there are some).
  -- @return whether the loop has anything left that it could wait for
  function loop.step(timeout)
    self:serve()
    if self:is_behind() then
      timeout = 0
    elseif timeout == nil and not self:is_alive() then
      return false
    elseif not adapter.hears_signals and (timeout == nil or timeout > BREATH) then
      timeout = BREATH
    end
    self.stepping = true
    local ok, err = pcall(adapter.step, timeout)
    self.stepping = false
    local failure = not ok and { err } or take_failure(self)
    if failure then
      error(failure[1], 0)
    end
    self:serve()
    return self:is_alive()
  end

  --- Hands over transfers with news, see loop:news of the core.
  function loop.news(ready, last, strays)
    local dirty, stray_count = self.dirty, 0
    for i = 1, self.dirty_count do
      local state = dirty[i]
      dirty[i] = nil
      state.dirty = false
      if not state.closed then
        local count
        last, count = state.multi:news(ready, last, news)
        for j = 1, count do
          strays[stray_count + j], news[j] = news[j], nil
        end
        stray_count = stray_count + count
      end
    end
    self.dirty_count = 0
    return last, stray_count
  end

  --- Lets this loop drive a multi.
  function loop.attach(multi)
    local state = { multi = multi }
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

  --- Closes a multi. Its watches end before: nothing may watch what it closes.
  function loop.close(multi)
    local state = self.states[multi]
    if state == nil or state.closed then
      return
    end
    state.closed = true
    set_timer(self, state, nil)
    for fd, owner in pairs(self.owners) do
      if owner == state then
        unwatch(self, fd)
      end
    end
    multi:close()
  end

  --- Seconds that `step` would wait by itself, nil: until a socket is ready.
  function loop.timeout()
    return self:is_behind() and 0 or nil
  end

  --- The descriptor to poll for readiness, or nil.
  function loop.fd()
    return adapter.fd and adapter.fd() or nil
  end

  --- Nothing to do: see BREATH.
  function loop.interruptible()
  end

  --- Watched sockets and attached multis, for leak checks.
  function loop.counts()
    local multis = 0
    for _, state in pairs(self.states) do
      multis = multis + (state.closed and 0 or 1)
    end
    return self.watched, multis
  end

  driver.add_host(self, loop)
  return loop
end

---- Hosts ---------------------------------------------------------------------

-- What a loop has that its owner may run without us.
function driver.add_host(self, loop)
  local adapter = self.adapter
  local armed                      -- when the host's timer is due

  local function on_timer()
    armed = nil
    if not self.stepping then
      self.host.turn()
    end
  end

  --- Says who is told of the host's events: `host.turn()`, and `host.rearm()`.
  function loop.connect(host)
    self.host = host
  end

  --- Serves what needs no event.
  -- @return what was raised meanwhile, in a table, or nil
  function loop.serve()
    self:serve()
    return take_failure(self)
  end

  function loop.is_behind()
    return self:is_behind()
  end

  if adapter.timer then
    --- Has the host's loop turn us in so many seconds, or not at all.
    function loop.arm(seconds)
      if seconds == nil then
        if armed then
          armed = nil
          adapter.timer(nil)
        end
        return
      end
      local at = now() + seconds
      if armed == nil or at < armed then
        armed = at
        adapter.timer(seconds, on_timer)
      end
    end
  end

  --- Whether the host's loop runs, so that we may not run it.
  function loop.is_running()
    return adapter.is_running ~= nil and adapter.is_running() and not self.stepping
  end

  local visitors = setmetatable({}, { __mode = "k" })

  --- Who stands for the running coroutine, when that is one of the loop's own
  -- scheduler; or nil.
  function loop.visitor(co)
    if adapter.current == nil or not adapter.current() then
      return nil
    end
    local visitor = visitors[co]
    if visitor == nil then
      visitor = { visitor = true }
      visitors[co] = visitor
    end
    return visitor
  end

  loop.suspend, loop.resume = adapter.suspend, adapter.resume
end

return driver
