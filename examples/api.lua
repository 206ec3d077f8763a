-- An API client: retries that spare a busy server, a limit on requests a second, and a list
-- that comes page by page.
--
--   lua5.4 examples/api.lua BASE_URL PATH [TOKEN]
local ms = require("multisock")

local base_url, path, token = arg[1], arg[2], arg[3]
if not path then
  io.stderr:write("usage: lua5.4 examples/api.lua BASE_URL PATH [TOKEN]\n")
  os.exit(2)
end

local api = ms.client({
  base_url = base_url,                  -- the token goes there and nowhere else
  auth = token and { bearer = token } or nil,
  timeout = { total = 60, attempt = 10 },
  retry = { limit = 4, breaker = true },
  throttle = { limit = 20, per = 1 },
  on = { retry = function(event)
    io.stderr:write(("%s: %s, once more in %.1f s\n"):format(event.url,
      event.err and event.err.kind or event.response.status, event.delay))
  end },
})

-- Every page, as Link with rel="next" says; what fails is raised, and so is a list that
-- breaks off.
local count = 0
local ok, err = pcall(function()
  for page in api:pages(path, { max = 100 }) do
    count = count + 1
    print(count, page.url, page.attempts, #assert(page:text()) .. " bytes")
  end
end)
local stats = api:stats()
print(("%d pages, %d requests, %d of them retries"):format(count, stats.requests, stats.retries))
api:close()
if not ok then
  print("failed: " .. tostring(err))
  os.exit(1)
end
