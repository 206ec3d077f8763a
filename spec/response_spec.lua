-- response.lua: what a response tells, and the ways to read its body. Each way
-- is tried on a body that came with its headers and on one that streams.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("responses", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function get(path, options)
    return ms.assert(client:get(hostile.url(path), options))
  end

  it("tell status, URL and version", helper.task(function()
    local response = get("/status?code=418")
    assert.same({ 418, false, "I'm a Teapot", "1.1", false },
      { response.status, response.ok, response.status_text, response.http_version,
        response.redirected })
    assert.same({}, response.history)
    assert.equal(hostile.url("/status?code=418"), response.url)
    assert.equal("127.0.0.1:" .. hostile.port, response.peer)
    assert.is_true(get("/status?code=204").ok)
    assert.equal("1.0", get("/http10").http_version)
    local url = "http://user:secret@127.0.0.1:" .. hostile.port .. "/basic"
    local with_user = ms.assert(client:get(url))
    assert.equal(200, with_user.status)
    assert.is_nil(with_user.url:find("secret", 1, true))
  end))

  it("skip early hints, live without a reason, keep doubled headers", helper.task(function()
    local response = get("/early-hints")
    assert.equal(200, response.status)
    assert.is_nil(response.headers.link)
    assert.equal("hinted\n", response:text())
    assert.equal("", get("/no-reason").status_text)
    local headers = get("/duplicate-headers").headers
    assert.same({ "a=1", "b=2; Path=/" }, headers:get_all("set-cookie"))
    assert.equal("one, two", headers["X-TWICE"])
    assert.equal("one, two", headers:get("x-twice"))
    local names = {}
    for name in headers:each() do
      names[#names + 1] = name
    end
    assert.same({ "Set-Cookie", "X-Twice", "Set-Cookie", "x-twice", "Content-Length" }, names)
    assert.equal(90 * 1000, #get("/huge-headers?bytes=90000").headers["X-Fill-000000"] * 90
      + 90 * 17)
  end))

  it("have trailers once the body has ended", helper.task(function()
    local response = get("/trailers")
    assert.equal("hello", response:text())
    assert.equal("5", response.trailers["x-count"])
    assert.is_nil(response.headers["x-count"])
    assert.is_nil(get("/bytes").trailers["x-count"])
  end))

  it("know times and sizes", helper.task(function()
    local response = get("/late?delay=0.1")
    response:text()
    local timings = response.timings
    for _, name in ipairs({ "queue", "dns", "connect", "tls", "first_byte", "total" }) do
      assert.is_number(timings[name], name)
      assert.is_true(timings[name] >= 0, name)
    end
    assert.equal(0, timings.tls)
    assert.is_true(timings.first_byte >= 0.1)
    assert.is_true(timings.total >= timings.first_byte)
    assert.is_true(timings.connect > 0 and timings.connect < timings.first_byte)
    local sizes = response.sizes
    assert.equal(5, sizes.body)
    assert.is_true(sizes.headers > 30 and sizes.request > 30)
    local posted = ms.assert(client:post(hostile.url("/echo"), { body = "abc" }))
    posted:text()                   -- or its connection may still be in use
    assert.equal(3, posted.sizes.upload)
    -- A reused connection needs neither name nor connect.
    assert.equal(0, get("/bytes").timings.connect)
    response = get("/stream?n=60&chunk=20&delay=0.05")
    local early = response.timings.total
    assert.equal(60, #response:text())
    assert.is_true(response.timings.total > early)
    assert.equal(60, response.sizes.body)
  end))

  it("read to the close of an HTTP/1.0 answer", helper.task(function()
    assert.equal(servers.bytes(5000), get("/http10?n=5000"):text())
  end))

  it("decode compressed bodies, or leave them", helper.task(function()
    local text = ("A line that gzip makes short.\n"):rep(2000)
    local response = ms.assert(client:get(nginx.url("/text.txt")))
    assert.equal(text, response:text())
    assert.is_true(response.sizes.body < #text / 10)
    response = ms.assert(client:get(nginx.url("/text.txt"), { decompress = false }))
    assert.equal(text, response:text())
    assert.is_nil(response.headers["content-encoding"])
  end))

  it("give JSON, or say that it is none", helper.task(function()
    local response = ms.assert(client:post(hostile.url("/echo"), { json = { a = ms.null } }))
    assert.equal(response:json().length, response:json().length)
    assert.equal("POST", response:json().method)
    local err = helper.err_of(get("/bytes?n=10"):json())
    assert.equal("protocol", err.kind)
    assert.is_truthy(err.message:find("JSON", 1, true))
    assert.equal("protocol", helper.err_of(get("/status?code=204"):json()).kind)
  end))

  it("stop at max_body", helper.task(function()
    for _, path in ipairs({ "/bytes?n=2000", "/stream?n=2000&chunk=500&delay=0.01",
      "/gzip?n=50000000" }) do
      local response, err = client:get(hostile.url(path), { max_body = 1999 })
      if response then
        local body
        body, err = response:text()
        assert.is_nil(body)
      end
      assert.equal("too_large", err.kind, path .. ": " .. tostring(err))
    end
    assert.equal(2000, #get("/bytes?n=2000", { max_body = 2000 }):text())
    assert.equal(2000, #get("/stream?n=2000&chunk=500", { max_body = 2000 }):text())
  end))

  -- "/bytes" comes in one piece, "/stream" piece by piece, and late.
  local paths = {
    ["that came with its headers"] = "/bytes?n=300",
    ["that streams"] = "/stream?n=300&chunk=100&delay=0.02",
  }
  for name, path in pairs(paths) do
    describe("with a body " .. name, function()
      local bytes = servers.bytes(300)

      it("give it as text, again and again", helper.task(function()
        local response = get(path)
        assert.equal(bytes, response:text())
        assert.equal(bytes, response:text())
        response:close()
        assert.equal(bytes, response:text())
        assert.is_truthy(tostring(response):find("complete", 1, true))
      end))

      it("give it in pieces of at most the size asked for", helper.task(function()
        local response, pieces = get(path), {}
        while true do
          local piece, err = response:read(70)
          assert.is_nil(err)
          if piece == nil then
            break
          end
          assert.is_true(#piece <= 70 and #piece > 0)
          pieces[#pieces + 1] = piece
        end
        assert.equal(bytes, table.concat(pieces))
        assert.is_nil(helper.err_of(response:read()))
        pieces = {}
        for piece in get(path):chunks(7) do
          assert.is_true(#piece <= 7)
          pieces[#pieces + 1] = piece
        end
        assert.equal(bytes, table.concat(pieces))
      end))

      it("give it once only", helper.task(function()
        local response = get(path)
        assert.equal(bytes:sub(1, 1), response:read(1))
        assert.equal("closed", helper.err_of(response:text()).kind)
        response = get(path)
        for _ in response:chunks() do end -- luacheck: ignore 542
        assert.is_nil(response:read())
        assert.equal("closed", helper.err_of(response:text()).kind)
      end))

      it("give nothing after close, and may be closed again", helper.task(function()
        local response = get(path)
        response:close()
        response:close()
        for _, read in ipairs({ "text", "read", "json" }) do
          assert.equal("closed", helper.err_of(response[read](response)).kind, read)
        end
        assert.is_false(pcall(function()
          for _ in response:lines() do end -- luacheck: ignore 542
        end))
        assert.is_true(response:discard())
        assert.equal(200, response.status)
        assert.is_truthy(tostring(response):find("closed", 1, true))
        local file = os.tmpname()
        helper.write_file(file, "before")
        assert.equal("closed", select(2, response:save(file)).kind)
        assert.equal("before", assert(io.open(file)):read("a"))
        os.remove(file)
      end))

      it("save it", helper.task(function()
        local file = os.tmpname()
        assert.equal(300, get(path):save(file))
        assert.equal(bytes, helper.read_file(file))
        os.remove(file)
        assert.equal("io", helper.err_of(get(path):save("/nonexistent/folder/file")).kind)
        assert.equal("io", helper.err_of(get(path):save("/dev/full")).kind)
      end))

      it("discard it and keep the connection", helper.task(function()
        probe.reset(hostile)
        for _ = 1, 3 do
          local response = get(path)
          assert.is_true(response:discard())
          assert.equal("closed", select(2, response:text()).kind)
        end
        assert.equal(2, probe.stats(hostile).connections)
      end))

      it("are closed at the end of their block", helper.of_block(helper.task(function()
        local seen
        do
          local response <close> = get(path)
          seen = response
        end
        assert.equal("closed", select(2, seen:text()).kind)
      end)))
    end)
  end

  it("drop the connection when they are closed in mid-body", helper.task(function()
    local response = get("/stall-body")
    assert.equal(1, probe.stats(hostile).open)
    response:close()
    probe.open_becomes(hostile, 0)
    response = get("/stall-body")
    response:discard(10)
    probe.open_becomes(hostile, 0)
  end))

  it("are cancelled by a break out of chunks or lines", helper.task(function()
    for _, way in ipairs({ "chunks", "lines" }) do
      local response = get("/stall-body?bytes=500")
      for _ in response[way](response) do -- luacheck: ignore 512
        break
      end
      if not helper.has_close then
        response:close()
      end
      probe.open_becomes(hostile, 0)
    end
  end))

  it("raise out of chunks and lines what cut the body short", helper.task(function()
    for _, way in ipairs({ "chunks", "lines" }) do
      local response = get("/truncate?bytes=600&claim=1000")
      local err = helper.failure(function()
        for _ in response[way](response) do end -- luacheck: ignore 542
      end)
      assert.equal("closed", err.kind)
    end
  end))

  it("let one task close what another reads", helper.task(function()
    local response = get("/stall-body")
    local reading = ms.spawn(function()
      return response:text()
    end)
    ms.sleep(0.02)
    response:close()
    local ok, body, err = reading:join()
    assert.is_true(ok)
    assert.is_nil(body)
    assert.equal("closed", err.kind)
  end))

  it("refuse two readers at a time", helper.task(function()
    local response = get("/stream?n=200&chunk=100&delay=0.1")
    local reading = ms.spawn(function()
      return response:text()
    end)
    ms.sleep(0.02)
    local err = helper.failure(response.read, response)
    assert.is_truthy(err:find("another task", 1, true))
    assert.equal(servers.bytes(200), reading:await())
  end))

  it("refuse a size that is none", helper.task(function()
    local response = get("/bytes")
    for _, wrong in ipairs({ 0, -1, 1.5, "x" }) do
      local err = helper.failure(function()
        response:read(wrong)
      end)
      assert.is_truthy(err:find("response_spec", 1, true), err)
    end
  end))
end)
