-- The shell and files. Plain Lua (5.1 to 5.4, LuaJIT) with io.popen alone.
local shell = {}

--- A text as one word of the shell.
function shell.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- All that a command writes to its standard output.
function shell.said(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- The same without the end of its last line.
function shell.output(command)
  return (shell.said(command):gsub("%s+$", ""))
end

--- Runs a command. Returns what it wrote to both outputs, and its exit status.
function shell.run(command)
  -- The trailing status survives what the command does to the shell.
  local text = shell.said("{ " .. command .. "\n} 2>&1; echo \"status=$?\"")
  local output, status = text:match("^(.*)status=(%d+)\n$")
  return output, tonumber(status)
end

--- The content of a file; nil: there is none.
function shell.read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local content = file:read("*a")
  file:close()
  return content
end

--- Replaces the content of a file.
function shell.write_file(path, content)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

return shell
