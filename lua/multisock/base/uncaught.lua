-- What is shown of an error: the stack of the task that it was raised in. Inside
-- the program an error stays the value that it is. One that nobody catches leaves
-- it as text, message and stack, because what runs Lua prints text: some hosts
-- (lua_tostring) nothing else. Used by tasks/*.lua.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")

local uncaught = {}

local is_ours = errors.is_ours

---- The stack ----------------------------------------------------------------

local TITLE = "stack traceback:"

-- Without the frames of this package, and what it called in C. All of it when
-- nothing would be left.
local function trim(text)
  local lines, in_c = { TITLE }, {}
  local shown = true                -- the frame before, for tail calls
  for line in text:gmatch("\n([^\n]+)") do
    local file = line:match("^%s+(.-):%d*:? in ")
    if file == "[C]" then
      in_c[#in_c + 1] = line        -- belongs to who has called it
    elseif file then
      shown = not is_ours(file)
      for i = 1, shown and #in_c or 0 do
        lines[#lines + 1] = in_c[i]
      end
      in_c = {}
    end
    if shown and file ~= "[C]" then
      lines[#lines + 1] = line
    end
  end
  return #lines > 1 and table.concat(lines, "\n") or text
end

-- Where the error that is on its way was raised at first.
local first_traceback

--- Raises an error: that of a task where another one waits for it, or one that a function
-- returns where nothing can be returned. Nobody can compare what xpcall gets before its handler
-- has shown it: a string has its stack there, too.
-- @param err any @param traceback? string where it was raised; nil: here, in the program's code
function uncaught.raise(err, traceback)
  first_traceback = traceback
  local by = (traceback or errors.is(err)) and uncaught.catcher()
  if by == nil then
    err = traceback and tostring(err) .. "\n" .. traceback or errors.position() .. tostring(err)
  elseif by == xpcall and traceback and type(err) == "string" then
    err = err .. "\n" .. traceback
  end
  error(err, 0)
end

-- An error that another task has raised: where that was comes first.
local function join(err, text, raiser)
  if raiser == uncaught.raise and first_traceback then
    text = first_traceback .. "\nwhich was awaited here:" .. text:sub(#TITLE + 1)
  end
  if errors.is(err) and err.traceback == nil then
    err.traceback = text
  end
  return text
end

--- The stack of an error that is being raised: of the function that is called for
-- it, by xpcall.
-- @param err what was raised @return string
function uncaught.traceback(err)
  -- Above: who calls this, and `error`.
  local raiser = debug.getinfo(4, "f")
  return join(err, trim(compat.traceback(2)), raiser and raiser.func)
end

--- The same of a coroutine that has ended with an error.
function uncaught.traceback_of(co, err)
  local raiser = debug.getinfo(co, 1, "f")
  return join(err, trim(debug.traceback(co)), raiser and raiser.func)
end

--- Who catches what is raised here: the first on the stack that the program has put
-- there.
-- @return pcall, xpcall, or in a coroutine true; nil when nobody does
function uncaught.catcher()
  if compat.running_coroutine() then
    return true
  end
  local level = 2
  local info = debug.getinfo(level, "f")
  while info do
    if info.func == pcall or info.func == xpcall then
      -- Our own pass it on; the command is a program, and catches.
      local caller = debug.getinfo(level + 1, "S")
      local file = caller and caller.source:sub(2)
      if caller == nil or not is_ours(file) or file:find("[/\\]command[/\\][%w_]+%.lua$") then
        return info.func
      end
    end
    level = level + 1
    info = debug.getinfo(level, "f")
  end
  return nil
end

---- Ctrl-C -------------------------------------------------------------------

-- What the program `lua` raises, at the instruction that comes next.
local INTERRUPTED = "interrupted!"

--- @param err what ended the loop @return the same, but where Ctrl-C came in here
function uncaught.clean(err)
  if type(err) == "string" and err:sub(-#INTERRUPTED) == INTERRUPTED then
    err = errors.unplaced(err)
  end
  return err
end

-- The script that the program `lua` runs, when its main chunk is on the stack.
local function is_script()
  local arguments = rawget(_G, "arg")
  local name = type(arguments) == "table" and rawget(arguments, 0)
  if type(name) ~= "string" then
    return false
  end
  local level = 2
  local info = debug.getinfo(level, "S")
  while info do
    if info.what == "main" and info.source == "@" .. name then
      return true
    end
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  return false
end

--- A script that Ctrl-C ends has the status that shells give for it.
-- @param err what ended the loop
function uncaught.exit_if_interrupted(err)
  if type(err) == "string" and err:sub(-#INTERRUPTED) == INTERRUPTED and is_script()
    and uncaught.catcher() == nil then
    io.stderr:write(tostring(arg[-1] or "lua"), ": ", err, "\n")
    os.exit(130, true)
  end
end

return uncaught
