-- Starts the hostile server of the matrix and knows where each fault is served.
local core = require("multisock.core")
local servers = require("spec.support.servers")

local server = {}
server.__index = server

-- name -> true for what HTTP/1.1 ("1") and HTTP/2 ("2") have, and the ports.
local function read(text)
  local ports, known = {}, { ["1"] = {}, ["2"] = {} }
  for one, two, three in text:gmatch("(%S+) (%S+) (%S+)\n") do
    if known[one] then
      known[one][two] = true
    else
      ports[one] = ports[one] or {}
      ports[one][two] = tonumber(three)
    end
  end
  return ports, known
end

function server.start()
  local certificates = servers.certificate_dir()
  local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
  local main = servers.output("cd " .. servers.quote(here) .. " && pwd") .. "/server/main.py"
  local self = setmetatable({ ca = certificates .. "/ca.crt" }, server)
  self.folder = servers.make_dir()
  self.process = servers.start("the hostile server", self.folder, {
    servers.program("/usr/bin/python3", "python3"), "-B", main, certificates,
  }, "stdout")
  local path, deadline = self.folder .. "/stdout", os.time() + 10
  while not servers.read_file(path):find("READY\n", 1, true) do
    assert(os.time() < deadline, "the hostile server told no ports: "
      .. servers.read_file(self.folder .. "/stderr"))
    os.execute("sleep 0.02")
  end
  self.ports, self.known = read(servers.read_file(path))
  return self
end

function server:stop()
  self.process.stop()
end

--- Whether the server has this fault on this transport.
function server:has(fault, transport)
  local own = self.ports[fault]
  return own ~= nil and own[transport] ~= nil
    or self.known[transport == "h2" and "2" or "1"][fault] == true
end

local ORIGINS = {
  http = "http://127.0.0.1:", tls = "https://localhost:", h2 = "https://localhost:",
}

--- The URL of a fault (or "good") and the options to ask for it with.
function server:address(fault, transport, query)
  local own = self.ports[fault]
  local port = own and own[transport] or self.ports.good[transport]
  local path = ("/%s?%s"):format(own and fault ~= "good" and "plain" or fault, query)
  local options = { tls = { ca = self.ca }, trust_env = false }
  if transport == "proxy" then
    options.proxy = "http://127.0.0.1:" .. port
    return "http://origin.example" .. path, options
  elseif transport == "tunnel" then
    options.proxy = "http://127.0.0.1:" .. port
    return "https://localhost:" .. self.ports.good.tls .. path, options
  end
  options.http_version = transport == "h2" and "2" or nil
  return ORIGINS[transport] .. port .. path, options
end

--- How many connections stand, beside the one that asks.
function server:open()
  local parts = {}
  local easy = core.easy({
    url = ("http://127.0.0.1:%d/open"):format(self.ports.good.http), proxy = "",
    writefunction = function(data) parts[#parts + 1] = data end,
  })
  assert(easy:perform())
  easy:close()
  return tonumber(table.concat(parts)) - 1
end

--- Waits, in a task, until the server has done all that it does to a request, and
-- asks for that where the fault cannot hurt it.
function server:await(id, transport)
  local client = require("multisock").client({ trust_env = false, timeout = 30 })
  local port = self.ports.good[transport == "http" and "proxy" or "http"]
  local url = ("http://127.0.0.1:%d/ended?of=%s"):format(port, id)
  local response, err = client:get(url)
  client:close()
  return response and response.ok or error(err)
end

--- What the server wrote about its own mistakes.
function server:complaints()
  return servers.read_file(self.folder .. "/stderr")
end

return server
