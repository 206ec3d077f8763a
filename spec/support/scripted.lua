-- An origin that answers as it is told (scripted.py), and the way to tell it.
local ms = require("multisock")
local own_servers = require("spec.support.own_servers")

local scripted = {}

--- Starts one.
-- @return table server with `url(path)`, `stop()`, and
-- script(target, answers): what it answers to requests for this path, see scripted.py;
-- seen(target): what it has got for it, a list of {method=, headers=};
-- open(): how many connections it has, but the one that asks;
-- restart(pause): it ends all connections, and is not there for so many seconds
function scripted.start()
  local server, control = own_servers.scripted(), ms.client()
  local stop = server.stop
  function server.stop()
    control:close()
    stop()
  end
  local function ask(method, path, options)
    local response = ms.assert(control[method](control, server.url(path), options))
    return response, ms.assert(response:text())
  end
  function server.script(target, answers)
    ask("post", "/script", { query = { target = target }, json = ms.array(answers) })
  end
  function server.seen(target)
    return ms.assert((ask("get", "/seen", { query = { target = target } })):json())
  end
  function server.open()
    local _, text = ask("get", "/open")
    return tonumber(text) - 1
  end
  function server.restart(pause)
    ask("post", "/restart", { query = { pause = pause } })
  end
  return server
end

return scripted
