-- Fetches every address it is given, all at once, and prints how that went.
local ms = require("multisock")

local urls, latencies = { ... }, {}
if #urls == 0 then
  io.stderr:write("usage: lua5.4 examples/thousand.lua URL...\n")
  os.exit(2)
end
local started = ms.now()
local responses, errors = ms.run(ms.map, urls, nil, { concurrency = #urls })
local seconds = ms.now() - started

for i, url in ipairs(urls) do
  if responses[i] then
    latencies[#latencies + 1] = responses[i].timings.total
  else
    print(url, errors[i])
  end
end
table.sort(latencies)

local function percentile(p)
  return (latencies[math.ceil(#latencies * p / 100)] or 0) * 1000
end

local status = io.open("/proc/self/status")
local peak = status and status:read("*a"):match("VmHWM:%s*(%d+)") or 0
print(("requests     %d, %d failed"):format(#urls, #urls - #latencies))
print(("time         %.2f s"):format(seconds))
print(("rate         %.0f requests/s"):format(#latencies / seconds))
print(("latency      p50 %.1f ms, p99 %.1f ms"):format(percentile(50), percentile(99)))
print(("peak memory  %.1f MB"):format(peak / 1024))
os.exit(#latencies == #urls and 0 or 1, true)
