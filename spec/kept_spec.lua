-- Connections that are kept: what a server says while nothing was asked is no
-- answer, what has died is not used, and nothing is sent twice unasked.
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local support = require("spec.support.core_support")
local core = require("multisock.core")
local ms = require("multisock")

local plain, secure, h2
local client
local run = 0

-- What the next request goes through, and the base of its URLs.
local WAYS = {
  ["without TLS"] = function() return ms.client(), plain.url, plain end,
  ["over TLS"] = function()
    return ms.client({ tls = { ca = secure.ca } }), secure.url, secure
  end,
  ["through a proxy"] = function()
    return ms.client({ proxy = plain.url("") }), function(path)
      return "http://origin.example" .. path
    end, plain
  end,
}

local function begin(way)
  local url, server
  client, url, server = WAYS[way or "without TLS"]()
  run = run + 1
  local key = ("key=%d"):format(run)
  return function(path)
    return url(path .. (path:find("?", 1, true) and "&" or "?") .. key)
  end, server
end

-- What arrived, as the server has logged it.
local function arrived(server)
  local other = ms.client({ tls = { ca = server.ca } })
  local text = ms.assert(other:get(server.url("/log?key=" .. run))):text()
  other:close()
  return text
end

-- The loop may see what comes while it waits, or find it there.
local WAITS = {
  ["while the loop turns"] = function() ms.sleep(0.2) end,
  ["while the loop stands still"] = function() os.execute("sleep 0.2") end,
}

describe("a kept connection", function()
  setup(function()
    plain, secure, h2 = packaged.kept(), packaged.kept(true), packaged.hostile_h2()
  end)
  teardown(function()
    plain.stop()
    secure.stop()
    h2.stop()
  end)
  after_each(function()
    if client then
      client:close()
      client = nil
    end
    helper.check_leaks()
  end)

  describe("that says something unasked", function()
    -- For each path a client and a connection, and one wait for all.
    local function check(way, wait, paths, method)
      local clients, url = {}, nil
      for i, path in ipairs(paths) do
        url = begin(way)
        clients[i] = client
        ms.assert(ms.assert(client[method or "get"](client, url(path))):text())
      end
      wait()
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

    for way in pairs(WAYS) do
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
          wait()
          local response = ms.assert(client:post(url("/ok"), { body = body }))
          assert.equal("POST /ok", response:text())
          assert.equal(1, response.attempts)
          assert.equal("GET /idle\nPOST /ok", arrived(server))
        end
      end
    end))

    it("is closed for a program with a multi of its own, too", function()
      local loop, multi = core.loop(), core.multi()
      multi:attach(loop)
      local function get(path)
        local easy, body = support.easy({ url = plain.url(path) })
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
    for way in pairs(WAYS) do
      local url, server = begin(way)
      for _ = 1, 5 do
        ms.assert(ms.assert(client:get(url("/ok"))):text())
        ms.assert(ms.assert(client:head(url("/ok"))):text())
        ms.assert(ms.assert(client:post(url("/ok"), { body = "abc" })):text())
        ms.sleep(0.02)
      end
      local other = ms.client({ tls = { ca = server.ca } })
      assert.equal("1", ms.assert(other:get(server.url("/connections?key=" .. run))):text(), way)
      other:close()
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

    for way in pairs(WAYS) do
      it("ends what may not be sent twice, " .. way, helper.task(function()
        for _, how in ipairs({ "fin", "rst", "half" }) do
          for _, method in ipairs(ONCE) do
            local url, server = prepare(way, how)
            local response, err = client:fetch(url("/ok"), { method = method, body = "10 EUR" })
            assert.is_nil(response, method .. " " .. how)
            assert.equal("closed", err.kind, tostring(err))
            assert.is_false(err.retryable)
            assert.equal(1, err.attempts)
            assert.equal("GET /dies\n" .. method .. " /ok", arrived(server))
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
            assert.equal(("GET /dies\n%s /ok\n%s /ok"):format(method, method), arrived(server))
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
        local response, err = client:post(url("/ok"), { body = body })
        assert.is_nil(response)
        assert.equal("closed", err.kind, tostring(err))
        assert.is_false(err.retryable)
        assert.equal(1, err.attempts)
        assert.equal("GET /dies\nPOST /ok", arrived(server))
        client:close()
      end
      file:close()
      for _, name in ipairs({ "json", "form" }) do
        local url, server = prepare(nil, "fin")
        local response, err = client:post(url("/ok"), { [name] = { a = "b" } })
        assert.is_nil(response)
        assert.equal("closed", err.kind)
        assert.equal("GET /dies\nPOST /ok", arrived(server))
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
      assert.equal("GET /sleepy\nGET /sleepy\nGET /ok\nGET /ok", arrived(server))
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
      local other = ms.client()
      assert.equal("2", ms.assert(other:get(server.url("/connections?key=" .. run))):text())
      other:close()
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
              wait()
              local response = ms.assert(client:fetch(url("/ok"), {
                method = method, body = method ~= "GET" and "abc" or nil,
              }))
              assert.equal(method .. " /ok", response:text())
              assert.equal(1, response.attempts)
              assert.equal(1, select(2, arrived(server):gsub(method .. " /ok", "")))
              client:close()
            end
          end, 20))
      end
    end
  end)

  describe("when the network has changed", function()
    it("is not used again, over any protocol", helper.task(function()
      for way in pairs(WAYS) do
        local url, server = begin(way)
        for _ = 1, 3 do
          for _ = 1, 2 do
            assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
          end
          client:network_changed()
        end
        assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
        local other = ms.client({ tls = { ca = server.ca } })
        assert.equal("4", ms.assert(other:get(server.url("/connections?key=" .. run))):text(), way)
        other:close()
        client:close()
      end
      client = ms.client({ tls = { ca = h2.ca }, http_version = "2" })
      local before = ms.assert(client:get(h2.url("/ok"))).timings.connect
      local kept = ms.assert(client:get(h2.url("/ok"))).timings.connect
      client:network_changed()
      local after = ms.assert(client:get(h2.url("/ok"))).timings.connect
      assert.is_true(before > 0 and kept == 0 and after > 0)
    end))

    it("lets transfers that run go on", helper.task(function()
      local url = begin()
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = ms.spawn(function()
          return ms.assert(ms.assert(client:get(url("/sleepy?n=4"))):text())
        end)
      end
      ms.sleep(0.1)
      client:network_changed()
      client:network_changed()
      assert.equal("GET /sleepy", ms.assert(ms.assert(client:get(url("/sleepy?n=4"))):text()))
      for i = 1, 3 do
        assert.equal("GET /sleepy", tasks[i]:await())
      end
      for _ = 1, 3 do
        assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
      end
      client:close()
      assert.has_error(function() client:network_changed() end)
    end))
  end)

  it("is given up in seconds when its other end has silently gone", helper.task(function()
    local url, server = begin()
    ms.assert(ms.assert(client:get(url("/ok"))):text())
    local function options()
      local file = assert(io.open("/proc/self/stat"))
      local pid = file:read("*l"):match("^%d+")
      file:close()
      local pipe = io.popen(("/usr/bin/python3 -B spec/support/socket_options.py %s %d"):format(pid,
        server.port))
      local text = pipe:read("*a")
      pipe:close()
      if text:find("denied") then
        pending("this process may not look at the descriptors of another")
      end
      return text
    end
    assert.equal("1 30 10 3 30000\n", options())
    client:close()
    -- Who sets times of his own is left with them.
    client = ms.client({ curl = { tcp_keepidle = 100 } })
    ms.assert(ms.assert(client:get(url("/ok"))):text())
    assert.truthy(options():find("^1 100 10 %d 0\n$"))
  end))

  -- In a process whose clocks can be set, for HTTP/1, a POST, HTTP/2, and a multi of
  -- the program's own: whether a request had a new connection, before the clock is
  -- set, then, and once more.
  local CLOCKS = [[
    local ms = require("multisock")
    local core = require("multisock.core")
    local url, h2_url, ca = ...
    local function set(name, seconds)
      local file = assert(io.open(os.getenv(name), "w"))
      file:write(seconds)
      file:close()
    end
    local function step(get)
      local before = get()
      set(os.getenv("SET"), os.getenv("BY"))
      local after, last = get(), get()
      set(os.getenv("SET"), 0)
      print(before, after, last)
    end
    ms.run(function()
      local client = ms.client({ tls = { ca = ca }, http_version = "2" })
      local function connects(to, method)
        return function()
          local response = ms.assert(client:fetch(to, { method = method }))
          response:text()
          assert(response.attempts == 1)
          return response.timings.connect > 0 and "new" or "kept"
        end
      end
      step(connects(url))
      client:network_changed()
      step(connects(url, "POST"))
      step(connects(h2_url))
      client:close()
    end)
    local loop, multi = core.loop(), core.multi()
    multi:attach(loop)
    step(function()
      local easy = core.easy({ url = url, writefunction = function() end, timeout_ms = 5000 })
      multi:add_handle(easy)
      repeat
        loop:step(1)
      until multi:info_read()
      local new = easy:getinfo("num_connects")
      easy:close()
      return new > 0 and "new" or "kept"
    end)
  ]]

  describe("that was idle", function()
    local library, script

    setup(function()
      library, script = os.tmpname(), os.tmpname()
      local pipe = io.popen(("LD_PRELOAD= ${CC:-cc} -shared -fPIC -o %s spec/support/sleep.c "
        .. "-ldl 2>&1"):format(library))
      assert.equal("", pipe:read("*a"))
      pipe:close()
      helper.write_file(script, CLOCKS)
    end)
    teardown(function()
      os.remove(library)
      os.remove(script)
    end)

    local function clocks(set, by)
      local name = os.tmpname()
      helper.write_file(name, "0")
      local command = ("SLEPT=%s LATER=%s SET=%s BY=%d LUA_PATH='%s' LUA_CPATH='%s' "
        .. "LD_PRELOAD=\"$LD_PRELOAD %s\" timeout %d %s %s %s %s %s 2>&1"):format(
        set == "SLEPT" and name or "/dev/null", set == "LATER" and name or "/dev/null", set, by,
        package.path, package.cpath, library, math.ceil(helper.seconds(30)),
        os.getenv("LUA") or "lua5.4", script, plain.url("/ok"), h2.url("/ok?clock=1"), h2.ca)
      local pipe = io.popen(command)
      local text = pipe:read("*a")
      pipe:close()
      os.remove(name)
      return text
    end

    local FRESH = ("new\tnew\tkept\n"):rep(4)
    local KEPT = ("new\tkept\tkept\n"):rep(4)

    it("while the system slept is not used again", function()
      assert.equal(FRESH, clocks("SLEPT", 60))
    end)

    it("for two minutes of the clock on the wall is not used again", function()
      assert.equal(FRESH, clocks("LATER", 130))
    end)

    it("for a shorter time is", function()
      assert.equal(KEPT, clocks("LATER", 60))
    end)
  end)

  describe("of HTTP/2", function()
    local function fetch(path, options)
      options.http_version = "2"
      return client:fetch(h2.url(path .. "&run=" .. run), options)
    end

    it("repeats what the server has not looked at, a POST as well", helper.task(function()
      client = ms.client({ tls = { ca = h2.ca } })
      for _, path in ipairs({ "/refuse?n=1", "/refuse?n=2" }) do
        run = run + 1
        ms.assert(ms.assert(fetch("/ok?a=1", {})):text())
        local response = ms.assert(fetch(path, { method = "POST", body = "" }))
        assert.equal("ok", response:text())
        assert.equal(tonumber(path:match("%d")) + 1, response.attempts)
      end
    end))

    it("is kept when it speaks while it is idle", helper.task(function()
      client = ms.client({ tls = { ca = h2.ca } })
      run = run + 1
      ms.assert(ms.assert(fetch("/ok?a=1", {})):text())
      ms.sleep(0.1)
      local response = ms.assert(fetch("/ok?a=2", {}))
      assert.equal("ok", response:text())
    end))
  end)
end)
