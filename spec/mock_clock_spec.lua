-- mock:run: all of the package has the clock of a mock.
local chance = require("multisock.base.chance")
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")
local servers = require("spec.support.servers")
local timers = require("multisock.base.timers")

local failure, logged = helper.failure, mocked.logged

describe("the clock of a mock", function()
  after_each(helper.check_leaks)
  teardown(function() servers.stop_all() end)

  local function run(fn, options)
    return ms.mock(options):run(fn)
  end

  it("passes when everybody waits, in the same way each time", function()
    local function program(mock, log)
      local client = ms.client({ agent = mock, retry = { limit = 10, backoff = 1, budget = 9 },
        throttle = { limit = 1, per = 60, key = function(request)
          return not request.url:find("flaky") and "all" or nil
        end } })
      ms.group(function(group)
        group:spawn(function()
          log("flaky " .. client:get("https://h.example/flaky"):text())
        end)
        for i = 1, 4 do
          group:spawn(function()
            client:get("https://h.example/" .. i):close()
            log("throttled " .. i)
          end)
        end
        ms.sleep(3600)
        log("slept")
      end)
    end
    local function once(seed)
      local down = {}
      for i = 1, 10 do
        down[i] = { status = 503 }
      end
      down[11] = { body = "at last" }
      return logged(program, { seed = seed,
        routes = { { url = "/flaky", reply = down }, { url = "/*" } } })
    end
    local before = os.time()
    local first = once(1)
    assert.same(first, once(1))
    assert.is_false(pcall(assert.same, first, once(2)))
    assert.truthy(os.time() - before < 60)
    local throttled = {}
    for i, line in ipairs(first) do
      throttled[#throttled + 1] = line:find("^throttled") and line or nil
      if i == #first then
        assert.equal("slept 3600.000", line)
      end
    end
    assert.same({ "throttled 1 0.000", "throttled 2 60.000", "throttled 3 120.000",
      "throttled 4 180.000" }, throttled)
  end)

  it("is that of sleep, limits, queues, hedges and the waits of a mock", function()
    assert.same({
      "cut one 0.000", "cut tw 4.000", "cut closed 4.000",
    }, logged(function(mock, log)
      local response = ms.client({ agent = mock }):get("https://h.example/")
      log("cut " .. response:read())
      log("cut " .. response:read())
      log("cut " .. select(2, response:read()).kind)
    end, { routes = { { reply = { body = { "one", 4, "two" }, fail = "closed", at = 5 } } } }))
    assert.same({
      "timeout 10.000", "total 13.000", "attempt 15.000", "queue 16.000", "hedge 2 17.300",
      "piece a 18.300", "piece b 20.300", "slow 50.300",
    }, logged(function(mock, log)
      local client = ms.client({ agent = mock })
      local _, err = ms.with_timeout(10, ms.sleep, 60)
      log(err.kind)
      _, err = client:get("https://h.example/slow", { timeout = 3 })
      log(err.message:match("timeout%.(%a+)"))
      _, err = client:get("https://h.example/slow", { timeout = { attempt = 2 } })
      log(err.message:match("timeout%.(%a+)"))
      local rule = { limit = 1, per = 60 }
      client:get("https://h.example/", { throttle = rule })
      _, err = client:get("https://h.example/", { throttle = rule, timeout = { queue = 1 } })
      log(err.phase)
      log("hedge " .. ms.hedge({ after = 0.3 }, function(try)
        ms.sleep(try == 1 and 5 or 1)
        return try
      end))
      local response = client:get("https://h.example/pieces")
      log("piece " .. response:read())
      log("piece " .. response:read())
      client:get("https://h.example/slow")
      log("slow")
    end, { routes = {
      { url = "/slow", reply = { delay = 30 } },
      { url = "/pieces", reply = { body = { 1, "a", 2, "b" } } }, { url = "/" },
    } }))
  end)

  it("is that of breakers, which open and are asked again", function()
    local log = logged(function(mock, log)
      local client = ms.client({ agent = mock,
        retry = { limit = 0, breaker = { min = 3, open = 20 } } })
      for _ = 1, 8 do
        local response, err = client:get("https://h.example/")
        log(response and response.status or err.kind)
        ms.sleep(5)
      end
    end, { routes = { { reply = { { status = 500 }, { status = 500 }, { status = 500 }, {} } } } })
    assert.same({ "500 0.000", "500 5.000", "500 10.000", "breaker 15.000", "breaker 20.000",
      "breaker 25.000", "200 30.000", "200 35.000" }, log)
  end)

  it("is the time of day of caches, cookies and tokens", function()
    run(function()
      local routes = {
        { url = "/fresh", reply = { body = "x", headers = { ["Cache-Control"] = "max-age=60" } } },
        { url = "/set", reply = { headers = { ["Set-Cookie"] = "a=1; Max-Age=100" } } },
        { url = "/token", reply = { json = { access_token = "t", expires_in = 1000,
          token_type = "bearer" } } },
        { url = "/*" },
      }
      local mock, jar = ms.mock({ routes = routes }), ms.cookies()
      local client = ms.client({ agent = mock, cache = true, cookies = jar })
      local function get(path)
        return client:get("https://h.example" .. path)
      end
      get("/fresh"):text()
      ms.sleep(59)
      assert.equal("fresh", get("/fresh").cached)
      ms.sleep(2)
      assert.is_nil(get("/fresh").cached)
      get("/set")
      ms.sleep(99)
      assert.equal("a=1", jar:get("https://h.example/"))
      ms.sleep(2)
      assert.is_nil(jar:get("https://h.example/"))
      client = ms.client({ agent = mock, base_url = "https://h.example", each_attempt = {
        ms.oauth2({ token_url = "https://h.example/token", client_id = "me",
          client_secret = "s" }) } })
      for _ = 1, 3 do
        client:get("/x")
        ms.sleep(600)
      end
      assert.equal(2, #mock:calls("/token"))
    end)
  end)

  it("goes on in the next run, and is the system's between them", function()
    local mock = ms.mock()
    local real = ms.now()
    local function now() return ms.now(), clock.time() end
    local first, first_day = mock:run(function()
      ms.sleep(86400)
      return now()
    end)
    assert.truthy(ms.now() - real < 600 and ms.now() >= real)
    assert.truthy(math.abs(clock.time() - os.time()) < 60)
    local second, second_day = mock:run(now)
    assert.same({ first, first_day }, { second, second_day })
    assert.truthy(math.abs(first_day - os.time() - 86400) < 60)
    local other = run(now)
    assert.equal(86400, first - other)
  end)

  it("wakes who waits for the same moment in the order of their waiting", helper.of_loop(function()
    local order = {}
    run(function()
      ms.group(function(group)
        for i = 1, 100 do
          group:spawn(function()
            ms.sleep(i % 3)
            ms.sleep(5 - i % 3)
            order[#order + 1] = i
          end)
        end
      end)
      -- Cancelled in order, too; and woken by their client's end.
      local client = ms.client({ agent = ms.mock({ routes = { { reply = { delay = 60 } } } }) })
      pcall(ms.group, function(group)
        for i = 1, 50 do
          group:spawn(function()
            if not pcall(ms.sleep, 10) then
              order[#order + 1] = "cancelled " .. i
            end
          end)
        end
        ms.sleep(1)
        error("enough")
      end)
      for i = 1, 50 do
        ms.spawn(function()
          local _, err = client:get("https://h.example/")
          order[#order + 1] = err.kind .. i
        end)
      end
      ms.sleep(1)
      client:close()
    end)
    local expected = {}
    for _, rest in ipairs({ 0, 1, 2 }) do
      for i = 1, 100 do
        expected[#expected + 1] = i % 3 == rest and i or nil
      end
    end
    for _, what in ipairs({ "cancelled ", "cancelled" }) do
      for i = 1, 50 do
        expected[#expected + 1] = what .. i
      end
    end
    assert.same(expected, order)
  end))

  it("passes what is given and returned, and what is raised", function()
    local mock = ms.mock()
    assert.same({ n = 3, 1, nil, 2 }, table.pack(mock:run(function(...) return ... end, 1, nil, 2)))
    local thrown = {}
    assert.equal(thrown, failure(mock.run, mock, function()
      ms.sleep(5)
      error(thrown)
    end))
    assert.truthy(failure(mock.run, mock, function()
      ms.spawn(error, "nobody awaits it")
      ms.sleep(5)
    end):find("nobody awaits it", 1, true))
    -- What else nobody awaits is not raised by the next one.
    failure(mock.run, mock, function()
      ms.spawn(error, "one")
      ms.spawn(error, "two")
    end)
    mock:run(function() end)
    ms.run(function() end)
    assert.truthy(failure(mock.run, mock, function() ms.queue():get() end)
      :find("deadlock: every task waits for another", 1, true))
    assert.truthy(failure(mock.run, mock, function() ms.sleep(math.huge) end)
      :find("deadlock: every task waits for ever", 1, true))
  end)

  it("leaves nothing behind after an error", function()
    local time, bytes = clock.time, chance.bytes
    failure(ms.mock().run, ms.mock(), function()
      ms.spawn(ms.sleep, 1000)
      assert.is_false(clock.time == time)
      error("enough")
    end)
    assert.same({ time, bytes }, { clock.time, chance.bytes })
    local before = core.now()
    ms.run(ms.sleep, 0.01)
    assert.truthy(core.now() - before >= 0.01)
    assert.equal(0, timers.count())
  end)

  it("says that nothing waits, when a task only lets others run", function()
    if not helper.timing_is_real then
      return
    end
    local err = failure(run, function()
      while true do
        ms.sleep(0)
      end
    end)
    assert.truthy(err:find("the clock has stood still for 200,000 turns", 1, true), err)
  end)

  it("stands for the system's: what was there before waits until it is over", function()
    local order, queue = {}, ms.queue()
    local before = ms.spawn(function()
      ms.sleep(0)
      order[#order + 1] = "outside"
    end)
    local reader = ms.spawn(function()
      local value = queue:get()
      order[#order + 1] = value
    end)
    ms.step(0)
    run(function()
      ms.sleep(60)
      queue:put("from inside")
      order[#order + 1] = "inside"
    end)
    before:await()
    reader:await()
    table.sort(order)
    assert.same({ "from inside", "inside", "outside" }, order)
  end)

  it("ends what no run waits for", helper.of_loop(function()
    local ended
    run(function()
      local client = ms.client({ cache = { coalesce = true }, agent = function()
        local ok, err = pcall(ms.sleep, 100)
        ended = ok or err
        return ms.response("")
      end })
      local task = ms.spawn(client.get, client, "https://h.example/")
      ms.sleep(1)
      task:cancel()
    end)
    assert.equal("cancelled", ended.kind)
  end))

  ---- The network -----------------------------------------------------------

  it("lets nothing go to the network", function()
    local hostile = servers.hostile()
    local client = ms.client()
    assert.equal(200, client:get(hostile.url("/bytes")).status)
    run(function()
      local words = "mock:run: GET " .. hostile.url("/bytes") .. " would go over the network"
      for _, asks in ipairs({ client, ms.client(), ms.client({ retry = true }) }) do
        local _, err = ms.spawn(asks.get, asks, hostile.url("/bytes")):join()
        assert.truthy(err:find(words, 1, true), err)
        _, err = ms.spawn(asks.map, asks, { hostile.url("/bytes") }):join()
        assert.truthy(err:find("mock:run: map would go over the network", 1, true), err)
        asks:close()
      end
    end)
    client = ms.client()
    assert.equal(200, client:get(hostile.url("/bytes")).status)
    client:close()
  end)
end)
