-- The load through Lua-cURLv3's socket_action on luv.
local curl = require "cURL"
local uv = require "luv"
local load = dofile(arg[0]:match("^(.*/)") .. "lcurl_load.lua")

local self = load.new("lcurl-luv", function()
  return uv.hrtime() / 1e9
end)
local options, tally, multi = self.options, self.tally, self.multi
local polls, timer, window = {}, uv.new_timer(), uv.new_timer()

local function finish()
  if tally.measuring then
    tally:close()
  end
  uv.stop()
end

local function act(fd, flags)
  multi:socket_action(fd, flags)
  self.read_messages()
  if self.running == 0 then
    finish()
  end
end

local EVENTS = {[curl.POLL_IN] = "r", [curl.POLL_OUT] = "w", [curl.POLL_INOUT] = "rw"}

multi:setopt_timerfunction(function(ms)
  timer:stop()
  if ms >= 0 then
    timer:start(ms > 0 and ms or 1, 0, function()
      act()
    end)
  end
end)
multi:setopt_socketfunction(function(_, fd, what)
  local poll = polls[fd]
  if what == curl.POLL_REMOVE then
    if poll then
      poll:stop()
      poll:close()
      polls[fd] = nil
    end
    return
  end
  if not poll then
    poll = uv.new_poll(fd)
    polls[fd] = poll
  end
  poll:start(EVENTS[what], function(err, events)
    local flags = err and curl.CSELECT_ERR or 0
    if not err then
      flags = (events:find("r") and curl.CSELECT_IN or 0)
        + (events:find("w") and curl.CSELECT_OUT or 0)
    end
    act(fd, flags)
  end)
end)

if options.seconds then
  window:start(math.floor(load.WARM_UP * 1000), 0, function()
    tally:open()
    window:start(math.floor(options.seconds * 1000), 0, finish)
  end)
else
  tally:open()
end
self.start_all()
uv.run()
tally:print(true)
