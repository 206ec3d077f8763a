-- Web servers that show a file, each the one that Debian packages: started as those of
-- packaged.lua are.
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")

local web_servers = {}

local write_file, output, quote = servers.write_file, servers.output, servers.quote

-- A folder with one file, from before today, that a web server is to show.
local function folder_with(name, content)
  local dir = servers.make_dir()
  write_file(dir .. "/" .. name, content)
  output("touch -d 2020-01-01 " .. quote(dir .. "/" .. name))
  return dir
end

local function shown(server, folder)
  local stop = server.stop
  server.folder = folder
  server.url = function(path) return ("http://127.0.0.1:%d%s"):format(server.ports.HTTP, path) end
  server.stop = function()
    stop()
    output("rm -rf " .. quote(folder))
  end
  return server
end

--- caddy, showing a file of this name and content.
-- @return table server with `url`
function web_servers.caddy(name, content)
  local folder = folder_with(name, content)
  local command = { servers.program("caddy", "caddy"), "file-server", "--root", folder,
    "--listen", "127.0.0.1:@HTTP_PORT@" }
  return shown(packaged.launch("caddy", {}, command), folder)
end

local CLEARTEXT = [[
{
  admin off
  servers {
    protocols h1 h2c
  }
}
http://:@HTTP_PORT@ {
  bind 127.0.0.1
  root * %s
  file_server
}
]]

--- caddy, which speaks HTTP/1.1 and HTTP/2 on the same port, without TLS.
-- @return table server with `url`
function web_servers.caddy_h2c(name, content)
  local folder = folder_with(name, content)
  return shown(packaged.launch("caddy", { Caddyfile = CLEARTEXT:format(folder) }, {
    servers.program("caddy", "caddy"), "run", "--adapter", "caddyfile", "--config",
    "@DIR@/Caddyfile" }), folder)
end

--- Python's own, which knows no ranges.
function web_servers.http_server(name, content)
  local folder = folder_with(name, content)
  local command = { servers.program("/usr/bin/python3", "python3"), "-m", "http.server",
    "@HTTP_PORT@", "--bind", "127.0.0.1", "--directory", folder }
  return shown(packaged.launch("http.server", {}, command), folder)
end

local FILE_NGINX = [[
daemon off;
worker_processes 1;
user root;
pid @DIR@/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path @DIR@/body;
  proxy_temp_path @DIR@/proxy;
  fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi;
  scgi_temp_path @DIR@/scgi;
  server { listen 127.0.0.1:@HTTP_PORT@; root %s; }
}
]]

--- nginx, likewise.
function web_servers.file_nginx(name, content)
  local folder = folder_with(name, content)
  local command = { servers.program("nginx", "nginx-light"), "-e", "stderr", "-c",
    "@DIR@/nginx.conf" }
  local files = { ["nginx.conf"] = FILE_NGINX:format(folder) }
  return shown(packaged.launch("nginx", files, command), folder)
end

return web_servers
