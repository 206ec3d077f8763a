-- The chain of a client: middleware, each_attempt and listeners.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")

local task, failure = helper.task, helper.failure

-- Notes when a request goes in and comes out.
local function tracer(log, name)
  return function(request, next)
    log[#log + 1] = name .. ">"
    local response, err = next(request)
    log[#log + 1] = "<" .. name
    return response, err
  end
end

describe("middleware", function()
  local hostile = fixtures.hostile()

  after_each(helper.check_leaks)

  local function echo(client, options)
    return (echoed.of(client:fetch(hostile.url("/echo"), options)))
  end

  local function redirecting()
    return hostile.url("/redirect?status=307&to=%2Fecho")
  end

  it("changes nothing about what a call returns: one good response, or nil and an error", task(
    function()
      local function passes(request, next)
        return next(request), "note"
      end
      local function breaks(request, next)
        local response, err = next(request)
        return response or false, err
      end
      for _, given in ipairs({
        {}, { middleware = { passes } }, { each_attempt = { passes } }, { retry = true },
        { cookies = ms.cookies() }, { on = { done = function() end } }, { buffer = true },
        { agent = function() return ms.response("x") end },
      }) do
        local client = ms.client(given)
        for _ = 1, 3 do                -- the first one is not sent as the others are
          for _, options in ipairs({ false, {}, { headers = { a = "b" } } }) do
            for _, path in ipairs({ "/bytes?n=5", "/status?code=404" }) do
              local results = { n = 0 }
              local function keep(...)
                results = { n = select("#", ...), ... }
              end
              keep(client:get(hostile.url(path), options or nil))
              assert.equal(1, results.n, tostring(results[2]))
              results[1]:text()
            end
          end
        end
        client:close()
      end
      for _, given in ipairs({ { middleware = { breaks } }, { each_attempt = { breaks } } }) do
        local client = ms.client(given)
        local response, err = client:get("http://127.0.0.1:1/")
        assert.is_false(response)
        assert.equal("multisock.request", getmetatable(err.request).__name)
        client:close()
      end
    end))

  it("is passed once a call, each_attempt once a hop, in order", task(function()
    local log = {}
    local client = ms.client({
      middleware = { tracer(log, "a"), tracer(log, "b") }, each_attempt = { tracer(log, "c") },
    })
    assert.equal(200, ms.assert(client:get(redirecting())).status)
    assert.equal("a> b> c> <c c> <c <b <a", table.concat(log, " "))
    client:close()
  end))

  it("sees fail_on_error from outside, and the redirects' end", task(function()
    local outer, inner
    local client = ms.client({
      fail_on_error = true,
      middleware = { function(request, next)
        local response, err = next(request)
        outer = err and err.kind
        return response, err
      end },
      each_attempt = { function(request, next)
        local response, err = next(request)
        inner = response and response.status
        return response, err
      end },
    })
    local err = helper.err_of(client:get(hostile.url("/status?code=503")))
    assert.same({ "status", "status", 503 }, { err.kind, outer, inner })
    client:close()
  end))

  it("may change all of a request", task(function()
    local client = ms.client({ middleware = { function(request, next)
      assert.same({ "GET", hostile.url("/nowhere") }, { request.method, request.url })
      request.method, request.url, request.body = "PUT", hostile.url("/echo?x=1"), "abc"
      request.headers["x-one"] = "1"
      assert.equal("1", request.headers["X-ONE"])
      request.headers["X-Gone"] = nil
      return next(request)
    end } })
    local seen, fields = echoed.of(client:get(hostile.url("/nowhere"),
      { headers = { ["x-gone"] = "1" } }))
    assert.same({ "PUT", "/echo?x=1", "1", "3", "application/octet-stream" },
      { seen.method, seen.path, fields["x-one"], fields["content-length"],
        fields["content-type"] })
    assert.is_nil(fields["x-gone"])
    client:close()
  end))

  it("signs each attempt anew", task(function()
    local attempts = {}
    local client = ms.client({ each_attempt = { function(request, next)
      attempts[#attempts + 1] = request.attempt
      request.headers.Signature = request.method .. " " .. request.url
      return next(request)
    end } })
    local _, fields = echoed.of(client:get(redirecting()))
    assert.equal("GET " .. hostile.url("/echo"), fields.signature)
    assert.same({ 1, 2 }, attempts)
    client:close()
  end))

  it("may call next again, and the body starts again where it can", task(function()
    local client = ms.client({ middleware = { function(request, next)
      ms.assert(next(request)):discard()
      return next(request)
    end } })
    assert.equal(hostile.url("/echo"), client:post(hostile.url("/echo"), { body = "x" }).url)
    local file = assert(io.tmpfile())
    file:write("of a file")
    file:seek("set")
    local seen = echo(client, { method = "POST", body = file })
    assert.equal("9", seen.fields["content-length"])
    file:close()
    local response, err = client:post(hostile.url("/echo"), { body = helper.pieces(1, "piece") })
    assert.is_nil(response)
    assert.equal("closed", err.kind)
    assert.truthy(err.message:find("came from a function", 1, true))
    client:close()
  end))

  it("may answer by itself, and pass things on in meta", task(function()
    local seen
    local client = ms.client({ middleware = { function(request, next)
      request.meta.seen = "yes"
      return next(request)
    end, function(request)
      seen = request.meta.seen
      return ms.response("own", { status = 203 })
    end } })
    local response = ms.assert(client:get(hostile.url("/echo")))
    assert.same({ 203, "own", "yes" }, { response.status, response:text(), seen })
    client:close()
  end))

  it("has its mistakes named", task(function()
    local function try(fn)
      local client = ms.client({ middleware = { fn } })
      local message = failure(client.get, client, hostile.url("/echo"))
      client:close()
      return message
    end
    assert.truthy(try(function() end):find("middleware[1] returned nothing", 1, true))
    assert.truthy(try(function(_, next) return next() end):find("next: the request expected",
      1, true))
    assert.truthy(try(function(request, next)
      request.headers["a b"] = "1"
      return next(request)
    end):find("invalid name", 1, true))
    assert.truthy(try(function(request, next)
      request.body = 5
      return next(request)
    end):find("body: ", 1, true))
    assert.truthy(failure(ms.client, { middleware = { 1 } }):find(
      "middleware[1]: function expected", 1, true))
    assert.truthy(failure(ms.client, { each_attempt = 1 }):find(
      "each_attempt: list of functions expected", 1, true))
  end))

  it("may not lead to what protocols forbids", task(function()
    local client = ms.client({ each_attempt = { function(request, next)
      request.url = "file:///etc/passwd"
      return next(request)
    end } })
    assert.equal("policy", helper.err_of(client:get(hostile.url("/echo"))).kind)
    client:close()
  end))

  it("has one total for all attempts", task(function()
    local client = ms.client({
      timeout = { total = 0.15 },
      each_attempt = { function(request, next)
        ms.sleep(0.1)
        return next(request)
      end },
    })
    assert.equal("timeout", helper.err_of(client:get(redirecting())).kind)
    client:close()
  end))
end)

describe("on", function()
  after_each(helper.check_leaks)

  local function agent(request)
    if request.url == "http://h.example/a" then
      return ms.response("", { status = 302, headers = { Location = "/b" } })
    elseif request.url == "http://h.example/no" then
      return nil, "no way"
    end
    return ms.response("body")
  end

  local function listening(log)
    local on = {}
    for _, name in ipairs({ "queue", "headers", "redirect", "response", "error" }) do
      on[name] = function(event)
        log[#log + 1] = ("%s %s %d %s"):format(event.name, event.url:match("[^/]*$"),
          event.attempt, tostring(event.to or event.err and event.err.kind or event.response
            and event.response.status))
      end
    end
    return on
  end

  it("tells of each attempt, of redirects and of the outcome", function()
    local log = {}
    local client = ms.client({ agent = agent, on = listening(log) })
    ms.assert(client:get("http://h.example/a"))
    client:get("http://h.example/no")
    assert.same({ "queue a 1 nil", "headers a 1 302", "redirect a 1 http://h.example/b",
      "queue b 2 nil", "headers b 2 200", "response a 2 200", "queue no 1 nil", "error no 1 io" },
      log)
    client:close()
  end)

  it("tells of requests over the network, too", task(function()
    local hostile, log = servers.hostile(), {}
    local client = ms.client({ on = listening(log) })
    for _ = 1, 3 do
      ms.assert(ms.assert(client:get(hostile.url("/bytes?n=2"))):text())
    end
    assert.equal(9, #log)
    client:close()
    hostile.stop()
  end))

  it("goes on when a listener raises, and tells ms.on_error", function()
    local told = {}
    ms.on_error(function(err) told[#told + 1] = tostring(err) end)
    local client = ms.client({ agent = agent, on = {
      queue = function() error("oops", 0) end,
      response = function() ms.sleep(1) end,
    } })
    assert.equal("body", ms.assert(client:get("http://h.example/")):text())
    ms.run(function() end)
    ms.on_error(nil)
    assert.equal(2, #told)
    assert.equal("oops", told[1])
    assert.truthy(told[2]:find("this is a callback", 1, true))
    client:close()
  end)

  it("is named where nobody is told of what it raises", function()
    local output = support.child([[
      local ms = require("multisock")
      local client = ms.client({ on = { done = function() error("oh no") end },
        agent = function() return ms.response("x") end })
      assert(client:get("http://h.example/"))
    ]])
    assert.matches("multisock: a listener of 'done' failed: [^\n]*:2: oh no", output)
  end)

  it("has its mistakes named", function()
    assert.truthy(failure(ms.client, { on = { respones = print } }):find(
      'on: unknown event "respones"', 1, true))
    assert.truthy(failure(ms.client, { on = { response = 1 } }):find(
      "on.response: function expected", 1, true))
    assert.truthy(failure(ms.client, { on = print }):find("on: table of functions expected", 1,
      true))
  end)
end)
