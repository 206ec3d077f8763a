-- lcurl: what scripts that were written for Lua-cURLv3 rely on beyond its
-- manual: how errors are raised, which numbers are taken, how many values come.
local core = require("multisock.core")
local curl = require("lcurl")
local fixtures = require("spec.support.fixtures")
local safe = require("lcurl.safe")
local layer = require("cURL.safe")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

local LUA_51 = _VERSION == "Lua 5.1"                          -- and LuaJIT
local INTEGERS = tostring(1.0) == "1.0"                       -- Lua 5.3 and later

describe("scripts for Lua-cURLv3", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  local read_file = helper.read_file

  local function count(...) return select("#", ...) end

  local function refused(module)
    local port = support.refusing_port()
    return module.easy { url = ("http://127.0.0.1:%d/"):format(port), timeout = 20, noproxy = "*" }
  end

  describe("catch what is raised:", function()
    local function check(category, name, fn)
      local prefix = category == "CURL-EASY" and "E_" or category:gsub("CURL%-", "E_") .. "_"
      local expected = safe.error(category, curl[prefix .. name])
      local err = helper.failure(fn)
      if LUA_51 then
        assert.equal(tostring(expected), err)
      else
        assert.equal("userdata", type(err))
        assert.equal(expected, err)
      end
    end

    it("strings without detail in Lua 5.1 and LuaJIT, objects in later ones", function()
      check(curl.ERROR_EASY, "COULDNT_CONNECT", function() refused(curl):perform() end)
      check(curl.ERROR_EASY, "UNKNOWN_OPTION", function() curl.easy():setopt { nothing = 1 } end)
      check(curl.ERROR_SHARE, "BAD_OPTION", function() curl.share():setopt_share(99) end)
      check(curl.ERROR_FORM, "ILLEGAL_ARRAY", function() curl.form():add_files("a", {{}}) end)
      check(curl.ERROR_URL, "NO_HOST", function() curl.url():get_url() end)
      check(curl.ERROR_URL, "NO_HOST", function() return tostring(curl.url()) end)
      local multi = curl.multi()
      check(curl.ERROR_MULTI, "UNKNOWN_OPTION", function() multi:setopt(4711, 1) end)
      multi:close()
    end)

    it("the words of the string are those that Lua-cURLv3 has", function()
      local e = curl.easy { url = "nothing://127.0.0.1/" }
      local _, err = pcall(e.perform, e)
      local line = "[CURL-EASY][UNSUPPORTED_PROTOCOL] Unsupported protocol (1)"
      if LUA_51 then
        assert.equal(line, err)
      else
        assert.equal(line .. ": ", tostring(err):sub(1, #line + 2))
      end
      assert.equal("[CURL-URL][NO_HOST] NO_HOST (14)", tostring(curl.error(curl.ERROR_URL, 14)))
      assert.equal("NO_HOST", curl.error(curl.ERROR_URL, 14):msg())
    end)

    it("safe modules return objects everywhere", function()
      assert.equal("COULDNT_CONNECT", helper.err_of(refused(safe):perform()):name())
    end)

    it("what a callback raises is raised as it is", function()
      local mine = safe.error(curl.ERROR_EASY, 7)
      local e = curl.easy { url = nginx.url("/1k"), noproxy = "*",
        writefunction = function() error(mine) end }
      local _, err = pcall(e.perform, e)
      assert.equal(mine, err)
    end)
  end)

  describe("give numbers for texts:", function()
    local fraction = tostring(2.5)

    it("escape and unescape", function()
      local e = safe.easy()
      assert.equal("12345", e:escape(12345))
      assert.equal(fraction, e:unescape(2.5))
    end)

    it("the body of a POST", function()
      local body = {}
      local e = safe.easy { url = servers.hostile().url("/upload"), timeout = 20, noproxy = "*",
        postfields = 12345, writefunction = function(s) body[#body + 1] = s end }
      assert.equal(e, e:perform())
      assert.truthy(table.concat(body):find('"length": *5%D'), table.concat(body))
      assert.equal(e, e:setopt_postfields(12345, 2))
      body = {}
      assert.equal(e, e:perform())
      assert.truthy(table.concat(body):find('"length": *2%D'), table.concat(body))
    end)

    it("each field of a form", function()
      local path = os.tmpname()
      local form = safe.form():add_content("chat_id", 12345):add_content(7, 2.5, 8)
        :add_buffer("b", 9, 10, 11):add_file("f", path, 12, 13):add_files("g", {{ path, 14, 15 }})
      os.remove(path)
      assert(io.open(path, "w")):close()
      local text = form:get()
      os.remove(path)
      for _, piece in ipairs {
        'name="chat_id"\r\n\r\n12345\r\n', 'name="7"\r\nContent-Type: 8\r\n\r\n' .. fraction,
        'name="b"; filename="9"\r\nContent-Type: 11\r\n\r\n10\r\n',
        'name="f"; filename="13"\r\nContent-Type: 12',
        'name="g"; filename="15"\r\nContent-Type: 14',
      } do
        assert.truthy(text:find(piece, 1, true), piece .. " in " .. text)
      end
    end)

    it("each field of a part", function()
      local e = safe.easy()
      local part = e:mime():addpart()
      for _, method in ipairs { "data", "name", "type", "filename" } do
        assert.equal(part, part[method](part, 5), method)
      end
      assert.same({ nil, "BAD_FUNCTION_ARGUMENT" }, { (function()
        local ok, err = part:encoder(5)
        return ok, err:name()
      end)() })
    end)

    it("but not where Lua-cURLv3 refuses them", function()
      local e = safe.easy()
      assert.has_error(function() e:setopt_url(5) end)
      assert.has_error(function() e:setopt_useragent(5) end)
      assert.has_error(function() safe.url():set_port(80) end)
      assert.has_error(function() e:escape(true) end)
      assert.has_error(function() e:escape() end)
    end)

    it("an optional text may be false", function()
      local text = safe.form():add_content("a", "b", false):get()
      assert.truthy(text:find('name="a"\r\n\r\nb', 1, true), text)
    end)
  end)

  describe("give fractions for integers:", function()
    it("Lua without integers cuts them off, others refuse them", function()
      local e, multi = safe.easy(), safe.multi()
      for _, set in ipairs {
        function(n) return e:setopt_timeout(n) end,
        function(n) return e:setopt(curl.OPT_TIMEOUT_MS, n) end,
        function(n) return e:setopt_maxfilesize_large(n) end,
        function(n) return e:setopt { low_speed_time = n } end,
        function(n) return multi:setopt_maxconnects(n) end,
        function(n) return multi:setopt(curl.OPT_MULTI_MAXCONNECTS, n) end,
        function(n) return safe.share():setopt_share(n) end,
      } do
        assert.truthy(set(2.0))
        if INTEGERS then
          local ok, result = pcall(set, 2.5)
          assert.truthy(not ok or result == nil)
        else
          assert.truthy(set(2.999))
        end
      end
      multi:close()
    end)

    it("0.5 seconds are none, which is no limit, where they are cut off", function()
      if INTEGERS then
        return assert.has_error(function() safe.easy { timeout = 0.5 } end)
      end
      local e = safe.easy { url = nginx.url("/1k"), noproxy = "*", timeout = 0.5,
        writefunction = function() end }
      assert.equal(e, e:perform())
    end)

    it("a progress callback's fraction counts as 0", function()
      local e = safe.easy { url = nginx.url("/1k"), noproxy = "*", noprogress = false,
        writefunction = function() end, progressfunction = function() return 0.5 end }
      assert.equal("ABORTED_BY_CALLBACK", helper.err_of(e:perform()):name())
    end)
  end)

  it("see their own line in what is raised about a wrong call", function()
    local here = debug.getinfo(1, "S").short_src
    local e, closed = safe.easy(), safe.easy()
    closed:close()
    local of_layer = layer.easy()
    for name, fn in pairs {
      option = function() e:setopt_url(5) end, table = function() safe.easy { url = 5 } end,
      number = function() e:setopt(curl.OPT_TIMEOUT, "x") end,
      text = function() e:escape() end, form = function() safe.form():add_content("a") end,
      closed = function() closed:perform() end, share = function() e:setopt_share(5) end,
      callback = function() e:setopt_writefunction(5) end,
      multi = function() safe.multi():wait({}) end,
      layer = function() of_layer:setopt { url = 5 } end, self = function() e.perform(5) end,
    } do
      local err = helper.failure(fn)
      assert.truthy(err:find(here, 1, true), name .. ": " .. err)
    end
  end)

  it("version_info tells all fields and features", function()
    local info = curl.version_info()
    local line = curl.version()
    assert.truthy(line:find(info.ssl_version, 1, true))
    assert.truthy(line:find("zlib/" .. info.libz_version, 1, true))
    assert.truthy(line:find("nghttp2/" .. info.nghttp2_version, 1, true))
    for name, pattern in pairs { brotli_version = "brotli/%S", zstd_version = "zstd/%S",
      libssh_version = "libssh", ares = "c%-ares/" } do
      assert.equal(line:find(pattern) ~= nil, type(info[name]) == "string", name)
    end
    for _, name in ipairs { "ares_num", "iconv_ver_num", "brotli_ver_num", "nghttp2_ver_num",
      "zstd_ver_num", "ssl_version_num", "version_num" } do
      assert.equal("number", type(info[name]), name)
    end
    assert.equal("string", type(info.host))
    assert.equal(info.host, curl.version_info("host"))
    assert.equal(core.version().cainfo, info.cainfo)
    assert.equal(core.version().capath, info.capath)
    assert.is_nil(curl.version_info("nothing"))
  end)

  it("version_info has each of libcurl's features", function()
    local handle = io.popen("curl-config --features 2>/dev/null")
    local names = handle and handle:read("*a") or ""
    if handle then handle:close() end
    if names == "" then
      return pending("curl-config is missing")
    end
    local other = { ["alt-svc"] = "ALTSVC", ["GSS-API"] = "GSSAPI", Kerberos = "KERBEROS5",
      MultiSSL = "MULTI_SSL", ["TLS-SRP"] = "TLSAUTH_SRP", CharConv = "CONV",
      UnixSockets = "UNIX_SOCKETS", TrackMemory = "CURLDEBUG" }
    local mine, of_core = curl.version_info("features"), core.version().features
    for name in names:gmatch("%S+") do
      local field = other[name] or name:upper():gsub("-", "_")
      assert.is_true(mine[field], name)
      assert.is_true(of_core[name], name)
    end
    for _, field in ipairs { "GSSAPI", "KERBEROS4", "KERBEROS5", "GSSNEGOTIATE", "LARGEFILE",
      "NTLM_WB", "TLSAUTH_SRP", "MULTI_SSL", "CONV", "CURLDEBUG", "DEBUG", "UNICODE", "SSPI" } do
      assert.equal("boolean", type(mine[field]), field)
    end
  end)

  it("methods of cURL return as many values as Lua-cURLv3's", function()
    local e = layer.easy { url = nginx.url("/1k"), noproxy = "*",
      writefunction = function() return nil, "why", "more" end }
    assert.equal(2, count(e:perform()))
    assert.equal(2, count(e:getinfo_response_code()))
    assert.equal(2, count(e:getinfo(layer.INFO_EFFECTIVE_URL)))
    assert.equal(1, count(e:setopt_timeout(5)))
    local multi = layer.multi()
    assert.equal(1, count(multi:info_read()))
    assert.equal(2, count(multi:perform()))
    assert.equal(2, count(multi:timeout()))
    multi:close()
    local raw = safe.easy()
    assert.equal(1, count(raw:getinfo_response_code()))
    assert.equal(1, count(raw:getinfo_redirect_url()))
  end)

  it("needs nothing of multisock but its core, and no function that is not documented", function()
    local docs = read_file("docs/core.md")
    local files = io.popen("find lcurl/lua -name '*.lua'")
    local seen = 0
    for path in files:lines() do
      seen = seen + 1
      local source = read_file(path)
      for module in source:gmatch('require%(?%s*["\'](multisock[%w_.]*)') do
        assert.equal("multisock.core", module, path)
      end
      if source:find('local core = require("multisock.core")', 1, true) then
        for name in source:gmatch("[^%w_.]core%.([%l_]+)") do
          assert.truthy(docs:find("core." .. name, 1, true), path .. " uses core." .. name)
        end
      end
    end
    files:close()
    assert.truthy(seen > 15)
    assert.is_nil(read_file("lcurl/src/native.c"):find("#include \"", 1, true))
  end)
end)
