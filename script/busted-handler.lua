-- The output handler that the scripts give to busted: what its own handler
-- prints, and at the very end the counts, in the file named by MULTISOCK_RESULT.
-- On a terminal a line tells how far it is, in place of a dot for each spec.

local busted = require("busted")
local terminal = require("term").isatty(io.stdout)

---- How far it is ---------------------------------------------------------------

-- Specs that a file seems to have: loops make more of some.
local function count_specs(path)
  local file, count = io.open(path), 0
  if file then
    for _ in file:read("*a"):gmatch("\n%s+it%(") do
      count = count + 1
    end
    file:close()
  end
  return math.max(count, 1)
end

-- The same for all files that the command line names.
local function count_all()
  local words = {}
  for _, word in ipairs(arg) do
    words[#words + 1] = (word:find("^spec") or word:find("^lcurl/spec")) and word or nil
  end
  local where = words[1] and table.concat(words, " ") or "spec lcurl/spec"
  local pipe = assert(io.popen("find " .. where .. " -name '*_spec.lua' 2>/dev/null"))
  local total = 0
  for path in pipe:lines() do
    total = total + count_specs(path)
  end
  pipe:close()
  return math.max(total, 1)
end

local function duration(seconds)
  return ("%d:%02d"):format(math.floor(seconds / 60), math.floor(seconds % 60))
end

-- Draws a line over the one before.
local function watch()
  local started, expected = os.time(), count_all()
  local behind, current, done, failed, name = 0, 1, 0, 0, ""
  local in_file, shown = 0, 0

  local function draw()
    if os.time() == shown then
      return
    end
    shown = os.time()
    local seen = behind + math.min(in_file, current)
    local elapsed, ahead = shown - started, expected - seen
    io.write(("\r\27[K%d of about %d specs, %d failed, %s  %s"):format(done, done + ahead, failed,
      seen > 0 and duration(elapsed * ahead / seen) .. " left" or "...", name))
    io.flush()
  end

  busted.subscribe({ "file", "start" }, function(file)
    name, current, in_file = file.name, count_specs(file.name), 0
    draw()
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function(_, _, status)
    done, in_file = done + 1, in_file + 1
    failed = failed + ((status == "failure" or status == "error") and 1 or 0)
    draw()
    return nil, true
  end)
  busted.subscribe({ "file", "end" }, function()
    behind, in_file, current = behind + current, 0, 0
    return nil, true
  end)
  busted.subscribe({ "suite", "end" }, function()
    io.write("\r\27[K")
    return nil, true
  end)
end

---- The handler -----------------------------------------------------------------

return function(options)
  local name = "busted.outputHandlers." .. (terminal and "utfTerminal" or "plainTerminal")
  options.deferPrint = options.deferPrint or terminal        -- no dots
  if terminal then
    watch()
  end
  local handler = require(name)(options)
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
