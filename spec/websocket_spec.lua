-- WebSocket frames of libcurl through the driver: those that a program sends and
-- receives itself (connect_only = 2), and those that a writefunction is given.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")

local MIB = 1024 * 1024

-- Bytes of a close frame: a code, and a reason.
local function closing(code, reason)
  return string.char(math.floor(code / 256), code % 256) .. reason
end

for _, scheme in ipairs({ "ws", "wss" }) do
  describe(scheme .. "://", function()
    local missing = transfers.missing(scheme)
    if missing then
      pending("frames over the driver: " .. missing)
      return
    end

    local server = fixtures.server(own_servers.websocket, scheme == "wss")
    local driver
    fixtures.each(function()
      driver = transfers.driver()
      return driver
    end)
    fixtures.no_handles_left()

    local function add(path, options)
      local all = { url = server.url(path), cainfo = server.ca }
      helper.with(all, options)
      return driver.add(all)
    end

    -- Waits for the end of each of the transfers, which stay in the multi: when
    -- it takes one out, libcurl closes a connection that is the program's.
    local function ended(count)
      local seen, found = {}, 0
      driver.step(function()
        local easy, ok, err = driver.multi:info_read()
        if easy then
          seen[easy] = ok or { err }
          found = found + 1
        end
        return found == count
      end)
      return seen
    end

    local function open(path)
      local easy = add(path or "/echo", { connect_only = 2 })
      assert.is_true(ended(1)[easy])
      return easy
    end

    -- Turns the loop until `done`. Nobody watches a connection that is the
    -- program's, so the turns are short.
    local function turn(done)
      local check = support.deadline()
      while not done() do
        driver.loop:step(0.001)
        check("the exchange")
      end
    end

    -- Runs `try` whenever the loop has turned, until it gives something; nil, err
    -- with another code than CURLE_AGAIN is something too.
    local function await(try)
      local results
      turn(function()
        results = table.pack(try())
        return results[1] or results[2].code ~= "CURLE_AGAIN"
      end)
      return table.unpack(results, 1, results.n)
    end

    local function receive(easy, most)
      return await(function() return easy:ws_recv(most) end)
    end

    -- A whole message, which may come in pieces; and the first one's frame.
    local function message(easy)
      local parts, first = {}, nil
      repeat
        local bytes, frame = receive(easy)
        assert(bytes, frame)
        parts[#parts + 1], first = bytes, first or frame
      until frame.bytesleft == 0
      return table.concat(parts), first
    end

    describe("connect_only = 2", function()
      it("sends and receives texts and bytes", function()
        local easy = open()
        assert.equal(101, easy:getinfo("response_code"))
        local sent = { { "hello", "text" }, { "", "text" }, { "\0\255", "binary" },
          { ("é"):rep(5000), "text" } }
        for _, one in ipairs(sent) do
          assert.equal(#one[1], easy:ws_send(one[1], one[2]))
          local bytes, frame = message(easy)
          assert.equal(one[1], bytes)
          assert.is_true(frame[one[2]])
          assert.equal(0, frame.offset)
        end
      end)

      it("says when there is nothing now", function()
        local easy = open("/silent")
        assert.equal("CURLE_AGAIN", helper.err_of(easy:ws_recv()).code)
      end)

      it("receives all messages, in their order", function()
        local easy = open("/count?n=1000")
        for i = 1, 1000 do
          assert.equal("message " .. i, (message(easy)))
        end
        local bytes, frame = message(easy)
        assert.equal(closing(1000, ""), bytes)
        assert.is_true(frame.close)
      end)

      it("exchanges a message that no buffer holds", function()
        local easy = open()
        local text = servers.bytes(4 * MIB)
        local rest, parts, size = text, {}, 0
        turn(function()
          if rest ~= "" then
            local sent, err = easy:ws_send(rest, "binary")
            assert.is_true(sent ~= nil or err.code == "CURLE_AGAIN", tostring(err))
            rest = rest:sub((sent or 0) + 1)
          end
          local bytes, err
          repeat
            bytes, err = easy:ws_recv()
            parts[#parts + 1] = bytes
            size = size + #(bytes or "")
          until bytes == nil
          assert.equal("CURLE_AGAIN", err.code)
          return size >= #text
        end)
        assert.equal("", rest)
        assert.is_true(table.concat(parts) == text)
      end)

      it("sends a message in pieces", function()
        local easy = open()
        assert.equal(6, easy:ws_send("first ", { "text", "cont" }))
        assert.equal(7, easy:ws_send("second ", { "text", "cont" }))
        assert.equal(4, easy:ws_send("last", "text"))
        assert.equal("first second last", (message(easy)))
        -- And a frame: its size is told with the first.
        assert.equal(2, easy:ws_send("ab", { "binary", "offset" }, 5))
        assert.equal(3, easy:ws_send("cde", { "binary", "offset" }, 0))
        assert.equal("abcde", (message(easy)))
      end)

      it("pings, and hears of it", function()
        local easy = open()
        assert.equal(4, easy:ws_send("echo", "ping"))
        local bytes, frame = message(easy)
        assert.equal("echo", bytes)
        assert.is_true(frame.pong)
      end)

      it("ends with the code and the reason that it gave", function()
        local easy = open()
        assert.equal(5, easy:ws_send(closing(1000, "bye"), "close"))
        local bytes, frame = message(easy)
        assert.is_true(frame.close)
        assert.equal(closing(1000, "bye"), bytes)
        local err = helper.err_of(receive(easy))
        assert.equal("closed", err.kind, tostring(err))
      end)

      it("runs many at once on one loop", function()
        local easies = {}
        for i = 1, 50 do
          easies[i] = add("/echo", { connect_only = 2 })
        end
        local seen = ended(50)
        for i, easy in ipairs(easies) do
          assert.is_true(seen[easy])
          assert.equal(#tostring(i), easy:ws_send(tostring(i)))
        end
        for i, easy in ipairs(easies) do
          assert.equal(tostring(i), (message(easy)))
        end
        assert.same({ 50, 1 }, { driver.loop:counts() })
        for _, easy in ipairs(easies) do
          driver.multi:remove_handle(easy)
        end
        assert.same({ 0, 1 }, { driver.loop:counts() })
      end)

      it("may be removed while the server is sending", function()
        local easy = open("/stream")
        assert.equal(("x"):rep(4096), (message(easy)))
        driver.multi:remove_handle(easy)
        assert.equal("string", type(helper.err_of(easy:ws_recv()).code))
        easy:close()
        assert.equal(2, open():ws_send("on"))
      end)

      it("may be closed at any time", function()
        local easy = open("/stream")
        easy:close()
        assert.error_matches(function() easy:ws_send("x") end, "closed")
        assert.same({ 0, 1 }, { driver.loop:counts() })
      end)
    end)

    describe("a writefunction", function()
      -- The server closes TLS without a word when nobody answers to its close.
      local function ended_well(result)
        if scheme == "wss" and result ~= true then
          assert.equal("closed", result[1].kind)
        else
          assert.is_true(result)
        end
      end

      -- Adds a transfer whose `fn(bytes, frame, easy)` gets the frames, or the
      -- pieces of those that arrive so.
      local function listen(path, fn)
        local easy
        easy = add(path, {
          writefunction = function(bytes)
            return fn(bytes, easy:ws_meta(), easy)
          end,
        })
        return easy
      end

      it("gets the messages, and answers to the close", function()
        local got, piece = {}, ""
        local easy = listen("/count?n=1000", function(bytes, frame, self)
          assert.equal(#piece, frame.offset)
          piece = piece .. bytes
          if frame.bytesleft > 0 then
            return
          elseif frame.close then
            got.close = piece
            assert.equal(#piece, self:ws_send(piece, "close"))
          else
            assert.is_true(frame.text)
            got[#got + 1] = piece
          end
          piece = ""
        end)
        local seen = driver.finish(1)
        assert.equal(1000, #got)
        for i, bytes in ipairs(got) do
          assert.equal("message " .. i, bytes)
        end
        assert.equal(closing(1000, ""), got.close)
        ended_well(seen[easy])
      end)

      it("talks to the other end from within", function()
        local rounds = 0
        local easy
        easy = listen("/echo", function(bytes, frame, self)
          if frame.close then
            return
          end
          rounds = rounds + 1
          assert.equal(tostring(rounds), bytes)
          if rounds < 100 then
            self:ws_send(tostring(rounds + 1))
          else
            self:ws_send(closing(1000, ""), "close")
          end
        end)
        driver.step(function() return easy:getinfo("response_code") == 101 end)
        assert.equal(1, easy:ws_send("1"))
        assert.is_true(driver.finish(1)[easy])
        assert.equal(100, rounds)
      end)

      it("may pause, and loses nothing", function()
        local parts, paused, waiting, expected = {}, 0, false, {}
        for i = 1, 200 do
          expected[i] = "message " .. i
        end
        local easy = listen("/count?n=200", function(bytes)
          if paused < 5 and #parts >= paused * 5 then
            paused, waiting = paused + 1, true
            return core.WRITEFUNC_PAUSE
          end
          parts[#parts + 1] = bytes
        end)
        local seen = {}
        driver.step(function()
          if waiting then
            waiting = false
            easy:pause(core.PAUSE_CONT)
          end
          return support.reap(driver.multi, seen) == 1
        end)
        assert.is_true(paused > 0)
        -- libcurl hands over what came meanwhile as one piece.
        assert.equal(table.concat(expected) .. closing(1000, ""), table.concat(parts))
        ended_well(seen[easy])
      end)

      it("ends its own transfer when it raises", function()
        local raised = {}
        local easy = listen("/stream", function() error(raised) end)
        assert.equal(raised, driver.finish(1)[easy][1])
      end)

      it("is left alone once its transfer is removed", function()
        local size = 0
        local easy = listen("/stream", function(bytes) size = size + #bytes end)
        driver.step(function() return size > 100000 end)
        driver.multi:remove_handle(easy)
        local before = size
        for _ = 1, 5 do
          driver.loop:step(0.01)
        end
        assert.equal(before, size)
      end)
    end)

    it("is refused with the server's status", function()
      local easy = add("/refuse")
      local err = driver.finish(1)[easy][1]
      assert.same({ "status", "CURLE_HTTP_RETURNED_ERROR" }, { err.kind, err.code })
      assert.equal(403, easy:getinfo("response_code"))
    end)

    it("times out when nothing comes", function()
      local easy = add("/silent", { timeout_ms = math.floor(helper.seconds(0.3) * 1000) })
      local err = driver.finish(1)[easy][1]
      assert.same({ "timeout", "receive" }, { err.kind, err.phase })
    end)

    if scheme == "wss" then
      it("trusts nobody whom it does not know", function()
        local easy = driver.add({ url = server.url("/echo"), connect_only = 2 })
        assert.equal("tls", driver.finish(1)[easy][1].kind)
      end)
    end
  end)
end
