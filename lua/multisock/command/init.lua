-- The command `multisock`: which subcommand, help, exit status. bin/multisock
-- calls main().
local output = require("multisock.command.output")
local suggest = require("multisock.base.suggest")
local text = require("multisock.base.text")
local values = require("multisock.base.values")

local command = {}

local HELP = [[
usage: multisock get URL... [options]   download many files at once
       multisock URL...                 the same
       multisock version                what runs: multisock, Lua, libcurl, libuv
       multisock help [get]             this text, or that of a command
       multisock help NAME              of a function, method, option or field in Lua

multisock get --help lists the options.
]]

local EBADF = 9

-- A standard stream that is closed leaves its number to the first file that
-- is opened, which would then get our messages. Something that cannot be
-- written takes its place, so that writing fails as it should.
local held = {}
local function hold_standard_streams()
  for _, stream in ipairs({ io.stdin, io.stdout, io.stderr }) do
    local _, _, number = stream:seek()
    if number == EBADF then
      held[#held + 1] = io.open("/dev/null", stream == io.stdin and "wb" or "rb")
    end
  end
end

local function version(argv)
  if argv[2] == "--help" or argv[2] == "-h" then
    return output.say("usage: multisock version\n")
  elseif argv[2] then
    return output.misuse("multisock version", "unexpected argument '" .. argv[2] .. "'")
  end
  local is = require("multisock").version()
  return output.say(table.concat({
    "multisock " .. is.multisock,
    "Lua       " .. is.lua:gsub("^Lua ", ""),
    "libcurl   " .. is.curl,
    "TLS       " .. (is.ssl or "none"),
    "libuv     " .. is.uv,
    "protocols " .. table.concat(is.protocols, " "),
    "features  " .. table.concat(values.sorted_keys(is.features), " "),
    "codings   " .. table.concat(is.codings, " "),
    "warnings  " .. #is.warnings .. " (in Lua: multisock.version().warnings)",
  }, "\n") .. "\n")
end

local function get(argv)
  return require("multisock.command.get").run(argv)
end

local function help(argv)
  if argv[2] == "get" then
    return get({ "get", "--help" })
  elseif argv[2] == nil or argv[2] == "help" or argv[2] == "version" or argv[2] == "--help" then
    return output.say(HELP)
  end
  local told, near = require("multisock.base.help").find(argv[2])
  if told then
    return output.say(told .. "\n")
  end
  return output.misuse("multisock help", ("unknown name '%s'%s"):format(text.clean(argv[2]),
    near and (", did you mean '%s'?"):format(near) or ""))
end

local COMMANDS = {
  get = get, version = version, help = help,
  ["--version"] = version, ["-V"] = version, ["--help"] = help, ["-h"] = help,
}

local function dispatch(argv)
  local run = COMMANDS[argv[1]]
  if run then
    return run(argv)
  elseif argv[1] == nil then
    io.stderr:write(HELP)
    return 2
  end
  local is_option = argv[1]:sub(1, 1) == "-"
  -- A URL is no command: it is to be fetched. (One without its scheme is told so there.)
  if not is_option and argv[1]:find("[./]") then
    return get({ "get", (table.unpack or unpack)(argv) })
  end
  return output.misuse("multisock", ("unknown %s '%s'%s"):format(is_option and "option"
    or "command", text.clean(argv[1]), is_option and argv[2]
    and ": options stand behind the command or the URL" or suggest.hint(argv[1], COMMANDS)))
end

--- Runs the command. @param argv list of arguments
-- @return the exit status: 0, 1 (something failed), 2 (misuse), 130 (Ctrl-C)
function command.main(argv)
  hold_standard_streams()
  local ok, result = xpcall(function()  -- Lua 5.1 passes no arguments on
    return dispatch(argv)
  end, function(err)
    return output.is_interrupt(err) and err or debug.traceback(tostring(err), 2)
  end)
  if ok then
    return result
  elseif output.is_interrupt(result) then
    return 130
  end
  io.stderr:write("multisock: ", result, "\n")
  return 1
end

return command
