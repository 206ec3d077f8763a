-- The option `cache`: what users see of it. What is right for which headers is in
-- cache_rules_spec.lua.
local cached = require("spec.support.cached")
local helper = require("spec.helper")
local ms = require("multisock")
local support = require("spec.support.core_support")

local task = helper.task

describe("cache", function()
  cached.fixture()

  local FRESH, begin = cached.FRESH, cached.begin

  it("is off unless it is asked for", task(function()
    local client, get, target = begin({ FRESH }, { cache = false })
    assert.equal("first nil", get())
    assert.equal("first nil", get())
    assert.equal(2, #cached.seen(target))
    client:close()
  end))

  it("gives a stored answer while it is fresh, and asks when it is not", task(function()
    local client, get, target = begin({ FRESH, { status = 304, headers = "Date: @61" },
      { headers = "Cache-Control: max-age=60\nDate: @200", body = "second" } })
    assert.equal("first nil", get())
    cached.wait(59)
    assert.equal("first fresh", get())
    cached.wait(2)
    assert.equal("first revalidated", get())
    assert.equal("first fresh", get())
    cached.wait(139)
    assert.equal("second nil", get())
    local seen = cached.seen(target)
    assert.equal(3, #seen)
    assert.is_nil(seen[1].headers["if-none-match"])
    assert.equal('"one"', seen[2].headers["if-none-match"])
    client:close()
  end))

  it("serves a response like any other", task(function()
    local client, get, _, url = begin({ { status = 404, body = "none",
      headers = "Cache-Control: max-age=60\nDate: @-5\nX-Two: a\nX-Two: b" } })
    local _, first = get()
    cached.wait(3)
    local text, again = get()
    assert.equal("none fresh", text)
    assert.equal(404, again.status)
    assert.equal(false, again.ok)
    assert.equal("Not Found", again.status_text)
    assert.equal(url, again.url)
    assert.equal("1.1", again.http_version)
    assert.same({ "a", "b" }, again.headers:get_all("x-two"))
    assert.equal("8", again.headers.age)
    assert.equal(first.headers.date, again.headers.date)
    assert.same({ 1, 0 }, { first.attempts, again.attempts })
    assert.same({}, again.history)
    assert.equal(0, again.timings.total)
    client:close()
  end))

  it("keeps what was read to its end, however it was read", task(function()
    local path = os.tmpname()
    local ways = {
      text = function(r) r:text() end,
      read = function(r) while r:read(2) do end end,
      pieces = function(r) repeat until r:read() == nil end,
      save = function(r) assert.equal(5, (assert(r:save(path)))) end,
      discard = function(r) r:discard() end,
    }
    for name, read in pairs(ways) do
      local client, get, _, url = begin({
        { headers = FRESH.headers, body = "first", pause = 0.01 } })
      read(ms.assert(client:get(url)))
      assert.equal("first fresh", get(), name)
      client:close()
    end
    assert.equal("first", helper.read_file(path))
    os.remove(path)
  end))

  it("gives no more than max_body of a stored body at once, as of one that comes", task(function()
    for _, path in ipairs({ false, cached.folder }) do
      local client, get, target, url = begin({ FRESH }, { cache = { path = path or nil } })
      local function ask(options)
        return client:get(url, options)
      end
      assert.equal("first nil", get())
      for _, read in ipairs({ "text", "json" }) do
        local response = ms.assert(ask({ max_body = 4 }))
        assert.equal("fresh", response.cached)
        local body, why = response[read](response)
        assert.is_nil(body)
        assert.equal("too_large", why.kind)
        assert.equal("the body is larger than max_body (4 bytes)", why.message)
        assert.equal(url, why.url)
        assert.equal("too_large", select(2, response:text()).kind)       -- again
      end
      local err = helper.err_of(ask({ max_body = 4, buffer = true }))
      assert.same({ "too_large", 200 }, { err.kind, err.response.status })
      local _, errors = client:map({ { url, { max_body = 4 } }, { url, { max_body = 5 } } })
      assert.equal("too_large", errors[1].kind)
      assert.is_nil(errors[2])
      -- A stream has no limit.
      assert.equal(5, ms.assert(ask({ max_body = 4 })):save("/dev/null"))
      local streamed = ms.assert(ask({ max_body = 4 }))
      assert.equal("firs", streamed:read(4))
      assert.equal("t", streamed:read(4))
      assert.is_nil(streamed:read(4))
      for _, most in ipairs({ 5, 0, math.huge }) do
        assert.equal("first fresh", (get({ max_body = most })))
      end
      assert.equal(1, #cached.seen(target))
      client:close()
    end
  end))

  it("does not keep what was not read, nor what was cut", task(function()
    local client, get, target, url = begin({ { headers = "Cache-Control: max-age=60", promised = 9,
      body = "half" }, FRESH })
    local response = ms.assert(client:get(url))
    assert.is_nil((response:text()))
    assert.equal("first nil", get())
    local big, big_url = cached.new_target()
    cached.script(big, { { headers = FRESH.headers, body = ("x"):rep(600000) } })
    local other = ms.assert(client:get(big_url))
    assert.equal(10, #other:read(10))
    other:close()
    assert.is_nil(ms.assert(client:get(big_url)).cached)
    assert.equal(2, #cached.seen(big))
    assert.equal(2, #cached.seen(target))
    client:close()
  end))

  it("takes WHATWG's modes", task(function()
    local second = { headers = FRESH.headers, body = "second" }
    local client, get, target, url = begin({ FRESH, second })
    assert.equal("first nil", get({ cache = "no-store" }))
    local _, err = client:get(url, { cache = "only-if-cached" })
    assert.equal("policy", err.kind)
    assert.equal("second nil", get())
    assert.equal("second fresh", get({ cache = "default" }))
    assert.equal("second nil", get({ cache = false }))
    assert.equal("second nil", get({ cache = "reload" }))
    assert.equal("second nil", get({ cache = "no-cache" }))    -- the origin does not say 304
    cached.wait(1000)
    assert.equal("second stale", get({ cache = "force-cache" }))
    assert.equal("second stale", get({ cache = "only-if-cached" }))
    local seen = cached.seen(target)
    assert.equal(5, #seen)
    assert.equal("no-cache", seen[4].headers["cache-control"])
    assert.equal("max-age=0", seen[5].headers["cache-control"])
    assert.equal('"one"', seen[5].headers["if-none-match"])
    client:close()
  end))

  it("asks neither `throttle` nor `each_attempt` for what it has", task(function()
    local sent = 0
    local client, get = begin({ FRESH }, { throttle = { limit = 1, per = 60 },
      each_attempt = { function(request, next)
        sent = sent + 1
        return next(request)
      end } })
    for _ = 1, 5 do
      get()
    end
    assert.equal(1, sent)
    client:close()
  end))

  it("answers each hop of a redirect", task(function()
    local client, get, target, url = begin({ FRESH })
    local from, from_url = cached.new_target()
    cached.script(from, { { status = 301, headers = "Location: " .. url .. "\nDate: @-1000" ..
      "\nLast-Modified: @-100000" } })
    for _ = 1, 2 do
      assert.equal("first", ms.assert(client:get(from_url)):text())
    end
    local response = client:get(from_url)
    assert.equal("fresh", response.cached)
    assert.equal("fresh", response.history[1].cached)
    assert.equal(url, response.url)
    assert.same({ 1, 1 }, { #cached.seen(from), #cached.seen(target) })
    assert.equal("first fresh", get())
    client:close()
  end))

  it("serves lists of URLs, too", task(function()
    local client, get, target, url = begin({ FRESH })
    get()
    local responses = client:map({ url, url, { url, { cache = "reload" } } })
    assert.same({ "fresh", "fresh" }, { responses[1].cached, responses[2].cached })
    assert.is_nil(responses[3].cached)
    assert.equal("first", responses[3]:text())
    assert.equal(2, #cached.seen(target))
    client:close()
  end))

  it("asks again in the background while stale-while-revalidate lasts", helper.simulated({
    routes = { { reply = {
      { headers = { ["Cache-Control"] = "max-age=10, stale-while-revalidate=50" }, body = "old" },
      { headers = { ["Cache-Control"] = "max-age=10" }, body = "new", delay = 3 },
    } } },
  }, function(mock)
    local client = ms.client({ agent = mock, cache = true })
    local function get()
      local response = client:get("https://h.example/")
      return response:text() .. " " .. tostring(response.cached)
    end
    assert.equal("old nil", get())
    ms.sleep(20)
    assert.equal("old stale", get())
    ms.sleep(2)
    assert.equal("old stale", get())
    ms.sleep(2)
    assert.equal("new fresh", get())
    assert.equal(2, #mock:calls())
  end))

  it("stands in for a server that fails while stale-if-error lasts", task(function()
    local client, get, _, url = begin({
      { headers = "Cache-Control: max-age=10, stale-if-error=50\nDate: @0", body = "old" },
      { status = 503 }, { cut = true } })
    get()
    cached.wait(20)
    assert.equal("old stale", get())
    assert.equal("old stale", get())
    cached.wait(50)
    local _, err = client:get(url)
    assert.equal("closed", err.kind)
    client:close()
  end))

  it("keeps within max_size, what was used last", task(function()
    local client, get, _, url = begin({ FRESH }, { cache = { max_size = 100000 } })
    get()
    local body = ("x"):rep(12000)
    for _ = 1, 12 do
      local target, other = cached.new_target()
      cached.script(target, { { headers = FRESH.headers, body = body } })
      ms.assert(client:get(other)):text()
      assert.equal("first fresh", get())
    end
    assert.truthy(client.stores[""].size <= 100000)
    local count = 0
    for _ in pairs(client.stores[""].by_url) do count = count + 1 end
    assert.truthy(count < 9, count)
    assert.equal("fresh", client:get(url).cached)
    client:close()
  end))

  it("bears what servers say", task(function()
    local long = ("x"):rep(60000)
    for _, headers in ipairs({
      "Cache-Control: " .. ("no-cache=\"a\","):rep(7000), "Cache-Control: " .. ('"'):rep(60000),
      "Cache-Control: a" .. (" "):rep(60000) .. "b", "Cache-Control: max-age=" .. ("9"):rep(60000),
      "Vary: " .. ("a,"):rep(30000), "Vary: " .. long, "Age: " .. ("9"):rep(60000),
      "Expires: " .. long, "ETag: " .. long, "Connection: " .. ("a, "):rep(20000),
      "Cache-Control: max-age=60" .. ("\nX: y"):rep(4900), "Cache-Control: =,=,;,max-age",
      "Cache-Control: max-age=60\nLocation: " .. long,
      "Last-Modified: Sun, 00 Nov 0000 00:00:00 GMT",
      "Cache-Control: " .. ("\\"):rep(30000) .. '"' .. ("\\"):rep(30000),
    }) do
      local client, get = begin({ { headers = headers, body = "b" } }, { max_headers = 2 ^ 20 })
      local before = os.clock()
      get()
      get()
      assert.truthy(os.clock() - before < 0.5 or not helper.timing_is_real, headers:sub(1, 40))
      client:close()
    end
  end))

  it("works over an agent, buffered, and for what an iterator gives", task(function()
    local folder = cached.server.dir .. "/agents"
    for _, option in ipairs({ true, { path = folder } }) do
      local asked = 0
      local client = ms.client({ cache = option, agent = function()
        asked = asked + 1
        local pieces = { "a", "b", "c" }
        return ms.response(function() return table.remove(pieces, 1) end,
          { headers = { ["Cache-Control"] = "max-age=60" } })
      end })
      for i = 1, 3 do
        local response = ms.assert(client:get("http://h.example/", { buffer = true }))
        assert.equal("abc", response:text())
        assert.equal(i > 1 and "fresh" or nil, response.cached)
      end
      assert.equal(1, asked)
      client:close()
    end
  end))

  it("is loaded by who uses it", function()
    local script = [[
      local ms, url = require("multisock"), ...
      local function loaded()
        local count = 0
        for name in pairs(package.loaded) do
          count = count + (name:find("cache") and 1 or 0)
        end
        return count
      end
      ms.client():get(url):close()
      local client = ms.client({ cache = true })
      print(loaded())
      client:get(url):close()
      print(loaded() > 5)
    ]]
    local client, _, _, url = begin({ FRESH })
    client:close()
    assert.equal("0\ntrue\n", (support.child(script, url)))
  end)

  it("asks in the background outside of all tasks, too", function()
    local script = [[
      local ms, url = require("multisock"), ...
      local client = ms.client({ cache = true })
      local function get()
        local response = assert(client:get(url))
        return response:text() .. " " .. tostring(response.cached)
      end
      print(get())
      local time = require("multisock.base.clock").time
      require("multisock.base.clock").time = function() return time() + 20 end
      print(get())
      ms.sleep(0.1)
      print(get())
    ]]
    local client, _, _, url = begin({
      { headers = "Cache-Control: max-age=10, stale-while-revalidate=50", body = "old" },
      { headers = "Cache-Control: max-age=10", body = "new" },
    })
    client:close()
    assert.equal("old nil\nold stale\nnew fresh\n", (support.child(script, url)))
  end)

  it("names what is wrong with the option", function()
    for _, case in ipairs({
      { "maybe", "option 'cache'" }, { { size = 1 }, "unknown field" },
      { { max_size = 0 }, "option 'cache.max_size': integer of 1 or more expected, got 0" },
      { { path = 1 }, "option 'cache.path'" }, { { coalesce = 1 }, "option 'cache.coalesce'" },
    }) do
      local err = helper.failure(ms.client, { cache = case[1] })
      assert.truthy(err:find(case[2], 1, true), err)
    end
  end)
end)
