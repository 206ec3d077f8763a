-- No CPU while nothing happens, whatever was called before and whoever waits for
-- what. loops_spec.lua runs this file on each loop, too.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local hosts = require("spec.support.hosts")
local support = require("spec.support.core_support")
local ms = require("multisock")

local name = ms.use_loop()

-- A wait of so many seconds, and the CPU seconds that it may take: it takes 1 or 2
-- ms on its own, and all of them when it spins. Copas 1 has its host look each 10
-- ms.
local WAIT, MOST = 0.1, 0.02

local function measured(fn)
  return helper.timing_is_real and fn or function()
    pending("CPU times mean nothing under these tools")
  end
end

describe("nothing happens on the loop " .. name .. ", so no CPU is used", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function get(path)
    return ms.assert(client:get(nginx.url(path or "/1k")))
  end

  local function late()
    return client:get(hostile.url("/late?delay=" .. WAIT)):text()
  end

  -- What is called before, on the main chunk. What it returns is closed afterwards.
  local before = {
    ["nothing"] = function() end,
    ["a get"] = function() get():text() end,
    ["a get of 1 MB"] = function() get("/1m"):text() end,
    ["a post"] = function() client:post(nginx.url("/1k"), { body = "x" }) end,
    ["a sleep"] = function() ms.sleep(0.001) end,
    ["a connection refused"] = function()
      assert.is_nil((client:get(("http://127.0.0.1:%d/"):format(support.refusing_port()))))
    end,
    ["an answer too late"] = function()
      assert.is_nil((client:get(hostile.url("/stall"), { timeout = 0.02 })))
    end,
    ["an answer too late in ms.with_timeout"] = function()
      assert.is_nil((ms.with_timeout(0.02, client.get, client, hostile.url("/stall"))))
    end,
    ["a cancelled task"] = function()
      local work = ms.spawn(client.get, client, hostile.url("/stall"))
      ms.sleep(0.02)
      work:cancel()
    end,
    ["a task that failed"] = function()
      local work = ms.spawn(function() get() error("boom", 0) end)
      assert.is_false((work:join()))
    end,
    ["an error of a callback"] = function()
      assert.is_false((pcall(client.get, client, nginx.url("/1m"), { progress = function()
        error("boom", 0)
      end })))
    end,
    ["a deadlock"] = function() helper.failure(function() ms.queue():get() end) end,
    ["a map"] = function()
      ms.map({ nginx.url("/1k"), nginx.url("/file/x") })
    end,
    ["many idle connections"] = function()
      ms.group(function(group)
        for i = 1, 20 do
          group:spawn(function() get("/file/" .. i):text() end)
        end
      end)
    end,
    ["a run that failed"] = function()
      helper.failure(ms.run, function() get() error("boom", 0) end)
    end,
    ["an open body of which nothing is read"] = function()
      return get("/200m")
    end,
    ["an open body that the server holds back"] = function()
      local response = ms.assert(client:get(hostile.url("/trickle?bytes=100&delay=10")))
      return response
    end,
  }

  -- Who waits then.
  local waits = {
    ["ms.run"] = function() ms.run(ms.sleep, WAIT) end,
    ["a run of parked tasks"] = function()
      ms.run(function()
        local tasks = {}
        for i = 1, 20 do
          tasks[i] = ms.spawn(ms.sleep, 60)
        end
        ms.with_timeout(WAIT, tasks[1].await, tasks[1])
        for i = 1, 20 do
          tasks[i]:cancel()
        end
      end)
    end,
    ["a get in a run"] = function() ms.run(late) end,
    ["a get on the main chunk"] = late,
    ["a sleep on the main chunk"] = function() ms.sleep(WAIT) end,
    ["ms.step"] = function()
      local work = ms.spawn(ms.sleep, WAIT)
      while work:status() ~= "done" do
        ms.step(1)
      end
    end,
    ["a host that asks ms.next_timeout"] = function()
      local work = ms.spawn(ms.sleep, WAIT)
      while work:status() ~= "done" do
        ms.step(ms.next_timeout())
      end
    end,
    ["a host's own loop"] = hosts[name] and function()
      local host = hosts[name]()
      local done
      host.run(function()
        ms.spawn(function()
          ms.sleep(WAIT)
          done = true
          client:close()
        end)
      end, function() return done end)
      client = ms.client()
    end,
  }

  -- The CPU seconds of a wait, the best of three tries: the collector may come in.
  local function cost(who, wait, call, enough)
    local least, longest = math.huge, 0
    for _ = 1, 3 do
      local left = call()
      local time, cpu = ms.now(), os.clock()
      wait()
      cpu, time = os.clock() - cpu, ms.now() - time
      least, longest = math.min(least, cpu), math.max(longest, time)
      if left then
        left:close()
      end
      if least < enough then
        break
      end
    end
    assert.is_true(longest > WAIT * 0.9, who .. " has not waited")
    return least
  end

  for what, call in pairs(before) do
    it("after " .. what .. (what:find("get$") and "" or " #slow"), measured(function()
      for who, wait in pairs(waits) do
        local most = name == "copas" and 2 * MOST or MOST
        local cpu = cost(who, wait, call, most)
        assert.is_true(cpu < most, ("%s: %.3f s of CPU in %g s"):format(who, cpu, WAIT))
      end
    end))
  end

  it("after Ctrl-C", measured(function()
    local script = [[
      local ms = require("multisock")
      local loop, url, wait = ...
      wait = tonumber(wait)
      ms.use_loop(loop)
      local pid = io.open("/proc/self/stat"):read("*n")
      os.execute(("(sleep 0.2; kill -INT %d) &"):format(pid))
      local ok, err = pcall(ms.get, url)
      assert(not ok and tostring(err):find("interrupted"), err)
      local time, cpu = ms.now(), os.clock()
      ms.run(ms.sleep, wait)
      while ms.now() < time + 2 * wait do
        ms.step(wait)
      end
      print(("%.4f"):format(os.clock() - cpu))
    ]]
    local output = support.child(script, name, hostile.url("/stall"), WAIT)
    assert.is_true(tonumber(output) ~= nil and tonumber(output) < MOST * 2, output)
  end))
end)
