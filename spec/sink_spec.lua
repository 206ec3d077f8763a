-- sink.c: the file that a body is saved to, whatever the way it comes and ends.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("saving", function()
  local hostile = fixtures.hostile()
  local client, path

  before_each(function()
    -- A limit, so that a spec that fails does not wait for what never comes.
    client = ms.client({ decompress = false, timeout = helper.seconds(15) })
    path = os.tmpname()
  end)
  after_each(function()
    client:close()
    client = nil
    os.remove(path)
    helper.check_leaks()
  end)

  local function get(what)
    return ms.assert(client:get(hostile.url(what)))
  end

  local function saved()
    local file = assert(io.open(path, "rb"))
    local bytes = file:read("a")
    file:close()
    return bytes
  end

  -- How many descriptors of this process are that file.
  local function handles_of(name)
    local pipe = assert(io.popen("ls -l /proc/$PPID/fd"))
    local _, count = pipe:read("a"):gsub("%-> " .. name:gsub("%p", "%%%0"), "")
    pipe:close()
    return count
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
    probe.eventually(function()
      return #saved() > 0
    end)
    assert.is_true(#saved() < 500, "it came at once")
    assert.equal(500, task:await())
    assert.equal(servers.bytes(500), saved())
  end))

  it("keeps what came before the body was cut short", helper.task(function()
    local size, err = get("/truncate?claim=90000&bytes=50000"):save(path)
    assert.is_nil(size)
    assert.equal("closed", err.kind)
    assert.equal(servers.bytes(50000), saved())
  end))

  it("keeps what came before it was cancelled, and lets go of the file", helper.task(function()
    local response = get("/stall-body?bytes=50000")
    local task = ms.spawn(response.save, response, path)
    probe.eventually(function()
      return response.sizes.body == 50000 and handles_of(path) > 0
    end)
    task:cancel()
    assert.is_false((task:join()))
    assert.equal(servers.bytes(50000), saved())
    response, task = nil, nil -- luacheck: ignore 311
    probe.eventually(function()
      collectgarbage()
      return handles_of(path) == 0
    end)
  end))

  it("says that the disk is full, early or at the end", helper.task(function()
    for _, size in ipairs({ 100, 3000000 }) do
      local got, err = get("/bytes?n=" .. size):save("/dev/full")
      assert.is_nil(got)
      assert.equal("io", err.kind)
      assert.is_truthy(err.message:find("/dev/full: No space", 1, true), err.message)
    end
  end))

  it("writes to what has no places, such as a pipe", helper.task(function()
    assert.equal(100000, get("/bytes?n=100000"):save("/dev/null"))
    os.remove(path)
    assert(os.execute("mkfifo " .. path))
    local pipe = assert(io.popen("wc -c <" .. path))
    assert.equal(40000, get("/bytes?n=40000"):save(path))
    assert.equal("40000", pipe:read("a"):match("%d+"))
    pipe:close()
  end))
end)
