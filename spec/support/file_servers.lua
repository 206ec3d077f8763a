-- The FTP and SSH servers of Debian for the callbacks of these protocols, on
-- loopback, each in a folder of its own that goes with it.
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local socket = require("socket")
local support = require("spec.support.core_support")

local file_servers = {}

local output, write, free_port = shell.output, shell.write_file, support.refusing_port

-- Starts it, waits until it accepts, and returns what ends it.
local function start(dir, port, command)
  local pid = output(("env -u LD_PRELOAD %s >%s/log 2>&1 & echo $!"):format(command, dir))
  local ends = socket.gettime() + 10
  repeat
    local client = socket.connect("127.0.0.1", port)
    if client then
      client:close()
    elseif socket.gettime() > ends then
      error("no server: " .. output("cat " .. dir .. "/log"), 0)
    else
      socket.sleep(0.02)
    end
  until client
  return function()
    output(("kill %s; rm -rf '%s'"):format(pid, dir))
  end
end

--- vsftpd with the files a.txt, b.txt, c.bin and the folder d, for anybody.
function file_servers.ftp()
  local dir, port = output("mktemp -d"), free_port()
  output(("chmod 755 %s && cd %s && mkdir root root/d empty && chmod 555 root"):format(dir, dir))
  for name, text in pairs { ["a.txt"] = "text a", ["b.txt"] = "text b!", ["c.bin"] = "binary" } do
    write(dir .. "/root/" .. name, text)
  end
  write(dir .. "/conf", table.concat({
    "listen=YES", "listen_address=127.0.0.1", "listen_port=" .. port, "background=NO",
    "anonymous_enable=YES", "no_anon_password=YES", "anon_root=" .. dir .. "/root",
    "secure_chroot_dir=" .. dir .. "/empty", "run_as_launching_user=YES", "seccomp_sandbox=NO",
    "xferlog_enable=NO", "port_enable=YES", "connect_from_port_20=NO", "",
  }, "\n"))
  return {
    url = ("ftp://127.0.0.1:%d/"):format(port),
    stop = start(dir, port, servers.program("vsftpd", "vsftpd") .. " " .. dir .. "/conf"),
  }
end

--- sshd with sftp for the user of this process, who has a key.
function file_servers.ssh()
  local dir, port = output("mktemp -d"), free_port()
  output(("cd %s && ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ecdsa -m PEM -N '' "
    .. "-f key && cp key.pub authorized && [ $(id -u) != 0 ] || mkdir -p /run/sshd"):format(dir))
  write(dir .. "/file", "over ssh")
  write(dir .. "/conf", table.concat({
    "ListenAddress 127.0.0.1", "Port " .. port, "HostKey " .. dir .. "/host", "UsePAM no",
    "StrictModes no", "PermitRootLogin yes", "AuthorizedKeysFile " .. dir .. "/authorized",
    "PidFile none", "Subsystem sftp internal-sftp", "",
  }, "\n"))
  local host = shell.read_file(dir .. "/host.pub"):match("^%S+ (%S+)")
  return {
    url = ("sftp://%s@127.0.0.1:%d%s/file"):format(output("id -un"), port, dir),
    key = dir .. "/key", public = dir .. "/key.pub", known_hosts = dir .. "/known",
    host_key = host, port = port,
    stop = start(dir, port, servers.program("sshd", "openssh-server") .. " -D -e -f " .. dir
      .. "/conf"),
  }
end

return file_servers
