-- Fetches a page and its parts (pictures, styles, scripts), and draws what each spent its
-- time with: open the file in a browser.
--   lua5.4 examples/waterfall.lua URL FILE.svg
local ms = require("multisock")
local waterfall = require("multisock.waterfall")

local start, path = arg[1], arg[2]
if path == nil then
  io.stderr:write("usage: lua5.4 examples/waterfall.lua URL FILE.svg\n")
  os.exit(2)
end

local NAMES = { img = "src", script = "src", link = "href" }

-- What the page names, as far as can be told without reading HTML properly.
local function parts_of(html)
  local parts = {}
  for tag, attributes in html:gmatch("<(%a+)([^>]*)>") do
    local wanted = NAMES[tag:lower()]
    for name, value in attributes:gmatch("(%a+)%s*=%s*[\"']([^\"'#]*)") do
      if name:lower() == wanted and value ~= "" then
        parts[#parts + 1] = value
      end
    end
  end
  return parts
end

-- A URL that may be relative. (Not every case: "../" stays for the server.)
local function absolute(base, part)
  local origin, folder = base:match("^(%a+://[^/?#]*)"), base:match("^%a+://[^/?#]*(/[^?#]*/)")
  if part:find("^%a[%w+.-]*:") then
    return part:find("^https?:") and part or nil
  elseif part:find("^//") then
    return base:match("^%a+:") .. part
  elseif part:find("^/") then
    return origin .. part
  end
  return origin .. (folder or "/") .. part
end

local chart = waterfall.start()
local client = ms.client({ limits = { host_connections = 6 }, timeout = 30 })

ms.run(function()
  local page = ms.assert(client:get(start))
  local urls = {}
  for _, part in ipairs(parts_of(ms.assert(page:text()))) do
    urls[#urls + 1] = absolute(page.url, part)
  end
  local _, errors = client:map(urls)
  for i, err in pairs(errors) do
    print(urls[i], err)
  end
  print(#urls .. " parts")
end)
client:close()
chart:close()
ms.assert(chart:save(path))
