-- Inside of servers with Lua in them, whose handlers fetch: each on its adapter, as
-- docs/hosts.md says. See hosts_spec.lua.
local inside = require("spec.support.inside")

local function prosody(backend)
  return {
    name = "prosody",
    heading = "prosody",
    tells = "head -n 1 $(command -v prosody)",
    adapter = "multisock_prosody",
    recipe = inside.from_slow,
    script = "local beats = 0\n"
      .. "module:add_timer(0.01, function() beats = beats + 1 return 0.01 end)\n"
      .. inside.IN_A_TASK:format(""),
    files = {
      ["prosody.cfg.lua"] = 'run_as_root = true\npidfile = "%s/pid"\ndata_path = "%s"\n'
        .. 'certificates = "%s"\nplugin_paths = { "%s" }\nnetwork_backend = "' .. backend .. '"\n'
        .. 'http_ports = { %p }\nhttp_interfaces = { "127.0.0.1" }\nhttps_ports = {}\n'
        .. 'http_default_host = "localhost"\nlog = { warn = "*console" }\n'
        .. 'modules_disabled = { "s2s", "c2s", "offline", "tls" }\n'
        .. 'VirtualHost "localhost"\nmodules_enabled = { "fetching" }\n',
      ["mod_fetching.lua"] = 'assert(loadfile("%s/script.lua", "t", _ENV))()\n',
    },
    command = "prosody -F --config %s/prosody.cfg.lua",
    handler = "/fetching",
    endless = true,
  }
end

local PROGRAMS = {
  ["prosody, epoll"] = prosody("epoll"),
  ["prosody, libevent"] = prosody("event"),
  ["prosody, select"] = prosody("select"),
}

describe("inside", function()
  inside.specs(PROGRAMS)
end)
