-- The option `throttle`: how many requests start in a time, and who waits for whom.
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task, failure = helper.task, helper.failure

describe("throttle", function()
  local hostile

  setup(function() hostile = servers.hostile() end)
  teardown(function() servers.stop_all() end)
  after_each(helper.check_leaks)

  -- Seconds that this thread could have run, but others did.
  local function held_up()
    return ms.now() - helper.own_time()
  end

  -- A client, and when each of its requests started, by URL: `late` is how long after
  -- it this may have been noted.
  local function client_of(throttle, options)
    local starts, before = {}, held_up()
    options = options or {}
    options.throttle = throttle
    options.each_attempt = { function(request, next)
      local now = held_up()
      starts[#starts + 1] = { at = ms.now(), url = request.url, late = now - before }
      before = now
      return next(request)
    end }
    return ms.client(options), starts
  end

  local function other(path)
    return (hostile.url(path):gsub("127%.0%.0%.1", "localhost"))
  end

  local function get_all(client, count, url)
    local urls = {}
    for i = 1, count do
      urls[i] = url or hostile.url("/bytes?n=1")
    end
    local _, errs = ms.map(urls, function(each) return client:get(each) end)
    local _, err = next(errs)
    assert.is_nil(err, tostring(err))
  end

  -- Between a start and the note of it.
  local SLACK = 0.005

  -- At most `limit` of them in any window of `per` seconds.
  local function check_windows(starts, limit, per)
    table.sort(starts, function(a, b) return a.at < b.at end)
    for i = limit + 1, #starts do
      assert.truthy(starts[i].at - starts[i - limit].at >= per - SLACK - starts[i - limit].late,
        ("%d: %g"):format(i, starts[i].at - starts[i - limit].at))
    end
  end

  it("starts at most so many in any window", task(function()
    local client, starts = client_of({ limit = 5, per = 0.1 })
    get_all(client, 12)
    ms.sleep(0.07)                    -- not at the edges of any raster
    get_all(client, 8)
    assert.equal(20, #starts)
    check_windows(starts, 5, 0.1)
    assert.truthy(starts[4].at - starts[1].at < 0.05 or not helper.timing_is_real)
    client:close()
  end))

  it("spreads them when fewer may follow each other at once", task(function()
    local client, starts = client_of({ limit = 10, per = 0.2, burst = 2 })
    get_all(client, 9)
    check_windows(starts, 2, 0.04)
    check_windows(starts, 10, 0.2)
    client:close()
  end))

  it("counts each host by itself: a throttled one holds up no other", task(function()
    local client, starts = client_of({ limit = 1, per = 0.3 })
    local before = ms.now()
    local slow = ms.spawn(get_all, client, 3)
    ms.sleep(0)
    get_all(client, 1, other("/bytes?n=1"))
    assert.truthy(ms.now() - before < 0.25 or not helper.timing_is_real)
    slow:await()
    assert.equal(4, #starts)
    client:close()
  end))

  it("keeps several rules at once, and a host in one holds nobody up in another", task(function()
    local client, starts = client_of({
      { limit = 3, per = 0.1, key = "all" }, { limit = 1, per = 0.15 },
    })
    local before = ms.now()
    local slow = ms.spawn(get_all, client, 3)
    ms.sleep(0)
    client:get(other("/bytes?n=1")):close()
    assert.truthy(ms.now() - before < 0.14 or not helper.timing_is_real)
    slow:await()
    local here = {}
    for _, start in ipairs(starts) do
      here[#here + 1] = not start.url:find("localhost") and start or nil
    end
    check_windows(here, 1, 0.15)
    check_windows(starts, 3, 0.1)
    client:close()
  end))

  it("counts what a function says, with limits of its own, or not", task(function()
    local client, starts = client_of({ limit = 1, per = 60, key = function(request)
      local user = request.headers["x-user"]
      return user, user == "gold" and { limit = 5, per = 60 } or nil
    end })
    for _ = 1, 5 do
      client:get(hostile.url("/bytes")):close()                  -- nobody's
      client:get(hostile.url("/bytes"), { headers = { ["x-user"] = "gold" } }):close()
    end
    client:get(hostile.url("/bytes"), { headers = { ["x-user"] = "tin" } }):close()
    local _, err = client:get(hostile.url("/bytes"), { headers = { ["x-user"] = "tin" },
      timeout = { queue = 0.02 } })
    assert.same({ "timeout", "queue", true }, { err.kind, err.phase, err.retryable })
    assert.equal(11, #starts)
    client:close()
  end))

  it("lets them start in order", task(function()
    local order = {}
    local client = client_of({ limit = 1, per = 0.01 })
    ms.map({ 1, 2, 3, 4, 5, 6 }, function(i)
      client:get(hostile.url("/bytes?i=" .. i), { progress = function() end }):close()
      order[#order + 1] = i
      return true
    end)
    assert.equal(6, #order)
    client:close()
    local starts
    client, starts = client_of({ limit = 1, per = 0.02 })
    ms.map({ 1, 2, 3, 4, 5 }, function(i) return client:get(hostile.url("/bytes?i=" .. i)) end)
    for i = 1, 5 do
      assert.truthy(starts[i].url:find("i=" .. i, 1, true))
    end
    client:close()
  end))

  it("takes a token for each hop and each try", task(function()
    local client, starts = client_of({ limit = 1, per = 0.05 }, { retry = { backoff = 0.001 } })
    client:get(hostile.url("/redirect?to=%2Fbytes")):close()
    client:get(hostile.url("/status?code=500")):close()
    assert.equal(5, #starts)
    check_windows(starts, 1, 0.05)
    client:close()
  end))

  it("closes a host that says Retry-After, and nobody else", task(function()
    local client, starts = client_of({ { limit = 100, per = 1 },
      { limit = 100, per = 1, key = "all" } })
    local closing = hostile.url("/script?key=closing&words=429&head=retry-after-ms%3A%20150")
    client:get(closing):close()
    client:get(other("/bytes")):close()
    client:get(hostile.url("/bytes")):close()
    assert.truthy(starts[3].at - starts[1].at >= 0.15 - SLACK - starts[1].late)
    assert.truthy(starts[2].at - starts[1].at < 0.14 or not helper.timing_is_real)
    client:get(hostile.url("/script?key=ever&words=503&head=Retry-After%3A%201e308")):close()
    local _, err = client:get(hostile.url("/bytes"), { timeout = 0.05 })
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    assert.truthy(err.message:find("timeout.total", 1, true), err.message)
    client:close()
  end))

  it("is steered by the answers", task(function()
    local client, starts = client_of({ adaptive = { min = 10, max = 200 } })
    get_all(client, 8)
    assert.truthy(starts[8].at - starts[1].at >= 7 / 200 - SLACK - starts[1].late)
    for _ = 1, 3 do
      client:get(hostile.url("/status?code=429")):close()
    end
    client:get(hostile.url("/bytes")):close()
    client:get(hostile.url("/bytes")):close()
    -- Half as fast at least.
    assert.truthy(starts[13].at - starts[12].at >= 1 / 120 - SLACK - starts[12].late,
      starts[13].at - starts[12].at)
    client:close()
  end))

  it("holds for lists of URLs, too", task(function()
    local client = ms.client({ throttle = { limit = 2, per = 0.1 } })
    local url = hostile.url("/bytes?n=1")
    client:get(url):text()
    local before = ms.now()
    local responses = client:map({ url, url, url, url, url })
    assert.equal(5, responses.n)
    for i = 1, 5 do
      assert.equal(200, responses[i].status)
    end
    assert.truthy(ms.now() - before >= 0.2 - SLACK)
    client:close()
  end))

  it("says how long it took in timings.queue", task(function()
    local client = client_of({ limit = 1, per = 0.1 })
    client:get(hostile.url("/bytes")):close()
    local response = client:get(hostile.url("/bytes"))
    assert.truthy(response.timings.queue > 0.05)
    response:close()
    client:close()
  end))

  it("is left when cancelled, and lets the next one on", task(function()
    local client, starts = client_of({ limit = 1, per = 0.1 })
    client:get(hostile.url("/bytes")):close()
    local first = ms.spawn(client.get, client, hostile.url("/bytes?i=1"))
    local second = ms.spawn(client.get, client, hostile.url("/bytes?i=2"))
    ms.sleep(0.02)
    first:cancel("enough")
    second:await():close()
    assert.equal("cancelled", first:status())
    assert.same({ 2, true }, { #starts, starts[2].url:find("i=2", 1, true) ~= nil })
    client:close()
  end))

  it("ends with its client", task(function()
    local client = client_of({ limit = 1, per = 60 })
    client:get(hostile.url("/bytes")):close()
    local waiting = ms.spawn(client.get, client, hostile.url("/bytes"))
    local other_one = ms.spawn(client.get, client, hostile.url("/bytes"))
    ms.sleep(0.02)
    client:close()
    for _, each in ipairs({ waiting, other_one }) do
      local response, err = each:await()
      assert.same({ nil, "cancelled" }, { response, err.kind })
    end
  end))

  it("of a request takes the place of the client's, and keeps what it has counted", task(function()
    local client, starts = client_of({ limit = 1, per = 60 })
    for _ = 1, 3 do
      client:get(hostile.url("/bytes"), { throttle = false }):close()
    end
    for _ = 1, 4 do
      client:get(hostile.url("/bytes"), { throttle = { limit = 2, per = 0.05 } }):close()
    end
    local ruled = {}
    for i = 4, 7 do
      ruled[#ruled + 1] = starts[i]
    end
    check_windows(ruled, 2, 0.05)
    client:close()
  end))

  it("forgets keys that keep nobody back", task(function()
    local client = client_of({ limit = 1, per = 0.0001, key = function(request)
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
