-- lookups.lua: each name is looked up once, so many at a time, and what was cut off
-- counts until it has ended. With a name server of its own, in a process and a
-- network of their own.
local apart = require("spec.support.apart")
local servers = require("spec.support.servers")

local PREPARE = [[
  local function threads()
    local file = io.open("/proc/self/status")
    local count = file:read("*a"):match("Threads:%s*(%d+)")
    file:close()
    return tonumber(count)
  end
  -- How often the name server was asked for it.
  local function asked(name)
    return tonumber(ms.assert(ms.get("http://127.0.0.1/" .. name)):text())
  end
  local function at_once(count, fn)
    local tasks, results = {}, {}
    for i = 1, count do
      tasks[i] = ms.spawn(fn, i)
    end
    for i = 1, count do
      results[i] = { tasks[i]:join() }
    end
    return results
  end
  local function main()
]]

-- What the script prints.
local function run(script, prelude)
  local folder = servers.make_dir()
  local said = apart.run("names.py", folder, PREPARE .. script .. " end", prelude)
  os.execute("rm -rf " .. folder)
  return said
end

describe("a lookup", function()
  it("counts until it has ended, whoever was cut off", function()
    assert.equal("all well\n", run([[
      local most, stop = 0, false
      local watch = ms.spawn(function()
        while not stop do
          most = math.max(most, threads())
          ms.sleep(0.01)
        end
      end)
      local results = at_once(400, function(i)
        return ms.get("http://dead" .. i .. ".test/", { timeout = { connect = 0.2 } })
      end)
      for i = 1, 400 do
        local err = results[i][3]
        assert(err.kind == "timeout" and err.phase == "resolve" and err.number == 28, tostring(err))
      end
      -- Clients that are closed leave theirs behind, too.
      for i = 1, 100 do
        local client = ms.client { timeout = { connect = 0.01 } }
        client:get("http://dead" .. i .. ".other.test/")
        client:close()
      end
      assert(most > 16 and most <= 34, most .. " threads")
      -- What can be answered waits for its turn.
      assert(ms.get("http://good.test/"))
      stop = true
      watch:await()
      assert(threads() <= 34)
      print("all well")
    ]]))
  end)

  it("is one for all that ask for the name", function()
    assert.equal("all well\n", run([[
      local one, other = ms.client(), ms.client()
      local results = at_once(100, function(i)
        return (i % 2 == 0 and one or other):get("http://good.test/?" .. i)
      end)
      for i = 1, 100 do
        assert(results[i][2], tostring(results[i][3]))
      end
      assert(asked("good.test") == 1, asked("good.test"))
      results = at_once(100, function(i)
        return (i % 2 == 0 and one or other):get("http://nx.test/?" .. i)
      end)
      for i = 1, 100 do
        local err = results[i][3]
        assert(err.kind == "resolve" and err.code == "CURLE_COULDNT_RESOLVE_HOST" and err.timings
          and err.url == "http://nx.test/?" .. i, tostring(err))
      end
      assert(asked("nx.test") <= 8, asked("nx.test"))
      results = at_once(200, function()
        return ms.get("http://dead.test/", { timeout = { connect = 0.1 } })
      end)
      assert(asked("dead.test") == 1, asked("dead.test"))
      assert(threads() <= 2, threads())
      -- An option of its own does not change whose lookup it is; another port does.
      assert(ms.get("http://good.test/", { headers = { A = "b" }, timeout = 5 }))
      assert(asked("good.test") == 1)
      print("all well")
    ]]))
  end)

  it("holds up neither the loop, nor a cancel, nor the end", function()
    local started = os.time()
    assert.equal("all well\n", run([[
      local gap, last, stop = 0, ms.now(), false
      local watch = ms.spawn(function()
        while not stop do
          ms.sleep(0.005)
          gap, last = math.max(gap, ms.now() - last), ms.now()
        end
      end)
      local tasks = {}
      for i = 1, 100 do
        tasks[i] = ms.spawn(ms.get, "http://dead" .. i .. ".test/")
      end
      ms.sleep(0.1)
      for i = 1, 100 do
        tasks[i]:cancel()
        local ok, err = tasks[i]:join()
        assert(not ok and err.kind == "cancelled", tostring(err))
      end
      ms.with_timeout(0.05, ms.get, "http://dead.other.test/")
      assert(ms.get("http://127.0.0.1/"))
      stop = true
      watch:await()
      assert(gap < 0.3, gap)
      print("all well")
    ]]))
    assert.is_true(os.time() - started <= 3)
  end)

  it("leaves the shorter limits to decide", function()
    assert.equal("timeout.total\ntimeout.connect\ntimeout.attempt\nall well\n", run([[
      local _, err = ms.get("http://dead.test/", { timeout = 0.1 })
      print(err.kind == "timeout" and err.message:match("timeout%.%w+"))
      _, err = ms.get("http://dead.test/", { timeout = { connect = 0.1, total = 5 } })
      print(err.kind == "timeout" and err.message:match("timeout%.%w+"))
      _, err = ms.get("http://dead.test/", { timeout = { connect = math.huge, total = 5,
        attempt = 0.1 } })
      print(err.kind == "timeout" and err.message:match("timeout%.%w+"))
      -- A redirect looks up its own.
      assert(ms.get("http://good.test/"))
      print("all well")
    ]]))
  end)

  it("of a proxy's name is one, too", function()
    assert.equal("all well\n", run([[
      local client = ms.client { proxy = "http://dead.test:80", timeout = { connect = 0.2 } }
      at_once(100, function(i)
        return client:get("http://host" .. i .. ".test/")
      end)
      assert(threads() <= 2, threads())
      client = ms.client { proxy = "http://proxy.test:80" }
      local results = at_once(50, function(i)
        return client:get("http://host" .. i .. ".test/proxy.test")
      end)
      for i = 1, 50 do
        assert(results[i][2], tostring(results[i][3]))
      end
      assert(asked("proxy.test") == 1 and asked("host1.test") == 0)
      print("all well")
    ]]))
  end)

  -- While a connection is kept libcurl has no limit for connecting, and the default of five
  -- minutes would be what it divides.
  it("finds addresses that share timeout.connect, also after a kept connection", function()
    assert.equal("all well\n", run([[
      local probe = require("spec.support.probe")
      local client, hole = ms.client(), probe.blackhole(4, false, "127.0.0.2")
      local url = "http://two.test:" .. hole.port .. "/"
      for _ = 1, 4 do
        assert(assert(client:get(url)):text() == "ok")
      end
      local response, err = client:get(url, { timeout = { connect = 1 } })
      hole.stop()
      assert(response, tostring(err))
      assert(response:text() == "other")
      print("all well")
    ]]))
  end)

  it("may be libcurl's own", function()
    assert.equal("all well\n", run([[
      assert(ms.get("http://good.test/"))           -- by the proxy of the environment
      assert(ms.get("http://good.test/", { trust_env = false }))
      assert(ms.get("http://other.test/", { proxy = false }))
      print("all well")
    ]], "http_proxy=http://proxy.test:80"))
  end)
end)
