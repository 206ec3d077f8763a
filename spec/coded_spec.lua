-- Bodies that come in content codings: decoding.lua and src/fetch/coded.c. What the
-- decoder itself does is in decoder_spec.lua.
local codings = require("spec.support.codings")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

local TEXT, CODED = codings.text, codings.coded
local MIB = 1024 * 1024
local hex = codings.hex

local function of(name, fn)
  return codings.of(name, pending, fn)
end

describe("a coded body", function()
  local hostile, client, path

  setup(function()
    hostile = servers.hostile()
  end)
  teardown(function()
    hostile.stop()
  end)
  before_each(function()
    client = ms.client({ timeout = helper.seconds(20) })
    path = os.tmpname()
  end)
  after_each(function()
    client:close()
    client = nil
    os.remove(path)
    helper.check_leaks()
  end)

  -- What a query may not have as it is.
  local function escape(text)
    return (text:gsub("[%c ]", function(c)
      return ("%%%02x"):format(c:byte())
    end))
  end

  local function url(bytes, more)
    return hostile.url("/coded?hex=" .. hex(bytes) .. (more and "&" .. escape(more) or ""))
  end

  local function saved()
    local file = assert(io.open(path, "rb"))
    local bytes = file:read("*a")
    file:close()
    return bytes
  end

  -- Every way to read a body: the bytes; or nil, err.
  local ways = {
    text = function(response)
      return response:text()
    end,
    read = function(response)
      local pieces = {}
      local chunk, err = response:read(999)
      while chunk do
        pieces[#pieces + 1] = chunk
        chunk, err = response:read()
      end
      if err then
        return nil, err
      end
      return table.concat(pieces)
    end,
    save = function(response)
      local size, err = response:save(path)
      if size == nil then
        return nil, err
      end
      local bytes = saved()
      assert.equal(#bytes, size)
      return bytes
    end,
  }

  -- A raise is an err here, as the iterators do.
  local function collected(iterate)
    return function(response)
      local pieces = {}
      local ok, err = pcall(function()
        for piece in iterate(response) do
          pieces[#pieces + 1] = piece
        end
      end)
      if not ok then
        return nil, err
      end
      return table.concat(pieces)
    end
  end

  ways.chunks = collected(function(response)
    return response:chunks(1000)
  end)
  ways.lines = collected(function(response)
    return response:lines()
  end)

  local loops = { chunks = true, lines = true }

  local function each_way(fn)
    for name, way in pairs(ways) do
      it("is read by " .. name .. fn.what, loops[name] and helper.of_loop(helper.task(function()
        fn.check(way)
      end, 60)) or helper.task(function()
        fn.check(way)
      end, 60))
    end
  end

  -- All at once, in pieces that come late; three times, because what is asked
  -- again goes another way.
  local FRAMES = {
    "framing=length", "framing=chunked", "framing=close", "framing=chunked&piece=9&delay=0.002",
  }

  local function assert_protocol(err, what, retryable)
    assert.equal("protocol", err.kind, what .. ": " .. tostring(err))
    assert.equal("CURLE_BAD_CONTENT_ENCODING", err.code)
    assert.equal(61, err.number)
    assert.equal("receive", err.phase)
    assert.equal(retryable, err.retryable)
    assert.truthy(err.url and err.timings and err.response)
  end

  each_way({
    what = " as what was coded",
    check = function(way)
      for name, coded in pairs(CODED) do
        for _, frame in ipairs(codings.has[name] and FRAMES or {}) do
          for _ = 1, 3 do
            local response = ms.assert(client:get(url(coded, "coding=" .. name .. "&" .. frame)))
            assert.is_true(way(response) == TEXT, name .. ", " .. frame)
            assert.equal(#coded, response.sizes.body)
          end
        end
      end
    end,
  })

  each_way({
    what = " and fails when it was cut off",
    check = function(way)
      for name, coded in pairs(CODED) do
        for _, size in ipairs(codings.has[name] and { 1, 4, #coded - 8, #coded - 1 } or {}) do
          for _, frame in ipairs(FRAMES) do
            for _ = 1, 2 do
              local what = ("%s, %d bytes, %s"):format(name, size, frame)
              local text, err = way(ms.assert(client:get(url(coded:sub(1, size), "coding=" .. name
                .. "&" .. frame))))
              assert.is_nil(text, what)
              assert_protocol(err, what, true)
              assert.truthy(err.message:find("ends in the middle of its coding", 1, true))
            end
          end
        end
      end
    end,
  })

  each_way({
    what = " and fails when bytes are wrong, or come behind its end",
    check = function(way)
      local wrong = CODED.gzip:sub(1, -8) .. "\0\0\0\0" .. CODED.gzip:sub(-4)
      for _, coded in ipairs({ wrong, CODED.gzip .. "behind", "no gzip at all" }) do
        for _, frame in ipairs(FRAMES) do
          for _ = 1, 2 do
            local text, err = way(ms.assert(client:get(url(coded, frame))))
            assert.is_nil(text)
            assert_protocol(err, frame, false)
            assert.truthy(err.message:find("not what its coding says (gzip)", 1, true))
          end
        end
      end
    end,
  })

  it("fails in map, in json, and whenever it is asked for again", helper.task(function()
    local half = url(CODED.gzip:sub(1, 40))
    local results, errs = ms.map({ half })
    assert.is_nil(results[1])
    assert.equal("protocol", errs[1].kind)
    local response = ms.assert(client:get(half))
    local value, err = response:json()
    assert.is_nil(value)
    assert_protocol(err, "json", true)
    value, err = response:text()
    assert.is_nil(value)
    assert_protocol(err, "text", true)
  end))

  it("gives what could be decoded before it fails", helper.task(function()
    local response = ms.assert(client:get(url(CODED.gzip .. "x" .. CODED.gzip)))
    assert.is_true(response:read(#TEXT) == TEXT)
    local text, err = response:read()
    assert.is_nil(text)
    assert_protocol(err, "read", false)
    text, err = response:read()
    assert.is_nil(text)
    assert_protocol(err, "read again", false)
  end))

  it("that the connection cuts off says so, not that it is coded wrongly", helper.task(function()
    local cut = url(CODED.gzip:sub(1, 40), "framing=close&head=Content-Length: 87")
    for _, way in pairs({ ways.text, ways.read, ways.save }) do
      local text, err = way(ms.assert(client:get(cut)))
      assert.is_nil(text)
      assert.equal("closed", err.kind)
    end
  end))

  it("has members and frames of its coding one after the other", helper.task(function()
    for _, name in ipairs({ "gzip", codings.has.zstd and "zstd" or nil }) do
      for _, way in pairs({ ways.text, ways.read, ways.save }) do
        local response = ms.assert(client:get(url(CODED[name], "times=50&coding=" .. name)))
        assert.is_true(way(response) == TEXT:rep(50))
      end
    end
  end))

  it("may be empty where there is no body", helper.task(function()
    for _, more in ipairs({ "framing=length", "framing=chunked", "status=204&framing=close",
      "status=304&framing=close", "status=304&framing=none&head=Content-Length: 87" }) do
      for _ = 1, 2 do
        for _, way in pairs({ ways.text, ways.read, ways.save }) do
          assert.equal("", way(ms.assert(client:get(url("", more)))), more)
        end
      end
    end
    for _, frame in ipairs({ "framing=length", "framing=chunked", "framing=close" }) do
      assert.equal("", ms.assert(client:head(url(CODED.gzip, frame))):text())
    end
  end))

  it("is not empty when only the end of the connection says so", helper.task(function()
    for _, way in pairs({ ways.text, ways.read, ways.save }) do
      local text, err = way(ms.assert(client:get(url("", "framing=close"))))
      assert.is_nil(text)
      assert_protocol(err, "close", true)
    end
  end))

  it("may have several codings, named in one line or more", of("br", helper.task(function()
    local twice = codings.twice
    for _, more in ipairs({ "coding=gzip, br", "coding=gzip,identity&head=content-encoding: br",
      "coding=X-GZIP ,, BR", "coding=\r\n gzip\r\n\t, br" }) do
      for _ = 1, 2 do
        local response = ms.assert(client:get(url(twice, more)))
        assert.is_true(response:text() == TEXT, more)
      end
    end
    local text, err = ms.assert(client:get(url(twice:sub(1, -3), "coding=gzip,br"))):text()
    assert.is_nil(text)
    assert_protocol(err, "twice", true)
    assert.truthy(err.message:find("(gzip, br)", 1, true))
  end)))

  it("comes as it is when one of its codings is not known", helper.task(function()
    for _, name in ipairs({ "compress", "gzip, foo", "foo, gzip", "identity", "", "aes128gcm",
      "gzip;q=1" }) do
      for _, way in pairs({ ways.text, ways.read, ways.save }) do
        local response = ms.assert(client:get(url(CODED.gzip, "coding=" .. name)))
        assert.equal(name, response.headers["content-encoding"])
        assert.is_true(way(response) == CODED.gzip, name)
      end
    end
  end))

  it("has five codings at most", helper.task(function()
    for _, name in ipairs({ ("gzip,"):rep(6), ("identity,"):rep(6), ("foo,"):rep(20000) }) do
      for _ = 1, 2 do
        local response, err = client:get(url(CODED.gzip, "coding=" .. name:sub(1, 60000)))
        assert.is_nil(response)
        assert.equal("protocol", err.kind)
        assert.equal("the answer has more than 5 content codings", err.message)
      end
    end
  end))

  it("has no codings of the transfer that nobody asked for", helper.task(function()
    local half = CODED.gzip:sub(1, 40)
    for _, head in ipairs({ "Transfer-Encoding: gzip, chunked", "transfer-encoding: gzip" }) do
      for _, options in ipairs({ {}, { decompress = false } }) do
        local response, err = client:get(url(half, "coding=identity&framing=close&head=" .. head),
          options)
        assert.is_nil(response, head)
        assert.equal("protocol", err.kind, tostring(err))
      end
    end
  end))

  it("is told by the last header block alone", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/raw?text=" .. escape(
      "HTTP/1.1 103 Early Hints\r\nContent-Encoding: gzip\r\n\r\n"
        .. "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))))
    assert.equal("hello", response:text())
    -- A trailer tells nothing either.
    response = ms.assert(client:get(hostile.url("/raw?text=" .. escape(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
        .. "Content-Encoding: gzip\r\n\r\n"))))
    assert.equal("hello", response:text())
    assert.equal("gzip", response.trailers["content-encoding"])
  end))

  ---- What is asked for -------------------------------------------------------

  local function sent(options)
    local headers = ms.assert(client:get(hostile.url("/echo"), options)):json().headers
    for name, value in pairs(headers) do
      if type(value) == "table" and value[1]:lower() == "accept-encoding" then
        return value[2]
      elseif type(name) == "string" and name:lower() == "accept-encoding" then
        return value
      end
    end
  end

  it("is asked for in the codings that are there", helper.task(function()
    local names = {}
    for _, name in ipairs(ms.version().codings) do
      names[#names + 1] = name ~= "deflate" and name or nil
    end
    local all = table.concat(names, ", ")
    assert.equal(all, sent())
    assert.is_nil(sent({ decompress = false }))
    assert.equal("br;q=1", sent({ headers = { ["accept-encoding"] = "br;q=1" } }))
    assert.equal("gzip", sent({ curl = { accept_encoding = "gzip" } }))
    -- A part of a coded body is no coded body.
    assert.equal("identity", sent({ headers = { Range = "bytes=0-99" } }))
    assert.equal("identity", sent({ curl = { range = "0-99" } }))
    assert.equal("gzip", sent({ headers = { Range = "bytes=0-9", ["Accept-Encoding"] = "gzip" } }))
  end))

  it("is libcurl's where the user has libcurl ask for it", helper.task(function()
    for _, name in ipairs({ "accept_encoding", "ACCEPT_ENCODING" }) do
      local options = { curl = { [name] = "" } }
      assert.is_true(ms.assert(client:get(url(CODED.gzip), options)):text() == TEXT)
    end
    for _, raw in ipairs({ { decompress = false }, { curl = { http_content_decoding = 0 } },
      { curl = { http_content_decoding = false } } }) do
      assert.is_true(ms.assert(client:get(url(CODED.gzip), raw)):text() == CODED.gzip)
    end
  end))

  ---- Bombs -------------------------------------------------------------------

  -- The worst time between two turns of the loop while `fn` runs.
  local function worst_gap(fn)
    local worst, last, stop = 0, ms.now(), false
    local ticker = ms.spawn(function()
      while not stop do
        ms.sleep(0.001)
        worst, last = math.max(worst, ms.now() - last), ms.now()
      end
    end)
    fn()
    stop = true
    ticker:await()
    return worst
  end

  local function assert_polite(fn)
    local worst = worst_gap(fn)
    if helper.timing_is_real then
      assert.is_true(worst < 0.25, ("the loop stood still for %.0f ms"):format(worst * 1000))
    end
  end

  local function drain(response)
    local size = 0
    local chunk, err = response:read()
    while chunk do
      size = size + #chunk
      chunk, err = response:read()
    end
    assert.is_nil(err)
    return size
  end

  for name, bomb in pairs(codings.bombs) do
    it("of 64 MiB in a few bytes of " .. name .. " neither stops the loop nor fills the memory",
      of(name, helper.task(function()
        local target = url(bomb, "coding=" .. name)
        client:close()
        client = ms.client({ max_body = 4 * MIB, timeout = helper.seconds(60) })
        for _ = 1, 2 do
          assert_polite(function()
            local before = os.clock()
            assert.equal(codings.zeros, drain(ms.assert(client:get(target))))
            if helper.timing_is_real then
              assert.is_true(os.clock() - before < 1.5, os.clock() - before .. " s of CPU")
            end
            assert.equal(codings.zeros, ms.assert(client:get(target)):save("/dev/null"))
          end)
          local text, err = ms.assert(client:get(target)):text()
          assert.is_nil(text)
          assert.equal("too_large", err.kind)
        end
      end, 100)))
  end

  it("of gzip is read by many while the loop goes on", helper.task(function()
    assert_polite(function()
      ms.group(function(group)
        for _ = 1, 20 do
          group:spawn(function()
            assert.equal(10000000, drain(ms.assert(client:get(hostile.url("/gzip?n=10000000")))))
          end)
        end
      end)
    end)
  end, 60))

  it("that nobody reads holds high_water at most", helper.task(function()
    local before = helper.resident_kib()
    local unread = {}
    for i = 1, 20 do
      unread[i] = ms.assert(client:get(hostile.url("/gzip?n=600000000")))
    end
    ms.sleep(0.5)
    local grown = (helper.resident_kib() - before) / 20
    if helper.timing_is_real then
      assert.is_true(grown < 2 * 256 + 200, grown .. " KiB each")
    end
    for i = 1, 20 do
      assert.equal(5, #unread[i]:read(5))
      unread[i]:close()
    end
  end, 60))

  it("is stopped at max_body, decoded, also where it came with its headers", helper.task(function()
    local small = ms.client({ max_body = #TEXT - 1 })
    local exact = ms.client({ max_body = #TEXT })
    for _, frame in ipairs(FRAMES) do
      for _ = 1, 3 do
        local text, err = ms.assert(small:get(url(CODED.gzip, frame))):text()
        assert.is_nil(text)
        assert.equal("too_large", err.kind)
        assert.is_true(ms.assert(exact:get(url(CODED.gzip, frame))):text() == TEXT)
        -- Streams have no limit.
        assert.equal(#TEXT, drain(ms.assert(small:get(url(CODED.gzip, frame)))))
      end
    end
    -- A body without codings is the same.
    for _ = 1, 3 do
      local text, err = ms.assert(small:get(hostile.url("/bytes?n=" .. #TEXT))):text()
      assert.is_nil(text)
      assert.equal("too_large", err.kind)
    end
    small:close()
    exact:close()
  end, 30))

  it("comes through any high_water", helper.task(function()
    for _, high_water in ipairs({ 1, 7, 1000 }) do
      local options = { high_water = high_water }
      local response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=10"), options))
      assert.is_true(ways.read(response) == TEXT)
      response = ms.assert(client:get(url(CODED.gzip), options))
      assert.is_true(response:text() == TEXT)
      assert.is_true(ways.save(ms.assert(client:get(url(CODED.gzip), options))) == TEXT)
    end
  end, 30))

  it("costs nothing when it is thrown away", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=300000000")))
    local before = os.clock()
    assert.is_true(response:discard())
    if helper.timing_is_real then
      assert.is_true(os.clock() - before < 0.2)
    end
    -- Wrong or not, read in part or not at all.
    response = ms.assert(client:get(url("no gzip at all")))
    assert.is_true(response:discard())
    response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=9&delay=0.002")))
    assert.equal("The", response:read(3))
    assert.is_true(response:discard())
  end, 30))

  ---- Ends --------------------------------------------------------------------

  it("is ended by its limits while it is decoded", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=600000000"),
      { timeout = { total = helper.seconds(0.2) }, max_body = 0 }))
    local size, err = response:save("/dev/null")
    assert.is_nil(size)
    assert.equal("timeout", err.kind)
    response = ms.assert(client:get(url(CODED.gzip, "framing=chunked&piece=9&delay=1"),
      { timeout = { idle = 0.2 } }))
    size, err = response:text()
    assert.is_nil(size)
    assert.equal("timeout", err.kind)
    assert.truthy(err.message:find("timeout.idle", 1, true))
  end, 30))

  it("is ended by cancelling, by closing and by closing the client", helper.task(function()
    local ends = {
      function(task)
        task:cancel()
        return "cancelled"
      end,
      function(_, response)
        response:close()
        return "closed"
      end,
      function()
        client:close()
        return "cancelled"
      end,
    }
    local others = probe.stats(hostile).open        -- of the client of ms
    for _, bring_about in ipairs(ends) do
      local response = ms.assert(client:get(hostile.url("/gzip?n=600000000")))
      local err
      local task = ms.spawn(function()
        local _, failure = response:save("/dev/null")
        err = failure
      end)
      ms.sleep(0.05)
      local kind = bring_about(task, response)
      local ok, raised = task:join()
      assert.equal(kind, (ok and err or raised).kind)
    end
    probe.open_becomes(hostile, others)
    client = ms.client()
  end, 30))

  it("says that the disk is full", helper.task(function()
    for _, target in ipairs({ url(CODED.gzip), hostile.url("/gzip?n=30000000") }) do
      local size, err = ms.assert(client:get(target)):save("/dev/full")
      assert.is_nil(size)
      assert.equal("io", err.kind)
      assert.truthy(err.message:find("/dev/full: No space", 1, true), err.message)
    end
  end))

  it("is read where nobody can wait, too", helper.task(function()
    local response = ms.assert(client:get(hostile.url("/gzip?n=20000000")))
    assert.equal(1, #response:read(1))
    probe.eventually(function()
      return response.sizes.body > 19000            -- all has come
    end)
    local size = 0
    local task = ms.spawn(function() end)
    task:on_done(function()
      while size < 10000000 do
        size = size + #response:read()
      end
    end)
    task:join()
    ms.sleep(0.01)
    assert.is_true(size >= 10000000)
    response:close()
  end))
end)
