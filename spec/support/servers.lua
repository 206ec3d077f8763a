-- Starts and stops the servers that specs talk to: a real nginx, and hostile.py.
-- Plain Lua (5.1 to 5.4, LuaJIT) with io.popen alone, so that it needs nothing
-- of what it helps to test.

local shell = require("spec.support.shell")

local servers = {}

-- A running server ends when its pipe is collected: this keeps it until stop().
local running = {}

local START_SECONDS = 10

local quote, output, write_file = shell.quote, shell.output, shell.write_file

local function read_file(path)
  return shell.read_file(path) or ""
end

local here
local function support(name)
  if not here then
    local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
    here = output("cd " .. quote(folder) .. " && pwd")
  end
  return here .. "/" .. name
end

local function make_dir()
  local dir = output("mktemp -d \"${TMPDIR:-/tmp}/multisock.XXXXXX\"")
  if dir == "" then error("mktemp could not make a temporary folder", 0) end
  return dir
end

--- The full path of a program that a server needs.
-- @param name string
-- @param package string the Debian package to name when it is missing
-- @return string
function servers.program(name, package)
  -- nginx lives in /usr/sbin, which only root has in its PATH.
  local path = output("PATH=\"$PATH:/usr/sbin:/sbin\"; command -v " .. quote(name))
  if path == "" then
    error(name .. " was not found: install the Debian package " .. package, 0)
  end
  return path
end

local function stop(server)
  if not running[server] then return end
  running[server] = nil
  -- Returns when the server has ended and its folder is gone.
  server.pipe:close()
end

-- Starts a command under the watchdog and waits until `ready`, a file in `dir`,
-- holds something. An error carries what the server wrote.
local function start(name, dir, command, ready)
  local words = { "exec", "sh", quote(support("watchdog.sh")), quote(dir) }
  for _, word in ipairs(command) do words[#words + 1] = quote(word) end
  local server = { name = name, dir = dir }
  server.pipe = assert(io.popen(table.concat(words, " "), "w"))
  server.stop = function() stop(server) end
  running[server] = true

  -- A line may be written in pieces: it is there with its end.
  os.execute(("cd %s && i=0 && until { [ -s %s ] && [ \"$(tail -c 1 %s | wc -l)\" = 1 ]; } || " ..
    "[ -e ended ] || [ $i -ge %d ]; do i=$((i + 1)); sleep 0.02; done"):format(quote(dir), ready,
    ready, START_SECONDS * 50))
  if read_file(dir .. "/" .. ready) == "" then
    local ended = read_file(dir .. "/ended"):match("%d+")
    local said = read_file(dir .. "/stderr") .. read_file(dir .. "/error.log")
    stop(server)
    error(("%s did not start (%s):\n%s"):format(name,
      ended and "exit status " .. ended or "no answer in " .. START_SECONDS .. " s", said), 0)
  end
  server.pid = tonumber(read_file(dir .. "/pid"))
  return server
end

-- One set of certificates serves every server of the run, and every file of it where
-- script/common.sh has made one.
local certificates
local function certificate_dir()
  local made = os.getenv("MULTISOCK_CERTIFICATES")
  if made then return made end
  if certificates and running[certificates] then return certificates.dir end
  servers.program("openssl", "openssl")
  local dir = make_dir()
  local said = output(quote(support("certificates.sh")) .. " " .. quote(dir) .. " 2>&1")
  if read_file(dir .. "/unknown.crt") == "" then
    output("rm -rf " .. quote(dir))
    error("the test certificates could not be made:\n" .. said, 0)
  end
  -- Nothing to serve: the watchdog is there to remove the folder.
  certificates = start("certificates", dir, { "cat" }, "pid")
  return dir
end

local function url_maker(base)
  return function(path) return base .. (path or "/") end
end

--- The filler bytes that hostile.py sends: the byte at offset i (from 0) is
-- (i * 7 + seed) % 251.
-- @param count integer
-- @param seed? integer
-- @param offset? integer where to begin
-- @return string
function servers.bytes(count, seed, offset)
  local period = {}
  for i = 0, 250 do period[i + 1] = string.char((i * 7 + (seed or 0)) % 251) end
  local first = (offset or 0) % 251
  local text = table.concat(period):rep(math.floor((first + count) / 251) + 1)
  return text:sub(first + 1, first + count)
end

-- The access log as a list of tables. It is written after the answer, so a test
-- that has its answers says how many lines it expects, and waits for them.
local function read_log(path, pattern, count)
  local deadline = os.time() + 5
  while true do
    local lines = {}
    for connection, requests, protocol, method, uri, status in
      read_file(path):gmatch("(%d+) (%d+) (%S*) (%S*) ([^\n]*) (%d+)\n") do
      if uri:find(pattern or "") then
        lines[#lines + 1] = {
          connection = tonumber(connection), requests = tonumber(requests),
          protocol = protocol, method = method, uri = uri, status = tonumber(status),
        }
      end
    end
    if #lines >= (count or 0) or os.time() > deadline then return lines end
    os.execute("sleep 0.02")
  end
end

--- Starts nginx on free loopback ports. Files: /1k (1,024 bytes: `bytes(1024)`),
-- /file/X ("body-X" for every X), /1m and /200m (zeros), /slow?rate=BYTES_PER_SECOND
-- (1 MiB), /text.txt (gzip), /upload/X (PUT, then GET).
-- `url` is http, `tls_url` https with HTTP/2; `unknown_ca_url` and `wrong_host_url`
-- are https that nobody should trust; `unix_socket` is a path; `ca` a PEM file.
-- `log(pattern, count)` reads the lines of the access log whose uri matches, as
-- `{connection, requests, protocol, method, uri, status}`, once there are `count`.
-- @return table server
function servers.nginx()
  local python = servers.program("/usr/bin/python3", "python3")
  local nginx = servers.program("nginx", "nginx-light")
  local certs = certificate_dir()
  local dir = make_dir()
  output("cd " .. quote(dir) .. " && mkdir -p tmp www/upload && cd www" ..
    " && for size in 1 200; do dd if=/dev/zero of=${size}m bs=1048576 count=0 seek=$size" ..
    " 2>/dev/null; done")
  write_file(dir .. "/www/1k", servers.bytes(1024))
  write_file(dir .. "/www/text.txt", ("A line that gzip makes short.\n"):rep(2000))

  local server = start("nginx", dir,
    { python, "-B", support("nginx.py"), nginx, support("nginx.conf"), dir, certs }, "nginx.pid")
  local ports = {}
  for name, port in read_file(dir .. "/stdout"):gmatch("([A-Z_]+)_PORT (%d+)\n") do
    ports[name] = tonumber(port)
  end
  server.port = ports.HTTP
  server.tls_port = ports.TLS
  server.unknown_ca_port = ports.UNKNOWN_CA
  server.url = url_maker("http://127.0.0.1:" .. ports.HTTP)
  server.tls_url = url_maker("https://localhost:" .. ports.TLS)
  server.unknown_ca_url = url_maker("https://localhost:" .. ports.UNKNOWN_CA)
  server.wrong_host_url = url_maker("https://localhost:" .. ports.WRONG_HOST)
  server.unix_socket = dir .. "/nginx.sock"
  server.ca = certs .. "/ca.crt"
  server.access_log = dir .. "/access.log"
  server.log = function(pattern, count) return read_log(server.access_log, pattern, count) end
  return server
end

--- Starts hostile.py, whose comments say what each path does.
-- @param options? {tls: boolean}
-- @return table server with `port`, `url`, and `ca` when it speaks TLS
function servers.hostile(options)
  local tls = options and options.tls
  local command = { servers.program("/usr/bin/python3", "python3"), "-B", support("hostile.py") }
  local certs = tls and certificate_dir()
  if tls then
    command[4], command[5], command[6] = "--tls", certs .. "/server.crt", certs .. "/server.key"
  end
  local server = start("hostile.py", make_dir(), command, "stdout")
  local said = read_file(server.dir .. "/stdout")
  server.port = tonumber(said:match("^PORT (%d+)\n"))
    or error(("hostile.py said %q"):format(said), 0)
  server.url = url_maker((tls and "https://localhost:" or "http://127.0.0.1:") .. server.port)
  server.ca = tls and certs .. "/ca.crt" or nil
  return server
end

--- Starts nghttpd on a port that must be free: HTTP/2 without TLS over a folder
-- of files, given as a table of contents by name. `pushes` are arguments such as
-- "/a=/b": whoever asks for /a is pushed /b.
-- @param port integer
-- @param files table<string, string>
-- @param pushes string[]
-- @return table server with `url`; it may take a moment until it answers
function servers.nghttpd(port, files, pushes)
  local nghttpd = servers.program("nghttpd", "nghttp2-server")
  local dir = make_dir()
  output("mkdir " .. quote(dir) .. "/www")
  for name, content in pairs(files) do
    write_file(dir .. "/www/" .. name, content)
  end
  local command = { nghttpd, "--no-tls", "-a", "127.0.0.1", "-d", dir .. "/www" }
  for _, push in ipairs(pushes) do
    command[#command + 1] = "--push=" .. push
  end
  command[#command + 1] = tostring(port)
  local server = start("nghttpd", dir, command, "pid")
  server.url = url_maker("http://127.0.0.1:" .. port)
  return server
end
--- Starts httpbin, whose URLs are those of the public https://httpbin.org.
function servers.httpbin()
  local server = start("httpbin", make_dir(),
    { servers.program("/usr/bin/python3", "python3"), "-B", support("serve_httpbin.py") }, "stdout")
  server.base = "http://127.0.0.1:" .. read_file(server.dir .. "/stdout"):match("%d+")
  server.url = url_maker(server.base)
  return server
end

-- For packaged.lua and own_servers.lua, which start more servers in the same way.
servers.start, servers.make_dir, servers.support = start, make_dir, support
servers.read_file, servers.write_file = read_file, write_file
servers.certificate_dir, servers.output, servers.quote = certificate_dir, output, quote
servers.read_log = read_log

--- Stops everything that this module started. A server's own `stop()` may be
-- called before or after, any number of times.
function servers.stop_all()
  local list = {}
  for server in pairs(running) do list[#list + 1] = server end
  for _, server in ipairs(list) do stop(server) end
end

return servers
