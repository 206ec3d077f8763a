-- Options: every type that libcurl has, from a name and a Lua value.
local cjson = require("cjson")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("options", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local easy, body

  fixtures.echoing(hostile, function(...)
    easy, body = ...
  end)

  it("are those of the running libcurl", function()
    local types = {}
    for _, option in ipairs(core.options()) do
      types[option.name:lower()] = option.type
    end
    assert.equal("string", types.url)
    assert.equal("list", types.httpheader)
    assert.equal("off_t", types.infilesize_large)
    assert.equal("blob", types.cainfo_blob)
    assert.equal("function", types.writefunction)
    assert.equal("object", types.curlu)
  end)

  it("are chained", function()
    assert.equal(easy, easy:setopt("useragent", "a"))
    assert.equal(easy, easy:setopt { useragent = "b" })
    assert.equal(easy, easy:unsetopt("useragent"))
    assert.equal(easy, easy:setopt("useragent", nil))
  end)

  it("raise for names that libcurl does not know", function()
    assert.error_matches(function() easy:setopt("nonsense", 1) end, "unknown option 'nonsense'")
    assert.error_matches(function() easy:setopt { 1 } end, "option name")
    assert.error_matches(function() easy:setopt(1, 1) end, "option name")
    assert.error_matches(function() easy:unsetopt("nonsense") end, "unknown option")
    assert.has_error(function() easy:setopt("url") end)
    assert.has_error(function() easy:setopt() end)
    assert.has_error(function() easy:unsetopt() end)
  end)

  describe("that are strings", function()
    it("reach the request", function()
      easy:setopt {
        useragent = "agent", referer = "http://r/", cookie = "a=b", customrequest = "PROBE",
      }
      local seen = support.echo(easy, body)
      assert.equal("PROBE", seen.method)
      assert.equal("agent", seen.headers["user-agent"])
      assert.equal("http://r/", seen.headers.referer)
      assert.equal("a=b", seen.headers.cookie)
    end)

    it("take numbers as Lua writes them", function()
      easy:setopt { useragent = 17, range = "0-1" }
      assert.equal("17", support.echo(easy, body).headers["user-agent"])
    end)

    it("refuse zero bytes", function()
      for _, name in ipairs { "url", "useragent", "cookie", "userpwd", "cainfo" } do
        assert.error_matches(function() easy:setopt(name, "a\0b") end, "zero byte")
      end
    end)

    it("refuse line breaks, in whatever is sent as it is", function()
      for _, name in ipairs { "url", "useragent", "referer", "cookie", "customrequest", "range",
        "accept_encoding", "request_target", "xoauth2_bearer", "username", "proxyusername",
        "userpwd", "mail_from", "mail_auth", "rtsp_session_id", "rtsp_stream_uri" } do
        for _, bad in ipairs { "a\r\nX: y", "a\nb", "a\rb", "\n" } do
          assert.error_matches(function() easy:setopt(name, bad) end, "line break")
        end
      end
    end)

    it("refuse other types", function()
      for _, bad in ipairs { true, {}, print, io.stdout,
        coroutine.create(function() end) } do
        assert.error_matches(function() easy:setopt("useragent", bad) end,
          "option 'USERAGENT': string expected, got")
      end
    end)
  end)

  describe("that are numbers", function()
    it("take integers, whole floats and booleans", function()
      for _, good in ipairs { 5000, 5000.0, 2 ^ 12 } do
        assert.equal(easy, easy:setopt("timeout_ms", good))
      end
      easy:setopt("nobody", true)
      assert.is_true(easy:perform())
      assert.equal("HEAD", easy:getinfo("effective_method"))
      easy:setopt { nobody = false, httpget = true }
      assert.is_true(easy:perform())
      assert.equal("GET", easy:getinfo("effective_method"))
    end)

    it("refuse what has no exact integer", function()
      for _, bad in ipairs { 0.5, 0 / 0, 1 / 0, -1 / 0, 2 ^ 63, 1e300, "5", "x", {}, print } do
        assert.error_matches(function() easy:setopt("timeout_ms", bad) end,
          "'TIMEOUT_MS': integer or boolean expected")
        assert.error_matches(function() easy:setopt("infilesize_large", bad) end,
          "integer or boolean expected")
      end
    end)

    it("return what libcurl refuses", function()
      local err = helper.err_of(easy:setopt("localport", 70000))
      assert.equal("curl", err.kind)
      assert.equal("CURLE_BAD_FUNCTION_ARGUMENT", err.code)
      assert.truthy(err.message:find("LOCALPORT", 1, true))
      assert.equal("CURLE_BAD_FUNCTION_ARGUMENT", helper.err_of(core.easy { localport = -1 }).code)
    end)

    it("are 64 bits wide where libcurl's are", function()
      easy:setopt {
        upload = true, infilesize_large = 2 ^ 40, readfunction = function() error("big", 0) end,
      }
      assert.equal("big", helper.err_of(easy:perform()))
      assert.equal(2 ^ 40, easy:getinfo("content_length_upload_t"))
    end)

    it("keep the receive buffer above what HTTP/2 of old libcurls writes past", function()
      local https, received = support.easy {
        url = nginx.tls_url("/1k"), cainfo = nginx.ca, buffersize = 1024,
      }
      assert.is_true(https:perform())
      assert.equal(servers.bytes(1024), table.concat(received))
      https:close()
    end)
  end)

  describe("that are lists", function()
    it("reach the request", function()
      easy:setopt("httpheader", { "X-One: 1", "X-Two: 2", "Accept:" })
      local seen = support.echo(easy, body)
      assert.equal("1", seen.headers["x-one"])
      assert.equal("2", seen.headers["x-two"])
      assert.is_nil(seen.headers.accept)
    end)

    it("may be replaced and emptied", function()
      easy:setopt("httpheader", { "X-One: 1" })
      easy:setopt("httpheader", { "X-Two: 2" })
      local seen = support.echo(easy, body)
      assert.is_nil(seen.headers["x-one"])
      assert.equal("2", seen.headers["x-two"])
      easy:setopt("httpheader", {})
      assert.is_nil(support.echo(easy, body).headers["x-two"])
      easy:setopt("httpheader", { "X-Three: 3" })
      easy:unsetopt("httpheader")
      assert.is_nil(support.echo(easy, body).headers["x-three"])
    end)

    it("are copied", function()
      local list = { "X-One: 1" }
      easy:setopt("httpheader", list)
      list[1] = "X-One: changed"
      support.collect()
      assert.equal("1", support.echo(easy, body).headers["x-one"])
    end)

    it("refuse what is no list of texts, and keep what was set", function()
      easy:setopt("httpheader", { "X-One: 1" })
      for _, bad in ipairs { "X: y", 1, true, { "a", {} }, { "a", true }, { ["X-A"] = "b" },
        { "a", n = 1 }, { [0] = "a" }, { "a\r\nX: y" }, { "a", "b\n" }, { "a\0b" } } do
        assert.error_matches(function() easy:setopt("httpheader", bad) end, "option 'HTTPHEADER'")
      end
      assert.equal("1", support.echo(easy, body).headers["x-one"])
    end)

    it("resolve names", function()
      easy:setopt {
        url = ("http://nowhere.invalid:%d/echo"):format(hostile.port),
        resolve = { ("nowhere.invalid:%d:127.0.0.1"):format(hostile.port) },
      }
      assert.equal("/echo", support.echo(easy, body).path)
    end)
  end)

  describe("that are blobs", function()
    it("are copied", function()
      local file = assert(io.open(nginx.ca, "rb"))
      local https = support.easy { url = nginx.tls_url("/1k"), cainfo_blob = file:read("a") }
      file:close()
      support.collect()
      assert.is_true(https:perform())
      https:close()
    end)

    it("refuse other types", function()
      assert.error_matches(function() easy:setopt("cainfo_blob", 5) end,
        "string expected, got number")
    end)
  end)

  describe("for the body", function()
    local bytes = "\0a\0b\r\n\255" .. servers.bytes(1000) .. "\0"

    it("take every byte", function()
      easy:setopt("postfields", bytes)
      local seen = support.echo(easy, body)
      assert.equal("POST", seen.method)
      assert.equal(#bytes, seen.length)
      easy:setopt("copypostfields", "\0\0")
      assert.equal(2, support.echo(easy, body).length)
      easy:setopt("postfields", "")
      seen = support.echo(easy, body)
      assert.equal("POST", seen.method)
      assert.equal(0, seen.length)
    end)

    it("need no other reference to live", function()
      local count = 2000000
      easy:setopt("postfields", ("abcdefghij"):rep(count / 10))
      easy:setopt("headerfunction", function() collectgarbage() end)
      support.collect()
      local seen = support.echo(easy, body)
      assert.equal(count, seen.length)
      local sum = seen.sha256
      easy:setopt("postfields", ("abcdefghij"):rep(count / 10))
      support.collect()
      assert.equal(sum, support.echo(easy, body).sha256)
    end)

    it("are sent on when the variable of a running transfer goes", function()
      local multi = core.multi()
      do
        local posting = easy
        posting:setopt("postfields", ("z"):rep(3000000))
        posting:setopt("url", hostile.url("/upload-slow?rate=30000000"))
        multi:add_handle(posting)
      end
      local seen = {}
      local check = support.deadline()
      repeat
        local running = multi:perform()
        collectgarbage()
        multi:poll(20)
        support.reap(multi, seen)
        check()
      until running == 0
      assert.is_true(seen[easy])
      assert.equal(3000000, cjson.decode(table.concat(body)).length)
      multi:close()
    end)

    it("refuse a length beyond the body", function()
      easy:setopt("postfields", "abc")
      for _, name in ipairs { "postfieldsize", "postfieldsize_large" } do
        for _, bad in ipairs { 4, 2 ^ 40, -1 } do
          assert.error_matches(function() easy:setopt(name, bad) end,
            "out of range, the body has 3 bytes")
        end
      end
      easy:setopt("postfieldsize", 2)
      assert.equal(2, support.echo(easy, body).length)
      easy:unsetopt("postfieldsize")
      assert.equal(3, support.echo(easy, body).length)
    end)

    it("refuse other types", function()
      for _, bad in ipairs { 5, true, {} } do
        assert.error_matches(function() easy:setopt("postfields", bad) end, "string expected")
      end
    end)

    it("are no body again when they are unset", function()
      easy:unsetopt("postfields")
      assert.equal("GET", support.echo(easy, body).method)
      easy:setopt("postfields", "abc")
      assert.equal(3, support.echo(easy, body).length)
      easy:unsetopt("copypostfields")
      local seen = support.echo(easy, body)
      assert.equal("GET", seen.method)
      assert.equal(0, seen.length)
    end)
  end)

  it("are all settable, or on the short list with its reason", function()
    -- What libcurl itself refuses as built on Debian, with why.
    local lacking = {
      KRBLEVEL = "Kerberos for FTP", SSLENGINE = "no such engine", ECH = "ECH",
      SSLENGINE_DEFAULT = "no engine was chosen", DNS_SERVERS = "c-ares", DNS_INTERFACE = "c-ares",
      DNS_LOCAL_IP4 = "c-ares", DNS_LOCAL_IP6 = "c-ares", TLSAUTH_USERNAME = "TLS-SRP",
      TLSAUTH_PASSWORD = "TLS-SRP", PROXY_TLSAUTH_USERNAME = "TLS-SRP",
      PROXY_TLSAUTH_PASSWORD = "TLS-SRP", ISSUERCERT_BLOB = "of some TLS libraries",
      DOH_SSL_VERIFYSTATUS = "of some TLS libraries", ABSTRACT_UNIX_SOCKET = "Linux",
      SSL_FALSESTART = "of some TLS libraries", TCP_FASTOPEN = "some systems",
      SSL_SIGNATURE_ALGORITHMS = "of some TLS libraries", PROXY_SERVICE_NAME = "GSS-API",
      PROXY_TLSAUTH_TYPE = "libcurl 7.88 takes no value for it",
      WS_OPTIONS = "WebSocket",
    }
    local path = os.tmpname()
    local others = { curlu = core.url("http://a/"), stream_depends = core.easy() }
    others.stream_depends_e = others.stream_depends
    -- These two have their own modules.
    others.share = core.share and core.share()
    others.mimepost = core.mime and core.mime(easy)
    local samples = {
      url = "http://a/", dns_servers = "127.0.0.1", protocols_str = "http", ftpport = "-",
      redir_protocols_str = "http", aws_sigv4 = "a:b", sslcerttype = "PEM", sslkeytype = "PEM",
      proxy_sslcerttype = "PEM", proxy_sslkeytype = "PEM", tlsauth_type = "SRP",
      proxy_tlsauth_type = "SRP", cookielist = "ALL", writedata = path, readdata = path,
      headerdata = path, stderr = path, postfields = "x", copypostfields = "x", private = {},
      altsvc_ctrl = 4, http_version = 2, localport = 5000, rtsp_request = 1, ech = "false",
      maxconnects = 5, localportrange = 10, ssl_signature_algorithms = "rsa_pss_rsae_sha256",
      interface = "lo", alt_svc = path, hsts = path, altsvc = path, cookiejar = path,
    }
    local kinds = {
      long = 1, values = 0, off_t = 1, string = "x", list = { "x" }, blob = "x",
      ["function"] = function() end,
    }
    for _, option in ipairs(core.options()) do
      local name = option.name:lower()
      local value = others[name] or samples[name]
      if value == nil then
        value = kinds[option.type]
      end
      if (name == "share" or name == "mimepost") and value == nil then
        print("\noption " .. name .. " is not set here: the core has no core." .. name)
      elseif not option.reason then
        assert.truthy(value ~= nil, "no sample for " .. name)
        local one = core.easy()
        local ran, ok, err = pcall(one.setopt, one, name, value)
        assert.is_true(ran, ok)
        if ok ~= one then
          assert.truthy(err.code == "CURLE_NOT_BUILT_IN" or err.code == "CURLE_UNKNOWN_OPTION"
            or name:find("^sslengine") or name == "krblevel" or name == "proxy_tlsauth_type",
            tostring(err))
          assert.truthy(lacking[option.name], "not on the list: " .. tostring(err))
        end
        one:close()
      end
    end
    os.remove(path)
    others.stream_depends:close()
  end)

  it("of newer versions of libcurl name the version that they need", function()
    local known = {}
    for _, option in ipairs(core.options()) do
      known[option.name:lower()] = true
    end
    local newer = { upload_flags = "8.13.0", SSL_SIGNATURE_ALGORITHMS = "8.14.0", ech = "8.8.0",
      tcp_keepcnt = "8.9.0", server_response_timeout_ms = "8.6.0", haproxy_client_ip = "8.2.0" }
    for name, version in pairs(newer) do
      local ran, ok, err = pcall(easy.setopt, easy, name, "1")
      if known[name:lower()] then
        assert.truthy(not ran or ok or err.code, name)
      else
        assert.is_nil(ok)
        assert.equal(("option '%s' needs libcurl %s or newer (this is %s)"):format(name, version,
          core.version().curl), err.message)
      end
    end
  end)

end)
