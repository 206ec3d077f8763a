-- ms.websocket against a server that does not keep the rules: what it says is refused with
-- the right code, nothing that it does hangs, crashes or grows.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local ms = require("multisock")

local MIB = 1024 * 1024

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- A frame as a server sends it. `first`: FIN and the reserved bits (0x80).
local function frame(opcode, payload, first)
  local size = #payload
  local head
  if size < 126 then
    head = string.char(size)
  elseif size < 65536 then
    head = string.char(126, math.floor(size / 256), size % 256)
  else
    head = string.char(127, 0, 0, 0, 0, math.floor(size / 2 ^ 24), math.floor(size / 65536) % 256,
      math.floor(size / 256) % 256, size % 256)
  end
  return string.char((first or 0x80) + opcode) .. head .. payload
end

local CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

local function closing(code, reason)
  return string.char(math.floor(code / 256), code % 256) .. (reason or "")
end

local GOODBYE = frame(CLOSE, closing(1000))

describe("a WebSocket server", function()
  local server = fixtures.server(own_servers.raw_websocket)
  local client
  local count = 0

  fixtures.client(function(made) client = made end, { timeout = helper.seconds(5) })

  -- Opens what sends these bytes; the name under which the server keeps what it has seen.
  local function open(query, options)
    count = count + 1
    -- One that is to do nothing else answers a close, and hangs up.
    local after = query:find("then=") and "" or "&echo=1"
    return client:websocket(server.url("/?id=" .. count .. "&" .. query .. after), options), count
  end

  local function sends(...)
    local pieces = { ... }
    for i = 1, #pieces do
      pieces[i] = hex(pieces[i])
    end
    return "send=" .. table.concat(pieces, ".")
  end

  -- What the client has sent, as the server saw it.
  local function seen(id)
    local url = server.url("/seen?id=" .. id):gsub("^ws", "http")
    return ms.assert(client:get(url)):text()
  end

  -- All messages, and how it ended.
  local function exchange(query, options)
    local ws, id = open(query, options)
    assert.is_truthy(ws)
    local messages = {}
    while true do
      local data, kind = ws:receive()
      if data == nil then
        ws:close()
        return messages, kind, id
      end
      messages[#messages + 1] = kind:sub(1, 1) .. ":" .. data
    end
  end

  ---- The handshake ---------------------------------------------------------------------

  it("is refused when its handshake is wrong", helper.task(function()
    for query, message in pairs({
      ["accept=bm90IHRoaXM="] = "Sec-WebSocket-Accept", ["accept="] = "Sec-WebSocket-Accept",
      ["header=Sec-WebSocket-Accept:+again"] = "Sec-WebSocket-Accept",
      ["upgrade=h2c"] = "another protocol", ["upgrade="] = "another protocol",
      ["connection=close"] = "Connection", ["connection="] = "Connection",
      ["header=Sec-WebSocket-Extensions:+permessage-deflate"] = "permessage-deflate",
      ["header=Sec-WebSocket-Protocol:+chat"] = "a subprotocol that was not asked for",
      ["header=Transfer-Encoding:+chunked"] = "chunked",
    }) do
      local ws = { open(query) }
      assert.is_nil(ws[1], query)
      local err = helper.err_of(client:websocket(server.url("/?" .. query)))
      assert.equal("protocol", err.kind, query)
      assert.is_truthy(tostring(err):find(message, 1, true), tostring(err))
    end
  end))

  it("may write its handshake in other ways", helper.task(function()
    for _, query in ipairs({ "upgrade=WebSocket", "connection=keep-alive,+UPGRADE",
      "header=Content-Length:+0", "header=Content-Length:+5", "slow=1",
      "header=Sec-WebSocket-Extensions:" }) do
      local messages, err = exchange(query .. "&" .. sends(frame(TEXT, "hello"), GOODBYE))
      assert.same({ "t:hello" }, messages, query)
      assert.equal(1000, err.close_code)
    end
  end))

  it("may answer with something else", helper.task(function()
    for status, code in pairs({ ["200+OK"] = 200, ["302+Found"] = 302, ["404+No"] = 404,
      ["500+Oh"] = 500, ["426+Upgrade+Required"] = 426 }) do
      local err = helper.err_of(client:websocket(server.url("/?then=close&status=" .. status
        .. "&header=Content-Length:+4&send=" .. hex("body"))))
      assert.same({ "status", code, "body" }, { err.kind, err.response.status,
        err.response:text() })
      assert.equal("websocket", err.response.headers:get("upgrade"))
    end
    local none, err = client:websocket(server.url("/?then=close&endless=1&status=200+OK&send="
      .. hex(("x"):rep(1000))))
    assert.is_nil(none)
    assert.equal("status", err.kind)
    local body, why = err.response:text()
    assert.same({ nil, "too_large" }, { body, why.kind })
  end))

  it("has as long for its handshake as the total says", helper.task(function()
    local err = helper.err_of(client:websocket(server.url("/?late=60"), { timeout = 0.2 }))
    assert.same({ "timeout", "wait" }, { err.kind, err.phase })
    local ws = ms.assert(open("", { timeout = helper.seconds(0.5) }))
    ms.sleep(helper.seconds(0.7))     -- it is for that alone
    assert.equal("multisock.websocket (open)", tostring(ws))
    ws:close()
  end))

  it("is given up after a silence that is too long, when that is asked for", helper.task(function()
    local ws = ms.assert(open("", { timeout = { idle = 0.2 } }))
    local err = helper.err_of(ws:receive())
    assert.same({ "timeout", 1006 }, { err.kind, err.close_code })
  end))

  ---- What is sent ----------------------------------------------------------------------

  it("gets masked frames, each with a mask of its own", helper.task(function()
    local ws, id = open("")
    for i = 1, 40 do
      ws:send("message " .. i)
    end
    ws:close(4001, "done")
    local masks, lines = {}, {}
    for line in seen(id):gmatch("[^\n]+") do
      local opcode, fin, masked, mask, payload = line:match("^(%x+) (%a+) (%a+) (%x*) (%x*)$")
      if opcode then
        lines[#lines + 1] = ("%s %s %s %s"):format(opcode, fin, masked, payload)
        assert.is_nil(masks[mask])
        masks[mask] = true
      end
    end
    for i = 1, 40 do
      assert.equal("1 fin masked " .. hex("message " .. i), lines[i])
    end
    assert.equal("8 fin masked " .. hex(closing(4001, "done")), lines[41])
    assert.equal(41, #lines)
  end))

  it("gets a message in pieces as fragments, with control frames between them",
    helper.task(function()
      local ws, id = open("")
      local first = true
      ws:send(function()
        if first then
          first = false
          return "one"
        end
        return nil
      end, "binary")
      ws:close()
      local text = seen(id)
      assert.is_truthy(text:find("\n2 more masked %x+ " .. hex("one") .. "\n"))
      assert.is_truthy(text:find("\n0 fin masked %x+ \n"))
    end))

  it("gets a pong for its ping, with the same payload", helper.task(function()
    local payload = ("p"):rep(125)
    local _, _, id = exchange(sends(frame(PING, payload), frame(PING, ""), frame(PONG, "unasked"),
      GOODBYE))
    local text = seen(id)
    assert.is_truthy(text:find("\na fin masked %x+ " .. hex(payload) .. "\n"), text)
    assert.is_truthy(text:find("\na fin masked %x+ \n"), text)
    assert.is_truthy(text:find("\n8 fin masked %x+ 03e8"), text)
  end))

  it("may ping for ever, and read nothing", helper.task(function()
    local before = helper.resident_kib()
    local ws = ms.assert(open("endless=1&" .. sends(frame(PING, ("p"):rep(125)):rep(100)),
      { high_water = 64 * 1024 }))
    ms.sleep(helper.seconds(0.4))
    assert.is_true(ws._link.fed - select(4, ws._link.transfer.easy:marks()) < 128 * 1024)
    assert.is_true(helper.resident_kib() - before < 20 * 1024)
    client:close()
  end))

  ---- What comes ------------------------------------------------------------------------

  it("may send messages in any pieces", helper.task(function()
    local text = "häl€𝄞o"
    local all = frame(TEXT, text) .. frame(TEXT, "", 0) .. frame(PING, "x")
      .. frame(CONTINUATION, text, 0) .. frame(CONTINUATION, text) .. frame(BINARY, "\255\0")
      .. frame(BINARY, ("b"):rep(70000)) .. frame(TEXT, "")
    local expected = { "t:" .. text, "t:" .. text .. text, "b:\255\0", "b:" .. ("b"):rep(70000),
      "t:" }
    local bytes = {}
    for i = 1, 60 do
      bytes[i] = all:sub(i, i)
    end
    bytes[61], bytes[62] = all:sub(61), GOODBYE
    local messages, err = exchange(sends((table.unpack or unpack)(bytes)))
    assert.same(expected, messages)
    assert.equal(1000, err.close_code)
    -- Text split at each byte: in pieces of a frame, and in frames.
    for i = 1, #text - 1 do
      messages = exchange(sends(frame(TEXT, text):sub(1, i + 2), frame(TEXT, text):sub(i + 3),
        frame(TEXT, text:sub(1, i), 0), frame(CONTINUATION, text:sub(i + 1)), GOODBYE))
      assert.same({ "t:" .. text, "t:" .. text }, messages)
    end
  end, 20))

  local VIOLATIONS = {
    { "a reserved bit", 1002, frame(TEXT, "x", 0x80 + 0x40) },
    { "a reserved bit", 1002, frame(PING, "x", 0x80 + 0x10) },
    { "an unknown opcode", 1002, frame(3, "x") }, { "an unknown opcode", 1002, frame(7, "") },
    { "an unknown opcode", 1002, frame(11, "") }, { "an unknown opcode", 1002, frame(15, "") },
    { "is masked", 1002, "\129\129\1\2\3\4x" },
    { "is fragmented", 1002, frame(PING, "x", 0) }, { "is fragmented", 1002, frame(CLOSE, "", 0) },
    { "longer than 125", 1002, frame(PING, ("x"):rep(126)) },
    { "longer than 125", 1002, frame(CLOSE, closing(1000, ("x"):rep(124))) },
    { "has not begun", 1002, frame(CONTINUATION, "x") },
    { "has not begun", 1002, frame(CONTINUATION, "x", 0) },
    { "before another one has ended", 1002, frame(TEXT, "a", 0) .. frame(TEXT, "b") },
    { "before another one has ended", 1002, frame(TEXT, "a", 0) .. frame(BINARY, "b", 0) },
    { "not written", 1002, "\129\126\0\5hello" }, { "not written", 1002, "\129\126\0\125" },
    { "not written", 1002, "\130\127\0\0\0\0\0\0\255\255" },
    { "not written", 1002, "\130\127\128\0\0\0\0\0\0\0" },
    { "half a code", 1002, frame(CLOSE, "\3") },
    { "may not be sent", 1002, frame(CLOSE, closing(1005)) },
    { "may not be sent", 1002, frame(CLOSE, closing(1006)) },
    { "may not be sent", 1002, frame(CLOSE, closing(1015)) },
    { "may not be sent", 1002, frame(CLOSE, closing(999)) },
    { "may not be sent", 1002, frame(CLOSE, closing(2999)) },
    { "may not be sent", 1002, frame(CLOSE, closing(5000)) },
    { "may not be sent", 1002, frame(CLOSE, closing(0)) },
    { "not UTF-8", 1007, frame(CLOSE, closing(1000, "\255")) },
    { "not UTF-8", 1007, frame(CLOSE, closing(1000, "\226\130")) },
  }
  for _, bad in ipairs({ "\255", "\128", "\192\128", "\193\191", "\224\128\128", "\237\160\128",
    "\240\128\128\128", "\244\144\128\128", "\245\128\128\128", "\226\130", "\226\40\161",
    "\240\159\146", "a\226\130b" }) do
    local padded = ("a"):rep(13) .. bad
    VIOLATIONS[#VIOLATIONS + 1] = { "not UTF-8", 1007, frame(TEXT, bad) }
    VIOLATIONS[#VIOLATIONS + 1] = { "not UTF-8", 1007, frame(TEXT, padded) }
    for i = 1, #bad - 1 do
      VIOLATIONS[#VIOLATIONS + 1] = { "not UTF-8", 1007,
        frame(TEXT, bad:sub(1, i), 0) .. frame(CONTINUATION, bad:sub(i + 1)) }
    end
  end

  it("is told what it did wrong, and all before that is received", helper.task(function()
    for i, case in ipairs(VIOLATIONS) do
      local query = sends(frame(TEXT, "before") .. case[3] .. frame(TEXT, "after"))
      local messages, err, id = exchange(query)
      local name = i .. ": " .. hex(case[3])
      assert.same({ "t:before" }, messages, name)
      assert.same({ "protocol", case[2] }, { err.kind, err.close_code }, name)
      assert.is_truthy(tostring(err):find(case[1], 1, true), name .. tostring(err))
      local code = seen(id):match("8 fin masked %x+ (%x%x%x%x)")
      assert.equal(case[2], tonumber(code or "0", 16), name)
    end
  end, 60))

  it("is refused a text at the first wrong byte, though more of it is announced",
    helper.task(function()
      local messages, err = exchange(sends("\129\126\255\255hello \255"))
      assert.same({}, messages)
      assert.equal(1007, err.close_code)
    end))

  it("is refused messages that are too large, when they are announced", helper.task(function()
    for _, bytes in ipairs({ "\130\127\0\0\0\0\1\0\0\1", "\130\127\127\255\255\255\255\255\255\255",
      frame(BINARY, ("x"):rep(600), 0) .. frame(CONTINUATION, ("x"):rep(500)) }) do
      local messages, err, id = exchange(sends(bytes),
        { max_size = #bytes > 500 and 1000 or nil })
      assert.same({}, messages)
      assert.same({ "too_large", 1009 }, { err.kind, err.close_code })
      assert.is_truthy(seen(id):find("8 fin masked %x+ 03f1"))
    end
    local messages = exchange(sends(frame(BINARY, ("x"):rep(600), 0)
      .. frame(CONTINUATION, ("x"):rep(400)), GOODBYE), { max_size = 1000 })
    assert.equal(1002, #messages[1])
  end))

  it("may close in any way", helper.task(function()
    for _, case in ipairs({
      { sends(frame(CLOSE, "")), "closed", 1005, "" },
      { sends(frame(CLOSE, closing(1001, "bye"))), "closed", 1001, "bye" },
      { sends(frame(CLOSE, closing(3999, ("é"):rep(61)))), "closed", 3999, ("é"):rep(61) },
      { sends(GOODBYE .. frame(TEXT, "after")), "closed", 1000, "" },
      { sends(GOODBYE .. "\255\255\255") .. "&then=close", "closed", 1000, "" },
      { sends(GOODBYE) .. "&then=reset", "closed", 1000, "" },
      { sends(GOODBYE) .. "&then=half", "closed", 1000, "" },
      { "then=close", "closed", 1006, "" },
      { "then=half", "closed", 1006, "" },
      { "cork=1&then=close", "closed", 1006, "" },
      { sends(frame(TEXT, "hello"):sub(1, 4)) .. "&cork=1&then=close", "closed", 1006, "" },
      { sends(frame(TEXT, "hello"):sub(1, 4)) .. "&then=close", "closed", 1006, "" },
      { sends(frame(TEXT, "hello", 0)) .. "&then=close", "closed", 1006, "" },
    }) do
      local messages, err, id = exchange(case[1])
      assert.same({}, messages, case[1])
      assert.same({ case[2], case[3], case[4] }, { err.kind, err.close_code, err.reason }, case[1])
      if case[3] == 1005 then
        assert.is_truthy(seen(id):find("\n8 fin masked %x+ $"))
      end
    end
  end, 15))

  it("may reset the connection, while a message comes, too", helper.task(function()
    for _, query in ipairs({ "", sends(frame(BINARY, ("x"):rep(100)):sub(1, 50)) .. "&" }) do
      local ws = ms.assert(open(query .. "then=reset"))
      local err = helper.err_of(ws:receive())
      assert.same({ "closed", 1006 }, { err.kind, err.close_code })
      local sent, why = ws:send("x")
      assert.same({ nil, err }, { sent, why })
      ws:close()
    end
  end))

  it("may not answer to a close: that is waited for, but not for ever", helper.task(function()
    local ws = ms.assert(open("then=deaf"))
    local link = ws._link
    ws:close()
    assert.equal("multisock.websocket (closing)", tostring(ws))
    link.transfer:abort()             -- as the 5 seconds do
    ms.sleep(0.02)
    assert.equal("multisock.websocket (closed)", tostring(ws))
    assert.is_true(link.ended)
  end))

  it("may send for ever: what is dropped while it is closed ends after 5 seconds, or with the "
    .. "client", helper.task(function()
      local ws = ms.assert(open("endless=1&" .. sends(frame(BINARY, ("x"):rep(1000)))))
      for _ = 1, 100 do
        assert.equal(1000, #ws:receive())
      end
      local before = helper.resident_kib()
      ws:close()
      ms.sleep(helper.seconds(0.2))
      assert.is_true(helper.resident_kib() - before < 20 * 1024)
      client:close()
    end))

  it("may send a message that never ends, in little memory", helper.task(function()
    local before = helper.resident_kib()
    local ws = ms.assert(open("endless=1&" .. sends(frame(TEXT, "", 0)
      .. frame(CONTINUATION, "", 0):rep(1000))))
    local err = helper.err_of(ws:receive())
    assert.equal(1002, err.close_code)                -- it begins again
    client:close()
    client = ms.client()
    ws = ms.assert(open("endless=1&" .. sends(frame(CONTINUATION, "", 0):rep(1000))))
    assert.equal(1002, helper.err_of(ws:receive()).close_code)
    assert.is_true(helper.resident_kib() - before < 20 * 1024)
    client:close()
  end))

  it("may begin a large message, and keep it for ever", helper.task(function()
    local ws = ms.assert(open(sends(frame(BINARY, ("x"):rep(2 * MIB)):sub(1, 1000))))
    local data, err = ms.with_timeout(0.1, ws.receive, ws)
    assert.same({ nil, "timeout" }, { data, err.kind })
    assert.is_true(ws:send("on"))
    ws:close()
    client:close()
  end))
end)
