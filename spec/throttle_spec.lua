-- The option `throttle`: how many requests start in a time, and who waits for whom.
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task, failure, simulated = helper.task, helper.failure, helper.simulated

-- Two hosts that answer everything.
local HERE, THERE = "https://here.example/", "https://there.example/"
local ANSWERS = { routes = { {} } }

describe("throttle", function()
  local hostile

  setup(function() hostile = servers.hostile() end)
  teardown(function() servers.stop_all() end)
  after_each(helper.check_leaks)

  local function over(mock, throttle, options)
    options = options or {}
    options.throttle, options.agent = throttle, options.agent or mock
    return ms.client(options)
  end

  -- When requests started, by the URL that routes know, in milliseconds.
  local function starts(mock, url)
    local list, began = {}, mock:calls()[1].at
    for i, call in ipairs(mock:calls(url)) do
      list[i] = math.floor((call.at - began) * 1000 + 0.5)
    end
    return list
  end

  local function get_all(client, count, url)
    local urls = {}
    for i = 1, count do
      urls[i] = url or HERE
    end
    local _, errs = ms.map(urls, function(each) return client:get(each) end)
    local _, err = next(errs)
    assert.is_nil(err, tostring(err))
  end

  it("starts at most so many in any window", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 5, per = 0.1 })
    get_all(client, 12)
    ms.sleep(0.07)                    -- not at the edges of any raster
    get_all(client, 8)
    assert.same({ 0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 200, 200, 270, 270, 270, 300, 300,
      370, 370, 370 }, starts(mock))
  end))

  it("spreads them when fewer may follow each other at once", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 10, per = 0.2, burst = 2 })
    get_all(client, 9)
    assert.same({ 0, 0, 40, 40, 80, 80, 120, 120, 160 }, starts(mock))
  end))

  it("counts each host by itself: a throttled one holds up no other", simulated(ANSWERS,
    function(mock)
    local client = over(mock, { limit = 1, per = 60 })
    local slow = ms.spawn(get_all, client, 3)
    ms.sleep(0)
    get_all(client, 1, THERE)
    slow:await()
    assert.same({ { 0, 60000, 120000 }, { 0 } },
      { starts(mock, HERE), starts(mock, THERE) })
  end))

  it("keeps several rules at once, and a host in one holds nobody up in another", simulated(
    ANSWERS, function(mock)
    local client = over(mock, { { limit = 3, per = 0.1, key = "all" }, { limit = 1, per = 0.15 } })
    local slow = ms.spawn(get_all, client, 3)
    ms.sleep(0)
    get_all(client, 1, THERE)
    slow:await()
    assert.same({ { 0, 150, 300 }, { 0 } }, { starts(mock, HERE), starts(mock, THERE) })
  end))

  it("counts what a function says, with limits of its own, or not", simulated(ANSWERS,
    function(mock)
    local client = over(mock, { limit = 1, per = 60, key = function(request)
      local user = request.headers["x-user"]
      return user, user == "gold" and { limit = 5, per = 60 } or nil
    end })
    for _ = 1, 5 do
      client:get(HERE)                -- nobody's
      client:get(HERE, { headers = { ["x-user"] = "gold" } })
    end
    client:get(HERE, { headers = { ["x-user"] = "tin" } })
    local _, err = client:get(HERE, { headers = { ["x-user"] = "tin" }, timeout = { queue = 2 } })
    assert.same({ "timeout", "queue", true }, { err.kind, err.phase, err.retryable })
    assert.equal(11, #mock:calls())
    client:get(HERE, { headers = { ["x-user"] = "gold" } })
    assert.equal(60000, starts(mock)[12])
  end))

  it("lets them start in order", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 1, per = 0.02 })
    ms.map({ 1, 2, 3, 4, 5 }, function(i) return client:get(HERE .. i) end)
    for i, call in ipairs(mock:calls()) do
      assert.equal(HERE .. i, call.url)
    end
    assert.same({ 0, 20, 40, 60, 80 }, starts(mock))
  end))

  it("lets them start in order over the network, too", task(function()
    local urls = {}
    local client = ms.client({ throttle = { limit = 1, per = 0.01 },
      each_attempt = { function(request, next)
        urls[#urls + 1] = request.url:match("%d$")
        return next(request)
      end } })
    ms.map({ 1, 2, 3, 4, 5, 6 }, function(i)
      return client:get(hostile.url("/bytes?i=" .. i), { progress = function() end })
    end)
    assert.same({ "1", "2", "3", "4", "5", "6" }, urls)
    client:close()
  end))

  it("takes a token for each hop and each try", simulated({ routes = {
    { url = "/hop", reply = { status = 302, headers = { Location = "/end" } } },
    { url = "/down", reply = { { status = 500 }, { fail = "closed" }, {} } }, {},
  } }, function(mock)
    local client = over(mock, { limit = 1, per = 60 })
    client:get(HERE .. "hop"):close()
    client:get(HERE .. "down", { retry = { backoff = function(try) return 50 * try end } }):close()
    client:get(HERE):close()
    -- A pause is no token: the second try was due when its token was not there, the third later.
    assert.same({ 0, 60000, 120000, 180000, 280000, 340000 }, starts(mock))
  end))

  -- None starts too early, by its own clock.
  it("takes a token for each hop and each try over the network, too", task(function()
    local moments = {}
    local client = ms.client({ throttle = { limit = 1, per = 0.03 }, retry = { backoff = 0.001 },
      each_attempt = { function(request, next)
        moments[#moments + 1] = ms.now()
        return next(request)
      end } })
    client:get(hostile.url("/redirect?to=%2Fbytes")):close()
    client:get(hostile.url("/status?code=500")):close()
    assert.equal(5, #moments)
    assert.truthy(moments[5] - moments[1] >= 0.09)      -- the first may have been noted late
    client:close()
  end))

  it("closes a host that says Retry-After, and nobody else", simulated({ routes = {
    { url = HERE .. "closing", reply = { status = 429, headers = { ["retry-after-ms"] = 150 } } },
    { url = HERE .. "ever", reply = { status = 503, headers = { ["Retry-After"] = "1e308" } } },
    {},
  } }, function(mock)
    local client = over(mock, { { limit = 100, per = 1 }, { limit = 100, per = 1, key = "all" } })
    client:get(HERE .. "closing")
    client:get(THERE)
    client:get(HERE)
    assert.same({ 0, 0, 150 }, starts(mock))
    client:get(HERE .. "ever")
    local _, err = client:get(HERE, { timeout = 3599 })
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    assert.truthy(err.message:find("timeout.total", 1, true), err.message)
    client:get(HERE)                  -- nothing is closed for ever
    assert.equal(150 + 3600000, starts(mock)[5])
  end))

  it("is steered by the answers", simulated({ routes = {
    { url = "/429", reply = { status = 429 } }, {},
  } }, function(mock)
    local client = over(mock, { adaptive = { min = 10, max = 200 } })
    get_all(client, 8)
    local all = starts(mock)
    assert.truthy(all[8] - all[1] >= 7 * 1000 / 200)
    for _ = 1, 3 do
      client:get(HERE .. "429")
    end
    client:get(HERE)
    client:get(HERE)
    all = starts(mock)
    assert.truthy(all[13] - all[12] >= 1000 / 120, all[13] - all[12])       -- half as fast at least
  end))

  it("holds for lists of URLs", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 2, per = 60 })
    local responses = client:map({ HERE, HERE, THERE, HERE, HERE, HERE })
    assert.equal(6, responses.n)
    for i = 1, 6 do
      assert.equal(200, responses[i].status)
    end
    assert.same({ 0, 0, 0, 60000, 60000, 120000 }, starts(mock))
  end))

  it("holds for lists of URLs over the network, too", task(function()
    local client = ms.client({ throttle = { limit = 2, per = 0.05 } })
    local url = hostile.url("/bytes?n=1")
    client:get(url):text()
    local before = ms.now()
    local responses = client:map({ url, url, url, url, url })
    assert.equal(5, responses.n)
    for i = 1, 5 do
      assert.equal(200, responses[i].status)
    end
    assert.truthy(ms.now() - before >= 0.05)     -- the first may have started late
    client:close()
  end))

  it("says how long it took in timings.queue", task(function()
    local client = ms.client({ throttle = { limit = 1, per = 0.1 } })
    client:get(hostile.url("/bytes")):close()
    local response = client:get(hostile.url("/bytes"))
    assert.truthy(response.timings.queue > 0.05)
    response:close()
    client:close()
  end))

  it("is left when cancelled, and lets the next one on", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 1, per = 60 })
    client:get(HERE)
    local first = ms.spawn(client.get, client, HERE .. "?i=1")
    local second = ms.spawn(client.get, client, HERE .. "?i=2")
    ms.sleep(20)
    first:cancel("enough")
    second:await()
    assert.equal("cancelled", first:status())
    assert.same({ { 0, 60000 }, { 60000 } }, { starts(mock), starts(mock, HERE .. "?i=2") })
  end))

  it("ends with its client", simulated(ANSWERS, function(mock)
    local client = over(mock, { limit = 1, per = 60 })
    client:get(HERE)
    local waiting = ms.spawn(client.get, client, HERE)
    local other_one = ms.spawn(client.get, client, HERE)
    ms.sleep(20)
    client:close()
    for _, each in ipairs({ waiting, other_one }) do
      local response, err = each:await()
      assert.same({ nil, "cancelled" }, { response, err.kind })
    end
  end))

  it("of a request takes the place of the client's, and keeps what it has counted", simulated(
    ANSWERS, function(mock)
    local client = over(mock, { limit = 1, per = 60 })
    for _ = 1, 3 do
      client:get(HERE, { throttle = false })
    end
    for _ = 1, 4 do
      client:get(HERE, { throttle = { limit = 2, per = 5 } })
    end
    client:get(HERE)
    client:get(HERE)
    assert.same({ 0, 0, 0, 0, 0, 5000, 5000, 5000, 65000 }, starts(mock))
  end))

  it("forgets keys that keep nobody back", task(function()
    local client = over(nil, { limit = 1, per = 0.0001, key = function(request)
      return request.url
    end }, { agent = function() return ms.response("") end })
    for i = 1, 5000 do
      client:get("http://h.example/" .. i)
    end
    local _, limiters = next(client.throttles)
    assert.truthy(limiters.count <= 2100, limiters.count)
    client:close()
  end))

  it("has its mistakes named", function()
    local function check(words, throttle)
      local err = failure(function() ms.client({ throttle = throttle }) end)
      assert.truthy(err:find(words, 1, true), err)
    end
    check("option 'throttle': false, table or list of tables expected, got true", true)
    check("option 'throttle': false, table or list of tables expected", {})
    check("option 'throttle.limit': integer of 1 or more expected, got nil", { per = 1 })
    check("option 'throttle.limit': integer of 1 or more expected, got 0", { limit = 0 })
    check("option 'throttle.per': seconds above 0 expected, got 0", { limit = 1, per = 0 })
    check("option 'throttle.key': \"host\", \"all\" or function expected",
      { limit = 1, key = "hosts" })
    check("option 'throttle[2].burst': integer of 1 or more", { { limit = 1 },
      { limit = 1, burst = 0.5 } })
    check("option 'throttle.adaptive': {min = , max = } with starts a second expected",
      { adaptive = { min = 5, max = 1 } })
    check("unknown field \"limits\", did you mean", { limits = 1 })
  end)
end)
