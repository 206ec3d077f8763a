-- Bytes over a connection of the program's own.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local socket = require("socket")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")

-- Of two bytes: operators for that came with Lua 5.3.
local function exclusive_or(a, b)
  local result = 0
  for bit = 0, 7 do
    local power = 2 ^ bit
    if math.floor(a / power) % 2 ~= math.floor(b / power) % 2 then
      result = result + power
    end
  end
  return result
end

describe("an easy handle with connect_only", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  local function talk(easy)
    local sent = assert(easy:send("GET /1k HTTP/1.0\r\n\r\n"))
    assert.equal(20, sent)
    local parts, again, check = {}, 0, support.deadline()
    while true do
      local bytes, err = easy:recv(100)
      if bytes == "" then
        break
      elseif bytes then
        assert.truthy(#bytes <= 100)
        parts[#parts + 1] = bytes
      else
        assert.equal("CURLE_AGAIN", err.code)
        again = again + 1
      end
      check()
    end
    local text = table.concat(parts)
    assert.truthy(text:find("^HTTP/1.1 200 OK\r\n"))
    assert.equal(servers.bytes(1024), text:sub(-1024))
  end

  it("sends and receives, and says when there is nothing now", function()
    local easy = support.easy { url = nginx.url("/"), connect_only = 1 }
    assert.is_true(easy:perform())
    assert.equal("CURLE_AGAIN", helper.err_of(easy:recv()).code)
    talk(easy)
  end)

  it("keeps idle connections alive, and no handle from its own", function()
    local easy = support.easy { url = nginx.url("/1k"), upkeep_interval_ms = 1 }
    assert.is_true(easy:perform())
    socket.sleep(0.01)
    assert.equal(easy, easy:upkeep())
    assert.is_true(easy:perform())
    assert.equal(0, easy:getinfo("num_connects"))
    -- One that has its connection for send and recv, and one that runs.
    local own = support.easy { url = nginx.url("/"), connect_only = 1 }
    assert.is_true(own:perform())
    assert.equal(4, own:send("GET "))
    local multi, slow = core.multi(), support.easy { url = nginx.url("/slow?rate=1000000") }
    multi:add_handle(slow)
    multi:perform()
    for _, busy in ipairs { own, slow } do
      local err = helper.err_of(busy:upkeep())
      assert.truthy(err.message:find("upkeep: the handle has a connection in use", 1, true))
    end
    multi:close()
  end)

  it("does so over TLS, and in a multi", function()
    local easy = support.easy { url = nginx.tls_url("/"), connect_only = 1, cainfo = nginx.ca,
      http_version = 2 }
    local multi = core.multi()
    multi:add_handle(easy)
    local check, ended = support.deadline(), nil
    repeat
      multi:perform()
      ended = ended or select(2, multi:info_read())
      check()
    until ended
    talk(easy)
    multi:close()
  end)

  it("says when there is no connection", function()
    local easy = support.easy { url = nginx.url("/1k") }
    for _, method in ipairs { "send", "recv" } do
      assert.truthy(helper.err_of(easy[method](easy, method == "send" and "x" or nil)).code)
    end
    for _, bad in ipairs { 0, -1, 2 ^ 40, "x" } do
      assert.has_error(function() easy:recv(bad) end)
    end
    assert.has_error(function() easy:send() end)
  end)

  it("cannot be used in a callback", function()
    local errors = {}
    local easy
    easy = support.easy {
      url = nginx.url("/1k"),
      writefunction = function()
        for _, method in ipairs { "send", "recv", "upkeep", "ws_recv", "duphandle" } do
          errors[method] = select(2, pcall(easy[method], easy, method == "send" and "x" or nil))
        end
      end,
    }
    assert.is_true(easy:perform())
    for _, method in ipairs { "send", "recv", "upkeep", "duphandle" } do
      assert.truthy(errors[method]:find(method .. ": called in a callback", 1, true))
    end
  end)

  it("keeps its handle from other transfers, which would lose the connection", function()
    local function used()
      local easy = support.easy { url = nginx.url("/1k"), connect_only = 1 }
      assert.is_true(easy:perform())
      assert.equal(4, easy:send("GET "))
      return easy
    end
    local multi = core.multi()
    local first, second = used(), used()
    for _, result in ipairs {
      table.pack(first:perform()), table.pack(multi:add_handle(second)),
      table.pack(second:reset():perform()),
    } do
      assert.is_nil(result[1])
      assert.truthy(tostring(result[2]):find("in use by send and recv", 1, true))
    end
    multi:close()
    first:close()
    second:close()
    -- Where there was nothing to send to, nothing is in use.
    local none = support.easy { url = nginx.url("/1k") }
    assert.is_nil((none:send("x")))
    assert.is_true(none:perform())
  end)

  it("may be closed by its debug function meanwhile", function()
    local easy
    local armed = false
    easy = support.easy {
      url = nginx.url("/"), connect_only = 1, verbose = true,
      debugfunction = function() if armed then easy:close() end end,
    }
    assert.is_true(easy:perform())
    armed = true
    local ok, err = easy:send("GET / HTTP/1.0\r\n\r\n")
    assert.truthy(ok or err.kind == "cancelled")
    easy:close()
  end)

  it("speaks WebSocket, or says what it needs for that", function()
    local easy = support.easy { url = nginx.url("/1k") }
    assert.is_nil((easy:ws_meta()))
    for _, method in ipairs { "ws_send", "ws_recv" } do
      local err = helper.err_of(easy[method](easy, method == "ws_send" and "x" or nil))
      if not transfers.missing("ws") then
        assert.truthy(err.code)
      else
        assert.truthy(err.message:find("WebSocket needs libcurl 7.86.0 or newer", 1, true))
      end
    end
    assert.has_error(function() easy:ws_send("x", "nonsense") end)
    assert.has_error(function() easy:ws_send("x", "text", -1) end)
  end)

  it("exchanges WebSocket frames", function()
    local missing = transfers.missing("ws")
    if missing then
      pending(missing)
    end
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    server:settimeout(10)
    local easy = support.easy { url = ("ws://127.0.0.1:%d/"):format(port), connect_only = 2 }
    local multi = core.multi()
    multi:add_handle(easy)
    local client, ended
    local check = support.deadline()
    repeat
      multi:perform()
      if not client then
        client = server:accept()
        client:settimeout(10)
      elseif ended == nil then
        local request = {}
        repeat
          request[#request + 1] = client:receive("*l")
        until request[#request] == ""
        client:send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
          .. "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
        ended = false
      end
      ended = ended or (select(2, multi:info_read()) or ended)
      check()
    until ended

    assert.equal(5, easy:ws_send("hello"))
    local head = client:receive(2)
    assert.same({ 0x81, 0x85 }, { head:byte(1, 2) })
    local mask, bytes = client:receive(4), client:receive(5)
    local text = bytes:gsub("()(.)", function(at, byte)
      return string.char(exclusive_or(byte:byte(), mask:byte((at - 1) % 4 + 1)))
    end)
    assert.equal("hello", text)
    assert.equal(2, easy:ws_send("\0\1", { "binary", "cont" }))
    assert.equal(0x02, client:receive(2):byte())
    client:receive(6)

    local got, frame = easy:ws_recv()
    assert.is_nil(got)
    assert.equal("CURLE_AGAIN", frame.code)
    client:send("\x82\x06abcdef")
    local function receive(most)
      local one, two
      repeat
        one, two = easy:ws_recv(most)
        check()
      until one or two.code ~= "CURLE_AGAIN"
      return one, two
    end
    got, frame = receive(4)
    assert.equal("abcd", got)
    assert.same({ binary = true, offset = 0, bytesleft = 2 }, frame)
    got, frame = receive(4)
    assert.equal("ef", got)
    assert.same({ binary = true, offset = 4, bytesleft = 0 }, frame)
    client:close()
    got, frame = receive()
    assert.is_nil(got)
    assert.equal("CURLE_GOT_NOTHING", frame.code)
    multi:close()
    server:close()
  end)
end)
