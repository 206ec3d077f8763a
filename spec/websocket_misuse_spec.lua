-- ms.websocket: what it refuses, and what of a client it goes through.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local own_servers = require("spec.support.own_servers")
local websockets = require("spec.support.websockets")

local end_of = websockets.end_of

describe("ms.websocket", function()
  local server = fixtures.server(own_servers.websocket)
  local client
  fixtures.client(function(made) client = made end)

  it("names what is wrong with its arguments", helper.task(function()
    local url = server.url("/echo")
    local wrong = {
      { "url: string expected", 1 },
      { "table of options expected", url, "x" },
      { "option 'body': the handshake is a GET", url, { body = "x" } },
      { "option 'redirect': redirects are not followed", url, { redirect = "follow" } },
      { "option 'http_version'", url, { http_version = "2" } },
      { "option 'max_size': integer of 1 or more", url, { max_size = 0 } },
      { "option 'subprotocols': list of strings", url, { subprotocols = "chat" } },
      { "option 'subprotocols[2]'", url, { subprotocols = { "a", "a" } } },
      { "option 'subprotocols[1]'", url, { subprotocols = { "a b" } } },
      { "headers: sec-websocket-key: the handshake has its own", url,
        { headers = { ["sec-websocket-key"] = "x" } } },
      { "use the option 'subprotocols'", url, { headers = { ["Sec-WebSocket-Protocol"] = "x" } } },
      { "unknown option \"sub_protocols\"", url, { sub_protocols = {} } },
      { "not digest", url, { auth = { digest = { "a", "b" } } } },
    }
    for _, case in ipairs(wrong) do
      local err = helper.failure(function() client:websocket(case[2], case[3]) end)
      assert.is_truthy(tostring(err):find(case[1], 1, true), tostring(err))
      assert.is_truthy(tostring(err):find("^[^:]*websocket_misuse_spec.lua:%d+: "), tostring(err))
    end
  end))

  it("names what is wrong with its URL", helper.task(function()
    for url, message in pairs({
      ["ftp://host/"] = "begins with ws:// or wss://, not ftp://",
      ["ws://host/#part"] = "has no fragment",
      ["/path"] = "", ["ws://"] = "", ["ws://a b/"] = "",
    }) do
      local err = helper.err_of(client:websocket(url))
      assert.equal("url", err.kind)
      assert.is_truthy(tostring(err):find(message, 1, true), tostring(err))
    end
  end))

  it("names what is wrong with what is sent", helper.task(function()
    local ws = ms.assert(client:websocket(server.url("/echo")))
    for message, call in pairs({
      ["string or function expected, got 1"] = function() ws:send(1) end,
      ["\"text\" or \"binary\" expected"] = function() ws:send("x", "ping") end,
      ["the text is not UTF-8"] = function() ws:send("\255") end,
      ["4999 expected, got 1005"] = function() ws:close(1005) end,
      ["4999 expected, got 2000"] = function() ws:close(2000) end,
      ["4999 expected, got 999"] = function() ws:close(999) end,
      ["UTF-8 of 123 bytes at most"] = function() ws:close(1000, ("x"):rep(124)) end,
      ["reason: UTF-8"] = function() ws:close(1000, "\255") end,
      ["call websocket:send"] = function() ws.send("x") end,
    }) do
      local err = helper.failure(call)
      assert.is_truthy(tostring(err):find(message, 1, true), tostring(err))
    end
    ws:send("fine")
    assert.equal("fine", (ws:receive()))
    end_of(ws)
  end))

  it("closes when a message in pieces cannot be ended", helper.task(function()
    for _, case in ipairs({
      { function() error("broken", 0) end, "^broken$" },
      { function() return 1 end, "returned number" },
      { function() return "\255" end, "not UTF%-8" },
    }) do
      local ws = ms.assert(client:websocket(server.url("/echo")))
      local first = true
      local err = helper.failure(ws.send, ws, function()
        if first then
          first = false
          return "one "
        end
        return case[1]()
      end)
      assert.is_truthy(tostring(err):find(case[2]), tostring(err))
      local data, why = ws:receive()
      assert.same({ nil, 1011 }, { data, why.close_code })
      end_of(ws)
    end
    local ws = ms.assert(client:websocket(server.url("/echo")))
    assert.same({ nil, "no more" }, { ws:send(function() return nil, "no more" end) })
    end_of(ws)
  end))

  it("refuses private addresses where they are not allowed", helper.task(function()
    local err = helper.err_of(client:websocket(server.url("/echo"), { allow_private = false }))
    assert.equal("policy", err.kind)
  end))

  it("is no matter for an agent", helper.task(function()
    local own = ms.client({ agent = function() return ms.response("") end })
    local err = helper.failure(own.websocket, own, server.url("/echo"))
    assert.is_truthy(tostring(err):find("agent", 1, true))
    own:close()
  end))

  it("passes the client's middleware, which sees the handshake", helper.task(function()
    local seen = {}
    local own = ms.client({ each_attempt = { function(request, next)
      request.headers["X-Signed"] = "yes"
      local response, err = next(request)
      seen[#seen + 1] = response and response.status
      return response, err
    end } })
    local ws = ms.assert(own:websocket(server.url("/headers")))
    assert.is_truthy(ws:receive():find("X%-Signed: yes"))
    assert.same({ 101 }, seen)
    end_of(ws)
    own:close()
  end))
end)
