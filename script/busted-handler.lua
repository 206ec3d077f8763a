-- The output handler that the scripts give to busted: what its own handler
-- prints, and at the very end the counts, in the file named by MULTISOCK_RESULT.

local busted = require("busted")
local color = require("term").isatty(io.stdout) and "utfTerminal" or "plainTerminal"

return function(options)
  local handler = require("busted.outputHandlers." .. color)(options)
  local passed, failed, skipped = 0, 0, 0

  -- With --repeat the handler forgets its counts after each round.
  busted.subscribe({ "suite", "end" }, function()
    passed = passed + handler.successesCount
    failed = failed + handler.failuresCount + handler.errorsCount
    skipped = skipped + handler.pendingsCount
    return nil, true
  end)

  busted.subscribe({ "exit" }, function()
    local file = assert(io.open(assert(os.getenv("MULTISOCK_RESULT")), "w"))
    assert(file:write(("%d %d %d\n"):format(passed, failed, skipped)))
    assert(file:close())
    return nil, true
  end)

  return handler
end
