-- Every limit of `timeout` over sockets, with servers that really stall: what libcurl and the core
-- do then has no other clock. What is decided above that: timeout_spec.lua, on a mock's.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local DEFAULTS = require("multisock.request.options").defaults
local ms = require("multisock")
local timed_out = require("spec.support.timed_out")

describe("timeouts", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local check = timed_out.at(hostile)

  it("total: before the answer", helper.task(function()
    check(0.05, "wait", "total", function()
      return client:get(hostile.url("/stall"), { timeout = 0.05 })
    end)
    check(0.05, "wait", "total", function()
      return client:get(hostile.url("/stall"), { timeout = { total = 0.05, first_byte = 5 } })
    end)
    check(0.1, "receive", "total", function()
      return client:get(hostile.url("/stall-headers"), { timeout = 0.1 })
    end)
  end))

  -- libuv before 1.45 serves timers before it waits: what has come due while Lua was
  -- busy must not be followed by a wait for something else.
  it("total, first_byte: also when another task is busy at that time", helper.task(function()
    for _, name in ipairs({ "total", "first_byte" }) do
      local least = math.huge       -- libcurl has a timer of its own after 0.2 s
      for _ = 1, 4 do
        client:get(hostile.url("/bytes")):text()
        local started = ms.now()
        ms.spawn(function()
          ms.sleep(0.02)
          repeat until ms.now() > started + 0.07
        end)
        check(0.05, "wait", name, function()
          local response, err = client:get(hostile.url("/stall"), { timeout = { [name] = 0.05 } })
          least = math.min(least, ms.now() - started)
          return response, err
        end)
      end
      if helper.timing_is_real then
        assert.is_true(least < 0.15, least .. " s")
      end
    end
  end))

  it("names the limit that came first when Lua was busy, and saw none pass", helper.task(function()
    client:get(hostile.url("/bytes")):text()
    for _, limits in ipairs({ { "total", "first_byte" }, { "attempt", "first_byte" },
      { "total", "attempt" }, { "total", "idle" } }) do
      for i = 1, 2 do
        local first, second = limits[i], limits[3 - i]
        ms.spawn(function()
          ms.sleep(0.02)
          local stop = ms.now() + 0.15
          repeat until ms.now() > stop
        end)
        local response, err = client:get(hostile.url(limits[2] == "idle" and "/stall-body"
          or "/stall"), { timeout = { [first] = 0.06, [second] = 0.12 } })
        if response then
          response, err = response:text()
        end
        assert.is_nil(response)
        assert.truthy(err.message:find("timeout." .. first, 1, true),
          ("%s before %s: %s"):format(first, second, err.message))
      end
    end
  end))

  it("attempt: until the headers, wherever it hangs", helper.task(function()
    local limits = { attempt = 0.1 }
    for _ = 1, 2 do                 -- on a connection that is kept, and on new ones
      client:get(hostile.url("/bytes")):text()
      check(0.1, "wait", "attempt", function()
        return client:get(hostile.url("/stall"), { timeout = limits })
      end)
      check(0.1, "receive", "attempt", function()
        return client:get(hostile.url("/stall-headers"), { timeout = limits })
      end)
    end
    check(0.1, "connect", "attempt", function()
      return client:get(("http://127.0.0.1:%d/"):format(support.deaf_port()), { timeout = limits })
    end)
    local _, err = client:post(hostile.url("/stall"), { body = "x", timeout = limits })
    assert.same({ "timeout", false }, { err.kind, err.retryable })
  end))

  it("attempt: not in the body, where total still holds", helper.task(function()
    for _ = 1, 2 do
      local response = ms.assert(client:get(hostile.url("/trickle?bytes=20"),
        { timeout = { attempt = 0.15 } }))
      assert.equal(20, #response:text())
      check(0.2, "receive", "total", function()
        return ms.assert(client:get(hostile.url("/stall-body"),
          { timeout = { attempt = 0.1, total = 0.2 } })):text()
      end)
      client:get(hostile.url("/bytes")):text()
    end
  end))

  it("attempt: not while it waits for its turn", helper.task(function()
    local narrow = ms.client({ limits = { connections = 1 }, timeout = { attempt = 0.2 } })
    local late = hostile.url("/late?delay=0.12")
    local responses, errs = ms.map({ late, late }, function(url) return narrow:get(url) end)
    assert.same({ nil, nil, 2 }, { errs[1], errs[2], responses.n })
    for i = 1, 2 do
      responses[i]:close()
    end
    narrow:close()
  end))

  it("attempt: each try of a retry has its own", helper.task(function()
    local started = ms.now()
    local _, err = client:get(hostile.url("/stall"), { timeout = { attempt = 0.05, total = 5 },
      retry = { limit = 2, backoff = 0.001 } })
    assert.same({ "timeout", 3 }, { err.kind, err.attempts })
    assert.is_true(ms.now() - started >= 0.15)
    _, err = client:get(hostile.url("/stall"), { timeout = { attempt = 0.1, total = 0.15 },
      retry = { limit = 5, backoff = 0.001 } })
    assert.is_truthy(err.message:find("timeout.total", 1, true), err.message)
    probe.open_becomes(hostile, 0)
  end))

  it("total: in the body, also while it flows", helper.task(function()
    for _, way in ipairs({ "text", "read" }) do
      check(0.15, "receive", "total", function()
        local response = ms.assert(client:get(hostile.url("/trickle?bytes=1000"),
          { timeout = 0.15 }))
        local body, err
        repeat
          body, err = response[way](response)
        until body == nil
        assert.equal(response, err.response)
        return body, err
      end)
    end
  end))

  it("total: over all redirects", helper.task(function()
    check(0.15, "wait", "total", function()
      return client:get(hostile.url("/redirect?to=/redirect%3Fto=/stall"), { timeout = 0.15 })
    end)
  end))

  it("total: for a default of the client, and not for who has none", helper.task(function()
    local own <close> = ms.client({ timeout = 0.1 })
    check(0.1, "wait", "total", function()
      return own:get(hostile.url("/stall"))
    end)
    assert.is_truthy(own:get(hostile.url("/late?delay=0.15"), { timeout = 5 }))
  end))

  it("queue", helper.task(function()
    local one <close> = ms.client({ limits = { host_connections = 1 } })
    local response = ms.assert(one:get(hostile.url("/stall-body")))
    local started = ms.now()
    local none, err = one:get(hostile.url("/bytes"), { timeout = { queue = 0.1 } })
    assert.is_nil(none)
    assert.same({ "timeout", "queue", true }, { err.kind, err.phase, err.retryable })
    assert.is_true(ms.now() - started >= 0.095)
    none, err = one:get(hostile.url("/bytes"), { timeout = 0.1 })
    assert.is_nil(none)
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    none, err = one:get(hostile.url("/bytes"), { timeout = { queue = math.huge, total = 0.1 } })
    assert.is_nil(none)
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    response:close()
    -- Time in the queue is not time of the server.
    assert.is_truthy(one:get(hostile.url("/bytes"), { timeout = { queue = 0.1 } }))
  end))

  it("queue time counts for nothing but queue and total", helper.task(function()
    local one <close> = ms.client({ limits = { host_connections = 1 } })
    ms.group(function(group)
      for _ = 1, 4 do
        group:spawn(function()
          local response = ms.assert(one:get(hostile.url("/late?delay=0.06"),
            { timeout = { first_byte = helper.seconds(0.2), connect = helper.seconds(0.2) } }))
          response:text()
        end)
      end
    end)
  end))

  it("connect: to who answers nothing", helper.task(function()
    local hole = probe.blackhole()
    check(0.1, "connect", nil, function()
      return client:get(hole.url, { timeout = { connect = 0.1 } })
    end)
    hole.stop()
  end))

  it("connect: to who does not speak TLS", helper.task(function()
    check(0.1, "tls", nil, function()
      return client:get("https://127.0.0.1:" .. hostile.port .. "/",
        { timeout = { connect = 0.1 } })
    end)
  end))

  it("first_byte", helper.task(function()
    check(0.1, "wait", "first_byte", function()
      return client:get(hostile.url("/stall"), { timeout = { first_byte = 0.1 } })
    end)
    -- It is over with the headers.
    local response = ms.assert(client:get(hostile.url("/trickle?bytes=10&delay=0.02"),
      { timeout = { first_byte = 0.15 } }))
    assert.equal(servers.bytes(10), response:text())
  end))

  it("first_byte: counted from the end of the upload", helper.task(function()
    local given = 0
    local response, err = client:post(hostile.url("/upload"), {
      timeout = { first_byte = 0.3 },
      body = function()
        ms.sleep(0.08)
        given = given + 1
        return given < 5 and "x" or nil
      end,
    })
    assert.is_nil(err)
    assert.equal(4, response:json().length)
  end))

  it("first_byte: by default, also for a request with nothing but a URL", helper.task(function()
    local defaults = getmetatable(DEFAULTS.timeout).__index
    assert.equal(300, defaults.first_byte)
    defaults.first_byte = 0.1
    finally(function()
      defaults.first_byte = 300
    end)
    local own <close> = ms.client()
    for _ = 1, 3 do                 -- the second time there is a handle for it
      ms.assert(own:get(hostile.url("/bytes"))):text()
      check(0.1, "wait", "first_byte", function()
        return own:get(hostile.url("/stall"))
      end)
      check(0.1, "receive", "first_byte", function()
        return own:get(hostile.url("/stall-headers"))
      end)
    end
    -- Many at once, and others go on.
    local failed = 0
    ms.group(function(group)
      for i = 1, 60 do
        group:spawn(function()
          local response, err = own:get(hostile.url(i % 2 == 0 and "/stall" or "/late?delay=0.05"))
          if i % 2 == 0 then
            assert.equal("timeout", err.kind)
            failed = failed + 1
          else
            assert.equal("late\n", ms.assert(response, err):text())
          end
        end)
      end
    end)
    assert.equal(30, failed)
  end, 20))

  -- Or a server could make a request wait for ever.
  it("first_byte: not counted anew from an answer that is only for now", helper.task(function()
    local url = hostile.url("/early-hints?count=4&delay=0.06")
    local _, err = client:get(url, { timeout = { first_byte = helper.seconds(0.15) } })
    assert.equal("timeout", err.kind)
    local response = ms.assert(client:get(url, { timeout = { first_byte = helper.seconds(2) } }))
    assert.equal("hinted\n", response:text())
  end))

  it("first_byte: each its own, in whatever order", helper.task(function()
    ms.group(function(group)
      for i = 1, 100 do
        group:spawn(function()
          local seconds = (i * 37 % 100 + 1) / 200
          local started = ms.now()
          local _, err = client:get(hostile.url("/stall"), { timeout = { first_byte = seconds } })
          local elapsed = ms.now() - started
          assert.equal("timeout", err.kind)
          assert.is_true(elapsed >= seconds - 0.005, "after " .. elapsed)
          assert.is_true(elapsed < helper.seconds(seconds + 1.5), "after " .. elapsed)
        end)
      end
    end)
    probe.open_becomes(hostile, 0)
  end, 20))

  it("leave nothing waiting where they were not needed", helper.task(function()
    local own <close> = ms.client({ timeout = { first_byte = helper.seconds(0.2) } })
    for _ = 1, 300 do
      ms.assert(own:get(hostile.url("/bytes"))):text()
    end
    local slow = ms.assert(own:get(hostile.url("/trickle?bytes=12&delay=0.02")))
    assert.equal(servers.bytes(12), slow:text())
    assert.equal(servers.bytes(5), ms.assert(own:get(hostile.url("/bytes?n=5"))):text())
  end, 20))

  it("are lifted by math.huge, one by one", helper.task(function()
    local own <close> = ms.client({ timeout = {
      total = 0.06, first_byte = 0.06, connect = 0.06, queue = 0.06, idle = 0.06,
    } })
    local response = ms.assert(own:get(hostile.url("/late?delay=0.15"), { timeout = {
      total = math.huge, first_byte = math.huge, connect = math.huge, queue = math.huge,
    } }))
    assert.equal("late\n", response:text())
    local _, err = own:get(hostile.url("/late?delay=0.15"), { timeout = math.huge })
    assert.truthy(err.message:find("first_byte", 1, true), err.message)
    response = ms.assert(own:get(hostile.url("/trickle?bytes=2&delay=0.12"), { timeout = {
      total = math.huge, idle = math.huge } }))
    assert.equal(servers.bytes(2), response:text())
    -- Longer than any clock.
    for _, seconds in ipairs({ 1e9, 1e18, 1e300 }) do
      assert.equal("late\n", ms.assert(client:get(hostile.url("/late?delay=0.02"), { timeout = {
        total = seconds, first_byte = seconds, connect = seconds, queue = seconds, idle = seconds,
      } })):text())
    end
    -- Shorter, too.
    _, err = client:get(hostile.url("/stall"), { timeout = { first_byte = 1e-300 } })
    assert.equal("timeout", err.kind)
  end))

  ---- The same words as on a mock -------------------------------------------

  -- Each case: what is asked of hostile.py, the answer of a mock that stalls in the same way, and
  -- the limits.
  local NEVER, SOON = math.huge, helper.seconds(0.05)
  local SILENT, STALLS = { delay = NEVER }, { body = { "some", NEVER } }
  local ALIKE = {
    { "get", "/stall", SILENT, { total = SOON } },
    { "get", "/stall", SILENT, { attempt = SOON, total = 5 } },
    { "get", "/stall", SILENT, { first_byte = SOON } },
    { "post", "/stall", SILENT, { first_byte = SOON } },
    { "post", "/stall", SILENT, { attempt = SOON } },
    { "get", "/stall-body", STALLS, { total = 2 * SOON } },
    { "get", "/stall-body", STALLS, { idle = SOON } },
    { "post", "/stall-body", STALLS, { idle = SOON } },
    { "get", "/stall-body", STALLS, { attempt = 2 * SOON }, buffer = true },
    { "get", "/stall-body", STALLS, { total = 2 * SOON }, buffer = true },
    { "post", "/stall-body", STALLS, { idle = SOON }, buffer = true },
    { "get", "/stall", SILENT, { queue = SOON }, busy = true },
    { "get", "/stall", SILENT, { total = SOON }, busy = true },
    { "post", "/stall", SILENT, { queue = 5, total = SOON }, busy = true },
  }

  -- What the error of a case says.
  local function outcome_of(case, given, url)
    given.limits = { host_connections = 1 }
    local own = ms.client(given)
    local held = case.busy and ms.assert(own:get(url("/stall-body")))
    local response, err = own[case[1]](own, url(case[2]), { timeout = case[4],
      buffer = case.buffer, body = case[1] == "post" and "x" or nil })
    if response then
      response, err = response:text()
    end
    assert.is_nil(response)
    if held then
      held:close()
    end
    own:close()
    return { kind = err.kind, message = err.message, phase = err.phase, code = err.code,
      number = err.number, retryable = err.retryable, attempts = err.attempts,
      status = err.response and err.response.status, path = err.url:match("[^/]+$") }
  end

  it("say the same as on a mock", function()
    for i, case in ipairs(ALIKE) do
      local mock = ms.mock({ routes = { { url = "/stall-body", reply = STALLS },
        { reply = case[3] } } })
      local expected = mock:run(outcome_of, case, { agent = mock }, function(path)
        return "http://h.example" .. path
      end)
      helper.task(function()
        assert.same(expected, outcome_of(case, {}, hostile.url), "case " .. i)
      end)()
    end
  end)

  it("of with_timeout end a transfer too", helper.task(function()
    local result, err = ms.with_timeout(0.1, function()
      return client:get(hostile.url("/stall"))
    end)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    probe.open_becomes(hostile, 0)
  end))
end)
