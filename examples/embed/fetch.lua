-- What the hosts beside this file run: starts one task for each address and
-- returns; the tasks go on while the host runs its loop.
local ms = require("multisock")

local urls = { ... }
local left = #urls

for _, url in ipairs(urls) do
  ms.spawn(function()
    local response, err = ms.get(url)
    local text
    if response then
      text, err = response:text()
    end
    if text then
      print(url, response.status, #text .. " bytes")
    else
      print(url, err)
    end
    left = left - 1
    if left == 0 and done then -- luacheck: ignore 113
      done() -- luacheck: ignore 113
    end
  end)
end
