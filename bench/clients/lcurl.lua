-- The load through Lua-cURLv3 as its documentation does it: perform and wait.
local load = dofile(arg[0]:match("^(.*/)") .. "lcurl_load.lua")

-- Seconds that never go backwards, without a module for them.
local function now()
  local file = assert(io.open("/proc/uptime"))
  local seconds = file:read("n")
  file:close()
  return seconds
end
local has_socket, socket = pcall(require, "socket")

local self = load.new("lcurl", has_socket and socket.gettime or now)
local options, tally = self.options, self.tally

local turn = options.seconds and tally.now() + load.WARM_UP
if not options.seconds then
  tally:open()
end
self.start_all()
while self.running > 0 do
  self.multi:perform()
  self.read_messages()
  if turn and tally.now() >= turn then
    if tally.measuring then
      tally:close()
      break
    end
    tally:open()
    turn = tally.now() + options.seconds
  end
  self.multi:wait(100)
end
if tally.measuring then
  tally:close()
end
tally:print()
