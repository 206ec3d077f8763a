-- Downloads one file from several mirrors: the next one when one fails, in parts when it is
-- large, and checked before it gets its name.
--   lua5.4 examples/mirrors.lua SHA256 PATH URL...
local ms = require("multisock")

local checksum, path, urls = arg[1], arg[2], { select(3, ...) }
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/mirrors.lua SHA256 PATH URL...\n")
  os.exit(2)
end

-- `on` tells what happens to each request, so also which mirror was asked.
local client = ms.client({
  on = {
    queue = function(event)
      print("asks   " .. event.url)
    end,
    error = function(event)
      print("failed " .. tostring(event.err))
    end,
  },
  timeout = { connect = 5 },
})
local got, err = client:download(urls, path, { checksum = "sha256:" .. checksum, segments = 4 })
client:close()
if got then
  print(("%s: %d bytes"):format(got.path, got.size))
else
  print(err)
end
os.exit(got and 0 or 1, true)
