-- Callbacks for data that no other file tests: trailers, the old progress and
-- ioctl functions, and RTSP's interleaved data.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local socket = require("socket")
local support = require("spec.support.core_support")

describe("data callbacks", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  -- Runs a transfer against a server in this process: `answer(bytes)` gets all
  -- that came so far and returns what to send; `again(multi)` may start the handle
  -- once more on the same connection. Returns result and what came.
  local function served(easy, scheme, answer, again)
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    server:settimeout(0)
    easy:setopt("url", ("%s://127.0.0.1:%d/x"):format(scheme, port))
    local multi, seen, client, came = core.multi(), {}, nil, ""
    multi:add_handle(easy)
    local check = support.deadline()
    while not seen[easy] do
      multi:perform()
      client = client or server:accept()
      if client then
        client:settimeout(0)
        local bytes, _, part = client:receive(65536)
        came = came .. (bytes or part)
        local text = answer(came)
        if text then client:send(text) end
      end
      support.reap(multi, seen)
      if seen[easy] == true and again and again(multi) then
        seen[easy] = nil
      end
      multi:poll(5)
      check()
    end
    multi:close()
    if client then client:close() end
    server:close()
    return seen[easy], came
  end

  local function trailing(fn)
    local left = 1
    return (support.easy {
      upload = true, httpheader = { "Transfer-Encoding: chunked", "Trailer: X-A", "Expect:" },
      readfunction = function()
        left = left - 1
        return left >= 0 and "body" or nil
      end,
      trailerfunction = fn,
    })
  end

  local function http(came)
    return came:find("\r\n0\r\n", 1, true) and came:sub(-4) == "\r\n\r\n"
      and "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  end

  it("trailerfunction sends its lines after the body", function()
    local ok, came = served(trailing(function() return { "X-A: 1", "X-B: 2" } end), "http", http)
    assert.is_true(ok)
    assert.truthy(came:find("4\r\nbody\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", 1, true))
    ok, came = served(trailing(function() end), "http", http)
    assert.is_true(ok)
    assert.truthy(came:find("0\r\n\r\n$"))
  end)

  it("trailerfunction is for one transfer where libcurl would write past a buffer", function()
    local easy = trailing(function() return { "X-A: 1" } end)
    assert.is_true((served(easy, "http", http)))
    if core.version().curl_number >= 0x080700 then
      return
    end
    local multi = core.multi()
    for _, result in ipairs {
      table.pack(easy:perform()), table.pack(multi:add_handle(easy)),
      table.pack(easy:reset():perform()),
    } do
      assert.is_nil(result[1])
      assert.truthy(tostring(result[2]):find("has sent trailers", 1, true), tostring(result[2]))
    end
    multi:close()
    -- Nor is it known when other bodies are read again.
    local ok, err = support.easy({
      upload = true, httpheader = { "Transfer-Encoding: chunked" }, url = "http://127.0.0.1:1/",
      trailerfunction = function() end,
    }):perform()
    assert.is_nil(ok)
    assert.truthy(tostring(err):find("needs a readfunction", 1, true), tostring(err))
  end)

  it("trailerfunction does not send them after a redirect, either", function()
    if core.version().curl_number >= 0x080700 then
      return pending("this libcurl may send trailers again")
    end
    local easy = trailing(function() return { "X-A: 1" } end)
    easy:setopt("followlocation", true)
    easy:setopt("seekfunction", function() end)
    local ok = served(easy, "http", function(came)
      return came:find("X%-A: 1\r\n\r\n$")
        and "HTTP/1.1 307 Again\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
    end)
    assert.truthy(tostring(ok[1]):find("has sent trailers", 1, true), tostring(ok[1]))
  end)

  it("trailerfunction ends the transfer with what it raises or may not return", function()
    local raised = {}
    local seen = served(trailing(function() error(raised) end), "http", http)
    assert.equal(raised, seen[1])
    for _, bad in ipairs { "x", 5, true, { 5 }, { "a\nb" }, { "X-A: 1", "a\0b" } } do
      seen = served(trailing(function() return bad end), "http", http)
      assert.truthy(tostring(seen[1]):find("trailerfunction returned", 1, true), seen[1])
    end
  end)

  it("interleavefunction gets RTSP's packets", function()
    local packets, raised = {}, {}
    -- One connection: the channels are agreed on, then the packets come.
    local function rtsp(fn)
      local transport = "RTP/AVP/TCP;interleaved=0-1"
      local easy = support.easy { rtsp_request = 4, rtsp_transport = transport,
        interleavefunction = fn }
      local answered, packets_sent
      easy:setopt("rtsp_stream_uri", "rtsp://127.0.0.1/x")
      return (served(easy, "rtsp", function(came)
        if not answered and came:find("\r\n\r\n", 1, true) then
          answered = true
          return ("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 1\r\nTransport: %s\r\n\r\n")
            :format(transport)
        elseif answered == "again" and not packets_sent then
          packets_sent = true
          return "$\0\0\4abcd$\1\0\2ef"
        end
      end, function(multi)
        if not answered or answered == "again" then
          return false
        end
        answered = "again"
        easy:setopt("rtsp_request", 11)
        multi:add_handle(easy)
        return true
      end))
    end
    local seen = rtsp(function(bytes)
      packets[#packets + 1] = bytes
      if #packets == 2 then error(raised) end
    end)
    assert.equal(raised, seen[1])
    assert.same({ "$\0\0\4abcd", "$\1\0\2ef" }, packets)
    assert.equal("CURLE_WRITE_ERROR", rtsp(function() return false end)[1].code)
  end)

  it("progressfunction gets floats, and ends the transfer", function()
    local last
    local easy = support.easy {
      url = nginx.url("/1k"), progressfunction = function(...) last = { ... } end,
    }
    assert.is_true(easy:perform())
    assert.same({ 1024.0, 1024.0, 0.0, 0.0 }, last)
    assert.equal("float", helper.number_type(last[1], "float"))
    easy:setopt("progressfunction", function() return false end)
    assert.equal("CURLE_ABORTED_BY_CALLBACK", helper.err_of(easy:perform()).code)
    easy:setopt("progressfunction", function() error("raised", 0) end)
    assert.equal("raised", helper.err_of(easy:perform()))
    easy:unsetopt("progressfunction")
    assert.is_true(easy:perform())
  end)

  it("ioctlfunction is told to begin again", function()
    local commands, sent = {}, false
    local function easy_with(fn)
      sent = false
      return (support.easy {
        url = hostile.url("/redirect?status=307&to=/upload"), followlocation = true,
        upload = true, infilesize = 4, ioctlfunction = fn,
        readfunction = function()
          sent = not sent
          return sent and "body" or nil
        end,
      })
    end
    local easy = easy_with(function(command)
      commands[#commands + 1] = command
      sent = false
    end)
    assert.is_true(easy:perform())
    assert.same({ "restartread" }, commands)
    assert.equal("io", helper.err_of(easy_with(function() return false end):perform()).kind)
    assert.equal("raised", helper.err_of(easy_with(function() error("raised", 0) end):perform()))
  end)
end)
