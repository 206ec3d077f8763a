-- Writes docs/reliability.md from the tables: what a server can do to a request, and
-- what comes of it. script/docs calls it.
local cells = require("spec.faults.cells")

local page = {}

local INTRO = [[
# What a server cannot do to you

<!-- Written by script/docs from spec/faults/tables/. -->

A hostile server misbehaves in each of the ways below, and a program reads from it and writes to
it in each way that there is: that is the fault matrix. Each cell of it is a good request, the
fault, and a good request again, by one client, and passes when

- the outcome is one of those in the table: `ok` is the whole right body, a number that status with
  its body, a word the `kind` of the error ([errors.md](errors.md)), `moved` the answer at the end
  of a redirect, `stopped` a reader that has had enough, `raw` the coded bytes as they came,
- what was read before an error is the beginning of the right body, and nothing else,
- it was in time (%d s, unless its row allows more), and the loop never stood for more than %d ms,
  which a task measures that ticks all the while,
- the process took no more than %d MiB of memory for it, unless the row says otherwise,
- the server saw the request once; twice only when it may be repeated and no byte of an answer had
  come, or as often as its row says; and no other bytes than were sent,
- the good request after it got its own answer,
- nothing was left: no task, timer, transfer or connection.

Where a row says so, a POST may be seen twice, too: a kept HTTP/2 connection that libcurl gives up
for its frames looks like one where the server has refused the stream, and what was refused may be
sent again, whatever it was.

The readers and writers are
%s;
the last three upload, and read the answer with `text`. The transports are `http`, `tls` (HTTP/1.1
over TLS), `h2` (HTTP/2 over TLS), `proxy` (HTTP/1.1 through a proxy that is hostile, or stands
before an origin that is) and `tunnel` (TLS through CONNECT).

`script/faults` runs all cells in about ten minutes, `script/faults --help` says how to choose, and
how to run them under AddressSanitizer and UBSan or valgrind, which find nothing. The specs run a
sample that is the same each time: every fault once.
]]

local function count(list, what)
  local counts, order = {}, {}
  for _, cell in ipairs(list) do
    local key = cell[what]
    if not counts[key] then
      counts[key] = 0
      order[#order + 1] = key
    end
    counts[key] = counts[key] + 1
  end
  return counts, order
end

local function thousands(number)
  return (tostring(number):gsub("(%d)(%d%d%d)$", "%1,%2"))
end

-- What a libcurl cannot do: counts by reason.
local function limits(lines, all)
  lines[#lines + 1] = "| | libcurl 7.88.1 (Debian 12) | libcurl 8.14.1 (Debian 13) |\n|---|---|---|"
  local versions = { 0x075801, 0x080e01 }
  local reasons, order, run = {}, {}, { #all, #all }
  for _, cell in ipairs(all) do
    for i, version in ipairs(versions) do
      local reason = cells.cannot(cell, version)
      if reason then
        if not reasons[reason] then
          reasons[reason] = { 0, 0 }
          order[#order + 1] = reason
        end
        reasons[reason][i] = reasons[reason][i] + 1
        run[i] = run[i] - 1
      end
    end
  end
  lines[#lines + 1] = ("| cells that are run | %s | %s |"):format(thousands(run[1]),
    thousands(run[2]))
  for _, reason in ipairs(order) do
    lines[#lines + 1] = ("| not run: %s | %s | %s |"):format(reason, thousands(reasons[reason][1]),
      thousands(reasons[reason][2]))
  end
end

local function escape(text)
  return (text:gsub("|", "\\|"))
end

-- What a row may take more than others.
local function allowances(row)
  local text = ""
  for _, allowance in ipairs({
    { row.seconds, "in %g s" }, { row.memory, "in %d MiB" },
    { row.gap and row.gap * 1000, "the loop may stand for %g ms" },
    { row.seen, "seen up to %d times" },
  }) do
    if allowance[1] then
      text = text .. "; " .. allowance[2]:format(allowance[1])
    end
  end
  return text
end

local function right(row)
  local text = row[3]
  for _, exception in ipairs(row.but or {}) do
    text = text .. ("; %s: %s"):format(exception[1], exception[2])
  end
  return text .. allowances(row)
end

local function rows(lines, family)
  lines[#lines + 1] = ("\n## %s\n\n| fault | | outcome | cells |\n|---|---|---|---|"):format(
    family.title)
  for _, row in ipairs(family) do
    local number = #cells.of(family, row)
    lines[#lines + 1] = ("| `%s` | %s | %s | %d |"):format(row[1], escape(row[2]), right(row),
      number)
  end
end

--- The text of the page.
function page.text()
  local all = cells.all()
  local lines = {
    INTRO:format(cells.SECONDS, cells.MOST_GAP * 1000, cells.MEMORY,
      "`" .. table.concat(cells.consumers, "`, `") .. "`"),
  }
  local faults = 0
  for _, family in ipairs(cells.families()) do
    faults = faults + #family
  end
  lines[#lines + 1] = ("%d misbehaviours make %s cells; the sample has %d.\n"):format(faults,
    thousands(#all), #cells.sample())
  limits(lines, all)
  local counts, order = count(all, "transport")
  local words = {}
  for _, transport in ipairs(order) do
    words[#words + 1] = ("%s over `%s`"):format(thousands(counts[transport]), transport)
  end
  lines[#lines + 1] = "\nOf the cells are " .. table.concat(words, ", ") .. "."
  for _, family in ipairs(cells.families()) do
    rows(lines, family)
  end
  return table.concat(lines, "\n") .. "\n"
end

return page
