-- mock:run with a clock that the program moves by hand, and what may not be done with either.
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")

local failure, logged = helper.failure, mocked.logged

describe("the manual clock of a mock", function()
  after_each(helper.check_leaks)

  it("moves by hand", function()
    assert.same({
      "tick 1 1.000", "tick 2 2.000", "moved 2.500", "tick 3 3.000", "moved 3.000", "moved 3.000",
      "tick 4 4.000", "after 4.000", "moved 10.000",
    }, logged(function(mock, log)
      ms.spawn(function()
        for i = 1, 4 do
          ms.sleep(1)
          log("tick " .. i)
        end
        ms.sleep(0)
        log("after")
      end)
      for _, seconds in ipairs({ 2.5, 0.5, 0, 7 }) do
        mock:advance(seconds)
        log("moved")
      end
    end, { clock = "manual" }))
  end)

  it("moves for several at once, as far as each says", function()
    assert.same({ "short 1.000", "slept 2.000", "long 3.000" }, logged(function(mock, log)
      local stopped = ms.spawn(mock.advance, mock, 100)
      ms.group(function(group)
        group:spawn(function() mock:advance(3) log("long") end)
        group:spawn(function() mock:advance(1) log("short") stopped:cancel() end)
        group:spawn(function() ms.sleep(2) log("slept") end)
      end)
    end, { clock = "manual" }))
  end)

  it("says that nobody moves it", helper.of_loop(function()
    local mock = ms.mock({ clock = "manual" })
    for _ = 1, 2 do
      local cleaned
      local err = failure(mock.run, mock, function()
        local _, why = pcall(ms.sleep, 10)
        ms.sleep(1)                 -- who tidies up may take time
        cleaned = true
        error(why, 0)
      end)
      assert.truthy(tostring(err):find("every task waits for a time, and the clock is manual", 1,
        true), tostring(err))
      assert.is_true(cleaned)
    end
  end))

  it("has its mistakes named", function()
    local function check(words, fn, ...)
      local err = failure(fn, ...)
      assert.truthy(err:find(words, 1, true), err)
    end
    local mock, manual = ms.mock(), ms.mock({ clock = "manual" })
    check("mock: clock: \"virtual\" or \"manual\" expected, got \"real\"", ms.mock,
      { clock = "real" })
    check("mock:run: function expected, got nil", mock.run, mock)
    check("mock.run was called with a dot", mock.run, print)
    check("mock:run: the loop is running already", ms.run, mock.run, mock, print)
    check("mock:run: the loop is running already", mock.run, mock, manual.run, manual, print)
    check("run: the loop is running already", mock.run, mock, ms.run, print)
    check("advance: mock:run of this mock does not run", manual.advance, manual, 1)
    check("advance: mock:run of this mock does not run", mock.run, mock, manual.advance, manual, 1)
    check("advance: the clock is virtual", mock.run, mock, mock.advance, mock, 1)
    check("advance: seconds of 0 or more expected, got -1", manual.advance, manual, -1)
    check("advance: seconds of 0 or more expected, got nil", manual.advance, manual)
    check("multisock cannot wait here", manual.run, manual, function()
      coroutine.wrap(function() manual:advance(1) end)()
    end)
  end)
end)
