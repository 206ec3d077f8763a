-- Runs scripts inside of real programs that have Lua in them, each after the program's
-- recipe of docs/hosts.md. A program is a table:
--   name      its command; default: its heading
--   tells     a command that names its Lua; default: what it is linked to
--   heading   of its recipe; default: its title
--   adapter   a file of examples/hosts that the recipe requires
--   recipe    a function that is given the recipe, and returns it as it is to be run
--   script    what follows the recipe, in script.lua
--   files     others, by name; `%s` is the folder of them all, `%p` a free port
--   command   the same
--   handler   path on that port: a handler of HTTP that fetches what takes 0.3 s
--   endless   it does not end by itself: a signal comes when the report is there
--   signal    that one; default: TERM
--   status    of its end; default: 0
--   prints    what must be in its output
local assert = require("luassert")
local busted = require("busted")
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local pending = require("busted.core")().pending
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

local inside = {}

--- The battery in a task, where a timer of the program's has `beats` counted.
inside.IN_A_TASK = [[

ms.spawn(function()
  require("spec.support.battery")(function() return beats end)
  %s
end)
]]

--- A recipe of a handler, which now fetches what takes 0.3 s.
function inside.from_slow(recipe)
  local text, count = recipe:gsub('"https://example.com/"',
    'os.getenv("SLOW_URL") .. "/late?delay=0.3&body=7"')
  assert.equal(1, count)
  return text
end

--- The first block of code below a heading of docs/hosts.md.
-- @param language? string; default: Lua
function inside.recipe(heading, language)
  local text = servers.read_file("docs/hosts.md")
  local block = ("\n##+ %s\n.-\n```%s\n(.-)```\n"):format(heading, language or "lua")
  return assert(text:match(block), heading)
end

--- Why a program cannot be tried here; nil: it can.
function inside.missing(program)
  local name = program.name or program.heading
  local output, status = shell.run(("command -v %s >/dev/null && %s"):format(name,
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

local function write_files(dir, program, fill)
  local recipe = inside.recipe(program.heading)
  recipe = program.recipe and program.recipe(recipe) or recipe
  servers.write_file(dir .. "/script.lua", recipe .. program.script)
  for name, text in pairs(program.files or {}) do
    servers.write_file(dir .. "/" .. name, fill(text))
  end
  if program.adapter then
    local name = "/" .. program.adapter .. ".lua"
    servers.write_file(dir .. name, servers.read_file("examples/hosts" .. name))
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
local function run(program, nginx, hostile)
  local dir, port = servers.make_dir(), support.refusing_port()
  local function fill(text)
    return (text:gsub("%%[sp]", { ["%s"] = dir, ["%p"] = tostring(port) }))
  end
  write_files(dir, program, fill)
  local command, seconds = fill(program.command), math.ceil(helper.seconds(60))
  local line = exports({
    LUA_PATH = dir .. "/?.lua;" .. package.path, LUA_CPATH = package.cpath,
    REPORT = dir .. "/report", PLAIN_URL = nginx.url(""), TLS_URL = nginx.tls_url(""),
    SLOW_URL = hostile.url(""), CA_FILE = nginx.ca, HOME = dir, REFUSING = "http://127.0.0.1:9/",
    HANDLER_URL = program.handler and "http://127.0.0.1:" .. port .. program.handler or "",
  })
  if program.endless then
    -- To the program alone: sent to its group, too, the signal comes twice, and a second one
    -- meets prosody while it unloads its handler.
    line = line .. ("timeout --foreground %d %s </dev/null & pid=$!; for _ in $(seq %d); do "
      .. "[ ! -e $REPORT ] && kill -0 $pid || break; sleep 0.05; done; kill -%s $pid; "
      .. "wait $pid; (exit $?)"):format(seconds, command, seconds * 20, program.signal or "TERM")
  else
    line = line .. ("timeout %d sh -c \"%s\" </dev/null"):format(seconds, command)
  end
  local output, status = shell.run(line)
  local report = shell.read_file(dir .. "/report")
  os.execute("rm -rf '" .. dir .. "'")
  return report, status, output
end

local function add_spec(program, nginx, hostile)
  local beats = program.script:find("beats", 1, true)
  if not beats then
    busted.it(program.title .. " a timer keeps its beat", function()
      pending(program.title .. " has no timers: scripts wait there")
    end)
  end

  busted.it(program.title .. " all goes as docs/hosts.md says", function()
    local reason = inside.missing(program)
    if reason then
      pending(reason)
    end
    local report, status, output = run(program, nginx, hostile)
    assert.equal("20 at once: true\n" .. (beats and "the host goes on: true\n" or "")
      .. (program.handler and "20 in handlers: true\n" or "")
      .. "a stream of 1048576 in pieces: true\ncancelled: cancelled\nTLS: 200\n", report, output)
    assert.equal(program.status or 0, status, output)
    assert.truthy(output:find(program.prints or "", 1, true), output)
  end)
end

--- Specs of programs, by their titles: the battery in each.
function inside.specs(programs)
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  for title, program in pairs(programs) do
    program.title, program.heading = title, program.heading or title
    add_spec(program, nginx, hostile)
  end
end

return inside
