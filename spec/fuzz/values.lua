-- Random values: what a careless, or a hostile, program could pass.
local values = { objects = {}, kinds = {} }

local random = math.random

--- One of a list.
function values.one(list)
  return list[random(#list)]
end

--- True in so many of a hundred.
function values.chance(percent)
  return random(100) <= percent
end

local MOST_OBJECTS = 10

--- Remembers an object under its kind; an older one may be forgotten for it.
function values.keep(kind, object)
  local list = values.objects[kind]
  if not list then
    list = {}
    values.objects[kind] = list
    table.insert(values.kinds, kind)
  end
  if #list < MOST_OBJECTS then
    list[#list + 1] = object
  else
    list[random(#list)] = object
  end
  return object
end

--- An object of a kind; nil when there is none.
function values.object(kind)
  local list = values.objects[kind]
  if list and #list > 0 then
    return list[random(#list)]
  end
end

--- Forgets one object, or all.
function values.forget(kind)
  local list = values.objects[kind]
  if list and #list > 0 then
    table.remove(list, random(#list))
  end
end

local integers = {
  0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 100, 255, 256, 1000, 1023, 4096, 16384, 65535, 65536, 1000000,
  -1, -2, -100, 2 ^ 31 // 1 | 0, (2 ^ 31 // 1 | 0) - 1, -(2 ^ 31 // 1 | 0), 2 ^ 32 // 1 | 0,
  math.maxinteger, math.mininteger, math.maxinteger - 1, 1 << 62, 0x10000001,
}

function values.integer()
  if values.chance(25) then
    return random(0, 40)
  end
  return values.one(integers)
end

--- Small and large sizes, none of which is too much to hold.
function values.size()
  return values.one { 1, 2, 10, 100, 1000, 16384, 65536, 300000 }
end

local numbers = { 0.5, -0.0, 1e300, -1e300, math.huge, -math.huge, 0 / 0, 1.0, 3.0, 1e15, 2 ^ 53 }

function values.number()
  return values.chance(50) and values.integer() or values.one(numbers)
end

local words = {
  "", "a", "GET", "PUT", "text", "binary", "in", "out", "inout", "err", "remove", "pri", "url",
  "cookie", "dns", "connect", "ssl_session", "hsts", "header", "trailer", "1xx", "host", "path",
  "query", "easy", "multi", "share", "body", "head", "timings", "1.1", "2", "set-cookie", "name",
  "a=b; path=/", "X-A: b", "Content-Length: 5", "Transfer-Encoding: chunked", "Host: x", "X-Empty;",
  "Expect: 100-continue", "Connection: close", "Range: bytes=0-1", "user:password", "*", "0-9",
  "-5", "gzip", "base64", "quoted-printable", "127.0.0.1", "localhost", "[::1]", "a.cookies",
  "b.file",
  "Set-Cookie: a=b", "localhost:80:127.0.0.1", "+localhost:1:127.0.0.1", "-localhost:1", "FLUSH",
  "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue", "TLS13", "PEM", "ALL", "RELOAD", "SESS",
  "http,https",
}

function values.word()
  return values.one(words)
end

local function noise(size)
  local bytes = {}
  for i = 1, size do
    bytes[i] = string.char(random(0, 255))
  end
  return table.concat(bytes)
end

function values.string()
  local choice = random(20)
  if choice <= 12 then return values.word() end
  if choice <= 14 then return noise(random(0, 30)) end
  if choice == 15 then return "a\0b" end
  if choice == 16 then return "a\r\nb: c" end
  if choice == 17 then return ("x"):rep(values.size()) end
  if choice == 18 then return ("%s%n"):rep(random(1, 20)) end
  if choice == 19 then return tostring(values.number()) end
  return values.url()
end

--- Pieces of text of about so many bytes, to be sent.
function values.bytes(most)
  local size = random(0, most)
  return values.chance(90) and ("b"):rep(size) or noise(math.min(size, 1000))
end

--- Set by the round: lists of URLs by weight.
values.urls = { "http://127.0.0.1:1/" }

function values.url()
  local url = values.one(values.urls)
  if values.chance(10) then
    local at = random(#url)
    url = url:sub(1, at) .. values.one { noise(1), "@", "/", "?", "%", "#", ":" } .. url:sub(at + 1)
  end
  return url
end

--- Any object, of any kind, closed or not.
function values.any_object()
  if #values.kinds == 0 then return nil end
  return values.object(values.one(values.kinds))
end

local function recursive()
  local list = {}
  list[1] = values.chance(50) and list or { subparts = list, headers = list, data = "x" }
  list.headers = list
  list.share = list
  return list
end

--- A table of anything.
function values.table(depth)
  depth = depth or 0
  local choice = random(12)
  if choice == 1 then return recursive() end
  if choice == 2 then
    return setmetatable({}, {
      __index = function() error("index of a table of the fuzzer's") end,
      __len = function() return 1 << 40 end,
      __tostring = function() return values.any(3) end,
      __name = "fuzzed",
    })
  end
  local result = {}
  for _ = 1, random(0, 5) do
    if choice > 6 then
      result[#result + 1] = depth < 3 and values.any(depth + 1) or values.string()
    else
      result[values.word()] = depth < 3 and values.any(depth + 1) or values.string()
    end
  end
  return result
end

--- Set by callbacks.lua: makes a function.
values.make_function = function() return function() end end

--- Any value at all.
function values.any(depth)
  local choice = random(16)
  if choice <= 2 then return nil end
  if choice <= 4 then return values.chance(50) end
  if choice <= 7 then return values.number() end
  if choice <= 10 then return values.string() end
  if choice == 11 then return values.table(depth) end
  if choice == 12 then return values.make_function(nil, "any") end
  if choice == 13 then return coroutine.create(function() coroutine.yield() end) end
  return values.any_object()
end

return values
