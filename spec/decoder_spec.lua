-- decoder.c: content codings, without a network.
local codings = require("spec.support.codings")
local helper = require("spec.helper")
local core = require("multisock.core")

local TEXT, CODED, TWICE, RAW = codings.text, codings.coded, codings.twice, codings.raw
local BOMBS, ZEROS = codings.bombs, codings.zeros
local bytes, has, of = codings.bytes, codings.has, codings.of

--- Decodes all of it, in pieces of `size` bytes.
-- @return string, whether it has ended; or nil, message
local function decode(names, coded, size)
  local decoder = assert(core.decoder(names))
  local pieces, at = {}, 1
  while true do
    local stop = math.min(#coded, at + (size or #coded) - 1)
    local piece = coded:sub(at, stop)
    local text, first, more = decoder:decode(piece)
    while more do
      pieces[#pieces + 1] = text
      text, first, more = decoder:decode(piece, first)
    end
    if text == nil then
      return nil, first
    end
    pieces[#pieces + 1] = text
    assert.equal(#piece + 1, first)
    at = stop + 1
    if at > #coded then
      return table.concat(pieces), decoder:ended()
    end
  end
end

describe("decoder", function()
  it("names the codings that are there", function()
    assert.same({ "gzip", "deflate" }, { core.version().codings[1], core.version().codings[2] })
    local features = core.version().features
    assert.equal(features.brotli or nil, has.br)
    assert.equal(features.zstd or nil, has.zstd)
  end)

  for name, coded in pairs(CODED) do
    local key = name == "x-gzip" and "gzip" or name

    it("undoes " .. name .. ", whatever the pieces", of(key, function()
      for _, size in ipairs({ 1, 2, 7, #coded }) do
        local text, ended = decode(name, coded, size)
        assert.is_true(text == TEXT, "pieces of " .. size)
        assert.is_true(ended)
      end
    end))

    it("knows that " .. name .. " was cut off, wherever", of(key, function()
      for size = 0, #coded - 1 do
        local text, ended = decode(name, coded:sub(1, size))
        assert.is_truthy(text, ended)
        assert.equal(text, TEXT:sub(1, #text))
        assert.is_false(ended, "after " .. size .. " bytes")
      end
    end))

    it("takes nothing behind " .. name .. " but more of it", of(key, function()
      local text, ended = decode(name, coded .. coded)
      if key == "gzip" or key == "zstd" then
        assert.is_true(text == TEXT .. TEXT)
        assert.is_true(ended)
        text, ended = decode(name, coded .. coded:sub(1, 20))
        assert.is_true(text ~= nil and ended == false)
      else
        assert.is_nil(text)
        assert.equal("there are bytes after its end", ended)
      end
      for _, rest in ipairs({ "x", "garbage", "\0\0\0\0\0\0\0\0\0\0\0\0" }) do
        for _, size in ipairs({ 1, 1000 }) do
          text, ended = decode(name, coded .. rest, size)
          assert.is_false(text ~= nil and ended, ("%q"):format(rest))
        end
      end
    end))
  end

  -- What has a checksum cannot become another text. br has none: it may, but it
  -- stays in its bounds.
  it("finds every byte that was changed", function()
    for name, coded in pairs(CODED) do
      for i = 1, has[name] and #coded or 0 do
        for _, change in ipairs({ 1, 0x10, 0x80, 0xff }) do
          local byte = (coded:byte(i) + change) % 256
          local changed = coded:sub(1, i - 1) .. string.char(byte) .. coded:sub(i + 1)
          local text, ended = decode(name, changed)
          assert.is_true(text == nil or text == TEXT or not ended or name == "br",
            ("%s, byte %d, %d instead of %d"):format(name, i, byte, coded:byte(i)))
        end
      end
    end
  end)

  it("takes bare deflate for deflate, as browsers do", function()
    for _, size in ipairs({ 1, 1000 }) do
      local text, ended = decode("deflate", RAW, size)
      assert.is_true(text == TEXT and ended)
    end
    for size = 0, #RAW - 1 do
      local text, ended = decode("deflate", RAW:sub(1, size))
      assert.is_true(text ~= nil and ended == false)
    end
  end)

  it("undoes several, the last one first", of("br", function()
    for _, size in ipairs({ 1, 1000 }) do
      local text, ended = decode("gzip, br", TWICE, size)
      assert.is_true(text == TEXT, ended)
      assert.is_true(ended)
    end
    for size = 0, #TWICE - 1 do
      local text, ended = decode("gzip, br", TWICE:sub(1, size))
      assert.is_true(text ~= nil and ended == false, "after " .. size)
    end
    -- The inner one is cut off, the outer one is whole; and the other way round.
    local text, ended = decode("deflate, identity", RAW:sub(1, 20))
    assert.is_true(text ~= nil and not ended)
    assert.is_nil((decode("br, gzip", TWICE)))
  end))

  it("reads names as they come", function()
    for _, names in ipairs({ "GZIP", " gzip ", "\tgzip,", ", ,gzip", "identity, gzip",
      "gzip\r\n" }) do
      assert.is_true(decode(names, CODED.gzip) == TEXT, names)
    end
    for _, names in ipairs({ "", ",", "identity", "gzi", "gzipp", "gzip, compress", "gzip;q=1" }) do
      local decoder, message = core.decoder(names)
      assert.is_nil(decoder)
      assert.equal(("unknown coding: '%s'"):format(names), message)
    end
    for _, names in ipairs({ ("gzip,"):rep(6), ("identity, "):rep(6), ("a,"):rep(100000) }) do
      local decoder, message = core.decoder(names)
      assert.is_nil(decoder)
      assert.is_truthy(message:find("more than 5 codings", 1, true), message)
    end
    assert.is_truthy(core.decoder(("gzip,"):rep(5)))
  end)

  -- Decodes it; `least` gets the CPU seconds of each call, unless it has less.
  local function time_calls(name, bomb, least)
    local decoder = assert(core.decoder(name))
    local size, calls, before = 0, 0, os.clock()
    local text, first, more = decoder:decode(bomb)
    while more do
      calls = calls + 1
      least[calls] = math.min(least[calls] or math.huge, os.clock() - before)
      assert.is_true(#text <= 64 * 1024)
      size, before = size + #text, os.clock()
      text, first, more = decoder:decode(bomb, first)
    end
    assert.equal(ZEROS, size + #text)
    assert.is_true(decoder:ended())
  end

  it("does a bounded piece of work at a time", function()
    for name, bomb in pairs(BOMBS) do
      if has[name] then
        local least = {}
        for _ = 1, 3 do                  -- others may have had the core in the middle
          time_calls(name, bomb, least)
        end
        local slowest, all = 0, 0
        for _, seconds in ipairs(least) do
          slowest, all = math.max(slowest, seconds), all + seconds
        end
        -- That of br fills its window, a quarter of it all, before it gives anything.
        if helper.timing_is_real then
          assert.is_true(slowest < math.max(0.03, all / 3), slowest .. " s of " .. all)
        end
      end
    end
  end)

  -- A megabyte that decodes to nothing: empty stored blocks inside one another.
  it("does a bounded piece of work where nothing comes out", function()
    local decoder = assert(core.decoder("deflate"))
    local input = "x\156" .. bytes("000000ffff"):rep(200000)
    local text, first, more = decoder:decode(input)
    assert.equal("", text)
    assert.is_true(more)
    assert.is_true(first < 100000, first)
  end)

  it("refuses windows that are larger than those of the coding", function()
    if has.zstd then
      assert.equal("x", (decode("zstd", bytes("28b52ffd0068") .. bytes("090000") .. "x")))
      local text, message = decode("zstd", bytes("28b52ffd0069") .. bytes("090000") .. "x")
      assert.is_nil(text)
      assert.is_truthy(message:find("memory", 1, true), message)
    end
    if has.br then
      assert.is_nil((decode("br", bytes("1119") .. CODED.br)))
    end
  end)

  it("is closed after an error, by close, and by the collector", function()
    local decoder = assert(core.decoder("gzip"))
    assert.equal("multisock.decoder (open)", tostring(decoder))
    assert.is_nil((decoder:decode("no gzip")))
    assert.equal("multisock.decoder (closed)", tostring(decoder))
    assert.is_false(decoder:ended())
    assert.has_error(function()
      decoder:decode("")
    end)
    decoder:close()
    decoder = assert(core.decoder("gzip"))
    decoder:close()
    decoder:close()
    assert.has_error(function()
      decoder:decode("x", 3)
    end)
    assert(core.decoder("gzip,gzip,deflate,gzip,deflate"))
    collectgarbage()
  end)
end)
