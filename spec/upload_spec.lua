-- Request bodies: strings, files, iterators and generators, and servers that do
-- not want them.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local ms = require("multisock")

local MIB = 1024 * 1024
local SIZE = (helper.timing_is_real and 200 or 4) * MIB

describe("uploads", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function sha256(file)
    return shell.said("sha256sum '" .. file .. "'"):match("^%x+")
  end

  local function make_file(size)
    local file = os.tmpname()
    local handle = assert(io.open(file, "wb"))
    for at = 0, size - 1, MIB do
      handle:write(servers.bytes(math.min(MIB, size - at), 0, at))
    end
    handle:close()
    return file
  end

  local function echo(options)
    return echoed.of(client:post(hostile.url("/echo"), options))
  end

  it("send strings, lists, JSON and forms", helper.task(function()
    local seen, headers = echo({ body = "hello" })
    assert.same({ 5, "5", "application/octet-stream" },
      { seen.length, headers["content-length"], headers["content-type"] })
    assert.equal(6, echo({ body = { "one", "two" } }).length)
    seen, headers = echo({ json = { 1, 2 } })
    assert.same({ 5, "application/json" }, { seen.length, headers["content-type"] })
    seen, headers = echo({ form = { a = "b c", d = { 1, 2 } } })
    assert.same({ #"a=b%20c&d=1&d=2", "application/x-www-form-urlencoded" },
      { seen.length, headers["content-type"] })
    seen, headers = echo({ body = "" })
    assert.same({ 0, "0", "POST" }, { seen.length, headers["content-length"], seen.method })
    seen, headers = echo({ body = "a", headers = { ["content-type"] = "text/x" } })
    assert.same({ 1, "text/x" }, { seen.length, headers["content-type"] })
  end))

  it("send zero bytes, and a big string", helper.task(function()
    local body = servers.bytes(5 * MIB)
    ms.assert(client:put(nginx.url("/upload/big"), { body = body }))
    assert.is_true(ms.assert(client:get(nginx.url("/upload/big"))):text() == body)
  end, 20))

  it("stream 200 MB from an iterator in under 20 MB", helper.task(function()
    local before, most = helper.resident_kib(), 0
    local response = ms.assert(client:post(hostile.url("/upload"), {
      body = echoed.pieces(SIZE, 300000, function()
        most = math.max(most, helper.resident_kib())
      end),
    }))
    local seen = ms.assert(response:json())
    assert.equal(SIZE, seen.length)
    if helper.timing_is_real then
      assert.is_true(most - before < 20 * 1024, "grew by " .. (most - before) .. " KiB")
    end
    local file = make_file(SIZE)
    assert.equal(sha256(file), seen.sha256)
    os.remove(file)
  end, 90))

  it("send a file with its length, from where it stands", helper.task(function()
    local size = 3 * MIB
    local name = make_file(size)
    local file = assert(io.open(name, "rb"))
    local response = ms.assert(client:put(nginx.url("/upload/file"), { body = file }))
    assert.equal(201, response.status)
    local got = ms.assert(client:get(nginx.url("/upload/file"))):text()
    assert.is_true(got == servers.bytes(size))
    file:seek("set", size - 10)
    local seen, headers = echo({ body = file })
    assert.same({ 10, "10" }, { seen.length, headers["content-length"] })
    assert.is_nil(headers["transfer-encoding"])
    file:close()
    os.remove(name)
  end, 20))

  it("send what a generator gives chunked, empty pieces too", helper.task(function()
    local pieces = { "a", "", "b", "", "", "c" }
    local at = 0
    local seen, headers = echo({ body = function()
      at = at + 1
      return pieces[at]
    end })
    assert.same({ 3, "chunked" }, { seen.length, headers["transfer-encoding"] })
    assert.equal(0, echo({ body = function() end }).length)
    assert.equal(4, ms.assert(ms.assert(client:put(hostile.url("/upload"), {
      body = echoed.pieces(4, 1), headers = { ["Content-Length"] = "4" } })):json()).length)
  end))

  it("wait for a generator that sleeps, while others run", helper.task(function()
    local ticks = 0
    local ticker = ms.spawn(function()
      while true do
        ms.sleep(0.01)
        ticks = ticks + 1
      end
    end)
    local response = ms.assert(client:post(hostile.url("/upload"), {
      body = echoed.pieces(5, 1, function()
        ms.sleep(0.03)
      end),
    }))
    assert.equal(5, ms.assert(response:json()).length)
    assert.is_true(ticks >= 3)
    ticker:cancel()
  end))

  it("raise what a generator raises, and end the transfer", helper.task(function()
    for _, value in ipairs({ "no more", { mine = true } }) do
      local given = 0
      local err = helper.failure(client.post, client, hostile.url("/upload"), {
        body = function()
          given = given + 1
          if given == 3 then
            error(value, 0)
          end
          return "piece"
        end,
      })
      assert.equal(value, err)
      probe.open_becomes(hostile, 0)
    end
    local err = helper.failure(client.post, client, hostile.url("/upload"), {
      body = function()
        return 5
      end,
    })
    assert.is_truthy(tostring(err):find("string or nil", 1, true), err)
  end))

  it("take an early refusal, whatever the generator waits for", helper.task(function()
    local queue = ms.queue(1)
    queue:put("first")
    local response = ms.assert(client:post(hostile.url("/reject-early?linger=5"), {
      body = function()
        return queue:get()
      end,
    }))
    assert.equal(413, response.status)
    assert.equal("too large\n", response:text())
  end))

  it("take an early refusal of a body that goes on", helper.task(function()
    for _ = 1, 5 do
      local response, err = client:post(hostile.url("/reject-early?linger=5"), {
        body = echoed.pieces(1000 * MIB, 65536),
      })
      assert.is_nil(err)
      assert.equal(413, response.status)
      response:close()
    end
    -- Without linger a reset may overtake the answer.
    local response, err = client:post(hostile.url("/reject-early"), {
      body = echoed.pieces(1000 * MIB, 65536),
    })
    assert.is_truthy(response and response.status == 413 or err.kind == "closed", tostring(err))
  end, 20))

  it("keep to a limit, whatever the generator waits for", helper.task(function()
    local started = ms.now()
    local response, err = client:post(hostile.url("/upload"), {
      timeout = { total = 0.2 },
      body = function()
        ms.sleep(60)
      end,
    })
    assert.is_nil(response)
    assert.same({ "timeout", "send" }, { err.kind, err.phase })
    assert.is_true(ms.now() - started < helper.seconds(2))
    probe.open_becomes(hostile, 0)
  end))

  it("have closed in the phase in which the server has reset them", helper.task(function()
    for phase, body in pairs({ send = ("x"):rep(20 * MIB), wait = "hello" }) do
      local err = helper.err_of(client:post(hostile.url("/reset"), { body = body }))
      assert.same({ "closed", phase, false, 1 },
        { err.kind, err.phase, err.retryable, err.attempts }, tostring(err))
    end
    for _ = 1, 3 do
      local err = helper.err_of(client:put(hostile.url("/reset"),
        { body = echoed.pieces(50 * MIB, 65536) }))
      assert.same({ "closed", "send", true }, { err.kind, err.phase, err.retryable },
        tostring(err))
    end
    -- In longer time the kernel would have taken all of it.
    local err = helper.err_of(client:post(hostile.url("/upload-slow?rate=3000000"), {
      body = ("x"):rep(20 * MIB), timeout = { total = math.min(helper.seconds(0.3), 2) } }))
    assert.same({ "timeout", "send" }, { err.kind, err.phase })
    probe.open_becomes(hostile, 0)
  end, 20))

  it("wait for a slow server without filling up", helper.task(function()
    local given = 0
    local task = ms.spawn(function()
      return client:post(hostile.url("/upload-slow?rate=3000000"), {
        body = echoed.pieces(1000 * MIB, 65536, function(at)
          given = at
        end),
      })
    end)
    ms.sleep(0.4)
    -- What the kernel's buffers hold, and little more.
    assert.is_true(given < 12 * MIB, given .. " bytes were asked for")
    task:cancel()
    -- The server reads on until what the kernel still has is through.
    probe.open_becomes(hostile, 0)
  end, 20))

  it("tell their progress", helper.task(function()
    local last
    local response = ms.assert(client:post(hostile.url("/upload"), {
      body = ("x"):rep(MIB),
      progress = function(p)
        last = p
      end,
    }))
    response:text()
    assert.is_table(last)
    assert.same({ MIB, MIB }, { last.up, last.up_total })
  end))

  it("follow 307 with the same body, 303 without; not with a generator's", helper.task(function()
    local path = "/redirect?to=/echo&status="
    for status, expected in pairs({ [307] = { "POST", 3 }, [303] = { "GET", 0 } }) do
      local response = ms.assert(client:post(hostile.url(path .. status), { body = "abc" }))
      local seen = ms.assert(response:json())
      assert.same(expected, { seen.method, seen.length })
      assert.same({ true, 1 }, { response.redirected, #response.history })
    end
    local err = helper.err_of(client:post(hostile.url(path .. 307), { body = echoed.pieces(3, 1) }))
    assert.equal("redirect", err.kind)
  end))
end)
