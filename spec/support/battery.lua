-- What multisock must do inside of a program that has Lua in it. hosts_spec.lua puts this
-- behind the program's recipe of docs/hosts.md, and names the servers in the environment.
local ms = require("multisock")

local plain, tls, slow = os.getenv("PLAIN_URL"), os.getenv("TLS_URL"), os.getenv("SLOW_URL")

local function run(beats)
  local said, urls = {}, {}
  local function say(...)
    said[#said + 1] = string.format(...)
  end
  for i = 1, 20 do
    urls[i] = slow .. "/late?delay=0.3&body=" .. i
  end
  local started, beaten = ms.now(), beats and beats()
  local good = 0
  local responses, errors = ms.map(urls)
  for i = 1, 20 do
    good = good + (ms.assert(responses[i], errors[i]):text():match("%d+") == tostring(i) and 1 or 0)
  end
  -- One after the other they would take six seconds.
  say("%d at once: %s", good, tostring(ms.now() - started < 4))
  if beats then
    say("the host goes on: %s", tostring(beats() > beaten))
  end
  local pieces, length = 0, 0
  for chunk in ms.assert(ms.get(plain .. "/1m")):chunks() do
    pieces, length = pieces + 1, length + #chunk
  end
  say("a stream of %d in pieces: %s", length, tostring(pieces > 1))
  local stalled = ms.spawn(ms.get, slow .. "/stall")
  ms.sleep(0.05)
  stalled:cancel()
  say("cancelled: %s", tostring(select(2, stalled:join()).kind))
  local secure = ms.client({ tls = { ca = os.getenv("CA_FILE") } })
  say("TLS: %d", ms.assert(secure:get(tls .. "/1k")).status)
  return table.concat(said, "\n") .. "\n"
end

-- `beats()`: how often a timer of the host's has come; nil: it has none.
return function(beats)
  local ok, report = pcall(run, beats)
  if ok then
    -- They are under way when the host ends.
    LEFT = ms.get(slow .. "/trickle?bytes=100000") -- luacheck: ignore 111
    if beats then
      ms.spawn(ms.get, slow .. "/stall")
      ms.sleep(0.05)
    end
  end
  local path = os.getenv("REPORT")
  local file = assert(io.open(path .. ".part", "w"))
  file:write(tostring(report))
  file:close()
  os.rename(path .. ".part", path)
end
