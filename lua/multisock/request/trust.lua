-- Whom a request trusts, and which connections are not for it though libcurl would take
-- them: what decides in which multi it runs (connection/pool.lua).
local core = require("multisock.core")
local raw_options = require("multisock.request.raw").of

local trust = {}

local NO_OPTIONS = {}

-- Who is trusted: what is named, and nobody else. libcurl looks into its folder
-- beside a file that it is given, and keeps a parsed file only where no folder is
-- set: so without one each connection would parse 150 certificates. This holds
-- for a proxy of TLS, too.
local DEFAULT_FILE, DEFAULT_FOLDER = core.version().cainfo, core.version().capath

local function from_environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- What is named: a file, a folder; neither: the default.
local function authorities(given)
  local tls, raw = given.tls or NO_OPTIONS, raw_options(given)
  if tls.ca or tls.ca_path or not given.trust_env or raw.cainfo or raw.capath
    or raw.cainfo_blob then
    return tls.ca, tls.ca_path
  end
  local bundle = from_environment("CURL_CA_BUNDLE")
  if bundle then
    return bundle
  end
  return from_environment("SSL_CERT_FILE"), from_environment("SSL_CERT_DIR")
end

local HAS_HTTPS_PROXY = core.version().features["HTTPS-proxy"]

--- Puts it on a handle. @param set function(name, value)
function trust.apply(set, given)
  local none, ca, ca_path = core.null, authorities(given)
  if ca or ca_path and DEFAULT_FILE then
    set("cainfo", ca or none)
  end
  if ca_path or DEFAULT_FOLDER and (ca or DEFAULT_FILE) then
    set("capath", ca_path or none)
  end
  if DEFAULT_FOLDER and DEFAULT_FILE then
    set("proxy_capath", none)
  end
  if HAS_HTTPS_PROXY and (ca or ca_path) then
    set("proxy_cainfo", ca or none)
    set("proxy_capath", ca_path or none)
  end
end

-- A file of authorities up to this size is parsed in a moment: those of a company, not of all
-- the world.
local FEW_BYTES = 16 * 1024

--- Whether libcurl has many authorities to parse before it connects over TLS: those of a
-- system take 20 ms, in each multi anew.
function trust.parses_many(given)
  local raw = raw_options(given)
  if raw.cainfo or raw.cainfo_blob or raw.ssl_verifypeer then
    return true
  elseif given.tls and given.tls.verify == false then
    return false
  end
  local ca = authorities(given)
  local size = ca and core.file_size(ca)
  return not size or size > FEW_BYTES
end

-- Whether its connections are of HTTP/1 though the server may offer more. (Where that is what
-- all are, unless they ask for more, nothing is apart.)
local USUALLY_ONE = core.quirks().h2_truncates ~= nil

local function keeps_to_one(given, tls)
  local version = given.http_version
  return tls and not USUALLY_ONE and (version == "1.0" or version == "1.1")
end

-- What libcurl does not see in a connection when it looks for one: which end of ours it has,
-- unless the request names one, too, who has told the address, and that it could have been
-- one of HTTP/2.
local function route(given, tls)
  local raw = raw_options(given)
  local interface, port = given.interface or raw.interface, raw.localport
  local lookup, one = given.doh_url or raw.doh_url, keeps_to_one(given, tls)
  if interface or port or lookup or one then
    return ("%s,%s,%s,%s"):format(tostring(interface), tostring(port), tostring(lookup),
      tostring(one))
  end
  return ""
end

-- As text: of what libcurl has parsed it keeps one file for each multi, and it does not know
-- which connections are to public addresses.
local function describe(given, tls)
  local raw, ca, ca_path = tls and raw_options(given) or NO_OPTIONS, nil, nil
  if tls then
    ca, ca_path = authorities(given)
  end
  return ("%s|%s|%s|%s|%s|%s"):format(tostring(given.allow_private), tostring(ca),
    tostring(ca_path), tostring(raw.cainfo), tostring(raw.capath), tostring(raw.cainfo_blob))
end

--- What keeps the connections of a request apart from those of its client.
-- @param base table the settings of the client
-- @param tls boolean whether it is to be sent over TLS
-- @return string, and whether libcurl would mix them up; nil: nothing does
function trust.differs(given, base, tls)
  if given.allow_private == base.allow_private and given.curl == base.curl
    and given.interface == base.interface and given.doh_url == base.doh_url
    and keeps_to_one(given, tls) == keeps_to_one(base, tls)
    and (not tls or given.tls == base.tls and given.trust_env == base.trust_env) then
    return nil
  end
  local way, usual_way = route(given, tls), route(base, tls)
  local own, usual = describe(given, tls), describe(base, tls)
  if own ~= usual or way ~= usual_way then
    return own .. "|" .. way, way ~= usual_way
  end
end

return trust
