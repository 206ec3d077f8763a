-- What a Set-Cookie line says, and which cookie a server may set: RFC 6265bis, sections
-- 5.6 and 5.7. Where that leaves a choice, as libcurl does.
local clock = require("multisock.base.clock")
local core = require("multisock.core")

local line = {}

-- Bytes of name and value together, and of an attribute.
local MOST_PAIR = 4096
local MOST_ATTRIBUTE = 1024
-- Nobody is known for longer than 400 days.
local LONGEST = 400 * 24 * 3600
-- A time that is over; 0 would mean the end of the session in files.
local PAST = 1

-- Not with one pattern for both ends: that takes the square of a run of blanks.
local function trim(text)
  local first = text:find("[^ \t]")
  if first == nil then
    return ""
  end
  local last = #text
  while text:find("^[ \t]", last) do
    last = last - 1
  end
  return text:sub(first, last)
end

-- "a = b" -> "a", "b"; value nil without "=".
local function split(text)
  local at = text:find("=", 1, true)
  if at == nil then
    return trim(text)
  end
  return trim(text:sub(1, at - 1)), trim(text:sub(at + 1))
end

local attributes = {}

function attributes.expires(cookie, value)
  local date = core.getdate(value)
  if date then
    cookie.expires = math.max(PAST, math.min(date, clock.time() + LONGEST))
  end
end

attributes["max-age"] = function(cookie, value)
  if value:find("^%-?%d+$") then
    local seconds = tonumber(value)
    cookie.max_age = seconds > 0 and math.min(seconds, LONGEST) or 0
  end
end

function attributes.domain(cookie, value)
  cookie.domain = value:gsub("^%.", ""):lower()
end

-- One that is not absolute stands for that of the URL.
function attributes.path(cookie, value)
  cookie.path = value:sub(1, 1) == "/" and value or nil
end

function attributes.secure(cookie)
  cookie.secure = true
end

function attributes.httponly(cookie)
  cookie.http_only = true
end

--- Whether a name and a value can be sent, and be kept in a file.
function line.is_clean(text)
  return not text:find("[%z\1-\31\127]")
end

--- Reads a line, in time that grows with its length alone.
-- @param text string the value of Set-Cookie
-- @return {name, value, domain, path, expires, secure, http_only}, what it does not say
-- nil, expires in seconds since 1970; or nil, why it sets none
function line.parse(text)
  if text:find("[%z\1-\8\10-\31\127]") then
    return nil, "it has a control character"
  end
  local stop = text:find(";", 1, true) or #text + 1
  if stop - 1 > MOST_PAIR then
    return nil, ("name and value have more than %d bytes"):format(MOST_PAIR)
  end
  local name, value = split(text:sub(1, stop - 1))
  if value == nil or name == "" then
    return nil, "it has no name"
  elseif not line.is_clean(name .. value) then
    return nil, "it has a control character"
  end
  local cookie = { name = name, value = value, secure = false, http_only = false }
  while stop <= #text do
    local first = stop + 1
    stop = text:find(";", first, true) or #text + 1
    if stop - first <= MOST_ATTRIBUTE then
      local key, given = split(text:sub(first, stop - 1))
      local read = attributes[key:lower()]
      if read then
        read(cookie, given or "")
      end
    end
  end
  if cookie.max_age then
    cookie.expires = cookie.max_age > 0 and clock.time() + cookie.max_age or PAST
    cookie.max_age = nil
  end
  return cookie
end

--- Whether a host is an address, of which no part means others.
function line.is_address(host)
  return host:find(":", 1, true) ~= nil or host:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
end

--- Whether names below this one belong to strangers. Without a list such a name is told
-- by having no dot.
function line.is_shared(domain)
  local is = core.is_public_suffix(domain)
  if is == nil then
    return not domain:find(".", 1, true)
  end
  return is
end

--- Whether `host` is `domain` or a name below it.
function line.is_within(host, domain)
  return host == domain or not line.is_address(host)
    and host:sub(-#domain - 1) == "." .. domain
end

--- Whether a request with this path gets cookies of that one.
function line.is_below(path, of)
  return path == of or path:sub(1, #of) == of
    and (of:sub(-1) == "/" or path:sub(#of + 1, #of + 1) == "/")
end

-- The folder of the path.
local function default_path(path)
  return path:match("^(/.*)/[^/]*$") or "/"
end

--- Whether the name promises what the cookie does not keep (`__Secure-`, `__Host-`).
function line.breaks_promise(cookie)
  local name = cookie.name:lower()
  return name:find("^__secure%-") and not cookie.secure
    or name:find("^__host%-") and not (cookie.secure and cookie.host_only and cookie.path == "/")
end

--- Fills in what follows from who sets it.
-- @param host string in lower case, an IPv6 address without brackets
-- @param path string of the URL @param is_secure boolean: nobody between can have set it
-- @return cookie, with domain, path and host_only; or nil, why it is refused
function line.accept(cookie, host, path, is_secure)
  local domain = cookie.domain
  if domain == "" or domain == host then
    -- Who names a public suffix and is one means itself.
    domain = domain ~= "" and not line.is_address(host) and not line.is_shared(host)
      and domain or nil
  elseif domain and not line.is_within(host, domain) then
    return nil, ("it is for %s, not for %s"):format(domain, host)
  elseif domain and line.is_shared(domain) then
    return nil, ("it is for all of %s"):format(domain)
  end
  cookie.domain, cookie.host_only = domain or host, domain == nil
  cookie.path = cookie.path or default_path(path)
  if cookie.secure and not is_secure then
    return nil, "it is Secure, and did not come over TLS"
  elseif line.breaks_promise(cookie) then
    return nil, "it is not what its name promises"
  end
  return cookie
end

return line
