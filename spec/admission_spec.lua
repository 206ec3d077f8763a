-- admission.lua: how many at once, who next, and what a host that does not
-- answer costs. Counted at the server wherever there is one.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")

describe("admission", function()
  local hostile = fixtures.hostile()
  local secure = fixtures.hostile({ tls = true })
  local nginx = fixtures.nginx()

  after_each(helper.check_leaks)

  -- Fetches `count` late answers at once; the most that the server saw.
  local function peak(server, client, count, options)
    probe.reset(server)
    ms.group(function(group)
      for i = 1, count do
        group:spawn(function()
          local url = server.url("/late?delay=0.05&body=" .. i)
          -- Some with options of their own: the limit is for all.
          local response = ms.assert(client:get(url, i % 2 == 0 and options or nil))
          assert.equal(tostring(i), response:text())
        end)
      end
    end)
    local seen = probe.stats(server)
    assert.equal(count, seen.paths["/late"])
    return seen.peak - 1            -- the one that asked for the reset
  end

  it("bounds the connections to a host", helper.task(function()
    for _, limit in ipairs({ 1, 7 }) do
      local client <close> = ms.client({ limits = { host_connections = limit } })
      assert.equal(limit, peak(hostile, client, 30, { headers = { a = "b" } }))
      client:close()
    end
    local client <close> = ms.client({ limits = { host_connections = 5 },
      tls = { ca = secure.ca } })
    assert.is_true(peak(secure, client, 20) <= 5)
  end, 20))

  it("bounds the connections of a client", helper.task(function()
    local client = ms.client({ limits = { connections = 6 } })
    assert.equal(6, peak(hostile, client, 30))
    client:close()
    -- Two hosts share them.
    probe.reset(hostile)
    client = ms.client({ limits = { connections = 6 } })
    ms.group(function(group)
      for i = 1, 20 do
        group:spawn(function()
          local host = i % 2 == 0 and "127.0.0.1" or "localhost"
          ms.assert(client:get(("http://%s:%d/late?delay=0.05"):format(host, hostile.port)))
        end)
      end
    end)
    assert.is_true(probe.stats(hostile).peak - 1 <= 6)
    client:close()
  end))

  it("lets one full host not hold up another", helper.task(function()
    local client <close> = ms.client({ limits = { host_connections = 2 } })
    local stuck = {}
    for i = 1, 20 do
      stuck[i] = ms.spawn(function()
        return client:get(hostile.url("/stall"))
      end)
    end
    ms.sleep(0.05)
    local started = ms.now()
    for i = 1, 5 do
      assert.equal("body-" .. i, ms.assert(client:get(nginx.url("/file/" .. i))):text())
    end
    assert.is_true(ms.now() - started < helper.seconds(1))
    for _, task in ipairs(stuck) do
      task:cancel()
    end
  end))

  it("lets hosts take turns when the connections of all are few", helper.task(function()
    local client <close> = ms.client({ limits = { connections = 2 } })
    local order = {}
    ms.group(function(group)
      for i = 1, 40 do
        group:spawn(function()
          ms.assert(client:get(hostile.url("/late?delay=0.01"))):text()
          order[#order + 1] = i
        end)
      end
      for i = 41, 45 do
        group:spawn(function()
          ms.assert(client:get(nginx.url("/1k"))):text()
          order[#order + 1] = i
        end)
      end
    end)
    local last
    for at, i in ipairs(order) do
      last = i > 40 and at or last
    end
    assert.equal(45, #order)
    assert.is_true(last < 25, "the second host waited for the first: " .. last)
  end))

  it("serves the queue in order", helper.task(function()
    local client <close> = ms.client({ limits = { host_connections = 1 } })
    local order = {}
    ms.group(function(group)
      for i = 1, 20 do
        group:spawn(function()
          ms.assert(client:get(hostile.url("/bytes?n=" .. i)))
          order[i] = #order == i - 1
        end)
      end
    end)
    for i = 1, 20 do
      assert.is_true(order[i])
    end
  end))

  it("skips those who gave up in the queue", helper.task(function()
    local client <close> = ms.client({ limits = { host_connections = 1 } })
    local response = ms.assert(client:get(hostile.url("/stall-body")))
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = ms.spawn(function()
        return ms.assert(client:get(hostile.url("/bytes?n=" .. i))):text()
      end)
    end
    ms.sleep(0.02)
    for i = 1, 9, 2 do
      tasks[i]:cancel()
    end
    local _, err = client:get(hostile.url("/bytes"), { timeout = { queue = 0.05 } })
    assert.equal("timeout", err.kind)
    assert.equal("queue", err.phase)
    response:close()
    for i = 2, 10, 2 do
      assert.equal(servers.bytes(i), tasks[i]:await())
    end
  end))

  it("opens a few HTTP/2 connections for a thousand streams", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
    ms.group(function(group)
      for i = 1, 1000 do
        group:spawn(function()
          local response = ms.assert(client:get(nginx.tls_url("/file/adm-" .. i)))
          assert.equal("body-adm-" .. i, response:text())
        end)
      end
    end)
    local connections, count = {}, 0
    for _, line in ipairs(nginx.log("^/file/adm%-", 1000)) do
      assert.equal("HTTP/2.0", line.protocol)
      if not connections[line.connection] then
        connections[line.connection] = true
        count = count + 1
      end
    end
    assert.is_true(count <= 10, count .. " connections")
  end, 30))

  it("keeps to the limit of HTTP/2 connections and of their streams", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca }, http_version = "2",
      limits = { host_connections = 1, streams = 10 } })
    ms.group(function(group)
      for i = 1, 100 do
        group:spawn(function()
          ms.assert(client:get(nginx.tls_url("/file/one-" .. i)))
        end)
      end
    end)
    local lines = nginx.log("^/file/one%-", 100)
    for _, line in ipairs(lines) do
      assert.equal(lines[1].connection, line.connection)
    end
  end))

  it("does not wait for one connect timeout after the other", helper.task(function()
    local hole = probe.blackhole()
    local client <close> = ms.client({ timeout = { connect = helper.seconds(0.2) } })
    local started = ms.now()
    local failed = 0
    ms.group(function(group)
      for _ = 1, 30 do
        group:spawn(function()
          local _, err = client:get("https://localhost:" .. hole.port .. "/")
          assert.equal("timeout", err.kind)
          failed = failed + 1
        end)
      end
    end)
    hole.stop()
    assert.equal(30, failed)
    -- 1, 2, 4, 8, 15 at a time.
    assert.is_true(ms.now() - started < helper.seconds(0.2) * 8)
  end, 20))

  it("goes on when the probe is cancelled", helper.task(function()
    local client <close> = ms.client({ tls = { ca = secure.ca } })
    local first = ms.spawn(function()
      return client:get(secure.url("/stall"))
    end)
    local other = ms.spawn(function()
      return ms.assert(client:get(secure.url("/bytes?n=5"))):text()
    end)
    ms.sleep(0)
    first:cancel()
    assert.equal(servers.bytes(5), other:await())
  end))

  -- Runs a script in a process that may open few files; what it prints.
  local function run_with_files(files, script, ...)
    return (support.child_in(("ulimit -n %d;"):format(files), script, ...))
  end

  it("waits for a descriptor where few files may be open", function()
    for _, files in ipairs({ 20, 64, 100, 250 }) do
      local said = run_with_files(files, [[
        local ms = require("multisock")
        local urls = {}
        for i = 1, 120 do
          urls[i] = arg[1]:format(i % 2 == 0 and "127.0.0.1" or "localhost")
        end
        local results, errors = ms.map(urls, { concurrency = 200 })
        for i = 1, 120 do
          assert(results[i], tostring(errors[i]))
        end
        print("all well")
      ]], ("http://%%s:%d/late?delay=0.05"):format(hostile.port))
      assert.equal("all well\n", said)
    end
  end)

  local FILES = [[
    local ms = require("multisock")
    local held = {}
    local function hold_all()
      local file = io.open("/dev/null")
      while file do
        held[#held + 1], file = file, io.open("/dev/null")
      end
    end
    local function free(count)
      for _ = 1, count do
        table.remove(held):close()
      end
    end
  ]]

  it("waits for a descriptor that the program has, and takes it from idle ones", function()
    local said = run_with_files(64, FILES .. [[
      ms.run(function()
        local bytes = ms.assert(ms.get(arg[1])):text()
        hold_all()
        local task = ms.spawn(ms.get, arg[2])       -- the idle one is of another host
        ms.sleep(0.2)
        free(8)
        print(task:await())
        local hosts = {}
        for i = 1, 30 do
          hosts[i] = ms.spawn(function()
            local name = ("h%d.test:%s"):format(i, arg[1]:match(":(%d+)"))
            local response = ms.assert(ms.get("http://" .. name .. "/bytes",
              { resolve = { name .. ":127.0.0.1" } }))
            return response:text()
          end)
        end
        for i = 1, 30 do
          assert(hosts[i]:await() == bytes)
        end
        print("all well")
      end)
    ]], ("http://127.0.0.1:%d/bytes"):format(hostile.port),
      ("http://localhost:%d/bytes"):format(hostile.port))
    assert.truthy(said:find("^multisock%.response [^\n]*\nall well\n$"), said)
  end)

  it("says why, in the system's words, when none becomes free", function()
    local said = run_with_files(64, FILES .. [[
      ms.run(function()
        ms.get("http://127.0.0.1:1/")
        ms.get("https://127.0.0.1:1/")
        hold_all()
        for _, url in ipairs({ "http://127.0.0.1:1/", "http://nowhere.test/",
          "http://localhost:1/" }) do
          local client = ms.client({ timeout = { connect = 0.2 } })
          local started = ms.now()
          local _, err = client:get(url)
          print(err.kind, err.retryable, err.message:match("%(([%a ]+)%)$"), ms.now() - started < 1)
          _, err = client:get(url, { timeout = { total = 0.05 } })
          print(err.kind, ms.now() - started < 1)
          client:close()
        end
      end)
    ]])
    assert.equal(("io\ttrue\tToo many open files\ttrue\ntimeout\ttrue\n"):rep(3), said)
  end)

  it("names the limit of the request when both have passed unseen", function()
    local said = run_with_files(64, FILES .. [[
      ms.run(function()
        ms.get("http://127.0.0.1:1/")
        hold_all()
        ms.spawn(function()
          ms.sleep(0.02)
          local stop = os.clock() + 0.15
          while os.clock() < stop do end            -- Lua is busy
        end)
        local _, err = ms.get("http://127.0.0.1:1/",
          { timeout = { connect = 0.1, total = 0.05 } })
        print(err.kind)
      end)
    ]])
    assert.equal("timeout\n", said)
  end)

  it("keeps fewer idle connections than the process has descriptors", function()
    local said = run_with_files(300, [[
      local ms = require("multisock")
      local port = tonumber(arg[1])
      ms.run(function()
        for i = 1, 400 do
          local name = "host" .. i .. ".test:" .. port
          local response = ms.assert(ms.get("http://" .. name .. "/file/" .. i, {
            resolve = { name .. ":127.0.0.1" } }))
          assert(response:text() == "body-" .. i)
        end
      end)
      print("all well")
    ]], nginx.port)
    assert.equal("all well\n", said)
  end)
end)
