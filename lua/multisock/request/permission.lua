-- Whether a request may go where its URL leads: protocols, and what a proxy would not
-- keep to. Asked for the first URL, and for each that follows.
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local pins = require("multisock.request.pins")
local suggest = require("multisock.base.suggest")

local permission = {}

local function allows_scheme(given, scheme)
  for _, name in ipairs(given.protocols) do
    if name == scheme then
      return true
    end
  end
  return false
end

-- Whether one of these is among the raw options, in whatever case.
local function has_raw(given, names)
  for name, value in pairs(given.curl or {}) do
    if value and names[tostring(name):lower()] then
      return true
    end
  end
  return false
end

local RAW_PROXY = { proxy = true, pre_proxy = true }
local RAW_OPEN = { opensocketfunction = true }

-- Whether it is to go through a proxy that the program has named.
local function names_proxy(given)
  return given.proxy or has_raw(given, RAW_PROXY)
end

-- The variable that names a proxy for this scheme, whatever `no_proxy` says.
local function environment_proxy(scheme)
  local names = { scheme .. "_proxy", "all_proxy", "ALL_PROXY" }
  if scheme ~= "http" then
    names[#names + 1] = scheme:upper() .. "_PROXY"
  end
  for _, name in ipairs(names) do
    if (os.getenv(name) or "") ~= "" then
      return name
    end
  end
end

local UNSEEN = "allow_private is false, but %s would connect by itself%s"
local DIRECTLY = "; proxy = false asks the server directly"

-- Who connects in our place, so that nobody can look at the address: the message; nil:
-- nobody does.
local function go_between(given, scheme)
  if names_proxy(given) then
    return UNSEEN:format("the proxy", DIRECTLY)
  elseif has_raw(given, RAW_OPEN) then
    return UNSEEN:format("curl.opensocketfunction", "")
  elseif given.proxy == nil and given.trust_env then
    local name = environment_proxy(scheme)
    return name and UNSEEN:format("the proxy that " .. name .. " names", DIRECTLY)
  end
end

--- @param given table the settings of the request @param target see targets.lua
-- @return true; or nil, err of kind "policy"
function permission.check(given, target)
  local why
  if given.resolve and names_proxy(given) and pins.choose(given, target) then
    why = ("resolve has an address for %s, but the proxy would look it up by itself; proxy = "
      .. "false asks it directly"):format(target.host)
  elseif not allows_scheme(given, target.scheme) then
    why = ("protocol %q is not allowed (option 'protocols')%s"):format(target.scheme,
      target.scheme:find("^wss?$") and ": ms.websocket opens WebSockets"
      or suggest.hint(target.scheme, { "http", "https" }))
  elseif not given.allow_private and target.scheme ~= "file" then
    why = go_between(given, target.scheme)
  end
  if why then
    return nil, errors.new("policy", why, { url = errors.redact_url(target.text) })
  end
  return true
end

return permission
