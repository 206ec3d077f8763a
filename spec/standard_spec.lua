-- What RFC 9110, RFC 9112 and WHATWG fetch ask of a client, where no other spec has
-- it. docs/standards.md is the list of all statements; it is checked here, too.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local failure, task = helper.failure, helper.task

local newest = require("multisock.core").version().curl_number >= 0x080900

describe("by the standard", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  -- What the server saw of a request, with its headers by name.
  local function echo(options, url)
    return echoed.of(client:fetch(url or hostile.url("/echo"), options))
  end

  -- An answer as it is written here, on a connection that ends with it.
  local function answer(head, body, options)
    options = options or {}
    options.method, options.body = "POST", "HTTP/1.1 " .. head .. "\r\nConnection: close\r\n\r\n"
      .. (body or "")
    return client:fetch(hostile.url("/answer?close=1"), options)
  end

  local function text_of(...)
    return ms.assert(ms.assert(answer(...)):text())
  end

  ---- Requests ----

  it("a request's target is path and query, / when there is none, and no fragment", task(function()
    assert.equal("/echo?a=1", echo({}, hostile.url("/echo?a=1#fragment")).path)
    ms.get(hostile.url("/stats-reset")):text()
    ms.get(hostile.url("?a=1")):text()
    assert.equal(1, ms.get(hostile.url("/stats")):json().paths["/"])
  end))

  it("a proxy gets the whole URL, without user name and fragment", task(function()
    local seen, fields = echo({ proxy = hostile.url("") },
      "http://user:hidden@origin.example/echo?a=1#fragment")
    assert.equal("http://origin.example/echo?a=1", seen.path)
    assert.equal("origin.example", fields.host)
    assert.equal("Basic dXNlcjpoaWRkZW4=", fields.authorization)
  end))

  it("OPTIONS may ask of the server as a whole", task(function()
    ms.get(hostile.url("/stats-reset")):text()
    client:options(hostile.url("/"), { curl = { request_target = "*" } }):text()
    assert.equal(1, ms.get(hostile.url("/stats")):json().paths["*"])
  end))

  it("Host is that of the URL, once, without a user name", task(function()
    local authority = hostile.url(""):match("//(.*)")
    local _, fields = echo({}, (hostile.url("/echo"):gsub("//", "//user:password@")))
    assert.equal(authority, fields.host)
    _, fields = echo({ headers = { Host = "other.example" } })
    assert.equal("other.example", fields.host)
    for _, twice in ipairs({ { Host = { "a", "b" } }, { Host = "a", host = "b" } }) do
      assert.matches("headers: Host is given twice",
        failure(client.get, client, hostile.url("/echo"), { headers = twice }))
    end
  end))

  it("requests follow each other on a connection with nothing between", task(function()
    -- The server takes a line between them for a bad request.
    for _, options in ipairs({ { body = "abc" }, { json = {} }, { method = "PUT" }, {} }) do
      assert.equal("/echo", (echo(options)).path)
    end
  end))

  it("CONNECT is not a method for requests, and TRACE has no body", task(function()
    for _, method in ipairs({ "CONNECT", "connect", "Connect" }) do
      assert.matches("option 'method': CONNECT is what libcurl asks proxies for",
        failure(client.fetch, client, hostile.url("/echo"), { method = method }))
    end
    assert.matches("a TRACE request cannot have a body",
      failure(client.fetch, client, hostile.url("/echo"), { method = "TRACE", body = "x" }))
    assert.equal("TRACE", (echo({ method = "TRACE" })).method)
  end))

  it("methods are case-sensitive but for those that are mistyped in lower case", task(function()
    assert.equal("GET", (echo({ method = "get" })).method)
    assert.equal("PATCH", (echo({ method = "patch", body = "" })).method)
    assert.equal("query", (echo({ method = "query" })).method)
  end))

  it("without a body nothing is expected, and no length is sent unless it means something",
    task(function()
    for _, method in ipairs({ "GET", "DELETE", "OPTIONS", "FOO" }) do
      local _, fields = echo({ method = method, headers = { Expect = "100-continue" } })
      assert.is_nil(fields.expect)
      assert.is_nil(fields["content-length"])
      assert.is_nil(fields["transfer-encoding"])
    end
    for _, method in ipairs({ "POST", "PUT", "PATCH" }) do
      local _, fields = echo({ method = method })
      assert.equal("0", fields["content-length"])
      assert.is_nil(fields["content-type"])
    end
  end))

  it("a body has its type, in OPTIONS, too", task(function()
    local _, fields = echo({ method = "OPTIONS", body = "x" })
    assert.equal("application/octet-stream", fields["content-type"])
    assert.equal("1", fields["content-length"])
  end))

  it("nothing is said of where a request comes from", task(function()
    local seen, fields = echo({}, hostile.url("/redirect?to=/echo%23here"))
    assert.equal("/echo", seen.path)
    assert.is_nil(fields.referer)
    assert.is_nil(fields.from)
    assert.is_nil(fields.te)
  end))

  it("everything is accepted unless it is named", task(function()
    local _, fields = echo({})
    assert.equal("*/*", fields.accept)
    _, fields = echo({ headers = { accept = "text/html" } })
    assert.equal("text/html", fields.accept)
  end))

  it("who says close sends no more on that connection", task(function()
    local function port(options)
      return ms.assert(client:get(hostile.url("/connection"), options)):text()
    end
    local first = port()
    assert.equal(first, port())
    for _, value in ipairs({ "close", "Close", "x-one, close" }) do
      local last = port({ headers = { Connection = value } })
      assert.not_equal(last, port())
    end
    local before = port({ headers = { Connection = "x-close" } })
    assert.equal(before, port())
  end))

  ---- Answers ----

  it("a length that is none is no answer", task(function()
    for _, value in ipairs({
      "5x", "-1", "+5", "5,6", "5, 6", "0x5", "", "5 5", "abc", "5;", ",5", "5,", "1e1", "5.0",
      "99999999999999999999999", "9223372036854775808", "18446744073709551621",
    }) do
      local response, err = answer("200 OK\r\nContent-Length: " .. value, "hello")
      assert.is_nil(response, value)
      assert.same({ "protocol", false }, { err.kind, err.retryable }, value)
      assert.matches("Content%-Length", err.message)
    end
    for _, head in ipairs({
      "Content-Length: 5\r\ncontent-length: 3", "Content-Length: 3\r\nX: y\r\nContent-Length: 5",
      "Content-Length: 5\r\n 5",
    }) do
      local response, err = answer("200 OK\r\n" .. head, "hello")
      assert.is_nil(response, head)
      assert.equal("protocol", err.kind)
    end
  end))

  -- Chunks to a proxy, and a plain body to libcurl: one of them would take a part of
  -- the body for the next answer.
  it("a length or coding that libcurl overlooks is no answer", task(function()
    local chunks = "5\r\nhello\r\n0\r\n\r\n"
    for head, body in pairs({
      ["Content-Length : 5"] = "hello", ["content-length\t: 5"] = "hello",
      ["Content-Length \t : 5\r\nContent-Length: 5"] = "hello",
      ["Transfer-Encoding : chunked"] = chunks, ["transfer-encoding\t:chunked"] = chunks,
      ["Transfer-Encoding:\r\n chunked"] = chunks,
      ["Transfer-Encoding: chunked\r\n\t, gzip"] = chunks,
      ["Transfer-Encoding:\r\n chunked\r\nContent-Length: 5"] = "hello",
      ["Transfer-Encoding : chunked\r\nTransfer-Encoding: chunked"] = chunks,
    }) do
      local response, err = answer("200 OK\r\n" .. head, body)
      assert.is_nil(response, head)
      assert.same({ "protocol", false }, { err.kind, err.retryable }, head)
    end
    for _, head in ipairs({ "Content-Length: 3, 4", "Content-Length: 3\r\nContent-Length: 4" }) do
      for _, coding in ipairs({ "", "identity" }) do
        local response, err = answer("200 OK\r\nTransfer-Encoding: " .. coding .. "\r\n" .. head,
          "hello")
        assert.is_nil(response, head)
        assert.equal("protocol", err.kind)
      end
    end
    for _, head in ipairs({
      "Content-Length-X : 3", "X-Content-Length : 3", "Content-Length x: 3",
      "Transfer-Encoding-X:\r\n chunked", "Transfer-Encoding: chunked\r\n \r\nX: y",
      "X:\r\n Transfer-Encoding: chunked",
    }) do
      local coded = head:find("^Transfer%-Encoding:")
      assert.equal("hello", text_of("200 OK\r\n" .. head, coded and chunks or "hello"))
    end
  end))

  it("a length may be said twice, and ends at its bytes", task(function()
    for _, head in ipairs({
      "Content-Length: 5", "Content-Length:5 ", "CONTENT-LENGTH: 0005", "Content-Length: 5, 5",
      "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\n \r\nX: y",
    }) do
      assert.equal("hello", text_of("200 OK\r\n" .. head, "hello"))
    end
    assert.equal("hello", text_of("200 OK\r\nContent-Length: 5", "hello and more"))
  end))

  it("a transfer coding counts in place of a length", task(function()
    local body = "5\r\nhello\r\n0\r\n\r\n"
    for _, length in ipairs({ "3", "500", "x", "1, 2" }) do
      if tonumber(length) then
        assert.equal("hello", text_of("200 OK\r\nContent-Length: " .. length
          .. "\r\nTransfer-Encoding: chunked", body))
      end
      assert.equal("hello", text_of("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
        .. (tonumber(length) or "3, 4"), body))
    end
  end))

  it("no length counts where there is no body", task(function()
    for _, status in ipairs({ 204, 304 }) do
      assert.equal("", text_of(status .. " X\r\nContent-Length: 5", "hello"))
      assert.equal("", text_of(status .. " X\r\nContent-Length: 5, 6", "hello"))
      assert.equal("", text_of(status .. " X\r\nTransfer-Encoding: chunked", "5\r\nhello"))
    end
  end))

  it("without a length a body ends with its connection", task(function()
    assert.equal("hello", text_of("200 OK", "hello"))
    assert.equal("hello", text_of("200 OK\r\nConnection: keep-alive", "hello"))
  end))

  it("chunks have sizes of any case, zeros before them, and extensions", task(function()
    for _, chunks in ipairs({
      "5\r\nhello\r\n0\r\n\r\n", "00000005\r\nhello\r\n000\r\n\r\n",
      "5;name=value;q=\"a b\"\r\nhello\r\n0;last\r\n\r\n",
      "2\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
    }) do
      assert.equal("hello", text_of("200 OK\r\nTransfer-Encoding: chunked", chunks))
    end
    assert.equal(("x"):rep(10), text_of("200 OK\r\nTransfer-Encoding: chunked",
      "A\r\n" .. ("x"):rep(10) .. "\r\n0\r\n\r\n"))
    assert.equal(("x"):rep(10), text_of("200 OK\r\nTransfer-Encoding: chunked",
      "a\r\n" .. ("x"):rep(10) .. "\r\n0\r\n\r\n"))
  end))

  it("chunks that are none are an error", task(function()
    for _, chunks in ipairs({
      "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
      "-5\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "g\r\nhello\r\n0\r\n\r\n",
      "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
    }) do
      local text, err = ms.assert(answer("200 OK\r\nTransfer-Encoding: chunked", chunks)):text()
      assert.is_nil(text, chunks)
      assert.equal("protocol", err.kind)
    end
    local text, err = ms.assert(answer("200 OK\r\nTransfer-Encoding: chunked",
      "5\r\nhello\r\n")):text()
    assert.is_nil(text)
    assert.equal("closed", err.kind)
  end))

  it("a transfer coding that nobody knows is an error", task(function()
    for _, coding in ipairs({ "foo", "xchunked", "foo, chunked" }) do
      local response, err = answer("200 OK\r\nTransfer-Encoding: " .. coding,
        "5\r\nhello\r\n0\r\n\r\n")
      if response then
        local text
        text, err = response:text()
        assert.is_nil(text)
      end
      assert.equal("protocol", err.kind, coding)
    end
  end))

  it("a status is what its first digit says, known or not", task(function()
    for _, status in ipairs({ 200, 226, 299 }) do
      assert.is_true(ms.assert(answer(status .. " X\r\nContent-Length: 0")).ok)
    end
    for _, status in ipairs({ 399, 418, 499, 555, 600, 999 }) do
      local response = ms.assert(answer(status .. " X\r\nContent-Length: 0"))
      assert.same({ status, false }, { response.status, response.ok })
    end
  end))

  it("interim answers are passed over, any number of them", task(function()
    local interim = "103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 "
    local response = ms.assert(answer(interim:rep(50) .. "200 OK\r\nContent-Length: 2", "ok"))
    assert.equal("ok", response:text())
    assert.is_nil(response.headers.link)
  end))

  it("a line may end with a line feed alone", task(function()
    local response = ms.assert(client:post(hostile.url("/answer?close=1"), {
      body = "HTTP/1.1 200 OK\nX: y\nConnection: close\nContent-Length: 2\n\nok",
    }))
    assert.same({ "ok", "y" }, { response:text(), response.headers.x })
  end))

  it("trailers are not headers", task(function()
    local response = ms.assert(answer("200 OK\r\nTransfer-Encoding: chunked\r\nX: head",
      "2\r\nok\r\n0\r\nX: tail\r\nY: z\r\n\r\n"))
    assert.equal("ok", response:text())
    assert.same({ "head", "tail", "z" },
      { response.headers.x, response.trailers.x, response.trailers.y })
    assert.is_nil(response.headers.y)
  end))

  it("a connection that the server closes is not used again", task(function()
    local function port(extra)
      local body = "HTTP/1.1 200 OK\r\n" .. extra .. "Content-Length: 0\r\n\r\n"
      ms.assert(client:post(hostile.url("/answer"), { body = body })):text()
      return ms.assert(client:get(hostile.url("/connection"))):text()
    end
    local first = port("")
    assert.equal(first, port("Connection: keep-alive\r\n"))
    assert.not_equal(first, port("Connection: close\r\n"))
    -- libcurl 8.14 looks at the first of several alone.
    local several = newest and "Connection: Close, Keep\r\n" or "Connection: Keep, Close\r\n"
    assert.not_equal(port(""), port(several))
  end))

  ---- Redirects ----

  it("a fragment lives on when the Location has none", task(function()
    local function url(to, fragment)
      return ms.assert(client:get(hostile.url("/redirect?to=" .. to) .. fragment)).url
    end
    assert.equal(hostile.url("/echo#a"), url("/echo", "#a"))
    assert.equal(hostile.url("/echo#b"), url("/echo%23b", "#a"))
    assert.equal(hostile.url("/echo"), url("/echo", ""))
  end))
end)

---- The list ------------------------------------------------------------------

describe("docs/standards.md", function()
  local read = helper.read_file

  it("names specs that exist, for each statement", function()
    local page, rows = read("docs/standards.md"), 0
    for line in page:gmatch("[^\n]+") do
      local who = line:match("^| [%d.%-, ]+ | .+ | ([^|]+) |$")
        or line:match("^| %l[%l ]+ | .+ | ([^|]+) |$")
      if who and who ~= "where" then
        rows = rows + 1
        local named = false
        for spec, name in who:gmatch('`(%l[%l%d_]*)`: "([^"]+)"') do
          local text = read("spec/" .. spec .. "_spec.lua")
          assert.is_truthy(text:find(name, 1, true), spec .. " has no spec " .. name)
          named = true
        end
        assert.is_true(named or who:find("^libcurl's") ~= nil or who:find("^not sent") ~= nil
          or who:find("^not done") ~= nil, line)
      end
    end
    assert.is_true(rows > 60, rows .. " rows")
  end)
end)
