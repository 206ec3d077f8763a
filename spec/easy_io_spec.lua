-- Bytes over a connection of the program's own.
local core = require("multisock.core")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("an easy handle with connect_only", function()
  local nginx

  setup(function()
    support.begin()
    nginx = servers.nginx()
  end)

  teardown(function()
    servers.stop_all()
  end)

  after_each(function()
    support.collect()
    assert.equal(0, support.easy_count())
  end)

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
    local bytes, err = easy:recv()
    assert.is_nil(bytes)
    assert.equal("CURLE_AGAIN", err.code)
    talk(easy)
    assert.equal(easy, easy:upkeep())
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
      local ok, err = easy[method](easy, method == "send" and "x" or nil)
      assert.is_nil(ok)
      assert.truthy(err.code)
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
    local has = {}
    for _, protocol in ipairs(core.version().protocols) do
      has[protocol] = true
    end
    local easy = support.easy { url = nginx.url("/1k") }
    assert.is_nil((easy:ws_meta()))
    for _, method in ipairs { "ws_send", "ws_recv" } do
      local ok, err = easy[method](easy, method == "ws_send" and "x" or nil)
      assert.is_nil(ok)
      if has.ws then
        assert.truthy(err.code)
      else
        assert.truthy(err.message:find("WebSocket needs libcurl 7.86.0 or newer", 1, true))
      end
    end
    assert.has_error(function() easy:ws_send("x", "nonsense") end)
    assert.has_error(function() easy:ws_send("x", "text", -1) end)
  end)
end)
