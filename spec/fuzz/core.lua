-- The low level: makes objects, calls their methods and the functions of the
-- core, and drives the transfers, in random order.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local callbacks = require("spec.fuzz.callbacks")
local calls = require("spec.fuzz.calls")
local journal = require("spec.fuzz.journal")
local options = require("spec.fuzz.options")
local values = require("spec.fuzz.values")

local level = {}

local chance, one, object, random = values.chance, values.one, values.object, math.random
local call = calls.call

-- ---- Making objects ----

local make = {}

function make.easy()
  local results = call("core.easy", core.easy, options.basics(nil))
  local easy = results[1] and results[2]
  if not easy then return end
  options.fresh[easy] = true
  for _ = 1, random(0, 4) do
    local name, value = options.pair(easy)
    call("easy:setopt", easy.setopt, easy, name, value)
  end
  options.fresh[easy] = nil
  if chance(15) then
    call("easy:collect", easy.collect, easy)
    if chance(50) then call("easy:gather", easy.gather, easy, "buffering", true) end
  end
end

function make.multi()
  local results = call("core.multi", core.multi)
  local multi = results[1] and results[2]
  if not multi then return end
  local choice = random(5)
  if choice <= 2 and object("loop") then
    call("multi:attach", multi.attach, multi, object("loop"))
  elseif choice <= 4 then
    for _, name in ipairs { "socketfunction", "timerfunction" } do
      call("multi:setopt", multi.setopt, multi, name, callbacks.make(multi, name))
    end
  end
  if chance(20) then call("multi:setopt", multi.setopt, multi, options.multi_pair(multi)) end
end

function make.loop() call("core.loop", core.loop) end

function make.share()
  call("core.share", core.share, one { nil, "cookie", { "cookie", "dns", "ssl_session" },
    { "connect" }, { "hsts", "psl" }, values.any() })
end

function make.decoder()
  call("core.decoder", core.decoder, one { "gzip", "deflate", "br", "zstd", "gzip, br",
    "x-gzip, gzip", "zstd, deflate", values.word() })
end

function make.mime()
  if chance(20) then return call("core.mime", core.mime, values.any(), values.any()) end
  local results = call("core.mime", core.mime)
  for _ = 1, random(3) do
    if results[2] then call("mime:addpart", results[2].addpart, results[2],
      calls.arguments["mime:addpart"]()) end
  end
end

function make.url()
  call("core.url", core.url, chance(80) and values.url() or values.any(),
    one { nil, { "default_port" }, { "guess_scheme" }, values.any() })
end

function make.counter()
  call("core.counter", core.counter, one { nil, 1, 5, 100, values.integer(), values.any() })
end

function make.limiter()
  call("core.limiter", core.limiter, object("counter") or make.counter(), object("counter"),
    one { nil, 1, 5, values.integer() }, one { 1, 100, values.integer() }, chance(60), chance(50))
end

function make.guard() call("core.guard", core.guard, object("easy")) end

function make.file()
  local file = io.open(one { "a.file", "b.file", "c.file" }, one { "w+", "r", "a", "r+" })
  if file then values.keep("file", file) end
end

-- A file that the program closes while it is in use.
function make.closed_file()
  local file = object("file")
  if file and io.type(file) == "file" and chance(30) then file:close() end
end

local foreign, socket = pcall(require, "socket")

-- Userdata of other libraries, and of types that Lua made.
function make.stranger()
  if chance(50) and foreign then
    values.keep("stranger", socket.udp())
  end
  values.keep("stranger", core.null)
end

-- ---- Functions ----

local functions = {}

functions.error = function() return { kind = values.word(), message = values.string() } end
functions.is_terminal = function() return one { 0, 1, 2, values.integer() } end
functions.may_suspend = function() return coroutine.running() end
functions.snapshot = function()
  local shot = chance(80) and object("snapshot")
    or chance(50) and core.headers(values.string()) or values.any()
  return shot, one { "timings", "sizes", "http_version", "peer", "reason", "headers", "trailers",
    "attempts", "cookies", values.any() }
end
functions.response_index = function() return values.table(1), values.any() end

local names = {}
for name, fn in pairs(core) do
  if type(fn) == "function" and not make[name] and name ~= "perform" and name ~= "start" then
    names[#names + 1] = name
  end
end
table.sort(names)

local act = {}

function act.call_function()
  local name = one(names)
  if functions[name] and chance(90) then
    return call("core." .. name, core[name], functions[name]())
  end
  call("core." .. name, core[name], values.any(), values.any(), values.any())
end

-- ---- Transfers ----

function act.add()
  local multi, easy = object("multi"), object("easy")
  if multi and easy then call("multi:add_handle", multi.add_handle, multi, easy) end
end

function act.perform()
  local easy = object("easy")
  if easy then call("easy:perform", easy.perform, easy) end
end

local function reap(multi)
  for _ = 1, 5 do
    local results = call("multi:info_read", multi.info_read, multi)
    if not results[1] or not results[2] then return end
    if chance(90) then call("multi:remove_handle", multi.remove_handle, multi, results[2]) end
  end
end

local parked = {}

local function resume(co, ...)
  local ok, err = coroutine.resume(co, ...)
  if not ok and type(err) == "string" and err:find("attempt to [^y]") then
    journal.fail("a parked task raised " .. err)
  end
  return ok
end

local function wake(ready)
  for _, task in ipairs(ready) do
    local co = type(task) == "table" and rawget(task, "co")
    if type(co) == "thread" then
      journal.write("resumes a task")
      resume(co)
    end
  end
end

function act.drive()
  local multi = object("multi")
  if not multi then return end
  local choice = random(4)
  if choice == 1 then
    call("multi:perform", multi.perform, multi)
    call("multi:poll", multi.poll, multi, one { 0, 1, 5, 10 })
  elseif choice == 2 then
    for fd = 5, 14 do
      if chance(60) then call("multi:socket_action", multi.socket_action, multi, fd, "inout") end
    end
    call("multi:socket_action", multi.socket_action, multi)
  else
    local loop = object("loop")
    if loop then
      call("loop:step", loop.step, loop, one { 0, 0.001, 0.005, 0.01 })
      local ready, strays = {}, {}
      call("loop:ready", loop.ready, loop, ready, 0, strays)
      wake(ready)
    end
  end
  reap(multi)
end

-- The fetch path's own way to start: a collected handle, a limiter and a target.
local function target()
  return { url = chance(95) and object("url") or values.any() }
end

local function collected()
  local easy = object("easy")
  if easy and chance(70) then call("easy:collect", easy.collect, easy) end
  return easy
end

local methods = { "GET", "HEAD", "POST", "PUT", "DELETE", "ODD" }

-- The arguments that describe a message: see src/fetch/message.h.
local function message()
  local lines = core.lines({ { "X-Name", "value" } }, nil, { agent = "User-Agent: fuzz" })
  local limits = core.limits(chance(50) and 1 or nil, 5, 5, 1024, 1024, chance(50) and 100 or 0,
    chance(50) and 5 or nil)
  if chance(5) then
    return values.any(), values.any(), values.any(), values.any()
  end
  local bodies = { "a body", true, "" }
  return limits, lines, methods[random(#methods)], chance(20) and core.now() + 0.01 or nil,
    bodies[random(6)], chance(50)
end

function act.start()
  call("core.start", core.start, object("limiter"), object("multi"), collected(), target(),
    message())
end

function act.perform_at_once()
  local limiter, easy, multi = object("limiter"), collected(), object("multi")
  if not (limiter and easy and multi) then return end
  call("limiter:keep", limiter.keep, limiter, easy, multi, 1)
  local task = {}
  task.co = coroutine.create(function()
    local results = call("core.perform", compat.perform, limiter, target(), task, 1, chance(50),
      message())
    for i = 1, results.n do
      local type_of = type(results[i]) == "userdata" and getmetatable(results[i])
      if type_of and type_of.__name == "multisock.headers" then
        values.keep("snapshot", results[i])
      end
    end
  end)
  if values.chance(90) then parked[random(6)] = task end
  resume(task.co)
end

local batches = require("spec.fuzz.batches")(collected, target, message)

function act.resume_parked()
  local task = parked[random(6)]
  if task and coroutine.status(task.co) == "suspended" and chance(50) then
    if chance(30) then task.interrupt = values.any() end
    resume(task.co)
  else
    parked[random(6)] = nil
  end
end

function act.snapshot()
  local easy = object("easy")
  if not easy then return end
  local results = call("easy:snapshot", easy.snapshot, easy)
  if results[1] then values.keep("snapshot", results[2]) end
end

-- What a response does to find its fields.
function act.look()
  local look = core.response_index({ a = 1, b = -1, c = 2.5, d = "e", f = 1e9 }, function()
    return values.any()
  end)
  local response = { _snapshot = chance(80) and object("snapshot") or values.any() }
  call("look", look, chance(90) and response or values.any(),
    one { "headers", "status_text", "http_version", "attempts", "peer", "a", "b", "c", "d", "f",
      values.any() })
end

function act.touch_waiting()
  local easy = object("easy")
  local known, id = pcall(easy and easy.id or error, easy)
  if known and id > 0 then core.waiting[id] = one { false, {}, values.any() or false } end
end

function act.header()
  local easy = object("easy")
  if not easy then return end
  local results = call("easy:nextheader", easy.nextheader, easy)
  if results[1] and type(results[2]) == "table" then values.keep("headertable", results[2]) end
end

-- ---- The collector, and forgetting ----

function act.collect()
  local choice = random(6)
  if choice <= 3 then return collectgarbage("step", random(0, 200)) end
  if choice == 4 then return collectgarbage("generational") end
  if choice == 5 then return collectgarbage("incremental", random(100, 300), random(100, 400)) end
  collectgarbage()
end

function act.forget()
  values.forget(one(values.kinds))
end

function act.coroutine()
  if journal.depth > 8 then return end
  local co = coroutine.create(function()
    for _ = 1, random(5) do level.act() end
  end)
  resume(co)
end

local weights = {
  { 8, make.easy }, { 2, make.multi }, { 1, make.loop }, { 2, make.share }, { 3, make.mime },
  { 2, make.decoder }, { 3, make.url },
  { 1, make.counter }, { 1, make.limiter }, { 1, make.guard }, { 1, make.file },
  { 1, make.closed_file }, { 1, make.stranger }, { 4, act.call_function }, { 14, act.add },
  { 5, act.perform }, { 30, act.drive }, { 3, act.start }, { 5, act.perform_at_once },
  { 3, act.resume_parked }, { 5, batches.submit }, { 8, batches.take },
  { 1, act.snapshot }, { 1, act.look }, { 1, act.touch_waiting }, { 2, act.header },
  { 4, act.collect }, { 2, act.forget }, { 2, act.coroutine },
}
for kind, weight in pairs { easy = 40, multi = 16, loop = 4, share = 4, mime = 2, part = 6, url = 6,
  limiter = 5, counter = 1, guard = 1, decoder = 5 } do
  weights[#weights + 1] = { weight, function() calls.method(kind) end, kind }
end
table.sort(weights, function(a, b)
  return a[1] > b[1] or (a[1] == b[1] and (a[3] or "") > (b[3] or ""))
end)
local bag = {}
for _, row in ipairs(weights) do
  for _ = 1, row[1] do bag[#bag + 1] = row[2] end
end

--- Does one random thing.
function level.act()
  one(bag)()
end
callbacks.act = level.act

--- Begins: what everything else needs.
function level.begin()
  values.keep("stranger", io.stdout)
  make.loop()
  make.counter()
  make.file()
  for _ = 1, 3 do
    make.multi()
    make.easy()
    make.url()
    make.limiter()
  end
end

--- Ends: lets go of everything, closing some of it. Nothing may stay.
function level.finish()
  parked = {}
  batches.forget()
  callbacks.frames = {}
  if chance(30) then return end    -- the end of the state collects it
  for _, list in pairs(values.objects) do
    for _, item in ipairs(list) do
      if chance(40) and type(item) == "userdata" and getmetatable(item) and
        getmetatable(item).__close and item ~= io.stdout then
        pcall(getmetatable(item).__close, item)
      end
    end
  end
  values.objects, values.kinds = {}, {}
  -- Tasks that nobody will resume are held by what waits for them.
  for id, value in pairs(core.waiting) do
    if type(value) ~= "number" then core.waiting[id] = false end
  end
  for _ = 1, 6 do collectgarbage() end
  if core.easy_count() ~= 0 then
    journal.fail(("%d easy handles were not collected"):format(core.easy_count()))
  end
end

return level
