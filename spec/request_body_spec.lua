-- The bodies of requests: what the server then sees of them, and what cannot be one.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")

local task, failure = helper.task, helper.failure

local hostile = fixtures.hostile()
local echo, sha256 = echoed.by(hostile), echoed.sha256

describe("a request", function()
  after_each(helper.check_leaks)

  it("that has a body is a POST by default", task(function()
    assert.equal("POST", echo({ body = "x" }).method)
    assert.equal("PUT", echo({ body = "x" }, "put").method)
    assert.equal("GET", echo({ body = "x", method = "GET" }).method)
  end))

  it("sends strings and lists of strings, with their length", task(function()
    for _, body in ipairs({ "", "hello", ("x"):rep(100000), "\0\255", { "a", "", "b" }, {} }) do
      local text = type(body) == "table" and table.concat(body) or body
      for _, name in ipairs({ "post", "put", "patch", "delete" }) do
        local seen = echo({ body = body }, name)
        assert.equal(name:upper(), seen.method)
        assert.equal(#text, seen.length)
        assert.equal(sha256(text), seen.sha256)
        assert.equal(tostring(#text), seen.fields["content-length"])
        assert.equal("application/octet-stream", seen.fields["content-type"])
      end
    end
  end))

  it("sends what a function gives, in chunks", task(function()
    for _, name in ipairs({ "post", "put", "patch" }) do
      local seen = echo({ body = helper.pieces(5, ("x"):rep(10000), 0) }, name)
      assert.equal(name:upper(), seen.method)
      assert.equal(50000, seen.length)
      assert.equal("chunked", seen.fields["transfer-encoding"])
    end
    local seen = echo({ body = coroutine.wrap(function()
      coroutine.yield("a")
      coroutine.yield("")
      coroutine.yield("b")
    end) })
    assert.equal(2, seen.length)
    assert.equal(0, echo({ body = function() end }).length)
  end))

  it("sends a function's body with the length that the user knows", task(function()
    local given = false
    local seen = echo({ headers = { ["Content-Length"] = 5 }, body = function()
      if not given then
        given = true
        return "hello"
      end
    end })
    assert.equal("5", seen.fields["content-length"])
    assert.is_nil(seen.fields["transfer-encoding"])
    assert.equal(sha256("hello"), seen.sha256)
  end))

  it("refuses a length that is not the body's", task(function()
    for _, length in ipairs({ 4, "6", "x", "-5" }) do
      assert.matches("headers: Content%-Length is .*, but the body has 5 bytes",
        failure(ms.fetch, hostile.url("/echo"),
          { body = "hello", headers = { ["content-length"] = length } }))
    end
    assert.equal("5", echo({ body = "hello", headers = { ["content-length"] = 5 } })
      .fields["content-length"])
  end))

  it("sends the rest of an open file, with its length", task(function()
    local file = assert(io.tmpfile())
    local text = servers.bytes(200000)
    assert(file:write("skipped", text))
    for _, name in ipairs({ "post", "put" }) do
      assert(file:seek("set", 7))
      local seen = echo({ body = file }, name)
      assert.equal("200000", seen.fields["content-length"])
      assert.equal(sha256(text), seen.sha256)
    end
    file:close()
    assert.matches("body: .* got closed file", failure(ms.fetch, hostile.url("/echo"),
      { body = file }))
  end))

  it("sends a pipe in chunks", task(function()
    local pipe = assert(io.popen("printf 'from a pipe'"))
    local seen = echo({ body = pipe })
    pipe:close()
    assert.equal("chunked", seen.fields["transfer-encoding"])
    assert.equal(sha256("from a pipe"), seen.sha256)
  end))

  it("sends JSON and forms with their types", task(function()
    local seen = echo({ json = { "a", 1, true, ms.null } })
    assert.equal("POST", seen.method)
    assert.equal("application/json", seen.fields["content-type"])
    assert.equal(sha256('["a",1,true,null]'), seen.sha256)
    seen = echo({ json = false }, "put")
    assert.equal("PUT", seen.method)
    assert.equal(sha256("false"), seen.sha256)
    seen = echo({ form = { b = "x y&", a = { 1, 2 } } })
    assert.equal("application/x-www-form-urlencoded", seen.fields["content-type"])
    assert.equal(sha256("a=1&a=2&b=x%20y%26"), seen.sha256)
    assert.equal(0, echo({ form = {} }).length)
  end))

  it("keeps a type that the user gave", task(function()
    assert.equal("text/x", echo({ json = {}, headers = { ["content-type"] = "text/x" } })
      .fields["content-type"])
  end))

  it("takes one kind of body only", task(function()
    assert.matches("options 'body' and 'json' exclude each other", failure(ms.fetch, "http://h/",
      { body = "x", json = {} }))
    assert.matches("options 'json' and 'form' exclude each other", failure(ms.fetch, "http://h/",
      { form = {}, json = {} }))
  end))

  it("names what is wrong with its body", task(function()
    local function body_error(options)
      return failure(ms.fetch, hostile.url("/echo"), options)
    end
    assert.matches("body: string, list of strings, function, {replay = function} or open file "
      .. "expected, got 3", body_error({ body = 3 }))
    assert.matches('body: .* expected, got a table with the key "file"',
      body_error({ body = { file = "x" } }))
    assert.matches('body: .* got a table with the key "n"', body_error({ body = { "a", n = 1 } }))
    assert.matches('query.filter: .* got a table with the key "name"',
      body_error({ query = { filter = { name = "x" } } }))
    assert.matches("query.a: .* got a list", body_error({ query = { a = { { 1 } } } }))
    assert.matches("form.a: .* got ms.null", body_error({ form = { a = ms.null } }))
    assert.matches("form.a: .* got ", body_error({ form = { a = { 1, nil, 3 } } }))
    assert.matches("query.a: .* got %-?nan", body_error({ query = { a = 0 / 0 } }))
    assert.matches("form.a: .* got inf", body_error({ form = { a = math.huge } }))
    assert.matches("headers: A: .* got %-inf", body_error({ headers = { A = -math.huge } }))
    assert.matches('headers: A: .* got a table with the key "b"',
      body_error({ headers = { A = { b = "c" } } }))
    assert.matches("headers: A: .* got a list", body_error({ headers = { A = { { "x" } } } }))
    assert.matches("headers: A: .* got true", body_error({ headers = { A = true } }))
    assert.matches('option \'resolve\': .* got a table with the key "h"',
      body_error({ resolve = { h = "127.0.0.1" } }))
    assert.matches("body%[2%]: string expected, got number", body_error({ body = { "a", 2 } }))
    assert.matches("form: table expected, got string", body_error({ form = "a=1" }))
    assert.matches("form.a: .* got function", body_error({ form = { a = print } }))
    assert.matches("option 'json'", body_error({ json = print }))
    assert.matches("a HEAD request cannot have a body", failure(ms.head, hostile.url("/echo"),
      { body = "x" }))
    assert.matches("the iterator returned 3: string or nil expected", body_error({
      body = function() return 3 end,
    }))
    assert.equal("mine", body_error({ body = function() error("mine", 0) end }))
  end))

  it("refuses raw options whose body or method would not be sent", task(function()
    local url = hostile.url("/echo")
    for name, value in pairs({
      upload = 1, UPLOAD = true, put = 1, post = 1, infilesize = 3, infilesize_large = 3,
      postfieldsize = 3, Postfieldsize_Large = 3,
    }) do
      assert.matches("option 'curl." .. name .. "': a body is sent with the options 'method' and "
        .. "'body'", failure(ms.get, url, { curl = { [name] = value } }))
      assert.matches("option 'curl." .. name, failure(ms.client, { curl = { [name] = value } }))
    end
    local with_body = ms.client({ curl = { postfields = "hidden" } })
    for _, name in ipairs({ "postfields", "CopyPostFields", "mimepost", "httppost", "nobody" }) do
      local raw = { [name] = "hidden" }
      for _, call in ipairs({ ms.post, ms.put, ms.delete }) do
        local message = failure(call, url, { curl = raw })
        assert.matches("'curl." .. name .. "' %(6 bytes%): this request's own method", message)
        assert.is_nil(message:find("hidden", 1, true))
      end
      assert.is_string(failure(ms.fetch, url, { curl = raw, body = "x" }))
      assert.is_string(failure(with_body.post, with_body, url))
    end
    with_body:close()
    assert.matches("'curl.customrequest' %(3 bytes%)", failure(ms.put, url, {
      curl = { customrequest = "FOO" }, body = "x",
    }))
    -- What is not replaced counts.
    assert.equal("POST", ms.get(url, { curl = { postfields = "abc" } }):json().method)
    assert.equal("FOO", ms.get(url, { curl = { customrequest = "FOO" } }):json().method)
    local response = ms.post(url, { curl = { customrequest = "FOO" }, body = "x" })
    assert.equal("FOO", response:json().method)
  end))
end)
