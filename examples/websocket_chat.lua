-- A chat over WebSocket: what is typed is sent, what comes is printed, neither waits for the
-- other. Ends with the input, or with the server. Needs luv, which reads the terminal.
--   lua5.4 examples/websocket_chat.lua wss://HOST/PATH [NAME]
local luv = require("luv")
local ms = require("multisock")

local url, name = arg[1], arg[2] or "me"
if url == nil then
  io.stderr:write("usage: lua5.4 examples/websocket_chat.lua URL [NAME]\n")
  os.exit(2)
end
ms.use_loop("luv")
io.stdout:setvbuf("line")           -- a pipe, too, has each message as it comes

-- A queue of the lines that are typed.
local function typed()
  local lines, rest = ms.queue(), ""
  local input = luv.guess_handle(0) == "tty" and luv.new_tty(0, true) or luv.new_pipe(false)
  if input.open then
    input:open(0)
  end
  input:read_start(function(_, bytes)
    if bytes == nil then
      input:close()
      return lines:close()
    end
    rest = (rest .. bytes):gsub("([^\n]*)\n", function(line)
      lines:put(line)
      return ""
    end)
  end)
  return lines
end

ms.run(function()
  local ws, err = ms.websocket(url)
  if ws == nil then
    io.stderr:write(tostring(err), "\n")
    os.exit(1)
  end
  local lines = typed()
  ms.spawn(function()
    local line = lines:get()
    while line and ws:send(name .. ": " .. line) do
      line = lines:get()
    end
    ws:close(1000, "bye")
  end)
  local message, why = ws:receive()
  while message do
    print(message)
    message, why = ws:receive()
  end
  print(("-- closed: %d %s"):format(why.close_code, why.reason))
  lines:close()
end)
os.exit(0)                          -- the terminal may be waited for still
