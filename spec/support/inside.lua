-- Runs scripts inside of real programs that have Lua in them, each after the program's
-- recipe of docs/hosts.md. A program is a table:
--   name      its command; default: the heading in docs/hosts.md
--   tells     a command that names its Lua; default: what it is linked to
--   heading   of its recipe; default: the program's own
--   recipe    a function that is given the recipe, and returns it as it is to be run
--   script    what follows the recipe, in script.lua
--   files     others, by name; `%s` is the folder of them all
--   command   the same
--   endless   it does not end by itself: a signal comes when the report is there
--   status    of its end; default: 0
--   prints    what must be in its output
local assert = require("luassert")
local busted = require("busted")
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local pending = require("busted.core")().pending
local servers = require("spec.support.servers")

local inside = {}

--- The battery in a task, where a timer of the program's has `beats` counted.
inside.IN_A_TASK = [[

ms.spawn(function()
  require("spec.support.battery")(function() return beats end)
  %s
end)
]]

--- The first block of Lua code below a heading of docs/hosts.md.
function inside.recipe(heading)
  local text = servers.read_file("docs/hosts.md")
  return assert(text:match("\n## " .. heading .. "\n.-\n```lua\n(.-)```\n"), heading)
end

--- Why a program cannot be tried here; nil: it can.
function inside.missing(heading, program)
  local name = program.name or heading
  local output, status = embedding.shell(("command -v %s >/dev/null && %s"):format(name,
    program.tells or "ldd $(command -v " .. name .. ")"))
  if status ~= 0 then
    return name .. " is not installed: script/setup hosts"
  end
  local lua = output:match("lua5%.%d") or output:match("luajit")
    or output:gsub("texlua5(%d)", "lua5.%1"):match("lua5%.%d")
  if lua ~= embedding.lua then
    return ("%s has %s: MULTISOCK_LUA=%s script/test runs this"):format(name, lua or "no Lua",
      lua or "?")
  elseif os.getenv("MULTISOCK_SANITIZE") == "1" or embedding.is_tsan then
    return "a module with a sanitizer in it needs a program that has it, too"
  end
  return nil
end

local function write_files(dir, heading, program)
  local recipe = inside.recipe(program.heading or heading)
  recipe = program.recipe and program.recipe(recipe, dir) or recipe
  servers.write_file(dir .. "/script.lua", recipe .. program.script)
  for name, text in pairs(program.files or {}) do
    servers.write_file(dir .. "/" .. name, (text:gsub("%%s", dir)))
  end
end

local function exports(variables)
  local words = { "export" }
  for name, value in pairs(variables) do
    words[#words + 1] = name .. "='" .. value .. "'"
  end
  return table.concat(words, " ") .. "; "
end

-- Returns the battery's report, the program's status, and what it printed.
local function run(heading, program, nginx, hostile)
  local dir = servers.make_dir()
  write_files(dir, heading, program)
  local command = program.command:gsub("%%s", dir)
  local seconds = math.ceil(helper.seconds(60))
  local line = exports({
    LUA_PATH = package.path, LUA_CPATH = package.cpath, REPORT = dir .. "/report",
    PLAIN_URL = nginx.url(""), TLS_URL = nginx.tls_url(""), SLOW_URL = hostile.url(""),
    CA_FILE = nginx.ca, HOME = dir, REFUSING = "http://127.0.0.1:9/",
  })
  if program.endless then
    line = line .. ("timeout %d %s </dev/null & pid=$!; for _ in $(seq %d); do "
      .. "[ ! -e $REPORT ] || break; sleep 0.05; done; kill -TERM $pid; "
      .. "wait $pid; (exit $?)"):format(seconds, command, seconds * 20)
  else
    line = line .. ("timeout %d sh -c \"%s\" </dev/null"):format(seconds, command)
  end
  local output, status = embedding.shell(line)
  local file = io.open(dir .. "/report")
  local report = file and file:read("*a")
  if file then
    file:close()
  end
  os.execute("rm -rf '" .. dir .. "'")
  return report, status, output
end

--- Specs of programs, by their headings in docs/hosts.md: the battery in each.
function inside.specs(programs)
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  for heading, program in pairs(programs) do
    local beats = program.script:find("beats", 1, true)
    if not beats then
      busted.it(heading .. " a timer keeps its beat", function()
        pending(heading .. " has no timers: scripts wait there")
      end)
    end

    busted.it(heading .. " all goes as docs/hosts.md says", function()
      local reason = inside.missing(heading, program)
      if reason then
        pending(reason)
      end
      local report, status, output = run(heading, program, nginx, hostile)
      assert.equal("20 at once: true\n" .. (beats and "the host goes on: true\n" or "")
        .. "a stream of 1048576 in pieces: true\ncancelled: cancelled\nTLS: 200\n", report, output)
      assert.equal(program.status or 0, status, output)
      assert.truthy(output:find(program.prints or "", 1, true), output)
    end)
  end
end

return inside
