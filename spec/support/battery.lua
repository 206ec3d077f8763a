-- What multisock must do inside of a program that has Lua in it. hosts_spec.lua puts this
-- behind the program's recipe of docs/hosts.md, and names the servers in the environment.
local ms = require("multisock")

local handler = os.getenv("HANDLER_URL") or ""
local plain, tls, slow = os.getenv("PLAIN_URL"), os.getenv("TLS_URL"), os.getenv("SLOW_URL")

-- Fetches 20 URLs at once, `url(i)` each, which take 0.3 s, and answer `body(i)`.
-- Returns how many did, and whether they were at once: one after the other they would
-- take six seconds.
local function at_once(url, body)
  local urls, started, good = {}, ms.now(), 0
  for i = 1, 20 do
    urls[i] = url(i)
  end
  local responses, errors = ms.map(urls)
  for i = 1, 20 do
    local text = ms.assert(responses[i], errors[i]):text()
    good = good + (text:match("%d+") == body(i) and 1 or 0)
  end
  return good, tostring(ms.now() - started < 4)
end

local function late(i)
  return slow .. "/late?delay=0.3&body=" .. i
end

local function run(beats)
  local said = {}
  local function say(...)
    said[#said + 1] = string.format(...)
  end
  local beaten = beats and beats()
  say("%d at once: %s", at_once(late, tostring))
  if beats then
    say("the host goes on: %s", tostring(beats() > beaten))
  end
  if handler ~= "" then
    -- The host asks itself: handlers that stopped it would wait for ever.
    say("%d in handlers: %s", at_once(function(i) return handler .. "?i=" .. i end,
      function() return "7" end))
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

-- Kept until the host ends.
local left -- luacheck: ignore 231

-- `beats()`: how often a timer of the host's has come; nil: it has none.
return function(beats)
  local ok, report = pcall(run, beats)
  if ok then
    -- They are under way when the host ends.
    left = ms.get(slow .. "/trickle?bytes=100000")
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
