-- Sends the header `traceparent` (W3C Trace Context), so that what servers log of a request
-- can be put together: one trace for each call, and a span of its own for each attempt,
-- redirects and retries among them.
--   lua5.4 examples/traceparent.lua URL...
local ms = require("multisock")

if #arg == 0 then
  io.stderr:write("usage: lua5.4 examples/traceparent.lua URL...\n")
  os.exit(2)
end

-- So many random bytes, in hexadecimal digits.
local function random_id(bytes)
  local file = assert(io.open("/dev/urandom", "rb"))
  local id = file:read(bytes):gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end)
  file:close()
  return id
end

-- A middleware for the option `each_attempt`. What is in `meta` lives as long as the call.
local function traceparent(request, next)
  local meta = request.meta
  meta.trace_id = meta.trace_id or random_id(16)
  local span = random_id(8)
  request.headers["traceparent"] = ("00-%s-%s-01"):format(meta.trace_id, span)
  local started = ms.now()
  local response, err = next(request)
  print(("trace %s span %s attempt %d: %s in %.1f ms"):format(meta.trace_id, span, request.attempt,
    response and response.status or err.kind, (ms.now() - started) * 1000))
  return response, err
end

local client = ms.client({
  each_attempt = { traceparent }, retry = { limit = 2, backoff = 0.05 }, timeout = 30,
})
ms.run(function()
  ms.map(arg, function(url)
    local response, err = client:get(url, { meta = {} })
    if response == nil then
      return nil, err
    end
    return response:text()
  end)
end)
client:close()
