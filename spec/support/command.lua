-- Runs bin/multisock as users do: in a folder of its own for each spec.
local busted = require("busted")
local cjson = require("cjson")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")

local quote, said, read_file = shell.quote, shell.said, shell.read_file

local command = {}

do
  local i = 0
  while arg[i - 1] do
    i = i - 1
  end
  command.interpreter = arg[i]
end
command.root = servers.output("pwd")
command.MULTISOCK = quote(command.interpreter) .. " " .. quote(command.root .. "/bin/multisock")
-- A preloaded sanitizer makes curl hang at its start.
command.CURL = "env -u LD_PRELOAD " .. servers.program("curl", "curl") .. " --noproxy '*' -s -m 10 "

local dir

--- A folder for each spec of this block, in one that goes with it; nothing may be left running.
-- @param give function(path)
function command.fixture(give)
  fixtures.folder(function(made)
    dir = made .. "/d"
    said("mkdir " .. quote(dir))
    give(dir)
  end)
  busted.after_each(helper.check_leaks)
end

function command.words(list)
  local quoted = {}
  for i, word in ipairs(list) do
    quoted[i] = quote(word)
  end
  return table.concat(quoted, " ")
end

--- Runs `multisock` with these arguments; returns its status, stdout, stderr.
-- `rest` is shell: redirections and the like.
function command.run(list, rest)
  local script = ("cd %s && { %s %s </dev/null %s; } >../out 2>../err; echo $?"):format(quote(dir),
    command.MULTISOCK, command.words(list), rest or "")
  local status = tonumber(said(script))
  return status, read_file(dir .. "/../out"), read_file(dir .. "/../err")
end

function command.get(...)
  return command.run({ "get", ... })
end

--- The names in the folder, as one string.
function command.files()
  return (said("cd " .. quote(dir) .. " && LC_ALL=C ls -A"):gsub("\n", " "):gsub(" $", ""))
end

function command.content(name)
  return read_file(dir .. "/" .. name)
end

--- The records of --json: a list, and by URL.
function command.records(out)
  local list, by_url = {}, {}
  for line in out:gmatch("[^\n]+") do
    local record = cjson.decode(line)
    list[#list + 1] = record
    by_url[record.url] = record
  end
  return list, by_url
end

return command
