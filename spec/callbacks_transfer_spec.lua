-- Callbacks of a transfer, each by itself: what they get, and what their results mean.
local cjson = require("cjson")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("the callback", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  describe("writefunction", function()
    local function write(fn)
      return support.easy { url = nginx.url("/1k"), writefunction = fn }
    end

    it("takes all with nil, true or the count", function()
      for _, result in ipairs { function() end, function() return true end,
        function(bytes) return #bytes end } do
        assert.is_true(write(result):perform())
      end
    end)

    it("ends the transfer with false or another count", function()
      for _, result in ipairs { false, 0, 1, -1, 1023, 1025, math.maxinteger, math.mininteger } do
        local err = helper.err_of(write(function() return result end):perform())
        assert.equal("CURLE_WRITE_ERROR", err.code)
      end
    end)

    it("has its result checked", function()
      for _, result in ipairs { "1024", 1024.5, {}, print } do
        local err = helper.err_of(write(function() return result end):perform())
        assert.truthy(tostring(err):find("writefunction returned", 1, true))
      end
    end)

    it("gets every byte", function()
      local easy, body = support.easy { url = hostile.url("/bytes?n=300000&seed=3") }
      assert.is_true(easy:perform())
      assert.equal(servers.bytes(300000, 3), table.concat(body))
    end)

    it("does not get the headers when the header function is unset", function()
      local easy, body = support.easy { url = nginx.url("/1k"), headerfunction = function() end }
      assert.is_true(easy:perform())
      easy:unsetopt("headerfunction")
      assert.is_true(easy:perform())
      assert.equal(servers.bytes(1024):rep(2), table.concat(body))
    end)

    it("pauses, and goes on when it is told to", function()
      local multi, received, paused, waiting = core.multi(), {}, 0, false
      local easy
      easy = support.easy {
        url = nginx.url("/1m"),
        writefunction = function(bytes)
          if paused < 5 and #received >= paused then
            paused, waiting = paused + 1, true
            return core.WRITEFUNC_PAUSE
          end
          received[#received + 1] = bytes
        end,
      }
      multi:add_handle(easy)
      local check, seen = support.deadline(), {}
      repeat
        local running = multi:perform()
        if waiting then
          -- Paused: nothing more comes until it is told to go on.
          local count = #received
          multi:perform()
          assert.equal(count, #received)
          -- This may call the function, which may pause once more.
          waiting = false
          assert.equal(easy, easy:pause(core.PAUSE_CONT))
        end
        multi:poll(10)
        support.reap(multi, seen)
        check()
      until running == 0
      assert.is_true(seen[easy])
      assert.equal(1048576, #table.concat(received))
      assert.equal(5, paused)
      multi:close()
    end)

    it("may close its handle while pause calls it", function()
      local multi, calls = core.multi(), 0
      local easy
      easy = support.easy {
        url = nginx.url("/1k"),
        writefunction = function()
          calls = calls + 1
          if calls == 1 then
            return core.WRITEFUNC_PAUSE
          end
          easy:close()
        end,
      }
      multi:add_handle(easy)
      local check = support.deadline()
      while calls == 0 do
        multi:perform()
        multi:poll(10)
        check()
      end
      local ok, err = pcall(easy.pause, easy, core.PAUSE_CONT)
      while calls == 1 do
        multi:perform()
        check()
      end
      assert.truthy(ok or err:find("closed", 1, true))
      assert.equal(2, calls)
      assert.equal(0, multi:perform())
      assert.equal(0, support.easy_count())
      multi:close()
    end)
  end)

  describe("headerfunction", function()
    it("gets each line as it came", function()
      local lines = {}
      local easy = support.easy {
        url = hostile.url("/duplicate-headers"),
        headerfunction = function(line) lines[#lines + 1] = line end,
      }
      assert.is_true(easy:perform())
      assert.equal("HTTP/1.1 200 OK\r\n", lines[1])
      assert.equal("\r\n", lines[#lines])
      assert.truthy(table.concat(lines):find("X-Twice: one\r\n", 1, true))
      assert.truthy(table.concat(lines):find("x-twice: two\r\n", 1, true))
    end)

    it("ends the transfer with false", function()
      local easy = support.easy {
        url = nginx.url("/1k"), headerfunction = function() return false end,
      }
      assert.equal("CURLE_WRITE_ERROR", helper.err_of(easy:perform()).code)
    end)
  end)

  describe("readfunction", function()
    local function upload(fn, options)
      local easy, body = support.easy {
        url = hostile.url("/upload"), upload = true, readfunction = fn,
      }
      easy:setopt(options or {})
      return easy, body
    end

    it("gives the body until nil or an empty string", function()
      for _, last in ipairs { false, "" } do
        local sent, longest = 0, 0
        local easy, body = upload(function(room)
          longest = math.max(longest, room)
          if sent == 50 then
            return last or nil
          end
          sent = sent + 1
          return ("\0x"):rep(500)
        end)
        assert.is_true(easy:perform())
        assert.equal(50000, cjson.decode(table.concat(body)).length)
        assert.truthy(longest >= 1000)
      end
    end)

    it("may not give more than was asked for", function()
      local easy = upload(function(room) return ("x"):rep(room + 1) end)
      assert.truthy(helper.err_of(easy:perform()):find("were asked for", 1, true))
    end)

    it("may not give numbers: they would send old memory", function()
      for _, bad in ipairs { 5, 0, -1, 1.5, true, false, {} } do
        local easy = upload(function() return bad end)
        local err = helper.err_of(easy:perform())
        assert.truthy(err:find("readfunction returned", 1, true))
      end
    end)

    it("aborts", function()
      local err = helper.err_of(upload(function() return core.READFUNC_ABORT end):perform())
      assert.equal("CURLE_ABORTED_BY_CALLBACK", err.code)
      assert.equal("cancelled", err.kind)
    end)

    it("pauses, and goes on when it is told to", function()
      local multi, calls = core.multi(), 0
      local easy, body = upload(function()
        calls = calls + 1
        if calls % 2 == 1 then
          return core.READFUNC_PAUSE
        end
        return calls <= 10 and "12345" or nil
      end)
      multi:add_handle(easy)
      local check, seen, before = support.deadline(), {}, 0
      repeat
        local running = multi:perform()
        if calls > before and calls % 2 == 1 then
          before = calls
          easy:pause(core.PAUSE_CONT)
        end
        multi:poll(10)
        support.reap(multi, seen)
        check()
      until running == 0
      assert.is_true(seen[easy])
      assert.equal(25, cjson.decode(table.concat(body)).length)
      multi:close()
    end)

    it("is asked again from the place that the seek function went to", function()
      local text, at, seeks = ("abcdefghij"):rep(1000), 0, {}
      local easy, body = upload(function(room)
        local piece = text:sub(at + 1, at + math.min(room, 512))
        at = at + #piece
        return piece
      end, {
        infilesize = #text, url = hostile.url("/redirect?status=307&to=/upload"),
        followlocation = true,
        seekfunction = function(offset, origin)
          seeks[#seeks + 1] = origin .. offset
          at = offset
        end,
      })
      assert.is_true(easy:perform())
      assert.same({ "set0" }, seeks)
      assert.equal(#text, cjson.decode(table.concat(body):match("{.*}")).length)
    end)

    it("cannot be asked again when the seek function says so", function()
      for _, result in ipairs { "false", "error" } do
        local easy = upload(function() return "12345" end, {
          infilesize = 5, url = hostile.url("/redirect?status=307&to=/upload"),
          followlocation = true,
          seekfunction = function()
            if result == "error" then
              error("no way back")
            end
            return false
          end,
        })
        local err = helper.err_of(easy:perform())
        if result == "false" then
          assert.equal("io", err.kind)
        else
          assert.truthy(err:find("no way back", 1, true))
        end
      end
    end)

    it("sends nothing once it is unset, and leaves stdin alone", function()
      local easy, body = upload(function() error("still called") end)
      easy:unsetopt("readfunction")
      assert.is_true(easy:perform())
      assert.equal(0, cjson.decode(table.concat(body)).length)
    end)
  end)

  describe("xferinfofunction", function()
    it("gets the counts of both directions", function()
      local last
      local easy = support.easy {
        url = nginx.url("/1m"),
        xferinfofunction = function(...) last = { ... } end,
      }
      assert.is_true(easy:perform())
      assert.same({ 1048576, 1048576, 0, 0 }, last)
    end)

    it("ends the transfer with false or a number that is not 0", function()
      for _, result in ipairs { false, 1, -1 } do
        local easy = support.easy {
          url = nginx.url("/1k"), xferinfofunction = function() return result end,
        }
        assert.equal("CURLE_ABORTED_BY_CALLBACK", helper.err_of(easy:perform()).code)
      end
      for _, result in ipairs { true, 0 } do
        local easy = support.easy {
          url = nginx.url("/1k"), xferinfofunction = function() return result end,
        }
        assert.is_true(easy:perform())
      end
    end)

    it("may raise at any time, of a file: URL too, and nothing is lost", function()
      for _, url in ipairs { nginx.url("/1k"), "file:///etc/passwd" } do
        local calls = 0
        for last = 1, 100 do
          calls = 0
          local easy = support.easy {
            url = url, xferinfofunction = function()
              calls = calls + 1
              if calls == last then error { at = last } end
            end,
          }
          local ok, err = easy:perform()
          easy:close()
          if ok then break end
          assert.equal(last, err.at)
        end
        assert.is_true(calls > 2 and calls < 100, url)
      end
    end)
  end)

  describe("debugfunction", function()
    it("gets what goes over the wire", function()
      local kinds = {}
      local easy = support.easy {
        url = nginx.tls_url("/1k"), cainfo = nginx.ca, verbose = true,
        debugfunction = function(kind, bytes)
          assert.equal("string", type(bytes))
          kinds[kind] = (kinds[kind] or "") .. bytes
        end,
      }
      assert.is_true(easy:perform())
      for _, kind in ipairs { "text", "header_in", "header_out", "data_in", "ssl_data_in",
        "ssl_data_out" } do
        assert.truthy(kinds[kind], kind)
      end
      assert.equal(servers.bytes(1024), kinds.data_in)
    end)

    it("does not let libcurl talk to stderr when the handle goes", function()
      local output, status = support.child([[
        local core = require("multisock.core")
        local easy = core.easy {
          url = ..., noproxy = "*", verbose = true, writefunction = function() end,
          debugfunction = function() end,
        }
        print(easy:perform())
        easy:close()
        easy = core.easy {
          url = ..., noproxy = "*", verbose = true, writefunction = function() end,
          debugfunction = function() end,
        }
        core.multi():add_handle(easy)
        easy = nil
        collectgarbage()
      ]], nginx.url("/1k"))
      assert.equal("true\n", output)
      assert.equal(0, status)
    end)
  end)
end)
