-- Cancelling a task wherever its transfer is: the place and the socket are free
-- at once, and the server sees the close.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local admission = require("multisock.connection.admission")
local scheduler = require("multisock.tasks.scheduler")
local ms = require("multisock")

describe("cancelling", function()
  local hostile, secure = fixtures.hostile(), fixtures.hostile({ tls = true })
  local client

  fixtures.each(function()
    client = ms.client({ limits = { host_connections = 1 }, tls = { ca = secure.ca } })
    return client
  end)

  -- Starts `fn`, lets it come so far, cancels it.
  local function cancel(fn, seconds)
    local task = ms.spawn(fn)
    ms.sleep(seconds or 0.05)
    assert.equal("waiting", task:status())
    assert.is_true(task:cancel("not wanted"))
    assert.equal("cancelled", task:status())
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal("cancelled", err.kind, tostring(err))
    assert.equal("not wanted", err.message)
    assert.is_false(task:cancel())
  end

  -- Only the transfers of the spec itself may count.
  local function assert_free()
    assert.equal(0, (admission.counts()))
  end

  local function assert_works()
    assert.equal(servers.bytes(9), ms.assert(client:get(hostile.url("/bytes?n=9"))):text())
  end

  it("in the queue", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/stall-body")))
    cancel(function()
      return client:get(hostile.url("/bytes"))
    end)
    assert.equal(1, (admission.counts()))
    response:close()
    assert_free()
    assert_works()
  end))

  it("in a callback of libcurl, where nothing can be ended yet", helper.task(function()
    local calls, fn = 0, nil
    local traced <close> = ms.client({ curl = { verbose = 1, debugfunction = function()
      calls = calls + 1
      if calls == 3 then
        fn()
      end
    end } })
    local work = ms.spawn(function()
      return traced:get(hostile.url("/stall"))
    end)
    function fn()
      work:cancel("not wanted")
    end
    local ok, err = work:join()
    assert.same({ false, "not wanted" }, { ok, err.message })
    ms.sleep(0.01)
    assert_free()
    local response = ms.assert(traced:get(hostile.url("/stall-body")))
    calls = 0
    function fn()
      response:close()
    end
    local other = traced:get(hostile.url("/bytes?n=9"))
    assert.equal(9, #other:text())
    assert.is_nil(response:text())
    ms.sleep(0.01)
    assert_free()
    local iterator = traced:each({ hostile.url("/stall"), hostile.url("/stall") })
    calls = 0
    function fn()
      iterator:close()
    end
    assert.is_nil(iterator())
    ms.sleep(0.01)
    assert_free()
    assert_works()
  end))

  it("before it began", helper.task(function()
    local task = ms.spawn(function()
      return client:get(hostile.url("/stall"))
    end)
    task:cancel()
    assert.equal("cancelled", task:status())
    assert_free()
    -- And in the turn in which it was started.
    task = ms.spawn(function()
      return client:get(hostile.url("/stall"))
    end)
    ms.sleep(0)
    task:cancel()
    assert_free()
    assert_works()
  end))

  it("while the name is resolved", helper.task(function()
    cancel(function()
      return client:get("http://some.test/", { doh_url = secure.url("/stall") })
    end)
    assert_free()
    assert_works()
    -- libcurl 7.88 lets its own requests to the name server go on.
    client:close()
    probe.open_becomes(secure, 0)
  end))

  it("while connecting", helper.task(function()
    local hole = probe.blackhole()
    local _, sockets = scheduler.loop().counts()
    cancel(function()
      return client:get(hole.url)
    end)
    assert_free()
    assert.equal(sockets, (select(2, scheduler.loop().counts())))
    hole.stop()
    assert_works()
  end))

  it("during the TLS handshake", helper.task(function()
    cancel(function()
      return client:get("https://127.0.0.1:" .. hostile.port .. "/")
    end)
    assert_free()
    probe.open_becomes(hostile, 0)
    assert_works()
  end))

  it("while sending", helper.task(function()
    cancel(function()
      return client:post(hostile.url("/upload-slow?rate=3000000"), { body = ("x"):rep(20000000) })
    end, 0.1)
    assert_free()
    -- The server reads on until what the kernel still has is through.
    probe.open_becomes(hostile, 0)
    cancel(function()
      return client:post(hostile.url("/upload"), { body = function()
        ms.sleep(60)
      end })
    end)
    assert_free()
    probe.open_becomes(hostile, 0)
    assert_works()
  end))

  it("while waiting for the answer", helper.task(function()
    for _, options in ipairs({ {}, { timeout = 60 }, { progress = print } }) do
      cancel(function()
        return client:get(hostile.url("/stall"), options)
      end)
      assert_free()
      probe.open_becomes(hostile, 0)
    end
    cancel(function()
      return client:get(hostile.url("/stall-headers"))
    end)
    assert_free()
    probe.open_becomes(hostile, 0)
    assert_works()
  end))

  it("while receiving", helper.task(function()
    for _, way in ipairs({ "text", "discard" }) do
      cancel(function()
        local response = ms.assert(client:get(hostile.url("/stall-body")))
        return response[way](response)
      end)
      assert_free()
      probe.open_becomes(hostile, 0)
    end
    local response
    cancel(function()
      response = ms.assert(client:get(hostile.url("/stall-body")))
      for _ in response:chunks() do end -- luacheck: ignore 542
    end)
    assert_free()
    probe.open_becomes(hostile, 0)
    assert.is_truthy(helper.err_of(response:read()))
    assert_works()
  end))

  it("over TLS, and with HTTP/2's probe", helper.task(function()
    cancel(function()
      return client:get(secure.url("/stall"))
    end, 0.1)
    assert_free()
    probe.open_becomes(secure, 0)
    assert.equal(servers.bytes(9), ms.assert(client:get(secure.url("/bytes?n=9"))):text())
  end))

  it("a thousand at once", helper.task(function()
    local many <close> = ms.client()
    local tasks, count = {}, helper.many(1000)
    for i = 1, count do
      tasks[i] = ms.spawn(function()
        return many:get(hostile.url("/stall"))
      end)
    end
    ms.sleep(helper.seconds(0.3))
    for i = 1, count do
      assert.is_true(tasks[i]:cancel())
    end
    assert_free()
    probe.open_becomes(hostile, 0)
  end, 20))

  it("what a failing sibling brings down", helper.task(function()
    local err = helper.failure(ms.group, function(group)
      group:spawn(function()
        return client:get(hostile.url("/stall"))
      end)
      group:spawn(function()
        return client:get(hostile.url("/bytes"))      -- queued
      end)
      group:spawn(function()
        ms.sleep(0.05)
        error("failed", 0)
      end)
    end)
    assert.equal("failed", err)
    assert_free()
    probe.open_becomes(hostile, 0)
  end))

  it("lets the task clean up by other transfers", helper.task(function()
    local cleaned
    local task = ms.spawn(function()
      local err = helper.failure(client.get, client, hostile.url("/stall"))
      assert.equal("cancelled", err.kind)
      cleaned = ms.assert(client:get(hostile.url("/bytes?n=3"))):text()
    end)
    ms.sleep(0.05)
    task:cancel()
    task:join()
    assert.equal(servers.bytes(3), cleaned)
  end))
end)
