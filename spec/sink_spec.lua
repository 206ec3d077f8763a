-- sink.c: the file that a body is saved to, whatever the way it comes and ends.
local command = require("spec.support.command")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("saving", function()
  local hostile = fixtures.hostile()
  local client, folder, path

  before_each(function()
    folder = servers.make_dir()
    path = folder .. "/saved"
    -- A limit, so that a spec that fails does not wait for what never comes.
    client = ms.client({ decompress = false, timeout = helper.seconds(15) })
  end)
  after_each(function()
    client:close()
    client = nil
    servers.output("rm -rf " .. folder)
    helper.check_leaks()
  end)

  local function get(what)
    return ms.assert(client:get(hostile.url(what)))
  end

  local function saved()
    return servers.read_file(path)
  end

  -- What has been written so far, beside it.
  local function written()
    return servers.output("cat " .. folder .. "/saved.* 2>/dev/null || :")
  end

  local function names()
    return servers.output("ls -A " .. folder)
  end

  -- How many descriptors of this process are that file.
  local function handles_of(name)
    local pipe = assert(io.popen("ls -l /proc/$PPID/fd"))
    local _, count = pipe:read("a"):gsub("%-> " .. name:gsub("%p", "%%%0"), "")
    pipe:close()
    return count
  end

  -- What a program of its own prints; its `get()` is a response of 100 bytes.
  local function run(text, before, behind)
    local program = folder .. "/program.lua"
    helper.write_file(program, ([[
      local ms = require("multisock")
      local function get()
        return ms.assert(ms.get(%q))
      end
    ]]):format(hostile.url("/bytes?n=100")) .. text)
    return servers.output(("LUA_PATH='%s' LUA_CPATH='%s' %s %s %s %s"):format(package.path,
      package.cpath, before, command.interpreter, program, behind))
  end

  it("writes all of it, whatever its size", helper.task(function()
    for _, size in ipairs({ 0, 1, 32767, 32768, 32769, 100000, 3 * 1024 * 1024 + 7 }) do
      assert.equal(size, get("/bytes?n=" .. size):save(path))
      assert.is_true(servers.bytes(size) == saved(), size .. " bytes are not the same")
    end
    assert.equal(0, handles_of(path))
  end, 30))

  it("goes on where a reader stopped waiting", helper.task(function()
    local response = get("/bytes?n=2000000")
    probe.eventually(function()
      return response.sizes.body > 200000           -- of the 262,144 that wait at most
    end)
    assert.equal(2000000, response:save(path))
    assert.is_true(servers.bytes(2000000) == saved())
  end))

  it("shows soon what comes slowly", helper.task(function()
    local response = get("/stream?n=500&chunk=50&delay=0.15")
    local task = ms.spawn(response.save, response, path)
    local first
    probe.eventually(function()
      first = #written()
      return first > 0
    end)
    assert.is_true(first < 500, "it came at once")
    assert.equal(500, task:await())
    assert.equal(servers.bytes(500), saved())
    assert.equal("saved", names())
  end))

  it("leaves what is there when the body is cut short", helper.task(function()
    for _, what in ipairs({ "/truncate?claim=90000&bytes=50000", "/truncate?claim=90&bytes=50" }) do
      assert.equal("closed", helper.err_of(get(what):save(path)).kind)
      assert.equal("", names())
    end
    helper.write_file(path, "there")
    assert.is_nil((get("/truncate?claim=90000&bytes=50000"):save(path)))
    assert.equal("saved", names())
    assert.equal("there", saved())
  end))

  it("leaves nothing when it is cancelled, and lets go of the file", helper.task(function()
    local response = get("/stall-body?bytes=50000")
    local task = ms.spawn(response.save, response, path)
    probe.eventually(function()
      return response.sizes.body == 50000 and names() ~= ""
    end)
    task:cancel()
    assert.is_false((task:join()))
    assert.equal("", names())
    assert.equal(0, handles_of(path))
    -- Likewise of a response that another task closes.
    response = get("/stall-body?bytes=50000")
    task = ms.spawn(response.save, response, path)
    probe.eventually(function()
      return names() ~= ""
    end)
    response:close()
    local _, size, err = task:join()
    assert.is_nil(size)
    assert.equal("closed", err.kind)
    assert.equal("", names())
  end))

  it("keeps the mode of a file, and follows a link", helper.task(function()
    helper.write_file(path, "before")
    servers.output(("chmod 640 %s && ln -s saved %s/link && ln -s %s/new %s/dangling"):format(path,
      folder, folder, folder))
    local before = assert(io.open(path, "rb"))
    assert.equal(100, get("/bytes?n=100"):save(folder .. "/link"))
    assert.equal(servers.bytes(100), saved())
    assert.equal("640", servers.output("stat -c %a " .. path))
    assert.equal("before", before:read("a"))        -- of who had it open
    before:close()
    assert.equal(10, get("/bytes?n=10"):save(folder .. "/dangling"))
    assert.equal("dangling\nlink\nnew\nsaved", names())
    assert.equal(servers.output("umask 022; touch x; stat -c %a x; rm x"),
      servers.output("stat -c %a " .. folder .. "/new"))
  end))

  it("says what the system says", helper.task(function()
    servers.output("mkdir " .. folder .. "/sub && ln -s loop " .. folder .. "/loop")
    helper.write_file(path, "there")
    local response = get("/bytes?n=100")
    for name, said in pairs({
      ["sub"] = "Is a directory", ["none/x"] = "No such file or directory",
      ["saved/x"] = "Not a directory", ["loop"] = "Too many levels of symbolic links",
      [("x"):rep(300)] = "File name too long",
    }) do
      local err = helper.err_of(response:save(folder .. "/" .. name))
      assert.equal("io", err.kind)
      assert.equal(("%s/%s: %s"):format(folder, name, said), err.message)
    end
    assert.equal(100, response:save(folder .. "/" .. ("y"):rep(255)))   -- the longest there is
  end))

  it("does not replace what may not be written to", helper.task(function()
    helper.write_file(path, "there")
    servers.output(("chmod 444 %s && mkdir -m 555 %s/sub"):format(path, folder))
    -- Root may write everywhere, unless it has lost that power.
    local said = run(([[
      for _, path in ipairs({ %q, %q }) do
        print(get():save(path))
      end
    ]]):format(path, folder .. "/sub/x"), servers.output("id -u") == "0"
      and "setpriv --bounding-set=-dac_override,-dac_read_search" or "", "2>&1")
    assert.truthy(said:find("/saved: Permission denied", 1, true), said)
    assert.truthy(said:find("/sub/x: Permission denied", 1, true), said)
    assert.equal("there", saved())
    assert.equal("", servers.output(("ls -A %s/sub"):format(folder)))
  end))

  it("raises of what is no path", helper.task(function()
    local response = get("/bytes?n=100")
    for shown, value in pairs({ ['""'] = "", ["a?b"] = "a\0b", ["a list"] = {} }) do
      local err = helper.failure(response.save, response, value)
      assert.truthy(err:find("save: path of a file expected, got", 1, true), err)
      assert.truthy(err:find(shown, 1, true), err)
    end
    assert.truthy(helper.failure(response.save, response):find("got nil", 1, true))
    assert.equal(100, #response:text())
  end))

  it("leaves a body that is kept to who reads it again", helper.task(function()
    local response = get("/bytes?n=100")
    assert.equal(servers.bytes(100), response:text())
    assert.equal(100, response:save(path))
    assert.equal(100, response:save(path))
    assert.equal(servers.bytes(100), response:text())
  end))

  it("says that the disk is full, early or at the end", helper.task(function()
    for _, size in ipairs({ 100, 3000000 }) do
      local err = helper.err_of(get("/bytes?n=" .. size):save("/dev/full"))
      assert.equal("io", err.kind)
      assert.is_truthy(err.message:find("/dev/full: No space", 1, true), err.message)
    end
  end))

  it("writes to the program's own output, after what it has written", helper.task(function()
    local text = [[
      io.stdout:write("first ")
      io.stdout:flush()
      assert(get():save("/dev/stdout") == 100)
      io.stdout:write(" last")
    ]]
    for _, behind in ipairs({ "| cat", (">%s/out; cat %s/out"):format(folder, folder) }) do
      assert.equal("first " .. servers.bytes(100) .. " last", run(text, "", behind))
    end
  end))

  it("writes to what has no places, such as a pipe", helper.task(function()
    assert.equal(100000, get("/bytes?n=100000"):save("/dev/null"))
    assert(os.execute("mkfifo " .. path))
    local pipe = assert(io.popen("wc -c <" .. path))
    assert.equal(40000, get("/bytes?n=40000"):save(path))
    assert.equal("40000", pipe:read("a"):match("%d+"))
    pipe:close()
    assert.equal("saved", names())
  end))
end)
