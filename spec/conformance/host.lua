-- What every loop must do that a host may run by itself: multisock's tasks go on
-- in it. Run as conformance/loop.lua is.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local hosts = require("spec.support.hosts")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")
local scheduler = require("multisock.tasks.scheduler")

local name = ms.use_loop()

if not hosts[name] then
  return                            -- uv, poll: nobody but multisock runs them
end

local host = hosts[name]()

describe("a host that runs " .. os.getenv("MULTISOCK_LOOP"), function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client

  before_each(function()
    client = ms.client()
  end)
  after_each(function()
    ms.on_error(nil)
    client:close()
    client = nil
    helper.check_leaks()
  end)

  -- Runs `fn` in the host's loop until the loop has ended by itself; what it, or
  -- a task, raises is raised here. `start`: called in the loop instead.
  local function run(fn, start)
    local failure, finished
    ms.on_error(function(err)
      failure = failure or { err }
    end)
    local function body()
      local ok, err = xpcall(fn, debug.traceback)
      failure = failure or not ok and { err } or nil
      finished = true
    end
    local deadline = ms.now() + helper.seconds(20)
    host.run(start and function() start(body) end or function() ms.spawn(body) end, function()
      return (finished or failure) and scheduler.pending() == 0 or ms.now() > deadline
    end)
    if failure then
      error(failure[1], 0)
    end
    assert.is_true(finished, "the loop ended, or the time, before the task")
  end

  local function fetch(i)
    return ms.assert(client:get(nginx.url("/file/" .. i))):text()
  end

  it("goes on with the tasks that were spawned in it", function()
    run(function()
      for i = 1, 20 do
        assert.equal("body-" .. i, fetch(i))
      end
      local tasks = {}
      for i = 1, 200 do
        tasks[i] = ms.spawn(fetch, i)
      end
      for i = 1, 200 do
        assert.equal("body-" .. i, tasks[i]:await())
      end
    end)
  end)

  if not host.frames and (not host.coroutines or name == "copas") then
    it("goes on with tasks that were spawned before it ran, and after another run", function()
      for _ = 1, 3 do
        assert.equal("body-run", ms.run(fetch, "run"))
        local one = ms.spawn(fetch, "early")
        run(function()
          assert.equal("body-early", one:await())
        end)
      end
    end)
  end

  it("keeps time for them, to its own timers' side", function()
    local ticks = 0
    run(function()
      local started = ms.now()
      if host.tick then
        for i = 1, 5 do
          host.tick(i * 0.01, function() ticks = ticks + 1 end)
        end
      end
      ms.sleep(0.1)
      assert.is_true(ms.now() - started >= 0.1)
      if helper.timing_is_real then
        assert.is_true(ms.now() - started < 5)
      end
      assert.equal(host.tick and 5 or 0, ticks)
      local err = helper.err_of(client:get(hostile.url("/stall"), { timeout = 0.1 }))
      assert.equal("timeout", err.kind)
      assert.equal("timeout", select(2, ms.with_timeout(0.05, ms.sleep, 60)).kind)
    end)
  end)

  it("cancels, streams, uploads and closes in it", function()
    run(function()
      local stalled = ms.spawn(client.get, client, hostile.url("/stall"))
      ms.sleep(0.02)
      stalled:cancel()
      assert.is_false(stalled:join())
      local length = 0
      for chunk in ms.assert(client:get(nginx.url("/200m"))):chunks() do
        length = length + #chunk
      end
      assert.equal(200 * 1024 * 1024, length)
      local bytes = servers.bytes(1024 * 1024)
      local url = nginx.url("/upload/host-" .. name)
      assert.is_true(ms.assert(client:put(url, { body = bytes })).ok)
      local other = ms.client()
      ms.spawn(function() other:get(hostile.url("/stall")) end)
      ms.sleep(0.02)
      other:close()
    end)
  end)

  it("gives errors of tasks to on_error", function()
    local raised = {}
    local ok, err = pcall(run, function()
      ms.spawn(function()
        fetch("failing")
        error(raised)
      end)
      ms.sleep(0.2)
    end)
    assert.is_false(ok)
    assert.equal(raised, err)
  end)

  it("has errors of tasks printed without on_error, with where they came from", function()
    local script = [[
      local ms = require("multisock")
      local name, url = ...
      ms.use_loop(name)
      local host = require("spec.support.hosts")[name]()
      local ends = ms.now() + 0.5
      host.run(function()
        ms.spawn(function()
          local function where_it_was() error("nobody expects this") end
          ms.get(url):text()
          where_it_was()
          return 1
        end)
      end, function() return ms.now() > ends end)
      print("went on")
    ]]
    local output, status = support.child(script, name, nginx.url("/1k"))
    assert.equal(0, status, output)
    assert.truthy(output:find("nobody expects this", 1, true), output)
    assert.truthy(output:find("where_it_was", 1, true), output)
    assert.truthy(output:find("went on", 1, true), output)
  end)

  it("may not be run again by ms.run or ms.step", function()
    local errors = {}
    run(function() end, function(body)
      errors[1] = select(2, pcall(ms.run, print))
      -- A host that calls ms.step is not in it now.
      errors[2] = not (host.coroutines or host.frames) and select(2, pcall(ms.step)) or "running"
      ms.spawn(body)
    end)
    assert.matches("run", errors[1])
    assert.matches("spawn", errors[1])
    assert.matches("running", errors[2])
  end)

  if host.coroutines then
    it("has coroutines that may fetch, sleep and spawn like tasks", function()
      run(function()
        for i = 1, 20 do
          assert.equal("body-" .. i, fetch(i))
        end
        local started = ms.now()
        ms.sleep(0.05)
        assert.is_true(ms.now() - started >= 0.05)
        local urls = {}
        for i = 1, 50 do
          urls[i] = nginx.url("/file/" .. i)
        end
        local responses = ms.map(urls, function(url) return client:get(url) end)
        for i = 1, 50 do
          assert.equal("body-" .. i, responses[i]:text())
        end
        assert.equal("body-await", ms.spawn(fetch, "await"):await())
        local ok, err = pcall(ms.group, function(group)
          group:spawn(error, "in the group", 0)
          ms.sleep(60)
        end)
        assert.is_false(ok)
        assert.equal("in the group", err)
        local response
        response, err = client:get(hostile.url("/stall"), { timeout = 0.1 })
        assert.is_nil(response)
        assert.equal("timeout", err.kind)
        local length = 0
        for chunk in ms.assert(client:get(nginx.url("/1m"))):chunks() do
          length = length + #chunk
        end
        assert.equal(1024 * 1024, length)
      end, function(body) body() end)
    end)

    it("has many of them wait at once, for each other too", function()
      local queue, got = ms.queue(), 0
      run(function()
        ms.spawn(function()
          for i = 1, 100 do
            queue:put(fetch(i))
          end
          queue:close()
        end)
        while queue:get() do
          got = got + 1
        end
        assert.equal(100, got)
      end, function(body) body() end)
    end)
  elseif name ~= "ev" and not host.frames then
    it("says what to do in a callback", function()
      local message
      run(function() end, function(body)
        message = select(2, pcall(client.get, client, nginx.url("/1k")))
        ms.spawn(body)
      end)
      assert.matches("callback", message)
      assert.matches("ms%.spawn", message)
    end)
  end

  -- What a program may do last in the host's loop; `stall` is a server that never
  -- answers, `slow` one whose body never ends, `half` one that stops in its middle.
  -- 0.3 s: libcurl has timers of its own for 0.2 s, which would look at all.
  local LAST = {
    ["a request that is too late"] = [[client:get(stall, { timeout = 0.3 })]],
    ["an answer that is too late"] = [[client:get(stall, { timeout = { first_byte = 0.3 } })]],
    ["a body that is too late"] =
      [[client:get(half, { timeout = { idle = 0.3 } }):text()]],
    ["a body that is too large"] = [[client:get(slow, { max_body = 2 }):text()]],
    ["a request long before its time"] = [[client:get(url, { timeout = 1000 }):text()]],
    ["an answer that is not read"] = [[
      local response = client:get(url)
      wait(0.05)
      assert(response.status == 200)]],
    ["an upload whose answer is not read"] = [[
      local response = client:put(upload, { body = ("x"):rep(1000000) })
      wait(0.05)
      assert(response.ok)]],
    ["ms.with_timeout that ran out"] = [[ms.with_timeout(0.3, client.get, client, stall)]],
    ["ms.with_timeout long before its time"] = [[ms.with_timeout(1000, ms.sleep, 0.01)]],
    ["a callback that raises"] =
      [[pcall(client.get, client, slow, { progress = function() error("x") end })]],
    ["a body that raises"] =
      [[pcall(client.post, client, url, { body = function() error("x") end })]],
    ["a response that is closed"] = [[client:get(slow):close()]],
    ["a response that is dropped"] = [[
      client:get(slow)
      wait(0.05)
      collectgarbage()
      collectgarbage()]],
    ["a client that is closed"] = [[
      local response = client:get(slow)
      wait(0.05)
      client:close()
      assert(response)]],
    ["a client that is closed under a task"] = [[
      ms.spawn(client.get, client, stall)
      wait(0.05)
      client:close()]],
    ["a task that is cancelled in its sleep"] = [[
      local work = ms.spawn(ms.sleep, 1000)
      wait(0.05)
      work:cancel()]],
    ["a task that is cancelled in a request"] = [[
      local work = ms.spawn(client.get, client, stall)
      wait(0.05)
      work:cancel()]],
    ["a task that is cancelled in a queue"] = [[
      local queue = ms.queue()
      local work = ms.spawn(queue.get, queue)
      wait(0.05)
      work:cancel()]],
    ["a group that is cancelled"] = [[
      ms.group(function(group)
        group:spawn(ms.sleep, 1000)
        ms.sleep(0.05)
        group:cancel()
      end)]],
  }

  -- In a coroutine of the host's own, which waits by its means, or in a task.
  local LAST_SCRIPT = [[
    local ms = require("multisock")
    local url, stall, slow, half, upload, name = ...
    ms.use_loop(name)
    local host = require("spec.support.hosts")[name]()
    local client = ms.client()
    local wait = name == "cqueues" and require("cqueues").sleep or ms.sleep
    local function last()
      %s
    end
    host.run(function()
      if host.coroutines then last() else ms.spawn(last) end
    end)
    print("ended")
    os.exit(0, false)
  ]]

  if host.ends then
    for what, code in pairs(LAST) do
      it("ends after " .. what, function()
        local started = ms.now()
        local output, status = support.child(LAST_SCRIPT:format(code), nginx.url("/1k"),
          hostile.url("/stall"), hostile.url("/trickle?bytes=100000"), hostile.url("/stall-body"),
          nginx.url("/upload/last"), name)
        assert.equal("ended\n", output)
        assert.equal(0, status)
        assert.is_true(ms.now() - started < helper.seconds(20))
      end)
    end
  end

  it("ends with nothing left of it, and goes on with another run", function()
    for _ = 1, 3 do
      run(function() fetch("again") end)
      assert.equal("body-run", host.frames and "body-run" or ms.run(fetch, "run"))
    end
    assert.equal(0, (scheduler.pending()))
  end)
end)
