-- What has to work on every Lua, and what each cannot do. Runs on all of them:
-- script/test-luas.
local compat = require("multisock.base.compat")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

local old = _VERSION == "Lua 5.1" or _VERSION == "Lua 5.2" -- LuaJIT says 5.1, too

describe("on every Lua", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  it("the main chunk fetches, reads piece by piece, and iterates", function()
    local url = nginx.url("/1k")
    assert.equal(servers.bytes(1024), ms.assert(ms.get(url)):text())
    local response, pieces = ms.assert(ms.get(url)), {}
    repeat
      local piece, err = response:read(100)
      assert.is_nil(err)
      pieces[#pieces + 1] = piece
    until piece == nil
    assert.equal(servers.bytes(1024), table.concat(pieces))
    pieces = {}
    for piece in ms.assert(ms.get(url)):chunks(7) do
      pieces[#pieces + 1] = piece
    end
    assert.equal(servers.bytes(1024), table.concat(pieces))
    local err = helper.failure(ms.get, 5)
    assert.is_truthy(tostring(err):find("string", 1, true))
  end)

  it("tasks fetch the short way and the long one, a thousand times", helper.task(function()
    local counts = {}
    for round = 1, 10 do
      local tasks = {}
      for i = 1, 100 do
        tasks[i] = ms.spawn(function()
          local options = i % 10 == 0 and { headers = { ["X-Round"] = tostring(round) } } or nil
          local response = ms.assert(ms.get(nginx.url("/1k"), options))
          return response.status, #response:text()
        end)
      end
      for i = 1, 100 do
        local ok, status, size = tasks[i]:join()
        local key = ("%s %s %s"):format(tostring(ok), tostring(status), tostring(size))
        counts[key] = (counts[key] or 0) + 1
      end
    end
    assert.same({ ["true 200 1024"] = 1000 }, counts)
  end))

  it("loops over pairs are compiled only where LuaJIT does that well", function()
    local jit = rawget(_G, "jit")
    if not (jit and jit.version:find("beta", 1, true)) then
      pending("this Lua compiles nothing wrongly")
    end
    local function count(map)
      local sum = 0
      for _ in compat.pairs(map) do
        sum = sum + 1
      end
      return sum
    end
    local function plain()
      local sum = 0
      for i = 1, 1000 do
        sum = sum + i % 3
      end
      return sum
    end
    local begun, compiled = {}, {}
    local function watch(what, trace, fn)
      if what == "start" then
        begun[trace] = fn
      elseif what == "stop" then
        compiled[begun[trace]] = true
      end
    end
    local map = {}
    for i = 1, 1000 do
      map["key" .. i] = i
    end
    jit.attach(watch, "trace")
    for _ = 1, 10 do
      assert.equal(1000, count(map))
    end
    plain()
    jit.attach(watch)
    assert.is_true(compiled[plain])
    assert.is_nil(compiled[count])
  end)

  it("map, groups, timeouts and queues work in tasks", helper.task(function()
    local urls = { nginx.url("/1k"), nginx.url("/missing"), hostile.url("/reset") }
    local responses, errors = ms.map(urls)
    assert.same({ 200, 404 }, { responses[1].status, responses[2].status })
    assert.equal("closed", errors[3].kind)
    local nothing, err = ms.with_timeout(helper.seconds(0.1), function()
      return ms.get(hostile.url("/stall-headers"))
    end)
    assert.is_nil(nothing)
    assert.equal("timeout", err.kind)
    local queue, got = ms.queue(1), {}
    ms.group(function(group)
      group:spawn(function()
        for i = 1, 5 do
          queue:put(i)
        end
        queue:close()
      end)
      local value = queue:get()
      while value do
        got[#got + 1] = value
        value = queue:get()
      end
    end)
    assert.same({ 1, 2, 3, 4, 5 }, got)
  end))

  it("a task is cancelled on the short way, and its client closed", helper.task(function()
    local client = ms.client()
    local path = hostile.url("/late?delay=30")
    ms.assert(client:get(hostile.url("/bytes"))):text()
    local cancelled = ms.spawn(function() return client:get(path) end)
    ms.sleep(helper.seconds(0.05))
    cancelled:cancel()
    local ok, err = cancelled:join()
    assert.same({ false, "cancelled" }, { ok, err.kind })
    ms.assert(client:get(hostile.url("/bytes"))):text()
    local left = ms.spawn(function() return client:get(path) end)
    ms.sleep(helper.seconds(0.05))
    client:close()
    local _, response
    _, response, err = left:join()
    assert.is_nil(response)
    assert.equal("cancelled", err.kind)
  end))

  it("an error that nobody awaited comes with its traceback", function()
    local told
    ms.on_error(function(err, traceback) told = { err, traceback } end)
    local function culprit()
      error("unheard", 0)
    end
    ms.run(function()
      ms.spawn(culprit)
    end)
    ms.on_error(nil)
    assert.equal("unheard", told[1])
    assert.matches("stack traceback", told[2])
    assert.matches("compat_spec", told[2])
  end)

  it("a finalizer runs when its holder is collected", function()
    local got
    do
      local holder = compat.finalizer(function(argument) got = argument end, "argument")
      assert.is_truthy(holder)
    end
    support.collect()
    assert.equal("argument", got)
  end)

  it("the Lua that runs is named", function()
    local name = ms.version().lua
    local expected = jit and "LuaJIT 2" or _VERSION -- luacheck: ignore 113
    assert.equal(expected, name:sub(1, #expected))
  end)
end)

describe("numbers", function()
  local easy

  before_each(function() easy = core.easy() end)
  after_each(function() easy:close() end)

  it("that are integers are exact up to 2^53, in either form", function()
    for _, value in ipairs({ 2 ^ 53, 9007199254740991, 5.0, 0 }) do
      assert.equal(easy, easy:setopt("maxfilesize_large", value))
    end
  end)

  it("beyond are refused where they are doubles", function()
    local ok, err = pcall(easy.setopt, easy, "maxfilesize_large", 2 ^ 53 + 2)
    assert.equal(not old, ok)
    if old then
      assert.matches("option 'MAXFILESIZE_LARGE': integer or boolean expected, got 9%.007199", err)
    end
  end)

  it("with a fraction, infinite ones and none are refused", function()
    for _, value in ipairs({ 1.5, math.huge, -math.huge, 0 / 0 }) do
      local err = helper.failure(easy.setopt, easy, "maxfilesize_large", value)
      assert.matches("option 'MAXFILESIZE_LARGE': integer or boolean expected", err)
      err = helper.failure(easy.pause, easy, value)
      assert.matches("number has no integer representation", err)
    end
    local err = helper.failure(easy.pause, easy, "x")
    assert.matches("number expected, got string", err)
  end)

  it("in messages are printed whole", function()
    easy:setopt("postfields", "x")
    local err = helper.failure(easy.setopt, easy, "postfieldsize_large", 123456789012)
    assert.matches("123456789012 is out of range, the body has 1 bytes", err)
  end)
end)

-- What a task cannot wait in, and that it is told so before anything has begun.
describe("a task that waits", function()
  local nginx = fixtures.nginx()

  after_each(helper.check_leaks)

  local function fetch()
    return ms.assert(ms.get(nginx.url("/1k"))).status
  end

  -- Runs it in a task: the results, or the error.
  local function attempt(fn)
    local results
    ms.run(function()
      fetch()                       -- so that a handle is there for the short way
      results = { ms.spawn(fn):join() }
    end)
    return results
  end

  local function refused(fn, expected)
    local results = attempt(fn)
    assert.is_false(results[1])
    assert.matches("multisock cannot wait here: " .. expected, results[2])
  end

  it("in sort or gsub is told to wait elsewhere", function()
    local expected = compat.yields_in_pcall and "a C function is on the stack"
      or "Lua 5.1 cannot suspend"
    refused(function()
      table.sort({ 2, 1 }, function() return fetch() == 0 end)
    end, expected)
    refused(function()
      return ("a"):gsub("a", function() ms.sleep(0.001) end)
    end, expected)
  end)

  local places = {
    ["pcall"] = function()
      local ok, status = pcall(fetch)
      return ok and status or error(status, 0)
    end,
    ["a metamethod"] = function()
      return setmetatable({}, { __index = fetch }).status
    end,
    ["a metamethod, on the long way"] = function()
      return setmetatable({}, { __index = function()
        ms.sleep(0.001)
        return 200
      end }).status
    end,
    ["the iterator of a for loop"] = function()
      for status in fetch do        -- luacheck: ignore 512
        return status
      end
    end,
    ["an iterator that calls another"] = function()
      for status in function() return fetch() end do -- luacheck: ignore 512
        return status
      end
    end,
    ["the chunks of a body"] = function()
      local count = 0
      for chunk in ms.assert(ms.get(nginx.url("/1m"))):chunks() do
        count = count + #chunk
      end
      return count == 1024 * 1024 and 200 or count
    end,
    ["ms.each"] = function()
      for _, status in ms.each({ 1 }, fetch) do -- luacheck: ignore 512
        return status
      end
    end,
  }

  for name, place in pairs(places) do
    it("in " .. name .. " does so, but for Lua 5.1, which says what to do instead", function()
      if compat.yields_in_pcall then
        assert.same({ true, 200 }, attempt(place))
      else
        refused(place, "Lua 5.1 cannot suspend.*response:read%(%).*task:join.*ms%.map")
        support.collect()
      end
    end)
  end

  it("in what gives a body does so, in Lua 5.1, too", function()
    local function put(body)
      return attempt(function()
        ms.assert(ms.put(nginx.url("/upload/waited"), { body = body }))
        return ms.assert(ms.get(nginx.url("/upload/waited"))):text()
      end)
    end
    local left = { "one ", "two" }
    local pieces = put(function()
      ms.sleep(0.001)
      return table.remove(left, 1)
    end)
    assert.equal("one two", pieces[2])
    local queue = ms.queue(1)
    ms.spawn(function()
      for i = 1, 3 do
        ms.sleep(0.001)
        queue:put(i .. ",")
      end
      queue:close()
    end)
    assert.equal("1,2,3,", put(queue)[2])
    assert.same({ false, "no more" }, put(function()
      ms.sleep(0.001)
      error("no more", 0)
    end))
  end)

  it("reads, joins and maps where it may not do those", function()
    assert.same({ true, 200, 1024 * 1024 }, attempt(function()
      local response, size = ms.assert(ms.get(nginx.url("/1m"))), 0
      local chunk = response:read()
      while chunk do
        size = size + #chunk
        chunk = response:read()
      end
      return response.status, size
    end))
    assert.same({ true, false, "raised" }, attempt(function()
      return ms.spawn(function() error("raised", 0) end):join()
    end))
    assert.same({ true, 200, 200 }, attempt(function()
      local statuses = ms.map({ 1, 2 }, fetch)
      return statuses[1], statuses[2]
    end))
  end)

  it("goes through all of a table, as pairs does", function()
    local list = { "a", "b", n = 1, [print] = true, [1.5] = false }
    local seen = {}
    for key, value in compat.pairs(list) do
      seen[key] = value
    end
    assert.same(list, seen)
    for _ in compat.pairs({}) do
      error("there is nothing")
    end
  end)
end)
