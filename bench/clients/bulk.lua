-- The same load as multisock.lua's, by client:each and client:map over a list of URLs:
-- no task for each request.
local ms = require "multisock"
local folder = arg[0]:match("^(.*/)")
local support = dofile(folder .. "support.lua")

local options = support.options(arg, "bulk", "numbered", "inflight", "http2", "kind")
if options.kind ~= "plain" and options.kind ~= "distinct" then
  io.stderr:write("bulk: only plain and distinct requests\n")
  os.exit(2)
end
local tally = support.tally("bulk", options, ms.now)

local version = options.http2 and "2" or "1.1"
local at_once = options.connections or options.inflight
local client = ms.client({
  http_version = version,
  tls = {verify = not options.insecure},
  limits = {connections = at_once, host_connections = at_once},
  curl = options.buffer and {buffersize = options.buffer} or nil,
})

-- What is wrong with it, or nil.
local function check(response, err, closely)
  if not response then
    return err
  end
  local length = #response:text()
  if response.status ~= 200 then
    return "the status is not 200"
  elseif length ~= tally:expect(length) then
    return "the body has the wrong length"
  elseif closely and response.http_version ~= version then
    return "the HTTP version is not the one asked for"
  end
end

-- As many as the loop below asks for at most.
local MANY = 200000

local function closed_loop()
  local urls, count = {}, 0
  for i = 1, options.requests or MANY do
    urls[i] = options.kind == "distinct" and options.url .. "?n=" .. i or options.url
  end
  local opens = options.requests and 0 or ms.now() + support.WARM_UP
  local closes = math.huge
  local iterator = client:each(urls, {concurrency = options.connections})
  for _, response, err in iterator do
    count = count + 1
    -- The clock is not asked for each.
    local closely = count % 16 == 1
    if closely then
      local now = ms.now()
      if not tally.measuring and now >= opens then
        tally:open()
        closes = now + (options.seconds or math.huge)
      elseif now >= closes then
        break
      end
    end
    local wrong = check(response, err, closely)
    if wrong then
      tally:finish(wrong)
    elseif tally.measuring then
      tally.requests = tally.requests + 1
    end
  end
  tally:close()
  iterator:close()
end

-- All at once, each body verified.
local function in_flight()
  local urls = {}
  for i = 1, options.inflight do
    urls[i] = options.numbered and options.url .. i or options.url
  end
  tally:open()
  local results, errors = client:map(urls, {concurrency = options.inflight})
  for i = 1, results.n do
    local body, text = results[i] and results[i]:text(), i .. "\n"
    local wrong = not options.numbered and check(results[i], errors[i], true)
    if options.numbered then
      wrong = not body and errors[i]
        or body ~= text:rep(#body // #text + 1):sub(1, #body) and "the body is another request's"
        or results[i].http_version ~= version and "the HTTP version is not the one asked for"
    end
    tally:finish(wrong or nil)
  end
  tally:close()
end

ms.run(options.inflight and in_flight or closed_loop)
tally:print()
