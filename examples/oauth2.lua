-- Asks an API that wants tokens (OAuth 2.0, client credentials). The token is got once,
-- kept in a file for the next run, and renewed when it ends or is refused.
--
--   CLIENT_ID=... CLIENT_SECRET=... lua5.4 examples/oauth2.lua FILE TOKEN_URL URL...
local ms = require("multisock")

local id, secret = os.getenv("CLIENT_ID"), os.getenv("CLIENT_SECRET")
local path, token_url, urls = arg[1], arg[2], { select(3, ...) }
if not (id and secret and urls[1]) then
  io.stderr:write("usage: CLIENT_ID=... CLIENT_SECRET=... "
    .. "lua5.4 examples/oauth2.lua FILE TOKEN_URL URL...\n")
  os.exit(2)
end

local store = {}

function store.load()
  local file = io.open(path)
  local kept = file and ms.json.decode(file:read("a"))
  if file then
    file:close()
  end
  return kept
end

function store.save(kept)
  os.execute("umask 077; : > '" .. path:gsub("'", "'\\''") .. "'")    -- nobody else reads it
  local file = assert(io.open(path, "w"))
  file:write(ms.json.encode(kept))
  file:close()
  print("a new token")
end

local client = ms.client({
  timeout = 30,
  each_attempt = { ms.oauth2({
    token_url = token_url, client_id = id, client_secret = secret, store = store,
    origins = urls,                     -- it goes there and nowhere else
  }) },
})

-- However many ask at once, one asks for the token.
local results, errs = client:map(urls)
for i, url in ipairs(urls) do
  print(url, results[i] and results[i].status or tostring(errs[i]))
end
client:close()
os.exit(next(errs) == nil and 0 or 1)
