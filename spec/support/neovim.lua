-- A real Neovim, without a screen. It is LuaJIT, so what runs in it belongs to the specs of
-- LuaJIT: MULTISOCK_LUA=luajit script/test.
local busted = require("busted")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")

local pending, quote = require("busted.core")().pending, servers.quote

local neovim = {}

--- What scripts begin with: `say(format, ...)`, and `quit()`.
neovim.SAY = [[
local function say(...)
  io.stderr:write(string.format(...), "\n")
end
local function quit()
  vim.schedule(function() vim.cmd("qall!") end)
end
]]

--- What a script prints (to stderr) that Neovim runs, and the status of its end.
-- @param script string that finds `url` as URL @param url? string
-- @param variables? table of the environment
function neovim.run(script, url, variables)
  local path = os.tmpname()
  servers.write_file(path, "URL = vim.env.URL\n" .. script)
  local words = { "URL=" .. quote(url or "") }
  for name, value in pairs(variables or {}) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  local output, status = shell.run(table.concat({
    table.concat(words, " "),
    "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath),
    "timeout", tostring(math.ceil(helper.seconds(60))),
    "nvim --headless -i NONE -n -u NONE -c", quote("luafile " .. path),
    "</dev/null",
  }, " "))
  os.remove(path)
  return output:gsub("\r", ""), status
end

--- A spec that is for LuaJIT, and where Neovim is.
function neovim.it(name, fn)
  busted.it(name, function()
    if not rawget(_G, "jit") then
      pending("Neovim is LuaJIT: script/test-luas luajit runs this")
    elseif servers.output("command -v nvim") == "" then
      pending("nvim is not installed")
    end
    fn()
  end)
end

return neovim
