-- ms.trace, and MULTISOCK_TRACE=1.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local printer = require("multisock.trace.printer")
local secrets = require("multisock.request.secrets")
local support = require("spec.support.core_support")

local task = helper.task

describe("ms.trace", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  it("hears all clients, made before or later, until it is stopped", task(function()
    local before, log = ms.client(), {}
    before:get(nginx.url("/1k")):text()
    local stop = ms.trace(function(event)
      log[#log + 1] = event.name
    end)
    local later = ms.client({ on = { headers = function() log[#log + 1] = "own" end } })
    before:get(nginx.url("/1k")):text()
    assert.same({ "queue", "start", "connect", "sent", "headers", "response", "done" }, log)
    log = {}
    later:get(nginx.url("/1k")):text()
    assert.same({ "queue", "start", "connect", "sent", "own", "headers", "response", "done" }, log)
    before:map({ nginx.url("/1k"), nginx.url("/1k") })
    assert.equal(22, #log)
    local other = 0
    local stop_other = ms.trace(function() other = other + 1 end)
    stop()
    stop()
    log = {}
    before:get(nginx.url("/1k")):text()
    later:get(nginx.url("/1k")):text()
    stop_other()
    before:map({ nginx.url("/1k") })
    assert.same({ { "own" }, 14 }, { log, other })
    assert.is_nil(before.tell)
    before:close()
    later:close()
  end))

  it("tells what a request waits for, and how long it has waited", task(function()
    local client, log = ms.client({ retry = { backoff = 0.001 } }), {}
    local stop = ms.trace(function(event)
      log[#log + 1] = ("%s: %s, %s"):format(event.name, tostring(event.waited_for),
        tostring(event.waits))
      assert.truthy(event.waited >= 0)
    end)
    client:get(hostile.url("/script?key=trace&words=503,200")):text()
    stop()
    client:close()
    assert.same({ "queue: nil, queue", "start: queue, connection", "connect: connection, send",
      "sent: send, server", "headers: server, body", "retry: body, retry", "done: retry, retry",
      "queue: retry, queue", "start: queue, connection", "connect: connection, send",
      "sent: send, server", "headers: server, body", "response: body, body", "done: body, nil" },
      log)
  end))

  it("goes on when a listener raises, and does not spoil the request", function()
    local told = {}
    ms.on_error(function(err) told[#told + 1] = err end)
    local client = ms.client()
    local stop = ms.trace(function() error("oops", 0) end)
    assert.equal(1024, #client:get(nginx.url("/1k")):text())
    stop()
    client:close()
    ms.run(function() end)
    ms.on_error(nil)
    assert.equal("oops", told[1])
  end)

  it("wants a function", function()
    local err = helper.failure(ms.trace, 1)
    assert.truthy(tostring(err):find("trace: function expected, got 1", 1, true))
  end)

  describe("printed", function()
    local function event_of(fields)
      return helper.with({ name = "queue", time = 12.5, call = 3, attempt = 1, method = "GET",
        url = "http://h/", waited = 0 }, fields)
    end

    local ODD = {
      { url = "http://h/\27[31m\r\n" .. ("x"):rep(5000) },
      { name = "error", err = "\27]0;title\7\n\n" .. ("é"):rep(3000) },
      { name = "connect", timings = { dns = 0, connect = 0.1, tls = 12345 }, peer = "\0\1\155" },
      { name = "redirect", response = { status = 302 }, to = "http://h/\226\128\174" },
      { name = "retry", err = {}, delay = 1e300 },
      { name = "throttle", delay = 0 / 0, url = ("\255"):rep(300) },
      { name = "done", waited_for = "body", waited = 1e9, method = ("M"):rep(300) },
      { call = 123456789, attempt = 123456789, time = 1e12 },
    }

    it("is one bounded line each, without what could steer a terminal", function()
      for _, fields in ipairs(ODD) do
        for _, width in ipairs({ 60, 80, 160 }) do
          local line = printer.line(event_of(fields), 0, width)
          assert.is_nil(line:find("[%z\1-\31\127]"), line)
          assert.is_nil(line:find("\226\128\174", 1, true))
          assert.truthy(#line <= 4 * width, line)
        end
      end
      assert.truthy(printer.line(event_of({ name = "error", err = "no" }), 0, 100, true):find(
        "\27[31merror", 1, true))
    end)

    -- What a program prints with MULTISOCK_TRACE=1: to a file, not a terminal.
    local function traced(value, script)
      return (support.child_in("MULTISOCK_TRACE=" .. value, script))
    end

    it("shows a program's requests, and no secrets", function()
      local output = traced("1", ([[
        local ms = require("multisock")
        ms.run(function()
          ms.post(%q, { query = { token = "S3CRET", apiKey = "S3CRET", q = "1" },
            auth = { basic = { "user", "S3CRET" } }, form = { password = "S3CRET" } }):text()
          ms.get((%q):gsub("//", "//user:S3CRET@"), { query = { user_password = "S3CRET" } }):text()
          ms.get("http://user:S3CRET@127.0.0.1:1/?sig=S3CRET")
        end)
      ]]):format(hostile.url("/echo"), hostile.url("/echo")))
      assert.is_nil(output:find("S3CRET", 1, true), output)
      assert.is_nil(output:find("\27", 1, true))
      assert.truthy(output:find("#1.1    headers   server", 1, true), output)
      assert.truthy(output:find("q=1", 1, true), output)
      assert.truthy(output:find("#3.1    error", 1, true), output)
    end)

    it("is not there unless it is asked for", function()
      local script = 'require("multisock").get("http://127.0.0.1:1/")'
      assert.equal("", traced("0", script))
      assert.truthy(traced("yes", script):find("MULTISOCK_TRACE is 1, or is not set", 1, true))
    end)
  end)
end)

describe("what is secret", function()
  it("is told by a name, however that is written", function()
    for _, name in ipairs({ "token", "access_token", "accessToken", "Access-Token", "api_key",
      "apiKey", "X-Api-Key", "user[password]", "user_password", "csrf_token", "to%6ben", "SECRET",
      "client.secret" }) do
      assert.truthy(secrets.is_name(name), name)
    end
    for _, name in ipairs({ "q", "page_token", "nextPageToken", "next_token", "tokens", "keyboard",
      "secretary", "", "=", "%" }) do
      assert.falsy(secrets.is_name(name), name)
    end
  end)

  it("leaves of headers what is none", function()
    assert.equal("Bearer ***", secrets.hide_header("Authorization", "Bearer abc"))
    assert.equal("***", secrets.hide_header("cookie", "a=b"))
    assert.equal("a=***; Path=/", secrets.hide_header("Set-Cookie", "a=b=c; Path=/"))
    assert.equal("text/html; charset=x", secrets.hide_header("Content-Type",
      "text/html; charset=x"))
    assert.equal("http://h/?a=1&token=***#id_token=***", secrets.hide_header("Location",
      "http://u:p@h/?a=1&token=x#id_token=y"))
    assert.equal('<http://h/?sig=***>; rel="next", </b?key=***>; rel="prev"',
      secrets.hide_header("Link", '<http://h/?sig=x>; rel="next", </b?key=y>; rel="prev"'))
    assert.equal("***", secrets.hide_header("X-Mine", "1", { ["x-mine"] = true }))
    assert.equal("http://h/p?a=1;token=***&b=2#id_token=***",
      secrets.hide_url("http://u:p@h/p?a=1;token=x&b=2#id_token=y"))
  end)
end)
