-- The last calls, in a file that survives a crash, and what went wrong.
local journal = { calls = 0, depth = 0 }

local MOST_LINES = 4000

local path, file, lines

local function open()
  file = assert(io.open(path, "w"))
  file:setvbuf("full")
  lines = 0
end

--- Begins: two files, `to` and `to`.old, hold the last lines between them.
function journal.open(to)
  path = to
  open()
end

--- Shows a value in one short line.
function journal.show(value)
  if type(value) == "string" then
    local text = ("%q"):format(#value > 60 and value:sub(1, 60) or value)
    text = text:gsub("[%c\128-\255]", function(c) return ("\\%03d"):format(c:byte()) end)
    return #value > 60 and text .. "..[" .. #value .. "]" or text
  end
  if type(value) ~= "table" or getmetatable(value) then
    local ok, text = pcall(tostring, value)
    return ok and text:sub(1, 100) or "?"
  end
  local parts, count = {}, 0
  for key, item in next, value do
    count = count + 1
    if count > 6 then
      parts[#parts + 1] = "..."
      break
    end
    parts[#parts + 1] = tostring(key):sub(1, 30) .. "=" .. (type(item) == "table" and "{...}"
      or journal.show(item))
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

--- A line, on the disk before anything else happens.
function journal.write(text)
  if lines >= MOST_LINES then
    file:close()
    os.rename(path, path .. ".old")
    open()
  end
  file:write(("  "):rep(journal.depth), text, "\n")
  file:flush()
  lines = lines + 1
end

--- The arguments of a call in one line.
function journal.arguments(list)
  local parts = {}
  for i = 1, list.n do
    parts[i] = journal.show(list[i])
  end
  return table.concat(parts, ", ")
end

--- What must not be: told once the round has ended, with the calls.
function journal.fail(text)
  journal.write("FAILURE: " .. text)
  journal.failures = journal.failures or {}
  table.insert(journal.failures, text)
end

return journal
