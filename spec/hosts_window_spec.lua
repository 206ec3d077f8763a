-- Inside of programs with windows, on a display that nobody sees: see hosts_spec.lua.
local inside = require("spec.support.inside")

local IN_A_TASK = inside.IN_A_TASK

local LOVE = {
  heading = "LÖVE",
  name = "love",
  script = "local beats, update = 0, love.update\n"
    .. "function love.update(...) update(...) beats = beats + 1 end\n"
    .. IN_A_TASK:format("love.event.quit()"),
  files = { ["main.lua"] = 'dofile("%s/script.lua")\n' },
  command = "SDL_AUDIODRIVER=dummy xvfb-run -a love %s",
}

-- The same with the module that is one file; the battery is all that package.path finds.
local LOVE_ONE_FILE = setmetatable({
  recipe = function(recipe)
    return 'package.path = "?.lua"\n'
      .. 'package.cpath = os.getenv("MULTISOCK_BUILD") .. "/one-file/?.so"\n' .. recipe
  end,
}, { __index = LOVE })

local PROGRAMS = {
  ["LÖVE"] = LOVE,
  ["LÖVE, with one file"] = LOVE_ONE_FILE,
  awesome = {
    script = "local beats = 0\nrequire('gears.timer').start_new(0.01, function()\n"
      .. "  beats = beats + 1 return true\nend)\n"
      -- It starts again in the middle of transfers, and then ends so.
      .. IN_A_TASK:format("local again = os.getenv('HOME') .. '/again'\n"
        .. "  if io.open(again) then return awesome.quit() end\n"
        .. "  io.open(again, 'w'):close() awesome.restart()"),
    command = "xvfb-run -a awesome --config %s/script.lua; [ -e %s/again ]",
  },
  VLC = {
    name = "vlc",
    tells = "ldd $(ls /usr/lib/*/vlc/plugins/lua/liblua_plugin.so)",
    recipe = function(recipe)
      local text, count = recipe:gsub("\nms%.spawn%(.-\nend%)\n", function()
        return '\nms.spawn(function()\n  require("spec.support.battery")()\n'
          .. "  vlc.misc.quit()\nend)\n"
      end)
      assert(count == 1)
      return text
    end,
    script = "",
    -- It refuses to be root's, who may read what others may not: so all it needs is there.
    files = { run = [[
set -e
cd "$HOME"
mkdir -p .local/share/vlc/lua/intf spec/support
cp script.lua .local/share/vlc/lua/intf/fetching.lua
cp "$CHECKOUT"/spec/support/battery.lua spec/support
cp "$MULTISOCK_BUILD"/one-file/multisock.so "$CA_FILE" .
export CA_FILE="$HOME/${CA_FILE##*/}" LUA_PATH="$HOME/?.lua" LUA_CPATH="$HOME/?.so"
as=
if [ "$(id -u)" = 0 ]; then
  chown -R nobody .
  as='setpriv --reuid nobody --regid nogroup --clear-groups'
fi
exec $as vlc -I dummy --no-audio --extraintf luaintf --lua-intf fetching
]] },
    command = "CHECKOUT=$PWD sh %s/run",
  },
}

describe("inside", function()
  inside.specs(PROGRAMS)
end)
