-- What protocols a request may speak, and whom it trusts where these are not
-- HTTP: setup.lua calls it.
local core = require("multisock.core")
local pairs = require("multisock.base.compat").pairs

local protocols = {}

local curl_number = core.version().curl_number

local quirks = core.quirks()

local BITS = {
  http = 1, https = 2, ftp = 4, ftps = 8, scp = 16, sftp = 32, file = 1024,
  mqtt = 268435456,
}

local function set_allowed(set, names)
  if curl_number >= 0x075500 then
    set("protocols_str", table.concat(names, ","))
    return
  end
  local bits = 0
  for _, name in ipairs(names) do
    bits = bits + (BITS[name] or error("protocols: " .. name .. " needs libcurl 7.85 or newer", 0))
  end
  set("protocols", bits)
end

-- Options that say which SSH server is trusted, and those of them that do so
-- without a file of known hosts.
local TRUST = {
  ssh_knownhosts = true, ssh_keyfunction = true, ssh_host_public_key_sha256 = true,
  ssh_host_public_key_md5 = true, ssh_hostkeyfunction = true,
}
local IN_PLACE_OF_FILE = {
  ssh_knownhosts = true, ssh_host_public_key_sha256 = true, ssh_host_public_key_md5 = true,
  ssh_hostkeyfunction = true,
}

local function names_any(options, set)
  for name in pairs(options) do
    if set[tostring(name):lower()] then
      return true
    end
  end
  return false
end

local function speaks_ssh(names)
  for _, name in ipairs(names) do
    if name == "sftp" or name == "scp" then
      return true
    end
  end
  return false
end

-- libcurl looks for a connection that may serve again, and compares neither how
-- an SSH server was judged nor, where TLS begins by a command (use_ssl), what
-- that one had to prove. So a request that brings its own rules has a connection
-- of its own: a lax one must not serve a strict one.
local function set_apart(set, raw)
  if raw.fresh_connect == nil then
    set("fresh_connect", 1)
  end
  if raw.forbid_reuse == nil then
    set("forbid_reuse", 1)
  end
end

local function is_ftp_with_tls(raw, scheme)
  return scheme == "ftps" or (scheme == "ftp" and raw.use_ssl ~= nil)
end

-- A server may insist that a data connection goes on with the TLS session of its
-- control connection (vsftpd does by itself). So each handle keeps its sessions
-- to itself, and therefore its control connection, too.
local function keep_session(set, raw)
  set_apart(set, raw)
  if quirks.shares_tls_sessions and raw.share == nil then
    set("share", core.share("ssl_session"))
  end
end

--- Puts on a handle what a request may speak.
-- @param set function(name, value)
-- @param given table its settings
-- @param base table those of its client: what both have in common, all requests
-- of the client have
-- @param scheme? string of its URL
function protocols.apply(set, given, base, scheme)
  local raw = given.curl or {}
  set_allowed(set, given.protocols)
  local ssh = speaks_ssh(given.protocols)
  -- libcurl lets every SSH server pass unless it is told where to look.
  if ssh and not names_any(raw, IN_PLACE_OF_FILE) then
    set("ssh_knownhosts", (os.getenv("HOME") or "") .. "/.ssh/known_hosts")
  end
  local own_curl = given.curl ~= base.curl
  if is_ftp_with_tls(raw, scheme) then
    keep_session(set, raw)
  elseif (own_curl and ssh and names_any(raw, TRUST))
    or (raw.use_ssl ~= nil and (own_curl or given.tls ~= base.tls)) then
    set_apart(set, raw)
  end
end

return protocols
