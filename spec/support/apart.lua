-- Runs Lua in a process and a network of its own, beside a server that has these.
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

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
  return (support.child_in(("%s %s /usr/bin/python3 -B %s '%s' env"):format(prelude or "", command,
    servers.support(server), argument), PREPARE .. script .. " ms.run(main)"))
end

return apart
