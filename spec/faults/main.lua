-- The matrix from the command line: see script/faults, which starts this again
-- behind a cell that has ended the process.
local cells = require("spec.faults.cells")
local run = require("spec.faults.run")
local hostile = require("spec.faults.server")

-- main.lua STATE FROM STEP SAMPLE FAULT CONSUMER TRANSPORT LIST: STATE is a file that
-- gets "number name" before each cell and "done" at the end, STATE.counts a line with
-- the result of each; FROM is the first cell, and STEP - 1 of each STEP behind it are
-- other processes'; SAMPLE is "1" for those of the specs.
local state, first, step, sample, fault, consumer, transport, listing = ...
first, step = tonumber(first), tonumber(step)

local function wanted(cell)
  return (fault == "" or cell.fault:find(fault, 1, true) or cell.family == fault)
    and (consumer == "" or cells.is(cell, consumer))
    and (transport == "" or cells.is(cell, transport))
end

local list = {}
for _, cell in ipairs(sample == "1" and cells.sample() or cells.all()) do
  if wanted(cell) then
    list[#list + 1] = cell
  end
end

local function put(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  file:close()
end

local terminal = require("term").isatty(io.stderr)
local function progress(i, cell)
  if terminal then
    io.stderr:write(("\r\27[K%d of %d  %s"):format(i, #list, cell.name))
  elseif i % 500 == 0 then
    io.stderr:write(("%d of %d\n"):format(i, #list))
  end
end

if listing == "list" then
  for _, cell in ipairs(list) do
    print(("%-50s %s"):format(cell.name, cell.expected))
  end
  put(state, "done")
  return
end

local server = hostile.start()
for i = first, #list, step do
  local cell = list[i]
  put(state, ("%d %s"):format(i, cell.name))
  progress(i, cell)
  local result, why, trial = run.cell(cell, server)
  if result == "failed" then
    if terminal then
      io.stderr:write("\r\27[K")
    end
    print(("FAILED %s: %s"):format(cell.name, why))
    io.stdout:flush()
  end
  local counts = assert(io.open(state .. ".counts", "a"))
  counts:write(result, result == "skipped" and " " .. why or "", "\n")
  counts:close()
  if os.getenv("FAULTS_TIMES") and trial then
    print(("TIME %-50s %.3f s, gap %.1f ms, %.1f MiB"):format(cell.name, trial.seconds or 0,
      trial.gap * 1000, trial.growth))
  end
end
if terminal then
  io.stderr:write("\r\27[K")
end
local complaints = server:complaints()
if complaints ~= "" then
  print("The server says:\n" .. complaints)
end
server:stop()
put(state, "done")
