-- Requests of a list, one after the other: where an answer is good, and the next is a URL
-- and nothing else, C sends that on the handle of the one before.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local core = require("multisock.core")

local task = helper.task
local copies = require("spec.support.tasks").copies

-- How often this task calls a function of C meanwhile. LuaJIT tells of no calls in what it
-- has compiled.
local function count_calls(of, fn)
  local jit, count = rawget(_G, "jit"), 0
  if jit then
    jit.off()
    jit.flush()
  end
  debug.sethook(function()
    if debug.getinfo(2, "f").func == of then
      count = count + 1
    end
  end, "c")
  local ok, err = pcall(fn)
  debug.sethook()
  if jit then
    jit.on()
  end
  assert(ok, err)
  return count
end

describe("the next request of a list", function()
  local server, hostile = fixtures.nginx(), fixtures.hostile()
  after_each(helper.check_leaks)

  local function quick()
    return hostile.url("/bytes?n=10")
  end

  -- All that each gives: what the bodies are, and the errors.
  local function take_all(client, urls, options, look)
    local bodies, errors = {}, {}
    for i, response, err in client:each(urls, options) do
      if look then
        look(i)
      end
      assert.is_nil(bodies[i] or errors[i])
      bodies[i], errors[i] = response and response:text(), err
    end
    return bodies, errors
  end

  it("is sent with the call that takes the one before", task(function()
    local client <close> = ms.client()
    local urls = {}
    for i = 1, 200 do
      urls[i] = server.url("/file/" .. i)
    end
    client:get(urls[1]):text()
    local bodies
    local calls = count_calls(core.submit, function()
      bodies = take_all(client, urls, { concurrency = 8 })
    end)
    for i = 1, 200 do
      assert.equal("body-" .. i, bodies[i])
    end
    assert.is_true(calls <= 16, calls .. " calls")
    assert.equal(201, client:stats().requests)
  end))

  it("has a total of its own", task(function()
    local client <close> = ms.client({ timeout = helper.seconds(0.3) })
    local urls = copies(hostile.url("/late?delay=" .. helper.seconds(0.08)), 8)
    urls[5] = hostile.url("/stall-body")
    local bodies, errors = take_all(client, urls, { concurrency = 1 })
    for i = 1, 8 do
      assert.equal(i ~= 5 and "late\n" or nil, bodies[i], i)
    end
    assert.matches("timeout.total", errors[5].message)
    assert.equal(urls[5], errors[5].url)
  end))

  it("has the other limits of its client", task(function()
    local client <close> = ms.client({
      timeout = { first_byte = helper.seconds(0.1), idle = helper.seconds(0.1) }, max_body = 1000,
    })
    local urls = copies(quick(), 12)
    urls[4], urls[7] = hostile.url("/stall"), hostile.url("/stall-body")
    urls[9] = hostile.url("/bytes?n=1001")
    local bodies, errors = take_all(client, urls, { concurrency = 2 })
    assert.matches("first_byte", errors[4].message)
    assert.matches("idle", errors[7].message)
    assert.equal("too_large", errors[9].kind)
    for i = 1, 12 do
      assert.is_true(bodies[i] ~= nil or errors[i] ~= nil, i)
    end
  end))

  it("may be of any kind, and have any answer", task(function()
    local client <close> = ms.client()
    local kinds = {                 -- each with the length of its body
      { quick(), 10 }, { hostile.url("/status?code=404"), 11 },
      { hostile.url("/redirect?to=/bytes?n=10"), 10 }, { "no url" },
      { { quick(), { method = "HEAD" } }, 0 }, { hostile.url("/truncate") },
      { server.url("/file/9"), 6 }, { hostile.url("/late?delay=0.01"), 5 },
    }
    local urls, lengths = {}, {}
    for i = 1, 120 do
      local kind = kinds[i % 3 == 0 and 1 + i * 7 % #kinds or 1]
      urls[i], lengths[i] = kind[1], kind[2]
    end
    for concurrency = 1, 4 do
      local bodies, errors = take_all(client, urls, { concurrency = concurrency })
      for i = 1, 120 do
        assert.equal(lengths[i], bodies[i] and #bodies[i], i)
        assert.is_true(bodies[i] ~= nil or errors[i] ~= nil)
      end
    end
  end))

  it("has nothing of one before that said more than its URL", task(function()
    local echo = hostile.url("/echo")
    local own = { headers = { ["X-Which"] = "own" }, meta = { which = "own" } }
    for place = 1, 3 do             -- the first of its origin, and on a handle that was kept
      local client <close> = ms.client({ headers = { ["X-All"] = "all" } })
      local urls = copies(echo, 30)
      urls[place], urls[12], urls[13] = { echo, own }, { echo, own }, { echo, own }
      urls[20] = { hostile.url("/redirect?to=/echo"), own }
      local results = client:map(urls, { concurrency = place })
      for i = 1, 30 do
        local has = i == place or i == 12 or i == 13 or i == 20
        local fields = echoed.of(results[i]).fields
        assert.equal(has and "own" or nil, fields["x-which"], i)
        assert.equal("all", fields["x-all"])
        assert.equal(has and own.meta or nil, results[i].request.meta)
      end
    end
  end))

  it("lets others have a place that they wait for", task(function()
    local client <close> = ms.client({ limits = { host_connections = 2 } })
    client:get(quick()):text()
    local count, got = 0, nil
    local bodies = take_all(client, copies(quick(), 300), { concurrency = 2 }, function()
      count = count + 1
      if count == 20 then
        ms.spawn(function()
          client:get(hostile.url("/late?delay=0")):text()
          got = count
        end)
      end
    end)
    assert.equal(300, #bodies)
    assert.is_true(got ~= nil and got < 100, tostring(got))
  end))

  it("is not sent when the list is left, or the client closed", task(function()
    local client = ms.client()
    client:get(quick()):text()
    local started = client:stats().requests
    local iterator = client:each(copies(quick(), 100), { concurrency = 4 })
    for i in iterator do
      if i == 30 then
        break
      end
    end
    iterator:close()                -- as a loop of Lua 5.4 does
    started = client:stats().requests - started
    assert.is_true(started >= 30 and started < 50, started .. " requests")
    local seen = 0
    local err = helper.failure(function()
      for _, response in client:each(copies(quick(), 100), { concurrency = 4 }) do
        seen = seen + 1
        assert.is_true(response ~= nil or seen > 30)
        if seen == 30 then
          client:close()
        end
      end
    end)
    assert.matches("the client is closed", err)
    assert.is_true(seen >= 30 and seen <= 40, seen .. " results")
  end))

  it("finds its way when the network has changed", task(function()
    local client <close> = ms.client()
    local seen = 0
    local bodies, errors = take_all(client, copies(quick(), 100), { concurrency = 4 }, function()
      seen = seen + 1
      if seen % 25 == 0 then
        client:network_changed()
      end
    end)
    assert.equal(100, #bodies)
    assert.same({}, errors)
  end))

  it("goes over connections that end after each answer", task(function()
    local client <close> = ms.client({ timeout = { connect = helper.seconds(5) } })
    local urls = copies(hostile.url("/http10?n=10"), 40)
    local bodies, errors = take_all(client, urls, { concurrency = 3 })
    assert.same({}, errors)
    assert.equal(40, #bodies)
  end))

  it("is taken from a list that is changed meanwhile", task(function()
    local client <close> = ms.client()
    local urls = copies(quick(), 40)
    local bodies = take_all(client, urls, { concurrency = 1 }, function(i)
      if i < 30 then
        urls[i + 5] = hostile.url("/bytes?n=" .. i + 5)
      end
    end)
    assert.equal(10, #bodies[5])
    assert.equal(20, #bodies[20])
  end))
end)
