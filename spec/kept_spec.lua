-- Connections that are kept: what a server says while nothing was asked is no
-- answer, what has died is not used, and nothing is sent twice unasked.
local helper = require("spec.helper")
local kept = require("spec.support.kept")
local probe = require("spec.support.probe")
local support = require("spec.support.core_support")
local core = require("multisock.core")
local ms = require("multisock")

local client

local function begin(way)
  local url, server
  client, url, server = kept.begin(way)
  return url, server
end

-- The loop may see what comes while it waits, or find it there.
local WAITS = {
  ["while the loop turns"] = ms.sleep,
  ["while the loop stands still"] = function(seconds) os.execute("sleep " .. seconds) end,
}

describe("a kept connection", function()
  kept.fixture(function() return client end)

  describe("that says something unasked", function()
    -- For each path a client and a connection, and one wait for all.
    local function check(way, wait, paths, method)
      local clients, url, server = {}, nil, nil
      for i, path in ipairs(paths) do
        url, server = begin(way)
        clients[i] = client
        ms.assert(ms.assert(client[method or "get"](client, url(path))):text())
      end
      for i = 1, #paths do
        kept.await_said(server, kept.run - #paths + i, 1, wait)
      end
      wait(0.05)
      for i, path in ipairs(paths) do
        for attempt = 1, 3 do
          local response = ms.assert(clients[i]:get(url("/ok")))
          assert.equal(200, response.status, ("%s, request %d"):format(path, attempt))
          assert.equal("GET /ok", response:text(), path)
          assert.equal(1, response.attempts)
        end
        clients[i]:close()
      end
    end

    local SAID = {}
    for _, say in ipairs({ "answer", "second", "text", "crlf" }) do
      SAID[#SAID + 1] = "/idle?after=0.1&say=" .. say
      SAID[#SAID + 1] = "/idle?after=0.1&end=1&say=" .. say
    end
    local BODILESS = {
      "/idle?after=0.1&say=second&status=204", "/idle?after=0.1&say=second&status=304",
    }

    for way in pairs(kept.WAYS) do
      for name, wait in pairs(WAITS) do
        it(("is not used again, %s, %s"):format(way, name), helper.task(function()
          check(way, wait, SAID)
        end))

        it(("is not used again after HEAD, 204, 304, %s, %s"):format(way, name),
          helper.task(function()
            check(way, wait, { "/idle?after=0.1&say=second" }, "head")
            check(way, wait, BODILESS)
          end))
      end
    end

    it("is ended at once, however much it says", helper.task(function()
      local url = begin()
      ms.assert(ms.assert(client:get(url("/idle?say=endless"))):text())
      local worst, before = 0, ms.now()
      for _ = 1, 30 do
        ms.sleep(0.01)
        worst, before = math.max(worst, ms.now() - before), ms.now()
      end
      if helper.timing_is_real then
        assert.is_true(worst < 0.3, worst)
      end
      assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
    end))

    it("is not used for what may not be sent twice, and costs nothing", helper.task(function()
      for _, body in ipairs({ "abc", { "a", "b" }, function() end }) do
        for _, wait in pairs(WAITS) do
          local url, server = begin()
          ms.assert(ms.assert(client:get(url("/idle?say=answer"))):text())
          kept.await_said(server, kept.run, 1, wait)
          wait(0.05)
          local response = ms.assert(client:post(url("/ok"), { body = body }))
          assert.equal("POST /ok", response:text())
          assert.equal(1, response.attempts)
          assert.equal("GET /idle\nPOST /ok", kept.arrived(server))
        end
      end
    end))

    it("is closed for a program with a multi of its own, too", function()
      local loop, multi = core.loop(), core.multi()
      multi:attach(loop)
      local function get(path)
        local easy, body = support.easy({ url = kept.plain.url(path) })
        multi:add_handle(easy)
        local seen = {}
        support.step(loop, function() return support.reap(multi, seen) > 0 end)
        easy:close()
        assert.is_true(seen[easy])
        return table.concat(body)
      end
      for _, say in ipairs({ "answer", "second", "text", "crlf" }) do
        get("/idle?say=" .. say)
        os.execute("sleep 0.2")
        assert.equal("GET /ok", get("/ok"))
        get("/idle?say=" .. say)
        local ends = ms.now() + 0.2
        support.step(loop, function() return ms.now() > ends end)
        assert.equal("GET /ok", get("/ok"))
      end
      multi:close()
      loop:close()
    end)
  end)

  it("that has nothing to say is kept", helper.task(function()
    for way in pairs(kept.KEEPING) do
      local url, server = begin(way)
      for _ = 1, 5 do
        ms.assert(ms.assert(client:get(url("/ok"))):text())
        ms.assert(ms.assert(client:head(url("/ok"))):text())
        ms.assert(ms.assert(client:post(url("/ok"), { body = "abc" })):text())
        ms.sleep(0.02)
      end
      assert.equal(1, kept.connections(server), way)
      client:close()
    end
  end))

  it("of a transfer that is paused is left alone", helper.task(function()
    local url = begin()
    local hostile = require("spec.support.servers").hostile()
    local response = ms.assert(client:get(hostile.url("/stream?n=8000000")))
    ms.sleep(0.3)
    assert.equal(8000000, #ms.assert(response:text()))
    hostile.stop()
    assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
  end))

  describe("that dies under a request", function()
    -- A connection whose next request dies.
    local function prepare(way, how)
      local url, server = begin(way)
      ms.assert(ms.assert(client:get(url("/dies?how=" .. how))):text())
      return url, server
    end

    local ONCE = { "POST", "PATCH", "MKCOL" }
    local TWICE = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" }

    for way in pairs(kept.KEEPING) do
      it("ends what may not be sent twice, " .. way, helper.task(function()
        for _, how in ipairs({ "fin", "rst", "half" }) do
          for _, method in ipairs(ONCE) do
            local url, server = prepare(way, how)
            local response, err = client:fetch(url("/ok"), { method = method, body = "10 EUR" })
            assert.is_nil(response, method .. " " .. how)
            assert.equal("closed", err.kind, tostring(err))
            assert.is_false(err.retryable)
            assert.equal(1, err.attempts)
            assert.equal("GET /dies\n" .. method .. " /ok", kept.arrived(server))
            client:close()
          end
        end
      end, 20))

      it("lets what may be sent twice be sent once more, " .. way, helper.task(function()
        for _, how in ipairs({ "fin", "rst" }) do
          for _, method in ipairs(TWICE) do
            local url, server = prepare(way, how)
            local response = ms.assert(client:fetch(url("/ok"), {
              method = method, body = method == "PUT" and "abc" or nil,
            }))
            assert.equal(200, response.status)
            assert.equal(method == "HEAD" and "" or method .. " /ok", response:text())
            assert.equal(2, response.attempts, method .. " " .. how)
            assert.equal(("GET /dies\n%s /ok\n%s /ok"):format(method, method), kept.arrived(server))
            client:close()
          end
        end
      end, 20))
    end

    it("does so for every kind of body", helper.task(function()
      local file = assert(io.tmpfile())
      file:write("10 EUR")
      for _, body in ipairs({ "10 EUR", { "10", " EUR" }, function() end, file }) do
        if body == file then
          file:seek("set", 0)
        end
        local url, server = prepare(nil, "fin")
        local err = helper.err_of(client:post(url("/ok"), { body = body }))
        assert.equal("closed", err.kind, tostring(err))
        assert.is_false(err.retryable)
        assert.equal(1, err.attempts)
        assert.equal("GET /dies\nPOST /ok", kept.arrived(server))
        client:close()
      end
      file:close()
      for _, name in ipairs({ "json", "form" }) do
        local url, server = prepare(nil, "fin")
        local err = helper.err_of(client:post(url("/ok"), { [name] = { a = "b" } }))
        assert.equal("closed", err.kind)
        assert.equal("GET /dies\nPOST /ok", kept.arrived(server))
        client:close()
      end
    end))

    it("is no reason to send a GET three times", helper.task(function()
      local url, server = begin()
      -- Two connections that die; the request is repeated on a third.
      ms.map({ 1, 2 }, function()
        return ms.assert(client:get(url("/sleepy?n=2&how=fin"))):text()
      end)
      local response = ms.assert(client:get(url("/ok")))
      assert.equal(2, response.attempts)
      assert.equal("GET /sleepy\nGET /sleepy\nGET /ok\nGET /ok", kept.arrived(server))
      -- What dies on a new connection is not repeated.
      local hostile = require("spec.support.servers").hostile()
      local answer, err = client:get(hostile.url("/reset"))
      hostile.stop()
      assert.is_nil(answer)
      assert.equal("closed", err.kind)
      assert.is_true(err.retryable)
      assert.equal(1, err.attempts)
    end))

    it("leaves the client fit: the next requests share a connection", helper.task(function()
      local url, server = prepare(nil, "fin")
      for _ = 1, 4 do
        assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
      end
      assert.equal(2, kept.connections(server))
    end))
  end)

  describe("that died while it was idle", function()
    for _, how in ipairs({ "rst", "fin" }) do
      for name, wait in pairs(WAITS) do
        it(("is not used, however many there are (%s, %s)"):format(how, name),
          helper.task(function()
            for _, method in ipairs({ "GET", "POST", "PUT", "PATCH" }) do
              local url, server = begin()
              local items = {}
              for i = 1, 14 do
                items[i] = i
              end
              ms.map(items, function()
                return ms.assert(client:get(url("/sleepy?n=14"))):text()
              end)
              ms.map(items, function()
                return ms.assert(client:get(url("/idle?after=0&say=" .. how))):text()
              end)
              kept.await_said(server, kept.run, 14, wait)
              wait(0.05)
              local response = ms.assert(client:fetch(url("/ok"), {
                method = method, body = method ~= "GET" and "abc" or nil,
              }))
              assert.equal(method .. " /ok", response:text())
              assert.equal(1, response.attempts)
              assert.equal(1, select(2, kept.arrived(server):gsub(method .. " /ok", "")))
              client:close()
            end
          end, 20))
      end
    end
  end)

  -- As long as connections are kept, libcurl has no timer for `timeout.connect`.
  describe("that has gone, and another one is made", function()
    local function fails(url, phase, least, timeout)
      local began = ms.now()
      local err = helper.err_of(client:get(url, { timeout = timeout }))
      local took = ms.now() - began
      assert.same({ "timeout", "CURLE_OPERATION_TIMEDOUT" }, { err.kind, err.code }, tostring(err))
      assert.is_truthy(err.phase:find(phase), err.phase)
      assert.is_true(took > least - 0.005 and took < helper.seconds(least + 0.5), took .. " s")
    end

    for how, reads in pairs({ ["before the request"] = false, ["at the request"] = true }) do
      it("has to stand within timeout.connect (" .. how .. ")", helper.task(function()
        client = ms.client()
        local hole = probe.blackhole(4, reads)
        for _ = 1, 4 do
          assert.equal("ok", ms.assert(client:get(hole.url)):text())
        end
        -- Where the request was sent, it waits.
        for _, phase in ipairs({ "^[cw]", "^connect$" }) do
          fails(hole.url, phase, 0.2, { connect = 0.2, first_byte = 0.05, total = 5 })
        end
        client:close()
        hole.stop()
      end))
    end

    it("leaves a POST as not to be repeated, whatever limit passes", helper.task(function()
      for _, timeout in ipairs({ { connect = 0.1 }, { total = 0.1 }, { attempt = 0.1 } }) do
        client = ms.client({ retry = 3 })
        local hole = probe.blackhole(4, true)
        for _ = 1, 4 do
          assert.equal("ok", ms.assert(client:get(hole.url)):text())
        end
        local err = helper.err_of(client:post(hole.url, { body = "x", timeout = timeout }))
        assert.same({ false, 1 }, { err.retryable, err.attempts }, tostring(err))
        client:close()
        hole.stop()
      end
    end))

    it("has all of timeout.connect for each of its addresses", helper.task(function()
      local hole = probe.blackhole(4, false, "127.0.0.2")
      client = ms.client({ resolve = { "two.test:" .. hole.port .. ":127.0.0.1,127.0.0.2" } })
      local url = ("http://two.test:%d/"):format(hole.port)
      for _ = 1, 4 do
        assert.equal("ok", ms.assert(client:get(url)):text())
      end
      assert.equal("other", ms.assert(client:get(url, { timeout = { connect = 1 } })):text())
      client:close()
      hole.stop()
    end))

    it("first_byte counts from then on", helper.task(function()
      for _, last in ipairs({ "/idle?after=0&say=fin", "/dies?how=fin" }) do
        local url = begin()
        for _, path in ipairs({ "/ok", "/ok", "/ok", last }) do
          ms.assert(ms.assert(client:get(url(path))):text())
        end
        ms.sleep(0.05)
        fails(url("/sleepy?n=2"), "wait", 0.1, { first_byte = 0.1, connect = 5 })
        client:close()
      end
    end))
  end)

  describe("of HTTP/2", function()
    local function fetch(path, options)
      options.http_version = "2"
      return client:fetch(kept.h2.url(path .. "&run=" .. kept.run), options)
    end

    it("repeats what the server has not looked at, a POST as well", helper.task(function()
      client = ms.client({ tls = { ca = kept.h2.ca } })
      for _, path in ipairs({ "/refuse?n=1", "/refuse?n=2" }) do
        kept.run = kept.run + 1
        ms.assert(ms.assert(fetch("/ok?a=1", {})):text())
        local response = ms.assert(fetch(path, { method = "POST", body = "" }))
        assert.equal("ok", response:text())
        assert.equal(tonumber(path:match("%d")) + 1, response.attempts)
      end
    end))

    it("sends no POST again when it breaks", helper.task(function()
      client = ms.client({ tls = { ca = kept.h2.ca }, retry = 2 })
      for _, how in ipairs({ "", "&rst=1" }) do
        kept.run = kept.run + 1
        for _ = 1, 3 do
          ms.assert(ms.assert(fetch("/ok?a=1", {})):text())
        end
        local err = helper.err_of(fetch("/abort?n=1" .. how, { method = "POST", body = "x" }))
        assert.same({ false, 1 }, { err.retryable, err.attempts }, tostring(err))
        local counts = ms.assert(ms.assert(fetch("/count?a=1", {})):text())
        assert.equal("1", counts:match(("/abort%%?n=1%s&run=%d (%%d+)"):format(how, kept.run)))
        assert.equal("ok", ms.assert(ms.assert(fetch("/abort?n=1" .. how, {})):text()))
      end
    end))

    it("is kept when it speaks while it is idle", helper.task(function()
      client = ms.client({ tls = { ca = kept.h2.ca } })
      kept.run = kept.run + 1
      ms.assert(ms.assert(fetch("/ok?a=1", {})):text())
      ms.sleep(0.1)
      local response = ms.assert(fetch("/ok?a=2", {}))
      assert.equal("ok", response:text())
    end))
  end)
end)
