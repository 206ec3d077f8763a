-- Answers that are none: what is taken for a status line, heads that are cut off,
-- interim answers without end, and what the errors say of all that.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local shell = require("spec.support.shell")
local core = require("multisock.core")
local ms = require("multisock")

local newer = core.version().curl_number >= 0x080800
local CUT = "the connection ended within the headers of the answer"

describe("an answer", function()
  local server = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function raw(text, fields)
    fields = fields or {}
    fields.text = text
    return probe.raw(server, fields)
  end

  local function failure(url, options)
    local response, err = client:get(url, options)
    assert.is_nil(response, response and ("status " .. response.status))
    return err
  end

  -- Of everything that may come, no status is outside 100 to 999.
  it("has the status of its line", helper.task(function()
    local lines = {
      ["HTTP/1.1 200 OK"] = 200, ["HTTP/1.1 200"] = 200, ["HTTP/1.1 200 "] = 200,
      ["HTTP/1.0 404 No"] = 404, ["HTTP/1.1 599 Odd"] = 599, ["HTTP/1.1 999 Odd"] = 999,
      -- RFC 9112, section 4: more than one blank may be let pass. libcurl 8.14 does not.
      ["HTTP/1.1  500 Err"] = 500, ["HTTP/1.1   404 x"] = 404, ["HTTP/1.1       503"] = 503,
      ["HTTP/1.1 302  Found"] = 302, ["HTTP/1.1 200 " .. ("x"):rep(5000)] = 200,
      ["HTTP/1.1 200 caf\233"] = 200,
    }
    for line, status in pairs(lines) do
      local url = raw(line .. "\r\nContent-Length: 4\r\n\r\noops", { close = 1 })
      local response, err = client:get(url, { redirect = "manual" })
      if response or not (newer and line:find("  %d")) then
        ms.assert(response, err)
        assert.same({ status, status < 300, "oops" },
          { response.status, response.ok, response:text() }, line)
        local ok
        ok, err = client:get(url, { redirect = "manual", fail_on_error = true })
        assert.equal(status < 400, ok ~= nil, line)
        assert.equal(status < 400 and "none" or "status", err and err.kind or "none")
      else
        assert.equal("protocol", err.kind)
      end
    end
  end))

  -- libcurl copies a header for each line that continues it.
  it("may continue a header on so many lines, and no more", helper.task(function()
    local function folded(count)
      return client:get(raw("HTTP/1.1 200 OK\r\nX: a\r\n" .. (" b\r\n"):rep(count)
        .. "Content-Length: 2\r\n\r\nok"))
    end
    local response = ms.assert(folded(1000))
    assert.equal("ok", response:text())
    assert.equal(2 * 1000 + 1, #response.headers["x"])
    local err
    response, err = folded(1001)
    assert.is_nil(response)
    assert.equal("too_large", err.kind)
  end))

  it("without a status is no HTTP", helper.task(function()
    for _, line in ipairs({
      "http/1.1 500 Err", "Http/1.1 500 Err", "hTTP/1.1 302 Found", "HTTP/1.1", "HTTP/1.1 ",
      "HTTP/1.1 OK", "HTTP/1.1 2", "HTTP/1.1 20", "HTTP/1.1 20x", "HTTP/1.1 2000 OK",
      "HTTP/1.1 099 Low", "HTTP/1.1 000 Low", "HTTP/1.1 -50 Low", "HTTP/1.1 +200 Plus",
      "HTTP/1.1 200OK", "HTTP/1.1\t200 OK", "HTTP/1.1 0x1 OK", "HTTP/1.1 2 00 OK",
      "HTTP/1.1200 OK", "HTTP/1 200 OK", "HTTP/.1 200 OK", "HTTP/11 200 OK", "HTTP/9.9 200 OK",
      "HTTP/ 200 OK", "HTTP 200 OK", "HTTPS/1.1 200 OK", "ICY 200 OK", "RTSP/1.0 200 OK",
      " HTTP/1.1 200 OK", "\r\nHTTP/1.1 200 OK", "HTTP/1.1 \239\188\146\239\188\144 OK",
      "HTTP/1.1 200\0OK", "SSH-2.0-OpenSSH_9.2", "220 ready", "\22\3\1\0", "{}", "<html>",
    }) do
      local err = failure(raw(line .. "\r\nContent-Length: 4\r\nLocation: /\r\n\r\noops",
        { close = 1 }))
      assert.same({ "protocol", "receive", false }, { err.kind, err.phase, err.retryable },
        ("%q: %s"):format(line, tostring(err)))
    end
  end))

  it("may have a status without the usual line where that is allowed", helper.task(function()
    local response = ms.assert(client:get(raw("ICY 200 OK\r\nX: y\r\n\r\nmusic", { close = 1 }),
      { curl = { http200aliases = { "ICY 200 OK" } } }))
    assert.same({ 200, "music" }, { response.status, response:text() })
  end))

  -- Wherever the connection ends.
  it("that ends within its headers is none", helper.task(function()
    local heads = {
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 204 None\r\nX-A: 1\r\n\r\n", "HTTP/1.1 304 Same\r\nX-A: 1\r\n\r\n",
      "HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\n", "HTTP/1.1 200 OK\nX-A: 1\n\n",
      "HTTP/1.1 302 Found\r\nLocation: /status\r\n\r\n",
      "HTTP/1.1 103 Hints\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n",
      "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n",
    }
    for _, head in ipairs(heads) do
      for size = 1, #head - 1, helper.timing_is_real and 1 or 5 do
        local err = failure(raw(head:sub(1, size), { close = 1 }))
        -- A piece of "HTTP" is nothing yet, or no HTTP.
        assert.same({ "closed", true }, { err.kind, err.retryable },
          ("%q: %s"):format(head:sub(1, size), tostring(err)))
      end
      local response = ms.assert(client:get(raw(head, { close = 1 }), { redirect = "manual" }))
      assert.equal("", response:text())
    end
    local err = failure(raw("HTTP/1.1 200 OK\r\nX-", { close = 1 }))
    assert.same({ CUT, "receive", "CURLE_PARTIAL_FILE" }, { err.message, err.phase, err.code })
  end, 60))

  it("that is cut leaves no redirect followed and no file written", helper.task(function()
    probe.reset(server)
    local err = failure(raw("HTTP/1.1 302 Found\r\nLocation: /bytes\r\n", { close = 1 }))
    assert.equal("closed", err.kind)
    assert.equal(nil, probe.stats(server).paths["/bytes"])
    local folder = os.tmpname()
    os.remove(folder)
    local script = "bin/multisock get -q -o %s '%s' >/dev/null 2>&1; echo $?; ls -A %s 2>/dev/null"
    local url = raw("HTTP/1.1 200 OK\r\nX-A: 1\r\n", { close = 1 })
    local said = shell.said(script:format(folder, url, folder))
    os.remove(folder)
    assert.equal("1\n", said)
  end))

  it("in pieces is whole", helper.task(function()
    local head = "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok"
    for _, size in ipairs({ 1, 5, 9, 12, 15, 16, 17, 20, 24, 25, 44, 46, 47 }) do
      local response = ms.assert(client:get(raw(head:sub(1, size), { next = head:sub(size + 1) })))
      assert.same({ 200, "1", "ok" },
        { response.status, response.headers["x-a"], response:text() })
    end
  end))

  describe("to be continued", function()
    local function interim(count, line)
      return (line or "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"):rep(count)
        .. "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    end

    it("is not the answer", helper.task(function()
      for _, line in ipairs({
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 199 Odd\r\nX: y\r\n\r\n",
      }) do
        for _, count in ipairs({ 1, 2, 50 }) do
          local response = ms.assert(client:get(raw(interim(count, line))))
          assert.same({ 200, "ok" }, { response.status, response:text() })
          assert.is_nil(response.headers["x"])
        end
      end
    end))

    it("is bounded with the headers", helper.task(function()
      local url = server.url("/interim")
      local err = failure(url)
      assert.same({ "too_large", "receive" }, { err.kind, err.phase })
      err = failure(url, { max_headers = 1000 })
      assert.equal("too_large", err.kind)
    end))

    it("switches no protocol unasked", helper.task(function()
      local text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhi"
      local err = failure(raw(text, { close = 1 }))
      assert.same({ "protocol", "receive", false }, { err.kind, err.phase, err.retryable })
      local asked = { headers = { Upgrade = "x", Connection = "Upgrade" } }
      for _ = 1, 2 do
        local response = ms.assert(client:get(raw(text, { close = 1 }), asked))
        assert.same({ 101, "hi" }, { response.status, response:text() })
      end
      -- Also where the client always asks.
      local own = ms.client(asked)
      for _ = 1, 3 do
        assert.equal("hi", ms.assert(own:get(raw(text, { close = 1 }))):text())
      end
      own:close()
      assert.equal("protocol", failure(raw(text, { close = 1 })).kind)
    end))
  end)

  describe("to Expect", function()
    local BIG = ("x"):rep(2000000)
    local ASKS = { Expect = "100-continue" }

    local function is_second(response)
      assert.same({ 201, "Created", "second", "created" }, { response.status,
        response.status_text, response.headers["x-answer"], response:text() })
    end

    it("is the last one", helper.task(function()
      local url = server.url("/expect-417")
      for _, method in ipairs({ "post", "put", "patch" }) do
        for _, headers in ipairs({ ASKS, { expect = "100-Continue" } }) do
          local other = ms.client()
          is_second(ms.assert(other[method](other, url, { body = BIG, headers = headers })))
          is_second(ms.assert(other[method](other, url, { body = "small", headers = headers,
            fail_on_error = true })))
          other:close()
        end
      end
      local file = assert(io.tmpfile())
      file:write(BIG)
      file:seek("set")
      is_second(ms.assert(client:put(url, { body = file, headers = ASKS })))
      file:close()
      is_second(ms.assert(client:put(url, { body = BIG, curl = { httpheader =
        { "Expect: 100-continue" } } })))
      is_second(ms.assert(client:put(url .. "?close=1", { body = BIG, headers = ASKS })))
    end, 30))

    it("was asked for once more, which is counted", helper.task(function()
      local response = ms.assert(client:post(server.url("/expect-417"), { body = BIG,
        headers = ASKS }))
      assert.equal(2, response.attempts)
    end))

    it("is the last one for a generator, too, unless that has begun", helper.task(function()
      local begun = 0
      local function body()
        begun = begun + 1
        return begun % 3 ~= 0 and "piece" or nil
      end
      is_second(ms.assert(client:put(server.url("/expect-417"), { body = body, headers = ASKS })))
      assert.equal(3, begun)
      -- The answer takes longer than the body waits for it.
      local response = ms.assert(client:put(server.url("/expect-417?delay=0.6"), { body = body,
        headers = ASKS }))
      assert.equal(417, response.status)
    end, 30))

    it("is the 417 where nothing follows", helper.task(function()
      local response = ms.assert(client:put(server.url("/echo"), { body = BIG }))
      assert.is_nil(echoed.of(response).fields.expect)
      -- Nobody has asked, so nothing is repeated.
      response = ms.assert(client:put(raw("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno"),
        { body = "x" }))
      assert.same({ 417, "no" }, { response.status, response:text() })
      response = ms.assert(client:get(raw("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno"),
        { headers = ASKS }))
      assert.same({ 417, "no" }, { response.status, response:text() })
    end, 30))

    it("goes on after 100", helper.task(function()
      local response = ms.assert(client:put(server.url("/upload"), { body = BIG, headers = ASKS }))
      assert.equal(#BIG, ms.assert(response:json()).length)
    end, 30))
  end)

  describe("of a proxy", function()
    it("that is no HTTP, or none, is the proxy's error", helper.task(function()
      for _, scheme in ipairs({ "http", "https" }) do
        for _, word in ipairs({ "garbage", "half", "cut", "refused", "close", "reset" }) do
          local err = failure(scheme .. "://" .. word .. ".test/", { proxy = server.url(),
            curl = { httpproxytunnel = 1 } })
          assert.same({ "proxy", "connect" }, { err.kind, err.phase },
            word .. ": " .. tostring(err))
        end
        local flood = failure(scheme .. "://flood.test/", { proxy = server.url(),
          curl = { httpproxytunnel = 1 } })
        assert.same({ "too_large", "connect" }, { flood.kind, flood.phase }, tostring(flood))
        local err = failure(scheme .. "://stall.test/", { proxy = server.url(), timeout = 0.2,
          curl = { httpproxytunnel = 1 } })
        assert.same({ "timeout", "connect" }, { err.kind, err.phase })
      end
      local err = failure("http://slow.test/", { proxy = server.url(), timeout = 0.2,
        curl = { httpproxytunnel = 1 } })
      assert.same({ "timeout", "connect" }, { err.kind, err.phase })
    end, 30))

    it("does no harm to a handle that was used before", helper.task(function()
      local support = require("spec.support.core_support")
      local easy = support.easy({ noproxy = "", proxy = server.url(), httpproxytunnel = 1 })
      for _, suppressed in ipairs({ 0, 1 }) do
        easy:setopt("suppress_connect_headers", suppressed)
        for _ = 1, 2 do
          for _, word in ipairs({ "refused", "folded", "garbage", "folded", "cut" }) do
            assert(easy:setopt("url", "http://" .. word .. ".test/"))
            local err = helper.err_of(easy:perform())
            assert.is_truthy(({ proxy = true, closed = true, protocol = true })[err.kind],
              word .. ": " .. tostring(err))
          end
        end
      end
      easy:close()
    end))
  end)

  it("does not come to a URL with a blank, whose error says why", helper.task(function()
    for _, path in ipairs({ "/a b", "/a?b c", "/#d e" }) do
      local _, err = client:get(server.url(path))
      assert.same({ "url", false }, { err.kind, err.retryable })
      assert.is_truthy(err.message:find("%20", 1, true), err.message)
    end
    -- Nobody writes such a one in an answer: those are encoded.
    local url = raw("HTTP/1.1 302 Found\r\nLocation: /late?delay=0&body=a b\r\n"
      .. "Content-Length: 0\r\n\r\n")
    assert.equal("a b", ms.assert(client:get(url)):text())
  end))

  -- libcurl 7.88 says "Out of memory" of a line of more than 100 KB, and of trailers.
  it("has no header or trailer of any length", helper.task(function()
    local long = "X: " .. ("y"):rep(200000) .. "\r\n"
    local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    for _, text in ipairs({ "HTTP/1.1 200 OK\r\n" .. long .. "\r\n",
      chunked .. long .. "\r\n" }) do
      local response, err = client:post(server.url("/answer?close=1"), { body = text })
      if response then
        assert.equal(200, response.status)
        response, err = response:text()
      end
      assert.is_nil(response)
      assert.same({ "too_large", "receive" }, { err.kind, err.phase })
      assert.matches("header", err.message)
    end
  end))

  it("has a header line that libcurl cannot take apart", helper.task(function()
    for _, line in ipairs({ "abc", "a\rb: c", "abc\0: d" }) do
      local err = failure(raw("HTTP/1.1 200 OK\r\nX: y\r\n" .. line .. "\r\n\r\n", { close = 1 }))
      assert.same({ "protocol", "receive" }, { err.kind, err.phase }, line .. ": " .. tostring(err))
    end
  end))
end)
