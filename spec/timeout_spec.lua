-- The limits of `timeout`: which one ends what, when, with what words, and what is left of a total
-- for what comes later. On a mock's clock, to the second. A server that really stalls, and what
-- libcurl does then: timeout_network_spec.lua. Silence in bodies: timeout_idle_spec.lua.
local helper = require("spec.helper")
local ms = require("multisock")
local mocked = require("spec.support.mocked")
local timed_out = require("spec.support.timed_out")

local exactly, words = timed_out.exactly, timed_out.words

local HOST = "https://h.example"

local NEVER = math.huge

local SERVER = { routes = {
  { url = "/silent", reply = { delay = NEVER } },
  { url = "/far", reply = { connect = NEVER } },
  { url = "/slow", reply = { delay = 4, body = "slow" } },
  { url = "/stalls", reply = { body = { "some", NEVER } } },
  { url = "/trickle", reply = { body = { "a", 1, "b", 1, "c", 1, "d", 1, "e" } } },
  { url = "/hop", reply = { delay = 3, status = 302, headers = { Location = "/hop" } } },
  { url = "/far-and-slow", reply = { connect = 3, delay = 4 } },
  { url = "/down", reply = { status = 503 } },
  { url = "/down-slowly", reply = { status = 503, delay = 2 } },
  { url = "/*", reply = { body = "soon" } },
} }

local served = mocked.served(SERVER)

describe("timeouts", function()
  after_each(helper.check_leaks)

  it("end what hangs, the nearest first", served(function(client)
    for _, case in ipairs({
      { "/silent", 2, 2, "wait", "total" },
      { "/silent", { total = 2, first_byte = 5 }, 2, "wait", "total" },
      { "/silent", { total = 5, first_byte = 2 }, 2, "wait", "first_byte" },
      { "/silent", { attempt = 2, first_byte = 5 }, 2, "wait", "attempt" },
      { "/silent", { attempt = 5, first_byte = 2 }, 2, "wait", "first_byte" },
      { "/silent", { attempt = 2, total = 5 }, 2, "wait", "attempt" },
      { "/silent", { attempt = 5, total = 2 }, 2, "wait", "total" },
      { "/silent", { connect = 2, idle = 2, queue = 2, first_byte = 9 }, 9, "wait", "first_byte" },
      { "/silent", {}, 300, "wait", "first_byte" },
      { "/silent", { first_byte = NEVER, total = 86400 }, 86400, "wait", "total" },
      { "/silent", 0.125, 0.125, "wait", "total" },
      { "/far", { connect = 2 }, 2, "connect", "connect" },
      { "/far", {}, 30, "connect", "connect" },
      { "/far", { total = 2 }, 2, "connect", "total" },
      { "/far", { attempt = 2, total = 5 }, 2, "connect", "attempt" },
      { "/far", { first_byte = 2, idle = 2, queue = 2 }, 30, "connect", "connect" },
      -- A connection takes nothing of the time for the answer, but of the whole.
      { "/far-and-slow", { first_byte = 3.5 }, 6.5, "wait", "first_byte", 3.5 },
      { "/far-and-slow", { attempt = 6 }, 6, "wait", "attempt" },
      { "/far-and-slow", { total = 2.5 }, 2.5, "connect", "total" },
    }) do
      local err = exactly(case[3], case[4], case[5], function()
        return client:get(HOST .. case[1], { timeout = case[2] })
      end, case[6])
      assert.same({ true, 1, HOST .. case[1] }, { err.retryable, err.attempts, err.url })
      assert.equal(("timeout: %s [%s]"):format(words(case[5], case[6] or case[3]), err.url),
        tostring(err))
    end
  end))

  it("leave alone what is in time", served(function(client)
    for _, limits in ipairs({ 4.5, { total = 4.5 }, { attempt = 4.5 }, { first_byte = 4.5 },
      { connect = 1, queue = 1, idle = 1 } }) do
      local began = ms.now()
      assert.equal("slow", client:get(HOST .. "/slow", { timeout = limits }):text())
      assert.equal(4, ms.now() - began)
    end
    local limits = { connect = 3.5, first_byte = 4.5, attempt = 7.5 }
    assert.equal(200, client:get(HOST .. "/far-and-slow", { timeout = limits }).status)
  end))

  it("say of a POST that it may be sent again where nothing of it was sent", served(
    function(client)
    for path, again in pairs({ ["/silent"] = false, ["/far"] = true }) do
      for _, limits in ipairs({ 2, { attempt = 2 }, { connect = 2, first_byte = 2 } }) do
        local _, err = client:post(HOST .. path, { body = "x", timeout = limits })
        assert.same({ "timeout", again }, { err.kind, err.retryable })
        _, err = client:put(HOST .. path, { body = "x", timeout = limits })
        assert.same({ "timeout", true }, { err.kind, err.retryable })
      end
    end
  end))

  it("end a body that is read, by the total alone", served(function(client)
    local ways = { "text", "json", "discard" }
    for _, way in ipairs(ways) do
      local response
      local err = exactly(5, "receive", "total", function()
        response = ms.assert(client:get(HOST .. "/stalls",
          { timeout = { total = 5, attempt = 2, first_byte = 1 } }))
        return response[way](response)
      end)
      assert.same({ response, 200, true }, { err.response, err.response.status, err.retryable })
    end
    local response = client:get(HOST .. "/stalls", { timeout = 5 })
    assert.equal("some", response:read())
    local err = exactly(5, "receive", "total", function() return response:read() end)
    assert.equal(response, err.response)
    -- Also while it flows: what came in time was given.
    response = client:get(HOST .. "/trickle", { timeout = 2.5 })
    local pieces = {}
    exactly(2.5, "receive", "total", function()
      local piece, why
      repeat
        piece, why = response:read()
        pieces[#pieces + 1] = piece
      until piece == nil
      return nil, why
    end)
    assert.same({ "a", "b", "c" }, pieces)
    response = client:get(HOST .. "/trickle", { timeout = { attempt = 1, total = 4.5 } })
    assert.equal("abcde", response:text())
  end))

  it("end a body that is buffered: attempt, too", served(function(client)
    local err = exactly(2, "receive", "whole", function()
      return client:get(HOST .. "/stalls", { buffer = true, timeout = { attempt = 2, total = 5 } })
    end)
    assert.same({ 200, true, 1 }, { err.response.status, err.retryable, err.attempts })
    err = exactly(2, "receive", "total", function()
      return client:get(HOST .. "/stalls", { buffer = true, timeout = { attempt = 5, total = 2 } })
    end)
    assert.equal(200, err.response.status)
    exactly(60, "receive", "idle", function()
      return client:get(HOST .. "/stalls", { buffer = true })
    end)
    assert.equal("abcde", client:get(HOST .. "/trickle", { buffer = true,
      timeout = { attempt = 4.5 } }):text())
    local _, why = client:post(HOST .. "/stalls", { body = "x", buffer = true, timeout = 3 })
    assert.same({ "timeout", false }, { why.kind, why.retryable })
  end))

  it("count an upload for nothing but attempt and total", served(function(client)
    local function post(limits)
      local count = 0
      return client:post(HOST .. "/slow", { timeout = limits, body = function()
        ms.sleep(2)
        count = count + 1
        return count < 3 and "x" or nil
      end })
    end
    local began = ms.now()
    assert.equal("slow", post({ first_byte = 4.5, idle = 1, connect = 1 }):text())
    assert.equal(10, ms.now() - began)
    exactly(9.5, "wait", "first_byte", function() return post({ first_byte = 3.5 }) end, 3.5)
    exactly(5, "send", "attempt", function() return post({ attempt = 5 }) end)
    exactly(5, "send", "total", function() return post(5) end)
  end))

  ---- What stands over the attempts -----------------------------------------

  it("begin anew with each try, but for the total", served(function(client, mock)
    local function get(path, limits, options)
      options = options or {}
      options.timeout, options.retry = limits, options.retry
        or { limit = 2, backoff = function() return 3 end }
      return client:get(HOST .. path, options)
    end
    local function check(expected, seconds, word, attempts, limit, path, limits, options)
      local before, began = #mock:calls(), ms.now()
      local err = exactly(seconds, options and options.phase or "wait", word, function()
        return get(path, limits, options and { retry = options.retry })
      end, limit)
      assert.equal(attempts, err.attempts)
      local list = {}
      for i = before + 1, #mock:calls() do
        list[#list + 1] = mock:calls()[i].at - began
      end
      assert.same(expected, list)
    end
    check({ 0, 5, 10 }, 12, "attempt", 3, 2, "/silent", { attempt = 2 })
    check({ 0, 5, 10 }, 12, "first_byte", 3, 2, "/silent", { first_byte = 2 })
    check({ 0, 5, 10 }, 12, "attempt", 3, 2, "/silent", { attempt = 2, total = 12.5 })
    -- The total cuts the third one short; that is never sent again.
    check({ 0, 5, 10 }, 11, "total", 3, 11, "/silent", { attempt = 2, total = 11 },
      { retry = { limit = 9, backoff = function() return 3 end } })
    -- What is left is shorter than the pause: the error is returned now, and not later.
    check({ 0, 5 }, 7, "attempt", 2, 2, "/silent", { attempt = 2, total = 9.5 })
    check({ 0 }, 2, "attempt", 1, 2, "/silent", { attempt = 2, total = 4 })
    check({ 0, 5, 10 }, 12, "connect", 1, 2, "/far", { connect = 2 }, { phase = "connect" })
    -- An answer is returned then, too.
    local before, began = #mock:calls(), ms.now()
    local response = ms.assert(get("/down-slowly", { total = 8 }))
    assert.same({ 503, 2, 7, 2 }, { response.status, response.attempts, ms.now() - began,
      #mock:calls() - before })
  end))

  it("send no POST twice, unless its connection did not stand", served(function(client, mock)
    local retry = { limit = 2, backoff = 0.001, methods = { "GET" }, budget = NEVER }
    for path, asked in pairs({ ["/silent"] = 1, ["/far"] = 3 }) do
      for _, body in ipairs({ "x", { replay = function() return { "x" } end } }) do
        local before = #mock:calls()
        local _, err = client:post(HOST .. path, { body = body, retry = retry,
          timeout = { connect = 2, first_byte = 2 } })
        assert.same({ "timeout", asked }, { err.kind, #mock:calls() - before }, path)
      end
    end
  end))

  it("are one total for all hops", served(function(client, mock)
    local err = exactly(8, "wait", "total", function()
      return client:get(HOST .. "/hop", { timeout = { total = 8, attempt = 4, first_byte = 4 } })
    end)
    assert.same({ 3, 1 }, { #mock:calls(), err.attempts })   -- of the hop that it was in
    err = exactly(6.5, "wait", "total", function()
      return client:get(HOST .. "/hop", { timeout = 6.5, retry = { limit = 2 } })
    end)
    assert.same({ 6, 1 }, { #mock:calls(), err.attempts })
    local _, why = client:get(HOST .. "/hop", { timeout = { attempt = 3.5 } })
    assert.equal("redirect", why.kind)                 -- each hop had its own
  end))

  it("count what middleware waits, in the total alone", served(function(client, mock)
    local own = ms.client({ agent = mock, each_attempt = { function(request, next)
      ms.sleep(3)
      return next(request)
    end } })
    assert.equal(200, own:get(HOST .. "/", { timeout = { attempt = 1, total = 4 } }).status)
    local before = #mock:calls()
    local began = ms.now()
    local _, err = own:get(HOST .. "/", { timeout = 2 })
    -- It is asked when the middleware is done, and nothing is sent any more.
    assert.same({ "timeout", "queue", words("total", 2), 3, before },
      { err.kind, err.phase, err.message, ms.now() - began, #mock:calls() })
    exactly(5, "wait", "total", function() return own:get(HOST .. "/hop", { timeout = 5 }) end)
    own:close()
    own = ms.client({ agent = mock, middleware = { function(request, next)
      ms.sleep(3)
      return next(request)
    end } })
    -- That is outside: the total is the request's.
    assert.equal(200, own:get(HOST .. "/slow", { timeout = 5 }).status)
    own:close()
    assert.equal(200, client:get(HOST .. "/").status)
  end))

  it("hold over any agent, and a POST is not sent again for them", helper.simulated(nil,
    function()
    local asked, began = 0, ms.now()
    local made = ms.client({ timeout = { attempt = 5, total = 60 },
      retry = { backoff = function() return 20 end },
      agent = function()
        asked = asked + 1
        ms.sleep(600)
      end })
    local _, err = made:get("http://h.example/")
    assert.same({ "timeout", true, 3, 3, 55 },
      { err.kind, err.retryable, asked, err.attempts, ms.now() - began })
    _, err = made:post("http://h.example/", { body = "x" })
    assert.same({ "timeout", false, 4, 60 },
      { err.kind, err.retryable, asked, ms.now() - began })
    assert.is_truthy(err.message:find("timeout.attempt", 1, true), err.message)
    _, err = made:get("http://h.example/", { timeout = { total = 27 } })
    assert.same({ "timeout", 6, 87 }, { err.kind, asked, ms.now() - began })
    assert.is_truthy(err.message:find("timeout.total", 1, true), err.message)
  end))

  it("are a client's, or a request's, field by field", served(function(client)
    exactly(2, "wait", "total", function() return client:get(HOST .. "/silent") end)
    exactly(1, "wait", "first_byte", function()
      return client:get(HOST .. "/silent", { timeout = { first_byte = 1 } })
    end)
    exactly(9, "wait", "total", function()
      return client:get(HOST .. "/silent", { timeout = 9 })
    end)
    exactly(7, "wait", "attempt", function()
      return client:get(HOST .. "/silent", { timeout = { total = 8, attempt = 7 } })
    end)
    assert.equal("slow", client:get(HOST .. "/slow", { timeout = 5 }):text())
    assert.equal("slow", client:get(HOST .. "/slow", { timeout = { total = NEVER } }):text())
  end, { timeout = 2 }))

  it("are lifted by math.huge, one by one", served(function(client)
    exactly(2, "wait", "total", function() return client:get(HOST .. "/silent") end)
    exactly(3, "wait", "attempt", function()
      return client:get(HOST .. "/silent", { timeout = { total = NEVER } })
    end)
    exactly(4, "wait", "first_byte", function()
      return client:get(HOST .. "/silent", { timeout = { total = NEVER, attempt = NEVER } })
    end)
    exactly(1, "connect", "connect", function() return client:get(HOST .. "/far") end)
    exactly(7, "connect", "total", function()
      return client:get(HOST .. "/far", { timeout = { total = 7, attempt = NEVER,
        connect = NEVER } })
    end)
    -- Longer than any clock, and shorter.
    for _, seconds in ipairs({ 1e9, 1e18, 1e300 }) do
      assert.equal("slow", client:get(HOST .. "/slow", { timeout = { total = seconds,
        first_byte = seconds, attempt = seconds, connect = seconds, queue = seconds,
        idle = seconds } }):text())
    end
    local _, err = client:get(HOST .. "/silent", { timeout = { first_byte = 1e-300 } })
    assert.equal(words("first_byte", 1e-300), err.message)
  end, { timeout = { total = 2, attempt = 3, first_byte = 4, connect = 1 } }))

  it("are each request's own, and pass in their order", served(function(client)
    local NAMES, ended, given = { "total", "attempt", "first_byte" }, {}, {}
    ms.group(function(group)
      for i = 1, 200 do
        local seconds, name = (i * 37 % 100 + 1) / 8, NAMES[i % 3 + 1]
        given[i] = seconds
        group:spawn(function()
          exactly(seconds, "wait", name, function()
            return client:get(HOST .. "/silent", { timeout = { [name] = seconds } })
          end)
          ended[#ended + 1] = seconds
        end)
      end
    end)
    table.sort(given)
    assert.same(given, ended)
  end))

  local LIST = {
    { HOST .. "/silent", { timeout = 3 } }, { HOST .. "/silent", { timeout = { attempt = 2 } } },
    { HOST .. "/slow", { timeout = { first_byte = 1 } } }, HOST .. "/slow",
    { HOST .. "/stalls", { timeout = { idle = 5 } } },
    { HOST .. "/stalls", { timeout = { attempt = 6 } } },
    { HOST .. "/far", { timeout = { connect = 4 } } },
  }

  it("name the one that passed, for each of a list", served(function(client)
    local began = ms.now()
    local results, errs = client:map(LIST)
    assert.equal(6, ms.now() - began)
    assert.equal("slow", results[4]:text())
    for i, message in pairs({ words("total", 3), words("attempt", 2), words("first_byte", 1),
      [5] = words("idle", 5), [6] = words("whole", 6), [7] = words("connect", 4) }) do
      assert.equal(message, errs[i].message)
    end
  end))

  it("let the others of a list come before", helper.of_loop(served(function(client)
    local began, ended = ms.now(), {}
    for i, value, err in client:each(LIST) do
      ended[#ended + 1] = ("%d %s %g"):format(i, value and value.status or err.kind,
        ms.now() - began)
    end
    assert.same({ "3 timeout 1", "2 timeout 2", "1 timeout 3", "4 200 4", "7 timeout 4",
      "5 timeout 5", "6 timeout 6" }, ended)
  end)))
end)
