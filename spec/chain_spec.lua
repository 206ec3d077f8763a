-- The chain of a client: middleware, each_attempt, listeners and agents.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task = helper.task

-- Notes when a request goes in and comes out.
local function tracer(log, name)
  return function(request, next)
    log[#log + 1] = name .. ">"
    local response, err = next(request)
    log[#log + 1] = "<" .. name
    return response, err
  end
end

local function failing(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("middleware", function()
  local hostile = fixtures.hostile()

  after_each(helper.check_leaks)

  local function echo(client, options)
    local seen = ms.assert(ms.assert(client:fetch(hostile.url("/echo"), options)):json())
    seen.fields = {}
    for _, field in ipairs(seen.headers) do
      seen.fields[field[1]:lower()] = field[2]
    end
    return seen
  end

  local function redirecting()
    return hostile.url("/redirect?status=307&to=%2Fecho")
  end

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
    local response, err = client:get(hostile.url("/status?code=503"))
    assert.is_nil(response)
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
    local seen = client:get(hostile.url("/nowhere"), { headers = { ["x-gone"] = "1" } }):json()
    local fields = {}
    for _, field in ipairs(seen.headers) do
      fields[field[1]:lower()] = field[2]
    end
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
    local seen = client:get(redirecting()):json()
    local fields = {}
    for _, field in ipairs(seen.headers) do
      fields[#fields + 1] = field[1]:lower() == "signature" and field[2] or nil
    end
    assert.same({ "GET " .. hostile.url("/echo") }, fields)
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
    local left = 2
    local response, err = client:post(hostile.url("/echo"), { body = function()
      left = left - 1
      return left > 0 and "piece" or nil
    end })
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
      local message = failing(client.get, client, hostile.url("/echo"))
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
    assert.truthy(failing(ms.client, { middleware = { 1 } }):find(
      "middleware[1]: function expected", 1, true))
    assert.truthy(failing(ms.client, { each_attempt = 1 }):find(
      "each_attempt: list of functions expected", 1, true))
  end))

  it("may not lead to what protocols forbids", task(function()
    local client = ms.client({ each_attempt = { function(request, next)
      request.url = "file:///etc/passwd"
      return next(request)
    end } })
    local response, err = client:get(hostile.url("/echo"))
    assert.is_nil(response)
    assert.equal("policy", err.kind)
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
    local response, err = client:get(redirecting())
    assert.is_nil(response)
    assert.equal("timeout", err.kind)
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

  it("has its mistakes named", function()
    assert.truthy(failing(ms.client, { on = { respones = print } }):find(
      'on: unknown event "respones"', 1, true))
    assert.truthy(failing(ms.client, { on = { response = 1 } }):find(
      "on.response: function expected", 1, true))
    assert.truthy(failing(ms.client, { on = print }):find("on: table of functions expected", 1,
      true))
  end)
end)

describe("an agent", function()
  after_each(helper.check_leaks)

  it("performs in the place of the network, redirects included", function()
    local asked = {}
    local client = ms.client({ base_url = "http://h.example/a/", agent = function(request)
      asked[#asked + 1] = request.method .. " " .. request.url .. " " .. request.attempt
      if #asked == 1 then
        return ms.response("", { status = 302, headers = { Location = "../b" } })
      end
      return ms.response("body", { headers = { ["X-Two"] = { "1", "2" } } })
    end })
    local response = ms.assert(client:post("x", { body = "1" }))
    assert.same({ "POST http://h.example/a/x 1", "GET http://h.example/b 2" }, asked)
    assert.same({ "http://h.example/b", true, 1, "1, 2", "body" }, { response.url,
      response.redirected, #response.history, response.headers["x-two"], response:text() })
    client:close()
  end)

  it("is told who asks, at the origin that may know", function()
    local function client_of(options)
      local got
      options.agent = function(request)
        got = request.headers.Authorization
        return ms.response("", { status = request.url:find("/away$") and 302 or 200,
          headers = { Location = "http://other.example/" } })
      end
      local client = ms.client(options)
      return function(url, more)
        ms.assert(client:get(url, more)):close()
        return got
      end, client
    end
    local ask, client = client_of({ base_url = "http://h.example", auth = { bearer = "t" } })
    assert.equal("Bearer t", ask("/"))
    assert.equal("Basic bWU6cHc=", ask("/", { auth = { basic = { "me", "pw" } } }))
    assert.equal("own", ask("/", { headers = { Authorization = "own" } }))
    assert.is_nil(ask("/", { auth = false }))
    assert.is_nil(ask("http://other.example/"))
    assert.is_nil(ask("/away"))
    client:close()
    ask, client = client_of({})
    assert.equal("Basic bTplOnB3", ask("http://m%3Ae:pw@h.example/"))
    assert.is_nil(ask("http://h.example/"))
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=id/%d+/eu/execute%-api/aws4_request, ",
      ask("http://h.example/", { auth = { aws_sigv4 = { access_key = "id", secret_key = "key",
        region = "eu", service = "execute-api" } } }))
    client:close()
  end)

  it("opens no socket, no multi and no loop", function()
    local script = [[
      local ms = require("multisock")
      local function count()
        local pipe = io.popen("ls -l /proc/$PPID/fd 2>/dev/null")  -- its own pipe may close
        local text = pipe:read("*a")
        pipe:close()
        local sockets = select(2, text:gsub("socket:", "")) + select(2, text:gsub("anon_inode", ""))
        return sockets
      end
      local before = count()
      local client = ms.client({ agent = function() return ms.response("x") end })
      assert(client:get("http://h.example/"):text() == "x")
      assert(client:get("http://h.example/"):text() == "x")
      assert(count() == before, "descriptors: " .. before .. ", then " .. count())
      client:close()
      print("none")
    ]]
    local path = os.tmpname()
    helper.write_file(path, script)
    local pipe = assert(io.popen(("LUA_PATH='%s' LUA_CPATH='%s' timeout 60 '%s' %s 2>&1"):format(
      package.path, package.cpath, os.getenv("LUA") or "lua5.4", path)))
    local output = pipe:read("*a")
    pipe:close()
    os.remove(path)
    assert.equal("none\n", output)
  end)

  it("may be an object, closed with the client", function()
    local closed = 0
    local object = {}
    function object:perform(request)
      assert.equal(object, self)
      return nil, { kind = "connect", message = "no way to " .. request.url, retryable = true }
    end
    function object.close() closed = closed + 1 end
    local client = ms.client({ agent = object })
    local response, err = client:get("http://h.example/")
    assert.is_nil(response)
    assert.same({ "connect", "http://h.example/", 1, true },
      { err.kind, err.url, err.attempts, err.retryable })
    client:network_changed()
    client:close()
    client:close()
    assert.equal(1, closed)
    assert.truthy(failing(client.get, client, "http://h.example/"):find("the client is closed"))
  end)

  it("keeps to the total, and to attempt", helper.simulated(nil, function()
    local asked = 0
    local client = ms.client({ agent = function(request)
      asked = asked + 1
      ms.sleep(request.url:find("slow", 1, true) and 5 or 1)
      return ms.response(function()
        ms.sleep(5)
        return nil
      end)
    end })
    for _, case in ipairs({
      { "slow", { timeout = 4 }, "not done after 4 s (timeout.total)", "wait" },
      { "slow", { timeout = { attempt = 4 } }, "no answer within 4 s (timeout.attempt)", "wait" },
      { "body", { timeout = 4, buffer = true }, "not done after 4 s (timeout.total)", "receive" },
      { "body", { timeout = { attempt = 4 }, buffer = true },
        "the body has not ended within 4 s (timeout.attempt)", "receive" },
    }) do
      local url, began = "http://h.example/" .. case[1], ms.now()
      local response, err = client:get(url, case[2])
      assert.is_nil(response)
      assert.same({ "timeout", url, case[3], case[4], 4, case[4] == "receive" and 200 or nil },
        { err.kind, err.url, err.message, err.phase, ms.now() - began,
          err.response and err.response.status })
      assert.same({ "CURLE_OPERATION_TIMEDOUT", 28, true }, { err.code, err.number, err.retryable })
    end
    assert.equal("", client:get("http://h.example/body", { timeout = { attempt = 2 } }):text())
    client:close()
    assert.equal(5, asked)
  end))

  it("has its mistakes named", function()
    local function try(agent)
      local client = ms.client({ agent = agent })
      local message = failing(client.get, client, "http://h.example/")
      client:close()
      return message
    end
    assert.truthy(try(function() return {} end):find("agent: a response", 1, true))
    assert.truthy(try(function() end):find("agent: response or nil, err expected", 1, true))
    assert.truthy(failing(ms.client, { agent = 5 }):find("agent: function, or object", 1, true))
    assert.truthy(failing(ms.client, { agent = {} }):find("agent: function, or object", 1, true))
  end)
end)
