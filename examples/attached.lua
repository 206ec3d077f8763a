-- Runs 100 transfers on a libuv loop: the multi is attached to it, and the loop
-- does what examples/agnostic.lua does by hand. While they run, new ones are
-- added and every tenth is taken out again.
--
--   lua5.4 examples/attached.lua URL...
--
-- One address is fetched 100 times, several are taken in turn.
local core = require("multisock.core")

local TRANSFERS, AT_ONCE = 100, 20

local urls = { ... }
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/attached.lua URL...\n")
  os.exit(2)
end

local loop = assert(core.loop())
local multi = assert(core.multi():attach(loop))

local added, removed, ended, failed, bytes = 0, 0, 0, 0, 0

local function add()
  added = added + 1
  local easy = assert(core.easy {
    url = urls[(added - 1) % #urls + 1],
    timeout_ms = 60000,
    writefunction = function(piece)
      bytes = bytes + #piece
    end,
  })
  assert(multi:add_handle(easy))
  return easy
end

local function take_results()
  while true do
    local easy, ok, err = multi:info_read()
    if easy == nil then
      return
    end
    ended = ended + 1
    if not ok then
      failed = failed + 1
      print(err)
    end
    multi:remove_handle(easy)
    easy:close()
  end
end

local started = loop:now()
while ended + removed < TRANSFERS do
  while added < TRANSFERS and added - ended - removed < AT_ONCE do
    local easy = add()
    if added % 10 == 0 then
      -- Whatever it is doing: its socket goes with it.
      multi:remove_handle(easy)
      easy:close()
      removed = removed + 1
    end
  end
  loop:step()
  take_results()
end

print(("%d transfers, %d removed, %d failed, %d bytes, %.2f s"):format(
  added, removed, failed, bytes, loop:now() - started))
print(("%d connections are kept"):format((loop:counts())))
loop:close()
os.exit(failed == 0 and 0 or 1, true)
