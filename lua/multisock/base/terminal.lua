-- The terminal that standard error is, if it is one.
local core = require("multisock.core")

local terminal = {}

--- Whether what is written there may move the cursor.
function terminal.is_there()
  return core.is_terminal(2) and os.getenv("TERM") ~= "dumb"
end

local function ask()
  -- stty asks the terminal that is its input: here the one that we write to.
  local pipe = io.popen("stty size <&2 2>/dev/null")
  local answer = pipe and pipe:read("*a") or ""
  if pipe then
    pipe:close()
  end
  local rows, columns = answer:match("^(%d+) (%d+)")
  return tonumber(columns), tonumber(rows)
end

--- Columns and rows of the terminal: COLUMNS and LINES where they are set.
function terminal.size()
  local columns, rows = tonumber(os.getenv("COLUMNS")), tonumber(os.getenv("LINES"))
  if not (columns and rows) then
    local asked_columns, asked_rows = ask()
    columns, rows = columns or asked_columns, rows or asked_rows
  end
  -- A terminal that does not know its size says 0.
  columns = columns and columns >= 1 and columns or 80
  rows = rows and rows >= 1 and rows or 24
  return columns, rows
end

return terminal
