-- The events of a request, in their order: the option `on`.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local compat = require("multisock.base.compat")

local task = helper.task

local NAMES = { "queue", "throttle", "start", "connect", "sent", "headers", "redirect", "retry",
  "response", "error", "done" }

describe("events", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  -- A client whose events are kept in the list that is returned, by their names in `said`.
  local function listening(options)
    local log, on = {}, {}
    for _, name in ipairs(NAMES) do
      on[name] = function(event)
        assert.equal(name, event.name)
        log[#log + 1] = event
      end
    end
    options = options or {}
    options.on = on
    return ms.client(options), log
  end

  local said = helper.names

  local WHOLE = "queue start connect sent headers response done"

  it("tell of a request from its start to the end of its body", task(function()
    local client, log = listening()
    local before = ms.now()
    local response = ms.assert(client:get(nginx.url("/1k"), { meta = { 1 } }))
    assert.equal("queue start connect sent headers response", said(log))
    assert.equal(1024, #response:text())
    assert.equal(WHOLE, said(log))
    local last = before
    for _, event in ipairs(log) do
      assert.truthy(event.time >= last)
      last = event.time
      assert.same({ log[1].call, 1, "GET", nginx.url("/1k"), { 1 } },
        { event.call, event.attempt, event.method, event.url, event.meta })
      assert.truthy(ms.to_curl(event.request):find("/1k", 1, true))
    end
    assert.is_false(log[3].reused)
    assert.equal(nginx.url(""):match("//(.*)$"), log[3].peer)
    assert.truthy(log[3].timings.connect > 0)
    assert.equal(response, log[7].response)
    assert.is_nil(log[7].err)
    assert.equal(1024, log[7].sizes.body)
    assert.truthy(log[7].timings.total >= log[7].timings.first_byte)
    client:get(nginx.url("/1k")):text()
    assert.equal(WHOLE .. " " .. WHOLE, said(log))
    assert.is_true(log[10].reused)
    assert.truthy(log[8].call > log[7].call)
    client:close()
  end))

  it("tell of each hop and of each try", task(function()
    local client, log = listening({ retry = { backoff = 0.001 } })
    client:get(hostile.url("/redirect-chain?n=1")):text()
    assert.equal("queue start connect sent headers redirect done "
      .. "queue start connect sent headers response done", said(log))
    assert.equal(hostile.url("/redirect-chain?n=0"), log[6].to)
    assert.same({ 1, 2 }, { log[1].attempt, log[8].attempt })
    assert.equal(log[1].call, log[14].call)
    client:close()
    client, log = listening({ retry = { backoff = 0.001 } })
    client:get(hostile.url("/script?key=events&words=503,200")):text()
    assert.equal("queue start connect sent headers retry done "
      .. "queue start connect sent headers response done", said(log))
    assert.truthy(log[6].delay >= 0)
    assert.equal(503, log[6].response.status)
    client:close()
  end))

  it("tell when a body has been sent, and not before", task(function()
    local client, log = listening()
    local at
    local function body(framing)
      local left = 3
      return { headers = framing, body = function()
        at = #log
        left = left - 1
        return left >= 0 and ("x"):rep(1000) or nil
      end }
    end
    for _, options in ipairs({ body(), body({ ["Content-Length"] = "3000" }),
      { body = ("x"):rep(3000000) } }) do
      local first = #log + 1
      at = first
      assert.equal(200, client:post(hostile.url("/echo"), options).status)
      assert.equal("queue start connect sent headers response",
        said({ compat.unpack(log, first, first + 5) }))
      assert.truthy(at < first + 3)
      log[#log].response:text()
    end
    client:close()
  end))

  it("tell of failures, and of bodies that break off", task(function()
    local client, log = listening()
    local refused = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    assert.is_nil(client:get(refused))
    assert.equal("queue start done error", said(log))
    assert.equal("connect", log[3].err.kind)
    assert.equal(log[3].err, log[4].err)
    client:close()
    client, log = listening()
    ms.assert(client:get(hostile.url("/truncate"))):text()
    assert.equal(WHOLE, said(log))
    assert.equal("closed", log[7].err.kind)
    client:close()
    client, log = listening()
    assert.is_nil(client:get(hostile.url("/truncate"), { buffer = true }))
    assert.equal("queue start connect sent headers done error", said(log))
    client:close()
    client, log = listening()
    client:get(nginx.url("/file/events-big")):close()
    assert.equal(WHOLE, said(log))
    client:close()
  end))

  it("tell of what was cancelled, whatever it waited for", task(function()
    local client, log = listening({ limits = { host_connections = 1 } })
    local url = hostile.url("/stall")
    local first = ms.spawn(client.get, client, url)
    local second = ms.spawn(client.get, client, url)
    while #log < 5 do
      ms.sleep(0.001)
    end
    assert.equal("queue start connect sent", said({ log[1], log[2], log[4] , log[5] }))
    assert.equal("queue", log[3].name)
    second:cancel("no more")
    first:cancel("no more")
    first:join()
    second:join()
    local ended = 0
    for i = 6, #log do
      assert.same({ "done", "cancelled" }, { log[i].name, log[i].err.kind })
      ended = ended + 1
    end
    assert.equal(compat.yields_in_pcall and 2 or 0, ended)
    client:close()
  end))

  it("may be taken to close the client, or to cancel who asks", task(function()
    for _, name in ipairs({ "queue", "start", "connect", "sent", "headers", "response" }) do
      local client, asking
      client = ms.client({ on = { [name] = function() client:close() end } })
      local response, err = client:get(hostile.url("/bytes?n=300000"))
      if response then
        local _
        _, err = response:text()
      end
      assert.equal("cancelled", err.kind, name)
      client = ms.client({ on = { [name] = function() asking:cancel("no more") end } })
      asking = ms.spawn(function()
        return client:get(hostile.url("/bytes?n=300000")):text()
      end)
      local ok
      ok, err = asking:join()
      assert.same({ false, "cancelled" }, { ok, err.kind }, name)
      client:close()
    end
  end))

  it("of retries, redirects and throttles may be taken to close the client", task(function()
    for name, path in pairs({ retry = "/status?code=503", redirect = "/redirect-chain?n=2",
      throttle = "/redirect-chain?n=1" }) do
      local client
      client = ms.client({
        retry = name == "retry" and true or nil,
        throttle = name == "throttle" and { limit = 1, per = 3600 } or nil,
        on = { [name] = function() client:close() end },
      })
      local response, err = client:get(hostile.url(path))
      assert.is_nil(response, name)
      assert.equal("cancelled", err.kind, name)
    end
  end))

  it("may be taken to close the client while nobody reads the answer", task(function()
    local client, closed
    client = ms.client({ on = { sent = function()
      closed = true
      client:close()
    end } })
    local response = ms.assert(client:post(hostile.url("/answer-first"),
      { body = helper.pieces(3, "piece", 0.05) }))
    while not closed do
      ms.sleep(0.01)
    end
    assert.equal("cancelled", helper.err_of(response:text()).kind)
  end))

  it("tell of throttles that hold one up", task(function()
    local client, log = listening({ throttle = { limit = 1, per = 3600 } })
    client:get(nginx.url("/1k")):text()
    local second = ms.spawn(client.get, client, nginx.url("/1k"))
    while #log < 8 do
      ms.sleep(0.001)
    end
    assert.equal(WHOLE .. " throttle", said(log))
    assert.truthy(log[8].delay > 0 and log[8].delay <= 3600)
    second:cancel("no more")
    second:join()
    client:close()
  end))

  it("tell of lists, whose bodies are read", task(function()
    local client, log = listening()
    local urls = {}
    for i = 1, 20 do
      urls[i] = nginx.url("/1k")
    end
    client:map(urls)
    assert.equal(140, #log)
    local calls = {}
    for _, event in ipairs(log) do
      calls[event.call] = (calls[event.call] or "") .. event.name .. " "
    end
    for _, names in pairs(calls) do
      assert.equal("queue start connect sent headers done response ", names)
    end
    client:close()
  end))

  it("tell of agents what can be known", function()
    local answers = { function() return ms.response("body") end,
      function() return nil, "no" end, function() error("oops", 0) end,
      function()
        return ms.response(helper.pieces(2, "x"))
      end }
    local client, log = listening({ agent = function() return table.remove(answers, 1)() end })
    client:get("http://h.example/")
    assert.equal("queue start headers done response", said(log))
    assert.is_nil(client:get("http://h.example/"))
    assert.equal("queue start done error", said({ compat.unpack(log, 6) }))
    assert.is_false(pcall(client.get, client, "http://h.example/"))
    assert.equal(compat.yields_in_pcall and "queue start done" or "queue start",
      said({ compat.unpack(log, 10) }))
    local at = #log
    local response = client:get("http://h.example/")
    assert.equal("queue start headers response", said({ compat.unpack(log, at + 1) }))
    assert.equal("xx", response:text())
    assert.equal("done", log[#log].name)
    assert.same({ "server", "server" }, { log[2].waits, log[3].waited_for })
    client:close()
  end)

  it("do not keep responses that nobody reads", task(function()
    local ended = {}
    local client = ms.client({ on = { done = function(event) ended[#ended + 1] = event end } })
    client:get(nginx.url("/slow?rate=100000"))
    for _ = 1, 200 do
      collectgarbage()
      if #ended > 0 then
        break
      end
      ms.sleep(0.01)
    end
    assert.equal("closed", ended[1].err.kind)
    client:close()
  end))

  it("tell of a server that is looked up and not found", task(function()
    local client, log = listening()
    assert.is_nil(client:get("http://nobody.invalid/"))
    assert.equal("queue start done error", said(log))
    assert.equal("resolve", log[3].err.phase)
    client:close()
  end))

  it("stop with their server", function()
    local own = servers.hostile()
    local client, log = listening({ timeout = { total = 10 } })
    ms.run(function()
      client:get(own.url("/bytes?n=1")):text()
      own.stop()
      assert.is_nil(client:get(own.url("/bytes?n=1")))
    end)
    assert.same({ "done", "error" }, { log[#log - 1].name, log[#log].name })
    client:close()
  end)
end)
