-- Sends files as a form, as a browser does, and tells how far it is.
--
--   lua5.4 examples/upload.lua URL FILE...
local ms = require("multisock")

local url = arg[1]
if not arg[2] then
  io.stderr:write("usage: lua5.4 examples/upload.lua URL FILE...\n")
  os.exit(2)
end

local parts = { { name = "comment", value = "sent by multisock" } }
for i = 2, #arg do
  parts[#parts + 1] = { name = "file", file = arg[i] }      -- opened when its turn comes
end

local response, err = ms.post(url, {
  multipart = parts,
  retry = { limit = 3, idempotency_key = true },            -- the files are read again
  timeout = { idle = 30 },
  fail_on_error = true,
  progress = function(p)
    io.stderr:write(("\r%d of %s bytes, %.0f kB/s "):format(p.up, p.up_total or "?",
      p.speed / 1000))
  end,
})
io.stderr:write("\n")
if response == nil then
  print("failed: " .. tostring(err))
  if err.request then
    print("as a command: " .. (ms.to_curl(err.request) or "none"))
  end
  os.exit(1)
end
print(response.status, response:text())
