-- Runs Lua in a process and a network of its own, beside a server that has these.
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")

local pending = require("busted.core")().pending

local apart = {}

local PREPARE = [[
  local ms = require("multisock")
  if os.getenv("MULTISOCK_LOOP") then
    ms.use_loop(os.getenv("MULTISOCK_LOOP"))
  end
]]

--- What a script prints. Ends the spec where there can be no network.
-- @param server string a program of spec/support: it gets `argument`, and then the
-- command to run
-- @param script string its `main` is run as a task
-- @param prelude? string in front of the command line
function apart.run(server, argument, script, prelude)
  local command = probe.apart(true)
  if command == nil then
    pending("no network namespace may be made here")
  end
  local lua, path = 0, os.tmpname()
  while arg[lua - 1] do
    lua = lua - 1
  end
  helper.write_file(path, PREPARE .. script .. " ms.run(main)")
  local pipe = assert(io.popen(("%s LUA_PATH='%s' LUA_CPATH='%s' %s /usr/bin/python3 -B %s '%s' "
    .. "'%s' %s 2>&1"):format(prelude or "", package.path, package.cpath, command,
    servers.support(server), argument, arg[lua], path)))
  local said = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return said
end

return apart
