-- A sample of the fault matrix, the same in each run: every misbehaviour of the
-- hostile server once. All of it: script/faults. What the cells are, and what is
-- right: spec/faults/tables/ and docs/reliability.md.
local cells = require("spec.faults.cells")
local helper = require("spec.helper")
local hostile = require("spec.faults.server")
local run = require("spec.faults.run")

describe("the fault matrix", function()
  local server

  setup(function()
    server = hostile.start()
  end)
  teardown(function()
    server:stop()
  end)
  -- Each cell looks for leaks by itself.

  for _, cell in ipairs(cells.sample()) do
    it(("holds: %s is %s"):format(cell.name, cell.expected), function()
      local result, why = run.cell(cell, server)
      if result == "skipped" then
        pending(why)
      elseif result == "failed" then
        error(why, 0)
      end
    end)
  end

  it("has a fault of the server for each row of its tables, and the other way round", function()
    local rows = {}
    for _, cell in ipairs(cells.all()) do
      assert(server:has(cell.fault, cell.transport), cell.name .. ": the server has no such fault")
      rows[cell.fault] = true
    end
    local unused = {}
    for _, names in ipairs({ server.known["1"], server.known["2"], server.ports }) do
      for name in pairs(names) do
        unused[#unused + 1] = not rows[name] and name ~= "good" and name or nil
      end
    end
    table.sort(unused)
    assert.equal("", table.concat(unused, " "))
  end)

  it("has no mistakes of its own to tell of", function()
    assert.equal("", server:complaints())
  end)

  it("fails where something is not as it should be", function()
    local function why(row, consumer)
      local cell = {
        fault = row[1], transport = "http", consumer = consumer or "save", row = row,
        is_upload = false, name = row[1], family = "none", expected = row[3],
      }
      local result, reason = run.cell(cell, server)
      assert.equal("failed", result, ("%s: %s"):format(row[1], reason or "no reason"))
      return reason
    end
    assert.matches("^ok instead of closed", why({ "plain", "", "closed" }))
    assert.matches("^closed instead of ok", why({ "close-in-body", "", "ok" }))
    assert.matches("wrong body of 3200 bytes", why({ "plain", "", "ok", body = "another" }))
    assert.matches("^before the error came bytes", why({ "close-in-body", "", "closed",
      body = "another" }, "chunks"))
    assert.matches("^the check has failed", why({ "plain", "", "ok",
      check = function() return "the check has failed" end }))
    assert.equal("the server saw the request 1 times", why({ "plain", "", "ok", seen = 0 }))
    if helper.timing_is_real then
      assert.matches("^took 0%.%d s, not 0%.01", why({ "late-answer", "", "ok", seconds = 0.01 }))
      assert.matches("^took %d+ MiB of memory, not %-9", why({ "plain", "", "ok", memory = -9 }))
      assert.matches("^the loop stood for 1?[0-9]%d ms", why({ "plain", "", "ok",
        check = function()
          local ended = os.clock() + 0.08
          repeat until os.clock() > ended
        end }))
    end
  end)
end)
