-- lcurl: MIME objects, forms and share handles.
local curl = require("lcurl")
local layer = require("cURL.safe")
local safe = require("lcurl.safe")
local cjson = require("cjson")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("bodies of lcurl", function()
  local hostile = fixtures.hostile()
  local path
  fixtures.no_handles_left()

  setup(function()
    path = os.tmpname()
    helper.write_file(path, "file content")
  end)
  teardown(function()
    os.remove(path)
  end)

  -- A handle, and a function that performs and returns what was sent.
  local function sender(options)
    local out, body = {}, {}
    local c = safe.easy {
      url = hostile.url("/upload"), timeout = 20, noproxy = "*", verbose = true,
      debugfunction = function(kind, bytes)
        if kind == curl.INFO_DATA_OUT then out[#out + 1] = bytes end
      end,
      writefunction = function(bytes) body[#body + 1] = bytes end,
    }
    c:setopt(options or {})
    return c, function()
      for _, list in ipairs { out, body } do
        for i = #list, 1, -1 do list[i] = nil end
      end
      local ok, err = c:perform()
      assert.equal(c, ok, tostring(err))
      local sent = table.concat(out)
      assert.equal(#sent, cjson.decode(table.concat(body)).length)
      return sent
    end
  end

  local function contains(text, ...)
    for _, piece in ipairs { ... } do
      assert.truthy(text:find(piece, 1, true), piece .. " in " .. text)
    end
  end

  local function lacks(text, ...)
    for _, piece in ipairs { ... } do
      assert.falsy(text:find(piece, 1, true), piece .. " in " .. text)
    end
  end

  describe("MIME objects", function()
    it("are sent, with what their parts say", function()
      local c, send = sender()
      local mime = c:mime()
      assert.equal(c, mime:easy())
      mime:addpart():data("hello", "text/html", "field", "a.html", { "X-A: 1" })
      mime:addpart { data = "hello", encoder = "base64", name = "coded" }
      mime:addpart():filedata(path, "text/plain", "file")
      c:setopt_mimepost(mime)
      contains(send(), "\r\n\r\nhello\r\n", 'name="field"; filename="a.html"',
        "Content-Type: text/html", "X-A: 1", "aGVsbG8=", "base64", "file content",
        'name="file"; filename="' .. path:match("[^/]*$") .. '"')
    end)

    it("change after they were given", function()
      local c, send = sender()
      local mime = c:mime()
      local part = mime:addpart():data("one", "text/a", "field", { "X-A: 1" })
      c:setopt_mimepost(mime)
      contains(send(), "\r\n\r\none", "text/a", 'name="field"', "X-A: 1")
      part:data("two", nil, "other")
      local text = send()
      contains(text, "\r\n\r\ntwo", "text/a", 'name="other"', "X-A: 1")
      lacks(text, "one")
      for _, none in ipairs { false, curl.null } do
        part:data("two", none, none, none, none)
        text = send()
        contains(text, "\r\n\r\ntwo")
        lacks(text, "text/a", "name=", "X-A")
        part:data("two", "text/a", "other", { "X-A: 1" })
      end
      part:name(false):type(false):headers {}
      lacks(send(), "text/a", "name=", "X-A")
      part:data(false)
      lacks(send(), "two")
    end)

    it("nest", function()
      local c, send = sender()
      local mime, inner = c:mime(), c:mime()
      inner:addpart():data("plain", "text/plain")
      inner:addpart():data("<b>", "text/html")
      local part = mime:addpart()
      assert.equal(part, part:subparts(inner, "multipart/alternative", "both"))
      c:setopt_mimepost(mime)
      contains(send(), "multipart/alternative; boundary=", "plain", "<b>", 'name="both"')
      assert.truthy(tostring(inner):find("(subpart)", 1, true))
      local bad = curl.error(curl.ERROR_EASY, curl.E_BAD_FUNCTION_ARGUMENT)
      assert.same({ nil, bad }, { mime:addpart():subparts(inner) })
      assert.same({ nil, bad }, { inner:addpart():subparts(mime) })
      assert.same({ nil, bad }, { mime:addpart():encoder("rot13") })
      mime:free()
      assert.truthy(tostring(inner):find("(freed)", 1, true))
      assert.has_error(function() part:data("x") end)
    end)

    it("raise on arguments that are none", function()
      local c = sender()
      local part = c:mime():addpart()
      for _, method in ipairs { "data", "name", "type", "headers", "filename", "encoder" } do
        assert.has_error(function() part[method](part) end)
        assert.has_error(function() part[method](part, nil) end)
        assert.has_error(function() part[method](part, true) end)
      end
      assert.same({ nil, curl.error(curl.ERROR_EASY, curl.E_READ_ERROR) },
        { c:mime():addpart():filedata("/nothing/here") })
    end)

    it("live as long as what holds them", function()
      local c = sender()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local given = c:mime()
        weak.mime, weak.part = given, given:addpart():data("x")
        c:setopt_mimepost(given)
      end
      support.collect()
      assert.not_nil(weak.part)
      c:unsetopt_mimepost()
      support.collect()
      assert.is_nil(weak.mime)
      assert.is_nil(weak.part)

      local mime = c:mime()
      c:setopt_mimepost(mime)
      weak.easy = c
      c = nil -- luacheck: ignore 311
      support.collect()
      assert.is_nil(weak.easy)
      assert.is_nil(mime:easy())
    end)
  end)

  describe("forms", function()
    it("are sent, and tell the same as text", function()
      local form = curl.form()
      assert.equal(form, form:add_content("n1", "v1")
        :add_content("n2", "v2", "text/x", { "X-A: 1" })
        :add_buffer("n3", "a.png", "data"):add_buffer("n4", "a.bin", "data", { "X-B: 1" })
        :add_file("n5", path, nil, "renamed", { "X-C: 1" })
        :add_files("n6", { path, { path, "text/y", "other.name" } }))
      local _, send = sender { httppost = form }
      for _, text in ipairs { send(), form:get() } do
        contains(text, 'name="n1"\r\n\r\nv1\r\n', "text/x", "X-A: 1", 'name="n3"; filename="a.png"',
          "image/png", 'filename="a.bin"', "application/octet-stream", "X-B: 1",
          'name="n5"; filename="renamed"', "\r\n\r\nfile content\r\n", "X-C: 1",
          "multipart/mixed; boundary=", "attachment; filename=", "text/y", '"other.name"')
      end
      local header, rest = form:get():match("; boundary=([%-%x]+)\r\n\r\n(.*)$")
      assert.equal("--" .. header .. "\r\n", rest:sub(1, #header + 4))
      assert.equal("--" .. header .. "--\r\n", rest:sub(-#header - 6))
    end)

    it("send streams: functions with a context, and objects", function()
      local object, calls = { left = 3 }, 0
      function object:read()
        self.left = self.left - 1
        return self.left >= 0 and "abc" or nil
      end
      local context = {}
      local form = curl.form()
        :add_stream("object", 9, object)
        :add_stream("context", "x.txt", "text/z", { "X-A: 1" }, 200000, function(first)
          assert(first == context)
          calls = calls + 1
          return calls == 1 and ("y"):rep(200000) or nil
        end, context)
      local c, send = sender { httppost = form }
      local read = false
      c:setopt_readfunction(function() read = true end)
      contains(send(), "\r\n\r\nabcabcabc\r\n", 'filename="x.txt"', "text/z", "X-A: 1",
        ("y"):rep(1000))
      assert.is_false(read)
      contains(form:get(), 'name="object"\r\n')
      lacks(form:get(), "abc")
    end)

    it("end their transfer when a stream fails", function()
      local function post(read)
        return (sender { httppost = curl.form():add_stream("s", 100, read) })
      end
      local aborted = curl.error(curl.ERROR_EASY, curl.E_ABORTED_BY_CALLBACK)
      for _, result in ipairs {
        function() return 1 end, function() return true end, function() return false end,
      } do
        assert.same({ nil, aborted }, { post(result):perform() })
      end
      assert.same({ nil, "mine" }, { post(function() return nil, "mine" end):perform() })
      local c = post(function() error("mine", 0) end)
      assert.has_error(function() c:perform() end, "mine")
      assert.equal("CURL-EASY", helper.err_of(post(function() end):perform()):cat())
    end)

    it("pause and continue a stream", function()
      local turn = 0
      local c, send = sender { httppost = curl.form():add_stream("s", 3, function()
        turn = turn + 1
        return turn == 1 and curl.READFUNC_PAUSE or turn == 2 and "abc" or nil
      end) }
      c:setopt { noprogress = false, progressfunction = function()
        if turn == 1 then c:pause(curl.PAUSE_CONT) end
      end }
      contains(send(), "\r\n\r\nabc\r\n")
    end)

    it("refuse what they cannot send", function()
      local form = safe.form()
      for name, arguments in pairs {
        add_content = { "n" }, add_buffer = { "n", "f" }, add_file = { "n" },
        add_stream = { "n", print }, get = { 1 },
      } do
        assert.is_false(pcall(form[name], form,
          (table.unpack or unpack)(arguments))) -- luacheck: ignore 143 113
      end
      assert.is_false(pcall(form.add_stream, form, "n", 10))
      assert.is_false(pcall(form.add_stream, form, "n", "10", print))
      assert.is_false(pcall(form.add_stream, form, "n", -1, print))
      assert.same({ nil, curl.error(curl.ERROR_FORM, curl.E_FORM_ILLEGAL_ARRAY) },
        { form:add_files("n", { {} }) })
      form:add_file("n", "/nothing/here")
      local missing = curl.error(curl.ERROR_EASY, curl.E_READ_ERROR)
      assert.same({ nil, missing }, { form:get() })
      assert.same({ nil, missing }, { (sender()):setopt_httppost(form) })
    end)

    it("write themselves to a function or an object", function()
      local form, out = curl.form():add_content("n", "v"), {}
      assert.equal(form, form:get(function(text) out[#out + 1] = text end))
      contains(table.concat(out), 'name="n"')
      assert.equal(form, form:get(table.insert, {}))
      assert.equal(form, form:get { write = function() return true end })
      assert.same({ nil, "mine" }, { form:get(function() return nil, "mine" end) })
      for _, result in ipairs { function() return 0 end, function() return false end } do
        assert.is_nil((form:get(result)))
      end
      assert.has_error(function() form:get(function() error("mine", 0) end) end, "mine")
      form:free()
      assert.has_error(function() form:get() end)
    end)

    it("are made of tables by cURL", function()
      local form = layer.form {
        n1 = "v1", n2 = { "v2", type = "text/x", headers = { "X-A: 1" } }, n3 = { content = "v3" },
        n4 = { name = "a.bin", data = "v4" }, n5 = { file = path, filename = "renamed" },
        n6 = { stream = function() end, length = 3 }, n7 = {},
        n8 = { stream = { length = function() return 5 end, read = function() end } },
      }
      local text = form:get()
      contains(text, 'name="n1"\r\n\r\nv1', "text/x", "X-A: 1", "v3", 'filename="a.bin"',
        'filename="renamed"', 'name="n6"', 'name="n8"')
      lacks(text, 'name="n7"')
      for _, bad in ipairs {
        { content = 1 }, { 1 }, { data = {} }, { file = true }, { stream = print }, { stream = {} },
        { stream = { read = print, length = function() return "5" end } }, { data = "x" }, 1,
      } do
        assert.is_false(pcall(layer.form, { n = bad }))
      end
      local e = layer.easy { url = hostile.url("/upload"), writefunction = function() end }
      form = layer.form { n = "v" }
      assert.equal(e, e:setopt_httppost(form):setopt { httppost = form }
        :setopt(layer.OPT_HTTPPOST, form):perform())
      assert.equal(e, e:unsetopt_httppost())
    end)

    it("are posted by Lua-cURL 2", function()
      local e = layer.easy_init()
      local body = {}
      e:setopt_url(hostile.url("/upload"))
      assert.equal(e, e:post {
        a = "text", b = { file = "b.txt", data = "data" }, c = { file = path },
        d = { file = "d", stream_length = "3", stream = function() return "abc" end },
      })
      assert.equal(e, e:perform { writefunction = function(s) body[#body + 1] = s end })
      assert.truthy(cjson.decode(table.concat(body)).length > 100)
      assert.is_false(pcall(e.post, e, { a = 1 }))
    end)
  end)

  describe("share handles", function()
    it("share what they are told", function()
      local share = safe.share { share = curl.LOCK_DATA_COOKIE, [curl.OPT_SHARE_SHARE] = 3 }
      assert.equal(share, share:setopt_share(curl.LOCK_DATA_SSL_SESSION))
      local one, two = safe.easy { share = share }, safe.easy { share = share }
      one:setopt_cookielist("Set-Cookie: a=b; domain=example.com")
      assert.equal(1, #two:getinfo_cookielist())
      one:close()
      share:close()
      assert.equal(1, #two:getinfo_cookielist())
      assert.equal(two, two:unsetopt_share())
      assert.equal(0, #two:getinfo_cookielist())
    end)

    it("refuse the rest", function()
      local bad = curl.error(curl.ERROR_SHARE, curl.E_SHARE_BAD_OPTION)
      assert.same({ nil, bad }, { safe.share { nothing = 1 } })
      assert.same({ nil, bad }, { safe.share():setopt_share(99) })
      assert.has_error(function() safe.share { share = "cookie" } end)
      assert.is_false(pcall(curl.share, { nothing = 1 }))
      assert.equal("LcURL Share", tostring(safe.share()):match("^[^(]+%w"))
    end)

    it("name kinds in version 2", function()
      local share, e = layer.share_init(), layer.easy_init()
      assert.equal(share, share:setopt_share("COOKIE"))
      assert.equal(e, e:setopt_share(share))
      assert.has_error(function() share:setopt_share("NOTHING") end)
    end)
  end)
end)
