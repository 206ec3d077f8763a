-- ms.websocket against websockets of Python, through proxies, and what becomes of it when its
-- task, its client or its object ends. What a server may do wrong: websocket_hostile_spec.lua.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local proxies = require("spec.support.proxies")
local scheduler = require("multisock.tasks.scheduler")
local servers = require("spec.support.servers")
local ms = require("multisock")
local websockets = require("spec.support.websockets")

local end_of, MIB = websockets.end_of, 1024 * 1024

for _, scheme in ipairs({ "ws", "wss" }) do
  describe("ms.websocket, " .. scheme .. "://", function()
    local server = fixtures.server(own_servers.websocket, scheme == "wss")
    local squid = fixtures.server(proxies.http_proxy)
    local socks5 = fixtures.server(proxies.socks5)
    local client

    fixtures.each(function()
      client = ms.client({ tls = { ca = server.ca }, timeout = { connect = helper.seconds(5) } })
      return client
    end)

    local function open(path, options)
      return ms.assert(client:websocket(server.url(path), options))
    end

    it("sends and receives texts and bytes", helper.task(function()
      local ws = open("/echo")
      assert.equal(server.url("/echo"), ws.url)
      assert.equal(101, ws.response.status)
      assert.equal("multisock.websocket (open)", tostring(ws))
      local messages = { { "hello" }, { "", "text" }, { "", "binary" }, { "\0\255", "binary" },
        { ("é"):rep(5000), "text" } }
      for size = 120, 130 do
        messages[#messages + 1] = { ("x"):rep(size), "binary" }
        messages[#messages + 1] = { ("y"):rep(65536 - 125 + size) }
      end
      for _, message in ipairs(messages) do
        assert.is_true(ws:send(message[1], message[2]))
        local data, kind = ws:receive()
        assert.is_true(message[1] == data, "another message")
        assert.equal(message[2] or "text", kind)
      end
      local err = end_of(ws)
      assert.same({ "closed", 1000, "" }, { err.kind, err.close_code, err.reason })
    end))

    it("receives all messages in their order, and ends with the server", helper.of_loop(
      helper.task(function()
        local count = 0
        for data, kind in open("/count?n=500"):messages() do
          count = count + 1
          assert.same({ "message " .. count, "text" }, { data, kind })
        end
        assert.equal(500, count)
      end)))

    it("exchanges messages that no buffer holds, both ways at once", helper.task(function()
      local ws = open("/echo")
      local data = servers.bytes(4 * MIB)
      ms.spawn(function()
        for _ = 1, 3 do
          assert.is_true(ws:send(data, "binary"))
        end
      end)
      for _ = 1, 3 do
        assert.is_true(data == ws:receive(), "another message")
      end
      end_of(ws)
    end, 30))

    it("sends a message in pieces, which others do not get between", helper.task(function()
      local ws, count = open("/echo"), 0
      local other
      assert.is_true(ws:send(function()
        count = count + 1
        if count == 2 then
          other = ms.spawn(ws.send, ws, "another")
          ms.sleep(0)
        end
        return count < 5 and "piece " .. count .. " " or nil
      end))
      assert.is_true(other:await())
      assert.equal("piece 1 piece 2 piece 3 piece 4 ", (ws:receive()))
      assert.equal("another", (ws:receive()))
      end_of(ws)
    end))

    it("receives a message in pieces, with a ping between them", helper.task(function()
      local ws = open("/parts")
      assert.same({ "one two", "text" }, { ws:receive() })
      end_of(ws)
    end))

    it("answers pings while nobody receives, and pings", helper.task(function()
      local ws = open("/ping")
      ms.sleep(0.05)
      assert.equal("pong", (ws:receive()))
      ws = open("/silent")
      assert.equal("number", type(ws:ping()))
      assert.is_true(ws:ping() < 60)
      end_of(ws)
      local seconds, err = ws:ping()
      assert.same({ nil, "closed" }, { seconds, err.kind })
    end))

    it("tells with which code and reason the server closed", helper.task(function()
      for _, code in ipairs({ 1000, 1001, 1011, 3000, 4999 }) do
        local ws = open("/close?code=" .. code .. "&reason=because")
        local err = helper.err_of(ws:receive())
        assert.same({ "closed", code, "because" }, { err.kind, err.close_code, err.reason })
        assert.is_truthy(tostring(err):find("by the server: " .. code .. " (because)", 1, true))
        assert.same({ nil, err }, { ws:send("too late") })
        end_of(ws)
      end
    end))

    it("raises out of messages() when it was not closed well", helper.of_loop(helper.task(function()
      local err = helper.failure(function()
        for _ in open("/close?code=4000&reason="):messages() do
          error("there is none")
        end
      end)
      assert.same({ "closed", 4000 }, { err.kind, err.close_code })
    end)))

    it("stops a server while nobody receives, and then has it all", helper.task(function()
      local ws = open("/count?n=20000", { high_water = 64 * 1024 })
      local before = helper.resident_kib()
      ms.sleep(helper.seconds(0.2))
      assert.is_true(ws._link.held < 512 * 1024, "holds " .. ws._link.held)
      assert.is_true(helper.resident_kib() - before < 20 * 1024)
      for i = 1, 1000 do
        assert.equal("message " .. i, (ws:receive()))
      end
      end_of(ws)
    end))

    it("lets who sends wait for a server that does not receive", helper.task(function()
      local ws, sent = open("/deaf", { high_water = 64 * 1024 }), 0
      local data = ("x"):rep(64 * 1024)
      local sender = ms.spawn(function()
        while ws:send(data, "binary") do
          sent = sent + 1
        end
      end)
      ms.sleep(helper.seconds(0.3))
      -- What the sockets of both ends take, and no more.
      assert.equal("waiting", sender:status())
      assert.is_true(sent < 500, "took " .. sent)
      sender:cancel()
      client:close()
    end))

    it("says what the server answered instead", helper.task(function()
      local err = helper.err_of(client:websocket(server.url("/refuse")))
      assert.same({ "status", 403, "refused\n" },
        { err.kind, err.response.status, err.response:text() })
      assert.equal(server.url("/refuse"), err.url)
    end))

    it("agrees on a subprotocol", helper.task(function()
      local ws = open("/echo", { subprotocols = { "chat.v0", "chat.v1" } })
      assert.equal("chat.v1", ws.subprotocol)
      end_of(ws)
      local none, err = client:websocket(server.url("/echo"), { subprotocols = { "other" } })
      assert.is_nil(none)
      assert.equal("protocol", err.kind)
    end))

    it("goes through proxies", helper.task(function()
      for _, proxy in ipairs({ squid.url, squid.auth_url, socks5.url }) do
        local ws = open("/echo", { proxy = proxy, no_proxy = {} })
        ws:send("hello")
        assert.equal("hello", (ws:receive()))
        end_of(ws)
      end
      assert.is_true(#squid.log("CONNECT ", 1) >= 1)
      local none, err = client:websocket(server.url("/echo"),
        { proxy = squid.auth_url:gsub("secret", "wrong") .. "", no_proxy = {} })
      assert.is_nil(none)
      assert.equal("proxy", err.kind)
    end, 20))

    it("sends the client's headers, cookies and credentials", helper.task(function()
      local jar = ms.cookies()
      local origin = server.url("/"):gsub("^ws", "http")
      jar:set(origin, "session=1; Path=/")
      local own = ms.client({ tls = { ca = server.ca }, cookies = jar, base_url = origin,
        headers = { ["X-One"] = "1" }, auth = { basic = { "user", "secret" } } })
      local ws = ms.assert(own:websocket("/headers", { headers = { Origin = "http://here" } }))
      local text = ws:receive()
      end_of(ws)
      for _, line in ipairs({ "X-One: 1", "Origin: http://here", "Cookie: session=1",
        "Authorization: Basic dXNlcjpzZWNyZXQ=", "Sec-WebSocket-Version: 13",
        "User-Agent: multisock/" }) do
        assert.is_truthy(text:find(line, 1, true), line)
      end
      for _, name in ipairs({ "Transfer-Encoding", "Content-Type", "Content-Length", "Expect",
        "Accept-Encoding", "Sec-WebSocket-Extensions" }) do
        assert.is_nil(text:find(name, 1, true), name)
      end
      ws = ms.assert(own:websocket("/headers", { auth = { bearer = "token" } }))
      assert.is_truthy(ws:receive():find("Authorization: Bearer token", 1, true))
      end_of(ws)
      own:close()
    end))

    it("asks for its own connection, and leaves the others of its client as they are",
      helper.task(function()
        local url = server.url("/refuse"):gsub("^ws", "http")
        for _ = 1, 3 do
          local ws = open("/echo")
          assert.equal(403, ms.assert(client:get(url)).status)
          ws:send("hello")
          assert.equal("hello", (ws:receive()))
          end_of(ws)
          assert.equal("refused\n", ms.assert(client:get(url)):text())
        end
      end))

    it("runs many at once", helper.task(function()
      local sockets = ms.map({ n = 50, (" "):rep(50):byte(1, -1) }, function()
        return open("/echo")
      end)
      for i = 1, 50 do
        sockets[i]:send(tostring(i))
      end
      for i = 1, 50 do
        assert.equal(tostring(i), (sockets[i]:receive()))
      end
      ms.map(sockets, function(ws)
        end_of(ws)
        return true
      end)
    end, 20))

    ---- Ends ----------------------------------------------------------------------------

    it("stays open when a task that receives is cancelled", helper.task(function()
      local ws = open("/echo")
      local reader = ms.spawn(ws.receive, ws)
      ms.sleep(0.01)
      reader:cancel()
      local ok, err = reader:join()
      assert.same({ false, "cancelled" }, { ok, err.kind })
      ws:send("on")
      assert.equal("on", (ws:receive()))
      local none
      none, err = ms.with_timeout(0.02, ws.receive, ws)
      assert.same({ nil, "timeout" }, { none, err.kind })
      end_of(ws)
    end))

    it("ends with its client", helper.task(function()
      local ws = open("/echo")
      local reader = ms.spawn(ws.receive, ws)
      ms.sleep(0.01)
      client:close()
      local _, data, err = reader:join()
      assert.is_nil(data)
      assert.equal("cancelled", err.kind)
      assert.same({ nil, err }, { ws:send("x") })
      assert.equal("multisock.websocket (closed)", tostring(ws))
      ws:close()
      local none = helper.failure(client.websocket, client, server.url("/echo"))
      assert.is_truthy(tostring(none):find("closed", 1, true))
    end))

    it("is cancelled while it is being opened", helper.task(function()
      local opening = ms.spawn(open, "/echo")
      ms.sleep(0)
      opening:cancel()
      assert.is_false((opening:join()))
    end))

    it("is closed by the end of its block", helper.of_block(helper.task(function()
      local link
      ms.group(function()
        local ws <close> = open("/echo")
        ws:send("hello")
        link = ws._link
      end)
      assert.is_true(link.ended)
      assert.equal(1000, link.err.close_code)
    end)))

    it("is closed before ms.run has ended", function()
      local ws
      ms.run(function()
        ws = open("/echo")
        ws:close(3001, "enough")
        assert.equal("multisock.websocket (closing)", tostring(ws))
      end)
      assert.equal("multisock.websocket (closed)", tostring(ws))
      assert.is_true(ws._link.heard_close)
    end)

    it("works on the main chunk", function()
      local ws = open("/echo")
      ws:send("hello")
      assert.equal("hello", (ws:receive()))
      ws:close()
      assert.equal("multisock.websocket (closed)", tostring(ws))
    end)

    it("closes when nobody can receive from it any more", helper.task(function()
      local link = open("/echo")._link
      local before = ms.now()
      while not link.ended and ms.now() - before < helper.seconds(8) do
        collectgarbage()
        ms.sleep(0.01)
      end
      assert.is_true(link.ended)
      assert.equal(1001, link.err.close_code)
    end))

    it("waits for nothing while nothing comes", helper.task(function()
      local ws = open("/silent")
      ms.sleep(0.05)
      local loop = scheduler.loop()
      local turns, step = 0, loop.step
      loop.step = function(...)
        turns = turns + 1
        return step(...)
      end
      ms.sleep(0.3)
      loop.step = step
      assert.is_true(turns <= 10, turns .. " turns")
      end_of(ws)
    end))
  end)
end
