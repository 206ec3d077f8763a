-- Bodies that come in content codings: decoding.lua and src/fetch/coded.c. What the
-- decoder itself does is in decoder_spec.lua, what bombs may do in bombs_spec.lua.
local coded_bodies = require("spec.support.coded")
local codings = require("spec.support.codings")
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local TEXT, CODED, of = codings.text, codings.coded, codings.of
local FRAMES, ways, escape = coded_bodies.FRAMES, coded_bodies.ways, coded_bodies.escape

describe("a coded body", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { timeout = helper.seconds(20) })

  local url = coded_bodies.urls(hostile)

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

  local function assert_protocol(err, what, retryable)
    assert.equal("protocol", err.kind, what .. ": " .. tostring(err))
    assert.equal("CURLE_BAD_CONTENT_ENCODING", err.code)
    assert.equal(61, err.number)
    assert.equal("receive", err.phase)
    assert.equal(retryable, err.retryable)
    assert.truthy(err.url and err.timings and err.response)
  end

  -- Three times, because what is asked again goes another way.
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
            local err = helper.err_of(way(ms.assert(client:get(url(coded, frame)))))
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
    local err = helper.err_of(response:json())
    assert_protocol(err, "json", true)
    err = helper.err_of(response:text())
    assert_protocol(err, "text", true)
  end))

  it("gives what could be decoded before it fails", helper.task(function()
    local response = ms.assert(client:get(url(CODED.gzip .. "x" .. CODED.gzip)))
    assert.is_true(response:read(#TEXT) == TEXT)
    local err = helper.err_of(response:read())
    assert_protocol(err, "read", false)
    err = helper.err_of(response:read())
    assert_protocol(err, "read again", false)
  end))

  it("that the connection cuts off says so, not that it is coded wrongly", helper.task(function()
    local cut = url(CODED.gzip:sub(1, 40), "framing=close&head=Content-Length: 87")
    for _, way in pairs({ ways.text, ways.read, ways.save }) do
      assert.equal("closed", helper.err_of(way(ms.assert(client:get(cut)))).kind)
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
      local err = helper.err_of(way(ms.assert(client:get(url("", "framing=close")))))
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
    local err = helper.err_of(ms.assert(client:get(url(twice:sub(1, -3), "coding=gzip,br"))):text())
    assert_protocol(err, "twice", true)
    assert.truthy(err.message:find("(gzip, br)", 1, true))
  end)))

  it("is the same over HTTP/2, many at once", helper.task(function()
    local nginx = servers.nginx()
    local options = { tls = { ca = nginx.ca }, http_version = "2" }
    local text = ("A line that gzip makes short.\n"):rep(2000)
    ms.group(function(group)
      for _, way in pairs({ ways.text, ways.read, ways.read, ways.read }) do
        group:spawn(function()
          local response = ms.assert(client:get(nginx.tls_url("/text.txt"), options))
          assert.equal("2", response.http_version)
          assert.equal("gzip", response.headers["content-encoding"])
          assert.is_true(way(response) == text)
          assert.is_true(response.sizes.body < #text / 10)
        end)
      end
    end)
    nginx.stop()
  end))

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
        local err = helper.err_of(client:get(url(CODED.gzip, "coding=" .. name:sub(1, 60000))))
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

  it("is told by a field in any form that can be read", helper.task(function()
    for _, head in ipairs({
      "Content-Encoding: gzip", "content-encoding:gzip", "Content-Encoding : gzip",
      "Content-Encoding\t:\tgzip ", "Content-Encoding:\r\n gzip",
      "Content-Encoding:\r\n \r\n\tgzip\r\nX: y",
    }) do
      local response = ms.assert(client:get(hostile.url("/raw?text=" .. escape(
        "HTTP/1.1 200 OK\r\nContent-Length: " .. #CODED.gzip .. "\r\n" .. head .. "\r\n\r\n")
        .. helper.escape(CODED.gzip))))
      assert.equal(TEXT, response:text(), head)
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
    return echoed.of(client:get(hostile.url("/echo"), options)).fields["accept-encoding"]
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
end)
