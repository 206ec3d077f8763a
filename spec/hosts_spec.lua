-- Inside of real programs with Lua in them, each set up as docs/hosts.md says. A program has
-- one version of Lua, and these run with the specs of that: MULTISOCK_LUA=lua5.3 script/test.
local inside = require("spec.support.inside")

local IN_A_TASK = inside.IN_A_TASK

-- A file of libpcap's, with an IP packet for each address.
local function capture(...)
  local parts = { "\212\195\178\161\2\0\4\0" .. ("\0"):rep(8) .. "\0\0\1\0\101\0\0\0" }
  for i, last in ipairs({ ... }) do
    -- An UDP datagram without content, to 192.0.2.x.
    local packet = "\69\0\0\28\0\0\0\0\64\17\0\0\10\0\0\1\192\0\2" .. string.char(last)
      .. "\3\232\7\208\0\8\0\0"
    parts[#parts + 1] = string.char(i) .. ("\0"):rep(7) .. "\28\0\0\0\28\0\0\0" .. packet
  end
  return table.concat(parts)
end

-- `adapter`: nil where a timer of WeeChat's steps.
local function weechat(adapter)
  return {
    name = "weechat-headless",
    tells = "ldd $(ls /usr/lib/*/weechat/plugins/lua.so)",
    adapter = adapter,
    script = "beats = 0\nfunction beat() beats = beats + 1 return weechat.WEECHAT_RC_OK end\n"
      .. 'weechat.hook_timer(10, 0, 0, "beat", "")\n'
      .. IN_A_TASK:format('weechat.command("", "/quit")'),
    command = "weechat-headless --dir %s/home -r '/lua load %s/script.lua'",
  }
end

local PROGRAMS = {
  WeeChat = weechat(),
  ["WeeChat's own loop"] = weechat("multisock_weechat"),
  mpv = {
    script = "local beats = 0\nmp.add_periodic_timer(0.01, function() beats = beats + 1 end)\n"
      .. IN_A_TASK:format('mp.command("quit")'),
    command = "mpv --no-config --idle=yes --vo=null --ao=null --load-scripts=no "
      .. "--script=%s/script.lua",
  },
  haproxy = {
    script = "local beats = 0\ncore.register_task(function()\n"
      .. "  while true do core.msleep(10) beats = beats + 1 end\nend)\n" .. IN_A_TASK:format(""),
    files = { configuration = "global\n  lua-load %s/script.lua\ndefaults\n  mode http\n"
      .. "  timeout client 10s\n  timeout server 10s\n  timeout connect 10s\n"
      .. "frontend none\n  bind unix@%s/socket\n  http-request return status 200\n" },
    command = "haproxy -db -f %s/configuration",
    endless = true,
    status = 143,
  },
  Vim = {
    name = "vim.nox",
    script = "local beats = 0\nvim.fn.timer_start(10, function() beats = beats + 1 end, "
      .. 'vim.dict({ ["repeat"] = -1 }))\n' .. IN_A_TASK:format('vim.command("qall!")'),
    files = { vimrc = "luafile %s/script.lua\n" },
    -- It wants a terminal, and gets one of script(1).
    command = "TERM=xterm script -qec 'vim.nox -u %s/vimrc -i NONE -n' /dev/null",
  },
  pandoc = {
    script = "local check = Pandoc\nfunction Pandoc()\n  check()\n"
      .. '  require("spec.support.battery")()\nend\n',
    command = "echo '[link]('$REFUSING')' | pandoc --lua-filter=%s/script.lua",
    prints = ": connect: ",
  },
  tshark = {
    recipe = function(recipe)
      return (recipe:gsub('"https://[^"]*"', 'os.getenv("PLAIN_URL") .. "/file/"'))
    end,
    script = "local after = Listener.new()\nfunction after.draw()\n"
      .. '  require("spec.support.battery")()\nend\n',
    files = { capture = capture(7, 8, 7) },
    command = "tshark -q -r %s/capture -X lua_script:%s/script.lua",
    prints = "192.0.2.8\t200\n",
  },
  LuaTeX = {
    name = "luatex",
    script = 'require("spec.support.battery")()\n',
    -- The format `plain` is in another package: this needs none.
    files = { ["document.tex"] = "\\catcode`\\{=1 \\catcode`\\}=2\n"
      .. '\\directlua{dofile("%s/script.lua")}\n'
      .. '\\message{<\\directlua{fetched(os.getenv("PLAIN_URL").."/file/x")}>}\n\\end\n' },
    command = "luatex --ini --shell-escape --interaction=nonstopmode --output-directory=%s "
      .. "%s/document.tex",
    prints = "<body-x>",
  },
  texlua = {
    heading = "LuaTeX",
    recipe = function() return 'print(require("multisock").use_loop())' end,
    script = '\nrequire("spec.support.battery")()\n',
    command = "texlua %s/script.lua",
  },
}

describe("inside", function()
  inside.specs(PROGRAMS)
end)
