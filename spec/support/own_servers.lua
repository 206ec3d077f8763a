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

--- hostile_h2.py, whose comments say what each path does.
-- @return table server with `url`, `ca`, and `fresh(path)`: a URL that was not asked for
-- before, for the server counts
function own_servers.hostile_h2()
  local server = python("hostile_h2.py", true)
  server.url = function(path) return ("https://localhost:%d%s"):format(server.port, path) end
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
  local server = python("kept.py", tls)
  local base = tls and "https://localhost:" or "http://127.0.0.1:"
  server.url = function(path) return base .. server.port .. path end
  return server
end

--- scripted.py, whose comment says what it does. Started by scripted.lua.
function own_servers.scripted()
  local server = python("scripted.py")
  server.url = function(path) return "http://127.0.0.1:" .. server.port .. path end
  return server
end

--- odd_ranges.py, whose comments say what its paths do.
-- @return table server with `url`
function own_servers.odd_ranges()
  local server = python("odd_ranges.py", false)
  server.url = function(path) return ("http://127.0.0.1:%d%s"):format(server.port, path) end
  return server
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
  local server = python("hasty_ftp.py")
  server.url = function(path) return ("ftp://127.0.0.1:%d%s"):format(server.port, path) end
  return server
end

--- websocket.py, on the websockets package of Python.
-- @param tls? boolean
-- @return table server with `url`, `ca`
function own_servers.websocket(tls)
  local server = python("websocket.py", tls)
  server.url = function(path)
    return ("%s:%d%s"):format(tls and "wss://localhost" or "ws://127.0.0.1", server.port, path)
  end
  return server
end

--- raw_websocket.py, whose comment says what its paths do.
-- @param tls? boolean
-- @return table server with `url`, `ca`
function own_servers.raw_websocket(tls)
  local server = python("raw_websocket.py", tls)
  server.url = function(path)
    return ("%s:%d%s"):format(tls and "wss://localhost" or "ws://127.0.0.1", server.port, path)
  end
  return server
end

return own_servers
