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

local VLC_LUA = "ldd $(ls /usr/lib/*/vlc/plugins/lua/liblua_plugin.so)"

-- How a script of this kind begins in VLC, which refuses to be root's, who may read what others
-- may not: so all it needs is there.
local AS_NOBODY = [[
set -e
cd "$HOME"
mkdir -p .local/share/vlc/lua/KIND spec/support
cp script.lua .local/share/vlc/lua/KIND/fetching.lua
cp "$CHECKOUT"/spec/support/battery.lua spec/support
cp "$MULTISOCK_BUILD"/one-file/multisock.so "$CA_FILE" .
export CA_FILE="$HOME/${CA_FILE##*/}" LUA_PATH="$HOME/?.lua" LUA_CPATH="$HOME/?.so"
as=
if [ "$(id -u)" = 0 ]; then
  chown -R nobody .
  as='setpriv --reuid nobody --regid nogroup --clear-groups'
fi
]]

local function as_nobody(kind)
  return (AS_NOBODY:gsub("KIND", kind))
end

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
    tells = VLC_LUA,
    recipe = function(recipe)
      local text, count = recipe:gsub("\nms%.spawn%(.-\nend%)\n", function()
        return '\nms.spawn(function()\n  require("spec.support.battery")()\n'
          .. "  vlc.misc.quit()\nend)\n"
      end)
      assert(count == 1)
      return text
    end,
    script = "",
    files = { run = as_nobody("intf")
      .. "exec $as vlc -I dummy --no-audio --extraintf luaintf --lua-intf fetching\n" },
    command = "CHECKOUT=$PWD sh %s/run",
  },
  ["an extension of VLC"] = {
    heading = "Extensions of VLC",
    name = "vlc",
    tells = "ls /usr/lib/*/vlc/plugins/gui/libqt_plugin.so && command -v xdotool xvfb-run && "
      .. VLC_LUA,
    recipe = function(recipe)
      local text, count = recipe:gsub("\n    vlc%.msg%.info%(.-\n", function()
        return '\n    io.open("begun", "w"):close()\n    require("spec.support.battery")()\n'
      end)
      assert(count == 1)
      return (text:gsub('"Titles"', '"&Zero"'))        -- the letter that chooses it in the menu
    end,
    script = "",
    files = { run = as_nobody("extensions") .. [[
unset XAUTHORITY                      # that of xvfb-run is root's
$as vlc -I qt --no-qt-privacy-ask --no-audio --no-metadata-network-access >log 2>&1 &
vlc=$!
trap 'kill $vlc' EXIT
for _ in $(seq 20); do
  window=$(xdotool search --onlyvisible --name "VLC media player" | head -n 1)
  if [ -n "$window" ]; then
    xdotool windowfocus --sync "$window" key --delay 300 alt+i z
  fi
  sleep 1
  [ ! -e begun ] || break
done
for _ in $(seq 400); do
  [ ! -e "$REPORT" ] || break
  sleep 0.05
done
cat log
trap - EXIT
kill $vlc
wait $vlc
]] },
    command = "CHECKOUT=$PWD xvfb-run -a -s -ac sh %s/run",
  },
}

describe("inside", function()
  inside.specs(PROGRAMS)
end)
