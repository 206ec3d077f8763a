-- lcurl: the module, its errors, and easy handles, against real
-- servers. Bodies are in lcurl_mime_spec.lua, multis in lcurl_multi_spec.lua.
local curl = require("lcurl")
local fixtures = require("spec.support.fixtures")
local safe = require("lcurl.safe")
local cjson = require("cjson")
local core = require("multisock.core")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("lcurl", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  -- A handle that ends by itself, and the list that gets its body.
  local function easy(options, module)
    local body = {}
    local all = { timeout = 20, noproxy = "*", writefunction = function(bytes)
      body[#body + 1] = bytes
    end }
    for name, value in pairs(options) do all[name] = value end
    return (module or safe).easy(all), body
  end

  local function refused()
    return ("http://127.0.0.1:%d/"):format(support.refusing_port())
  end

  describe("the module", function()
    it("has the same numbers for names as libcurl", function()
      assert.equal(10002, curl.OPT_URL)
      assert.equal(20011, curl.OPT_WRITEFUNCTION)
      assert.equal(2097154, curl.INFO_RESPONSE_CODE)
      assert.equal(28, curl.E_OPERATION_TIMEDOUT)
      assert.equal(7, curl.E_MULTI_ADDED_ALREADY)
      assert.equal(-1, curl.SOCKET_TIMEOUT)
      assert.equal(6, curl.OPT_MULTI_MAXCONNECTS)
      assert.equal(core.WRITEFUNC_PAUSE, curl.WRITEFUNC_PAUSE)
    end)

    it("has an option for each of libcurl's", function()
      for _, option in ipairs(core.options()) do
        assert.equal(option.id, curl["OPT_" .. option.name:upper()])
      end
    end)

    it("tells the version of libcurl", function()
      local info = curl.version_info()
      assert.truthy(curl.version():find("libcurl/" .. info.version, 1, true))
      assert.equal(core.version().curl_number, curl.version_info("version_num"))
      assert.is_true(info.protocols.HTTP)
      assert.is_true(info.features.SSL)
      assert.is_false(info.features.SSPI)
    end)

    it("describes options", function()
      local url = curl.easy_option_by_name("url")
      assert.same({ curl.OPT_URL, "URL", curl.OT_STRING, "STRING" },
        { url.id, url.name, url.type, url.type_name })
      assert.same(url, curl.easy_option_by_id(curl.OPT_URL))
      assert.is_nil(curl.easy_option_by_name("nothing"))
      local count = 0
      for option in curl.ieasy_options() do
        count = count + 1
        assert.is_string(option.name)
      end
      assert.equal(#core.options(), count)
    end)
  end)

  describe("errors", function()
    it("have category, number, name and text", function()
      local err = curl.error(curl.ERROR_EASY, curl.E_COULDNT_CONNECT)
      assert.equal("CURL-EASY", err:category())
      assert.equal("CURL-EASY", err:cat())
      assert.equal(7, err:no())
      assert.equal("COULDNT_CONNECT", err:name())
      assert.equal("COULDNT_CONNECT", err:mnemo())
      -- libcurl's words, which change with its version.
      assert.truthy(err:msg():find("connect to server", 1, true), err:msg())
      assert.equal(("[CURL-EASY][COULDNT_CONNECT] %s (7)"):format(err:msg()), tostring(err))
    end)

    it("are equal when category and number are", function()
      assert.equal(curl.error(curl.ERROR_EASY, 7), safe.error(curl.ERROR_EASY, 7))
      assert.not_equal(curl.error(curl.ERROR_EASY, 7), curl.error(curl.ERROR_EASY, 6))
      assert.not_equal(curl.error(curl.ERROR_EASY, 0), curl.error(curl.ERROR_FORM, 0))
      assert.is_false(curl.error(curl.ERROR_EASY, 0) == {})
    end)

    it("have names for codes that are newer than Lua-cURLv3", function()
      assert.equal("BAD_QUERY", curl.error(curl.ERROR_URL, 26):name())
      assert.equal("ABORTED_BY_CALLBACK", curl.error(curl.ERROR_MULTI, 11):name())
      assert.equal("UNKNOWN", curl.error(curl.ERROR_EASY, 4711):name())
    end)

    it("are not made of bad arguments", function()
      assert.has_error(function() curl.error(1, 7) end,
        "bad argument #1 to 'error' (invalid category '1')")
      assert.has_error(function() curl.error(curl.ERROR_EASY, "7") end,
        "bad argument #2 to 'error' (integer expected, got string)")
      assert.has_error(function() curl.error(curl.ERROR_EASY, 1.5) end)
      assert.has_error(function() curl.error() end)
    end)

    it("are returned in safe mode, with what libcurl wrote about it", function()
      local c = easy { url = refused() }
      local err = helper.err_of(c:perform())
      assert.equal(curl.error(curl.ERROR_EASY, curl.E_COULDNT_CONNECT), err)
      assert.truthy(err:detail():find("127.0.0.1 port", 1, true))
      assert.truthy(tostring(err):find(err:detail(), 1, true))
    end)

    it("are raised otherwise", function()
      local c = easy({ url = refused() }, curl)
      local err = helper.failure(c.perform, c)
      assert.truthy(tostring(err):find("^%[CURL%-EASY%]%[COULDNT_CONNECT%]"), tostring(err))
    end)
  end)

  describe("easy handles", function()
    it("perform, and return themselves", function()
      local c, body = easy { url = nginx.url("/1k") }
      assert.equal(c, c:perform())
      assert.equal(servers.bytes(1024), table.concat(body))
      assert.equal(200, c:getinfo_response_code())
      assert.equal(200, c:getinfo(curl.INFO_RESPONSE_CODE))
      assert.equal(nginx.url("/1k"), c:getinfo_effective_url())
    end)

    it("chain their options, by name, by number and by table", function()
      local c, body = easy {}
      assert.equal(c, c:setopt_url(nginx.url("/file/a")):setopt(curl.OPT_NOBODY, true)
        :setopt { nobody = false, [curl.OPT_USERAGENT] = "me" })
      assert.equal(c, c:perform())
      assert.equal("body-a", table.concat(body))
    end)

    it("have no methods for what is no option", function()
      local c = easy {}
      assert.is_nil(c.setopt_nothing)
      assert.is_nil(c.unsetopt_nothing)
      assert.is_nil(c.getinfo_nothing)
      assert.is_nil(c.setopt_writedata)
      assert.is_function(c.setopt_protocols_str)
    end)

    it("return or raise unknown options", function()
      local expected = curl.error(curl.ERROR_EASY, curl.E_UNKNOWN_OPTION)
      assert.same({ nil, expected }, { safe.easy { nothing = 1 } })
      assert.same({ nil, expected }, { easy({}):setopt(4711, 1) })
      assert.same({ nil, expected }, { easy({}):unsetopt(4711) })
      assert.same({ nil, expected }, { easy({}):getinfo(4711) })
      local err = helper.failure(curl.easy, { nothing = 1 })
      assert.equal(tostring(expected), tostring(err):sub(1, #tostring(expected)))
    end)

    it("raise on values of a wrong type in both modes", function()
      for _, module in ipairs { curl, safe } do
        local c = module.easy()
        for name, value in pairs {
          url = 1, verbose = "1", httpheader = "a: b", writefunction = 1, postfields = true,
          share = {}, curlu = "http://a/", mimepost = {}, httppost = {}, stream_depends = {},
        } do
          local ok, err = pcall(c["setopt_" .. name], c, value)
          assert.is_false(ok, name)
          assert.truthy(tostring(err):find("bad argument #1 to 'setopt_" .. name), tostring(err))
        end
      end
    end)

    it("say what they are, and that they are closed", function()
      local c = easy {}
      assert.truthy(tostring(c):find("^LcURL Easy %(0x%x+%)$"), tostring(c))
      assert.is_nil(c:close())
      assert.is_nil(c:close())
      assert.truthy(tostring(c):find("(closed)", 1, true))
      assert.has_error(function() c:perform() end, "perform: the LcURL Easy object is closed")
      assert.has_error(function() c.perform({}) end,
        "bad argument #1 to 'perform' (LcURL Easy object expected, got table)")
      assert.has_error(function() curl.multi():add_handle(c) end)
    end)

    it("check names of hosts when told true", function()
      local c = easy { url = nginx.url("/1k", "https"), cainfo = nginx.ca, ssl_verifyhost = true }
      assert.equal(c, c:perform())
    end)

    it("unset options with null, unsetopt and reset", function()
      local c, body = easy { url = hostile.url("/echo"), useragent = "me" }
      c:setopt_httpheader { "X-A: 1" }
      local function seen()
        assert.equal(c, c:perform())
        local text = table.concat(body)
        for i = #body, 1, -1 do body[i] = nil end
        return (text:find('"me"', 1, true) or 0) > 0, (text:lower():find('"x%-a"') or 0) > 0
      end
      assert.same({ true, true }, { seen() })
      assert.equal(c, c:setopt { useragent = curl.null, httpheader = {} })
      assert.same({ false, false }, { seen() })
      c:setopt { useragent = "me", httpheader = { "X-A: 1" } }
      c:unsetopt_useragent():unsetopt(curl.OPT_HTTPHEADER)
      assert.same({ false, false }, { seen() })
      c:setopt_useragent("me")
      assert.equal(c, c:reset())
      c:setopt { url = hostile.url("/echo"), writefunction = function(s) body[#body + 1] = s end }
      assert.same({ false, false }, { seen() })
    end)

    it("send bodies, and no more of them than there is", function()
      local c, body = easy { url = hostile.url("/echo"), postfields = "a=1\0b" }
      assert.equal(c, c:perform())
      assert.equal(5, cjson.decode(table.concat(body)).length)
      assert.has_error(function() c:setopt_postfields("abc", 10) end,
        "bad argument #2 to 'setopt_postfields' (10 is more than the 3 bytes of the data)")
      body[1] = nil
      assert.equal(c, c:setopt_postfields("abcdef", 2):perform())
      assert.equal(2, cjson.decode(table.concat(body)).length)
    end)

    it("keep a value of the program's, as long as they live", function()
      local c = easy {}
      assert.is_nil(c:getdata())
      local kept = setmetatable({}, { __mode = "v" })
      do
        local value = {}
        kept[1] = value
        assert.equal(c, c:setdata(value))
      end
      support.collect()
      assert.equal(kept[1], c:getdata())
      c:close()
      support.collect()
      assert.is_nil(kept[1])
    end)

    it("escape and unescape", function()
      local c = easy {}
      assert.equal("a%20b%2F%00%C3%A4-._~", c:escape("a b/\0ä-._~"))
      assert.equal("a b/\0ä", c:unescape("a%20b%2F%00%c3%A4"))
      assert.equal("100%", c:unescape("100%"))
    end)

    it("refuse what libcurl forbids while they run", function()
      local again
      local c
      c = easy { url = nginx.url("/1k"), writefunction = function()
        again = { c:perform() }
      end }
      assert.equal(c, c:perform())
      assert.same({ nil, curl.error(curl.ERROR_EASY, curl.E_RECURSIVE_API_CALL) }, again)
    end)

    it("may be closed in a callback of their own", function()
      local c
      c = easy { url = nginx.url("/1k"), writefunction = function() c:close() end }
      assert.equal(curl.E_ABORTED_BY_CALLBACK, helper.err_of(c:perform()):no())
    end)

    it("take a URL object, and see its changes", function()
      local url = curl.url(nginx.url("/file/a"))
      local c, body = easy { curlu = url }
      assert.equal(c, c:perform())
      url:set_path("/file/b")
      assert.equal(c, c:perform())
      assert.equal("body-abody-b", table.concat(body))
      assert.equal(c, c:unsetopt_curlu())
    end)
  end)

  describe("URL objects", function()
    it("have the parts of a URL", function()
      local url = curl.url("https://me:pw@example.com:8443/a?b=c#d")
      assert.equal("userdata", type(url))
      assert.same({ "https", "me", "pw", "example.com", "8443", "/a", "b=c", "d" }, {
        url:get_scheme(), url:get_user(), url:get_password(), url:get_host(), url:get_port(),
        url:get_path(), url:get_query(), url:get_fragment(),
      })
      assert.equal(curl.null, url:get_options())
      assert.equal(curl.null, url:get_zoneid())
      assert.equal("https://example.com:8443/a?b=c#d",
        tostring(url:set_user(curl.null):set_password(curl.null)))
    end)

    it("take sums of flags", function()
      local url = curl.url("example.com", curl.U_GUESS_SCHEME)
      assert.equal("80", url:get_port(curl.U_DEFAULT_PORT))
      url:set_query("a=b c", curl.U_APPENDQUERY + curl.U_URLENCODE)
      assert.equal("http://example.com/?a=b+c", url:get_url())
      assert.has_error(function() url:get_port(2 ^ 30) end)
      assert.has_error(function() url:get_port("x") end)
    end)

    it("fail as the module does", function()
      local err = helper.err_of(safe.url():get_url())
      assert.same({ "CURL-URL", "NO_HOST" }, { err:cat(), err:name() })
      assert.equal("CURL-URL", helper.err_of(safe.url("http://a:99999/")):cat())
      assert.is_false(pcall(curl.url, "http://a:99999/"))
      assert.is_false(pcall(tostring, safe.url()))
    end)

    it("are copied and cleaned up", function()
      local url = curl.url("http://a/")
      local copy = url:dup()
      copy:set_host("b")
      assert.is_nil(url:cleanup())
      assert.is_nil(url:cleanup())
      assert.equal("http://b/", copy:get_url())
      assert.has_error(function() url:get_url() end, "get_url: the LcURL URL object is closed")
    end)
  end)
end)
