-- bin/multisock: what it refuses, what it says of itself, where it runs from.
local command = require("spec.support.command")
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")

local run, get, said_by = command.run, command.get, shell.said
local files, content, quote = command.files, command.content, servers.quote

describe("the command", function()
  local nginx = fixtures.nginx()
  local dir

  command.fixture(function(made) dir = made end)

  for name, case in pairs({
    ["no URL"] = { {}, "no URL given" },
    ["an unknown option"] = { { "--rety", "3", "http://h/" },
      "unknown option '--rety', did you mean '--retry'?" },
    ["a wrong number"] = { { "--segments", "0", "http://h/" },
      "--segments 0: a whole number of 1 or more is wanted" },
    ["a wrong rate"] = { { "--limit-rate", "fast", "http://h/" },
      "--limit-rate fast: bytes a second are wanted, such as 200K" },
    ["a wrong time"] = { { "-m0", "http://h/" }, "-m 0: a number of seconds is wanted" },
    ["a header without a value, and does not show it"] = { { "-H", "secret", "http://h/" },
      "-H: 'Name: value' is wanted" },
    ["a header that cannot be sent"] = { { "-H", "a: b\nc", "http://h/" },
      "headers: a: the value has a line break" },
    ["a user without a password"] = { { "--user", "secret", "http://h/" },
      "-u: USER:PASSWORD is wanted" },
    ["a path for a name"] = { { "-O", "a/b", "http://h/" }, "-O a/b: a name without a folder" },
    ["standard output for a name"] = { { "-O", "-", "http://h/" }, "-O -: the name of a file" },
    ["a name for two"] = { { "-O", "a", "http://h/", "http://h/" },
      "-O a: a name for one URL, but there are 2" },
    ["a missing list of checksums"] = { { "--checksum", "no such", "http://h/" },
      "--checksum no such: No such file or directory" },
    ["what is no list of checksums"] = { { "--checksum", "/etc/passwd", "http://h/" },
      "--checksum /etc/passwd: not a list of SHA-256 checksums: root:" },
    ["a URL without scheme"] = { { "example.com/a" },
      "'example.com/a' has no scheme: write https://example.com/a" },
    ["a wrong -P"] = { { "-P", "many", "http://h/" }, "-P many: a whole number of 1 or more" },
    ["a -P of 0"] = { { "-P0", "http://h/" }, "-P 0: a whole number of 1 or more" },
    ["an empty folder"] = { { "-o", "", "http://h/" }, "-o : the name of a folder is wanted" },
    ["an empty file"] = { { "--cacert", "", "http://h/" },
      "option 'tls.ca': path expected" },
    ["a missing value"] = { { "http://h/", "-o" }, "option '-o' needs a value: -o DIR" },
    ["a missing list"] = { { "-i", "no such" }, "-i no such: No such file or directory" },
    ["a folder as a list"] = { { "-i", "/" }, "-i /: Is a directory" },
    ["a file as the folder"] = { { "-o", "/dev/null/x", "http://h/" }, "-o /dev/null/x: " },
  }) do
    it("names what is wrong in its arguments: " .. name, function()
      local status, out, err = get(table.unpack(case[1]))
      assert.equal(2, status)
      assert.equal("", out)
      assert.equal("multisock get: " .. case[2], err:sub(1, #case[2] + 15), err)
      assert.truthy(err:find("(try 'multisock get --help')\n", 1, true), err)
      assert.equal("", files())
    end)
  end

  it("tells the versions that run", function()
    for _, word in ipairs({ "version", "--version" }) do
      local status, out, err = run({ word })
      assert.equal("0", status .. err)
      assert.truthy(out:find("^multisock %d+%.%d+%.%d+\n"), out)
      assert.truthy(out:find("\nLua +[LuaJIT ]*%d%.%d[^\n]*\nlibcurl +%d+%.[^\n]*\n"), out)
      assert.truthy(out:find("\ncodings +[^\n]*gzip[^\n]*\nwarnings +%d+ [^\n]*\n$"), out)
    end
  end)

  it("takes a URL for what is to be fetched", function()
    local status, _, err = run({ nginx.url("/1k"), "-o", dir })
    assert.equal(0, status, err)
    assert.equal(servers.bytes(1024), content("1k"))
  end)

  it("helps", function()
    for _, list in ipairs({ { "help" }, { "--help" }, { "-h" } }) do
      local status, out, err = run(list)
      assert.equal("0", status .. err)
      assert.truthy(out:find("^usage: multisock get URL"), out)
    end
    local _, expected = run({ "get", "--help" })
    assert.truthy(expected:find("  -P, --parallel N  ", 1, true), expected)
    for line in expected:gmatch("[^\n]+") do
      assert.is_true(#line <= 80, line)
    end
    for _, list in ipairs({ { "help", "get" }, { "get", "http://h/", "-h" } }) do
      local status, out, err = run(list)
      assert.equal("0", status .. err)
      assert.equal(expected, out)
    end
  end)

  it("refuses what it does not know", function()
    for _, case in ipairs({
      { {}, "usage: multisock get" }, { { "fetch" }, "multisock: unknown command 'fetch'" },
      { { "-x" }, "multisock: unknown option '-x'" },
      { { "-q", "http://h/" }, "multisock: unknown option '-q': options stand behind" },
      { { "h.example/x" }, "multisock get: 'h.example/x' has no scheme: write https://" },
      { { "got" }, "multisock: unknown command 'got', did you mean 'get'?" },
      { { "--verson" }, "multisock: unknown option '--verson', did you mean '--version'?" },
      { { "get", "--jsno", "http://h/" },
        "multisock get: unknown option '--jsno', did you mean '--json'?" },
      { { "help", "qqq" }, "multisock help: unknown name 'qqq' (try" },
      { { "help", "timout" }, "multisock help: unknown name 'timout', did you mean 'timeout'?" },
      { { "version", "x" }, "multisock version: unexpected argument 'x'" },
    }) do
      local status, out, err = run(case[1])
      assert.equal(2, status)
      assert.equal("", out)
      assert.equal(case[2], err:sub(1, #case[2]))
    end
  end)

  it("fails when it cannot say what was asked for", function()
    local status, _, err = run({ "help" }, ">/dev/full")
    assert.equal(1, status)
    assert.truthy(err:find("cannot write to standard output", 1, true), err)
  end)

  it("runs from anywhere, and through links", function()
    said_by(("cd %s && ln -s %s one && ln -s d/one ../two"):format(quote(dir),
      quote(command.root .. "/bin/multisock")))
    local said = said_by(("cd %s/.. && unset LUA_PATH LUA_CPATH && %s ./two version 2>&1"):format(
      quote(dir), quote(command.interpreter)))
    assert.truthy(said:find("^multisock %d"), said)
  end)
end)
