-- Header blocks that begin with a blank: a line that goes on without one before
-- it. Some libcurls read and free memory that they have freed already when such an
-- answer comes to a handle that has had headers before.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local support = require("spec.support.core_support")
local core = require("multisock.core")
local ms = require("multisock")

local LONG = ("y"):rep(200)
local REASON = "the answer's header block begins with a blank"

-- Blocks whose first line begins with a blank.
local FOLDED = {
  space = "HTTP/1.1 200 OK\r\n z: " .. LONG .. "\r\nContent-Length: 2\r\n\r\nok",
  tab = "HTTP/1.1 200 OK\r\n\tz: " .. LONG .. "\r\nContent-Length: 2\r\n\r\nok",
  ["line feeds alone"] = "HTTP/1.1 200 OK\n z: " .. LONG .. "\nContent-Length: 2\n\nok",
  ["status 302"] = "HTTP/1.1 302 Found\r\n z: " .. LONG .. "\r\nLocation: /\r\n\r\n",
  ["status 401"] = "HTTP/1.1 401 No\r\n z: " .. LONG .. "\r\nContent-Length: 0\r\n\r\n",
  ["behind an interim answer"] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n z: " .. LONG
    .. "\r\nContent-Length: 2\r\n\r\nok",
  ["in an interim answer"] = "HTTP/1.1 103 Early Hints\r\n z: " .. LONG
    .. "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  ["behind a long status line"] = "HTTP/1.1 200 " .. ("O"):rep(40000) .. "\r\n z: " .. LONG
    .. "\r\nContent-Length: 2\r\n\r\nok",
  ["long itself"] = "HTTP/1.1 200 OK\r\n z: " .. ("y"):rep(40000)
    .. "\r\nContent-Length: 2\r\n\r\nok",
}

-- Answers that are right, and what they bring.
local GOOD = {
  ["one header"] = { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["folded later"] = { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["a long first line"] = { "HTTP/1.1 200 OK\r\nA: " .. ("b"):rep(40000)
    .. "\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["a long status line"] = { "HTTP/1.1 200 " .. ("O"):rep(40000)
    .. "\r\nContent-Length: 2\r\n\r\nok", "ok" },
  -- The last byte of a piece of 16 KiB, and the first of the next one.
  ["a line of a piece"] = { "HTTP/1.1 200 OK\r\nA: " .. ("b"):rep(16384 - 5)
    .. "\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["a line of a piece and one"] = { "HTTP/1.1 200 OK\r\nA: " .. ("b"):rep(16384 - 4)
    .. "\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["an interim answer"] = { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
    .. "Content-Length: 2\r\n\r\nok", "ok" },
  ["an interim answer with a header"] = { "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
    .. "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok" },
  ["chunks and a trailer"] = { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    .. "2\r\nok\r\n0\r\nA: b\r\n\r\n", "ok" },
  ["a body like a head"] = { "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n"
    .. "HTTP/1.1 200 OK\r\n A", "HTTP/1.1 200 OK\r\n A" },
}

local NO_HEADER = "HTTP/1.1 200 OK\r\n\r\n until the end"

local read_file = helper.read_file

local function sorted(names)
  local list = {}
  for name in pairs(names) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

describe("a header block that begins with a blank", function()
  local server = fixtures.hostile()

  describe("in a client", function()
    local client
    fixtures.client(function(made) client = made end)

    -- The kind, message and readiness for another try of a request that fails.
    local function failure(url, options)
      local response, err = client:get(url, options)
      assert.is_nil(response, tostring(response))
      return { err.kind, err.message, err.retryable, err.phase, err.attempts }
    end

    for _, name in ipairs(sorted(FOLDED)) do
      it("is refused: " .. name, helper.task(function()
        local bad = probe.raw(server, { text = FOLDED[name], close = 1 })
        local good = probe.raw(server, { text = GOOD["one header"][1] })
        for _ = 1, 5 do
          assert.same({ "protocol", REASON, false, "receive", 1 }, failure(bad))
          assert.equal("ok", ms.assert(client:get(good)):text())
        end
      end))
    end

    for _, name in ipairs(sorted(GOOD)) do
      it("is not seen in " .. name, helper.task(function()
        local url = probe.raw(server, { text = GOOD[name][1] })
        for _ = 1, 3 do
          local response = ms.assert(client:get(url))
          assert.same({ 200, GOOD[name][2] }, { response.status, response:text() })
          response = ms.assert(client:get(url))
          local pieces, piece = {}, response:read(1)
          while piece do
            pieces[#pieces + 1] = piece
            piece = response:read(1)
          end
          assert.equal(GOOD[name][2], table.concat(pieces))
        end
      end))
    end

    it("is not seen where there is no header", helper.task(function()
      local url = probe.raw(server, { text = NO_HEADER, close = 1 })
      for _ = 1, 3 do
        assert.equal(" until the end", ms.assert(client:get(url)):text())
      end
    end))

    it("is refused behind a redirect", helper.task(function()
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      local url = probe.raw(server, { text = "HTTP/1.1 302 Found\r\nLocation: " .. bad
        .. "\r\nContent-Length: 0\r\n\r\n" })
      for _ = 1, 3 do
        assert.equal(REASON, failure(url)[2])
      end
    end))

    it("leaves files and pieces without a byte", helper.task(function()
      local path = os.tmpname()
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      ms.assert(client:get(probe.raw(server, { text = GOOD["one header"][1] }))):save(path)
      local response = client:get(bad)
      assert.is_nil(response)
      assert.equal("ok", read_file(path))
      os.remove(path)
    end))

    it("leaves the other requests alone", helper.task(function()
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      local good = probe.raw(server, { text = GOOD["one header"][1] })
      local urls = {}
      for i = 1, 60 do
        urls[i] = i % 3 == 0 and bad or good
      end
      local results, failed = ms.map(urls, function(url) return client:get(url) end)
      for i = 1, 60 do
        if i % 3 == 0 then
          assert.equal(REASON, failed[i].message)
        else
          assert.equal("ok", results[i]:text())
        end
      end
    end))
  end)

  describe("in the core", function()
    local headers
    before_each(support.begin)

    local function perform(easy, url)
      headers = {}
      assert(easy:setopt("url", url))
      return easy:perform()
    end

    -- libcurl 8.6 and newer takes it for a header.
    local may_pass = core.version().curl_number >= 0x080600

    local function check(failed, err)
      if failed == nil then
        assert.equal("protocol", err.kind)
        assert.equal("receive", err.phase)
      else
        assert.is_true(may_pass)
      end
    end

    for _, name in ipairs(sorted(FOLDED)) do
      it("is no harm to a handle that is used again: " .. name, function()
        local bad = probe.raw(server, { text = FOLDED[name], close = 1 })
        local good = probe.raw(server, { text = GOOD["one header"][1] })
        local easy, body = support.easy({ headerfunction = function(line)
          headers[#headers + 1] = line
        end })
        for _ = 1, 3 do
          check(perform(easy, bad))
          for i = #body, 1, -1 do body[i] = nil end
          assert(perform(easy, good))
          assert.equal("ok", table.concat(body))
          assert.same({ "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n", "\r\n" }, headers)
        end
        easy:close()
      end)
    end

    for _, name in ipairs(sorted(GOOD)) do
      it("changes nothing for " .. name, function()
        local text, expected = GOOD[name][1], GOOD[name][2]
        local easy, body = support.easy({ url = probe.raw(server, { text = text }) })
        for i = 1, 3 do
          assert(easy:perform())
          assert.equal(expected:rep(i), table.concat(body))
        end
        -- With the header block in the body, too.
        easy:setopt("header", true)
        for i = #body, 1, -1 do body[i] = nil end
        assert(easy:perform())
        local whole = table.concat(body)
        assert.equal("HTTP/1.1", whole:sub(1, 8))
        -- Newer libcurls pass trailers on as well.
        local ended = whole:gsub("A: b[\r\n]+$", "")
        assert.equal(expected, ended:sub(-#expected))
        assert.is_truthy(whole:find("\r\n\r\n", 1, true))
        easy:unsetopt("header")
        for i = #body, 1, -1 do body[i] = nil end
        assert(easy:perform())
        assert.equal(expected, table.concat(body))
        easy:close()
      end)
    end

    it("is no harm to a multi", function()
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      local good = probe.raw(server, { text = GOOD["one header"][1] })
      local multi = core.multi()
      local easy, body = support.easy({})
      for i = 1, 6 do
        easy:setopt("url", i % 2 == 0 and bad or good)
        assert(multi:add_handle(easy))
        local seen = support.perform(multi)
        if i % 2 == 0 then
          check(seen[easy] == true or nil, seen[easy] ~= true and seen[easy][1])
        end
      end
      assert.equal("okokok", table.concat(body):sub(1, 6))
      easy:close()
      multi:close()
    end)

    it("is no harm where the body goes to a file, or nowhere", function()
      local path = os.tmpname()
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      local good = probe.raw(server, { text = GOOD["one header"][1] })
      local easy = core.easy({ writedata = path, timeout_ms = 20000, noproxy = "*" })
      assert(perform(easy, good))
      check(perform(easy, bad))
      assert(perform(easy, good))
      local copy = easy:duphandle()
      assert(copy:perform())
      copy:close()
      easy:setopt("writedata", path)
      assert(perform(easy, good))
      assert.equal("ok", read_file(path))
      easy:setopt("writefunction", function() end)
      easy:unsetopt("writefunction")
      check(perform(easy, bad))
      assert(perform(easy, good))
      assert.equal("ok", read_file(path))        -- it went nowhere
      easy:reset()
      easy:setopt({ writedata = path, timeout_ms = 20000, noproxy = "*" })
      check(perform(easy, bad))
      assert(perform(easy, good))
      easy:close()
      assert.equal(may_pass and "okok" or "ok", read_file(path))
      os.remove(path)
    end)

    it("is no harm where the body goes to stdout", function()
      local script = ([[
        local core = require("multisock.core")
        local easy = core.easy({ timeout_ms = 20000, noproxy = "*" })
        for i = 1, 3 do
          easy:setopt("url", %q)
          assert(easy:perform())
          easy:setopt("url", %q)
          easy:perform()
        end
        local copy = easy:duphandle()
        copy:setopt("url", %q)
        assert(copy:perform())
      ]]):format(probe.raw(server, { text = GOOD["one header"][1] }),
        probe.raw(server, { text = FOLDED.tab, close = 1 }),
        probe.raw(server, { text = GOOD["one header"][1] }))
      local output, status = support.child(script)
      assert.same({ "okokokok", 0 }, { may_pass and output:gsub("ok", "") == "" and "okokokok"
        or output, status })
    end)

    it("is no harm to lcurl", function()
      local curl = require("lcurl")
      local bad = probe.raw(server, { text = FOLDED.space, close = 1 })
      local good = probe.raw(server, { text = GOOD["one header"][1] })
      local body = {}
      local easy = curl.easy({
        proxy = "", timeout = 20, writefunction = function(bytes) body[#body + 1] = bytes end,
      })
      for _ = 1, 3 do
        easy:setopt_url(good):perform()
        pcall(function() easy:setopt_url(bad):perform() end)
      end
      easy:close()
      assert.is_truthy(table.concat(body):find(may_pass and "^okok" or "^okokok$"))
    end)

    it("keeps a handle that was used from a WebSocket, where it cannot be seen", function()
      local running = core.version().curl_number
      if running < 0x075300 or running >= 0x080100 then
        pending("libcurl " .. core.version().curl .. " is safe there")
      end
      local easy = support.easy({ url = probe.raw(server, { text = GOOD["one header"][1] }) })
      assert(easy:perform())
      for _, options in ipairs({ { url = "ws://127.0.0.1/" }, { url = "WSS://127.0.0.1/" },
        { curlu = assert(core.url("ws://127.0.0.1/", { "non_support_scheme" })) } }) do
        assert(easy:setopt(options))
        local err = helper.err_of(easy:perform())
        assert.is_truthy(err.message:find("cannot open a WebSocket", 1, true), err.message)
      end
      easy:close()
    end)

    it("is what a body of HTTP/0.9 may begin with", function()
      local easy, body = support.easy({ http09_allowed = 1,
        url = probe.raw(server, { text = " no header at all\r\n", close = 1 }) })
      for i = 1, 3 do
        assert(easy:perform())
        assert.equal((" no header at all\r\n"):rep(i), table.concat(body))
      end
      easy:close()
    end)
  end)
end)
