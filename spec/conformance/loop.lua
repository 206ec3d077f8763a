-- What every loop must do, however it is made. loops_spec.lua runs this file with
-- busted once for each loop, in a process of its own; MULTISOCK_LOOP names it.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")
local scheduler = require("multisock.tasks.scheduler")

local task = helper.task
local name = ms.use_loop()

describe("the loop " .. os.getenv("MULTISOCK_LOOP"), function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client

  before_each(function()
    client = ms.client({ tls = { ca = nginx.ca } })
  end)
  after_each(function()
    client:close()
    client = nil
    helper.check_leaks()
    local watched = scheduler.loop().counts()
    assert.equal(0, watched, "sockets are watched still")
  end)

  local function fetch(i)
    return ms.assert(client:get(nginx.url("/file/" .. i))):text()
  end

  it("is the one that was asked for", function()
    assert.equal(os.getenv("MULTISOCK_LOOP"):match("^%w+"), name)
    assert.equal(name, ms.use_loop(name))
    ms.spawn(function() end)
    ms.step()
    local other = name == "poll" and "uv" or "poll"
    assert.error_matches(function() ms.use_loop(other) end, "is in use already")
  end)

  describe("transfers", function()
    it("one after the other, over one connection", task(function()
      for i = 1, 50 do
        assert.equal("body-serial" .. i, fetch("serial" .. i))
      end
      local connections = {}
      for _, line in ipairs(nginx.log("^/file/serial", 50)) do
        connections[line.connection] = true
      end
      assert.is_nil(next(connections, next(connections)))
    end))

    it("1,000 at once, each with its own body", task(function()
      local count = 0
      ms.group(function(group)
        for i = 1, 1000 do
          group:spawn(function()
            assert.equal("body-" .. i, fetch(i))
            count = count + 1
          end)
        end
      end)
      assert.equal(1000, count)
    end, 60))

    it("hundreds that all wait for the server at the same time", task(function()
      local urls = {}
      for i = 1, 300 do
        urls[i] = hostile.url("/late?delay=0.3&body=" .. i)
      end
      local bodies, errors = ms.map(urls, function(url)
        return ms.assert(client:get(url)):text()
      end, { concurrency = 300 })
      for i = 1, 300 do
        assert.equal(tostring(i), ms.assert(bodies[i], errors[i]):match("%d+"))
      end
    end, 30))

    it("over HTTP/2", task(function()
      ms.group(function(group)
        for i = 1, 200 do
          group:spawn(function()
            local response = ms.assert(client:get(nginx.tls_url("/file/" .. i),
              { http_version = "2" }))
            assert.equal("2", response.http_version)
            assert.equal("body-" .. i, response:text())
          end)
        end
      end)
    end, 30))

    it("up and down, megabytes of it", task(function()
      local bytes = servers.bytes(3 * 1024 * 1024)
      local url = nginx.url("/upload/conformance-" .. name)
      assert.is_true(ms.assert(client:put(url, { body = bytes })).ok)
      assert.is_true(ms.assert(client:get(url)):text() == bytes)
    end, 30))

    it("on the main chunk, which then has the loop wait", function()
      assert.equal("body-main", fetch("main"))
    end)
  end)

  it("holds the server back while nobody reads", task(function()
    local before = helper.resident_kib()
    local response = ms.assert(client:get(nginx.url("/200m")))
    ms.sleep(0.2)
    if helper.timing_is_real then
      assert.is_true(helper.resident_kib() - before < 20 * 1024)
    end
    local length = 0
    for chunk in response:chunks() do
      length = length + #chunk
    end
    assert.equal(200 * 1024 * 1024, length)
  end, 60))

  describe("time", function()
    it("calls timers in their order, none too early", task(function()
      local order, started = {}, ms.now()
      ms.group(function(group)
        for _, i in ipairs({ 3, 1, 4, 2, 5 }) do
          group:spawn(function()
            ms.sleep(helper.seconds(i * 0.02))
            assert.is_true(ms.now() - started >= helper.seconds(i * 0.02))
            order[#order + 1] = i
          end)
        end
      end)
      assert.same({ 1, 2, 3, 4, 5 }, order)
    end))

    it("ends every kind of timeout", task(function()
      local port, sockets = support.deaf_port()
      local function kind(url, options)
        local response, err = client:get(url, options)
        if response then
          response, err = response:text()
          assert.is_nil(response)
        end
        return err.kind
      end
      local started = ms.now()
      assert.equal("timeout", kind(("http://127.0.0.1:%d/"):format(port),
        { timeout = { connect = 0.2 } }))
      assert.equal("timeout", kind(hostile.url("/stall"), { timeout = { first_byte = 0.2 } }))
      assert.equal("timeout", kind(hostile.url("/stall-body"), { timeout = { idle = 0.2 } }))
      assert.equal("timeout", kind(hostile.url("/stall"), { timeout = 0.2 }))
      assert.equal("timeout", select(2, ms.with_timeout(0.2, client.get, client,
        hostile.url("/stall"))).kind)
      assert.is_true(ms.now() - started >= 0.9)
      for _, open in ipairs(sockets) do
        open:close()
      end
    end, 20))

    it("waits for no longer than asked", function()
      local started = ms.now()
      ms.step(0.05)
      assert.is_true(ms.now() - started < helper.seconds(5))
      local sleeper = ms.spawn(ms.sleep, 0.02)
      while sleeper:status() ~= "done" do
        ms.step(60)
      end
      assert.is_true(ms.now() - started < helper.seconds(10))
    end)

    it("sees a deadlock at once, instead of waiting", function()
      local started = ms.now()
      assert.error_matches(function()
        ms.run(function() ms.queue():get() end)
      end, "deadlock")
      assert.is_true(ms.now() - started < helper.seconds(2))
    end)
  end)

  describe("failures", function()
    it("of connections that are refused, on every address", task(function()
      local port = support.refusing_port()
      ms.group(function(group)
        for i = 1, 20 do
          group:spawn(function()
            local host = i % 2 == 0 and "127.0.0.1" or "three.invalid"
            local response, err = client:get(("http://%s:%d/"):format(host, port), {
              resolve = { ("three.invalid:%d:127.0.0.1,127.0.0.2,127.0.0.3"):format(port) },
            })
            assert.is_nil(response)
            assert.equal("connect", err.kind)
          end)
        end
      end)
    end))

    it("of the first two addresses, when the third answers", task(function()
      for i = 1, 5 do
        local response = ms.assert(client:get(
          ("http://third%d.invalid:%d/file/third"):format(i, nginx.port), {
            resolve = { ("third%d.invalid:%d:127.0.0.2,127.0.0.3,127.0.0.1"):format(i,
              nginx.port) },
          }))
        assert.equal("body-third", response:text())
      end
    end))

    it("of servers that reset, cut off and close", task(function()
      for i = 1, 20 do
        assert.equal("closed", helper.err_of(client:get(hostile.url("/reset"))).kind)
        local err = helper.err_of(ms.assert(client:get(hostile.url("/truncate"))):text())
        assert.equal("closed", err.kind)
        ms.assert(client:get(hostile.url(i % 2 == 0 and "/close-idle"
          or "/close-idle?next=1&count=2"))):text()
      end
    end, 20))

    it("in callbacks are raised where they belong", task(function()
      local ok, err = pcall(function()
        return ms.assert(client:get(nginx.url("/1m"), { progress = function()
          error("in progress", 0)
        end })):text()
      end)
      assert.is_false(ok)
      assert.equal("in progress", tostring(err))
    end))

    it("of on_done are raised by ms.run", function()
      assert.error_matches(function()
        ms.run(function()
          ms.spawn(fetch, 1):on_done(function() error("in on_done", 0) end)
        end)
      end, "in on_done")
    end)

    it("of tasks that nobody awaits are raised by ms.run", function()
      assert.error_matches(function()
        ms.run(function()
          ms.spawn(function()
            fetch("unawaited")
            error("nobody awaits this", 0)
          end)
        end)
      end, "nobody awaits this")
    end)
  end)

  describe("ending", function()
    it("takes transfers out whatever they are doing", task(function()
      local tasks = {}
      for _, path in ipairs({ "/stall", "/stall-headers", "/stall-body", "/late?delay=30",
        "/trickle?bytes=100000" }) do
        for _ = 1, 20 do
          tasks[#tasks + 1] = ms.spawn(function()
            ms.assert(client:get(hostile.url(path))):text()
          end)
        end
      end
      for round = 1, 10 do
        ms.sleep(0.01)
        for i = round, #tasks, 10 do
          tasks[i]:cancel()
          local ok, err = tasks[i]:join()
          assert.is_false(ok)
          assert.equal("cancelled", err.kind)
        end
        assert.equal("body-between" .. round, fetch("between" .. round))
      end
    end, 20))

    it("closes clients in any order, in the middle of anything", task(function()
      for round = 1, 10 do
        local others, tasks = {}, {}
        for i = 1, 4 do
          others[i] = ms.client()
          for _, url in ipairs({ hostile.url("/stall-body"), hostile.url("/late?delay=20"),
            nginx.url("/1m") }) do
            tasks[#tasks + 1] = ms.spawn(function()
              local response = others[i]:get(url)
              return response and response:text()
            end)
          end
        end
        ms.sleep(round * 0.003)
        for i = 1, 4 do
          others[round % 2 == 0 and i or 5 - i]:close()
        end
        for _, one in ipairs(tasks) do
          one:join()
        end
        assert.equal("body-after", fetch("after"))
      end
    end, 20))

    it("lets descriptors come back as something else", task(function()
      for round = 1, 50 do
        local stalled = ms.spawn(function() client:get(hostile.url("/stall")) end)
        ms.sleep(0.002)
        stalled:cancel()
        stalled:join()
        local files = {}
        for i = 1, 5 do
          files[i] = assert(io.open("/dev/null"))
        end
        assert.equal("body-" .. round, fetch(round))
        for i = 1, 5 do
          files[i]:close()
        end
      end
    end, 20))

    it("collects clients and responses that nobody holds", task(function()
      for _ = 1, 20 do
        local lost = ms.client()
        ms.assert(lost:get(hostile.url("/stall-body")))
        ms.assert(lost:get(nginx.url("/1k")))
        lost = nil -- luacheck: ignore 311
        collectgarbage()
        assert.equal("body-kept", fetch("kept"))
      end
    end, 20))

    it("may be Ctrl-C's, while it waits", function()
      local script = [[
        local ms = require("multisock")
        local loop, url = ...
        ms.use_loop(loop)
        local pid = io.open("/proc/self/stat"):read("*n")
        os.execute(("(sleep 0.2; kill -INT %d) &"):format(pid))
        local started = ms.now()
        local ok, err = pcall(ms.run, ms.get, url)
        assert(not ok and ms.now() - started < 10)
        error(err, 0)
      ]]
      local output, status = support.child(script, name, hostile.url("/stall"))
      assert.equal(1, status, output)
      assert.is_truthy(output:find("interrupted!", 1, true), output)
    end)

    it("may come in the middle of everything", function()
      local script = [[
        local ms = require("multisock")
        local loop, url, how = ...
        ms.use_loop(loop)
        ms.run(function()
          for i = 1, 10 do ms.spawn(ms.get, url) end
          ms.sleep(0.05)
          if how == "error" then error("the end", 0) end
          os.exit(7, how == "close")
        end)
      ]]
      for _, how in ipairs({ "close", "exit", "error" }) do
        local output, status = support.child(script, name, hostile.url("/trickle?bytes=1000"), how)
        assert.equal(how == "error" and 1 or 7, status, output)
        assert.equal(how == "error", output:find("the end", 1, true) ~= nil, output)
      end
    end)
  end)
end)
