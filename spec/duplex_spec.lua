-- client:duplex: the body is written while the answer is read.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local support = require("spec.support.core_support")
local ms = require("multisock")

local task = helper.task

-- What is written comes back, and nobody reads for a time.
local function carries_much(client, url, tls)
  local stream = client:duplex("POST", url, { high_water = 65536, tls = tls })
  local piece, most, written, enough = ("x"):rep(65536), 4000, 0, false
  local writer = ms.spawn(function()
    repeat
      assert(stream:write(piece))
      written = written + 1
    until enough or written == most
    stream:finish()
  end)
  stream:response()
  -- When the systems' buffers there and back are full, nothing goes on.
  local before
  repeat
    before = written
    ms.sleep(0.3)
  until written == before
  assert.truthy(written < most, written)
  enough = true
  local size, chunk = 0, stream:read()
  while chunk do
    size = size + #chunk
    chunk = stream:read()
  end
  writer:await()
  assert.equal(written * #piece, size)
end

for scheme, options in pairs({ ["http:"] = {}, ["https:"] = { tls = true } }) do
  describe("a stream both ways, " .. scheme, function()
    local hostile = fixtures.hostile(options)
    local client

    before_each(function()
      client = ms.client({ timeout = { connect = 10, first_byte = 10 },
        tls = hostile.ca and { ca = hostile.ca } or nil })
    end)
    after_each(function()
      client:close()
      helper.check_leaks()
    end)

    it("is written and read in turns", task(function()
      local stream = client:duplex("POST", hostile.url("/echo-live"))
      for i = 1, 50 do
        assert.is_true(stream:write(("line %d\n"):format(i)))
        assert.equal("LINE " .. i, stream:read("\n"))
      end
      local response = stream:response()
      assert.same({ 200, response }, { response.status, (stream:response()) })
      assert.equal("multisock.duplex (open)", tostring(stream))
      stream:finish()
      assert.same({ nil, nil }, { stream:read("\n") })
      assert.same({ nil, nil }, { stream:read() })
      assert.equal("multisock.response (200, read)", tostring(response))
      stream:close()
    end))

    it("has its answer before a byte of the body", task(function()
      local stream = client:duplex("PUT", hostile.url("/echo-live"), {
        headers = { ["X-Name"] = "v" } })
      assert.equal(200, stream:response().status)
      stream:write("abc")
      stream:finish()
      stream:finish()
      assert.equal("ABC", stream:response():text())
      assert.truthy(helper.failure(stream.write, stream, "x"):find("the body is finished", 1, true))
    end))

    it("is read by counts, marks and as it comes", task(function()
      local stream = client:duplex("POST", hostile.url("/echo-live"))
      stream:write("one\r\ntwo--thr")
      assert.equal("ONE", stream:read("\r\n"))
      assert.equal("T", stream:read(1))
      assert.equal("WO", stream:read("--"))
      stream:write("ee\r")
      assert.equal("THREE", stream:read(5))
      stream:write("\n\n12345rest")
      assert.equal("", stream:read("\r\n"))
      assert.equal("", stream:read("\n"))
      assert.equal("12345", stream:read(5))
      stream:finish()
      assert.same({ "RES", "T", nil }, { (stream:read(3)), (stream:read(3)), (stream:read(3)) })
      stream = client:duplex("POST", hostile.url("/echo-live"))
      stream:write("no mark")
      stream:finish()
      assert.same({ "NO MARK", nil }, { stream:read("\n"), stream:read("\n") })
    end))

    it("finds marks wherever the answer is cut", task(function()
      local stream = client:duplex("POST", hostile.url("/echo-live"))
      local writer = ms.spawn(function()
        for byte in ("a-=-=b=-=cc-=-=-d-"):gmatch(".") do
          stream:write(byte)
          ms.sleep(0.002)
        end
        stream:finish()
      end)
      local list = {}
      local piece = stream:read("-=-")
      while piece do
        list[#list + 1] = piece
        piece = stream:read("-=-")
      end
      writer:await()
      assert.same({ "A", "=B=-=CC", "=-D-" }, list)
    end))

    it("carries much in both directions, and slows who writes", task(function()
      carries_much(client, hostile.url("/echo-live"))
    end, 30))

    it("goes on being sent after an answer that is all there", task(function()
      local key = scheme:sub(1, -2)
      local stream = client:duplex("POST", hostile.url("/answer-first?key=" .. key))
      assert.equal(200, stream:response().status)
      assert.equal("first", stream:read(5))
      for _ = 1, 10 do
        assert.is_true(stream:write(("x"):rep(1000)))
        ms.sleep(0.005)
      end
      stream:finish()
      assert.is_nil((stream:read()))
      local length
      repeat
        ms.sleep(0.01)
        length = ms.assert(client:get(hostile.url("/answered?key=" .. key))):text()
      until length ~= ""
      assert.equal("10000", length)
    end))

    it("stops being sent when the server says so", task(function()
      local stream = client:duplex("POST", hostile.url("/echo-live?status=413"))
      local ok, err = true, nil
      while ok do
        ok, err = stream:write("abc")
        ms.sleep(0.005)
      end
      assert.same({ "closed", 413 }, { err.kind, err.response.status })
      assert.truthy(err.message:find("HTTP status 413", 1, true), err.message)
      assert.equal(413, stream:response().status)
      stream:close()
      -- Also before a byte of it.
      stream = client:duplex("POST", hostile.url("/echo-live?status=403"))
      assert.equal(403, stream:response().status)
      ok, err = stream:write("abc")
      assert.same({ nil, "closed" }, { ok, err.kind })
      stream:close()
    end))

    it("ends for who writes when the server ends its answer", task(function()
      local stream = client:duplex("POST", hostile.url("/echo-live?until=bye"))
      stream:write("hello")
      assert.equal("HELLO", stream:read(5))
      stream:write("bye")
      assert.equal("BYE", stream:read(3))
      local ok, err, tries = true, nil, 0
      while ok and tries < 2000 do
        tries = tries + 1
        ok, err = stream:write(("x"):rep(1000))
        ms.sleep(0.001)
      end
      assert.is_nil(ok)
      assert.equal("closed", err.kind)
      stream:close()
    end))

    it("is closed whatever it does", task(function()
      for _, path in ipairs({ "/echo-live", "/stall" }) do
        local stream = client:duplex("POST", hostile.url(path))
        local reader = ms.spawn(stream.read, stream, 1)
        local writer = ms.spawn(function()
          local ok, err = true, nil
          while ok do
            ok, err = stream:write(("x"):rep(100000))
          end
          return ok, err
        end)
        ms.sleep(0.05)
        stream:close()
        stream:close()
        local _, ok, err = writer:join()
        assert.is_nil(ok)
        assert.truthy(err.kind == "closed" or err.kind == "cancelled", err.kind)
        local is_ok, got, why = reader:join()
        assert.truthy(not is_ok or got ~= nil or why ~= nil)
        assert.equal("multisock.duplex (closed)", tostring(stream))
      end
    end, 20))
  end)
end

describe("a stream both ways", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { timeout = { connect = 10, first_byte = 10 } })

  it("needs no task, nor a loop that runs", function()
    local stream = client:duplex("POST", hostile.url("/echo-live"))
    stream:write("a\n")
    assert.equal("A", stream:read("\n"))
    stream:write("b\n")
    assert.equal("B", stream:read("\n"))
    stream:finish()
    assert.is_nil((stream:read("\n")))
  end)

  it("tells what failed to who writes and who reads", task(function()
    local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    for url, kind in pairs({ [refusing] = "connect", ["http://["] = "url",
      ["file:///x"] = "policy", [hostile.url("/reset")] = "closed" }) do
      local stream = client:duplex("POST", url)
      local ok, err = true, nil
      while ok do
        ok, err = stream:write("x")
        ms.sleep(0.005)
      end
      assert.equal(kind, err.kind)
      local text, same = stream:read(1)
      assert.same({ nil, err }, { text, same })
      assert.same({ nil, err }, { stream:response() })
      stream:close()
    end
  end))

  it("follows a redirect before a byte of its body, and none behind", task(function()
    local url = hostile.url("/moved?status=307&to=/echo-live")
    local stream = client:duplex("POST", url)
    assert.equal(200, stream:response().status)
    stream:write("abc")
    assert.equal("ABC", stream:read(3))
    stream:close()
    stream = client:duplex("POST", hostile.url("/moved?status=303&to=/late?delay=0"))
    assert.equal(200, stream:response().status)
    local ok, err = stream:write("abc")
    assert.same({ nil, "closed" }, { ok, err.kind })
    stream:close()
  end))

  it("keeps what it is read up to a mark within bounds", task(function()
    local stream = client:duplex("POST", hostile.url("/echo-live"), { max_size = 10 })
    stream:write("0123456789\n0123456789ab\n")
    assert.equal("0123456789", stream:read("\n"))
    local text, err = stream:read("\n")
    assert.same({ nil, "too_large" }, { text, err.kind })
    assert.truthy(tostring(err):find('more than max_size (10 bytes) without "', 1, true))
    assert.is_nil((stream:write("x")))
  end))

  it("ends with the task that reads it, when that is cancelled", task(function()
    local stream = client:duplex("POST", hostile.url("/echo-live"))
    local text, err = ms.with_timeout(0.05, stream.read, stream, 1)
    assert.same({ nil, "timeout" }, { text, err.kind })
    stream:close()
    -- And with the run that it was made in.
    local own
    local group = ms.spawn(function()
      ms.group(function(inner)
        own = client:duplex("POST", hostile.url("/echo-live"))
        own:response()
        inner:spawn(ms.sleep, 100)
      end)
    end)
    repeat
      ms.sleep(0.01)
    until own and tostring(own.task) == "multisock.task (done)"
    group:cancel()
    assert.is_false((group:join()))
    assert.is_nil((own:write("x")))
  end))

  it("speaks HTTP/2 where that is safe", task(function()
    if core.quirks().h2_truncates then
      assert.truthy(helper.failure(client.duplex, client, "POST", "https://a.test/",
        { http_version = "2" }):find('http_version = "2" needs libcurl 8.1', 1, true))
      local stream = client:duplex("POST", hostile.url("/echo-live"))
      assert.equal("1.1", stream:response().http_version)
      stream:close()
    else
      local server = own_servers.hostile_h2()
      local stream = client:duplex("POST", server.url("/echo-live"), { tls = { ca = server.ca } })
      for i = 1, 20 do
        assert.is_true(stream:write(("line %d\n"):format(i)))
        assert.equal("LINE " .. i, stream:read("\n"))
      end
      assert.equal("2", stream:response().http_version)
      stream:finish()
      assert.is_nil((stream:read("\n")))
      carries_much(client, server.url("/echo-live"), { ca = server.ca })
      -- The server needs no more of it.
      stream = client:duplex("POST", server.url("/echo-live?status=413"),
        { tls = { ca = server.ca } })
      assert.equal(413, stream:response().status)
      local ok, err = stream:write("x")
      assert.same({ nil, "closed" }, { ok, err.kind })
      stream:close()
      server.stop()
    end
  end, 30))

  it("refuses what makes no sense", task(function()
    for words, arguments in pairs({
      ["duplex: method: string expected, got nil"] = {},
      ["url: string expected"] = { "POST", 5 },
      ["duplex: table of options expected, got 5"] = { "POST", "http://a.test/", 5 },
      ["duplex: option 'json': the body is what is written"] = { "POST", "http://a.test/",
        { json = {} } },
      ["duplex: option 'max_size': number of 1 or more expected"] = { "POST", "http://a.test/",
        { max_size = 0 } },
      ["unknown option"] = { "POST", "http://a.test/", { bogus = 0 } },
      ["a HEAD request cannot have a body"] = { "HEAD", "http://a.test/" },
      ["option 'method': HTTP method expected"] = { "PO ST", "http://a.test/" },
    }) do
      local err = helper.failure(client.duplex, client, arguments[1], arguments[2], arguments[3])
      assert.truthy(err:find(words, 1, true), err)
    end
    local stream = client:duplex("POST", hostile.url("/echo-live"))
    for _, bad in ipairs({ 0, -1, 1.5, "", {}, false }) do
      assert.truthy(helper.failure(stream.read, stream, bad):find("read: integer of 1 or more"))
    end
    assert.truthy(helper.failure(stream.write, stream, 5):find("write: string expected, got 5"))
    assert.truthy(helper.failure(stream.write):find("duplex:write", 1, true))
    stream:close()
  end))
end)
