-- Bodies of any size in little memory, and readers that pause (HTTP/1.1; for
-- HTTP/2 see http2_spec.lua).
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

local MIB = 1024 * 1024
local SIZE = (helper.timing_is_real and 200 or 8) * MIB

describe("streaming", function()
  local hostile, secure = fixtures.hostile(), fixtures.hostile({ tls = true })
  local client

  fixtures.each(function()
    client = ms.client({ tls = { ca = secure.ca } })
    return client
  end)

  local function assert_little_growth(before, most)
    if helper.timing_is_real then
      assert.is_true(most - before < 20 * 1024, "grew by " .. (most - before) .. " KiB")
    end
  end

  -- Each chunk is compared with what stands at its place.
  local function check_stream(response, size, each)
    local at = 0
    for chunk in response:chunks() do
      if chunk ~= servers.bytes(#chunk, 0, at) then
        error("wrong bytes after " .. at)
      end
      at = at + #chunk
      if each then
        each(at)
      end
    end
    assert.equal(size, at)
  end

  it("passes 200 MB in under 20 MB", helper.task(function()
    local before, most, looked = helper.resident_kib(), 0, 0
    check_stream(ms.assert(client:get(hostile.url("/bytes?n=" .. SIZE))), SIZE, function(at)
      if at - looked > MIB then
        looked = at
        most = math.max(most, helper.resident_kib())
      end
    end)
    assert_little_growth(before, most)
  end, 60))

  it("saves 200 MB in under 20 MB", helper.task(function()
    local before = helper.resident_kib()
    local file = os.tmpname()
    assert.equal(SIZE, ms.assert(client:get(hostile.url("/bytes?n=" .. SIZE))):save(file))
    assert_little_growth(before, helper.resident_kib())
    local handle = assert(io.open(file, "rb"))
    assert.equal(SIZE, handle:seek("end"))
    handle:seek("set", SIZE - 1000)
    assert.equal(servers.bytes(1000, 0, SIZE - 1000), handle:read("a"))
    handle:close()
    os.remove(file)
  end, 60))

  it("passes a gzip bomb through in little memory", helper.task(function()
    local size = (helper.timing_is_real and 300 or 10) * 1000000
    local before, most = helper.resident_kib(), 0
    local got = 0
    for chunk in ms.assert(client:get(hostile.url("/gzip?n=" .. size))):chunks() do
      got = got + #chunk
      most = math.max(most, helper.resident_kib())
    end
    assert.equal(size, got)
    assert_little_growth(before, most)
  end, 60))

  for name, server in pairs({ ["a reader"] = "hostile", ["a reader over TLS"] = "secure" }) do
    it(name .. " that pauses stops the server, and then has it all", helper.task(function()
      local from = server == "hostile" and hostile or secure
      local size = 40 * MIB
      local before, most = helper.resident_kib(), 0
      local response = ms.assert(client:get(from.url("/bytes?n=" .. size),
        { timeout = { idle = helper.seconds(2) } }))
      local paused = 0
      check_stream(response, size, function(at)
        if paused < 3 and at > paused * 10 * MIB then
          paused = paused + 1
          ms.sleep(0.3)
          most = math.max(most, helper.resident_kib())
        end
      end)
      assert.equal(3, paused)
      assert_little_growth(before, most)
    end, 40))
  end

  it("keeps the server from going on while nobody reads", helper.task(function()
    local total = 64 * MIB
    local response = ms.assert(client:get(hostile.url("/bytes?n=" .. total),
      { high_water = 65536 }))
    ms.sleep(0.3)
    local first = response.sizes.body
    ms.sleep(0.3)
    assert.equal(first, response.sizes.body)
    assert.is_true(first <= 65536 + 200000, first .. " bytes were taken")
    -- The server still sends: it cannot have given its body to anybody.
    assert.equal(1, probe.stats(hostile).open)
    local before = helper.resident_kib()
    check_stream(response, total)
    assert_little_growth(before, helper.resident_kib())
  end, 40))

  it("wakes for a buffer of one byte", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/bytes?n=300000"), { high_water = 1 }))
    local pieces = {}
    for chunk in response:chunks(1000) do
      pieces[#pieces + 1] = chunk
    end
    assert.is_true(table.concat(pieces) == servers.bytes(300000))
  end))

  it("reads hundreds side by side, some of them slowly", helper.task(function()
    ms.group(function(group)
      for i = 1, 100 do
        group:spawn(function()
          local response = ms.assert(client:get(hostile.url("/stream?n=100000&seed=" .. i),
            { high_water = 20000 }))
          local at = 0
          for chunk in response:chunks(9999) do
            assert.is_true(chunk == servers.bytes(#chunk, i, at))
            at = at + #chunk
            if i % 10 == 0 then
              ms.sleep(0.01)
            end
          end
          assert.equal(100000, at)
        end)
      end
    end)
  end, 30))

  it("tells its progress", helper.task(function()
    local seen = {}
    local response = ms.assert(client:get(hostile.url("/trickle?bytes=50&delay=0.01"), {
      progress = function(p)
        seen[#seen + 1] = p
      end,
    }))
    assert.equal(servers.bytes(50), response:text())
    local last = seen[#seen]
    assert.is_true(#seen >= 3 and #seen <= 60, #seen .. " calls")
    assert.same({ 50, 50, 0 }, { last.down, last.down_total, last.up })
    assert.is_true(last.speed > 0)
    assert.equal(0, last.eta)
    for i = 2, #seen do
      assert.is_true(seen[i].down >= seen[i - 1].down)
    end
    seen = {}
    response = ms.assert(client:get(hostile.url("/stream?n=100&chunk=50&delay=0.02"), {
      progress = function(p)
        seen[#seen + 1] = p
      end,
    }))
    assert.equal(100, #response:text())
    assert.same({ 100 }, { seen[#seen].down, seen[#seen].down_total })
  end))

  it("raises what progress raises, and ends the transfer", helper.task(function()
    for _, value in ipairs({ "stop here", { mine = true } }) do
      local err = helper.failure(function()
        return ms.assert(client:get(hostile.url("/trickle?delay=0.05"), {
          progress = function()
            error(value, 0)
          end,
        })):text()
      end)
      assert.equal(value, err)
      probe.open_becomes(hostile, 0)
    end
  end))

  it("ends with the task that has opened it, when that fails", helper.task(function()
    local kept
    local function open()
      kept = ms.assert(client:get(hostile.url("/stall-body?bytes=100")))
      return kept
    end
    local function closes(task)
      assert.is_false((task:join()))
      assert.equal("multisock.response (200, read)", tostring(kept))
      local err = helper.err_of(kept:read())
      assert.equal("closed", err.kind)
      assert.equal("the task that has opened the response has failed", err.message)
      probe.open_becomes(hostile, 0)
    end
    closes(ms.spawn(function()
      open()
      error("enough", 0)
    end))
    local opened = ms.queue()
    local task = ms.spawn(function()
      open()
      opened:put(true)
      ms.sleep(60)
    end)
    opened:get()
    task:cancel()
    closes(task)
    closes(ms.spawn(function()
      open():read(10)
      error("enough", 0)
    end))
  end))

  it("goes on for who else reads it, or gets it of a task that ends well", helper.task(function()
    local response = ms.spawn(function()
      return ms.assert(client:get(hostile.url("/stall-body?bytes=100")))
    end):await()
    assert.equal(100, #response:read(100))
    response:close()
    local given = ms.queue()
    local task = ms.spawn(function()
      given:put(ms.assert(client:get(hostile.url("/stall-body?bytes=100"))))
      ms.sleep(60)
    end)
    response = given:get()
    assert.equal(50, #response:read(50))
    task:cancel()
    assert.is_false((task:join()))
    assert.equal(50, #response:read(50))
    response:close()
    -- An error shows its response.
    task = ms.spawn(function()
      ms.assert(client:get(hostile.url("/coded?hex=61&times=5000&piece=500&delay=0.01&status=500"),
        { fail_on_error = true, decompress = false }))
    end)
    local _, err = task:join()
    assert.equal("status", err.kind)
    assert.equal(5000, #err.response:text())
  end))

  it("is read in pieces of a size, but for the last", helper.task(function()
    for _, what in ipairs({ "/bytes?n=1000", "/stream?n=1000&chunk=7&delay=0.0005" }) do
      local response = ms.assert(client:get(hostile.url(what)))
      local at = 0
      for _, size in ipairs({ 1, 64, 300, 400 }) do
        assert.equal(servers.bytes(size, 0, at), response:read(size))
        at = at + size
      end
      assert.equal(servers.bytes(235, 0, at), response:read(1000))
      assert.is_nil(response:read(1))
      assert.is_nil(response:read())
    end
    local response = ms.assert(client:get(hostile.url("/truncate?claim=900&bytes=500")))
    local other = ms.assert(client:get(hostile.url("/truncate?claim=900&bytes=500")))
    local cut = helper.err_of(other:text())
    assert.same({ other, other.request }, { cut.response, cut.request })
    assert.equal(400, #response:read(400))
    assert.equal("closed", helper.err_of(response:read(400)).kind)
  end))

  it("raises what a task raises in mid-body, and ends the transfer", helper.task(function()
    local task = ms.spawn(function()
      local response = ms.assert(client:get(hostile.url("/stall-body?bytes=100")))
      for _ in response:chunks() do
        error("enough", 0)
      end
    end)
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal("enough", err)
    if not helper.has_close then
      collectgarbage()              -- else the loop has closed it
      collectgarbage()
    end
    probe.open_becomes(hostile, 0)
  end))
end)
