-- The same load through multisock, with the command line and the JSON line of
-- book.c and best.c. Started by bench/run, which sets LUA_PATH and LUA_CPATH.
local ms = require "multisock"

local WARM_UP = 0.3

local function usage(message)
  io.stderr:write(message, "\n",
    "usage: multisock.lua --url URL --connections C --seconds S\n",
    "       multisock.lua --url URL --connections C --requests N\n",
    "       multisock.lua --url URL --inflight M\n",
    "options: --insecure --http2 --length BYTES\n")
  os.exit(2)
end

local function options_read(arguments)
  local numbers = {
    connections = true, seconds = true, requests = true, inflight = true, length = true,
  }
  local flags = {insecure = true, http2 = true}
  local options = {}
  local i = 1
  while arguments[i] do
    local name = arguments[i]:match("^%-%-(.+)$") or ""
    if flags[name] then
      options[name] = true
    else
      i = i + 1
      local value = arguments[i]
      if numbers[name] then
        value = tonumber(value)
      elseif name ~= "url" then
        usage("unknown option: " .. arguments[i - 1])
      end
      options[name] = value or usage("no usable value for --" .. name)
    end
    i = i + 1
  end
  if not options.url then
    usage("no --url")
  elseif options.inflight and (options.connections or options.seconds or options.requests) then
    usage("--inflight stands alone")
  elseif not options.inflight
    and not (options.connections and (not options.seconds) ~= (not options.requests)) then
    usage("either --connections with --seconds or --requests, or --inflight")
  end
  return options
end

local options = options_read(arg)
local tally = {requests = 0, errors = 0, latency = {}}

local function proc_read(name)
  local file = assert(io.open("/proc/self/" .. name))
  local text = file:read("a")
  file:close()
  return text
end

-- The process's user time; the kernel counts it in hundredths of a second.
local function user_seconds()
  local fields = proc_read("stat"):match("%) (.*)")
  return tonumber(fields:match("^" .. ("%S+ "):rep(11) .. "(%d+)")) / 100
end

local function window_begin()
  tally.measuring = true
  tally.user, tally.cpu, tally.began = user_seconds(), os.clock(), ms.now()
end

local function window_end()
  tally.seconds = ms.now() - tally.began
  tally.cpu, tally.user = os.clock() - tally.cpu, user_seconds() - tally.user
  tally.max_rss_kb = tonumber(proc_read("status"):match("VmHWM:%s*(%d+)"))
  tally.measuring, tally.stopping = false, true
end

local function failed(message)
  tally.errors = tally.errors + 1
  if tally.errors == 1 then
    io.stderr:write("multisock: ", tostring(message), "\n")
  end
end

local expected = options.length
local version = options.http2 and "2" or "1.1"

-- Reads the body; true when the response is the right one.
local function verified(response, err)
  local body
  if response then
    body, err = response:text()
  end
  if not body then
    failed(err)
    return false
  end
  expected = expected or #body
  if response.status ~= 200 then
    failed("the status is not 200")
  elseif #body ~= expected then
    failed("the body has the wrong length")
  elseif response.http_version ~= version then
    failed("the HTTP version is not the one asked for")
  else
    return true
  end
  return false
end

local at_once = options.connections or options.inflight
local client = ms.client {
  http_version = version,
  tls = {verify = not options.insecure},
  limits = {connections = at_once, host_connections = at_once},
}
local url = options.url

-- Latencies go into buckets 3 % wide: keeping all of them would show in the
-- peak memory.
local function latency_add(seconds)
  local bucket = math.log(seconds) * 32 // 1
  tally.latency[bucket] = (tally.latency[bucket] or 0) + 1
end

-- `unstarted` is how many requests all tasks together still have to start.
local unstarted = options.requests or math.huge

local function loop()
  local started = ms.now()
  while unstarted > 0 and not tally.stopping do
    unstarted = unstarted - 1
    local right = verified(client:get(url))
    local now = ms.now()
    if right and tally.measuring then
      tally.requests = tally.requests + 1
      latency_add(now - started)
    end
    started = now
  end
end

local function closed_loop()
  local tasks = {}
  if options.requests then
    window_begin()
  end
  for i = 1, options.connections do
    tasks[i] = ms.spawn(loop)
  end
  if options.seconds then
    ms.sleep(WARM_UP)
    window_begin()
    ms.sleep(options.seconds)
    window_end()
  end
  for i = 1, #tasks do
    tasks[i]:await()
  end
  if options.requests then
    window_end()
  end
end

-- All at once, as a user writes it. The form without a function uses the
-- default client, which knows nothing of --insecure and --http2.
local function in_flight()
  local urls = {}
  for i = 1, options.inflight do
    urls[i] = url
  end
  local get = (options.insecure or options.http2)
    and function(one)
      local response, err = client:get(one)
      if not response then
        return nil, err
      end
      local body
      body, err = response:text()
      return body and response, err
    end
  window_begin()
  local results, errors
  if get then
    results, errors = ms.map(urls, get, {concurrency = options.inflight})
  else
    results, errors = ms.map(urls, {concurrency = options.inflight})
  end
  window_end()
  for i = 1, options.inflight do
    if verified(results[i], errors[i]) then
      tally.requests = tally.requests + 1
    end
  end
end

local function percentile_ms(share)
  local buckets, total, seen = {}, 0, 0
  for bucket, count in pairs(tally.latency) do
    buckets[#buckets + 1] = bucket
    total = total + count
  end
  table.sort(buckets)
  for _, bucket in ipairs(buckets) do
    seen = seen + tally.latency[bucket]
    if seen >= share * total then
      return ("%.3f"):format(math.exp((bucket + 0.5) / 32) * 1000)
    end
  end
  return "null"
end

ms.run(options.inflight and in_flight or closed_loop)

local each = math.max(tally.requests, 1)
print(('{"client": "multisock", "requests": %d, "errors": %d, "seconds": %.4f, "rate": %.1f, '
  .. '"cpu_us_per_request": %.2f, "user_us_per_request": %.2f, "max_rss_kb": %d, '
  .. '"p50_ms": %s, "p99_ms": %s}'):format(
  tally.requests, tally.errors, tally.seconds, tally.requests / tally.seconds,
  tally.cpu * 1e6 / each, tally.user * 1e6 / each, tally.max_rss_kb,
  percentile_ms(0.50), percentile_ms(0.99)))
os.exit(tally.errors == 0, true)
