-- AWS Signature Version 4: the fields that sign a request. Not libcurl's: that of 7.88
-- signs a query in the order in which it comes and a path as it is, and also headers that
-- it does not send; servers then find another signature.
-- https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local hex = require("multisock.base.hex")
local pairs = require("multisock.base.compat").pairs
local percent = require("multisock.base.percent")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local sigv4 = {}

local ALGORITHM = "AWS4-HMAC-SHA256"
local BLOCK = 64

local function hash(text)
  return core.sha256():update(text):finish()
end

local PADS = {}
for name, value in pairs({ inner = 0x36, outer = 0x5c }) do
  local pad = {}
  for byte = 0, 255 do
    -- Exclusive or, which Lua 5.1 has not.
    local result, bit, a, b = 0, 1, byte, value
    while bit < 256 do
      if a % 2 ~= b % 2 then
        result = result + bit
      end
      a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
    end
    pad[string.char(byte)] = string.char(result)
  end
  PADS[name] = pad
end

-- 64 hexadecimal digits.
local function hmac(key, text)
  key = #key > BLOCK and hex.decode(hash(key)) or key
  key = key .. ("\0"):rep(BLOCK - #key)
  return hash(key:gsub(".", PADS.outer) .. hex.decode(hash(key:gsub(".", PADS.inner) .. text)))
end

-- S3 looks at the path as it was before it was encoded, all others encode once more
-- what came.
local function canonical_path(path, service)
  path = service == "s3" and percent.unescape(path) or path
  return (path:gsub("[^/]+", percent.escape))
end

local function normal(component)
  return percent.escape(percent.unescape(component))
end

local function canonical_query(query)
  local pairs_of_it = {}
  for field in (query or ""):gmatch("[^&]+") do
    local name, value = field:match("^([^=]*)=?(.*)$")
    pairs_of_it[#pairs_of_it + 1] = { normal(name), normal(value) }
  end
  table.sort(pairs_of_it, function(a, b)
    if a[1] ~= b[1] then
      return a[1] < b[1]
    end
    return a[2] < b[2]
  end)
  for i, pair in ipairs(pairs_of_it) do
    pairs_of_it[i] = pair[1] .. "=" .. pair[2]
  end
  return table.concat(pairs_of_it, "&")
end

-- As libcurl sends it.
local function host_of(target)
  local port = target.origin:match(":(%d+)$")
  local usual = target.scheme == "https" and "443" or "80"
  return port == usual and target.host or target.host .. ":" .. port
end

-- What is signed of the fields: the host, the type, and all of AWS's own.
local function signed_fields(list, target, content_type)
  local found = { host = host_of(target) }
  if content_type and content_type ~= "" then
    found["content-type"] = content_type
  end
  local given = {}
  for _, field in ipairs(list) do
    local name = field[1]:lower()
    if name == "host" or name == "content-type" or name:find("^x%-amz%-") then
      local value = tostring(field[2]):match("^%s*(.-)%s*$"):gsub("%s+", " ")
      found[name] = given[name] and given[name] .. "," .. value or value
      given[name] = found[name]
    end
  end
  local names, lines = values.sorted_keys(found), {}
  for i, name in ipairs(names) do
    lines[i] = name .. ":" .. found[name] .. "\n"
  end
  return table.concat(lines), table.concat(names, ";")
end

-- What came before a signature is not to be sent beside it.
local OURS = {
  authorization = true, ["x-amz-date"] = true, ["x-amz-content-sha256"] = true,
  ["x-amz-security-token"] = true,
}

--- The fields of a request, with those that sign it.
-- @param request see init.lua; of a body that is no string nothing is known, which S3
-- takes over TLS
-- @param content_type? string what is sent unless the fields say otherwise
-- @return list of {name, value}
function sigv4.sign(request, content_type)
  local keys, target, body = request.settings.auth.aws_sigv4, request.target, request.body
  local service, date = keys.service, os.date("!%Y%m%dT%H%M%SZ", clock.time())
  local fields = {}
  for _, field in ipairs(request:fields()) do
    if not OURS[field[1]:lower()] then
      fields[#fields + 1] = field
    end
  end
  local payload = body and body.bytes == nil and "UNSIGNED-PAYLOAD"
    or hash(body and body.bytes or "")
  fields[#fields + 1] = { "X-Amz-Date", date }
  fields[#fields + 1] = { "X-Amz-Content-Sha256", payload }
  if keys.session_token then
    fields[#fields + 1] = { "X-Amz-Security-Token", keys.session_token }
  end
  local signed, names = signed_fields(fields, target, content_type)
  local url = targets.url(target)
  local asked = table.concat({ request.method, canonical_path(url:get("path"), service),
    canonical_query(url:get("query")), signed, names, payload }, "\n")
  local day = date:sub(1, 8)
  local scope = table.concat({ day, keys.region, service, "aws4_request" }, "/")
  local key = "AWS4" .. keys.secret_key
  for _, part in ipairs({ day, keys.region, service, "aws4_request" }) do
    key = hex.decode(hmac(key, part))
  end
  local signature = hmac(key, table.concat({ ALGORITHM, date, scope, hash(asked) }, "\n"))
  fields[#fields + 1] = { "Authorization", ("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s")
    :format(ALGORITHM, keys.access_key, scope, names, signature) }
  return fields
end

return sigv4
