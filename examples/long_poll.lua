-- Long polling: asks for the next message and waits until there is one, for ever. The
-- server holds each request back until it has something to say; one that says nothing for
-- WAIT seconds is asked again, one that fails after a pause that grows.
--   lua5.4 examples/long_poll.lua URL [MESSAGES]
local ms = require("multisock")

local WAIT, LONGEST = 60, 30
local url, most = arg[1], tonumber(arg[2]) or math.huge
if url == nil then
  io.stderr:write("usage: lua5.4 examples/long_poll.lua URL [MESSAGES]\n")
  os.exit(2)
end

local client = ms.client({ timeout = { connect = 10, first_byte = WAIT }, fail_on_error = true })
local got, pause = 0, 0.1
while got < most do
  local response, err = client:get(url)
  local message
  if response then
    message, err = response:text()
  end
  if message then
    got, pause = got + 1, 0.1
    print((message:gsub("%s+$", "")))
  elseif err.kind ~= "timeout" or err.phase ~= "wait" then
    io.stderr:write(tostring(err), "\n")
    ms.sleep(pause)
    pause = math.min(2 * pause, LONGEST)
  end
end
client:close()
