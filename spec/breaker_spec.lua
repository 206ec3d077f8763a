-- `retry.breaker`: a server that fails too often is left alone for a while.
local attempted = require("spec.support.attempted")
local core_support = require("spec.support.core_support")
local helper = require("spec.helper")
local ms = require("multisock")

local task, failure, simulated = helper.task, helper.failure, helper.simulated

describe("breaker", function()
  local hostile, _, script = attempted.hostile()

  after_each(helper.check_leaks)

  local function client_of(breaker, retry)
    retry = retry or {}
    retry.breaker, retry.limit = breaker, retry.limit or 0
    return ms.client({ retry = retry })
  end

  local function outcome(client, url)
    local response, err = client:get(url)
    if response then
      response:close()
    end
    return response and response.status or err.kind
  end

  local QUICK = { ratio = 0.5, min = 4, window = 10, open = 0.1 }

  it("opens when too much has failed, and asks nobody then", task(function()
    local client = client_of(QUICK)
    local url, log = script("200,503,200,503,200")
    local seen = {}
    for i = 1, 6 do
      seen[i] = outcome(client, url)
    end
    assert.same({ 200, 503, 200, 503, "breaker", "breaker" }, seen)
    assert.equal(4, #log())
    local _, err = client:get(url)
    assert.same({ "queue", true, 1 }, { err.phase, err.retryable, err.attempts })
    assert.truthy(err.message:find("http://127.0.0.1:%d+ has failed too often; it is asked again"),
      err.message)
    client:close()
  end))

  local URL = "https://h.example/"

  -- The same over a mock.
  local function over(mock, breaker, limits)
    return ms.client({ agent = mock, retry = { limit = 0, breaker = breaker }, limits = limits })
  end

  it("lets one find out, and closes or stays open", simulated({ routes = {
    { url = URL, times = 5, reply = { status = 503, delay = 1 } }, { url = URL },
  } }, function(mock)
    local client = over(mock, { ratio = 0.5, min = 4, window = 10, open = 20 })
    for _ = 1, 4 do
      assert.equal(503, outcome(client, URL))
    end
    assert.equal("breaker", outcome(client, URL))
    ms.sleep(19)
    assert.equal("breaker", outcome(client, URL))
    ms.sleep(1)
    local both = ms.map({ URL, URL }, function(each) return outcome(client, each) end)
    assert.same({ 503, "breaker" }, { both[1], both[2] })
    assert.equal("breaker", outcome(client, URL))
    assert.equal(5, #mock:calls())
    ms.sleep(20)
    assert.same({ 200, 200, 200 }, { outcome(client, URL), outcome(client, URL),
      outcome(client, URL) })
  end))

  it("counts each origin, and each client, by itself", task(function()
    local client = client_of(QUICK)
    local refusing = ("http://127.0.0.1:%d/"):format(core_support.refusing_port())
    for _ = 1, 4 do
      assert.equal("connect", outcome(client, refusing))
    end
    assert.equal("breaker", outcome(client, refusing))
    assert.equal(200, outcome(client, hostile.url("/bytes")))
    local another = client_of(QUICK)
    assert.equal("connect", outcome(another, refusing))
    another:close()
    client:close()
  end))

  it("ends the tries of one request, with the answer that there is", task(function()
    local client = client_of(QUICK, { limit = 10, backoff = 0.001 })
    local url, log = script("503")
    assert.equal(503, outcome(client, url))
    assert.equal(4, #log())
    client:close()
  end))

  it("holds for lists of URLs, too", task(function()
    local client = client_of(QUICK)
    local url, log = script("503")
    local urls = {}
    for i = 1, 12 do
      urls[i] = url
    end
    local _, errs = client:map(urls, { concurrency = 1 })
    assert.same({ nil, "breaker" }, { errs[4], errs[5] and errs[5].kind })
    assert.equal(4, #log())
    client:close()
  end))

  it("does not mind what is the request's own fault, or cancelled", simulated({ routes = {
    { url = "/nowhere", reply = { status = 404 } }, { url = "/stall", reply = { delay = 100 } },
    { url = "/down", reply = { status = 503 } }, {},
  } }, function(mock)
    local client = over(mock, { ratio = 0.1, min = 1, window = 10, open = 5 })
    local function cancel_one()
      local cancelled = ms.spawn(client.get, client, URL .. "stall")
      ms.sleep(1)
      cancelled:cancel()
    end
    assert.equal(404, outcome(client, URL .. "nowhere"))
    cancel_one()
    assert.equal(200, outcome(client, URL))
    -- Also when that one was to find out.
    assert.equal(503, outcome(client, URL .. "down"))
    ms.sleep(5)
    cancel_one()
    assert.equal("breaker", outcome(client, URL))
    ms.sleep(4)
    assert.equal(200, outcome(client, URL))
  end))

  it("counts limits of time that passed at the server, but none of our own queue", simulated({
    routes = { { url = "/silent", reply = { delay = math.huge } },
      { url = "/far", reply = { connect = math.huge } },
      { url = "/stalls", reply = { body = { "some", math.huge } } }, {} },
  }, function(mock)
    local RULE = { ratio = 0.5, min = 3, window = 100, open = 20 }
    local function seen_of(path, options)
      local client = over(mock, RULE)
      local began, list = ms.now(), {}
      for i = 1, 5 do
        local response, err = client:get(URL .. path, options)
        list[i] = ("%s %g"):format(response and response.status or err.kind, ms.now() - began)
      end
      ms.sleep(20)
      list[6] = outcome(client, URL)                   -- it is better now
      list[7] = outcome(client, URL)
      client:close()
      return list
    end
    local opened = { "timeout 2", "timeout 4", "timeout 6", "breaker 6", "breaker 6", 200, 200 }
    assert.same(opened, seen_of("silent", { timeout = 2 }))
    assert.same(opened, seen_of("silent", { timeout = { first_byte = 2 } }))
    assert.same(opened, seen_of("silent", { timeout = { attempt = 2 } }))
    assert.same(opened, seen_of("far", { timeout = { connect = 2 } }))
    assert.same(opened, seen_of("stalls", { timeout = { idle = 2 }, buffer = true }))
    -- A body that is read later is no matter of the request.
    assert.same({ "200 0", "200 0", "200 0", "200 0", "200 0", 200, 200 },
      seen_of("stalls", { timeout = { idle = 2 } }))
    local client = over(mock, RULE, { host_connections = 1 })
    local held = client:get(URL .. "stalls")
    for _ = 1, 5 do
      local _, err = client:get(URL, { timeout = { queue = 1 } })
      assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    end
    held:close()
    assert.equal(200, outcome(client, URL))
    client:close()
  end))

  it("forgets what is long ago", simulated({ routes = { { reply = { status = 503 } } } },
    function(mock)
    local client = over(mock, { ratio = 0.5, min = 4, window = 10, open = 60 })
    for _ = 1, 3 do
      assert.same({ 503, 503, 503 }, { outcome(client, URL), outcome(client, URL),
        outcome(client, URL) })
      ms.sleep(11)
    end
    assert.equal(9, #mock:calls())
  end))

  it("has its mistakes named", function()
    local function check(words, breaker)
      local err = failure(function() ms.client({ retry = { breaker = breaker } }) end)
      assert.truthy(err:find(words, 1, true), err)
    end
    check("option 'retry.breaker': table expected, got 5", 5)
    check("option 'retry.breaker.ratio': number above 0, at most 1 expected, got 2", { ratio = 2 })
    check("option 'retry.breaker.min': integer of 1 or more expected", { min = 0 })
    check("option 'retry.breaker.open': seconds above 0 expected", { open = 0 })
    check("option 'retry.breaker': unknown field \"windows\"", { windows = 1 })
  end)
end)
