-- ms.hedge: tries beside each other, and the first good one.
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")
local core_support = require("spec.support.core_support")

local task, failure, simulated = helper.task, helper.failure, helper.simulated

describe("hedge", function()
  local hostile

  setup(function() hostile = servers.hostile() end)
  teardown(function() servers.stop_all() end)
  after_each(helper.check_leaks)

  it("asks once when the answer is there in time", task(function()
    local calls = 0
    local a, b, c = ms.hedge({}, function(try)
      calls = calls + 1
      return try, nil, "c"
    end)
    assert.same({ 1, nil, "c", 1 }, { a, b, c, calls })
  end))

  it("asks again when it is slow, and cuts off who lost", helper.of_loop(task(function()
    local lost
    local before = ms.now()
    local response = ms.assert(ms.hedge({ after = 0.05 }, function(try)
      local _, response, err = pcall(ms.get,
        hostile.url(try == 1 and "/stall" or "/bytes?n=5"))
      lost = lost or try == 1 and response
      return response, err
    end))
    assert.same({ 200, 5 }, { response.status, #response:text() })
    assert.equal("cancelled", lost.kind)
    assert.truthy(ms.now() - before >= 0.05)
  end)))

  it("goes on at once after a failure, and after a 5xx", task(function()
    local refusing = ("http://127.0.0.1:%d/"):format(core_support.refusing_port())
    local urls = { refusing, hostile.url("/status?code=503"), hostile.url("/status?code=404") }
    local tried = {}
    local response = ms.assert(ms.hedge({ after = math.huge, max = 5 }, function(try)
      tried[#tried + 1] = try
      return ms.get(urls[try])
    end))
    assert.same({ 404, { 1, 2, 3 } }, { response.status, tried })
    response:close()
  end))

  it("returns the last answer when none is good, else the last error", task(function()
    local response = ms.assert(ms.hedge({ max = 3 }, function(try)
      if try == 2 then
        return nil, "no answer"
      end
      return ms.get(hostile.url("/status?code=50" .. try))
    end))
    assert.same({ 503, "status 503\n" }, { response.status, response:text() })
    local value, err = ms.hedge({ max = 3 }, function(try) return nil, "failed " .. try end)
    assert.same({ nil, "failed 3" }, { value, err })
  end))

  it("takes an error that an iterator raised for a failure, and raises others", helper.of_loop(
    task(function()
    local function read(try)
      local url = hostile.url(try == 1 and "/truncate" or "/bytes")
      return helper.length_of(ms.assert(ms.get(url)):chunks())
    end
    assert.equal(1000, ms.hedge({}, read))
    local other
    assert.equal("mistake", failure(ms.hedge, { after = 0.01 }, function(try)
      if try == 1 then
        other = select(2, pcall(ms.sleep, 60))
        return nil, other
      end
      error("mistake", 0)
    end))
    assert.equal("cancelled", other.kind)
  end)))

  it("starts all at once without `after`, and no more than max", simulated(nil, function()
    local most, running = 0, 0
    local value, err = ms.hedge({ after = 0, max = 4 }, function()
      running = running + 1
      most = math.max(most, running)
      ms.sleep(20)
      running = running - 1
      return nil, "no"
    end)
    assert.same({ nil, "no", 4 }, { value, err, most })
  end))

  it("starts another one each `after`, at once after a failure, until one is good", simulated(nil,
    function()
    local began, started = ms.now(), {}
    assert.equal("good 4", ms.hedge({ after = 3, max = 9 }, function(try)
      started[try] = ms.now() - began
      ms.sleep(({ 100, 1, 100, 2, 100 })[try])
      return try == 4 and "good 4" or nil, "bad"
    end))
    -- The second fails after one second; the fourth is good before the fifth is due.
    assert.same({ { 0, 3, 4, 7 }, 9 }, { started, ms.now() - began })
  end))

  it("has each try keep to its own limits, and starts the next when one passes", simulated({
    routes = { { times = 3, reply = { { delay = math.huge }, { delay = math.huge },
      { delay = 1, body = "x" } } }, { reply = { delay = 4, body = "late" } } },
  }, function(mock)
    local client, began = ms.client({ agent = mock }), ms.now()
    local function outcome(limits, options)
      local first, start = #mock:calls(), ms.now()
      local response, err = ms.hedge(options, function()
        return client:get("https://h.example/", { timeout = limits })
      end)
      local starts = {}
      for i = first + 1, #mock:calls() do
        starts[#starts + 1] = mock:calls()[i].at - start
      end
      return { response and response:text() or err.message, ms.now() - start, starts }
    end
    assert.same({ "x", 5, { 0, 2, 4 } }, outcome(2, { after = 3, max = 3 }))
    assert.same({ "late", 4, { 0, 1, 2, 3 } }, outcome(9, { after = 1, max = 9 }))
    -- The first one's limit has the third start. None is good: the error is the last one's.
    assert.same({ "no answer within 2 s (timeout.attempt)", 4, { 0, 1.5, 2 } },
      outcome({ attempt = 2 }, { after = 1.5, max = 3 }))
    -- A limit of all tries is one around them.
    local calls = #mock:calls()
    local _, err = ms.with_timeout(2.5, outcome, 9, { after = 1, max = 9 })
    assert.same({ "timeout", "not done after 2.5 s", 3 }, { err.kind, err.message,
      #mock:calls() - calls })
    assert.equal(15.5, ms.now() - began)
    client:close()
  end))

  it("lets an answer go that comes with a better one", task(function()
    -- Both are there in one turn: the first wins, the other's transfer is ended.
    local responses = {}
    local won = ms.hedge({ after = 0 }, function(try)
      responses[try] = ms.assert(ms.get(hostile.url("/stall-body")))
      return responses[try]
    end)
    for _, response in pairs(responses) do
      if response ~= won then
        assert.equal("closed", select(2, response:text()).kind)
      end
    end
    won:close()
  end))

  it("ends its tries when it is cancelled", simulated({ routes = { { reply = { delay = 60 } } } },
    function(mock)
    local client, tries = ms.client({ agent = mock }), {}
    local hedging = ms.spawn(ms.hedge, { after = 10, max = 3 }, function(try)
      tries[try] = "running"
      client:get("https://h.example/")
      tries[try] = "went on"
    end)
    ms.sleep(15)
    hedging:cancel("enough")
    local ok, err = hedging:join()
    assert.same({ false, "cancelled", "enough" }, { ok, err.kind, err.message })
    assert.same({ "running", "running" }, tries)
  end))

  it("works on the main chunk", function()
    assert.equal(7, ms.hedge({}, function() ms.sleep(0) return 7 end))
  end)

  it("has its mistakes named", function()
    local function check(words, options, fn)
      local err = failure(function() ms.hedge(options, fn) end)
      assert.truthy(err:find(words, 1, true), err)
      assert.truthy(err:find("hedge_spec.lua", 1, true), err)
    end
    local fn = function() end
    check("hedge: table of options expected, got function", fn)
    check("hedge: function expected, got nil", {})
    check('unknown option "afer", did you mean', { afer = 1 }, fn)
    check("'after': seconds of 0 or more expected, got -1", { after = -1 }, fn)
    check("'after': seconds of 0 or more expected", { after = 0 / 0 }, fn)
    check("'max': integer of 1 or more expected, got 1.5", { max = 1.5 }, fn)
    check("'max': integer of 1 or more expected, got 0", { max = 0 }, fn)
  end)
end)
