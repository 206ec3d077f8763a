-- Tasks that end together: groups, and limits of time. When exactly: at the end, on a mock's clock.
local helper = require("spec.helper")
local ms = require("multisock")
local protected = require("multisock.tasks.protected")
local scheduler = require("multisock.tasks.scheduler")
local support = require("spec.support.tasks")

local task, simulated = helper.task, helper.simulated
local turns = support.turns

-- The error of a call that waits, and must fail.
local function failure(fn, ...)
  local arguments = table.pack(...)
  local ok, err = protected(function()
    return fn(table.unpack(arguments, 1, arguments.n))
  end)
  assert.is_false(ok)
  return err
end

-- Waits, whatever may end that. @return what was raised
local function sleep_on(seconds)
  local _, why = protected(function()
    ms.sleep(seconds)
  end)
  return why
end

describe("group", function()
  after_each(helper.check_leaks)

  it("returns the function's results when every child has ended", task(function()
    local ended = 0
    local a, b, c = ms.group(function(g)
      for i = 1, 3 do
        g:spawn(function()
          ms.sleep(i / 1000)
          ended = ended + 1
        end)
      end
      return 1, nil, 3
    end)
    assert.same({ 1, nil, 3 }, { a, b, c })
    assert.equal(3, ended)
  end))

  it("cancels the others at the first failure, and raises it", task(function()
    local other, plain
    local value = {}
    assert.equal(value, failure(ms.group, function(g)
      other = g:spawn(ms.sleep, 60)
      plain = ms.spawn(ms.sleep, 60)
      g:spawn(function() ms.sleep(0.001) error(value) end)
      ms.sleep(60)
    end))
    assert.equal("cancelled", other:status())
    assert.equal("cancelled", plain:status())
  end))

  it("cancels what is spawned after the failure", task(function()
    local late
    assert.equal("boom", failure(ms.group, function(g)
      g:spawn(error, "boom", 0)
      sleep_on(60)
      late = g:spawn(ms.sleep, 60)
    end))
    assert.equal("cancelled", late:status())
  end))

  it("waits for cleanup before it raises", task(function()
    local clean = false
    failure(ms.group, function(g)
      g:spawn(function()
        sleep_on(60)
        ms.sleep(0.005)
        clean = true
      end)
      g:spawn(error, "boom", 0)
    end)
    assert.is_true(clean)
  end))

  it("whose task is cancelled cancels its children, at any depth", task(function()
    local children = {}
    local parent = ms.spawn(function()
      ms.group(function(g)
        children[1] = g:spawn(ms.sleep, 60)
        children[2] = g:spawn(function()
          ms.group(function(inner)
            children[3] = inner:spawn(ms.sleep, 60)
            ms.with_timeout(60, function() ms.sleep(60) end)
          end)
        end)
      end)
    end)
    turns()
    parent:cancel("all of it")
    assert.equal("cancelled", parent:status())
    for i = 1, 3 do
      assert.equal("cancelled", children[i]:status())
    end
    local _, err = parent:join()
    assert.equal("all of it", err.reason)
  end))

  it("fails on a child's failure even when somebody joins the child", task(function()
    assert.equal("boom", failure(ms.group, function(g)
      g:spawn(error, "boom", 0):join()
    end))
  end))

  it("takes a single child's cancellation for no failure", task(function()
    local result = ms.group(function(g)
      local child = g:spawn(ms.sleep, 60)
      ms.sleep(0)
      child:cancel()
      return "fine"
    end)
    assert.equal("fine", result)
  end))

  it("that has ended takes no more children", task(function()
    local kept
    ms.group(function(g) kept = g end)
    assert.matches("the group has ended", failure(kept.spawn, kept, print))
    assert.equal("multisock.group (ended)", tostring(kept))
  end))

  it("works on the main chunk", function()
    local sum = 0
    assert.equal("ok", ms.group(function(g)
      for i = 1, 3 do
        g:spawn(function() ms.sleep(0.001) sum = sum + i end)
      end
      return "ok"
    end))
    assert.equal(6, sum)
  end)

  it("in a foreign coroutine raises before anything is started", task(function()
    local called = false
    local _, err = coroutine.resume(coroutine.create(function()
      ms.group(function() called = true end)
    end))
    assert.matches("not a task", err)
    ms.sleep(0.001)
    assert.is_false(called)
  end))
end)

describe("with_timeout", function()
  after_each(helper.check_leaks)

  it("gives results, nil among them", task(function()
    assert.same({ nil, 2, n = 2 }, table.pack(ms.with_timeout(60, function(...) return ... end,
      nil, 2)))
  end))

  it("raises what the function raises", task(function()
    assert.equal("boom", failure(ms.with_timeout, 60, error, "boom", 0))
  end))

  it("gives nil and a timeout, whatever the function swallowed", task(function()
    local swallowed
    local seconds = helper.seconds(0.02)
    local result, err = ms.with_timeout(seconds, function()
      swallowed = sleep_on(60).kind
      return "too late"
    end)
    assert.equal("cancelled", swallowed)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.matches(("%g s"):format(seconds), err.message)
    assert.is_true(err.retryable)
  end))

  it("nests: the outer one ends the inner one", task(function()
    local inner_result = "untouched"
    local _, err = ms.with_timeout(0.005, function()
      inner_result = ms.with_timeout(60, ms.sleep, 60)
    end)
    assert.equal("timeout", err.kind)
    assert.matches("0.005", err.message)
    assert.equal("untouched", inner_result)
  end))

  it("nests: the inner one leaves the outer one alone", task(function()
    local result = ms.with_timeout(60, function()
      local _, err = ms.with_timeout(0.005, ms.sleep, 60)
      return err.kind
    end)
    assert.equal("timeout", result)
  end))

  it("reaches a task that swallowed an inner timeout and goes on", task(function()
    local rounds = 0
    ms.with_timeout(helper.seconds(0.03), function()
      ms.with_timeout(0.005, function()
        while rounds < 2 do
          sleep_on(60)
          rounds = rounds + 1
        end
      end)
    end)
    assert.equal(2, rounds)
  end))

  it("of nothing lets no time pass, but a turn", task(function()
    assert.equal("timeout", helper.err_of(ms.with_timeout(0, ms.sleep, 60)).kind)
  end))

  it("takes seconds only", task(function()
    assert.matches('with_timeout: seconds expected, got "x"', failure(ms.with_timeout, "x", print))
    assert.matches("with_timeout: seconds", failure(ms.with_timeout, 0 / 0, print))
  end))

  it("leaves no timer behind", task(function()
    local _, before = scheduler.pending()
    ms.with_timeout(60, function() end)
    pcall(ms.with_timeout, 60, error)
    local _, after = scheduler.pending()
    assert.equal(before, after)
  end))
end)

describe("on a mock's clock", function()
  after_each(helper.check_leaks)

  local SLOW = { routes = {
    { url = "/slow", reply = { delay = 4, body = "slow" } },
    { url = "/stalls", reply = { body = { "some", math.huge } } },
    { url = "/down", reply = { status = 503 } }, { reply = {} },
  } }

  -- That `fn` takes exactly so long. @return what it returned
  local function lasts(seconds, fn, ...)
    local began = ms.now()
    local results = table.pack(fn(...))
    assert.equal(seconds, ms.now() - began)
    return table.unpack(results, 1, results.n)
  end

  it("with_timeout ends at its time, or with its function", simulated(nil, function()
    for _, seconds in ipairs({ 0.5, 1, 60, 86400, 1e6 }) do
      assert.equal("done", lasts(seconds, ms.with_timeout, seconds + 0.5, function()
        ms.sleep(seconds)
        return "done"
      end))
      local result, err = lasts(seconds, ms.with_timeout, seconds, ms.sleep, seconds + 0.5)
      assert.same({ nil, "timeout", ("not done after %g s"):format(seconds), true },
        { result, err.kind, err.message, err.retryable })
    end
    assert.equal("timeout", select(2, lasts(0, ms.with_timeout, 0, ms.sleep, 9)).kind)
    assert.equal("done", lasts(9, ms.with_timeout, math.huge, function()
      ms.sleep(9)
      return "done"
    end))
  end))

  it("with_timeout waits for who tidies up, and for all that was spawned in it", simulated(nil,
    function()
    local ends = {}
    local began = ms.now()
    local _, err = lasts(8, ms.with_timeout, 5, function()
      for i = 1, 3 do
        ms.spawn(function()
          sleep_on(i == 1 and 2 or 60)
          ends[#ends + 1] = ("%d cut %g"):format(i, ms.now() - began)
          ms.sleep(i)
          ends[#ends + 1] = ("%d ended %g"):format(i, ms.now() - began)
        end)
      end
      return "returned"
    end)
    assert.equal("timeout", err.kind)
    assert.same({ "1 cut 2", "1 ended 3", "2 cut 5", "3 cut 5", "2 ended 7", "3 ended 8" }, ends)
    assert.equal("returned", lasts(3, ms.with_timeout, 5, function()
      ms.spawn(ms.sleep, 3)
      return "returned"
    end))
  end))

  it("with_timeout nests: the nearest one ends what is in it", simulated(nil, function()
    for _, case in ipairs({
      { 5, 10, 5, "outer 5" }, { 10, 5, 8, "inner 5" }, { 7, 5, 7, "outer 7" },
      { 5, 5, 5, "outer 5" },                          -- that began before
    }) do
      local inner_err
      local result, err = lasts(case[3], ms.with_timeout, case[1], function()
        local _
        _, inner_err = ms.with_timeout(case[2], ms.sleep, 60)
        ms.sleep(3)
        return "went on"
      end)
      local who = result and "inner " .. inner_err.message:match("%d+")
        or "outer " .. err.message:match("%d+")
      assert.equal(case[4], who)
    end
  end))

  it("groups end with their first failure, when that is tidied up", simulated(nil, function()
    local cut
    local began = ms.now()
    assert.equal("boom", lasts(5, function()
      return failure(ms.group, function(group)
        group:spawn(function()
          sleep_on(60)
          cut = ms.now() - began
          ms.sleep(2)
        end)
        group:spawn(function()
          ms.sleep(3)
          error("boom", 0)
        end)
        group:spawn(ms.sleep, 1)
      end)
    end))
    assert.equal(3, cut)
    local _, err = lasts(4, ms.with_timeout, 4, ms.group, function(group)
      group:spawn(ms.sleep, 60)
      group:spawn(ms.sleep, 1)
      ms.sleep(2)
    end)
    assert.equal("timeout", err.kind)
  end))

  it("with_timeout ends requests wherever they are, and theirs end before it", simulated(SLOW,
    function(mock)
    local URL = "https://h.example"
    local client = ms.client({ agent = mock, retry = { limit = 9, backoff = function()
      return 10
    end } })
    local function get(path, options)
      local response, err = client:get(URL .. path, options)
      if response then
        response, err = response:text()
      end
      return response, err
    end
    local rule = { throttle = { limit = 1, per = 100 } }
    get("/", rule)
    for _, case in ipairs({ { "/slow" }, { "/stalls" }, { "/down" }, { "/", rule } }) do
      local _, err = lasts(3, ms.with_timeout, 3, get, case[1], case[2])
      assert.same({ "timeout", "not done after 3 s" }, { err.kind, err.message }, case[1])
    end
    for _, limits in ipairs({ 2, { total = 2 }, { attempt = 2, total = 11 } }) do
      local _, err = lasts(2, ms.with_timeout, 3, get, "/slow", { timeout = limits })
      assert.truthy(err.message:find("after 2 s (timeout.total)", 1, true)
        or err.message:find("within 2 s (timeout.attempt)", 1, true), err.message)
    end
    assert.equal("slow", lasts(4, ms.with_timeout, 4.5, get, "/slow"))
    local calls = #mock:calls()
    lasts(25, ms.with_timeout, 25, get, "/down")
    assert.equal(3, #mock:calls() - calls)
    ms.sleep(100)                                      -- and nothing of it goes on
    assert.equal(3, #mock:calls() - calls)
    -- A list, too: what was there in time is lost with the rest.
    local _, err = lasts(6, ms.with_timeout, 6, client.map, client, { URL .. "/slow", URL .. "/",
      URL .. "/stalls" })
    assert.equal("timeout", err.kind)
    client:close()
  end))
end)
