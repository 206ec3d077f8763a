-- Servers of ours, in Python, beside hostile.py: started as servers.lua starts that.
local servers = require("spec.support.servers")

local own_servers = {}

-- A Python program of ours that takes a certificate, or what else it wants, and
-- prints its port.
local function python(name, tls, ...)
  local certs = servers.certificate_dir()
  local python3 = servers.program("/usr/bin/python3", "python3")
  local command = { python3, "-B", servers.support(name), ... }
  if tls then
    command[4], command[5] = certs .. "/server.crt", certs .. "/server.key"
  end
  local server = servers.start(name, servers.make_dir(), command, "stdout")
  server.said = servers.read_file(server.dir .. "/stdout")
  server.port = tonumber(server.said:match("^PORT (%d+)\n"))
  server.certificates, server.ca = certs, certs .. "/ca.crt"
  return server
end

local function http(tls)
  return tls and "https://localhost" or "http://127.0.0.1"
end

local function websocket(tls)
  return tls and "wss://localhost" or "ws://127.0.0.1"
end

-- Gives a server `url(path)`.
local function with_urls(server, base)
  server.url = function(path) return ("%s:%d%s"):format(base, server.port, path) end
  return server
end

--- hostile_h2.py, whose comments say what each path does.
-- @return table server with `url`, `ca`, and `fresh(path)`: a URL that was not asked for
-- before, for the server counts
function own_servers.hostile_h2()
  local server = with_urls(python("hostile_h2.py", true), http(true))
  local count = 0
  server.fresh = function(path)
    count = count + 1
    return server.url(path .. "&run=" .. count)
  end
  return server
end

--- witness.py, whose comment says what it tells of requests.
-- @return table server with `here` and `there`, URLs of two origins, and `numbered`: `there` by
-- the number of its address
function own_servers.witness()
  local server = python("witness.py", false, servers.certificate_dir())
  local here, there = server.said:match("PORTS (%d+) (%d+)")
  server.here, server.there = "https://localhost:" .. here, "https://localhost:" .. there
  server.numbered = "https://127.0.0.1:" .. there
  return server
end

--- addresses.py, whose comment says what it tells of addresses.
-- @param tls? boolean
function own_servers.addresses(tls)
  return python("addresses.py", tls)
end

--- kept.py, whose comments say what each path does.
-- @param tls? boolean
-- @return table server with `url`, `ca`
function own_servers.kept(tls)
  return with_urls(python("kept.py", tls), http(tls))
end

--- scripted.py, whose comment says what it does. Started by scripted.lua.
function own_servers.scripted()
  return with_urls(python("scripted.py"), http())
end

--- odd_ranges.py, whose comments say what its paths do.
-- @return table server with `url`
function own_servers.odd_ranges()
  return with_urls(python("odd_ranges.py", false), http())
end

--- lossy_udp.py before another server's port.
-- @param port integer
-- @param lost integer datagrams that get lost at the start of each client
-- @return table server with `port`
function own_servers.lossy_udp(port, lost)
  return python("lossy_udp.py", false, tostring(port), tostring(lost))
end

--- hasty_ftp.py, whose comment says what it does.
-- @return table server with `url`
function own_servers.hasty_ftp()
  return with_urls(python("hasty_ftp.py"), "ftp://127.0.0.1")
end

--- websocket.py, on the websockets package of Python.
-- @param tls? boolean
-- @return table server with `url`, `ca`
function own_servers.websocket(tls)
  return with_urls(python("websocket.py", tls), websocket(tls))
end

--- raw_websocket.py, whose comment says what its paths do.
-- @param tls? boolean
-- @return table server with `url`, `ca`
function own_servers.raw_websocket(tls)
  return with_urls(python("raw_websocket.py", tls), websocket(tls))
end

return own_servers
