-- Requests with options that C reads in one call (lua/multisock/usual.lua): what is sent, what
-- is returned and what is raised is the same as where a request is made of them at once.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local SENT = {
  {}, { timeout = 30 }, { timeout = 30.5, meta = { 1 } }, { meta = false },
  { headers = {} }, { headers = { A = "b", ["X-Request-Id"] = "abc", a = "c" } },
  { headers = { ["x-default"] = "own", ["User-AGENT"] = "own" } },
  { headers = { ["accept-encoding"] = "identity" } }, { headers = { Range = "bytes=0-9" } },
  { headers = { Authorization = "Bearer own" } }, { headers = { A = "", B = " ", C = "c" } },
  { headers = { Connection = "close" } }, { headers = { A = 5, B = { "1", "2" } } },
  { headers = { ["X-Default"] = false } }, { headers = { Host = "other" } },
  { headers = { ["Content-Type"] = "text/x" }, body = "text" },
  { headers = { Expect = "100-continue" }, body = "text" },
  { headers = { ["Content-Length"] = "4" }, body = "text" },
  { headers = { ["content-type"] = "text/x" }, method = "POST" },
  { query = { a = 1, b = "x y&", c = true } }, { query = {} }, { query = { a = { 1, 2 } } },
  { query = { a = 1.5 }, headers = { A = "b" }, timeout = 20 },
  { body = "" }, { body = "hello" }, { body = { "a", "b" } }, { body = ("x"):rep(100000) },
  { json = { 1, "two", { three = 3 } } }, { json = false }, { json = ms.null },
  { json = { a = "b" }, timeout = 30, headers = { Authorization = "Bearer own", A = "b" } },
  { form = { a = "b c", d = 5 } }, { form = {} }, { form = { a = { "b", "c" } } },
  { method = "PUT" }, { method = "put" }, { method = "PATCH", body = "x" }, { method = "DELETE" },
  { method = "PROPFIND" }, { method = "GET", json = { 1 } }, { method = "OPTIONS" },
  { fail_on_error = true }, { auth = { bearer = "its own" } },
  setmetatable({}, { __index = { headers = { A = "inherited" } } }),
  { headers = setmetatable({}, { __index = { A = "inherited" } }) },
}

local CLIENTS = {
  {}, { timeout = 9 }, { headers = { ["X-Default"] = "d", ["User-Agent"] = "mine", Z = "z" } },
  { auth = { bearer = "secret" } }, { auth = { basic = { "user", "secret" } } },
  { decompress = false }, { http_version = "1.0" }, { headers = { Range = "bytes=0-5" } },
  { headers = { Expect = "100-continue" } },
  { json_codec = { encode = function() return "[7]" end, decode = function() return 7 end } },
}

local WRONG = {
  { json = { 0 / 0 } }, { json = print }, { json = { [1] = 1, a = 2 } }, { body = 5 },
  { body = false }, { body = "x", json = 1 }, { form = { 1 } }, { form = 5 },
  { form = {}, json = 1 },
  { headers = 5 }, { headers = false }, { headers = { ["A b"] = "x" } }, { headers = { "x" } },
  { headers = { A = "x\r\nB: y" } }, { query = 5 }, { query = { 1 } }, { query = { a = print } },
  { timeout = "x" }, { timeout = -1 }, { timeout = 0 / 0 }, { timeout = false }, { method = 5 },
  { method = "" }, { method = "HEAD", body = "x" }, { method = "TRACE", body = "x" },
  { unknown = 1 }, { 1 }, { [print] = 1 }, 5, "x", false,
  { headers = { ["Content-Length"] = "3" }, body = "text" }, { multipart = 5 },
}

describe("requests with usual options", function()
  local hostile, nginx = fixtures.hostile(), fixtures.nginx()

  after_each(helper.check_leaks)

  -- A client with these settings that makes a request of all that it is asked for.
  local function requesting(settings)
    return ms.client(helper.with({ throttle = { limit = 1000000 } }, settings))
  end

  local function is_plain(response)
    return rawget(response, "request") == nil
  end

  local function seen(response)
    local made = response.request
    return {
      sent = response:text(), status = response.status, url = response.url, ok = response.ok,
      method = made.method, asked = made:url(), meta = made.meta, fields = made:fields(),
      body = made.body and made.body.bytes, content_type = made.content_type,
      total = made.settings.timeout.total, print = tostring(made),
    }
  end

  it("send and return the same as others", helper.task(function()
    for _, settings in ipairs(CLIENTS) do
      local client <close> = ms.client(settings)
      local other <close> = requesting(settings)
      for i, options in ipairs(SENT) do
        for _, path in ipairs({ "/received", "/received?", "/received?x=1", "/received?x&#y" }) do
          local url = hostile.url(path)
          for _, method in ipairs(i < 4 and { "fetch", "post", "put", "get" } or { "fetch" }) do
            local expected = seen(ms.assert(other[method](other, url, options)))
            for _ = 1, 2 do
              assert.same(expected, seen(ms.assert(client[method](client, url, options))))
            end
          end
        end
      end
    end
  end, 120))

  it("do so behind a base_url", helper.task(function()
    for _, folder in ipairs({ "/", "/received", "/a/.b/" }) do
      local settings = { base_url = hostile.url(folder), headers = { ["X-Default"] = "d" } }
      local client <close> = ms.client(settings)
      local other <close> = requesting(settings)
      for _, reference in ipairs({ "", "/", "received", "/received", "//received", "received?x=1",
        "received?", "?x=1", "?", "received?x#y", " received ", "./received", "received/../x", "..",
        "received/.x", "received?x=%2F", "received?x=%2f", "received?a=/.b", "re%63eived", "x://y",
        "received?x=%", "%2e%2E/received", "received/\195\164", "a:b/c", "received\0", "a b",
        hostile.url("/received?x"), "http:/received" }) do
        for _, options in ipairs({ false, { query = { a = "x y/" } },
          { json = { 1 }, headers = { A = "b" } } }) do
          local function ask(each)
            local response, err = each:fetch(reference, options or nil)
            return response and seen(response) or { err.kind, err.message, err.url }
          end
          local expected = ask(other)
          assert.same(expected, ask(client), reference)
          assert.same(expected, ask(client), reference)
        end
      end
    end
  end, 60))

  it("say who asks, and in what codings he can be answered", helper.task(function()
    local tls = { ca = nginx.ca }
    for _, settings in ipairs({
      {}, { http_version = "2", tls = tls }, { tls = tls, curl = { aws_sigv4 = "aws:amz:a:b" } },
      { headers = { ["X-Own"] = "c" } },
    }) do
      local client <close> = ms.client(settings)
      local url = settings.tls and nginx.tls_url("/said") or nginx.url("/said")
      local own = settings.headers and "c" or ""
      local function said(headers)
        local text
        for _ = 1, 2 do
          text = ms.assert(client:get(url, headers and { headers = headers })):text()
        end
        return text:gsub("multisock/[%d.]+%w*", "us", 1):gsub("gzip[^|]*", "codings", 1)
      end
      assert.equal("us|codings|" .. own, (said()))
      assert.equal("us|codings|a", (said({ ["X-Own"] = "a" })))
      assert.equal("b|codings|" .. own, (said({ ["User-Agent"] = "b" })))
      assert.equal("us|identity|" .. own, (said({ ["Accept-Encoding"] = "identity" })))
      assert.equal("b|identity|a",
        (said({ ["accept-encoding"] = "identity", ["user-agent"] = "b", ["X-Own"] = "a" })))
    end
  end))

  it("make no request before somebody looks at one", helper.task(function()
    local client <close> = ms.client({ headers = { B = "b" } })
    local url = nginx.url("/file/plain")
    for _, options in ipairs({ {}, { timeout = 30 }, { headers = { A = "b" } },
      { query = { page = 2 } }, { meta = 5 } }) do
      local response
      for _ = 1, 20 do              -- a body may come late on a busy machine
        response = ms.assert(client:get(url, options))
        if is_plain(response) then
          break
        end
      end
      assert.is_true(is_plain(response), next(options))
      assert.equal("body-plain", response:text())
      assert.equal(response.url, response.request:url())
      assert.equal(response.request, response.request)
    end
    local based <close> = ms.client({ base_url = nginx.url("/file") })
    for _, options in ipairs({ false, { timeout = 30 } }) do
      local count = 0
      for _ = 1, 20 do
        local response = ms.assert(based:get("/plain", options or nil))
        count = count + (is_plain(response) and 1 or 0)
        assert.equal("body-plain", response:text())
        assert.equal(nginx.url("/file/plain"), response.request:url())
      end
      assert.is_true(count > 0)
    end
  end))

  it("are refused as others are", helper.task(function()
    local client <close> = ms.client()
    local other <close> = requesting({})
    for _, name in ipairs({ "fetch", "post", "get" }) do
      for _ = 1, 3 do
        for i = 1, #WRONG do
          local call = client[name]
          client[name](client, hostile.url("/received"), {}):text()
          assert.equal(helper.failure(call, other, hostile.url("/received"), WRONG[i]),
            helper.failure(call, client, hostile.url("/received"), WRONG[i]))
        end
      end
    end
    for _, url in ipairs({ 5, {}, "x", "http://", "http://a b/" }) do
      local results = {}
      for _, each in ipairs({ client, other }) do
        local _, response, err = pcall(each.get, each, url, { query = { a = 1 } })
        results[#results + 1] = err and err.kind .. err.message or response
      end
      assert.equal(results[2], results[1])
    end
  end))

  it("are what they were, whatever becomes of their options", helper.task(function()
    local client <close> = ms.client()
    local options = { headers = { A = "b" }, json = { 1 }, timeout = 30 }
    local url = hostile.url("/received")
    local response
    for _ = 1, 3 do
      response = ms.assert(client:post(url, options))
    end
    options.headers.A, options.json[1], options.timeout = "c", 2, 5
    assert.same({ { "A", "b" } }, response.request:fields())
    assert.equal("[1]", response.request.body.bytes)
    assert.equal(30, response.request.settings.timeout.total)
  end))

  it("end with their limit, are redirected, fail, and are sent again", helper.task(function()
    local client <close> = ms.client({ fail_on_error = true })
    local function ask(path, options)
      return client:post(hostile.url(path), options)
    end
    local options = { body = "hello", headers = { A = "b" }, meta = "kept" }
    for _ = 1, 3 do
      local response = ms.assert(ask("/redirect?to=/received&status=307", options))
      assert.same({ "POST", 1 }, { response.request.method, #response.history })
      assert.matches("68656c6c6f", response:text())
      response = ms.assert(ask("/redirect?to=/received&status=303", options))
      assert.equal("GET", response.request.method)
      local _, err = ask("/status?code=404", options)
      assert.same({ "status", 404, "kept" }, { err.kind, err.response.status, err.request.meta })
      _, err = ask("/late?delay=5", { body = "x", timeout = helper.seconds(0.1) })
      assert.same({ "timeout", "POST" }, { err.kind, err.request.method })
      _, err = client:post((hostile.url("/x"):gsub(":%d+/", ":1/")), options)
      assert.same({ "connect", "POST" }, { err.kind, err.request.method })
    end
  end))

  it("are refused when the client is closed", helper.task(function()
    local client = ms.client()
    for _ = 1, 3 do
      ms.assert(client:get(nginx.url("/1k"), { timeout = 30 })):text()
    end
    client:close()
    assert.matches("the client is closed", helper.failure(client.get, client, nginx.url("/1k"), {}))
  end))

  it("are read by core.usual", function()
    local base = core.lines({ { "D", "d" } }, nil, { agent = "User-Agent: a" }, nil, false)
    local known = { [0] = base, ["application/json"] = base }
    local function read(...)
      return core.usual(...)
    end
    local url, lines, timeout, body, kind, method, meta =
      read({ json = { 1 }, timeout = 5, meta = 6, query = { a = 1 } }, nil, "http://h/", known)
    assert.same({ "http://h/?a=1", base, 5, "[1]", "application/json" },
      { url, lines, timeout, body, kind })
    assert.same({ nil, 6 }, { method, meta })
    lines = select(2, read({ headers = { B = "b", A = "a" } }, "GET", "http://h/", known))
    assert.same({ { "A", "a" }, { "B", "b" } }, core.field_list(lines))
    assert.same({}, core.field_list(base))
    local more = core.with_field(lines, "Cookie", "c=1")
    assert.same({ { "Cookie", "c=1" }, { "A", "a" }, { "B", "b" } }, core.field_list(more))
    assert.same({ { "A", "a" }, { "B", "b" } }, core.field_list(lines))
    assert.equal(lines, core.with_field(lines, "Cookie", nil))
    for _, name in ipairs({ "a", "D", "user-agent" }) do      -- its own, a default, and ours
      assert.is_nil(core.with_field(lines, name, "x"))
      assert.is_nil(core.with_field(lines, name, nil))
    end
    assert.is_nil(core.with_field(lines, "Connection", "close"))
    assert.is_nil(core.with_field(lines, "X", " "))
    assert.equal("http://h/a/b?c=1&a=1", (read({ query = { a = 1 } }, nil, "/b?c=1", known,
      "http://h/a/")))
    assert.is_false(read({ body = "x" }, nil, "http://h/", known))
    assert.equal(0, select("#", read({ unknown = 1 }, nil, "http://h/", known)))
    assert.equal(0, select("#", read(nil, nil, "http://h/", known)))
    assert.equal(0, select("#", read({}, nil, 5, known)))
    assert.equal(0, select("#", read({}, nil, "../x", known, "http://h/")))
    assert.equal(0, select("#", read({}, nil, 5, known, "http://h/")))
    assert.is_false((pcall(read, {}, nil, "http://h/")))
    assert.is_false((pcall(read, {}, nil, "http://h/", { [0] = core.fields({}) })))
    assert.is_false((pcall(core.field_list, 5)))
  end)
end)
