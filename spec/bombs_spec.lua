-- Small bodies that decode to large ones, and the ends of those that are decoded.
-- What else there is to coded bodies is in coded_spec.lua.
local coded_bodies = require("spec.support.coded")
local codings = require("spec.support.codings")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local ms = require("multisock")

local TEXT, CODED, of = codings.text, codings.coded, codings.of
local FRAMES, ways = coded_bodies.FRAMES, coded_bodies.ways
local MIB = 1024 * 1024

describe("a body that is decoded", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { timeout = helper.seconds(20) })

  local url = coded_bodies.urls(hostile)

  -- The worst time between two turns of the loop while `fn` runs.
  local function worst_gap(fn)
    local worst, last, stop = 0, helper.own_time(), false
    local ticker = ms.spawn(function()
      while not stop do
        ms.sleep(0.001)
        local now = helper.own_time()
        worst, last = math.max(worst, now - last), now
      end
    end)
    fn()
    stop = true
    ticker:await()
    return worst
  end

  local function assert_polite(fn)
    local worst = worst_gap(fn)
    if helper.timing_is_real then
      assert.is_true(worst < 0.25, ("the loop stood still for %.0f ms"):format(worst * 1000))
    end
  end

  local function drain(response)
    local size = 0
    local chunk, err = response:read()
    while chunk do
      size = size + #chunk
      chunk, err = response:read()
    end
    assert.is_nil(err)
    return size
  end

  for name, bomb in pairs(codings.bombs) do
    it("of 64 MiB, a few bytes of " .. name .. ", neither stops the loop nor fills the memory",
      of(name, helper.task(function()
        local target = url(bomb, "coding=" .. name)
        client:close()
        client = ms.client({ max_body = 4 * MIB, timeout = helper.seconds(60) })
        for _ = 1, 2 do
          assert_polite(function()
            local before = os.clock()
            assert.equal(codings.zeros, drain(ms.assert(client:get(target))))
            if helper.timing_is_real then
              assert.is_true(os.clock() - before < 1.5, os.clock() - before .. " s of CPU")
            end
            assert.equal(codings.zeros, ms.assert(client:get(target)):save("/dev/null"))
          end)
          assert.equal("too_large", helper.err_of(ms.assert(client:get(target)):text()).kind)
        end
      end, 100)))
  end

  it("is read by many while the loop goes on", helper.task(function()
    assert_polite(function()
      ms.group(function(group)
        for _ = 1, 20 do
          group:spawn(function()
            assert.equal(10000000, drain(ms.assert(client:get(hostile.url("/gzip?n=10000000")))))
          end)
        end
      end)
    end)
  end, 60))

  it("that nobody reads holds high_water at most", helper.task(function()
    local before = helper.resident_kib()
    local unread = {}
    for i = 1, 20 do
      unread[i] = ms.assert(client:get(hostile.url("/gzip?n=600000000")))
    end
    ms.sleep(0.5)
    local grown = (helper.resident_kib() - before) / 20
    if helper.timing_is_real then
      assert.is_true(grown < 2 * 256 + 200, grown .. " KiB each")
    end
    for i = 1, 20 do
      assert.equal(5, #unread[i]:read(5))
      unread[i]:close()
    end
  end, 60))

  it("is stopped at max_body, decoded, also where it came with its headers", helper.task(function()
    local small = ms.client({ max_body = #TEXT - 1 })
    local exact = ms.client({ max_body = #TEXT })
    for _, frame in ipairs(FRAMES) do
      for _ = 1, 3 do
        local err = helper.err_of(ms.assert(small:get(url(CODED.gzip, frame))):text())
        assert.equal("too_large", err.kind)
        assert.is_true(ms.assert(exact:get(url(CODED.gzip, frame))):text() == TEXT)
        -- Streams have no limit.
        assert.equal(#TEXT, drain(ms.assert(small:get(url(CODED.gzip, frame)))))
      end
    end
    -- A body without codings is the same.
    for _ = 1, 3 do
      local err = helper.err_of(ms.assert(small:get(hostile.url("/bytes?n=" .. #TEXT))):text())
      assert.equal("too_large", err.kind)
    end
    small:close()
    exact:close()
  end, 30))

  it("comes through any high_water", helper.task(function()
    for _, high_water in ipairs({ 1, 7, 1000 }) do
      local options = { high_water = high_water }
      local response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=10"), options))
      assert.is_true(ways.read(response) == TEXT)
      response = ms.assert(client:get(url(CODED.gzip), options))
      assert.is_true(response:text() == TEXT)
      assert.is_true(ways.save(ms.assert(client:get(url(CODED.gzip), options))) == TEXT)
    end
  end, 30))

  it("costs nothing when it is thrown away", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=300000000")))
    local before = os.clock()
    assert.is_true(response:discard())
    if helper.timing_is_real then
      assert.is_true(os.clock() - before < 0.2)
    end
    -- Wrong or not, read in part or not at all.
    response = ms.assert(client:get(url("no gzip at all")))
    assert.is_true(response:discard())
    response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=9&delay=0.002")))
    assert.equal("The", response:read(3))
    assert.is_true(response:discard())
  end, 30))

  ---- Ends --------------------------------------------------------------------

  it("is ended by its limits while it is decoded", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=600000000"),
      { timeout = { total = helper.seconds(0.2) }, max_body = 0 }))
    assert.equal("timeout", helper.err_of(response:save("/dev/null")).kind)
    response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=9&delay=1"),
      { timeout = { idle = 0.2 } }))
    local err = helper.err_of(response:text())
    assert.equal("timeout", err.kind)
    assert.truthy(err.message:find("timeout.idle", 1, true))
  end, 30))

  it("is ended by cancelling, by closing and by closing the client", helper.task(function()
    local ends = {
      function(task)
        task:cancel()
        return "cancelled"
      end,
      function(_, response)
        response:close()
        return "closed"
      end,
      function()
        client:close()
        return "cancelled"
      end,
    }
    local others = probe.stats(hostile).open        -- of the client of ms
    for _, bring_about in ipairs(ends) do
      local response = ms.assert(client:get(hostile.url("/gzip?n=600000000")))
      local err
      local task = ms.spawn(function()
        local _, failure = response:save("/dev/null")
        err = failure
      end)
      ms.sleep(0.05)
      local kind = bring_about(task, response)
      local ok, raised = task:join()
      assert.equal(kind, (ok and err or raised).kind)
    end
    probe.open_becomes(hostile, others)
    client = ms.client()
  end, 30))

  it("says that the disk is full", helper.task(function()
    for _, target in ipairs({ url(CODED.gzip), hostile.url("/gzip?n=30000000") }) do
      local err = helper.err_of(ms.assert(client:get(target)):save("/dev/full"))
      assert.equal("io", err.kind)
      assert.truthy(err.message:find("/dev/full: No space", 1, true), err.message)
    end
  end))

  it("is read where nobody can wait, too", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=20000000")))
    assert.equal(1, #response:read(1))
    probe.eventually(function()
      return response.sizes.body > 19000            -- all has come
    end)
    local size = 0
    local task = ms.spawn(function() end)
    task:on_done(function()
      while size < 10000000 do
        size = size + #response:read()
      end
    end)
    task:join()
    ms.sleep(0.01)
    assert.is_true(size >= 10000000)
    response:close()
  end))
end)
