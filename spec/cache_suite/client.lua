-- What driver.mjs runs as the client: asks it for requests, sends them with a cache, and
-- tells what came.
local ms = require("multisock")

local control = ms.client({ timeout = { first_byte = math.huge } })
local base = "http://127.0.0.1:" .. arg[1]
local cache = arg[2] and { path = arg[2] } or true
local client = ms.client({ cache = cache, timeout = 10 })

-- JSON has characters, headers have bytes.
local function to_bytes(text)
  return (text:gsub("[\194\195][\128-\191]", function(pair)
    return string.char((pair:byte(1) - 192) * 64 + pair:byte(2) - 128)
  end))
end

local function to_text(bytes)
  return (bytes:gsub("[\128-\255]", function(byte)
    byte = byte:byte()
    return string.char(192 + math.floor(byte / 64), 128 + byte % 64)
  end))
end

local function request_headers(list)
  local headers = {}
  for _, pair in ipairs(list) do
    local name, value = pair[1], to_bytes(tostring(pair[2]))
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
  return headers
end

local function response_headers(response)
  local list = ms.array({})
  for name, value in response.headers:each() do
    list[#list + 1] = { name, to_text(value) }
  end
  return list
end

local function perform(job)
  local response, err = client:fetch(job.url, {
    method = job.method, headers = request_headers(job.headers), body = job.body,
    redirect = job.redirect, cache = job.cache,
  })
  local body
  if response then
    body, err = response:text()
  end
  -- A server that breaks off is to its tests what a gateway says of it.
  local answer = body and {
    status = response.status, reason = response.status_text, body = body,
    headers = response_headers(response),
  } or { status = 502, reason = tostring(err), body = "", headers = ms.array({}) }
  answer.id = job.id
  ms.assert(control:post(base .. "/answer", { json = answer })):discard()
end

ms.run(function()
  while true do
    local job = ms.assert(ms.assert(control:get(base .. "/next")):json())
    if job.done then
      break
    end
    ms.spawn(perform, job)
  end
  control:close()
end)
