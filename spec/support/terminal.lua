-- A terminal for output that draws over itself.
local terminal = {}

-- What a terminal shows after it got all this: enough of it for our own output.
function terminal.screen(bytes, columns)
  local lines, row, column, wrap = { {} }, 1, 1, true
  local function put(char)
    if column > columns then
      if wrap then
        row, column = row + 1, 1
      else
        column = columns
      end
    end
    lines[row] = lines[row] or {}
    lines[row][column] = char
    column = column + 1
  end
  local function erase(line, from)
    for i = from, columns do
      line[i] = nil
    end
  end
  local i = 1
  while i <= #bytes do
    local private, count, final = bytes:match("^\27%[(%??)(%d*)(%a)", i)
    if final then
      if final == "A" then
        row = math.max(1, row - tonumber(count))
      elseif private == "?" then
        wrap = final == "h"
      else
        erase(lines[row], column)
        for below = row + 1, final == "J" and #lines or row do
          lines[below] = {}
        end
      end
      i = i + 2 + #private + #count + 1
    else
      local char = bytes:sub(i, i)
      if char == "\r" then
        column = 1
      elseif char == "\n" then
        row = row + 1
        lines[row] = lines[row] or {}
      else
        put(char)
      end
      i = i + 1
    end
  end
  local shown = {}
  for n = 1, #lines do
    local line = {}
    for c = 1, columns do
      line[c] = lines[n][c] or " "
    end
    shown[n] = table.concat(line):gsub(" +$", "")
  end
  return (table.concat(shown, "\n"):gsub("\n+$", ""))
end

return terminal
