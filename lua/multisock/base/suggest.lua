-- The name that was meant, for who mistyped one.
local pairs = require("multisock.base.compat").pairs
local sorted_keys = require("multisock.base.values").sorted_keys

local suggest = {}

--- How other libraries call an option of a request, or where else it is: in small
-- letters alone.
suggest.ELSEWHERE = {
  verify = "tls.verify", insecure = "tls.verify", verifyssl = "tls.verify",
  sslverify = "tls.verify", sslverifypeer = "tls.verify", rejectunauthorized = "tls.verify",
  ca = "tls.ca", cacert = "tls.ca", cafile = "tls.ca", cainfo = "tls.ca", capath = "tls.ca_path",
  cert = "tls.cert", sslcert = "tls.cert", key = "tls.key", sslkey = "tls.key",
  minversion = "tls.min_version", pinnedpublickey = "tls.pinned_public_key",
  data = "body", payload = "body", content = "body", postfields = "body", source = "body",
  files = "multipart", parts = "multipart", formdata = "multipart", mimepost = "multipart",
  params = "query", qs = "query", parameters = "query", search = "query",
  allowredirects = "redirect", followredirects = "redirect", followlocation = "redirect",
  follow = "redirect", maxredirs = "max_redirects",
  connecttimeout = "timeout.connect", totaltimeout = "timeout.total",
  firstbyte = "timeout.first_byte", total = "timeout.total", maxtime = "timeout.total",
  user = "auth.basic", username = "auth.basic", userpwd = "auth.basic", basic = "auth.basic",
  bearer = "auth.bearer", token = "auth.bearer",
  useragent = "headers['User-Agent']", contenttype = "headers['Content-Type']",
  gzip = "decompress", compressed = "decompress", acceptencoding = "decompress",
  retries = "retry", maxretries = "retry", maxattempts = "retry", attempts = "retry",
  ratelimit = "throttle",
  raiseforstatus = "fail_on_error", throwhttperrors = "fail_on_error",
  proxies = "proxy", verbose = "curl.verbose", baseurl = "ms.client({ base_url = ... })",
  limits = "ms.client({ limits = ... })", concurrency = "ms.client({ limits = ... })",
}

-- Letters that differ only in shape of writing do not count.
local function normal(name)
  return (name:lower():gsub("[%s_%-%.]", ""))
end

--- How many letters are to be changed, left out, added, or swapped with the next
-- (Damerau's distance).
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

suggest.distance = distance

-- Longer ones are no typing mistakes, and would cost time.
local LONGEST = 40

-- The nearest of some names, at most so many letters away.
local function find(wanted, names, least)
  local best
  for key, value in pairs(names) do
    local candidate = type(key) == "string" and key or value
    local far = distance(wanted, normal(candidate))
    -- In the order of the alphabet, for the same answer each time.
    if far < least or far == least and (best == nil or candidate < best) then
      best, least = candidate, far
    end
  end
  return best
end

--- The name among `names` that is nearest to `name`.
-- @param name any @param names list of strings, or set of them
-- @param others? table: what people call it elsewhere, and what it is here
-- @return string; or nil when none is near
function suggest.nearest(name, names, others)
  if type(name) ~= "string" or #name > LONGEST then
    return nil
  end
  local wanted = normal(name)
  -- As it is written here, as elsewhere, nearly as here, nearly as elsewhere.
  return find(wanted, names, 0) or others and others[wanted]
    or find(wanted, names, math.max(1, math.floor(#wanted / 3)))
    or others and #wanted > 3 and others[find(wanted, others, 1)] or nil
end

--- The end of a message about an unknown name: `, did you mean "headers"?`, or "".
function suggest.hint(name, names, others)
  local nearest = suggest.nearest(name, names, others)
  return nearest and (", did you mean '%s'?"):format(nearest) or ""
end

--- The same; where none is near, all that there are.
function suggest.hint_or_all(name, names, others)
  local hint = suggest.hint(name, names, others)
  if hint ~= "" then
    return hint
  end
  return ", there are " .. table.concat(sorted_keys(names), ", ")
end

return suggest
