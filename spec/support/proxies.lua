-- Proxies, each the one that Debian packages, started as packaged.lua starts its servers.
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")

local proxies = {}

--- `ssh -D`: a SOCKS proxy of versions 4, 4a and 5, through an sshd of packaged.ssh.
-- @return table server with `port`
function proxies.ssh_socks(sshd)
  local server = packaged.launch("ssh", {}, {
    servers.program("ssh", "openssh-client"), "-N", "-D", "127.0.0.1:@SOCKS_PORT@",
    "-F", "none", "-i", sshd.key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
    "-o", "UserKnownHostsFile=" .. sshd.known_hosts, "-o", "ExitOnForwardFailure=yes",
    "-p", tostring(sshd.port), sshd.user .. "@127.0.0.1",
  })
  server.port = server.ports.SOCKS
  return server
end

local DANTE = [[
logoutput: stderr
internal: 127.0.0.1 port = @SOCKS_PORT@
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
]]

--- Dante: a SOCKS proxy of versions 4 and 5.
-- @return table server with `port`; nil where it is not installed (Debian 13 has none)
function proxies.dante()
  local found, danted = pcall(servers.program, "danted", "dante-server")
  if not found then
    return nil
  end
  local server = packaged.launch("danted", { ["danted.conf"] = DANTE },
    { danted, "-f", "@DIR@/danted.conf" })
  server.port = server.ports.SOCKS
  return server
end

--- microsocks: SOCKS5, for whoever knows user "user" and password "secret".
-- @return table server with `port`
function proxies.socks5()
  local server = packaged.launch("microsocks", {}, {
    servers.program("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", "@SOCKS_PORT@",
    "-u", "user", "-P", "secret",
  })
  server.port = server.ports.SOCKS
  return server
end

local SQUID = [[
http_port 127.0.0.1:@PROXY_PORT@
http_port 127.0.0.1:@AUTH_PORT@ name=auth
pid_filename none
cache_log /dev/stderr
access_log stdio:@DIR@/access.log
logfile_rotate 0
netdb_filename none
hosts_file @DIR@/hosts
cache deny all
cache_mem 1 MB
pinger_enable off
visible_hostname localhost
shutdown_lifetime 0 seconds
via off
auth_param basic program /bin/sh @DIR@/check
auth_param basic realm test
acl authport myportname auth
acl known proxy_auth REQUIRED
acl forbidden url_regex /forbidden
acl refused_port port 1-79
http_access deny forbidden
http_access deny refused_port
http_access deny authport !known
http_access allow all
]]

-- A line "user password" each, encoded as in URLs.
local CHECK = [[
while read -r user password; do
  if [ "$user $password" = "user secret" ]; then echo OK; else echo ERR; fi
done
]]

--- squid: an HTTP proxy at `port`, and one at `auth_port` for user "user" with
-- password "secret". It refuses paths with /forbidden and ports below 80.
-- @return table server with `url`, `auth_url`, and `log(pattern, count)` of lines
function proxies.http_proxy()
  local squid = servers.program("squid", "squid")
  local who = ""
  if servers.output("id -u") == "0" then
    who = "cache_effective_user proxy\n"        -- it refuses to be root
  end
  local server = packaged.launch("squid", { ["squid.conf"] = who .. SQUID, check = CHECK,
    hosts = "127.0.0.1 localhost\n" },
    { "/bin/sh", "-c", "chmod 755 @DIR@; : >access.log; chmod 666 access.log; exec "
      .. squid .. " -N -n multisock$$ -f @DIR@/squid.conf" })
  server.port, server.auth_port = server.ports.PROXY, server.ports.AUTH
  server.url = "http://127.0.0.1:" .. server.port
  server.auth_url = "http://user:secret@127.0.0.1:" .. server.auth_port
  server.log = function(pattern, count)
    local deadline = os.time() + 5
    while true do
      local lines = {}
      for line in servers.read_file(server.dir .. "/access.log"):gmatch("[^\n]+") do
        if line:find(pattern) then
          lines[#lines + 1] = line
        end
      end
      if #lines >= (count or 0) or os.time() > deadline then
        return lines
      end
      os.execute("sleep 0.02")
    end
  end
  return server
end

return proxies
