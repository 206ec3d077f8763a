-- core.url: libcurl's URL API.
local core = require("multisock.core")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("core.url", function()
  it("takes a URL apart", function()
    local url = core.url("https://user:pass%20word@example.com:8443/a/b;c?d=e&f#g")
    local parts = {
      scheme = "https", user = "user", password = "pass%20word", host = "example.com",
      port = "8443", path = "/a/b;c", query = "d=e&f", fragment = "g",
      url = "https://user:pass%20word@example.com:8443/a/b;c?d=e&f#g",
    }
    for part, value in pairs(parts) do
      assert.equal(value, url:get(part), part)
    end
    assert.equal("pass word", url:get("password", { "urldecode" }))
    assert.equal(parts.url, url:get())
    assert.equal(parts.url, tostring(url))
  end)

  it("has nil for what is not there", function()
    local url = core.url("http://example.com")
    local absent = { "user", "password", "options", "port", "query", "fragment", "zoneid" }
    for _, part in ipairs(absent) do
      local value, err = url:get(part)
      assert.is_nil(value)
      assert.is_nil(err, part)
    end
    assert.equal("/", url:get("path"))
    assert.equal("80", url:get("port", { "default_port" }))
    local empty = core.url()
    assert.is_nil((empty:get("host")))
    assert.equal("multisock.url (incomplete)", tostring(empty))
  end)

  it("puts a URL together", function()
    local url = core.url()
    assert.equal(url, url:set("scheme", "http"))
    url:set("host", "example.com"):set("path", "/a b", { "urlencode" })
    url:set("query", "x=1"):set("query", "y=2 3", { "appendquery", "urlencode" })
    assert.equal("http://example.com/a%20b?x=1&y=2+3", url:get("url"))
    url:set("query", nil)
    assert.equal("http://example.com/a%20b", url:get("url"))
    url:set("port", 8080)
    assert.equal("http://example.com:8080/a%20b", url:get("url"))
  end)

  it("resolves relative references", function()
    for reference, expected in pairs {
      ["c"] = "http://h/a/c", ["/c"] = "http://h/c", ["../c"] = "http://h/c",
      ["//o/c"] = "http://o/c", ["?q"] = "http://h/a/b?q", ["https://o"] = "https://o/",
    } do
      local url = core.url("http://h/a/b?x")
      assert.equal(url, url:set("url", reference))
      assert.equal(expected, url:get("url"), reference)
    end
  end)

  it("returns an error of kind url for what is none", function()
    for _, bad in ipairs { "", "http://", "http://[::1", "http://a:b:c/", "http://h:99999/",
      "nonsense://h/", "http://a b/", "http://h/\r\nX: y", "http://h/\n", "http://h/\0x", "\0" } do
      local url, err = core.url(bad)
      assert.is_nil(url, bad)
      assert.equal("url", err.kind)
      assert.equal("number", type(err.number))
      assert.truthy(tostring(err):find("^url: "))
    end
  end)

  it("takes no line break into any part, unless it is encoded", function()
    for _, part in ipairs { "url", "path", "query", "fragment", "user", "password", "host" } do
      for _, bad in ipairs { "/x HTTP/1.1\r\nX-Evil: y", "a\nb", "a\0b" } do
        local url = core.url("http://h/")
        local ok, err = url:set(part, bad)
        assert.is_nil(ok, part)
        assert.equal("url", err.kind)
        assert.equal("http://h/", url:get("url"))
      end
    end
    local url = core.url("http://h/")
    url:set("path", "/a\r\nb", { "urlencode" })
    assert.equal("http://h/a%0d%0ab", url:get("url"):lower())
  end)

  it("raises for misuse", function()
    local url = core.url("http://h/")
    assert.has_error(function() core.url({}) end)
    assert.has_error(function() core.url(true) end)
    assert.has_error(function() core.url("http://h/", "default_scheme") end)
    assert.error_matches(function() core.url("http://h/", { "nonsense" }) end, "unknown url flag")
    assert.has_error(function() core.url("http://h/", { {} }) end)
    assert.has_error(function() url:get("nonsense") end)
    assert.has_error(function() url:set("nonsense", "x") end)
    assert.has_error(function() url:set() end)
    assert.has_error(function() url:set("path", {}) end)
    assert.has_error(function() url.get({}, "path") end)
  end)

  it("takes every flag that the running libcurl has, and says what the others need", function()
    local number = core.version().curl_number
    local since = { punycode = 0x075800, puny2idn = 0x080300, get_empty = 0x080800,
      no_guess_scheme = 0x080900 }
    for _, flag in ipairs { "default_port", "no_default_port", "default_scheme",
      "non_support_scheme", "path_as_is", "disallow_user", "urldecode", "urlencode", "appendquery",
      "guess_scheme", "no_authority", "allow_space", "punycode", "puny2idn", "get_empty",
      "no_guess_scheme" } do
      local url = core.url("http://h.example/p?q")
      for _, call in ipairs {
        function() return url:get("host", { flag }) end,
        function() return url:set("query", "a=b", { flag }) end,
        function() return core.url("http://h.example/", { flag }) end,
      } do
        local value, err = call()
        if (since[flag] or 0) > number then
          assert.is_nil(value)
          assert.equal("curl", err.kind)
          assert.truthy(err.message:find("url flag '" .. flag .. "' needs libcurl ", 1, true))
        else
          assert.truthy(value, flag)
        end
      end
    end
  end)

  it("does what the flags say", function()
    local function get(text, flags, part, get_flags)
      local url = core.url(text, flags)
      return url and url:get(part or "url", get_flags)
    end
    assert.equal("https://h/", get("h", { "default_scheme" }))
    assert.equal("http://h/", get("h", { "guess_scheme" }))
    assert.equal("ftp://ftp.h/", get("ftp.h", { "guess_scheme" }))
    assert.equal("own://h/p", get("own://h/p", { "non_support_scheme" }))
    assert.equal("http://h/a/../b", get("http://h/a/../b", { "path_as_is" }))
    assert.is_nil((get("http://u@h/", { "disallow_user" })))
    assert.equal("http://h/a%20b", get("http://h/a b", { "allow_space", "urlencode" }))
    assert.equal("http://h:80/", get("http://h/", nil, nil, { "default_port" }))
    assert.equal("http://h/", get("http://h:80/", nil, nil, { "no_default_port" }))
    assert.equal("/a b", get("http://h/a%20b", nil, "path", { "urldecode" }))
  end)

  it("is copied by dup", function()
    local url = core.url("http://h/a")
    local copy = url:dup()
    copy:set("path", "/b")
    assert.equal("http://h/a", url:get("url"))
    assert.equal("http://h/b", copy:get("url"))
  end)

  it("may be closed twice, also by its scope", function()
    local kept
    do
      local url <close> = core.url("http://h/")
      kept = url
      url:close()
      url:close()
    end
    assert.equal("multisock.url (closed)", tostring(kept))
    for _, method in ipairs { "get", "set", "dup" } do
      assert.error_matches(function() kept[method](kept, "path") end, "closed")
    end
  end)

  it("stays alive in a transfer that was given it", function()
    local hostile = servers.hostile()
    local easy, body = support.easy { curlu = core.url(hostile.url("/bytes?n=5000")) }
    local multi = core.multi()
    multi:add_handle(easy)
    support.collect()
    assert.is_true(support.perform(multi)[easy])
    assert.equal(servers.bytes(5000), table.concat(body))
    multi:close()
    easy:close()
    hostile.stop()
  end)
end)
