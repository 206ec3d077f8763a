-- The high level: tasks that fetch with random options, read what they get in
-- every way, are cancelled, and lose their clients in the middle.
local callbacks = require("spec.fuzz.callbacks")
local helper = require("spec.helper")
local journal = require("spec.fuzz.journal")
local ms = require("multisock")
local values = require("spec.fuzz.values")

-- One act is what many calls are at the low level.
local level = { calls = 100 }

local chance, one, random = values.chance, values.one, math.random

local MOST_SECONDS = 20

-- Lists that tasks share within one act.
local tasks, clients, queues

-- ---- Checks ----

-- What the library itself gets wrong is told by Lua, with the name of its file.
local function check_raised(what, err)
  local text = type(err) == "string" and err or ""
  if text:find("multisock/[%w_/]*%.lua:%d+: ") and (text:find("attempt to [^y]") or
    text:find("bad argument")) or text:find("assertion failed", 1, true) then
    journal.fail(what .. " raised " .. text)
  end
end

local function check_failed(what, value, err)
  if value ~= nil or err == nil then return end
  if type(err) ~= "table" or type(err.kind) ~= "string" or type(err.message) ~= "string" then
    if type(err) ~= "string" then
      journal.fail(what .. " returned nil and " .. journal.show(err))
    end
  else
    local _ = tostring(err)
  end
end

local function call(what, fn, ...)
  journal.calls = journal.calls + 1
  journal.write(("%s(%s)"):format(what, journal.arguments(table.pack(...))))
  local results = table.pack(pcall(fn, ...))
  if not results[1] then
    check_raised(what, results[2])
    -- A cancelled task ends.
    if type(results[2]) == "table" and results[2].kind == "cancelled" then
      error(results[2], 0)
    end
    return nil
  end
  check_failed(what, results[2], results[3])
  return table.unpack(results, 2, results.n)
end

-- ---- Options ----

local function timeout()
  return one { 0.02, 0.2, 0.6, { total = 0.5, idle = 0.1 }, { total = 0.4, first_byte = 0.05 },
    { total = 0.5, connect = 0.1, queue = 0.01 } }
end

local function body_reader()
  local left = random(0, 4)
  return function()
    left = left - 1
    if chance(10) then error("raised by the fuzzer", 0) end
    if chance(20) then ms.sleep(0.001) end
    if left >= 0 then return values.bytes(3000) end
  end
end

local extra = {
  method = function() return one { "GET", "POST", "PUT", "HEAD", "DELETE", values.word() } end,
  headers = function()
    return { ["X-A"] = values.word(), Cookie = "a=b", [values.word()] = values.word() }
  end,
  query = function() return { a = values.word(), [values.word()] = 1 } end,
  body = function() return one { values.bytes(5000), body_reader(), { "a", "b" } } end,
  json = values.any, form = values.any, multipart = values.any,
  redirect = function() return one { "follow", "error", "manual" } end,
  max_redirects = function() return random(0, 5) end,
  max_body = function() return one { 1, 100, 100000 } end,
  max_headers = function() return one { 10, 1000, 100000 } end,
  high_water = function() return one { 1, 1000, 100000 } end,
  decompress = function() return chance(50) end,
  http_version = function() return one { "1.0", "1.1", "2", "3" } end,
  fail_on_error = function() return chance(50) end,
  auth = function() return one { { basic = { "user", "secret" } }, { digest = { "a", "b" } } } end,
  tls = function() return one { { verify = false }, { verify = true } } end,
  progress = function()
    return function() if chance(5) then error("raised by the fuzzer", 0) end end
  end,
  allow_private = function() return chance(80) end,
  curl = function() return { [one { "nosignal", "range", "referer", "cookiefile" }] = "1" } end,
}
local names = {}
for name in pairs(extra) do names[#names + 1] = name end
table.sort(names)

local function fetch_options()
  local options = { timeout = timeout() }
  if chance(40) then return options end
  for _ = 1, random(3) do
    local name = one(names)
    options[name] = extra[name]()
  end
  if chance(3) then options[values.word()] = values.any() end
  options.trust_env = false
  return options
end

-- ---- What tasks do ----

local act = {}

local iterators = { "chunks", "lines", "events" }

local function read_some(response)
  local name = one(iterators)
  if type(response[name]) ~= "function" then return end
  call("response:" .. name, function()
    local count = 0
    for _ in response[name](response) do
      count = count + 1
      if count > 20 and chance(20) then break end
      if chance(5) then ms.sleep(0.001) end
      if chance(1) then error("raised by the fuzzer", 0) end
    end
  end)
end

local function use(response)
  local choice = random(9)
  if choice <= 2 then return call("response:text", response.text, response) end
  if choice == 3 then return call("response:json", response.json, response) end
  if choice <= 5 then return read_some(response) end
  if choice == 6 then return call("response:read", response.read, response, values.size()) end
  if choice == 7 then return call("response:discard", response.discard, response) end
  if choice == 8 then
    return call("response:save", response.save, response, "saved." .. random(3))
  end
  if chance(50) then call("response:close", response.close, response) end
end

function act.fetch()
  local client = chance(80) and one(clients) or ms
  local response = call("fetch", client == ms and ms.fetch or function(...)
    return client:fetch(...)
  end, values.url(), fetch_options())
  if type(response) ~= "table" then return end
  for _ = 1, random(0, 3) do use(response) end
  if chance(20) then
    local fields = { response.timings, response.sizes, response.url, response.history,
      response.peer, response.trailers, response.headers:get("content-type") }
    journal.write("fields " .. #fields)
  end
end

function act.get()
  local response = call("get", ms.get, values.url(), { timeout = timeout() })
  if type(response) == "table" then use(response) end
end

function act.sleep() ms.sleep(one { 0, 0.001, 0.01 }) end

function act.spawn()
  if #tasks < 40 then tasks[#tasks + 1] = call("spawn", ms.spawn, level.work) end
end

function act.cancel()
  local task = tasks[random(math.max(1, #tasks))]
  if task then call("task:cancel", task.cancel, task, chance(50) and values.word() or nil) end
end

function act.join()
  local task = tasks[random(math.max(1, #tasks))]
  if task then
    call("join", ms.with_timeout, 0.05, function() return task:join() end)
  end
end

function act.close_client()
  if chance(80) then return end
  local at = random(#clients)
  call("client:close", clients[at].close, clients[at])
  clients[at] = ms.client { limits = { host_connections = one { 1, 2, 50 } } }
end

function act.with_timeout()
  call("with_timeout", ms.with_timeout, one { 0, 0.001, 0.02, 0.2 }, level.work)
end

function act.group()
  call("group", ms.group, function(group)
    for _ = 1, random(0, 4) do group:spawn(level.work) end
    if chance(20) then error("raised by the fuzzer", 0) end
  end)
end

function act.map()
  local urls = {}
  for i = 1, random(0, 8) do urls[i] = values.url() end
  local fn = chance(50) and function(url)
    if chance(5) then error("raised by the fuzzer", 0) end
    return ms.get(url, { timeout = 0.2 })
  end or nil
  if chance(50) then
    call("map", ms.with_timeout, 2, ms.map, urls, fn, { concurrency = random(4) })
  else
    call("each", ms.with_timeout, 2, function()
      for _ in ms.each(urls, fn, { concurrency = random(4) }) do
        if chance(20) then break end
      end
    end)
  end
end

function act.queue()
  local queue = one(queues)
  local choice = random(10)
  if choice <= 4 then
    call("queue:put", ms.with_timeout, 0.02, function() return queue:put(values.word()) end)
  elseif choice <= 9 then
    call("queue:get", ms.with_timeout, 0.02, function() return queue:get() end)
  else
    call("queue:close", queue.close, queue)
  end
end

function act.collect() collectgarbage(one { "step", "step", "collect" }) end

function act.raise() if chance(20) then error("raised by the fuzzer", 0) end end

local bag = {}
for name, weight in pairs { fetch = 30, get = 12, sleep = 8, spawn = 8, cancel = 8, join = 4,
  close_client = 3, with_timeout = 4, group = 3, map = 3, queue = 6, collect = 4, raise = 2 } do
  for _ = 1, weight do bag[#bag + 1] = name end
end
table.sort(bag)

local depth = 0

--- What a task does.
function level.work()
  if depth > 12 then return end
  depth = depth + 1
  local ok, err = pcall(function()
    for _ = 1, random(5) do act[one(bag)]() end
  end)
  depth = depth - 1
  if not ok then error(err, 0) end
end

--- One run of the loop with some tasks.
function level.act()
  local started = os.time()
  tasks, queues = {}, { ms.queue(1), ms.queue() }
  local ok, err = pcall(ms.run, ms.with_timeout, 0.4, function()
    for _ = 1, random(30) do act.spawn() end
    for _ = 1, random(10) do level.work() end
  end)
  depth = 0
  if not ok then check_raised("run", err) end
  if os.time() - started > MOST_SECONDS then
    journal.fail(("a run took %d s"):format(os.time() - started))
  end
  tasks, queues = nil, nil
  local fine, leak = pcall(helper.check_leaks)
  if not fine then journal.fail("after a run: " .. tostring(leak)) end
end

function level.begin()
  values.make_function = function(_, role) return function() return role end end
  callbacks.act = function() end
  clients = { ms.client {}, ms.client { limits = { connections = 2, host_connections = 1 } } }
  ms.on_error(function(err) check_raised("a task", err) end)
end

function level.finish()
  for _, client in ipairs(clients) do client:close() end
  clients = nil
  local fine, leak = pcall(helper.check_leaks)
  if not fine then journal.fail("at the end: " .. tostring(leak)) end
end

return level
