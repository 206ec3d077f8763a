-- What every subcommand says, and how: to one who called it in the wrong way, to
-- standard output, and whether it was Ctrl-C that ended it.
local output = {}

--- Says what is wrong with the arguments.
-- @return the exit status for it
function output.misuse(name, message)
  io.stderr:write(name, ": ", message, " (try '", name, " --help')\n")
  return 2
end

-- For text that is all there is to say: not being able to say it is a failure.
function output.say(text)
  local ok, message = io.stdout:write(text)
  if ok then
    ok, message = io.stdout:flush()
  end
  if not ok then
    io.stderr:write("multisock: cannot write to standard output: ", tostring(message), "\n")
    return 1
  end
  return 0
end

--- Whether this value is what `lua` raises at Ctrl-C.
function output.is_interrupt(err)
  return type(err) == "string" and err:find("interrupted!", 1, true) ~= nil
end

return output
