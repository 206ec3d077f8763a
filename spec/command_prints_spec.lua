-- bin/multisock: what it prints, on a terminal and elsewhere, and what it does not.
local command = require("spec.support.command")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local terminal = require("spec.support.terminal")

local run, get, said = command.run, command.get, shell.said
local files, content, records = command.files, command.content, command.records
local quote, read_file, MULTISOCK = servers.quote, shell.read_file, command.MULTISOCK

describe("the command", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local dir

  command.fixture(function(made) dir = made end)

  it("shows no credentials and nothing that steers a terminal", function()
    local port = nginx.port
    local status, out, err = get("--json", ("http://joe:secret@127.0.0.1:%d/\155no"):format(port))
    assert.equal(1, status)
    assert.falsy((out .. err):find("secret", 1, true), out .. err)
    assert.falsy(err:find("\155", 1, true), err)
  end)

  it("prints a record for each URL with --json, as it ends", function()
    local slow, bad = hostile.url("/late?delay=0.3&body=slow"), nginx.url("/nope")
    local broken = hostile.url("/truncate?bytes=300")
    helper.write_file(dir .. "/1k", "mine")
    local status, out, err = get("--json", "-q", "--retry", "0", slow, bad, broken,
      nginx.url("/1k"))
    assert.equal(1, status)
    assert.truthy(err:find("^failed: 2\n"), err)
    local list, by_url = records(out)
    assert.equal(4, #list)
    assert.equal(slow, list[4].url)
    assert.truthy(list[4].seconds >= 0.3 and list[4].seconds < helper.seconds(5))
    list[4].seconds = nil
    local sha256 = said("printf slow | sha256sum"):match("^%x+")
    assert.same({ url = slow, path = "late", size = 4, status = 200, ok = true,
      sha256 = sha256 }, list[4])
    assert.equal("1k.1", by_url[nginx.url("/1k")].path)
    assert.same({ kind = "status", message = "HTTP status 404 Not Found" }, by_url[bad].error)
    assert.equal(404, by_url[bad].status)
    assert.is_false(by_url[bad].ok)
    assert.is_nil(by_url[bad].path)
    assert.equal("closed", by_url[broken].error.kind)
    assert.equal("truncate.part", by_url[broken].part)
    assert.equal(300, by_url[broken].size)
  end)

  it("says nothing with -q, and shows no progress but on a terminal", function()
    local slow = hostile.url("/trickle?bytes=30&delay=0.01")
    local status, out, err = get("-q", slow)
    assert.equal("0", status .. out .. err)
    status, out, err = get(slow)
    assert.equal("0", status .. out)
    assert.falsy(err:find("[\r\27]"), err)
  end)

  it("fails when records cannot be written, but gets the files", function()
    local url = nginx.url("/file/a")
    -- valgrind opens a closed standard stream before we run.
    for _, target in ipairs({ ">/dev/full", helper.timing_is_real and ">&-" or nil }) do
      local status, _, err = run({ "get", "--json", url }, target)
      assert.equal(1, status)
      assert.truthy(err:find("cannot write to standard output", 1, true), err)
      assert.truthy(err:find("\n1 file, ", 1, true), err)
    end
    -- A reader that has gone: the second record comes after its end.
    local _, out = run({ "get", "--json", "-P1", url, hostile.url("/late?delay=0.3"), url },
      "2>../err2 | head -n 1")
    assert.equal(1, #records(out))
    assert.truthy(read_file(dir .. "/../err2"):find("Broken pipe", 1, true))
    assert.truthy(content("late"))
    said("rm " .. quote(dir) .. "/*")
    assert.equal(0, (run({ "get", url }, "2>&-")))
    assert.equal("a", files())
    assert.equal("body-a", content("a"))
  end)

  local has_script = said("script --version 2>/dev/null"):find("util%-linux")
  for _, columns in ipairs(has_script and { 80, 40 } or {}) do
    it(("shows progress on a terminal of %d columns, then a summary"):format(columns), function()
      local url = hostile.url("/trickle?bytes=12&delay=0.1")
      local inner = ("stty cols %d rows 10; unset COLUMNS LINES; cd %s; %s get %s %s %s"):format(
        columns, quote(dir), MULTISOCK, quote(url), quote(nginx.url("/1k")),
        quote(nginx.url("/nope")))
      said(("SHELL=/bin/sh TERM=xterm script -qec %s /dev/null </dev/null >%s"):format(
        quote(inner), quote(dir .. "/../typescript")))
      local bytes = read_file(dir .. "/../typescript")
      local frames = select(2, bytes:gsub("\27%[%?7l", ""))
      assert.truthy(frames >= 3, bytes)
      -- At most ten a second: about 1.2 seconds go by.
      assert.truthy(frames <= 20 or not helper.timing_is_real, frames)
      assert.truthy(bytes:find("trickle +%d+%% +%d+/12 +%d+/s +0:0%d"), bytes)
      -- After the fourth frame the screen holds its two lines and nothing else.
      local stop = 0
      for _ = 1, 4 do
        stop = select(2, assert(bytes:find("\27[?7h", stop + 1, true)))
      end
      local during = terminal.screen(bytes:sub(1, stop), columns)
      local pattern = "^trickle +%d+%% [^\n]+\n1 ?[o/]f? ?3 [%a ]*done, 1 failed [^\n]+$"
      assert.truthy(during:find(pattern), during)
      local at_end = terminal.screen(bytes, math.max(columns, 100))
      assert.falsy(at_end:find("%%", 1, true), at_end)
      local table_and_summary = "^failed: 1\nkind [^\n]+\nstatus [^\n]+ 404 [^\n]+\n2 files, "
      assert.truthy(at_end:find(table_and_summary), at_end)
    end)
  end
end)
