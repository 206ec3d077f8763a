-- Downloads many files at once and shows how far they are.
--   lua5.4 examples/downloads.lua FOLDER URL...
-- Run it again after Ctrl-C: it goes on where it was.
local ms = require("multisock")

local folder, urls = arg[1], { select(2, ...) }
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/downloads.lua FOLDER URL...\n")
  os.exit(2)
end

local down, expected, done = {}, {}, 0

-- One line for all, written over the one before.
local function show()
  local sum, total = 0, 0
  for i = 1, #urls do
    sum, total = sum + (down[i] or 0), total + (expected[i] or 0)
  end
  io.write(("\r%d of %d files, %.1f of %.1f MiB"):format(done, #urls, sum / 2 ^ 20, total / 2 ^ 20))
  io.flush()
end

local results, errors = ms.run(ms.map, urls, function(url, i)
  local name = url:gsub("[?#].*", ""):match("[^/]*$")
  local got, err = ms.download(url, folder .. "/" .. (name ~= "" and name or "index.html"), {
    progress = function(p)
      down[i], expected[i] = p.down, p.down_total
      show()
    end,
  })
  done = done + (got and 1 or 0)
  show()
  return got, err
end, { concurrency = 8 })

print()
for i, url in ipairs(urls) do
  local got = results[i]
  if got then
    local resumed = got.resumed_from > 0 and (", went on at %d"):format(got.resumed_from) or ""
    print(("%s  %s, %d bytes%s"):format(got.sha256, got.path, got.size, resumed))
  else
    print(url, errors[i])
  end
end
os.exit(done == #urls and 0 or 1, true)
