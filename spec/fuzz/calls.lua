-- Every function and method of the core, with arguments that often fit. What a
-- call does with them is checked: it returns, or raises something readable.
local core = require("multisock.core")
local callbacks = require("spec.fuzz.callbacks")
local codings = require("spec.support.codings")
local journal = require("spec.fuzz.journal")
local options = require("spec.fuzz.options")
local values = require("spec.fuzz.values")

local calls = {}

local chance, one, object, random = values.chance, values.one, values.object, math.random

-- The kind under which a userdata is kept, by its metatable's name.
local kinds = {
  ["multisock.easy"] = "easy", ["multisock.multi"] = "multi", ["multisock.loop"] = "loop",
  ["multisock.share"] = "share", ["multisock.mime"] = "mime", ["multisock.mimepart"] = "part",
  ["multisock.url"] = "url", ["multisock.limiter"] = "limiter", ["multisock.counter"] = "counter",
  ["multisock.guard"] = "guard", ["multisock.decoder"] = "decoder",
}

local function kind_of(value)
  local meta = type(value) == "userdata" and getmetatable(value)
  return meta and kinds[meta.__name]
end

-- An error value of ours has a kind and a message; a raised one is a text that
-- does not come from a mistake in C or Lua, or what a callback raised.
local function check_error(name, value)
  if type(value) == "string" and value:find("attempt to [^y]") then
    journal.fail(("%s raised %s"):format(name, journal.show(value)))
  end
end

local function check_result(name, results)
  local err = results[3]
  if results.n >= 3 and results[2] == nil and kind_of(err) == nil and type(err) == "table" and
    getmetatable(err) and getmetatable(err).__name == "multisock.error" then
    if type(err.kind) ~= "string" or type(err.message) ~= "string" then
      journal.fail(name .. " returned an error without kind or message")
    end
    local _ = tostring(err)
  end
end

-- What a callback raised in a perform is its error, unless it closed the handle.
local function check_perform(frame, results)
  if not frame.raised or frame.closed or not results[1] then return end
  local value = frame.raised.value
  local err = results[3]
  local same = rawequal(value, err) or (value == callbacks and type(err) == "string")
  if results[2] ~= nil or not (same or (type(err) == "table" and err.kind == "cancelled")) then
    journal.fail(("perform lost what %s raised: %s; it returned %s, %s"):format(frame.raised.role,
      journal.show(value), journal.show(results[2]), journal.show(err)))
  end
end

-- Each transfer ends within a second; callbacks may start some more.
local MOST_SECONDS = 15

local drives = {
  ["multi:perform"] = true, ["multi:socket_action"] = true, ["multi:add_handle"] = true,
  ["multi:remove_handle"] = true, ["multi:poll"] = true, ["multi:wait"] = true,
}

-- What a socket or timer function raised is raised by the call that drives.
local function check_driven(name, frame, results)
  local role = frame.raised and frame.raised.role
  if (role == "socketfunction" or role == "timerfunction") and results[1] and
    results[2] ~= nil then
    journal.fail(("%s lost what %s raised: %s"):format(name, role,
      journal.show(frame.raised.value)))
  end
end

--- Calls a function under pcall; keeps the objects that it returns. Returns
-- pcall's results, packed.
function calls.call(name, fn, ...)
  local arguments = table.pack(...)
  journal.calls = journal.calls + 1
  journal.write(("%s(%s)"):format(name, journal.arguments(arguments)))
  journal.depth = journal.depth + 1
  local frame = callbacks.enter(arguments[1])
  local started = os.time()
  local results = table.pack(pcall(fn, ...))
  callbacks.leave(frame)
  if os.time() - started > MOST_SECONDS then
    journal.fail(("%s took %d s"):format(name, os.time() - started))
  end
  journal.depth = journal.depth - 1
  if results[1] then
    check_result(name, results)
    for i = 2, results.n do
      local kind = kind_of(results[i])
      if kind and not rawequal(results[i], arguments[1]) then values.keep(kind, results[i]) end
    end
  else
    check_error(name, results[2])
  end
  if name == "easy:perform" then check_perform(frame, results) end
  if drives[name] then check_driven(name, frame, results) end
  return results
end

-- ---- Arguments of methods, by "kind:name" ----

local arguments = {}

local function milliseconds()
  return one { 0, 0, 1, 5, 20, -1, 1.5, 0 / 0, values.any() }
end

-- Not a number of milliseconds that would wait for hours.
local function bounded(value)
  if type(value) == "number" and value > 50 then return 50 end
  return value
end

local function fds()
  local list = {}
  for i = 1, random(0, 3) do
    list[i] = { fd = one { 0, 1, 2, -1, 100, 5, values.any() },
      events = one { "in", "out", "inout", "pri", nil, values.any() } }
  end
  return one { nil, list, values.any() }
end

arguments["easy:setopt"] = function(easy)
  if chance(15) then
    local all = {}
    for _ = 1, random(4) do
      local name, value = options.pair(easy)
      if not rawequal(value, nil) then all[name] = value end
    end
    return all
  end
  return options.pair(easy)
end
arguments["easy:unsetopt"] = function()
  local name = options.name()
  return options.is_bound(name) and "url" or name
end
local infos = core.infos()
arguments["easy:getinfo"] = function() return one(infos) end
arguments["easy:pause"] = function() return one { 0, 1, 4, 5, 0, 0, values.integer() } end
arguments["easy:send"] = function() return values.bytes(5000) end
arguments["easy:recv"] = function() return one { 1, 100, 16384, nil, values.integer() } end
arguments["easy:ws_send"] = function()
  return values.bytes(100), one { nil, "text", { "binary", "cont" }, values.any() },
    values.integer()
end
arguments["easy:ws_recv"] = arguments["easy:recv"]
arguments["easy:header"] = function()
  return one { "content-length", "content-type", "server", "set-cookie", values.string() },
    one { 0, 1, nil, values.integer() }, one { nil, "header", "trailer", { "header", "1xx" } },
    one { nil, -1, 0, values.integer() }
end
arguments["easy:nextheader"] = function()
  return one { nil, "header", { "header", "connect", "pseudo" } }, one { nil, -1, 0 },
    one { nil, { position = values.integer() }, object("headertable") }
end
arguments["easy:gather"] = function()
  return one { "high_water", "max_body", "max_headers", "buffering", "chatty", "auth_rounds",
    "tell_connected", "sending", "proxied" }, one { 0, 1, 100, true, false, values.integer() }
end
arguments["easy:take"] = arguments["easy:recv"]
arguments["easy:feed"] = function() return one { nil, values.bytes(3000) } end
arguments["easy:sink"] = function() return object("file") end
arguments["multi:setopt"] = options.multi_pair
arguments["multi:socket_action"] = function()
  return one { nil, nil, nil, 5, 6, 7, 8, 9, 10, 11, 12, -1, values.integer() },
    one { nil, "in", "out", "inout", "err" }
end
arguments["multi:assign"] = function() return random(5, 14), values.any() end
arguments["multi:add_handle"] = function() return object("easy") end
arguments["multi:remove_handle"] = arguments["multi:add_handle"]
arguments["multi:resume"] = arguments["multi:add_handle"]
arguments["multi:attach"] = function() return object("loop") end
arguments["multi:poll"] = function() return bounded(milliseconds()), fds() end
arguments["multi:wait"] = arguments["multi:poll"]
arguments["multi:ready"] = function() return {}, 0, {} end
arguments["multi:get_offt"] = function() return "xfers_running" end
arguments["multi:notify_enable"] = function() return one { "info_read", "easy_done" } end
arguments["multi:notify_disable"] = arguments["multi:notify_enable"]
arguments["loop:step"] = function()
  return one { 0, 0, 0.001, 0.01, 0.02, -1, 0 / 0, -math.huge }
end
arguments["loop:ready"] = arguments["multi:ready"]
arguments["loop:interruptible"] = function() return chance(50) end
-- A coded body, whole or in part, some of its bytes changed.
arguments["decoder:decode"] = function()
  local names = {}
  for name in pairs(codings.coded) do names[#names + 1] = name end
  table.sort(names)
  local coded = codings.coded[one(names)]
  for _ = 1, one { 0, 0, 1, 3 } do
    local at = random(#coded)
    coded = coded:sub(1, at - 1) .. string.char(random(0, 255)) .. coded:sub(at + 1)
  end
  return coded:sub(1, random(0, 2 * #coded)), one { nil, nil, 1, random(#coded), -1 }
end
local share_kinds = { "cookie", "dns", "ssl_session", "connect", "psl", "hsts" }
local function kinds_of_share()
  return chance(50) and one(share_kinds) or { one(share_kinds), one(share_kinds) }
end
arguments["share:setopt"] = function() return one { "share", "unshare" }, kinds_of_share() end
arguments["share:share"] = kinds_of_share
arguments["share:unshare"] = kinds_of_share

local function part_fields(depth)
  local fields = { name = values.word(), headers = chance(20) and { "X-A: b" } or nil,
    filename = one { nil, "a.txt", false }, type = one { nil, "text/plain" },
    encoder = one { nil, nil, nil, "base64", "quoted-printable", "7bit" } }
  local choice = random(6)
  if choice <= 2 then fields.data = values.bytes(3000) end
  if choice == 3 then fields.file = one { "a.file", "missing" } end
  if choice == 4 then
    fields.read, fields.size = callbacks.make(nil, "readfunction"), one { nil, 10, 1000, -1 }
    fields.seek = chance(50) and callbacks.make(nil, "seekfunction") or nil
  end
  if choice == 5 and depth < 3 then fields.subparts = { part_fields(depth + 1) } end
  if choice == 6 then fields.subparts = object("mime") end
  if chance(5) then fields[values.word()] = values.any() end
  return fields
end

arguments["mime:addpart"] = function() return chance(80) and part_fields(1) or nil end
arguments["part:data_cb"] = function()
  return one { nil, 0, 10, 5000, -1, values.integer() }, callbacks.make(nil, "readfunction"),
    chance(30) and callbacks.make(nil, "seekfunction") or nil
end
arguments["part:subparts"] = function()
  return one { object("mime") or {}, { part_fields(2) }, values.table() }
end
for _, name in ipairs { "name", "data", "filedata", "filename", "type", "encoder" } do
  arguments["part:" .. name] = values.string
end
arguments["part:headers"] = function() return { values.word(), values.word() } end
local url_parts = { "url", "scheme", "user", "password", "options", "host", "port", "path", "query",
  "fragment", "zoneid" }
local url_flags = { "default_port", "no_default_port", "default_scheme", "guess_scheme",
  "urldecode", "non_support_scheme", "path_as_is", "urlencode", "appendquery", "allow_space",
  "punycode" }
local function flags()
  return one { nil, { one(url_flags) }, { one(url_flags), one(url_flags) } }
end
arguments["url:get"] = function() return one { nil, one(url_parts) }, flags() end
arguments["url:set"] = function() return one(url_parts), values.string(), flags() end
arguments["limiter:take"] = values.integer
arguments["limiter:leave"] = function() return chance(50) end
arguments["limiter:connected"] = arguments["limiter:leave"]
arguments["limiter:learn"] = function() return one { "1.0", "1.1", "2", "3", values.string() } end
arguments["limiter:set_queued"] = arguments["limiter:leave"]
arguments["limiter:keep"] = function() return object("easy"), object("multi"), chance(50) end
arguments["limiter:drop"] = function() return object("easy") or object("multi") end
arguments["counter:set_awaited"] = arguments["limiter:leave"]
calls.arguments = arguments

-- ---- Methods ----

-- The methods of each type, from its metatable, and its metamethods.
local methods = {}

local function learn_methods(kind, any)
  local meta = getmetatable(any)
  local list = {}
  for name, fn in pairs(type(meta.__index) == "table" and meta.__index or {}) do
    list[#list + 1] = { name = kind .. ":" .. name, fn = fn }
  end
  for name, fn in pairs(meta) do
    if type(fn) == "function" then list[#list + 1] = { name = kind .. ":" .. name, fn = fn } end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  methods[kind] = list
end

-- Called less often: they end what others need.
local rare = {
  ["easy:close"] = true, ["multi:close"] = true, ["loop:close"] = true, ["share:close"] = true,
  ["mime:close"] = true, ["url:close"] = true, ["easy:reset"] = true, ["easy:collect"] = true,
}

-- Their arguments bound how long something takes.
local untouched = { ["easy:setopt"] = true, ["loop:step"] = true }

--- Calls a method of an object of this kind.
function calls.method(kind)
  local self = object(kind)
  if self == nil then return end
  if not methods[kind] then
    if not getmetatable(self) then return end
    learn_methods(kind, self)
  end
  if #methods[kind] == 0 then return end
  local method = one(methods[kind])
  if (rare[method.name] or method.name:find(":__", 1, true)) and chance(75) then return end
  if chance(2) then self = values.any() end
  if chance(4) and not untouched[method.name] then
    local a, b, c = values.any(), values.any(), values.any()
    if method.name:find(":poll$") or method.name:find(":wait$") then
      a = bounded(a)
    end
    if options.is_bound(a) then a = "url" end
    return calls.call(method.name, method.fn, self, a, b, c)
  end
  local make = arguments[method.name]
  if make then
    local list = table.pack(make(self))
    for i = 1, list.n do
      if chance(2) and not untouched[method.name] then list[i] = bounded(values.any()) end
    end
    if options.is_bound(list[1]) and type(list[2]) ~= "number" then return end
    calls.call(method.name, method.fn, self, table.unpack(list, 1, list.n))
  else
    calls.call(method.name, method.fn, self)
  end
  if method.name == "easy:reset" and kind_of(self) == "easy" then
    local basics = options.basics(self)
    -- First: a collected handle refuses the whole for its writefunction.
    calls.call("easy:setopt", self.setopt, self, "timeout_ms", basics.timeout_ms)
    calls.call("easy:setopt", self.setopt, self, basics)
  end
end

return calls
