-- ms.map, ms.each, client:map and client:each without a function: requests of a list.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local scopes = require("multisock.tasks.scopes")
local support = require("spec.support.tasks")

local task, failure = helper.task, helper.failure
local turns, copies = support.turns, support.copies

-- How many tasks are started meanwhile.
local function count_tasks(fn)
  local spawn, count = scopes.spawn, 0
  scopes.spawn = function(...)
    count = count + 1
    return spawn(...)
  end
  local ok, err = pcall(fn)
  scopes.spawn = spawn
  assert(ok, err)
  return count
end

describe("requests of a list", function()
  local server, hostile = fixtures.nginx(), fixtures.hostile()
  after_each(helper.check_leaks)

  local function stats()
    return ms.fetch(hostile.url("/stats")):json()
  end

  local function files(count)
    local list = {}
    for i = 1, count do
      list[i] = server.url("/file/" .. i)
    end
    return list
  end

  it("give responses with their bodies, in the order of the list", task(function()
    local results, errors = ms.map(files(50), { concurrency = 7 })
    assert.same({}, errors)
    assert.equal(50, results.n)
    for i = 1, 50 do
      assert.equal(200, results[i].status)
      assert.is_true(results[i].ok)
      assert.equal("body-" .. i, results[i]:text())
      assert.equal("body-" .. i, results[i]:text())
      assert.equal(server.url("/file/" .. i), results[i].url)
      assert.equal("1.1", results[i].http_version)
      assert.equal("6", results[9].headers["content-length"])
    end
  end))

  it("have a request each that can be looked at, and used again", task(function()
    local codec = { decode = function(text) return "decoded " .. text end,
      encode = function() return "" end }
    local client <close> = ms.client({ json_codec = codec })
    client:get(server.url("/file/0"))
    for _, results in ipairs({ (client:map(files(20))), (client:map(files(20))) }) do
      for i = 1, 20 do
        local asked = results[i].request
        assert.equal(asked, results[i].request)
        assert.equal(server.url("/file/" .. i), asked:url())
        assert.equal("GET", asked.method)
        assert.truthy(ms.to_curl(asked):find("/file/" .. i, 1, true))
        assert.equal("decoded body-" .. i, results[i]:json())
      end
    end
  end))

  it("are given as they end", task(function()
    local seen, order = {}, {}
    for i, response, err in ms.each({
      hostile.url("/late?delay=" .. helper.seconds(0.8)), server.url("/file/x"),
      "http://127.0.0.1:1/",
    }) do
      seen[i] = response and response:text() or err.kind
      order[#order + 1] = i
    end
    assert.same({ "late\n", "body-x", "connect" }, seen)
    assert.equal(1, order[3])
  end))

  it("need no task for each, nor for what comes late", task(function()
    local client <close> = ms.client()
    client:map(copies(hostile.url("/bytes?n=10"), 10), { concurrency = 10 })
    local urls = copies(hostile.url("/bytes?n=10"), 100)
    for i = 1, 20 do
      urls[i] = hostile.url("/stream?n=4000&chunk=1000&delay=0.001")
      urls[i + 20] = hostile.url("/bytes?n=300000")
      urls[i + 40] = hostile.url("/late?delay=0.002")
      urls[i + 60] = hostile.url("/status?code=404")
    end
    local results, errors
    -- Of the host that is not known yet the first request has a task.
    assert.is_true(count_tasks(function()
      results, errors = client:map(urls, { concurrency = 10 })
    end) <= 5)
    assert.same({}, errors)
    assert.equal(4000, #results[1]:text())
    assert.equal(300000, #results[21]:text())
    assert.equal("late\n", results[41]:text())
    assert.equal(404, results[61].status)
  end))

  it("may have options, each its own", task(function()
    local results, errors = ms.map({
      { hostile.url("/echo"), { headers = { ["X-Which"] = "one" } } },
      { hostile.url("/echo"), { method = "PUT", body = "two" } },
      { hostile.url("/echo"), { json = { three = 3 } } },
      { hostile.url("/echo"), { query = { n = 4 } } },
      { hostile.url("/echo") },
      { hostile.url("/stall"), { timeout = helper.seconds(0.05) } },
      { hostile.url("/bytes?n=2000"), { max_body = 1000 } },
      { hostile.url("/redirect"), { redirect = "manual" } },
      { hostile.url("/echo"), { method = "HEAD" } },
      { hostile.url("/echo"), { curl = { useragent = "old" } } },
    })
    assert.equal("one", echoed.of(results[1]).fields["x-which"])
    assert.equal("PUT", results[2]:json().method)
    assert.equal(3, results[2]:json().length)
    assert.equal("POST", results[3]:json().method)
    assert.equal("/echo?n=4", results[4]:json().path)
    assert.equal("GET", results[5]:json().method)
    assert.equal("timeout", errors[6].kind)
    assert.matches("timeout.total", errors[6].message)
    assert.equal("too_large", errors[7].kind)
    assert.equal(302, results[8].status)
    assert.equal("", results[9]:text())
    assert.equal("old", echoed.of(results[10]).fields["user-agent"])
  end))

  it("are those of a client", task(function()
    local client <close> = ms.client({
      base_url = hostile.url("/"), headers = { ["X-Client"] = "yes" }, fail_on_error = true,
    })
    local results, errors = client:map({ "echo", "status?code=503", "redirect?to=/echo" })
    assert.equal("yes", echoed.of(results[1]).fields["x-client"])
    assert.equal("status", errors[2].kind)
    assert.equal(503, errors[2].response.status)
    assert.equal("/echo", results[3]:json().path)
    assert.is_true(results[3].redirected)
    assert.equal(302, results[3].history[1].status)
    local seen = {}
    for i, response in client:each({ "echo", "bytes?n=3" }) do
      seen[i] = #response:text()
    end
    assert.equal(3, seen[2])
    assert.matches("client.map was called with a dot", failure(client.map, { "echo" }))
    assert.same({ 2, n = 1 }, (client:map({ 1 }, function(n) return n + 1 end)))
  end))

  it("pass the chain of a client", task(function()
    local calls, attempts, done = 0, 0, 0
    local client <close> = ms.client({
      middleware = { function(request, next)
        calls = calls + 1
        ms.sleep(0.001)
        request.headers["X-Call"] = tostring(calls)
        return next(request)
      end },
      each_attempt = { function(request, next)
        attempts = attempts + 1
        return next(request)
      end },
      on = { response = function() done = done + 1 end },
    })
    local urls = copies(hostile.url("/echo"), 20)
    urls[5] = hostile.url("/redirect?to=/echo")
    local before = stats().open
    assert.is_truthy(ms.get(hostile.url("/stats-reset")))
    calls, attempts, done = 0, 0, 0
    local results, errors = client:map(urls, { concurrency = 4 })
    assert.is_true(stats().peak <= before + 4)
    assert.same({}, errors)
    assert.same({ 20, 21, 20 }, { calls, attempts, done })
    for i = 1, 20 do
      assert.is_truthy(echoed.of(results[i]).fields["x-call"])
    end
  end))

  it("are sent again where the client says so", task(function()
    local client <close> = ms.client({ retry = { limit = 2, backoff = 0.001 } })
    local urls = copies(hostile.url("/bytes?n=10"), 6)
    urls[2] = hostile.url("/status?code=503")
    urls[4] = hostile.url("/truncate")
    urls[6] = { hostile.url("/echo"), { method = "POST", retry = { idempotency_key = true } } }
    local results, errors
    local count = count_tasks(function()
      results, errors = client:map(urls)
    end)
    assert.is_true(count <= 8, count .. " tasks")
    assert.same({ 503, 3 }, { results[2].status, results[2].attempts })
    assert.same({ "closed", 3 }, { errors[4].kind, errors[4].attempts })
    assert.is_truthy(echoed.of(results[6]).fields["idempotency-key"])
    assert.equal(10, #results[5]:text())
  end))

  it("are performed by a client's agent", task(function()
    local client <close> = ms.client({ agent = function(request)
      ms.sleep(0.001)
      if request.url:find("/2") then
        return nil, { kind = "io", message = "no" }
      end
      return ms.response("made")
    end })
    local results, errors = client:map({ "http://h/1", "http://h/2", "http://h/3" })
    assert.equal("made", results[1]:text())
    assert.equal("io", errors[2].kind)
    assert.equal("made", results[3]:text())
  end))

  it("keep to their concurrency at the server", task(function()
    local urls = {}
    for i = 1, 12 do
      urls[i] = hostile.url("/late?delay=0.02&i=" .. i)
    end
    local client <close> = ms.client()
    local before = stats().open
    assert.is_truthy(ms.fetch(hostile.url("/stats-reset")))
    client:map(urls, { concurrency = 3 })
    local seen = stats()
    assert.equal(12, seen.requests)
    assert.is_true(seen.peak <= before + 3, "peak " .. seen.peak)
  end))

  it("of one host that has no place do not hold up others", task(function()
    local client <close> = ms.client({ limits = { host_connections = 1 } })
    local urls = {}
    for i = 1, 20 do
      urls[i] = i % 2 == 0 and server.url("/file/" .. i) or hostile.url("/late?delay=0.02")
    end
    local slow_before_last_quick, slow = nil, 0
    for i, response in client:each(urls, { concurrency = 4 }) do
      assert.equal(200, response.status)
      if i % 2 == 1 then
        slow = slow + 1
      else
        slow_before_last_quick = slow
      end
    end
    assert.equal(10, slow)
    assert.is_true(slow_before_last_quick >= 0 and slow_before_last_quick <= 8)
  end))

  it("wait for a place as long as it takes, but each runs no longer than its total", task(function()
    local function pass(request, next) return next(request) end
    local late = hostile.url("/late?delay=" .. helper.seconds(0.25))
    -- Also where a chain is passed before.
    local chains = {
      {}, { middleware = { pass } }, { on = { response = function() end } },
      { cookies = ms.cookies() }, { cache = true }, { each_attempt = { pass } },
      { throttle = { limit = 100, per = 1 } }, { retry = { idempotency_key = true } },
    }
    for i = #chains, helper.timing_is_real and 9 or 3, -1 do
      chains[i] = nil                 -- the tools need seconds for all at once
    end
    ms.map(chains, function(options)
      options.limits = { host_connections = 1 }
      options.timeout = { total = helper.seconds(1.1), queue = 0.1 }
      local client <close> = ms.client(options)
      local results, errors = client:map(copies(late, 6))
      assert.same({}, errors)
      assert.equal(6, #results)
    end)
  end))

  it("leave their connections to others while a result is looked at", task(function()
    local client <close> = ms.client({ limits = { host_connections = 1 } })
    local urls, count = files(6), 0
    for _, response in client:each(urls, { concurrency = 3 }) do
      count = count + #response:text()
      assert.equal("body-inside", client:get(server.url("/file/inside")):text())
      turns(3)
    end
    assert.equal(36, count)
  end))

  it("slow down when their results are not taken", task(function()
    assert.is_truthy(ms.fetch(hostile.url("/stats-reset")))
    local iterator = ms.each(copies(hostile.url("/bytes?n=10"), 60), { concurrency = 4 })
    iterator()
    ms.sleep(helper.seconds(0.1))
    assert.is_true(stats().requests <= 12)
    iterator:close()
  end))

  it("tell progress", task(function()
    local seen = {}
    ms.map(files(3), { progress = function(done, total)
      seen[#seen + 1] = done .. "/" .. total
    end })
    assert.same({ "1/3", "2/3", "3/3" }, seen)
    assert.equal("from progress", failure(ms.map, files(3), { progress = function()
      error("from progress", 0)
    end }))
  end))

  it("come from an iterator that waits", task(function()
    local list = table.concat(files(9), "%0A")
    local lines = ms.fetch(hostile.url("/late?delay=0&body=" .. list)):lines()
    local results = ms.map(lines, { concurrency = 3 })
    assert.equal(9, results.n)
    for i = 1, 9 do
      assert.equal("body-" .. i, results[i]:text())
    end
  end))

  it("may come from what their results say", helper.of_loop(task(function()
    local queue, seen = ms.queue(), {}
    queue:put(server.url("/file/1"))
    for i, response in ms.each(queue, { concurrency = 4 }) do
      seen[i] = response:text()
      if i < 5 then
        queue:put(server.url("/file/" .. i + 1))
      else
        queue:close()
      end
    end
    assert.same({ "body-1", "body-2", "body-3", "body-4", "body-5" }, seen)
  end)))

  it("share few connections of HTTP/2, also from cold", task(function()
    local client <close> = ms.client({ tls = { ca = server.ca }, http_version = "2" })
    local urls = {}
    for i = 1, 250 do
      urls[i] = server.tls_url("/file/cold-" .. i)
    end
    local results, errors = client:map(urls, { concurrency = 250 })
    assert.same({}, errors)
    for i = 1, 250 do
      assert.equal("2", results[i].http_version)
      assert.equal("body-cold-" .. i, results[i]:text())
    end
    local connections, count = {}, 0
    for _, line in ipairs(server.log("/file/cold-", 250)) do
      count = count + (connections[line.connection] and 0 or 1)
      connections[line.connection] = true
    end
    assert.is_true(count <= 6, count .. " connections")
  end))

  it("start again what a kept connection has swallowed", task(function()
    local client <close> = ms.client({ limits = { host_connections = 1 } })
    local results, errors = client:map(copies(hostile.url("/close-idle?next=1"), 4))
    assert.same({}, errors)
    assert.equal(4, results.n)
  end))

  it("work on the main chunk", function()
    local sum = 0
    for _, response in ms.each(files(9), { concurrency = 2 }) do
      sum = sum + #response:text()
    end
    assert.equal(9 * 6, sum)
    assert.equal("body-1", ms.map(files(1))[1]:text())
  end)

  it("take an empty list, an empty iterator and a list with holes", task(function()
    assert.same({ n = 0 }, (ms.map({})))
    assert.same({ n = 0 }, (ms.map(function() end)))
    assert.is_nil(ms.each({})())
    local results = ms.map({ server.url("/file/1"), nil, server.url("/file/3"), n = 3 })
    assert.equal("body-3", results[3]:text())
    assert.equal(3, results.n)
  end))
end)
