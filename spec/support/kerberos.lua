-- A Kerberos realm of its own on loopback: MIT's KDC, and Apache, which lets into /kept who
-- has a ticket. Nothing of the system's Kerberos is read or changed.
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")

local kerberos = {}

local output, quote = servers.output, servers.quote

local FILES = {}

FILES["krb5.conf"] = [[
[libdefaults]
  default_realm = SPEC.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  SPEC.TEST = {
    kdc = 127.0.0.1:@KDC_PORT@
  }
[domain_realm]
  localhost = SPEC.TEST
]]

FILES["kdc.conf"] = [[
[kdcdefaults]
  kdc_listen = 127.0.0.1:@KDC_PORT@
  kdc_tcp_listen = 127.0.0.1:@KDC_PORT@
[realms]
  SPEC.TEST = {
    database_name = @DIR@/principal
    key_stash_file = @DIR@/stash
    acl_file = @DIR@/acl
  }
[logging]
  kdc = STDERR
]]

FILES["apache.conf"] = [[
ServerRoot @DIR@
ServerName localhost
PidFile @DIR@/apache.pid
Listen 127.0.0.1:@HTTP_PORT@
ErrorLog /dev/stderr
LoadModule mpm_event_module %s/mod_mpm_event.so
LoadModule authn_core_module %s/mod_authn_core.so
LoadModule authz_core_module %s/mod_authz_core.so
LoadModule authz_user_module %s/mod_authz_user.so
LoadModule auth_gssapi_module %s/mod_auth_gssapi.so
%s
DocumentRoot @DIR@/www
<Directory @DIR@/www>
  Require all granted
</Directory>
<Location /kept>
  AuthType GSSAPI
  AuthName spec
  GssapiCredStore keytab:@DIR@/keytab
  Require valid-user
</Location>
]]

FILES.run = [[
export KRB5_CONFIG=@DIR@/krb5.conf KRB5_KDC_PROFILE=@DIR@/kdc.conf
PATH=$PATH:/usr/sbin
chmod 755 @DIR@
mkdir @DIR@/www && echo kept >@DIR@/www/kept
kdb5_util create -s -r SPEC.TEST -P master >&2
kadmin.local -r SPEC.TEST -q "addprinc -pw secret user" >&2
kadmin.local -r SPEC.TEST -q "addprinc -randkey HTTP/localhost" >&2
kadmin.local -r SPEC.TEST -q "ktadd -k @DIR@/keytab HTTP/localhost" >&2
chmod 644 @DIR@/keytab
krb5kdc -n >&2 &
exec apache2 -f @DIR@/apache.conf -DFOREGROUND
]]

local PROGRAMS = {
  { "krb5kdc", "krb5-kdc" }, { "kadmin.local", "krb5-admin-server" }, { "kinit", "krb5-user" },
  { "apache2", "apache2-bin" },
}
local MODULES = "/usr/lib/apache2/modules"

--- What is missing for it; nil: nothing.
function kerberos.missing()
  for _, program in ipairs(PROGRAMS) do
    local found, message = pcall(servers.program, program[1], program[2])
    if not found then
      return message
    end
  end
  local module = io.open(MODULES .. "/mod_auth_gssapi.so", "rb")
  if module == nil then
    return "mod_auth_gssapi was not found: install the Debian package libapache2-mod-auth-gssapi"
  end
  module:close()
end

--- @return server with `url(path)`, and `environment(ticket)`: what stands before a command
-- that uses this realm, with the ticket of "user" or without one
function kerberos.start()
  local files = {}
  for name, text in pairs(FILES) do
    files[name] = text
  end
  local user = output("id -u") == "0" and "User www-data\nGroup www-data" or ""
  files["apache.conf"] = files["apache.conf"]:gsub("%%s/", MODULES .. "/"):gsub("%%s", user)
  local server = packaged.launch("apache2", files, { "/bin/sh", "@DIR@/run" })
  server.url = function(path)
    return ("http://localhost:%d%s"):format(server.ports.HTTP, path)
  end
  server.environment = function(ticket)
    return ("KRB5_CONFIG=%s KRB5CCNAME=FILE:%s"):format(quote(server.dir .. "/krb5.conf"),
      quote(server.dir .. (ticket and "/ticket" or "/none")))
  end
  output(("echo secret | %s kinit user"):format(server.environment(true)))
  return server
end

return kerberos
