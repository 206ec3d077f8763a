-- What who listens is told of WebSockets: the option `on`, a trace, HAR files.
local contents = require("multisock.base.contents")
local fixtures = require("spec.support.fixtures")
local har_rules = require("spec.support.har_rules")
local helper = require("spec.helper")
local ms = require("multisock")
local own_servers = require("spec.support.own_servers")
local printer = require("multisock.trace.printer")

local task = helper.task

local NAMES = { "queue", "start", "connect", "sent", "headers", "message", "response", "error",
  "done" }
local OPENED = "queue start connect sent headers response"

describe("a WebSocket", function()
  local server = fixtures.server(own_servers.websocket)
  local client, log

  after_each(function()
    client:close()
    helper.check_leaks()
  end)

  local function listening(options)
    options = options or {}
    log, options.on = {}, {}
    for _, name in ipairs(NAMES) do
      options.on[name] = function(event)
        log[#log + 1] = event
      end
    end
    client = ms.client(options)
    return client
  end

  local function said()
    return helper.names(log)
  end

  -- Closes it and waits for the end, which is the last event.
  local function ended(ws)
    ws:close()
    while log[#log].name ~= "done" do
      ms.sleep(0.001)
    end
    return log[#log]
  end

  it("tells of its handshake, its messages and its end", task(function()
    local ws = ms.assert(listening():websocket(server.url("/echo"), { meta = { 1 } }))
    assert.equal(OPENED, said())
    for _, event in ipairs(log) do
      assert.same({ "GET", server.url("/echo"), { 1 }, log[1].call },
        { event.method, event.url, event.meta, event.call })
    end
    assert.equal("server", log[5].waited_for)
    ms.assert(ws:send("hé"))
    ws:receive()
    local pieces = { "\0", "12" }
    ms.assert(ws:send(function() return table.remove(pieces, 1) end, "binary"))
    ws:receive()
    local done = ended(ws)
    assert.equal(OPENED .. " message message message message done", said())
    local messages = {}
    for i = 7, 10 do
      messages[i - 6] = { log[i].direction, log[i].kind, log[i].size, log[i].message or false }
    end
    assert.same({ { "sent", "text", 3, "hé" }, { "received", "text", 3, "hé" },
      { "sent", "binary", 3, false }, { "received", "binary", 3, "\00012" } }, messages)
    assert.is_nil(done.err)
    assert.same({ close_code = 1000, reason = "", sent = 2, sent_bytes = 6, received = 2,
      received_bytes = 6 }, done.websocket)
    assert.equal(101, done.response.status)
    assert.truthy(printer.line(done, done.time, 160):find(
      "closed 1000, sent 2 (6 bytes), received 2 (6 bytes)", 1, true))
    assert.truthy(printer.line(log[7], 0, 160):find("sent, text, 3 bytes", 1, true))
  end))

  it("tells how the server has closed it", task(function()
    local ws = ms.assert(listening():websocket(server.url("/close?code=3001&reason=enough")))
    local _, err = ws:receive()
    local done = ended(ws)
    assert.equal(OPENED .. " done", said())
    assert.equal(err, done.err)
    assert.same({ 3001, "enough" }, { done.websocket.close_code, done.websocket.reason })
    ws = ms.assert(client:websocket(server.url("/close?code=1001&reason=bye")))
    assert.equal("closed", select(2, ws:receive()).kind)
    done = ended(ws)
    assert.same({ 1001, "bye" }, { done.websocket.close_code, done.websocket.reason })
    assert.is_nil(done.err)
  end))

  it("tells that it was not opened, and that its client has dropped it", task(function()
    listening()
    local _, err = client:websocket(server.url("/refuse"))
    assert.equal(OPENED .. " done", said())
    assert.same({ 403, 403, "status" }, { log[5].response.status, log[6].response.status,
      err.kind })
    assert.is_nil(log[7].websocket)
    local ws = ms.assert(client:websocket(server.url("/echo")))
    ms.assert(ws:send("1"))
    client:close()
    local done = ended(ws)
    assert.equal("cancelled", done.err.kind)
    assert.same({ 1006, 1 }, { done.websocket.close_code, done.websocket.sent })
  end))

  it("may be closed, or lose its client, by who listens", task(function()
    local ws
    client = ms.client({ on = { message = function(event)
      if event.direction == "received" then
        ws:close(1000, "heard")
      end
    end } })
    ws = ms.assert(client:websocket(server.url("/count?n=3")))
    assert.equal("message 1", (ws:receive()))
    assert.equal("heard", select(2, ws:receive()).reason)
    client:close()
    client = ms.client({ on = { message = function() client:close() end } })
    ws = ms.assert(client:websocket(server.url("/count?n=3")))
    local data, err = ws:receive()
    while data do
      data, err = ws:receive()
    end
    assert.equal("cancelled", err.kind)
    client = ms.client({ on = { message = function() client:close() end } })
    ws = ms.assert(client:websocket(server.url("/echo")))
    local ok
    ok, err = ws:send("x")
    assert.is_nil(ok)
    assert.equal("cancelled", err.kind)
  end))

  it("is an entry of a HAR file, with its messages", task(function()
    local path = os.tmpname()
    client = ms.client({ agent = ms.har(path, "record") })
    local ws = ms.assert(client:websocket(server.url("/echo?token=S3CRET-1")))
    for _, message in ipairs({ '{"password":"S3CRET-2","a":"é"}', "says S3CRET-1" }) do
      ms.assert(ws:send(message))
      ws:receive()
    end
    ms.assert(ws:send("\0\255", "binary"))
    ws:receive()
    ws:close(3002, "by S3CRET-1")
    while ws:receive() do end
    ms.sleep(0.1)
    assert.is_nil(client:websocket(server.url("/refuse")))
    client:close()
    local text = contents(path)
    os.remove(path)
    assert.is_nil(text:find("S3CRET", 1, true), text)
    local recorded = ms.json.decode(text).log
    har_rules.check(recorded)
    local entries = recorded.entries
    assert.equal(2, #entries)
    local entry = entries[1]
    assert.same({ "ws", 101, "websocket", 0 }, { entry.request.url:match("^%a+"),
      entry.response.status, entry._resourceType, entry.response.content.size })
    assert.is_nil(entry.request.postData)
    assert.same({ close_code = 3002, reason = "by ***", sent = 3, sent_bytes = 47, received = 3,
      received_bytes = 47 }, entry._webSocket)
    local seen = {}
    local last = 0
    for i, message in ipairs(entry._webSocketMessages) do
      seen[i] = { message.type, message.opcode, message.data }
      assert.truthy(message.time >= last and math.abs(message.time - os.time()) < 60)
      last = message.time
    end
    local json, said_it = '{"password":"***","a":"é"}', "says ***"
    assert.same({ { "send", 1, json }, { "receive", 1, json }, { "send", 1, said_it },
      { "receive", 1, said_it }, { "send", 2, "AP8=" }, { "receive", 2, "AP8=" } }, seen)
    assert.same({ 403, "websocket", {} }, { entries[2].response.status, entries[2]._resourceType,
      entries[2]._webSocketMessages })
  end))
end)
