-- Which event loop drives: chosen once, before the first use. Each loop is one
-- file of loop/: either an adapter (a table as docs/loops.md describes it), which
-- adapter.lua makes a loop of, or, for uv, the loop itself.
local editor = require("multisock.base.editor")
local host = require("multisock.loop.adapter")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")
local values = require("multisock.base.values")

local loops = {}

-- What each needs, for who does not have it. Found in no other place: adding a
-- loop is its file and a line here.
local NEEDS = {
  uv = "",
  luv = "the Lua module luv: install lua-luv (Debian), or luarocks install luv",
  cqueues = "the Lua module cqueues: install lua-cqueues (Debian), or luarocks install cqueues",
  copas = "the Lua module copas: install lua-copas (Debian), or luarocks install copas",
  event = "the Lua module luaevent: install lua-event (Debian), or luarocks install luaevent",
  ev = "multisock.ev: install libev-dev (Debian) or libev-devel (Fedora) and build again",
  poll = "",
  frames = "",
  glib = "the Lua module lgi: install lua-lgi, gir1.2-glib-2.0 (Debian), or luarocks install lgi",
}

-- A loop without `attach` is an adapter.
local chosen
local used = false

local function names()
  return '"' .. table.concat(values.sorted_keys(NEEDS), '", "') .. '"'
end

-- The function for each field, and whether it may be missing.
local FIELDS = {
  name = "string", step = "function", listen = "function?", watch = "function?",
  timer = "function?",
  is_running = "function?", is_alive = "function?", current = "function?",
  suspend = "function?", resume = "function?", fd = "function?", hears_signals = "boolean?",
}

local function check_adapter(adapter)
  for field, kind in pairs(FIELDS) do
    local value = adapter[field]
    local optional = kind:sub(-1) == "?"
    if not (optional and value == nil) and type(value) ~= kind:gsub("%?", "") then
      error(("use_loop: %s of the adapter: %s expected, got %s"):format(field,
        kind:gsub("%?", ""), type(value)), 3)
    end
  end
  if not (adapter.watch or adapter.listen) then
    error("use_loop: an adapter needs `watch` or `listen`", 3)
  end
  if adapter.current and not (adapter.suspend and adapter.resume) then
    error("use_loop: an adapter with `current` needs `suspend` and `resume`", 3)
  end
end

-- Inside Neovim its own loop is the one that runs.
local function usual()
  return editor.neovim() and "luv" or "uv"
end

local function load(name)
  local ok, made = pcall(require, "multisock.loop." .. name)
  if not ok then
    local reason = tostring(made):match("^[^\n]*")
    error(("use_loop: the loop %q needs %s (%s)"):format(name, NEEDS[name], reason), 0)
  end
  return made
end

--- Chooses the loop, before anything uses one.
-- @param loop? string|table "uv", "luv", "cqueues", "copas", "event", "ev", "glib", "poll"
-- or "frames"; or an adapter (see docs/loops.md)
-- @return string: the name of the loop that drives, or will
-- @raise when it is unknown or its module is missing; when another is in use
function loops.use_loop(loop)
  if loop == nil then
    return chosen and chosen.name or usual()
  elseif type(loop) == "table" then
    check_adapter(loop)
  elseif type(loop) ~= "string" then
    error("use_loop: name or adapter expected, got " .. type(loop), 2)
  elseif NEEDS[loop] == nil then
    error(("use_loop: unknown loop %q; there are %s%s"):format(loop, names(),
      suggest.hint(loop, NEEDS)), 2)
  end
  if used then
    if loop == chosen.name or loop == chosen.adapter then
      return chosen.name
    end
    error(("use_loop: the loop %q is in use already; choose before the first fetch or spawn")
      :format(chosen.name), 2)
  end
  if type(loop) == "string" then
    local ok
    ok, loop = pcall(load, loop)
    if not ok then
      error(loop, 2)
    end
  end
  chosen = loop.attach and loop or host.new(loop)
  return chosen.name
end

--- Has the loop uv adopt that of a host written in C, see uv.lua.
-- @param pointer light userdata: a uv_loop_t *
-- @raise as use_loop
function loops.adopt(pointer)
  loops.use_loop("uv")
  load("uv").adopt(pointer)
end

--- The loop, from now on the only one.
function loops.take()
  if chosen == nil then
    loops.use_loop(usual())
  end
  used = true
  return chosen
end

return loops
