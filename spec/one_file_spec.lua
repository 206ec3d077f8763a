-- multisock.so, the module that is one file: in a folder of its own, with nothing else of
-- ours to be found.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local own_servers = require("spec.support.own_servers")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")

local LUA = os.getenv("LUA") or "lua5.4"
local VERSION = embedding.lua:match("5%.%d") or "5.1"

describe("multisock.so alone", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local dir

  setup(function()
    dir = servers.make_dir()
    local build = os.getenv("MULTISOCK_BUILD") or "build"
    local output, status = shell.run(("unset LD_PRELOAD; cmake --install %s --component "
      .. "one-file --prefix %s"):format(servers.quote(build), dir))
    assert.equal(0, status, output)
  end)

  teardown(function()
    servers.output("rm -rf " .. dir)
  end)

  -- Runs a script of that Lua, whose line 2 is the first one of `code`; `more`: folders for
  -- modules that are not ours.
  local function run(code, more, ...)
    servers.write_file(dir .. "/script.lua", ("package.path, package.cpath = '', %q\n"):format(
      dir .. "/lib/lua/" .. VERSION .. "/?.so" .. (more or "")) .. code)
    local words = { LUA, dir .. "/script.lua" }
    for _, word in ipairs { ... } do
      words[#words + 1] = servers.quote(word)
    end
    return shell.run("unset LUA_PATH LUA_CPATH; " .. table.concat(words, " "))
  end

  local function says(expected, code, ...)
    local output, status = run(code, nil, ...)
    assert.equal(expected, output)
    assert.equal(0, status)
  end

  it("is the only file that is installed", function()
    assert.equal(dir .. "/lib/lua/" .. VERSION .. "/multisock.so",
      servers.output("find " .. dir .. " -type f -name '*.so' -o -type f -path '*lib*'"))
  end)

  it("does what the battery for other programs asks: many, streams, cancelling, TLS", function()
    local output, status = run([[
      local battery, plain, tls, slow, ca, report = ...
      local of = { PLAIN_URL = plain, TLS_URL = tls, SLOW_URL = slow, CA_FILE = ca,
        REPORT = report, HANDLER_URL = "" }
      os.getenv = function(name) return of[name] end
      dofile(battery)()]], nil, servers.support("battery.lua"), nginx.url(""),
      nginx.tls_url(""), hostile.url(""), nginx.ca, dir .. "/report")
    assert.equal("", output)
    assert.equal(0, status)
    assert.equal("20 at once: true\na stream of 1048576 in pieces: true\n"
      .. "cancelled: cancelled\nTLS: 200\n", servers.read_file(dir .. "/report"))
  end)

  it("speaks WebSocket", function()
    local chat = own_servers.websocket()
    says("text\thello\n", [[
      local ms = require("multisock")
      ms.run(function(url)
        local socket = assert(ms.websocket(url))
        socket:send("hello")
        local text, kind = socket:receive()
        print(kind, text)
        socket:close()
      end, ...)]], chat.url("/echo"))
    chat.stop()
  end)

  it("answers by a mock, tells of names, and has what is loaded at first use", function()
    says("not yet\tready\ncoffee\t60 s\nms.get\n", [[
      local ms = require("multisock")
      print(package.loaded["multisock.mock"] or "not yet",
        package.preload["multisock.mock"] and "ready")
      local mock = ms.mock({ routes = { { url = "/tea", reply = { body = "coffee" } } } })
      mock:run(function()
        local before = ms.now()
        local client = ms.client({ agent = mock, base_url = "http://shop.example" })
        ms.sleep(60)
        print(client:get("/tea"):text(), ("%d s"):format(ms.now() - before))
      end)
      print(ms.help("ms.get"):match("ms%.get"))]])
  end)

  it("has every module, and each is named by its Lua file", function()
    local names = {}
    for path in servers.output("cd lua && find multisock -name '*.lua'"):gmatch("[^\n]+") do
      names[#names + 1] = path
    end
    assert.truthy(#names > 100)
    -- Bindings of other loops are not ours.
    local output, status = run([[
      require("multisock")
      local missing, count = {}, 0
      for _, path in ipairs { ... } do
        local name = path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
        local ok, module = pcall(require, name)
        if ok then
          count = count + 1
          for _, value in pairs(type(module) == "table" and module or { module }) do
            local source = type(value) == "function" and debug.getinfo(value, "S").source
            -- What is in C, and what a module shows of another.
            if source and source ~= "=[C]" then
              assert(source:find("^@multisock/[%w_/]+%.lua$"), source)
            end
          end
        else
          local what = tostring(module):match("module '([^']+)' not found")
          if not what or what:find("^multisock") and what ~= "multisock.ev" then
            error(module, 0)
          end
          missing[#missing + 1] = name
        end
      end
      print(count + #missing, table.concat(missing, " "))]], nil, (table.unpack or unpack)(names))
    assert.equal(0, status, output)
    local count, missing = output:match("^(%d+)\t(.*)\n$")
    assert.equal(tostring(#names), count, output)
    for name in missing:gmatch("%S+") do
      assert.truthy(name:find("^multisock%.loop%.[a-z]+$"), name)
    end
  end)

  it("gives multisock.core alone, before the rest", function()
    says("function\tnil\ttable\n", [[
      local core = require("multisock.core")
      local before = package.loaded["multisock"]
      print(type(core.easy), before, type(require("multisock")))
      assert(core == require("multisock.core"))]])
  end)

  it("tells of misuse at the caller's line, and in tracebacks of its own files", function()
    local output, status = run([[
      local ms = require("multisock")
      print(select(2, pcall(function()
        ms.get("http://127.0.0.1/", { timeuot = 1 })
      end)))
      print(select(2, xpcall(function() ms.map({}, 1) end, debug.traceback)))]])
    assert.equal(0, status, output)
    assert.truthy(output:find("script%.lua:4: [^\n]*timeuot"), output)
    assert.truthy(output:find("script%.lua:6: "), output)
    assert.truthy(output:find("\tmultisock/[%w_/]+%.lua:%d+: in "), output)
  end)
end)
