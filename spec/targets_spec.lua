-- URLs: parsed, resolved, remembered, extended.
local core = require("multisock.core")
local helper = require("spec.helper")
local ms = require("multisock")
local targets = require("multisock.request.targets")

local failure = require("spec.helper").failure

local function origin(text)
  local target, err = targets.get(text)
  return target and target.origin or err.kind
end

describe("a URL", function()
  it("has an origin, with the port that its scheme implies", function()
    assert.equal("http://a.example:80", origin("http://a.example"))
    assert.equal("https://a.example:443", origin("https://a.example/x?y#z"))
    assert.equal("http://a.example:8080", origin("http://a.example:8080/"))
    assert.equal("http://a.example:80", origin("HTTP://A.eXample:80/Path"))
    assert.equal("http://[::1]:80", origin("http://[::1]/"))
    assert.equal("http://127.0.0.1:80", origin("http://127.0.0.1"))
    assert.equal("http://u.example:80", origin("http://user:password@u.example/"))
  end)

  it("has the same parts as others of its place, whose path they are not", function()
    local first = targets.get("https://Place.example:444/one")
    for _, path in ipairs({ "", "two", "x@y:z", "?a=http://other.example/", "#f", "a//b/../c" }) do
      local target = targets.get("https://Place.example:444/" .. path)
      for _, name in ipairs({ "scheme", "host", "origin", "numeric", "web" }) do
        assert.equal(first[name], target[name])
      end
      assert.is_nil(target.has_user)
    end
    assert.equal("place.example", first.host)
    assert.equal("https://place.example:444", first.origin)
    assert.equal("place.example", targets.get("https://Place.example/one").host)
    assert.equal("https://place.example:443", targets.get("https://Place.example/one").origin)
    assert.equal("http://place.example:444", targets.get("http://Place.example:444/one").origin)
    assert.is_true(targets.get("https://user@Place.example:444/one").has_user)
    for i = 1, 1100 do                              -- more than are remembered
      assert.equal(("http://h%d.example:80"):format(i), origin(("http://h%d.example/"):format(i)))
    end
  end)

  it("beside one of its place is what it would be alone", function()
    local place = "http://beside.example:81"
    targets.get(place .. "/first?query#fragment")
    for _, path in ipairs({
      "/", "/x", "/?", "/?a=b?c#d?e", "/x#", "/x#f?g", "//x/", "/a/../b", "/./a", "/..", "/a.b/c..",
      "/%41%zz", "/a;b=c&d", "/\195\164", "/a|b", "/x?a=http://other.example/../",
      "/%7B%7b%c3%A4?a=%2F%2f%3d#%7B%7b", "/%C3%A4", "/%4", "/?%F", "/%FG",
      "/%2e", "/a/%2e%2e/b", "/a/%2e./b", "/a%2e/b", "/a?/%2e%2e/", "/%2", "/%2F%2e",
    }) do
      local alone = assert(core.url(place .. path, { "non_support_scheme", "uri" }))
      local target = targets.get(place .. path)
      for _, part in ipairs({ "url", "host", "port", "path", "query", "fragment" }) do
        assert.equal(alone:get(part), targets.url(target):get(part), path .. " " .. part)
      end
    end
    for _, path in ipairs({ "/a b", "/\0", "/\r\n", "/\127" }) do
      assert.equal("url", select(2, targets.get(place .. path)).kind)
    end
    local sample = core.url("http://h.example/")
    for _, text in ipairs({
      "http://h.example", "http://h.example/a b", "http://u@h.example/", "", "ftp://h.example/",
      "http:///", "http://h.example/\0", "https://", "http://h.example/../",
    }) do
      assert.is_false((pcall(sample.beside, sample, text)), text)
    end
    assert.is_nil(core.url_place("http://h.example:x/"))
    assert.equal("https://h.example:1", core.url_place("https://h.example:1/x"))
    assert.equal("http://h", core.url_place("http://h/ "))
  end)

  it("is known by its place, and whether it was asked about before", function()
    local places = { ["http://h"] = "it" }
    assert.same({ "it", false }, { core.url_known("http://h/known?1", places) })
    assert.same({ "it", true }, { core.url_known("http://h/known?1", places) })
    assert.same({ "it", false }, { core.url_known("http://h/known?2", places) })
    assert.same({ nil, false }, { core.url_known("http://h:80/known", places) })
    assert.same({ "it", false }, { core.url_known("http://h/", places) })
    for _, text in ipairs({ "", "http://h", "http://h/ ", "http://h/\0", "http://h/../", "x",
      "http://h/%2e", "http://h/a/%2e%2e/b" }) do
      assert.equal(0, select("#", core.url_known(text, places)), text)
    end
    local seen = 0
    for i = 1, 5000 do
      local _, again = core.url_known("http://h/never/" .. i, places)
      seen = seen + (again and 1 or 0)
    end
    assert.equal(0, seen)
    for i = 1, 200 do                               -- those of a round are known in the next
      core.url_known("http://h/round/" .. i, places)
    end
    for i = 1, 200 do
      local _, again = core.url_known("http://h/round/" .. i, places)
      seen = seen + (again and 1 or 0)
    end
    assert.is_true(seen > 190, seen .. " of 200")
  end)

  it("is remembered, unless it is longer than any that people write", function()
    local text = "http://a.example/remembered?"
    targets.get(text)
    assert.equal(targets.get(text), targets.get(text))
    local before = collectgarbage("count")
    for i = 1, 30 do
      local long = text .. i .. ("x"):rep(100000)
      assert.equal(long, assert(targets.get(long)).text)
      assert.equal("url", select(2, targets.get("http://" .. ("a"):rep(100000) .. ":99999/")).kind)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 1024)
  end)

  it("that is none is an error of kind url", function()
    for _, text in ipairs({
      "", " ", "a.example", "/path", "http://", "http:", "://x", "http://a b/", "http://[::1/",
      "http://a.example:99999/", "http://a.example:x/", "http://a\nb/", "http://a/\0", "\0",
      "http://a.example/\r\nX: y", "mailto:a@b.example", "javascript:alert(1)",
    }) do
      local target, err = targets.get(text)
      assert.is_nil(target, ("%q"):format(text))
      assert.equal("url", err.kind, text)
      assert.is_false(err.retryable)
      assert.is_nil(tostring(err):find("%c"))
    end
    local _, err = targets.get("a.example/x")
    assert.matches("no scheme", err.message)
    assert.equal("a.example/x", err.url)
  end)

  it("that has a space or a control character says where", function()
    for text, message in pairs({
      ["http://h/a b"] = "the URL has a space at byte 11: write it as %20",
      ["http://h/?a b"] = "the URL has a space at byte 12: write it as %20",
      ["http://h/#a b"] = "the URL has a space at byte 12: write it as %20",
      ["http://a b/"] = "the URL has a space at byte 9: write it as %20",
      ["http://h/a\tb"] = "the URL has a control character at byte 11",
      ["http://h/\127"] = "the URL has a control character at byte 10",
      [" http://h/"] = "the URL has white space around it",
      ["http://h/\n"] = "the URL has white space around it",
    }) do
      assert.equal(message, helper.err_of(targets.get(text)).message)
    end
  end)

  it("is sent with nothing in it that no URI has", function()
    for text, sent in pairs({
      ["http://h/\195\164?\195\182#\195\188"] = "http://h/%C3%A4?%C3%B6#%C3%BC",
      ["http://h/\"<>\\^`{|}"] = "http://h/%22%3C%3E%5C%5E%60%7B%7C%7D",
      ["http://h?\255"] = "http://h/?%FF",
      ["http://h/%41%zz%~!$&'()*+,;=:@[]"] = "http://h/%41%zz%~!$&'()*+,;=:@[]",
      ["ftp://h/\195\164"] = "ftp://h/%C3%A4",
      ["http://[::1]:80/\195\164"] = "http://[::1]:80/%C3%A4",
    }) do
      assert.equal(sent, targets.url(targets.get(text)):get("url"))
    end
  end)

  it("may have a host that is not ASCII", function()
    if not core.version().features.IDN or core.version().curl_number < 0x075800 then
      pending("this libcurl cannot convert names (IDN, 7.88)")
      return
    end
    for _, text in ipairs({ "http://b\195\188cher.example/x", "http://B\195\156CHER.example/x" }) do
      local target = targets.get(text)
      assert.equal("http://xn--bcher-kva.example:80", target.origin)
      assert.equal("http://xn--bcher-kva.example/x", targets.url(target):get("url"))
      assert.equal(target.text, targets.url(target):get("url"))
    end
    local target = targets.get("http://u:p@b\195\188cher.example:81/\195\164")
    assert.equal("http://xn--bcher-kva.example:81", target.origin)
    assert.is_true(target.has_user)
    assert.equal("http://xn--bcher-kva.example:80",
      targets.resolve(targets.get("http://h/"), "//b\195\188cher.example/a b").origin)
    local err = helper.err_of(targets.get("http://\255.example/"))
    assert.equal("url", err.kind)
    assert.matches("is not ASCII", err.message)
  end)

  it("that is none shows no password either", function()
    for _, text in ipairs({
      "http://user:hidden@a b/", "user:hidden@a.example/", "http:user:hidden@a.example/",
      "http://user:hid/den:hidden@a.example:x/", "http:\\\\user:hidden@a.example:x/",
      "http:/user:hidden@a.example:99999/",
    }) do
      local target, err = targets.get(text)
      assert.is_nil(target, text)
      assert.is_nil(err.url:find("hid", 1, true), err.url)
      assert.is_nil(tostring(err):find("hidden", 1, true))
    end
  end)

  it("is remembered, unless it has a user name or password", function()
    local text = "http://remembered.example/"
    assert.equal(targets.get(text), targets.get(text))
    for _, with_user in ipairs({
      "http://user@x.example/", "http://user:password@x.example/", "http://:password@x.example/",
    }) do
      local first = targets.get(with_user)
      assert.is_true(first.has_user)
      assert.is_false(rawequal(first, targets.get(with_user)))
    end
  end)

  -- How many values of a weak table are still there.
  local function count(weak)
    collectgarbage()
    collectgarbage()
    local kept = 0
    for _ in pairs(weak) do
      kept = kept + 1
    end
    return kept
  end

  it("is forgotten when many others came", function()
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 5000 do
      targets.get("http://many.example/" .. i)
      weak[i] = targets.get("http://many.example/" .. i)
    end
    local kept = count(weak)
    assert.is_true(kept <= 1024, kept .. " URLs are kept")
    assert.is_truthy(weak[5000])
  end)

  it("is not remembered before it is asked for again, but for the first of its place", function()
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 5000 do
      weak[i] = targets.get("http://once.example/" .. i)
    end
    assert.equal(1, count(weak))
    assert.is_truthy(weak[1])
    local again = targets.get("http://once.example/5000")
    assert.equal("http://once.example/5000", again.text)
    assert.equal(again, targets.get("http://once.example/5000"))
  end)

  it("stays remembered while it is used", function()
    local text = "http://hot.example/"
    local hot = targets.get(text)
    for i = 1, 5000 do
      targets.get("http://cold.example/" .. i)
      if i % 100 == 0 then
        assert.equal(hot, targets.get(text))
      end
    end
  end)
end)

describe("a reference", function()
  local base = targets.get("http://h.example/a/b?q#f")

  local function resolve(reference, from)
    local target, err = targets.resolve(from or base, reference)
    return target and target.text or err.kind
  end

  it("is resolved as RFC 3986 says", function()
    for reference, expected in pairs({
      ["/x"] = "http://h.example/x",
      ["x"] = "http://h.example/a/x",
      ["./x"] = "http://h.example/a/x",
      ["../x"] = "http://h.example/x",
      ["../../../x"] = "http://h.example/x",
      ["?z"] = "http://h.example/a/b?z",
      ["//o.example/p"] = "http://o.example/p",
      ["http://o.example"] = "http://o.example/",
      ["https://o.example:8443/x"] = "https://o.example:8443/x",
      ["ftp://o.example/x"] = "ftp://o.example/x",
      ["file:///etc/passwd"] = "file:///etc/passwd",
      ["#g"] = "http://h.example/a/b?q#g",
      [""] = "http://h.example/a/b?q",
      ["#"] = "http://h.example/a/b?q",
      [" /x "] = "http://h.example/x",
    }) do
      assert.equal(expected, resolve(reference), reference)
    end
  end)

  it("is encoded where it must be", function()
    assert.equal("http://h.example/a/a%20b", resolve("a b"))
    assert.equal("http://h.example/%c3%a4", resolve("/\195\164"):lower())
    assert.equal("http://h.example/%41", resolve("/%41"))
  end)

  it("keeps the user of the base on its own host only", function()
    local with_user = targets.get("http://user:password@h.example/a")
    assert.is_true(targets.resolve(with_user, "/x").has_user)
    assert.is_nil(targets.resolve(with_user, "//o.example/x").has_user)
    assert.is_nil(targets.resolve(with_user, "http://h.example/x").has_user)
  end)

  it("does not change its base", function()
    targets.resolve(base, "http://o.example/")
    assert.equal("http://h.example/a/b?q#f", targets.url(base):get("url"))
  end)

  it("that is invalid is an error of kind url", function()
    for _, reference in ipairs({
      "http://[bad", "http://h:99999/", "a\0b", "mailto:a@b", "http:",
    }) do
      assert.equal("url", resolve(reference), reference)
    end
  end)
end)

describe("a query", function()
  it("is encoded, names in order, lists as several", function()
    assert.equal("http://h/?a=1&b=x&b=y&c=true", targets.add_query("http://h/",
      { c = true, b = { "x", "y" }, a = 1 }))
    assert.equal("http://h/?a%26%3D%20=%C3%A4%2B%2F~-._", targets.add_query("http://h/",
      { ["a&= "] = "\195\164+/~-._" }))
    assert.equal("http://h/?a=", targets.add_query("http://h/", { a = "" }))
    assert.equal("http://h/", targets.add_query("http://h/", { a = {} }))
    assert.equal("http://h/", targets.add_query("http://h/", {}))
    assert.equal("http://h/?a=%00", targets.add_query("http://h/", { a = "\0" }))
  end)

  it("is added before the fragment, to what is there", function()
    assert.equal("http://h/?a=1#f?g", targets.add_query("http://h/#f?g", { a = 1 }))
    assert.equal("http://h/?x&a=1", targets.add_query("http://h/?x", { a = 1 }))
    assert.equal("http://h/?a=1", targets.add_query("http://h/?", { a = 1 }))
    assert.equal("http://h/?x&a=1#f", targets.add_query("http://h/?x&#f", { a = 1 }))
  end)

  it("names what is wrong with it", function()
    assert.matches("query: table expected, got string", failure(targets.add_query, "u", "a=1"))
    assert.matches("query: names must be strings, got 1", failure(targets.add_query, "u", { "a" }))
    assert.matches("query.a: string, number, boolean or list of them expected, got function",
      failure(targets.add_query, "u", { a = print }))
    assert.matches("query.a: .* got a list", failure(targets.add_query, "u", { a = { {} } }))
  end)

  it("encodes a component, and decodes it", function()
    assert.equal("a%20b%2Fc%3F%26%3D%2B%25%C3%BC-._~09AZaz%00",
      ms.escape("a b/c?&=+%ü-._~09AZaz\0"))
    assert.equal("3.5", ms.escape(3.5))
    assert.equal("", ms.escape(""))
    local every = {}
    for byte = 0, 255 do
      every[#every + 1] = string.char(byte)
    end
    every = table.concat(every)
    assert.equal(every, ms.unescape(ms.escape(every)))
    -- What is no code stays, as does a plus.
    assert.equal("%zz%4 +A%", ms.unescape("%zz%4 +%41%"))
    assert.equal("ÿ\0", ms.unescape("%c3%BF%00"))
    assert.has_error(function() ms.escape({}) end)
    assert.has_error(function() ms.unescape(1) end)
  end)
end)
