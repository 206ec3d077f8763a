-- The limit `queue` of `timeout`, and what the others count of the time in which a request waits
-- for its turn: for a place under `limits`, or at a throttle. On a mock's clock; what a place is
-- over the network: admission_spec.lua, timeout_network_spec.lua.
local helper = require("spec.helper")
local ms = require("multisock")
local mocked = require("spec.support.mocked")
local timed_out = require("spec.support.timed_out")

local exactly, words = timed_out.exactly, timed_out.words

local HOST = "https://h.example"

local SERVER = { routes = {
  { url = "/slow", reply = { delay = 4, body = "slow" } },
  { url = "/silent", reply = { delay = math.huge } },
  { url = "/stalls", reply = { body = { "some", math.huge } } },
  { url = "/pieces", reply = { body = { "a", 3, "b" } } },
  { url = "/*", reply = { body = "soon" } },
} }

local ONE = { limits = { host_connections = 1 } }

local served_with = mocked.served(SERVER)

-- A spec on such a server, with a client of these options: fn(client, mock).
local function served(options, fn)
  return served_with(fn, options)
end

describe("a request that waits for its turn", function()
  after_each(helper.check_leaks)

  it("does so for `queue` at most, or the total", served(ONE, function(client)
    local response = client:get(HOST .. "/stalls")
    for _, case in ipairs({
      { { queue = 2 }, "queue", 2 },
      { 2, "queue_total", 2 },
      { { queue = 2, total = 5 }, "queue", 2 },
      { { queue = 5, total = 2 }, "queue_total", 2 },
      { { queue = math.huge, total = 9 }, "queue_total", 9 },
      { { queue = 7, attempt = 1, first_byte = 1, connect = 1, idle = 1 }, "queue", 7 },
    }) do
      for _, method in ipairs({ "get", "post" }) do
        local err = exactly(case[3], "queue", case[2], function()
          return client[method](client, HOST .. "/", { timeout = case[1] })
        end)
        -- Nothing of it was sent.
        assert.same({ true, 1 }, { err.retryable, err.attempts })
      end
    end
    response:close()
    assert.equal("soon", client:get(HOST .. "/", { timeout = { queue = 1 } }):text())
  end))

  it("has all its other time afterwards", served(ONE, function(client, mock)
    local ends = {}
    local began = ms.now()
    ms.group(function(group)
      for i = 1, 4 do
        group:spawn(function()
          local response = ms.assert(client:get(HOST .. "/slow", { timeout = {
            attempt = 4.5, first_byte = 4.5, connect = 1, idle = 1, queue = 12.5 } }))
          assert.equal("slow", response:text())
          ends[i] = ms.now() - began
        end)
      end
    end)
    assert.same({ 4, 8, 12, 16 }, ends)
    assert.same({ 0, 4, 8, 12 }, { mock:calls()[1].at - began, mock:calls()[2].at - began,
      mock:calls()[3].at - began, mock:calls()[4].at - began })
    -- But not of its total.
    local first = ms.spawn(client.get, client, HOST .. "/slow")
    ms.sleep(0)
    exactly(6, "wait", "total", function()
      return client:get(HOST .. "/slow", { timeout = 6 })
    end)
    first:await()
    first = ms.spawn(client.get, client, HOST .. "/slow")
    ms.sleep(0)
    exactly(7, "wait", "attempt", function()
      return client:get(HOST .. "/slow", { timeout = { attempt = 3, total = 8 } })
    end, 3)
    first:await()
  end))

  it("waits at throttles and for a place, no longer than `queue` together", served({
    limits = { host_connections = 1 }, throttle = { limit = 1, per = 3 },
  }, function(client)
    client:get(HOST .. "/"):close()
    local response = ms.spawn(client.get, client, HOST .. "/stalls")   -- starts after 3 s
    exactly(2, "queue", "throttle", function()
      return client:get(HOST .. "/", { timeout = { queue = 2 } })
    end)
    exactly(1, "queue", "throttle_total", function()
      return client:get(HOST .. "/", { timeout = 1 })
    end)
    response = response:await()
    -- 3 s at the throttle, 2 for a place.
    exactly(5, "queue", "queue", function()
      return client:get(HOST .. "/", { timeout = { queue = 5 } })
    end)
    exactly(5, "queue", "queue_total", function()
      return client:get(HOST .. "/", { timeout = 5 })
    end)
    response:close()
  end))

  it("is not sent again by `retry`, and says so at once", served({
    limits = { host_connections = 1 }, retry = { limit = 3, backoff = 1 },
  }, function(client, mock)
    local response = client:get(HOST .. "/stalls")
    exactly(2, "queue", "queue", function()
      return client:get(HOST .. "/", { timeout = { queue = 2 } })
    end)
    assert.equal(1, #mock:calls())
    response:close()
  end))

  it("takes its turn, one after the other; who gives up is passed over", served(ONE,
    function(client)
    local began, order = ms.now(), {}
    local tasks = {}
    for i = 1, 6 do
      tasks[i] = ms.spawn(function()
        local response, err = client:get(HOST .. "/slow", { timeout = {
          queue = i == 3 and 4.5 or nil } })
        order[#order + 1] = ("%d %s %g"):format(i, response and response.status or err.phase,
          ms.now() - began)
      end)
    end
    ms.sleep(1)
    tasks[4]:cancel()
    tasks[1]:cancel()                 -- it runs: the next one goes on
    for i = 1, 6 do
      tasks[i]:join()
    end
    assert.same({ "3 queue 4.5", "2 200 5", "5 200 9", "6 200 13" }, order)
  end))

  it("is bounded by each limit of its client", function()
    for _, case in ipairs({
      { { host_connections = 2 }, { 4, 4, 8, 8, 4, 4 } },
      { { connections = 2 }, { 4, 4, 8, 12, 8, 12 } },
      { { requests = 3 }, { 4, 4, 4, 8, 8, 8 } },
      { { connections = 4, host_connections = 1 }, { 4, 8, 12, 16, 4, 8 } },
      { { streams = 1, idle = 1 }, { 4, 4, 4, 4, 4, 4 } },
    }) do
      local mock = ms.mock(SERVER)
      mock:run(function()
        local client, began, ends = ms.client({ agent = mock, limits = case[1] }), ms.now(), {}
        ms.map({ HOST, HOST, HOST, HOST, "http://other.example", "http://other.example" },
          function(host, i)
          local response = ms.assert(client:get(host .. "/slow"))
          ends[i] = ms.now() - began
          response:close()
        end)
        assert.same(case[2], ends)
        assert.same({ 0, 0 }, { client:stats().active, client:stats().waiting })
        client:close()
      end)
    end
  end)

  it("waits until the body of the one before has come, or nobody wants it", served(ONE,
    function(client)
    local function next_one()
      local began = ms.now()
      ms.assert(client:get(HOST .. "/", { timeout = { queue = 100 } })):close()
      return ms.now() - began
    end
    local response = client:get(HOST .. "/")
    assert.equal(0, next_one())                          -- it was there, read or not
    response:close()
    client:get(HOST .. "/pieces")
    assert.equal(3, next_one())
    response = client:get(HOST .. "/pieces")
    assert.equal("ab", response:text())
    assert.equal(0, next_one())
    response = client:get(HOST .. "/pieces")
    ms.sleep(1)
    response:close()
    assert.equal(0, next_one())
    response = client:get(HOST .. "/stalls", { timeout = 5 })
    local reading = ms.spawn(response.text, response)
    assert.equal(5, next_one())
    assert.equal(words("total", 5), select(2, reading:await()).message)
    exactly(2, "wait", "total", function()
      return client:get(HOST .. "/silent", { timeout = 2 })
    end)
    assert.equal(0, next_one())
    ms.with_timeout(2, client.get, client, HOST .. "/silent")
    assert.equal(0, next_one())
    exactly(3, "receive", "whole", function()
      return client:get(HOST .. "/stalls", { buffer = true, timeout = { attempt = 3 } })
    end)
    assert.equal(0, next_one())
  end))

  it("ends with its client", served(ONE, function(client)
    local response = client:get(HOST .. "/stalls")
    local waiting = ms.spawn(client.get, client, HOST .. "/")
    ms.sleep(1)
    local stats = client:stats()
    assert.same({ 1, 1, 1 }, { stats.active, stats.waiting, stats.requests })
    client:close()
    local none, err = waiting:await()
    assert.same({ nil, "cancelled", "queue", "the client was closed" },
      { none, err.kind, err.phase, err.message })
    response:close()
  end))

  -- See docs/tasks.md: it begins with its place.
  it("has all its time afterwards when it is one of a list", served({ limits = { requests = 2 },
    timeout = { queue = 1, total = 4.5 } }, function(client, mock)
    local urls = {}
    for i = 1, 5 do
      urls[i] = HOST .. (i == 5 and "/silent" or "/slow")
    end
    local began = ms.now()
    local results, errs = client:map(urls)
    assert.equal(12.5, ms.now() - began)
    for i = 1, 4 do
      assert.equal("slow", results[i]:text())
    end
    assert.equal(words("total", 4.5), errs[5].message)
    assert.same({ 0, 0, 4, 4, 8 }, { mock:calls()[1].at - began, mock:calls()[2].at - began,
      mock:calls()[3].at - began, mock:calls()[4].at - began, mock:calls()[5].at - began })
    -- One of several calls at once waits as others do.
    local _, several = ms.map(urls, function(url) return client:get(url) end)
    assert.equal(words("queue", 1), several[3].message)
  end))
end)
