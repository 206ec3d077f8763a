-- Logs in with a form and stays logged in: the cookies are in a file, so that the next run
-- needs no password, and so does curl (curl -b FILE URL).
--
--   PASSWORD=... lua5.4 examples/login.lua FILE LOGIN_URL URL USER
local ms = require("multisock")

local file, login_url, url, user = arg[1], arg[2], arg[3], arg[4]
if not user then
  io.stderr:write("usage: PASSWORD=... lua5.4 examples/login.lua FILE LOGIN_URL URL USER\n")
  os.exit(2)
end

local function main(client)
  local response = assert(client:get(url))
  if response.status == 401 or response.status == 403 then
    response:close()
    -- The cookies that it sets are kept, also those of redirects.
    local form = { user = user, password = os.getenv("PASSWORD") or "" }
    assert(client:post(login_url, { form = form, fail_on_error = true })):discard()
    print("logged in")
    response = assert(client:get(url, { fail_on_error = true }))
  end
  -- All requests of this client are logged in, however many at once.
  local results, errs = client:map({ url, url, url })
  for i = 1, results.n do
    print(results[i] and results[i].status or tostring(errs[i]))
  end
  io.write(assert(response:text()))
end

ms.run(function()
  local jar = assert(ms.cookies(file))
  local client = ms.client({ cookies = jar, timeout = 30 })
  main(client)
  for cookie in jar:each() do
    print(("%s of %s%s, until %s"):format(cookie.name, cookie.domain, cookie.path,
      cookie.expires and os.date("%F", cookie.expires) or "the end of the session"))
  end
  client:close()
  assert(jar:close())               -- saves it
end)
