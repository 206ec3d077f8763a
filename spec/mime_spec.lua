-- core.mime: multipart bodies, as they go over the wire, and who frees them.
local cjson = require("cjson")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("core.mime", function()
  local hostile = fixtures.hostile()
  fixtures.no_handles_left()

  -- Sends a mime; returns the body as it went out, its boundary, how many
  -- bytes the server has read, and the easy.
  local function send(mime, options)
    local sent, text = {}, {}
    local easy, answer = support.easy {
      url = hostile.url("/upload"), verbose = true, mimepost = mime,
      debugfunction = function(kind, bytes)
        if kind == "data_out" then
          sent[#sent + 1] = bytes
        elseif kind == "header_out" then
          text[#text + 1] = bytes
        end
      end,
    }
    easy:setopt(options or {})
    assert(easy:perform())
    local boundary = table.concat(text):match("multipart/form%-data; boundary=(%S+)")
    local body = table.concat(sent)
    local length = cjson.decode(table.concat(answer)).length
    if not table.concat(text):lower():find("chunked", 1, true) then
      assert.equal(#body, length)
    end
    return body, boundary, length, easy
  end

  local function file_with(content)
    local name = os.tmpname()
    helper.write_file(name, content)
    return name
  end

  it("sends parts with name, data, type, file name and headers", function()
    local mime = core.mime()
    local part = mime:addpart()
    assert.equal(part, part:name("field"))
    part:data("zero\0byte"):type("text/x-own"):filename("own.txt"):headers { "X-Part: yes" }
    mime:addpart { name = "second", data = 5 }
    local body, boundary = send(mime)
    assert.truthy(body:find("--" .. boundary, 1, true))
    assert.truthy(body:find('name="field"; filename="own.txt"', 1, true))
    assert.truthy(body:find("Content-Type: text/x-own\r\n", 1, true))
    assert.truthy(body:find("X-Part: yes\r\n", 1, true))
    assert.truthy(body:find("\r\n\r\nzero\0byte\r\n", 1, true))
    assert.truthy(body:find('name="second"\r\n\r\n5\r\n', 1, true))
  end)

  it("is described by a list, too", function()
    local body = send(core.mime { { name = "a", data = "1" }, { name = "b", data = "2" } })
    assert.truthy(body:find('name="a"\r\n\r\n1\r\n', 1, true))
    assert.truthy(body:find('name="b"\r\n\r\n2\r\n', 1, true))
    local easy = core.easy()
    assert.truthy(tostring(core.mime(easy)):find("0 parts", 1, true))
    assert.truthy(tostring(core.mime(easy, { { data = "x" } })):find("1 parts", 1, true))
  end)

  it("sends files, whose name may be replaced or left out", function()
    local path = file_with(("line\0\n"):rep(5000))
    local base = path:match("[^/]+$")
    local body = send(core.mime { { name = "f", file = path } })
    assert.truthy(body:find(('filename="%s"'):format(base), 1, true))
    assert.truthy(body:find(("line\0\n"):rep(5000), 1, true))
    body = send(core.mime { { name = "f", filedata = path, filename = "other" } })
    assert.truthy(body:find('filename="other"', 1, true))
    body = send(core.mime { { name = "f", file = path, filename = false } })
    assert.is_nil(body:find("filename", 1, true))
    os.remove(path)
    local easy = support.easy {}
    local err = helper.err_of(easy:setopt("mimepost", core.mime { { file = path } }))
    assert.equal("io", err.kind)
    assert.truthy(err.message:find("cannot read the file '" .. path, 1, true), err.message)
    easy:close()
  end)

  it("encodes", function()
    for encoder, expected in pairs {
      base64 = "\r\n\r\nZGF0YT3DpA==\r\n", ["quoted-printable"] = "\r\n\r\ndata=3D=C3=A4\r\n",
      ["8bit"] = "\r\n\r\ndata=ä\r\n", binary = "\r\n\r\ndata=ä\r\n",
    } do
      local body = send(core.mime { { name = "e", data = "data=ä", encoder = encoder } })
      assert.truthy(body:find("Content-Transfer-Encoding: " .. encoder, 1, true), encoder)
      assert.truthy(body:find(expected, 1, true), encoder)
    end
    local easy = support.easy {
      url = hostile.url("/upload"),
      mimepost = core.mime { { name = "e", data = "ä", encoder = "7bit" } },
    }
    assert.is_nil((easy:perform()))
    easy:close()
  end)

  it("nests, and what is nested belongs to its part", function()
    local inner = core.mime { { name = "in", data = "inner" } }
    local outer = core.mime()
    local part = outer:addpart():name("nest"):subparts(inner)
    outer:addpart { name = "list", subparts = { { name = "deep", data = "deeper" } } }
    local body = send(outer)
    assert.truthy(body:find("Content-Type: multipart/mixed; boundary=", 1, true))
    assert.truthy(body:find("inner\r\n", 1, true))
    assert.truthy(body:find("deeper\r\n", 1, true))
    assert.error_matches(function() outer:addpart():subparts(inner) end, "part of another")
    assert.error_matches(function() support.easy { mimepost = inner } end, "part of another")
    assert.error_matches(function() outer:addpart():subparts(outer) end, "part of itself")
    assert.error_matches(function() inner:addpart():subparts(outer) end, "part of itself")
    -- What the part lets go of is free again.
    part:data("instead")
    assert.truthy(send(inner):find("inner\r\n", 1, true))
    support.collect()
  end)

  it("refuses parts that are nested too deeply", function()
    local mime = core.mime { { data = "x" } }
    for _ = 1, 100 do
      mime = core.mime { { subparts = mime } }
    end
    local easy = support.easy {}
    local err = helper.err_of(easy:setopt("mimepost", mime))
    assert.truthy(err.message:find("too deeply", 1, true), err.message)
    easy:close()
  end)

  describe("with a function as content", function()
    -- Functions that read and seek in a text.
    local function source(text)
      local at, seeks = 0, {}
      return {
        name = "s", size = #text,
        read = function(room)
          local piece = text:sub(at + 1, at + math.min(room, 700))
          at = at + #piece
          return piece
        end,
        seek = function(offset, origin)
          seeks[#seeks + 1] = origin .. offset
          at = offset
        end,
      }, seeks
    end

    it("streams with and without a size", function()
      local text = servers.bytes(50000)
      local part = source(text)
      assert.truthy(send(core.mime { part }):find(text, 1, true))
      part = source(text)
      local mime = core.mime()
      mime:addpart():name("s"):data_cb(nil, part.read)
      -- In chunks: their sizes are among what goes out.
      local _, _, length = send(mime)
      assert.truthy(length > #text)
    end)

    it("is asked again from the start when it is sent again", function()
      local text = ("abc"):rep(1000)
      local part, seeks = source(text)
      local _, _, length, easy = send(core.mime { part })
      assert.same({}, seeks)
      assert.is_true(easy:perform())
      assert.same({ "set0" }, seeks)
      assert.truthy(length > 3000)
    end)

    it("cannot be sent again without a seek function", function()
      local part = source("abc")
      part.seek = nil
      local easy = support.easy { url = hostile.url("/upload"), mimepost = core.mime { part } }
      assert.is_true(easy:perform())
      assert.equal("CURLE_SEND_FAIL_REWIND", helper.err_of(easy:perform()).code)
    end)

    it("is asked for no more than its size, and must give it", function()
      local most = 0
      send(core.mime { { name = "s", size = 10, read = function(room)
        most = math.max(most, room)
        return ("x"):rep(math.min(room, 4))
      end } })
      assert.equal(10, most)
      local easy = support.easy {
        url = hostile.url("/upload"),
        mimepost = core.mime { { name = "s", size = 10, read = function() end } },
      }
      local err = helper.err_of(easy:perform())
      assert.truthy(err:find("ended after 0 bytes, size is 10", 1, true), err)
    end)

    it("ends the transfer with what it raises, or with a wrong value", function()
      local value = { "mine" }
      for _, case in ipairs {
        { function() error(value) end, value },
        { function() return 5 end, "mime read function returned 5" },
        { function(room) return ("x"):rep(room + 1) end, "were asked for" },
        { function() coroutine.yield() end, "yield" },
        { function() return core.READFUNC_ABORT end },
      } do
        local easy = support.easy {
          url = hostile.url("/upload"), mimepost = core.mime { { read = case[1] } },
        }
        local err = helper.err_of(easy:perform())
        if type(case[2]) == "string" then
          assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
        elseif case[2] then
          assert.equal(value, err)
        else
          assert.equal("CURLE_ABORTED_BY_CALLBACK", err.code)
        end
      end
    end)

    it("may close its easy", function()
      local easy
      easy = support.easy {
        url = hostile.url("/upload"), mimepost = core.mime { { read = function()
          easy:close()
          collectgarbage()
          return "x"
        end } },
      }
      assert.is_nil((easy:perform()))
    end)

    it("may be part of a cycle with its easy", function()
      do
        local easy
        easy = support.easy { mimepost = core.mime { { read = function() return easy end } } }
      end
      support.collect()
      assert.equal(0, support.easy_count())
    end)
  end)

  it("may go before its easies and after them, and serves several", function()
    local mime = core.mime { { name = "a", data = "shared" } }
    local first = support.easy { url = hostile.url("/upload"), mimepost = mime }
    local second = support.easy { url = hostile.url("/upload"), mimepost = mime }
    first:close()
    mime:close()
    mime:close()
    assert.equal("multisock.mime (closed)", tostring(mime))
    assert.error_matches(function() mime:addpart() end, "closed")
    assert.error_matches(function() support.easy { mimepost = mime } end, "closed")
    mime = nil -- luacheck: ignore
    support.collect()
    assert.is_true(second:perform())
    second:close()
  end)

  it("is replaced, unset and reset", function()
    local easy, body = support.easy { url = hostile.url("/echo") }
    local function method()
      for i = #body, 1, -1 do body[i] = nil end
      assert.is_true(easy:perform())
      return cjson.decode(table.concat(body)).method
    end
    for _ = 1, 3 do
      easy:setopt("mimepost", core.mime { { name = "a", data = "b" } })
      assert.equal("POST", method())
    end
    easy:unsetopt("mimepost")
    assert.equal("GET", method())
    easy:unsetopt("mimepost")
    assert.equal("GET", method())
    easy:setopt("mimepost", core.mime { { name = "a", data = "b" } })
    easy:reset()
    easy:close()
  end)

  it("survives any order of collection", function()
    for _ = 1, 50 do
      local mime = core.mime { { name = "a", read = function() return nil end },
        { name = "n", subparts = { { data = "x" } } } }
      local easy = support.easy { mimepost = mime }
      local multi = core.multi()
      multi:add_handle(easy)
      multi:perform()
    end
    support.collect()
  end)

  it("is built anew for a duplicate, which outlives the original", function()
    local reads, answer = 0, {}
    local easy = support.easy {
      url = hostile.url("/upload"), writefunction = function(bytes) answer[#answer + 1] = bytes end,
      mimepost = core.mime { { name = "s", size = 5, read = function()
        reads = reads + 1
        return "12345"
      end } },
    }
    local copy = assert(easy:duphandle())
    easy:close()
    support.collect()
    assert(copy:perform())
    assert.equal(1, reads)
    assert.truthy(cjson.decode(table.concat(answer)).length > 5)
    copy:close()
  end)

  it("raises for misuse", function()
    local mime = core.mime()
    local part = mime:addpart()
    for _, bad in ipairs {
      function() core.mime("x") end, function() core.mime { "x" } end,
      function() core.mime { { nonsense = 1 } } end, function() core.mime { { 1 } } end,
      function() core.mime { { data = "x", file = "/etc/passwd" } } end,
      function() core.mime { { data = {} } } end, function() core.mime { { read = 5 } } end,
      function() core.mime { { read = print, size = -2 } } end,
      function() core.mime { { read = print, size = "x" } } end,
      function() core.mime { { read = print, seek = 1 } } end,
      function() part:name("a\r\nb") end, function() part:name("a\0b") end,
      function() part:name {} end, function() part:type("a\nb") end,
      function() part:headers("x") end, function() part:headers { "a\r\nb" } end,
      function() part:headers { {} } end, function() part:encoder("rot13") end,
      function() part:filedata(5) end, function() part:filedata("a\0b") end,
      function() part:filename(true) end, function() part:subparts("x") end,
      function() part:subparts(part) end, function() part:data_cb(5) end,
      function() part.name(mime, "x") end, function() mime.addpart(part) end,
      function() mime:addpart(5) end, function() support.easy { mimepost = {} } end,
    } do
      assert.has_error(bad)
    end
    mime:close()
    assert.error_matches(function() part:name("x") end, "closed")
  end)
end)
