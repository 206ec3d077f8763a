-- libmultisock, as somebody who embeds Lua gets it: built against what was
-- installed, with pkg-config, without one Lua file of ours to be found.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

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
      for name in embedding.shell(command):gmatch("%x+ %u ([%w_]+)") do
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
