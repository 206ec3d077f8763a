-- What the Lua clients share: the command line, and what counts. The line of
-- JSON is that of tally.c. Works with Lua 5.1 to 5.4.
local support = {}

support.WARM_UP = 0.3
-- One in so many requests is timed, and asked for its HTTP version.
local SAMPLE = 16
local FIRST_SAMPLE = 10000

local NUMBERS = {
  connections = true, seconds = true, requests = true, inflight = true, length = true,
  buffer = true, samples = true, shards = true,
}
local FLAGS = {
  fresh = true, insecure = true, http2 = true, bare = true, stream = true, numbered = true,
}
-- Those of kinds.c; kinds.lua and lcurl_kinds.lua say what is not plain about them.
local KINDS = {
  plain = true, ["client-timeout"] = true, ["first-byte"] = true, distinct = true, timeout = true,
  header = true, query = true, post = true, api = true, ["api-jar"] = true,
  ["api-all"] = true, late = true, ["answer-5"] = true, ["look-5"] = true, ["answer-30"] = true,
  ["look-30"] = true, ["status-text"] = true,
}

local function usage(client, message)
  io.stderr:write(client, ": ", message, "\n",
    "usage: ", client, " --url URL --connections C --seconds S\n",
    "       ", client, " --url URL --connections C --requests N [--samples K]\n",
    "       ", client, " --url URL --inflight M [--numbered]\n",
    "options: --insecure --http2 --length BYTES --buffer BYTES --stream --save FILE --bare\n",
    "         --loop NAME --kind NAME\n")
  os.exit(2)
end

--- Reads the command line. The names that follow are what this client can do
-- beside a closed loop over HTTP/1.1.
function support.options(arguments, client, ...)
  local options, can = {}, {}
  for _, name in ipairs {...} do
    can[name] = true
  end
  local i = 1
  while arguments[i] do
    local name = arguments[i]:match("^%-%-(.+)$") or ""
    if FLAGS[name] then
      options[name] = true
    else
      i = i + 1
      local value = arguments[i]
      if NUMBERS[name] then
        value = tonumber(value)
      elseif name ~= "url" and name ~= "save" and name ~= "loop"
        and name ~= "ca" and name ~= "kind" then
        usage(client, "unknown option: " .. arguments[i - 1])
      end
      options[name] = value or usage(client, "no usable value for --" .. name)
    end
    i = i + 1
  end
  for _, name in ipairs {
    "stream", "save", "numbered", "inflight", "http2", "loop", "ca", "fresh", "kind",
  } do
    if options[name] and not can[name] then
      usage(client, "it cannot do --" .. name)
    end
  end
  options.kind = options.kind or "plain"
  if not KINDS[options.kind] then
    usage(client, "no kind of request has this name: " .. options.kind)
  end
  if not options.url then
    usage(client, "no --url")
  elseif options.inflight and (options.connections or options.seconds or options.requests) then
    usage(client, "--inflight stands alone")
  elseif not options.inflight
    and not (options.connections and (not options.seconds) ~= (not options.requests)) then
    usage(client, "either --connections with --seconds or --requests, or --inflight")
  end
  return options
end

local function proc_read(name)
  local file = assert(io.open("/proc/self/" .. name))
  local text = file:read("*a")
  file:close()
  return text
end

local function status_kb(name)
  return tonumber(proc_read("status"):match(name .. ":%s*(%d+)"))
end

-- The process's user time; the kernel counts it in hundredths of a second.
local function user_seconds()
  local fields = proc_read("stat"):match("%) (.*)")
  return tonumber(fields:match("^" .. ("%S+ "):rep(11) .. "(%d+)")) / 100
end

local Tally = {}
Tally.__index = Tally

--- @param now function: seconds of a clock that only goes forward
function support.tally(client, options, now)
  return setmetatable({
    client = client, now = now, requests = 0, errors = 0, latency = {}, turn = 0,
    expected = options.length, unstarted = options.requests or math.huge,
    next_sample = options.samples and FIRST_SAMPLE,
    part = options.samples and math.floor(options.requests / options.samples), samples = {},
  }, Tally)
end

--- The measured window opens.
function Tally:open()
  self.measuring = true
  self.user, self.cpu, self.began = user_seconds(), os.clock(), self.now()
end

--- The measured window closes, and no request is to be started any more.
function Tally:close()
  self.seconds = self.now() - self.began
  self.cpu, self.user = os.clock() - self.cpu, user_seconds() - self.user
  self.max_rss_kb = status_kb("VmHWM")
  self.measuring, self.unstarted = false, 0
end

--- True when one more request is to be started.
function Tally:take()
  local left = self.unstarted
  self.unstarted = left - 1
  return left > 0
end

--- When a request starts: the time, or nil for those that are not timed.
function Tally:start()
  local turn = self.turn
  self.turn = turn + 1
  if turn % SAMPLE == 0 then
    return self.now()
  end
end

--- The length that a body has to have; the first one's when nobody said.
function Tally:expect(length)
  local expected = self.expected or length
  self.expected = expected
  return expected
end

-- Latencies go into buckets 3 % wide: keeping all of them would show in the
-- peak memory.
local function latency_add(self, seconds)
  local bucket = math.floor(math.log(seconds) * 32)
  self.latency[bucket] = (self.latency[bucket] or 0) + 1
end

local function sample_take(self)
  self.samples[#self.samples + 1] = ('{"requests": %d, "cpu_us": %d, "rss_kb": %d}'):format(
    self.requests, math.floor((os.clock() - self.cpu) * 1e6), status_kb("VmRSS"))
  self.next_sample = self.requests < self.part and self.part or self.requests + self.part
end

--- A request has ended. @param wrong? what is wrong with its response
-- @param started? what start() returned
function Tally:finish(wrong, started)
  if wrong then
    self.errors = self.errors + 1
    if self.errors == 1 then
      io.stderr:write(self.client, ": ", tostring(wrong), "\n")
    end
  elseif self.measuring then
    local requests = self.requests + 1
    self.requests = requests
    if started then
      latency_add(self, self.now() - started)
    end
    if requests == self.next_sample then
      sample_take(self)
    end
  end
end

--- Requests one after the other, until enough have been started: of one task of
-- a closed loop. @param perform function(closely): what is wrong with its
-- response, or nil. `closely` the first time, and for those that are timed
-- What take, start and finish do is written out: calling them costs a client in
-- Lua 3,000 instructions a request.
function Tally:loop(perform)
  local now, closely = self.now, true
  while self.unstarted > 0 do
    self.unstarted = self.unstarted - 1
    local turn = self.turn
    self.turn = turn + 1
    local started = turn % SAMPLE == 0 and now()
    local wrong = perform(closely or started)
    closely = false
    if wrong or started or self.next_sample then
      self:finish(wrong, started)
    elseif self.measuring then
      self.requests = self.requests + 1
    end
  end
end

local function percentile_ms(latency, share)
  local buckets, total, seen = {}, 0, 0
  for bucket, count in pairs(latency) do
    buckets[#buckets + 1] = bucket
    total = total + count
  end
  table.sort(buckets)
  for _, bucket in ipairs(buckets) do
    seen = seen + latency[bucket]
    if seen >= share * total then
      return ("%.3f"):format(math.exp((bucket + 0.5) / 32) * 1000)
    end
  end
  return "null"
end

--- To be called each millisecond, or as soon as the loop can.
function Tally:tick()
  local now = self.now()
  if self.ticked then
    self.longest = math.max(self.longest or 0, now - self.ticked)
  end
  self.ticked = now
end

--- Prints the line and ends the process. @param abrupt? leave everything open:
-- luv 1.44 crashes when it is closed with handles that are just closing
function Tally:print(abrupt)
  local each = math.max(self.requests, 1)
  local longest = self.longest and (', "longest_ms": %.1f'):format(self.longest * 1000) or ""
  local samples = #self.samples > 0
    and (', "samples": [%s]'):format(table.concat(self.samples, ", ")) or ""
  io.stdout:write(('{"client": "%s", "requests": %d, "errors": %d, "seconds": %.4f, "rate": %.1f, '
    .. '"cpu_us_per_request": %.2f, "user_us_per_request": %.2f, "max_rss_kb": %d, '
    .. '"p50_ms": %s, "p99_ms": %s%s%s}\n'):format(
    self.client, self.requests, self.errors, self.seconds, self.requests / self.seconds,
    self.cpu * 1e6 / each, self.user * 1e6 / each, self.max_rss_kb,
    percentile_ms(self.latency, 0.50), percentile_ms(self.latency, 0.99), samples, longest))
  io.stdout:flush()
  os.exit(self.errors == 0 and 0 or 1, not abrupt)
end

return support
