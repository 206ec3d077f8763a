-- client:stats.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("client:stats", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  it("counts what runs, what waits, and what is kept", task(function()
    local client = ms.client({ limits = { host_connections = 3 } })
    assert.same({ requests = 0, retries = 0, sent = 0, received = 0, active = 0, waiting = 0,
      connections = 0, idle = 0, origins = 0 }, client:stats())
    local answers = {}
    for i = 1, 3 do
      answers[i] = ms.assert(client:get(nginx.url("/slow?rate=1000000")))
    end
    local late = ms.spawn(client.get, client, nginx.url("/1k"))
    ms.sleep(0.02)
    assert.same({ requests = 3, retries = 0, sent = 0, received = 0, active = 3, waiting = 1,
      connections = 3, idle = 0, origins = 1 }, client:stats())
    for i = 1, 3 do
      answers[i]:close()
    end
    assert.equal(1024, #late:await():text())
    assert.equal(1024, #client:get(nginx.url("/1k")):text())
    local stats = client:stats()
    assert.same({ 5, 0, 0, 0 }, { stats.requests, stats.active, stats.waiting, stats.connections })
    assert.truthy(stats.idle >= 1)
    client:network_changed()
    assert.equal(0, client:stats().idle)
    client:close()
    assert.equal(5, client:stats().requests)
  end))

  it("counts the bytes of what has ended, however it was sent", task(function()
    local client = ms.client()
    local sent, received = 0, 0
    local function check(response, body)
      response:text()
      local sizes, stats = response.sizes, client:stats()
      -- A head is shorter than 400 bytes, and chunks have frames.
      local more_sent, more_received = stats.sent - sent, stats.received - received
      assert.truthy(more_sent > body and more_sent < 1.01 * body + 400, more_sent)
      assert.equal(sizes.headers + sizes.body, more_received)
      sent, received = stats.sent, stats.received
    end
    check(client:get(hostile.url("/bytes?n=1000")), 0)
    check(client:get(hostile.url("/bytes?n=300000")), 0)
    check(client:get(hostile.url("/gzip")), 0)
    for _, size in ipairs({ 1, 1000, 100000, 3000000 }) do
      check(client:post(hostile.url("/echo"), { body = ("x"):rep(size) }), size)
      local piece = ("x"):rep(math.floor(size / 10) + 1)
      check(client:post(hostile.url("/echo"), { body = helper.pieces(10, piece) }), 10 * #piece)
    end
    client:map({ hostile.url("/bytes?n=5000"), hostile.url("/bytes?n=5000") })
    local stats = client:stats()
    assert.truthy(stats.received - received > 10000 and stats.received - received < 11000)
    client:get(hostile.url("/bytes?n=300000")):close()
    assert.truthy(client:stats().sent > stats.sent)
    client:close()
    assert.truthy(client:stats().sent > stats.sent)
  end))

  it("counts lists, redirects and retries", task(function()
    local client = ms.client({ retry = { backoff = 0.001 } })
    local urls = {}
    for i = 1, 10 do
      urls[i] = hostile.url("/bytes?n=1")
    end
    client:map(urls)
    assert.equal(10, client:stats().requests)
    client:get(hostile.url("/redirect-chain?n=2")):discard()
    assert.equal(13, client:stats().requests)
    client:get(hostile.url("/script?key=stats&words=503,503,200")):discard()
    local stats = client:stats()
    assert.same({ 16, 2 }, { stats.requests, stats.retries })
    client:close()
  end))

  it("tells of connections of HTTP/2", task(function()
    local client = ms.client({ http_version = "2", tls = { ca = nginx.ca } })
    local urls = {}
    for i = 1, 20 do
      urls[i] = nginx.tls_url("/1k")
    end
    client:map(urls)
    local stats = client:stats()
    assert.same({ 20, 1, 1 }, { stats.requests, stats.idle, stats.origins })
    client:close()
  end))

  it("knows of an agent what it was asked", task(function()
    local client = ms.client({ retry = { backoff = 0.001 }, agent = function(request)
      return ms.response("", { status = request.attempt < 3 and 503 or 200 })
    end })
    client:get("http://a.test/")
    local stats = client:stats()
    assert.same({ 3, 2, 0 }, { stats.requests, stats.retries, stats.active })
    client:close()
  end))
end)
