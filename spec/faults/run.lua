-- Runs one cell of the matrix: a good request, the fault, a good request again, all
-- by one client, while a task ticks. Tells what was not as it should be.
local cells = require("spec.faults.cells")
local consumers = require("spec.faults.consumers")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local helper = require("spec.helper")
local ms = require("multisock")

local run = {}

local TICK = 0.005
local TOTAL = 4            -- ends what should have ended by itself
local TRIES = 5            -- of a cell whose loop or clock was late: machines are busy
local UP = 100000          -- bytes of an upload

local next_id = 0

-- The beginning of a text, fit for a line of output.
local function shown(text)
  return (text or ""):sub(1, 60):gsub("[^%w%p ]", ".")
end

-- MiB of resident memory now, and the most since `forget_peak`.
local function memory()
  local file = assert(io.open("/proc/self/status"))
  local text = file:read("*a")
  file:close()
  return tonumber(text:match("VmRSS:%s*(%d+)")) / 1024,
    tonumber(text:match("VmHWM:%s*(%d+)")) / 1024
end

local function forget_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if file then
    file:write("5")
    file:close()
  end
end

-- The longest time that the loop took for a turn.
local function watch_gaps(trial)
  trial.gap = 0
  local last = helper.own_time()
  while true do
    ms.sleep(TICK)
    local now = helper.own_time()
    trial.gap = math.max(trial.gap, now - last - TICK)
    last = now
  end
end

local function merge(into, more)
  for name, value in pairs(more or {}) do
    if type(value) == "table" and type(into[name]) == "table" then
      merge(into[name], value)
    else
      into[name] = type(value) == "table" and merge({}, value) or value
    end
  end
  return into
end

-- A request that must get its own answer; what the server says about `of`.
local function good(trial, when, of)
  next_id = next_id + 1
  local id = ("n%d"):format(next_id)
  local url, options = trial.server:address("good", trial.cell.transport,
    ("id=%s&of=%s"):format(id, of or ""))
  options.timeout = helper.seconds(TOTAL)
  local response, err = trial.client:get(url, options)
  local text
  if response then
    text, err = response:text()
  end
  if not text then
    return nil, ("the good request %s: %s: %s"):format(when, err.kind, tostring(err))
  end
  local whose, seen, upload, cookie =
    text:match("^good (%S+) seen (%d+) upload (%S+) cookie ([^\n]*)\n$")
  if whose ~= id or response.status ~= 200 then
    return nil, ("the good request %s has another's answer: %d %s"):format(when, response.status,
      shown(text))
  end
  return { seen = tonumber(seen), upload = upload, cookie = cookie }
end

-- ---- What came of it, as a word of the tables ----

local function right_body(cell, got, body)
  if cell.row.zeros then
    return got.size == cell.row.zeros and not (got.head or ""):find("[^%z]")
  end
  body = body or cell.row.body or cells.BODY
  return got.size == #body and (got.head or "") == body
end

local function outcome(cell, got)
  if got.err then
    return got.err.kind or "raised: " .. tostring(got.err)
  elseif got.stopped then
    return "stopped"
  end
  local status = got.response.status
  got.size = got.size or 0
  if (got.head or ""):find("^good moved[ ,]") and status == 200 then
    return "moved"
  elseif right_body(cell, got) then
    return status == 200 and "ok" or tostring(status)
  end
  for name, value in pairs(cell.row.values or {}) do
    if status == value[1] and right_body(cell, got, value[2]) then
      return name
    end
  end
  if cell.row.raw and status == 200 then
    return "raw"
  end
  return ("%d with a wrong body of %d bytes: %s"):format(status, got.size, shown(got.head))
end

local function is_one_of(word, list)
  for each in list:gmatch("[%w_]+") do
    if each == word and each ~= "or" then
      return true
    end
  end
  return false
end

local PHASES = "queue resolve connect tls send wait receive"

-- What an error has to be, whatever happened.
local function check_error(err)
  if not errors.is(err) then
    return "no error object: " .. tostring(err)
  elseif type(err.message) ~= "string" or #err.message == 0 or #err.message > 2000 then
    return "a message of odd length: " .. tostring(err.message):sub(1, 100)
  elseif tostring(err):find("%c") then
    return ("control characters in the message: %q"):format(tostring(err))
  elseif err.phase ~= nil and not is_one_of(err.phase, PHASES) then
    return "an odd phase: " .. tostring(err.phase)
  end
end

-- What came before an error is a part of the body: nothing else may be shown.
local function check_part(cell, got)
  local body = cell.row.body or cells.BODY
  local head = got.head or ""
  if cell.row.zeros or cell.row.enough or cell.row.forged then
    return
  elseif cell.consumer == "lines" then
    head = head:sub(1, -2)
  end
  if head ~= body:sub(1, #head) then
    return ("before the error came bytes of something else: %s"):format(shown(head))
  end
end

local function check(cell, got)
  local word = outcome(cell, got)
  if not is_one_of(word, cell.expected) then
    return ("%s instead of %s%s"):format(word, cell.expected,
      got.err and ": " .. tostring(got.err) or "")
  elseif got.odd then
    return got.odd
  elseif got.err then
    return check_error(got.err) or (got.response and check_part(cell, got)) or nil
  end
  return word == "ok" and cell.row.check and cell.row.check(got.response) or nil
end

-- What the server saw: nothing twice, nothing changed, no cookie back. Who was
-- refused early may end the body early: an answer that accepts it needs all.
local function check_seen(cell, seen, accepted)
  local most = cell.row.seen or (cell.row.again and not cell.is_upload and 2) or 1
  if seen.seen > most then
    return ("the server saw the request %d times"):format(seen.seen)
  elseif seen.upload:find("^wrong%-bytes") or seen.upload:find("^wrong") and accepted then
    return "the server got other bytes than were sent: " .. seen.upload
  elseif seen.cookie ~= "none" then
    return "a cookie was sent back: " .. seen.cookie
  end
end

-- ---- A trial ----

-- Others that use the same client meanwhile get their own answer, or an end.
local function load(trial, tasks)
  for i = 1, trial.cell.row.load or 0 do
    tasks[i] = ms.spawn(function()
      local id = ("%s-%d"):format(trial.id, i)
      local url, options = trial.server:address("late-answer", trial.cell.transport, "id=" .. id)
      local response, err = trial.client:get(url, options)
      local text
      if response then
        text, err = response:text()
      end
      if text and text ~= cells.BODY then
        return "a request beside it has a wrong body"
      elseif err and not is_one_of(err.kind, "closed or connect or proxy or tls") then
        return "a request beside it: " .. tostring(err)
      end
    end)
  end
end

local function body_of(trial)
  local cell = trial.cell
  local _, why = good(trial, "before")
  if why then
    return why
  end
  local query = ("id=%s&up=%d"):format(trial.id, cell.is_upload and cell.up or 0)
  local url, options = trial.server:address(cell.fault, cell.transport, query)
  options.timeout = { total = TOTAL }
  merge(options, cell.row.options)
  if options.timeout.total then
    options.timeout.total = helper.seconds(options.timeout.total)
  end
  local tasks = {}
  load(trial, tasks)
  local start = helper.own_time()
  local got = consumers.run(cell, trial.client, url, options, trial.server.folder)
  trial.seconds = helper.own_time() - start
  why = check(cell, got)
  if got.response then
    got.response:close()
  end
  for _, task in ipairs(tasks) do
    local beside = task:await()
    why = why or beside
  end
  if cell.row.settle then
    trial.server:await(trial.id, cell.transport)
  end
  if cell.row.stuck then
    return why
  end
  local seen, after = good(trial, "after it", trial.id)
  return why or after or check_seen(cell, seen, got.response and got.response.ok)
end

-- After the client is closed nothing may be left: here, and at the server.
local function check_left(trial)
  trial.client:close()
  local ok, err = pcall(helper.check_leaks)
  if not ok then
    return tostring(err)
  end
  local deadline, open = os.time() + 5, trial.server:open()
  while open > trial.open and os.time() < deadline do
    ms.run(ms.sleep, TICK)
    open = trial.server:open()
  end
  return open > trial.open and ("%d connections are still open"):format(open - trial.open) or nil
end

-- Late, by the clock or the loop: what a busy machine can be blamed for.
local function lateness(trial)
  local limit = trial.cell.row.seconds or cells.SECONDS
  if not helper.timing_is_real then
    return
  elseif (trial.seconds or 0) > limit then
    return ("took %.1f s, not %g"):format(trial.seconds, limit)
  elseif trial.gap > (trial.cell.row.gap or cells.MOST_GAP) then
    return ("the loop stood for %.0f ms"):format(trial.gap * 1000)
  end
end

local function check_memory(trial, before)
  local _, peak = memory()
  trial.growth = peak - before
  local limit = trial.cell.row.memory or cells.MEMORY
  -- The sanitizers and valgrind keep what was freed.
  if helper.timing_is_real and trial.growth > limit then
    return ("took %.0f MiB of memory, not %d"):format(trial.growth, limit)
  end
end

local function try(cell, server)
  next_id = next_id + 1
  local trial = { cell = cell, server = server, id = "f" .. next_id }
  cell.up = cell.row.up or UP
  forget_peak()
  trial.open = server:open()
  local before = memory()
  local ok, why = pcall(ms.run, function()
    trial.client = ms.client({})
    local ticker = ms.spawn(watch_gaps, trial)
    local done, reason = ms.spawn(body_of, trial):join()
    ticker:cancel()
    ticker:join()
    return done and reason or not done and "raised: " .. tostring(reason) or nil
  end)
  if not ok then
    why = "raised: " .. tostring(why)
  end
  local grown = check_memory(trial, before)
  trial.why = why or check_left(trial) or grown
  trial.late = lateness(trial)
  return trial
end

--- Runs a cell: "passed", "failed" (and why) or "skipped" (and why), and the trial.
function run.cell(cell, server)
  local reason = consumers.cannot(cell.consumer)
    or cells.cannot(cell, core.version().curl_number) or run.lacks(cell)
  if reason then
    return "skipped", reason
  elseif not server:has(cell.fault, cell.transport) then
    return "failed", "the server does not know this fault"
  end
  local trial
  for _ = 1, TRIES do
    trial = try(cell, server)
    if trial.why or not trial.late then
      break
    end
  end
  local why = trial.why or trial.late
  return why and "failed" or "passed", why, trial
end

--- Why this build cannot do a cell, or nil: it may lack br or zstd.
function run.lacks(cell)
  local needs = cell.row.needs
  if needs == nil then
    return nil
  end
  local names = { br = "brotli", zstd = "zstd" }
  return not core.version().features[names[needs]]
    and ("this build has no %s"):format(names[needs]) or nil
end

return run
