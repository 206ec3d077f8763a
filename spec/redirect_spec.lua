-- Redirects, against two servers on two ports: two origins.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local redirects = require("spec.support.redirects")

local task, redirect, echo = helper.task, redirects.path, redirects.echo

local here, there = fixtures.hostile(), fixtures.hostile()

local function failure(url, options)
  return helper.err_of(ms.fetch(url, options))
end

describe("a redirect", function()
  after_each(helper.check_leaks)

  it("changes the method as fetch does", function()
    local KEPT = { GET = "GET", HEAD = "HEAD", POST = "POST", PUT = "PUT", DELETE = "DELETE" }
    local function with(changes)
      return setmetatable(changes, { __index = KEPT })
    end
    local AFTER = {
      [301] = with({ POST = "GET" }), [302] = with({ POST = "GET" }),
      [303] = with({ POST = "GET", PUT = "GET", DELETE = "GET" }),
      [307] = KEPT, [308] = KEPT,
    }
    ms.run(function()
      for status, after in pairs(AFTER) do
        for method in pairs(KEPT) do
          local with_body = method ~= "GET" and method ~= "HEAD"
          local options = { method = method, body = with_body and "hello" or nil }
          local url = here.url(redirect("/echo", status))
          local what = method .. " " .. status
          if method == "HEAD" then
            local response = assert(ms.fetch(url, options))
            assert.equal(200, response.status, what)
            assert.equal("", response:text(), what)
          else
            local seen, response = echo(url, options)
            assert.equal(after[method], seen.method, what)
            local sent = with_body and after[method] == method
            assert.equal(sent and 5 or 0, seen.length, what)
            assert.equal(sent and "application/octet-stream" or nil, seen.fields["content-type"],
              what)
            assert.equal(sent and "5" or nil, seen.fields["content-length"], what)
            assert.is_true(response.redirected)
          end
        end
      end
    end)
  end)

  it("of another status is none", task(function()
    for _, status in ipairs({ 300, 304, 305, 306 }) do
      local response = assert(ms.fetch(here.url(redirect("/echo", status))))
      assert.equal(status, response.status)
      assert.is_false(response.redirected)
      assert.same({}, response.history)
      response:close()
    end
  end))

  it("without a Location is handed over, with the history that led to it", task(function()
    local response = assert(ms.fetch(here.url("/status?code=302")))
    assert.equal(302, response.status)
    assert.equal("status 302\n", response:text())
    assert.is_false(response.redirected)
    response = assert(ms.fetch(here.url(redirect("/status?code=302"))))
    assert.equal(302, response.status)
    assert.is_true(response.redirected)
    assert.equal(1, #response.history)
    assert.equal("status 302\n", response:text())
  end))

  it("keeps a history, oldest first", task(function()
    local response = assert(ms.fetch(here.url("/redirect-chain?n=3")))
    assert.equal("end of the chain\n", response:text())
    assert.equal(here.url("/redirect-chain?n=0"), response.url)
    assert.equal(3, #response.history)
    for i, hop in ipairs(response.history) do
      assert.equal(302, hop.status)
      assert.equal(here.url("/redirect-chain?n=" .. 4 - i), hop.url)
      assert.equal("/redirect-chain?n=" .. 3 - i, hop.headers:get("location"))
    end
  end))

  it("may be said several times, but not to several places", task(function()
    local function answer(second)
      return ms.fetch(here.url("/answer"), {
        body = "HTTP/1.1 302 Found\r\nLocation: /echo\r\nlocation: " .. second
          .. "\r\nContent-Length: 0\r\n\r\n",
      })
    end
    assert.equal(200, ms.assert(answer("/echo")).status)
    local err = helper.err_of(answer("/bytes?n=1"))
    assert.equal("redirect", err.kind)
    assert.matches("several URLs at once", err.message)
    assert.equal(302, err.response.status)
  end))

  it("is not followed when it is manual", task(function()
    local response = assert(ms.fetch(here.url(redirect("/echo")), { redirect = "manual" }))
    assert.equal(302, response.status)
    assert.equal("/echo", response.headers:get("location"))
    assert.equal("elsewhere\n", response:text())
    assert.is_false(response.redirected)
  end))

  it("is an error when it is to be one", task(function()
    local err = failure(here.url(redirect("/echo")), { redirect = "error" })
    assert.equal("redirect", err.kind)
    assert.equal(302, err.response.status)
    assert.equal(here.url(redirect("/echo")), err.url)
    assert.is_false(err.retryable)
    local response = assert(ms.fetch(here.url("/echo"), { redirect = "error" }))
    assert.equal(200, response.status)
    response:close()
  end))

  it("is followed `max_redirects` times", task(function()
    local url = here.url("/redirect-chain?n=3")
    assert.equal(200, assert(ms.fetch(url, { max_redirects = 3 })).status)
    local err = failure(url, { max_redirects = 2 })
    assert.equal("redirect", err.kind)
    assert.matches("more than 2 redirects", err.message)
    assert.matches("more than 0 redirects", failure(url, { max_redirects = 0 }).message)
  end))

  it("in circles ends after ten", task(function()
    assert.is_truthy(ms.fetch(here.url("/stats-reset")))
    local err = failure(here.url("/redirect-loop"))
    assert.equal("redirect", err.kind)
    assert.matches("more than 10", err.message)
    assert.equal(11, ms.fetch(here.url("/stats")):json().requests)
  end))

  it("may be relative", task(function()
    for to, path in pairs({
      ["/echo?x=1"] = "/echo?x=1", ["echo"] = "/echo", ["./echo"] = "/echo",
      ["../../echo"] = "/echo", ["//127.0.0.1:" .. here.port .. "/echo"] = "/echo",
      ["/echo?a b"] = "/echo?a%20b", ["/echo#fragment"] = "/echo",
    }) do
      assert.equal(path, echo(here.url(redirect(to))).path:gsub("%+", "%%20"), to)
    end
  end))

  it("to what is no URL is an error", task(function()
    for _, to in ipairs({ "http://[bad/", "http://h:99999/", "http://", "mailto:a@b" }) do
      local err = failure(here.url(redirect(to)))
      assert.equal("redirect", err.kind, to)
      assert.matches("invalid URL", err.message)
      assert.equal(302, err.response.status)
    end
  end))

  it("to a protocol that is not allowed is refused", task(function()
    for _, to in ipairs({
      "file:///etc/passwd", "gopher://127.0.0.1:1/_x", "ftp://127.0.0.1/", "dict://127.0.0.1/",
      "scp://127.0.0.1/",
    }) do
      local err = failure(here.url(redirect(to)))
      assert.same({ "policy", 1, "receive" }, { err.kind, err.attempts, err.phase }, to)
      assert.matches("is not allowed", err.message)
    end
    local err = failure(here.url(redirect("https://127.0.0.1:1/")), { protocols = { "http" } })
    assert.equal("policy", err.kind)
  end))

  it("that fails later gives that error, with its URL", task(function()
    local err = failure(here.url(redirect("http://127.0.0.1:1/x")))
    assert.equal("connect", err.kind)
    assert.equal("http://127.0.0.1:1/x", err.url)
    assert.equal("closed", failure(here.url(redirect("/reset"))).kind)
  end))

  describe("with a body", function()
    local text = ("0123456789"):rep(5000)

    it("sends it again: strings, JSON, forms, lists, files", task(function()
      local file = assert(io.tmpfile())
      assert(file:write("skipped", text))
      assert(file:seek("set", 7))
      for _, options in ipairs({
        { body = text }, { body = { text, "" } }, { body = file }, { json = { text } },
        { form = { a = text } },
      }) do
        options.method = "PUT"
        local direct = echo(here.url("/echo"), options)
        if options.body == file then
          assert(file:seek("set", 7))
        end
        for _, target in ipairs({ "/echo", there.url("/echo") }) do
          if options.body == file then
            assert(file:seek("set", 7))
          end
          local seen = echo(here.url(redirect(target, 307)), options)
          assert.equal("PUT", seen.method)
          assert.equal(direct.sha256, seen.sha256)
          assert.equal(direct.fields["content-type"], seen.fields["content-type"])
          assert.equal(direct.fields["content-length"], seen.fields["content-length"])
        end
      end
      file:close()
    end))

    it("that came from a function is an error, unless it becomes a GET", task(function()
      local function options()
        local given = false
        return { method = "POST", body = function()
          if not given then
            given = true
            return "once"
          end
        end }
      end
      for _, status in ipairs({ 307, 308 }) do
        local err = failure(here.url(redirect("/echo", status)), options())
        assert.equal("redirect", err.kind)
        assert.matches("cannot be sent again", err.message)
        assert.equal(status, err.response.status)
      end
      for _, status in ipairs({ 301, 302, 303 }) do
        local seen = echo(here.url(redirect("/echo", status)), options())
        assert.equal("GET", seen.method)
        assert.equal(0, seen.length)
        assert.is_nil(seen.fields["transfer-encoding"])
      end
    end))
  end)

  it("keeps to the total time over all hops", task(function()
    local limit = helper.seconds(0.2)
    local started = ms.now()
    local err = failure(here.url(redirect(there.url("/late?delay=60"))), {
      timeout = { total = limit },
    })
    assert.equal("timeout", err.kind)
    assert.is_true(ms.now() - started >= limit)
    -- Each hop alone is quick enough, all of them are not.
    local chain = "/late?delay=60"
    for _ = 1, 3 do
      chain = redirect(chain)
    end
    err = failure(here.url(chain), { timeout = limit })
    assert.equal("timeout", err.kind)
  end))

  it("can be cancelled on any hop", task(function()
    local work = ms.spawn(ms.fetch, here.url(redirect("/stall")))
    ms.sleep(helper.seconds(0.05))
    assert.is_true(work:cancel())
    assert.equal("cancelled", work:status())
  end))

  it("keeps the connection when its body is short", task(function()
    local client = ms.client()
    assert(client:fetch(here.url("/stats-reset")))
    local before = client:fetch(here.url("/stats")):json().connections
    assert.is_truthy(client:fetch(here.url("/redirect-chain?n=5")):text())
    assert.equal(before, client:fetch(here.url("/stats")):json().connections)
    client:close()
  end))

  it("whose own body never ends is followed all the same", task(function()
    -- Answers once with a redirect whose body stalls, then with a good answer.
    local python = assert(io.popen("timeout 60 /usr/bin/python3 -c '" .. [[
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
first, _ = server.accept()
first.recv(65536)
first.sendall(b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 100\r\n\r\nshort")
second, _ = server.accept()
second.recv(65536)
second.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\narrived")
second.close()
]] .. "'"))
    local port = assert(python:read("*l"))
    local response = assert(ms.fetch("http://127.0.0.1:" .. port .. "/"))
    assert.equal("arrived", response:text())
    assert.equal(302, response.history[1].status)
    python:close()
  end))
end)
