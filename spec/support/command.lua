-- Runs bin/multisock as users do: in a folder of its own for each spec.
local cjson = require("cjson")
local servers = require("spec.support.servers")

local quote = servers.quote

local command = {}

function command.shell(script)
  local pipe = assert(io.popen(script))
  local said = pipe:read("*a")
  pipe:close()
  return said
end

local shell = command.shell

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

--- Makes the folder of a spec. Returns its path.
function command.open()
  dir = servers.make_dir() .. "/d"
  shell("mkdir " .. quote(dir))
  return dir
end

function command.close()
  shell("rm -rf " .. quote((dir:gsub("/d$", ""))))
end

function command.words(list)
  local quoted = {}
  for i, word in ipairs(list) do
    quoted[i] = quote(word)
  end
  return table.concat(quoted, " ")
end

--- Its content; nil: there is none.
function command.read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local content = file:read("*a")
  file:close()
  return content
end

--- Runs `multisock` with these arguments; returns its status, stdout, stderr.
-- `rest` is shell: redirections and the like.
function command.run(list, rest)
  local script = ("cd %s && { %s %s </dev/null %s; } >../out 2>../err; echo $?"):format(quote(dir),
    command.MULTISOCK, command.words(list), rest or "")
  local status = tonumber(shell(script))
  return status, command.read_file(dir .. "/../out"), command.read_file(dir .. "/../err")
end

function command.get(...)
  return command.run({ "get", ... })
end

--- The names in the folder, as one string.
function command.files()
  return (shell("cd " .. quote(dir) .. " && LC_ALL=C ls -A"):gsub("\n", " "):gsub(" $", ""))
end

function command.content(name)
  return command.read_file(dir .. "/" .. name)
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
