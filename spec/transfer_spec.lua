-- transfer.lua: many at once, reuse, and what goes wrong on the way.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")
local ms = require("multisock")

describe("transfers", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  it("run 1,000 at once, each with its own body", helper.task(function()
    transfers.fetch_files(client, nginx.url, helper.many(1000))
  end, 30))

  it("run 1,000 at once that all wait for the server", helper.task(function()
    probe.reset(hostile)
    local urls, count = {}, helper.many(1000)
    for i = 1, count do
      urls[i] = hostile.url("/late?delay=0.5&body=late-" .. i)
    end
    local results, errors = ms.map(urls, function(url)
      return client:get(url)
    end, { concurrency = count })
    for i = 1, count do
      assert.is_nil(errors[i])
      assert.equal("late-" .. i, results[i]:text())
    end
    if helper.timing_is_real then
      assert.is_true(probe.stats(hostile).peak >= 500, "they did not run side by side")
    end
  end, 30))

  it("come and go while others run", helper.task(function()
    local long = ms.spawn(function()
      return ms.assert(client:get(hostile.url("/trickle?bytes=300&delay=0.002"))):text()
    end)
    local cancelled, served = 0, 0
    for round = 1, 20 do
      local tasks = {}
      for i = 1, 10 do
        tasks[i] = ms.spawn(function()
          local path = i % 2 == 0 and "/stall" or "/bytes?n=" .. round * 10 + i
          return ms.assert(client:get(hostile.url(path))):text()
        end)
      end
      ms.sleep(0.005)
      for i = 1, 10 do
        if i % 2 == 0 then
          assert.is_true(tasks[i]:cancel())
          cancelled = cancelled + 1
        else
          assert.equal(servers.bytes(round * 10 + i), tasks[i]:await())
          served = served + 1
        end
      end
    end
    assert.equal(servers.bytes(300), long:await())
    assert.equal(100, cancelled)
    assert.equal(100, served)
  end, 20))

  it("use a connection again", helper.task(function()
    probe.reset(hostile)
    for i = 1, 20 do
      local response = ms.assert(client:get(hostile.url("/bytes?n=" .. i)))
      assert.equal(servers.bytes(i), response:text())
    end
    -- One of ours; the others asked for, or reset, the counts.
    assert.equal(2, probe.stats(hostile).connections)
  end))

  it("repeat by themselves a request that met a connection closed meanwhile",
    helper.task(function()
      for _ = 1, 10 do
        for _, path in ipairs({ "/close-idle", "/close-idle?next=1" }) do
          assert.equal("closing soon\n", ms.assert(client:get(hostile.url(path))):text())
        end
      end
    end))

  it("report a body that cannot be sent again as closed", helper.task(function()
    assert.equal("closing soon\n", client:get(hostile.url("/close-idle?next=1")):text())
    local given = 0
    local response, err = client:post(hostile.url("/upload"), {
      body = function()
        given = given + 1
        return given <= 3 and ("x"):rep(100000) or nil
      end,
    })
    if response then
      assert.equal(300000, ms.assert(response:json()).length)
    else
      assert.equal("closed", err.kind, tostring(err))
    end
  end))

  describe("that fail before their headers", function()
    local cases = {
      { "huge headers", "/huge-headers?bytes=400000", "too_large" },
      { "a zero byte in a header", "/nul-header", "protocol", "CURLE_WEIRD_SERVER_REPLY" },
    }
    for _, case in ipairs(cases) do
      it("for " .. case[1] .. " are of kind " .. case[3], helper.task(function()
        local err = helper.err_of(client:get(hostile.url(case[2])))
        assert.equal(case[3], err.kind, tostring(err))
        if case[4] then
          assert.equal(case[4], err.code)
        end
        assert.equal(hostile.url(case[2]), err.url)
        assert.equal(1, err.attempts)
        assert.is_number(err.timings.total)
        assert.is_truthy(tostring(err):find(err.message, 1, true))
        assert.is_nil(tostring(err):find("\n", 1, true))
      end))
    end
  end)

  describe("that fail in their body", function()
    local cases = {
      { "a reset", "/reset-after?bytes=100", "closed" },
      { "an early end", "/truncate?bytes=100&claim=1000", "closed" },
      { "a missing last chunk", "/truncate-chunk", "closed" },
      { "a bad chunk", "/bad-chunk", "protocol" },
      { "bad gzip", "/bad-gzip", "protocol" },
    }
    for _, case in ipairs(cases) do
      local name, path, kind = case[1], case[2], case[3]
      local function check(err, response)
        assert.equal(kind, err.kind, tostring(err))
        assert.equal("receive", err.phase)
        assert.is_string(err.code)
        assert.equal(response, err.response)
      end

      it("for " .. name .. " say so however they are read", helper.of_loop(helper.task(function()
        -- libcurl may find the fault together with the headers.
        local response = ms.assert(client:get(hostile.url(path)))
        local body, err = response:text()
        assert.is_nil(body)
        check(err, response)
        local _, again = response:text()
        assert.equal(err, again)

        response = ms.assert(client:get(hostile.url(path)))
        local ok
        ok, err = pcall(function()
          for _ in response:chunks() do end -- luacheck: ignore 542
        end)
        assert.is_false(ok)
        check(err, response)

        response = ms.assert(client:get(hostile.url(path)))
        repeat
          body, err = response:read(7)
        until body == nil
        check(err, response)

        response = ms.assert(client:get(hostile.url(path)))
        local file = os.tmpname()
        ok, err = response:save(file)
        os.remove(file)
        assert.is_nil(ok)
        check(err, response)
      end)))
    end
  end)

  it("give back their place when their bodies have ended, read or not", helper.task(function()
    local one = ms.client({ limits = { host_connections = 1 } })
    local kept = {}
    for i = 1, 3 do
      kept[i] = ms.assert(one:get(hostile.url("/stream?n=40&chunk=20&delay=0.05&seed=" .. i)))
    end
    kept[4] = ms.assert(one:get(hostile.url("/truncate?bytes=10&claim=20")))
    assert.is_truthy(one:get(hostile.url("/bytes")))
    for i = 1, 3 do
      assert.equal(servers.bytes(40, i), kept[i]:text())
    end
    assert.equal("closed", select(2, kept[4]:text()).kind)
    one:close()
  end))

  it("end when their response is collected unread", helper.task(function()
    local one = ms.client({ limits = { host_connections = 1 } })
    local response = ms.assert(one:get(hostile.url("/stall-body")))
    assert.equal(200, response.status)
    assert.equal(1, probe.stats(hostile).open)
    response = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    probe.open_becomes(hostile, 0)
    assert.equal(servers.bytes(10), ms.assert(one:get(hostile.url("/bytes?n=10"))):text())
    one:close()
  end))

  it("do not end when the response of the handle's last transfer is collected",
    helper.task(function()
      for _ = 1, 5 do
        local first = ms.assert(client:get(hostile.url("/stream?n=100&chunk=50&delay=0.01")))
        assert.equal(100, #first:text())
        first = nil -- luacheck: ignore 311
        local second = ms.assert(client:get(hostile.url("/stream?n=300&chunk=50&delay=0.01")))
        collectgarbage()
        ms.sleep(0.05)
        collectgarbage()
        assert.equal(servers.bytes(300), second:text())
      end
    end))

  it("survive a collection at every step", helper.task(function()
    local guard = ms.spawn(function()
      while true do
        collectgarbage()
        ms.sleep(0.001)
      end
    end)
    ms.group(function(group)
      for i = 1, 20 do
        group:spawn(function()
          local path = "/stream?n=5000&delay=0.002&chunk=500&seed=" .. i
          local response = ms.assert(client:get(hostile.url(path)))
          local pieces = {}
          local piece = response:read(100)
          while piece do
            pieces[#pieces + 1] = piece
            piece = response:read(100)
          end
          assert.equal(servers.bytes(5000, i), table.concat(pieces))
        end)
      end
    end)
    guard:cancel()
  end, 20))

  it("leave no handle behind", helper.task(function()
    client:close()
    collectgarbage()
    collectgarbage()
    local before = core.easy_count()
    local own = ms.client()
    for _ = 1, 10 do
      own:get(hostile.url("/bytes"))
      own:get(hostile.url("/reset"))
      own:get(hostile.url("/stall-body"))
    end
    own:close()
    own = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.equal(before, core.easy_count())
  end))

  it("raise what a wrong raw option is, and keep no place for it", helper.task(function()
    local one = ms.client({ limits = { host_connections = 1 } })
    for _, wrong in ipairs({ { nosuchoption = 1 }, { timeout_ms = "soon" } }) do
      assert.is_false(pcall(one.get, one, hostile.url("/bytes"), { curl = wrong }))
    end
    assert.is_truthy(one:get(hostile.url("/bytes"), { curl = { useragent = "raw/1" } }))
    one:close()
    one = ms.client({ curl = { timeout_ms = "soon" } })
    assert.is_false(pcall(one.get, one, hostile.url("/bytes")))
    one:close()
    assert.is_false(pcall(ms.client, { curl = { nosuchoption = 1 } }))
  end))
end)
