-- The libuv driver on its own: a C program that knows nothing of Lua is built
-- from it and driven through everything that a multi can do.
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

local run = shell.run

describe("the libuv driver", function()
  local nginx, hostile, ftps, program

  setup(function()
    nginx, hostile = servers.nginx(), servers.hostile()
    ftps = packaged.ftp({ implicit = true, any_session = true })
    program = os.tmpname()
    local sanitize = os.getenv("MULTISOCK_SANITIZE") == "1"
      and "-fsanitize=address,undefined -fno-sanitize-recover=undefined" or ""
    -- LD_PRELOAD is the sanitizer's, for programs that are not built with it.
    local output, status = run(table.concat({
      "LD_PRELOAD=", os.getenv("CC") or "cc", "-std=gnu99 -g -Wall -Wextra -Werror", sanitize,
      "-Isrc/base -Isrc/driver -o", program, "spec/support/driver_test.c src/driver/*.c",
      "src/base/process.c src/base/quirks.c",
      "$(pkg-config --cflags --libs libcurl libuv)",
    }, " "))
    assert(status == 0, output)
  end)

  teardown(function()
    os.remove(program)
    ftps.stop()
    servers.stop_all()
  end)

  it("needs nothing of Lua", function()
    local output = run("LD_PRELOAD= nm -u " .. program)
    assert.truthy(output:find("curl_multi_socket_action", 1, true))
    assert.falsy(output:find("lua", 1, true))
    assert.falsy(output:find("luaL", 1, true))
  end)

  it("drives transfers, and leaves nothing watched", function()
    local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    local output, status = run(("LD_PRELOAD= ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS= " ..
      "timeout %d %s %s %s %s %s %s"):format(
      math.ceil(helper.seconds(60)), program, nginx.url(""), refusing, hostile.url("/stall"),
      ftps.url("/1k"), ftps.ca))
    assert.equal("OK\n", output)
    assert.equal(0, status)
  end)
end)
