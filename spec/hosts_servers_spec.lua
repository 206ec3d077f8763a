-- Inside of servers with Lua in them, whose handlers fetch: each on its adapter, as
-- docs/hosts.md says. See hosts_spec.lua.
local inside = require("spec.support.inside")
local servers = require("spec.support.servers")

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

-- Where Debian's module is: installed, or beside the tree, see script/setup.
local function nginx_modules()
  for _, root in ipairs({ "", "build-nginx-lua" }) do
    local file = io.open(root .. "/usr/lib/nginx/modules/ngx_http_lua_module.so")
    if file then
      file:close()
      return root
    end
  end
  return ""
end

-- An environment of its own, which the battery asks, has each worker.
local VARIABLES = { "REPORT", "PLAIN_URL", "TLS_URL", "SLOW_URL", "CA_FILE", "HANDLER_URL" }

local function nginx(signal)
  local root = nginx_modules()
  root = root == "" and "" or servers.output("pwd") .. "/" .. root
  local modules = root .. "/usr/lib/nginx/modules/"
  return {
    name = "nginx",
    heading = "nginx",
    tells = "ldd " .. modules .. "ngx_http_lua_module.so",
    adapter = "multisock_nginx",
    -- A handler starts the task, which outlives its request, and talks to nginx then.
    script = "local beats = 0\n"
      .. "ngx.timer.every(0.01, function() beats = beats + 1 end)\n"
      .. "function begin()"
      .. inside.IN_A_TASK:format('ngx.log(ngx.NOTICE, "the task has ended")') .. "end\n"
      .. 'ms.spawn(ms.get, (os.getenv("HANDLER_URL"):gsub("fetching", "begin")))\n',
    files = {
      configuration = "user root;\ndaemon off;\npid %s/pid;\nerror_log stderr notice;\nenv "
        .. table.concat(VARIABLES, ";\nenv ") .. ";\n"
        .. "load_module " .. modules .. "ndk_http_module.so;\n"
        .. "load_module " .. modules .. "ngx_http_lua_module.so;\n"
        .. "events {}\nhttp {\naccess_log off;\nclient_body_temp_path %s/1;\n"
        .. "proxy_temp_path %s/2;\nfastcgi_temp_path %s/3;\nuwsgi_temp_path %s/4;\n"
        .. "scgi_temp_path %s/5;\nlua_package_path ';;" .. root .. "/usr/share/lua/5.1/?.lua';\n"
        .. "init_worker_by_lua_file %s/script.lua;\n"
        .. "server {\nlisten 127.0.0.1:%p;\nlocation = /begin { content_by_lua 'begin()'; }\n"
        .. inside.from_slow(inside.recipe("nginx", "nginx")) .. "}\n}\n",
    },
    command = "env LD_LIBRARY_PATH=" .. root .. "/usr/lib/x86_64-linux-gnu nginx -p %s "
      .. "-c %s/configuration",
    handler = "/fetching",
    prints = "the task has ended",
    endless = true,
    signal = signal,
  }
end

local haproxy = {
  name = "haproxy",
  adapter = "multisock_haproxy",
  recipe = inside.from_slow,
  script = "local beats = 0\ncore.register_task(function()\n"
    .. "  while true do core.msleep(10) beats = beats + 1 end\nend)\n"
    .. inside.IN_A_TASK:format(""),
  files = { configuration = "global\n  lua-load %s/script.lua\ndefaults\n  mode http\n"
    .. "  timeout client 10s\n  timeout server 10s\n  timeout connect 10s\n"
    .. "frontend all\n  bind 127.0.0.1:%p\n  http-request use-service lua.fetching\n" },
  command = "haproxy -db -f %s/configuration",
  handler = "/",
  endless = true,
  status = 143,
}

local PROGRAMS = {
  ["Services and actions of haproxy's"] = haproxy,
  ["nginx, told to end"] = nginx("TERM"),
  ["nginx, told to quit"] = nginx("QUIT"),
  ["prosody, epoll"] = prosody("epoll"),
  ["prosody, libevent"] = prosody("event"),
  ["prosody, select"] = prosody("select"),
}

describe("inside", function()
  inside.specs(PROGRAMS)
end)
