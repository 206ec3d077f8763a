-- Looking names up. libcurl starts a thread for each lookup, and one that was cut
-- off goes on unseen until the name server answers or the system gives up: with a
-- dead name server thousands of threads. So no request looks a name up itself: it
-- is refused that (gather "asks") unless its name is in the cache that all have in
-- common, and asks here. Here a name is looked up once, whoever asks, by a transfer
-- of its own that ends before it connects; so many at a time, each of which counts
-- until it has ended, however long that takes.
local core = require("multisock.core")
local pairs = require("multisock.base.compat").pairs
local scheduler = require("multisock.tasks.scheduler")
local waiting = require("multisock.tasks.waiting")

local lookups = {}

-- At a time. Each needs some descriptors.
local MOST = math.max(1, math.min(32, math.floor((core.open_files() or 1000000) / 8)))

-- libcurl keeps a name for a minute.
local FRESH_SECONDS = 50

-- Names that are remembered to be fresh before all are forgotten.
local MOST_FRESH = 10000

local multi, names_share
local owners                        -- who is told of the end of a transfer, see stream.lua
local running, queue, first, last = 0, {}, 1, 0
local wanted = 0                    -- by how many that wait
local jobs = {}                     -- those that wait or run, by "host:port"
local fresh, fresh_count = {}, 0    -- until when

--- The cache of names.
function lookups.share()
  names_share = names_share or core.share("dns")
  return names_share
end

local function remember(name)
  if fresh[name] == nil then
    fresh_count = fresh_count + 1
    if fresh_count > MOST_FRESH then
      fresh, fresh_count = {}, 1
    end
  end
  fresh[name] = scheduler.now() + FRESH_SECONDS
end

--- Whether the cache has it for sure.
function lookups.is_fresh(name)
  local stop = fresh[name]
  return stop ~= nil and scheduler.now() < stop
end

local start_next

-- The transfer that looks a name up has ended.
local function finish(job)
  local easy = job.easy
  local ok, err = easy:ended()
  if ok == false then
    return
  end
  owners[easy] = nil
  jobs[job.name] = nil
  running = running - 1
  if not ok and err.kind ~= "cancelled" and (err.number == 6 or err.kind == "io"
    or err.kind == "timeout") then
    job.err = err
    err.timings = core.snapshot(easy:snapshot(), "timings")
  else
    remember(job.name)
  end
  multi:remove_handle(easy)
  easy:close()
  job.done = true
  for i = 1, #job.waiters do
    scheduler.wake(job.waiters[i])
  end
  start_next()
end

local function start(job)
  if multi == nil then
    multi = assert(core.multi())
    scheduler.loop().attach(multi)
  end
  local easy = core.easy():collect()
  assert(easy:setopt({ url = "http://" .. job.name .. "/", share = lookups.share(), proxy = "",
    noproxy = "*", connecttimeout_ms = 600000 }))
  easy:gather("only_lookup", true)
  job.easy = easy
  running = running + 1
  job.unclaimed = finish
  owners[easy] = job
  local ok, err = multi:add_handle(easy)
  if not ok then
    error(err, 0)
  end
end

function start_next()
  while running < MOST and first <= last do
    local job = queue[first]
    queue[first] = nil
    first = first + 1
    if job.wanted > 0 then
      start(job)
    else
      jobs[job.name] = nil
    end
  end
  if first > last then
    first, last = 1, 0
  end
end

-- While nobody waits for any, those that were left behind keep no loop running.
local function want(job, change)
  local before = wanted
  job.wanted, wanted = job.wanted + change, wanted + change
  if (before == 0) ~= (wanted == 0) then
    for _, other in pairs(jobs) do
      if other.easy then
        multi:ignore(other.easy, wanted == 0)
      end
    end
  end
end

--- Waits until a name has been looked up.
-- @param name "host:port" @param deadline? seconds of the clock
-- @return true; or nil, err (kind "resolve"); or nil when the deadline has passed; or
-- nil, err, true when cancelled: clean up, then raise
function lookups.await(name, deadline)
  local who = waiting.waiter()
  local job = jobs[name]
  if job == nil then
    job = { name = name, waiters = {}, wanted = 0 }
    jobs[name] = job
    last = last + 1
    queue[last] = job
  end
  want(job, 1)
  job.waiters[#job.waiters + 1] = who
  start_next()
  local cancelled
  while not job.done and not cancelled and not (deadline and scheduler.now() >= deadline) do
    cancelled = waiting.park_until(who, deadline)
  end
  want(job, -1)
  if cancelled then
    return nil, cancelled, true
  elseif not job.done then
    return nil
  elseif job.err then
    local err = {}
    for field, value in pairs(job.err) do
      err[field] = value
    end
    return nil, core.error(err)
  end
  return true
end

---- Whose name a request looks up -----------------------------------------------

-- Raw options with which a lookup is another than ours, or another name's.
local OWN_LOOKUP = {
  share = true, doh_url = true, dns_servers = true, dns_interface = true, dns_local_ip4 = true,
  dns_local_ip6 = true, dns_cache_timeout = true, resolve = true, connect_to = true, proxy = true,
  pre_proxy = true, unix_socket_path = true, abstract_unix_socket = true, use_ssl = true,
  resolver_start_function = true,
}

local function is_usual(given, has_proxy)
  if given.doh_url or given.connect_to or given.unix_socket
    or given.proxy == nil and given.trust_env and has_proxy() then
    return false
  end
  for option in pairs(given.curl or {}) do
    if OWN_LOOKUP[tostring(option):lower()] then
      return false
    end
  end
  return true
end

-- Proxies that look names up themselves.
local function name_of_proxy(text)
  local scheme = text:match("^(%a[%w+.-]*)://")
  if scheme ~= nil and not ("http https socks4a socks5h"):find(scheme:lower(), 1, true) then
    return nil
  end
  local url = core.url(scheme and text or "http://" .. text, { "non_support_scheme" })
  local host = url and url:get("host")
  if host == nil or host:find("^%[") or host:find("^%d+%.%d+%.%d+%.%d+$") then
    return nil
  end
  return host:lower() .. ":" .. (url:get("port") or scheme == "https" and "443" or "1080")
end

--- The name that has to be looked up for a request.
-- @param has_proxy function(): whether the environment names a proxy
-- @return "host:port"; nil when there is none, or libcurl is left to do it
function lookups.name_for(given, target, has_proxy)
  if not is_usual(given, has_proxy) or target.scheme == "ftps" then
    return nil
  elseif given.proxy then
    return name_of_proxy(given.proxy)
  elseif not target.numeric then
    return target.origin:match("://(.*)$")
  end
end

--- Says where the transfers of this module are to be told of.
-- @param table by easy, of objects with the method `unclaimed`
function lookups.set_owners(table)
  owners = table
end

--- Lookups that run, and the most that may: for leak checks.
function lookups.counts()
  return running, MOST
end

return lookups
