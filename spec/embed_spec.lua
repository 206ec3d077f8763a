-- libmultisock, as somebody who embeds Lua gets it: built against what was
-- installed, with pkg-config, without one Lua file of ours to be found.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

-- Loads Lua so that no module finds it.
local LIBRARY = embedding.lua == "luajit" and "libluajit-5.1.so.2"
  or "lib" .. embedding.lua .. ".so.0"

describe("a host that keeps its Lua to itself", function()
  local program

  setup(function()
    program = os.tmpname()
    local output, status = shell.run("cc -o " .. program .. " spec/embed/local.c -ldl")
    assert.equal(0, status, output)
  end)

  teardown(function()
    os.remove(program)
  end)

  local function run(code)
    if os.getenv("MULTISOCK_SANITIZE") == "1" or embedding.is_tsan then
      pending("a module with a sanitizer in it needs a program that has it, too")
    end
    return embedding.run(program, LIBRARY, ("package.path, package.cpath = %q, %q\n"):format(
      package.path, package.cpath) .. code)
  end

  it("is told what to do when multisock does not find Lua", function()
    local output, status = run("require('multisock')")
    assert.equal(1, status, output)
    assert.truthy(output:find("undefined symbol: lua", 1, true), output)
    assert.truthy(output:find('package.loadlib("' .. LIBRARY .. '", "*")', 1, true), output)
  end)

  -- Lua 5.1 itself has no "*".
  if embedding.lua ~= "lua5.1" then
    it("gets multisock when it has done that", function()
      local output, status = run(("assert(package.loadlib(%q, '*'))\n"):format(LIBRARY)
        .. "local ms = require('multisock')\n"
        .. "print(ms.run(function() ms.sleep(0) return 'ran' end))")
      assert.equal("ran\n", output)
      assert.equal(0, status)
    end)
  end

  it("is told of other faults as they are", function()
    local output = run("package.cpath = '' require('multisock')")
    assert.truthy(output:find("module 'multisock.core' not found", 1, true), output)
    assert.falsy(output:find("loadlib", 1, true), output)
  end)
end)

describe("libmultisock", function()
  local nginx = fixtures.nginx()

  teardown(embedding.clean)

  local function exists(path)
    local file = io.open(path)
    return file ~= nil and file:close()
  end

  it("is installed with its header and its pkg-config file, beside the module", function()
    local prefix, version = embedding.prefix(), embedding.lua:match("5%.%d") or "5.1"
    for _, name in ipairs {
      "lib/libmultisock.a", "include/multisock.h", "lib/pkgconfig/multisock.pc",
      "lib/lua/" .. version .. "/multisock/core.so",
      "share/lua/" .. version .. "/multisock/init.lua",
    } do
      assert.truthy(exists(prefix .. "/" .. name), name)
    end
    assert.equal(require("multisock").version().multisock,
      embedding.pkg_config("--modversion multisock"))
    assert.equal(version, embedding.pkg_config("--variable=lua_version multisock"))
    -- It has no names of its own in it: the folder may be moved.
    local pc = assert(io.open(prefix .. "/lib/pkgconfig/multisock.pc"))
    assert.falsy(pc:read("*a"):find(prefix, 1, true))
    pc:close()
  end)

  it("shows the functions of its header and no other name", function()
    for _, command in ipairs {
      "nm -g --defined-only " .. embedding.prefix() .. "/lib/libmultisock.a",
      "nm -D --defined-only " .. embedding.prefix("shared") .. "/lib/libmultisock.so.0",
    } do
      local names = {}
      for name in shell.run(command):gmatch("%x+ %u ([%w_]+)") do
        if not name:find("^_") then           -- a sanitizer's
          names[#names + 1] = name
        end
      end
      table.sort(names)
      assert.same({ "luaopen_multisock", "luaopen_multisock_core", "multisock_fd",
        "multisock_next_timeout", "multisock_step", "multisock_use_loop" }, names)
    end
  end)

  for _, kind in ipairs { "static", "shared" } do
    it("opens in every way, " .. kind, function()
      local output, status = embedding.run(embedding.build("spec/embed/opening.c", kind))
      assert.equal("OK\n", output)
      assert.equal(0, status)
    end)

    it("runs the example with a libuv loop, " .. kind, function()
      local program = embedding.build("examples/embed/uv_host.c", kind)
      local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
      local output, status = embedding.run(program, "examples/embed/fetch.lua",
        nginx.url("/file/embedded"), nginx.url("/1k"), refusing)
      assert.equal(0, status, output)
      assert.truthy(output:find("/file/embedded\t200\t13 bytes\n", 1, true), output)
      assert.truthy(output:find("/1k\t200\t1024 bytes\n", 1, true), output)
      assert.truthy(output:find(refusing .. "\tconnect: ", 1, true), output)
      assert.truthy(output:find("the host ticked meanwhile\n$"), output)
    end)
  end

  it("is stepped by a host that owns its time", function()
    local output, status = embedding.run(embedding.build("spec/embed/stepping.c"),
      nginx.url("/file/stepped"))
    assert.equal("OK\n", output)
    assert.equal(0, status)
  end)

  it("runs the example with frames, which sleeps when there is nothing to draw", function()
    local hostile = servers.hostile()
    local program = embedding.build("examples/embed/frame_host.c")
    local output, status = embedding.run(program, "examples/embed/fetch.lua",
      nginx.url("/file/embedded"), hostile.url("/late?delay=1.5&body=late"))
    assert.equal(0, status, output)
    assert.truthy(output:find("embedded\t200\t13 bytes\n.*late\t200\t4 bytes\n"), output)
    assert.truthy(output:find("30 frames, then slept\n", 1, true), output)
  end)

  it("has examples that say how they are used, and what is wrong", function()
    for _, name in ipairs { "uv_host", "frame_host" } do
      local program = embedding.build("examples/embed/" .. name .. ".c")
      local output, status = embedding.run(program)
      assert.equal(2, status)
      assert.truthy(output:find("usage: " .. name .. " SCRIPT", 1, true))
      output, status = embedding.run(program, "/nonexistent.lua")
      assert.equal(1, status)
      assert.truthy(output:find("cannot open /nonexistent.lua", 1, true), output)
    end
  end)
end)
