-- The output handler that the scripts give to busted: what its own handler
-- prints, and at the very end the counts, in the file named by MULTISOCK_RESULT,
-- with a line for each spec that failed: where it is, its name, and what it found.

local busted = require("busted")
local terminal = require("term").isatty(io.stdout)

return function(options)
  local name = "busted.outputHandlers." .. (terminal and "utfTerminal" or "plainTerminal")
  local handler = require(name)(options)
  local passed, failed, skipped = 0, 0, 0
  local lines = {}

  -- In one line, and no longer than a person reads at the end of a run.
  local function brief(text)
    return (tostring(text):gsub("[%s%c]+", " "):sub(1, 400))
  end

  local function note(list)
    for _, one in ipairs(list) do
      local trace = one.trace or one.element.trace or {}
      local found = brief(one.message):gsub("^%S+:%d+: ", "")
      lines[#lines + 1] = ("%s:%s: %s: %s"):format(trace.short_src or "",
        trace.currentline or "", brief(one.name or ""), found)
    end
  end

  -- With --repeat the handler forgets its counts after each round.
  busted.subscribe({ "suite", "end" }, function()
    passed = passed + handler.successesCount
    failed = failed + handler.failuresCount + handler.errorsCount
    skipped = skipped + handler.pendingsCount
    note(handler.failures)
    note(handler.errors)
    return nil, true
  end)

  busted.subscribe({ "exit" }, function()
    local file = assert(io.open(assert(os.getenv("MULTISOCK_RESULT")), "w"))
    assert(file:write(("%d %d %d\n"):format(passed, failed, skipped)))
    for _, line in ipairs(lines) do
      assert(file:write(line, "\n"))
    end
    assert(file:close())
    return nil, true
  end)

  return handler
end
