-- The client of script/websocket-suite: client.lua URL INDEX. It takes each case of the
-- fuzzing server at URL, sends back what comes, and counts what the server writes into the
-- file INDEX.
local ms = require("multisock")

local base, index = arg[1], arg[2]
local AGENT = "multisock"
local STARTING = 30                    -- seconds that the server may take

local function case_count()
  local give_up = os.time() + STARTING
  while true do
    local ws, err = ms.websocket(base .. "/getCaseCount")
    if ws then
      local count = tonumber((ms.assert(ws:receive())))
      ws:close()
      return count
    elseif err.kind ~= "connect" or os.time() > give_up then
      error(err, 0)
    end
    ms.sleep(0.1)
  end
end

local function run_case(number)
  local ws = ms.assert(ms.websocket(("%s/runCase?case=%d&agent=%s"):format(base, number, AGENT)))
  repeat
    local data, kind = ws:receive()
  until data == nil or not ws:send(data, kind)
  ws:close()
end

-- Returns when the reports are written: it says so with a close.
local function write_reports()
  local ws = ms.assert(ms.websocket(("%s/updateReports?agent=%s"):format(base, AGENT)))
  ws:receive()
  ws:close()
end

---- Counting ---------------------------------------------------------------------------

-- What counts as a failure, of a case and of how its connection was closed.
local FAILURES = {
  FAILED = true, UNCLEAN = true, ["WRONG CODE"] = true, ["FAILED BY CLIENT"] = true,
}
local PASSES = { OK = true, INFORMATIONAL = true }

local function number_of(case)
  local number = 0
  for part in (case .. ".0"):gsub("^(%d+%.%d+%.%d+).*", "%1"):gmatch("%d+") do
    number = number * 1000 + tonumber(part)
  end
  return number
end

local function sorted_cases(results)
  local cases = {}
  for case in pairs(results) do
    cases[#cases + 1] = case
  end
  table.sort(cases, function(a, b) return number_of(a) < number_of(b) end)
  return cases
end

local function count(results)
  local counts, order, failed = {}, {}, false
  for _, case in ipairs(sorted_cases(results)) do
    local told = results[case]
    local verdict, closing = told.behavior, told.behaviorClose
    if not counts[verdict] then
      counts[verdict] = 0
      order[#order + 1] = verdict
    end
    counts[verdict] = counts[verdict] + 1
    failed = failed or FAILURES[verdict] or FAILURES[closing]
    if verdict ~= "UNIMPLEMENTED" and not (PASSES[verdict] and PASSES[closing]) then
      print(("%-8s %s, closing %s"):format(case, verdict, closing))
    end
  end
  for i, verdict in ipairs(order) do
    order[i] = ("%d %s"):format(counts[verdict], verdict)
  end
  print(table.concat(order, ", "))
  return not failed and #order > 0
end

ms.run(function()
  for number = 1, case_count() do
    run_case(number)
  end
  write_reports()
end)
local file = assert(io.open(index, "rb"))
local results = ms.assert(ms.json.decode(file:read("*a")))
file:close()
os.exit(count(results[AGENT]))
