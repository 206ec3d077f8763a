-- The load through lua-http on cqueues: each task keeps its connection; with
-- --http2 all are streams of one.
local cqueues = require "cqueues"
local http_client = require "http.client"
local new_headers = require "http.headers"
local openssl_context = require "openssl.ssl.context"
local support = dofile(arg[0]:match("^(.*/)") .. "support.lua")

local options = support.options(arg, "lua-http", "http2", "inflight")
local tally = support.tally("lua-http", options, cqueues.monotime)
local scheme, host, port, path = options.url:match("^(https?)://([^:/]+):(%d+)(/.*)$")

local function connect()
  local tls = scheme == "https"
  local context
  if tls then
    context = require("http.tls").new_client_context()
    if options.insecure then
      context:setVerify(openssl_context.VERIFY_NONE)
    end
  end
  return http_client.connect {
    host = host, port = tonumber(port), tls = tls, ctx = context,
    version = options.http2 and 2 or 1.1,
  }
end

local headers = new_headers.new()
headers:append(":method", "GET")
headers:append(":scheme", scheme)
headers:append(":authority", host .. ":" .. port)
headers:append(":path", path)
headers:append("user-agent", "lua-http-bench")

local function perform(connection)
  local body, head
  local stream, err = connection:new_stream()
  local sent = stream
  if stream then
    sent, err = stream:write_headers(headers, true)
  end
  if sent then
    head, err = stream:get_headers()
  end
  if head then
    body, err = stream:get_body_as_string()
  end
  if not body then
    return err or "it failed without a reason"
  elseif head:get(":status") ~= "200" then
    return "the status is not 200"
  elseif #body ~= tally:expect(#body) then
    return "the body has the wrong length"
  end
end

local shared

local function loop()
  local connection = shared or assert(connect())
  tally:loop(function()
    return perform(connection)
  end)
end

local loops = cqueues.new()
loops:wrap(function()
  if not options.seconds then
    tally.unstarted = options.inflight or options.requests
    tally:open()
  end
  if options.http2 then
    shared = assert(connect())
  end
  for _ = 1, options.inflight or options.connections do
    loops:wrap(loop)
  end
  if options.seconds then
    cqueues.sleep(support.WARM_UP)
    tally:open()
    cqueues.sleep(options.seconds)
    tally:close()
  end
end)
assert(loops:loop())
if not options.seconds then
  tally:close()
end
tally:print()
