-- ms.download in parts, from mirrors, with a checksum, and from servers that are odd about
-- ranges (support/odd_ranges.py).
local cjson = require("cjson")
local downloads = require("spec.support.downloads")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")

local read, files, file, asked = downloads.read, downloads.files, downloads.file, downloads.asked
local leave, is_right = downloads.leave, downloads.is_right

describe("a download", function()
  local nginx = fixtures.nginx()
  local path, dir
  local odd = downloads.fixture(function(...) path, dir = ... end)

  describe("in segments", function()
    local SIZE = 4 * 1024 * 1024
    local function big(query)
      return file(("size=%d&%s"):format(SIZE, query or ""))
    end
    local function parts(url)
      local list = {}
      for i, one in ipairs(asked(url)) do
        list[i] = one[1] ~= cjson.null and one[1] or "whole"
      end
      return table.concat(list, " ")
    end

    it("asks for parts on several connections", helper.task(function()
      local url = big("")
      is_right(ms.download(url, path, { segments = 4 }), nil, SIZE)
      local list = asked(url)
      assert.equal(4, #list)
      assert.same({ cjson.null, cjson.null }, list[1])
      table.remove(list, 1)
      table.sort(list, function(a, b) return a[1] < b[1] end)
      assert.same({ { "bytes=1048576-2097151", '"v1"' }, { "bytes=2097152-3145727", '"v1"' },
        { "bytes=3145728-", '"v1"' } }, list)
    end))

    it("is one stream where the file is small, or its version is not known", helper.task(
      function()
        local small, dated = file(""), big("etag=none&date=1")
        is_right(ms.download(small, path, { segments = 4 }), nil, 100000)
        is_right(ms.download(dated, path, { segments = 4 }), nil, SIZE)
        assert.equal("whole", parts(small))
        assert.equal("whole", parts(dated))
        is_right(ms.download(big("mode=chunked"), path, { segments = 4 }), nil, SIZE)
      end))

    for _, mode in ipairs({ "whole", "416", "late", "total", "star", "headless", "multipart",
      "blind-silent", "node", "blind&change=2", "good&change=3", "no-if-range", "short", "capped",
    }) do
      it("falls back, or ends right, where the server is odd: " .. mode, helper.task(function()
        local url = big("mode=" .. mode)
        if mode == "capped" then
          url = url:gsub("size=%d+", "size=524288")
        end
        local result, err = ms.download(url, path, { segments = 4 })
        -- Either of two versions is right, but not both.
        local seed = mode:find("change") and read():byte() or 0
        is_right(result, err, mode == "capped" and 524288 or SIZE, seed)
      end))
    end

    it("goes on with the parts that are missing", helper.task(function()
      local url = big("cut=300000&cuts=4")
      local result, err = ms.download(url, path, { segments = 4, tries = 0 })
      assert.is_nil(result)
      assert.equal("closed", err.kind)
      result, err = ms.download(url, path, { segments = 4 })
      is_right(result, err, SIZE)
      assert.equal(4 * 300000, result.resumed_from)
    end))

    it("goes on in one stream where they came in several", helper.task(function()
      local url = big("cut=300000&cuts=4")
      ms.download(url, path, { segments = 4, tries = 0 })
      local result, err = ms.download(url, path)
      is_right(result, err, SIZE)
      assert.equal(4 * 300000, result.resumed_from)
    end))
  end)

  -- What each odd server makes of a download that was cut after 30,000 bytes, and what it is
  -- asked then.
  local FROM, IF = "bytes=30000-", '"v1"'
  for mode, case in pairs({
    ["whole"] = { asked = { { FROM, IF }, { FROM } }, from = 0 },
    ["chunked"] = { asked = { { FROM, IF }, { FROM } }, from = 0 },
    ["no-if-range"] = { asked = { { FROM, IF }, { FROM } } },
    ["node"] = { from = 0 },
    ["416"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["blind"] = { asked = { { FROM, IF } } },
    ["blind&change=2"] = { asked = { { FROM, IF }, {} }, from = 0, seed = 1 },
    ["blind-silent"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["blind-silent&change=2"] = { asked = { { FROM, IF }, {} }, from = 0, seed = 1 },
    ["late"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["total"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["star"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["headless"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["multipart"] = { asked = { { FROM, IF }, {} }, from = 0 },
    ["short"] = {},
    ["capped"] = {},
    ["long"] = { fails = "protocol" },
  }) do
    it("goes on right, or not at all, where the server is odd: " .. mode, helper.task(function()
      local url = file("cut=30000&cuts=1&etag=v1&mode=" .. mode)
      if mode == "node" then
        url = url:gsub("etag=v1&", "")
      end
      leave(url)
      local result, err = ms.download(url, path)
      if case.fails then
        assert.is_nil(result)
        assert.equal(case.fails, err.kind)
        assert.equal("f.part f.part.json", files())
        return
      end
      is_right(result, err, 100000, case.seed)
      assert.equal(case.from or 30000, result.resumed_from)
      local list = asked(url)
      for i, expected in ipairs(case.asked or {}) do
        assert.equal(expected[1] or cjson.null, list[i + 1][1])
        assert.equal(expected[2] or cjson.null, list[i + 1][2])
      end
      assert.is_true(case.asked == nil or #list == #case.asked + 1)
    end))
  end

  describe("with a checksum", function()
    local right
    setup(function()
      helper.write_file("/tmp/multisock-sum", servers.bytes(100000))
      right = "sha256:" .. servers.output("sha256sum /tmp/multisock-sum"):match("^%x+")
      os.remove("/tmp/multisock-sum")
    end)

    it("is what it says, or nothing", helper.task(function()
      is_right(ms.download(file(""), path, { checksum = right:upper():gsub("SHA", "sha") }), nil,
        100000)
      os.remove(path)
      local err = helper.err_of(ms.download(file("seed=1"), path, { checksum = right }))
      assert.equal("checksum", err.kind)
      assert.truthy(err.message:find(right:sub(8), 1, true), err.message)
      assert.equal("", files())
    end))

    it("goes on where nothing else tells that it is the same file", helper.task(function()
      for _, query in ipairs({ "etag=none", "mode=node", "mode=blind-silent", "etag=weak" }) do
        local url = file("cut=30000&cuts=1&" .. query)
        leave(url)
        local result, err = ms.download(url, path, { checksum = right })
        is_right(result, err, 100000)
        assert.equal(30000, result.resumed_from)
        os.remove(path)
      end
    end))

    it("is fetched in one piece when the parts were of two files", helper.task(function()
      leave(file("seed=1&cut=30000&etag=none"))
      local result, err = ms.download(file("etag=none"), path, { checksum = right })
      is_right(result, err, 100000)
      assert.equal(0, result.resumed_from)
    end))

    it("asks the next mirror when one has another file", helper.task(function()
      local result, err = ms.download({ file("seed=1"), file("seed=2&cut=40000"), file("") }, path,
        { checksum = right })
      is_right(result, err, 100000)
    end))
  end)

  describe("of several mirrors", function()
    it("asks the next when one fails, once", helper.task(function()
      local dead = file("fail=1")
      is_right(ms.download({ "http://127.0.0.1:1/", nginx.url("/nope"), dead, "http://[bad",
        file("") }, path), nil, 100000)
      assert.equal(1, #asked(dead))
      local err = helper.err_of(ms.download({ "http://127.0.0.1:1/", nginx.url("/nope") }, path))
      assert.equal("status", err.kind)
    end))

    it("goes on at another one when both have the same version", helper.task(function()
      local one, other = file("cut=30000"), file("cut=50000")
      is_right(ms.download({ one, other }, path), nil, 100000)
      assert.same({ "bytes=30000-", '"v1"' }, asked(other)[1])
    end))

    it("stays where it is when the others have another version", helper.task(function()
      local one, other = file("cut=30000"), file("etag=v2&seed=1")
      is_right(ms.download({ one, other }, path), nil, 100000)
      assert.equal(4, #asked(one))
      assert.equal(1, #asked(other))
      -- A date is no proof of another URL.
      local dated = file("etag=none&date=1&seed=1")
      is_right(ms.download({ file("cut=30000&etag=none&date=1"), dated }, path), nil, 100000)
      assert.equal(1, #asked(dated))
    end))

    it("begins anew at another one when nothing more comes of it", helper.task(function()
      is_right(ms.download({ file("cut=30000&mode=whole"), file("etag=v2&seed=1") }, path,
        { tries = 1 }), nil, 100000, 1)
    end))

    it("tells the credentials to the first one's origin alone", helper.task(function()
      local hostile = servers.hostile()
      local other = odd.url("/file?id=" .. dir .. "&fail=1")
      local result, err = ms.download({ other, hostile.url("/echo") }, path, {
        auth = { bearer = "secret" }, headers = { ["X-Api-Key"] = "secret", ["X-Plain"] = "plain" },
        query = { api_key = "secret", of = "all" },
      })
      assert.is_nil(err)
      assert.equal(path, result.path)
      local text = read()
      assert.falsy(text:find("secret", 1, true), text)
      assert.truthy(text:find("plain", 1, true), text)
      assert.truthy(text:find("of=all", 1, true), text)
      hostile.stop()
    end))
  end)
end)
