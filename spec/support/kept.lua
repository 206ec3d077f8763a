-- What the specs of kept connections share: kept.py in its ways, and what it has
-- seen of one spec.
local busted = require("busted")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local core = require("multisock.core")
local ms = require("multisock")

local kept = { run = 0 }

--- Starts the servers: `plain`, `secure`, and `h2` (hostile_h2.py).
function kept.start()
  kept.plain, kept.secure = own_servers.kept(), own_servers.kept(true)
  kept.h2 = own_servers.hostile_h2()
end

function kept.stop()
  kept.plain.stop()
  kept.secure.stop()
  kept.h2.stop()
end

--- The servers of the specs of this block, each of which may leave nothing running.
-- @param current function() -> the spec's client, which is closed after it; or nil
function kept.fixture(current)
  busted.setup(kept.start)
  busted.teardown(kept.stop)
  busted.after_each(function()
    local client = current()
    if client then
      client:close()
    end
    helper.check_leaks()
  end)
end

--- What a request goes through: each gives a client, a maker of URLs, the server.
kept.WAYS = {
  ["without TLS"] = function()
    return ms.client(), kept.plain.url, kept.plain
  end,
  ["over TLS"] = function()
    return ms.client({ tls = { ca = kept.secure.ca } }), kept.secure.url, kept.secure
  end,
  ["over a Unix socket"] = function()
    return ms.client({ unix_socket = kept.plain.dir .. "/kept.sock" }), kept.plain.url, kept.plain
  end,
  ["through a proxy"] = function()
    return ms.client({ proxy = kept.plain.url("") }), function(path)
      return "http://origin.example" .. path
    end, kept.plain
  end,
}

--- Those that keep connections with this libcurl.
kept.KEEPING = {}
for way, make in pairs(kept.WAYS) do
  if way ~= "over a Unix socket" or core.quirks().reuses_talking == nil then
    kept.KEEPING[way] = make
  end
end

--- Begins a run with a client of its own, whose requests the server tells from others.
function kept.begin(way)
  local client, url, server = kept.WAYS[way or "without TLS"]()
  kept.run = kept.run + 1
  local key = ("key=%d"):format(kept.run)
  return client, function(path)
    return url(path .. (path:find("?", 1, true) and "&" or "?") .. key)
  end, server
end

local function ask(server, path)
  local other = ms.client({ tls = { ca = server.ca } })
  local text = ms.assert(other:get(server.url(path .. "?key=" .. kept.run))):text()
  other:close()
  return text
end

--- The requests of this run that have arrived, as lines.
function kept.arrived(server)
  return ask(server, "/log")
end

--- Waits until the server has said all that it says while nothing is asked, on `count`
-- connections of a run, and that has arrived; who turns the loop sees it after a moment more.
-- @param run its number
-- @param sleep what waits a moment: ms.sleep turns the loop meanwhile
function kept.await_said(server, run, count, sleep)
  local path = ("%s/said-%d"):format(server.dir, run)
  for _ = 1, 1000 do
    local file = io.open(path)
    local size = file and file:seek("end") or 0
    if file then
      file:close()
    end
    if size >= count then
      return
    end
    sleep(0.01)
  end
  error(("the server has not spoken %d times: %s"):format(count, path))
end

--- How many connections they came on.
function kept.connections(server)
  return tonumber(ask(server, "/connections"))
end

return kept
