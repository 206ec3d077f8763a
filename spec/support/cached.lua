-- What the specs of the cache share: an origin that answers as it is told (scripted.py),
-- a clock that can be set, and requests one after the other.
local busted = require("busted")
local clock = require("multisock.base.clock")
local dates = require("multisock.cache.dates")
local helper = require("spec.helper")
local ms = require("multisock")
local scripted = require("spec.support.scripted")
local servers = require("spec.support.servers")

local cached = { number = 0 }

local real_time = clock.time

function cached.start()
  cached.server = scripted.start()
  cached.folder = cached.server.dir .. "/cache"
end

function cached.stop()
  cached.server.stop()
end

--- The time of day stands still; `cached.wait` moves it.
function cached.stop_clock()
  local now = real_time()
  clock.time = function() return now end
  cached.wait = function(seconds) now = now + seconds end
end

function cached.start_clock()
  clock.time = real_time
end

--- The server and the clock of the specs of this block, each of which may leave nothing
-- running.
function cached.fixture()
  busted.setup(cached.start)
  busted.teardown(function()
    cached.stop()
    servers.stop_all()
  end)
  busted.before_each(cached.stop_clock)
  busted.after_each(function()
    cached.start_clock()
    helper.check_leaks()
  end)
end

--- A date, so many seconds from now.
function cached.date(seconds)
  return dates.format(clock.time() + (seconds or 0))
end

--- Headers as a list, from "Name: value" in lines; a value @N is a date in N seconds.
function cached.headers(text)
  local list = {}
  for name, value in (text or ""):gmatch("([^:\n]+):[ ]*([^\n]*)") do
    local date = value:match("^@(-?%d+)$")
    list[#list + 1] = { name, date and cached.date(tonumber(date)) or value }
  end
  return ms.array(list)
end

--- Tells the origin what to answer. @param answers list: `headers` as for cached.headers
function cached.script(target, answers)
  local list = {}
  for i, answer in ipairs(answers) do
    local copy = helper.with({}, answer)
    copy.headers = cached.headers(answer.headers)
    list[i] = copy
  end
  cached.server.script(target, list)
end

--- What the origin has got: a list of {method=, headers=}.
function cached.seen(target)
  return cached.server.seen(target)
end

--- A target that no other spec has. @return target, url
function cached.new_target()
  cached.number = cached.number + 1
  local target = "/" .. cached.number
  return target, cached.server.url(target)
end

--- An answer that is fresh for a minute.
cached.FRESH = { headers = "Cache-Control: max-age=60\nDate: @0\nETag: \"one\"", body = "first" }

--- A client, a target, its URL; and what its requests get, as "body how".
function cached.begin(answers, options)
  options = options or {}
  if options.cache == nil then
    options.cache = true
  end
  local client = ms.client(options)
  local target, url = cached.new_target()
  cached.script(target, answers)
  local function get(asked)
    local response = ms.assert(client:get(url, asked))
    return ms.assert(response:text()) .. " " .. tostring(response.cached), response
  end
  return client, get, target, url
end

return cached
