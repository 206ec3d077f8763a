-- Inside of real programs with Lua in them, each set up as docs/hosts.md says. A program has
-- one version of Lua, and these run with the specs of that: MULTISOCK_LUA=lua5.3 script/test.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")

-- The first block of Lua code below a heading of docs/hosts.md.
local function recipe(heading)
  local text = servers.read_file("docs/hosts.md")
  return assert(text:match("\n## " .. heading .. "\n.-\n```lua\n(.-)```\n"), heading)
end

-- Runs the battery in a task, where the program's timer has `beats` counted.
local IN_A_TASK = [[

ms.spawn(function()
  require("spec.support.battery")(function() return beats end)
  %s
end)
]]

-- `file`: what has Lua linked to it. `script`: what follows the recipe. `command`: `%s` is a
-- folder with script.lua in it. `status`: of its end.
local PROGRAMS = {
  mpv = {
    script = "local beats = 0\nmp.add_periodic_timer(0.01, function() beats = beats + 1 end)\n"
      .. IN_A_TASK:format('mp.command("quit")'),
    command = "mpv --no-config --idle=yes --vo=null --ao=null --load-scripts=no "
      .. "--script=%s/script.lua",
  },
  haproxy = {
    script = "local beats = 0\ncore.register_task(function()\n"
      .. "  while true do core.msleep(10) beats = beats + 1 end\nend)\n" .. IN_A_TASK:format(""),
    configuration = "global\n  lua-load %s/script.lua\ndefaults\n  mode http\n"
      .. "  timeout client 10s\n  timeout server 10s\n  timeout connect 10s\n"
      .. "frontend none\n  bind unix@%s/socket\n  http-request return status 200\n",
    command = "haproxy -db -f %s/configuration",
    endless = true,
    status = 143,
  },
  WeeChat = {
    name = "weechat-headless",
    file = "$(ls /usr/lib/*/weechat/plugins/lua.so)",
    script = "beats = 0\nfunction beat() beats = beats + 1 return weechat.WEECHAT_RC_OK end\n"
      .. 'weechat.hook_timer(10, 0, 0, "beat", "")\n'
      .. IN_A_TASK:format('weechat.command("", "/quit")'),
    command = "weechat-headless --dir %s/home -r '/lua load %s/script.lua'",
  },
  pandoc = {
    script = "local check = Pandoc\nfunction Pandoc()\n  check()\n"
      .. '  require("spec.support.battery")()\nend\n',
    command = "echo '[link]('$REFUSING')' | pandoc --lua-filter=%s/script.lua",
    prints = ": connect: ",
  },
}

-- Why a program cannot be tried here; nil: it can.
local function missing(heading, program)
  local name = program.name or heading
  local output, status = embedding.shell(("command -v %s >/dev/null && ldd %s"):format(name,
    program.file or "$(command -v " .. name .. ")"))
  if status ~= 0 then
    return name .. " is not installed"
  end
  local lua = output:match("lib(lua5%.%d)") or output:match("lib(luajit)")
  if lua ~= embedding.lua then
    return ("%s has %s: MULTISOCK_LUA=%s script/test runs this"):format(name, lua or "no Lua",
      lua or "?")
  elseif os.getenv("MULTISOCK_SANITIZE") == "1" or embedding.is_tsan then
    return "a module with a sanitizer in it needs a program that has it, too"
  end
  return nil
end

describe("inside", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  local function run(heading, program)
    local dir = servers.make_dir()
    servers.write_file(dir .. "/script.lua", recipe(heading) .. program.script)
    if program.configuration then
      servers.write_file(dir .. "/configuration", (program.configuration:gsub("%%s", dir)))
    end
    local command = program.command:gsub("%%s", dir)
    local seconds = math.ceil(helper.seconds(60))
    local variables = {
      LUA_PATH = package.path, LUA_CPATH = package.cpath, REPORT = dir .. "/report",
      PLAIN_URL = nginx.url(""), TLS_URL = nginx.tls_url(""), SLOW_URL = hostile.url(""),
      CA_FILE = nginx.ca, HOME = dir, REFUSING = "http://127.0.0.1:9/",
    }
    local words = { "export" }
    for name, value in pairs(variables) do
      words[#words + 1] = name .. "='" .. value .. "'"
    end
    local line = table.concat(words, " ") .. "; "
    if program.endless then
      -- It is told to end when the report is there.
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

  for heading, program in pairs(PROGRAMS) do
    it(heading .. " all goes as docs/hosts.md says", function()
      local reason = missing(heading, program)
      if reason then
        return pending(reason)
      end
      local report, status, output = run(heading, program)
      local beats = program.script:find("beats", 1, true)
      assert.equal("20 at once: true\n" .. (beats and "the host goes on: true\n" or "")
        .. "a stream of 1048576 in pieces: true\ncancelled: cancelled\nTLS: 200\n", report, output)
      assert.equal(program.status or 0, status, output)
      assert.truthy(output:find(program.prints or "", 1, true), output)
    end)
  end
end)
