-- Servers of other protocols, each the one that Debian packages, as servers.lua
-- starts nginx: on free loopback ports, in a temporary folder, ended with the
-- spec. Each function returns a table with `stop`, `dir` and its ports.
local servers = require("spec.support.servers")

local packaged = {}

local read_file, write_file, output, quote =
  servers.read_file, servers.write_file, servers.output, servers.quote

--- Starts a program with the files given, each a template (see launch.py).
-- @param files table: name -> text @return server, with `ports`
local function launch(name, files, command)
  local dir = servers.make_dir()
  for file, text in pairs(files) do
    write_file(dir .. "/" .. file .. ".in", text)
  end
  local words = {
    servers.program("/usr/bin/python3", "python3"), "-B", servers.support("launch.py"), dir,
  }
  for _, word in ipairs(command) do
    words[#words + 1] = word
  end
  local server = servers.start(name, dir, words, "stdout")
  local deadline, text = os.time() + 5, read_file(dir .. "/stdout")
  while not text:find("READY\n", 1, true) do
    assert(os.time() < deadline, name .. " told no ports: " .. text)
    os.execute("sleep 0.02")
    text = read_file(dir .. "/stdout")
  end
  server.ports = {}
  for label, port in text:gmatch("([A-Z0-9_]+)_PORT (%d+)\n") do
    server.ports[label] = tonumber(port)
  end
  assert(next(server.ports), name .. " has no ports: " .. text)
  return server
end

packaged.launch = launch

-- Files that a server shows: /1k, /1m, /text.txt, and a folder to write to.
local CONTENT = "mkdir -p %s/upload && cd %s && dd if=/dev/zero of=1m bs=1048576 count=1"
  .. " 2>/dev/null && dd if=/dev/zero of=big bs=1048576 count=0 seek=50 2>/dev/null"
  .. " && chmod 755 . && chmod 777 upload"

local function fill_folder(dir)
  output(CONTENT:format(quote(dir), quote(dir)))
  write_file(dir .. "/1k", servers.bytes(1024))
  write_file(dir .. "/text.txt", "one\ntwo\n")
end

local FTP = [[
listen=YES
listen_address=127.0.0.1
listen_port=@FTP_PORT@
background=NO
run_as_launching_user=YES
anonymous_enable=YES
anon_root=%s
allow_writeable_chroot=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
anon_world_readable_only=NO
anon_max_rate=%d
max_per_ip=%d
seccomp_sandbox=NO
secure_chroot_dir=%s
xferlog_enable=NO
ssl_enable=%s
implicit_ssl=%s
allow_anon_ssl=YES
force_anon_data_ssl=NO
force_anon_logins_ssl=NO
require_ssl_reuse=%s
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
]]

--- vsftpd: /1k, /text.txt, /1m, /big (50 MiB), /upload (to write to). Who is not
-- `anonymous` is refused.
-- @param options? {tls: boolean, implicit: boolean, any_session: boolean, rate: integer,
--  clients: integer}
-- `any_session`: a data connection need not go on with the TLS session of its own
-- control connection
-- @return table server with `url`, and `ca` for TLS
function packaged.ftp(options)
  options = options or {}
  local vsftpd = servers.program("vsftpd", "vsftpd")
  local tls = options.tls or options.implicit
  local certs = tls and servers.certificate_dir() or ""
  local www = servers.make_dir()
  fill_folder(www)
  output("mkdir -p " .. quote(www .. "/upload") .. " && mkdir -m 755 " .. quote(www .. ".empty"))
  local server = launch("vsftpd", {
    ["vsftpd.conf"] = FTP:format(www, options.rate or 0, options.clients or 0, www .. ".empty",
      tls and "YES" or "NO", options.implicit and "YES" or "NO",
      options.any_session and "NO" or "YES", certs .. "/server.crt",
      certs .. "/server.key"),
  }, { vsftpd, "@DIR@/vsftpd.conf" })
  local stop = server.stop
  server.stop = function()
    stop()
    output("rm -rf " .. quote(www) .. " " .. quote(www .. ".empty"))
  end
  server.folder = www
  server.port = server.ports.FTP
  server.ca = tls and certs .. "/ca.crt" or nil
  local scheme = options.implicit and "ftps" or "ftp"
  server.url = function(path)
    -- The certificates name localhost; vsftpd listens on IPv4 alone.
    return ("%s://%s:%d%s"):format(scheme, tls and "localhost" or "127.0.0.1", server.port,
      path or "/")
  end
  return server
end


local SSHD = [[
ListenAddress 127.0.0.1
Port @SSH_PORT@
HostKey @DIR@/host
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile @DIR@/user.pub
AllowTcpForwarding yes
Subsystem sftp internal-sftp
# Else bash reads the .bashrc of who runs this, which may take its time.
SetEnv SHLVL=2
MaxStartups 200
MaxSessions 200
PerSourcePenalties no
]]

--- sshd for SFTP and SCP: `url(path)` of a path in `folder` (/1k, /1m, /text.txt,
-- /big, /upload), `user`, `key`, `public_key` (paths), `known_hosts`, and
-- `stranger`, a key that is not let in.
-- @return table server
function packaged.ssh()
  local sshd = servers.program("sshd", "openssh-server")
  local keygen = servers.program("ssh-keygen", "openssh-client")
  local www = servers.make_dir()
  fill_folder(www)
  local config = SSHD
  if output(sshd .. " -T -f /dev/null -h /dev/null -o PerSourcePenalties=no 2>&1")
    :find("Bad configuration option", 1, true) then
    config = config:gsub("PerSourcePenalties no\n", "")     -- older than 9.8
  end
  for _, name in ipairs({ "host", "user", "stranger" }) do
    -- libssh2 1.10 has none of the RSA signatures that sshd still takes.
    output(("%s -q -N '' -t ecdsa -m PEM -f %s"):format(keygen, quote(www .. "." .. name)))
  end
  if output("id -u") == "0" then
    output("mkdir -p -m 755 /run/sshd")         -- compiled in, for root alone
  end
  local server = launch("sshd", { ["sshd_config"] = config:gsub("@DIR@/(%l)", www .. ".%1") },
    { sshd, "-D", "-e", "-f", "@DIR@/sshd_config" })
  server.port = server.ports.SSH
  server.folder, server.user = www, output("id -un")
  server.key, server.public_key = www .. ".user", www .. ".user.pub"
  server.stranger, server.known_hosts = www .. ".stranger", www .. ".known"
  write_file(server.known_hosts, ("[127.0.0.1]:%d %s"):format(server.port,
    read_file(www .. ".host.pub")))
  server.url = function(path, scheme)
    return ("%s://%s@127.0.0.1:%d%s"):format(scheme or "sftp", server.user, server.port,
      www .. (path or "/"))
  end
  local stop = server.stop
  server.stop = function()
    stop()
    output("rm -rf " .. quote(www) .. " " .. quote(www) .. ".*")
  end
  return server
end

local MOSQUITTO = [[
%s
listener @MQTT_PORT@ 127.0.0.1
allow_anonymous false
password_file @DIR@/passwords
persistence false
]]

--- mosquitto: MQTT for user "user" with password "secret".
-- @return table server with `url(topic)` and `port`
function packaged.mqtt()
  local mosquitto = servers.program("mosquitto", "mosquitto")
  local passwords = servers.program("mosquitto_passwd", "mosquitto")
  local user = output("id -u") == "0" and "user root" or ""
  -- The hash is salted: made anew, with the tool of the package.
  local scratch = servers.make_dir()
  output(("%s -b -c %s/p user secret"):format(passwords, quote(scratch)))
  local hashed = read_file(scratch .. "/p")
  output("rm -rf " .. quote(scratch))
  local server = launch("mosquitto", {
    ["mosquitto.conf"] = MOSQUITTO:format(user), passwords = hashed,
  }, { mosquitto, "-c", "@DIR@/mosquitto.conf" })
  server.port = server.ports.MQTT
  server.url = function(topic)
    return ("mqtt://user:secret@127.0.0.1:%d/%s"):format(server.port, topic)
  end
  return server
end

local UNBOUND = [[
server:
  interface: 127.0.0.1@@DOH_PORT@
  https-port: @DOH_PORT@
  port: @DOH_PORT@
  tls-service-key: %s/server.key
  tls-service-pem: %s/server.crt
  chroot: ""
  username: ""
  directory: @DIR@
  pidfile: ""
  logfile: ""
  use-syslog: no
  do-daemonize: no
  incoming-num-tcp: 200
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." static
  local-data: "known.test. A 127.0.0.1"
  local-data: "known.test. AAAA ::1"
  local-data: "four.test. A 127.0.0.1"
remote-control:
  control-enable: no
]]

--- unbound: DNS over HTTPS (HTTP/2). It knows known.test and four.test, and that
-- no other name ends in .test.
-- @return table server with `url`, `ca`
function packaged.doh()
  local certs = servers.certificate_dir()
  local server = launch("unbound", { ["unbound.conf"] = UNBOUND:format(certs, certs) },
    { servers.program("unbound", "unbound"), "-d", "-p", "-c", "@DIR@/unbound.conf" })
  server.port = server.ports.DOH
  server.url = ("https://localhost:%d/dns-query"):format(server.port)
  server.ca = certs .. "/ca.crt"
  return server
end

local NGINX = [[
daemon off;
worker_processes 1;
user root;
pid @DIR@/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  # The port tells connections apart, those of HTTP/3 too, whose streams nginx
  # numbers like connections.
  log_format reuse "$remote_port $connection_requests $server_protocol "
                   "$request_method $uri $status";
  access_log @DIR@/access.log reuse;
  client_body_temp_path @DIR@/body;
  proxy_temp_path @DIR@/proxy;
  fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi;
  scgi_temp_path @DIR@/scgi;
  client_max_body_size 0;
  keepalive_requests %d;
  ssl_certificate %s/server.crt;
  ssl_certificate_key %s/server.key;
  server {
    listen 127.0.0.1:@TLS_PORT@ ssl http2;
    %s
    root %s;
    location ~ ^/file/(.+)$ { return 200 "body-$1"; }
    location = /slow { limit_rate 16384; alias %s/1m; }
    location /upload/ { dav_methods PUT; create_full_put_path on; }
  }
}
]]

--- Another nginx: over HTTP/2 it sends GOAWAY after `requests` of a connection;
-- with `http3` it speaks HTTP/3 as well, on the UDP port of the same number.
-- Files as packaged.ftp has them, and /file/X, /slow, /upload/X (PUT).
-- `log` is that of servers.nginx, with ports in the place of connections.
-- @param options? {requests: integer, http3: boolean}
-- @return table server with `url`, `ca`
function packaged.nginx(options)
  options = options or {}
  local certs, www = servers.certificate_dir(), servers.make_dir()
  fill_folder(www)
  local quic = options.http3 and "listen 127.0.0.1:@TLS_PORT@ quic;" or ""
  local server = launch("nginx", {
    ["nginx.conf"] = NGINX:format(options.requests or 1000000, certs, certs, quic, www, www),
  }, { servers.program("nginx", "nginx-light"), "-p", "@DIR@", "-c", "@DIR@/nginx.conf" })
  local stop = server.stop
  server.stop = function()
    stop()
    output("rm -rf " .. quote(www))
  end
  server.port, server.ca = server.ports.TLS, certs .. "/ca.crt"
  server.folder = www
  server.url = function(path) return ("https://localhost:%d%s"):format(server.port, path) end
  server.log = function(pattern, count)
    return servers.read_log(server.dir .. "/access.log", pattern, count)
  end
  return server
end

return packaged
