-- How long request bodies are: what is promised of them must be true, or the server
-- waits for what never comes, or reads a part of a body.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local ms = require("multisock")

describe("the length of an upload", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { timeout = helper.seconds(20) })

  -- Gives a list's pieces; `before_end` is called after the last one.
  local function pieces(list, before_end)
    local at = 0
    return function()
      at = at + 1
      if at > #list and before_end then
        before_end()
      end
      return list[at]
    end
  end

  local function echo(method, options)
    options.method = method
    return echoed.of(client:fetch(hostile.url("/echo"), options))
  end

  local function with_file(content, fn)
    local name = os.tmpname()
    helper.write_file(name, content)
    local file = assert(io.open(name, "rb"))
    local ok, err = pcall(fn, file, name)
    file:close()
    os.remove(name)
    assert(ok, err)
  end

  -- The error that a POST raises, and the line that it names.
  local function raised(options)
    local here = debug.getinfo(1, "l").currentline + 2
    local err = helper.failure(function()
      local response = client:post(hostile.url("/upload"), options)
      return response
    end)
    local line, message = err:match("upload_length_spec%.lua:(%d+): (.*)$")
    assert.equal(tostring(here), line, err)
    if options.headers and options.headers["Content-Length"] == "0" then
      client:network_changed()          -- it was whole, and may have been answered
    end
    probe.open_becomes(hostile, 0)
    return message
  end

  local function length(number)
    return { ["Content-Length"] = tostring(number) }
  end

  it("of a function is that of its Content-Length, or it raises at once", helper.task(function()
    for _, case in ipairs({
      { 10, { "ab", "ab", "ab" }, "10, but the function gave 6 bytes" },
      { 3, { "ab", "ab", "ab" }, "3, but the function gave 4 or more bytes" },
      -- libcurl does not ask for more when it has all.
      { 4, { "ab", "ab", "ab" }, "4, but the function gave 6 or more bytes" },
      { 4, { "ab", "ab", "", "a" }, "4, but the function gave 5 or more bytes" },
      { 0, { "a" }, "0, but the function gave 1 or more bytes" },
      { 1, {}, "1, but the function gave 0 bytes" },
    }) do
      assert.equal("body: Content-Length is " .. case[3],
        raised({ headers = length(case[1]), body = pieces(case[2]) }))
    end
  end, 20))

  it("of a function that keeps its word is sent as it is", helper.task(function()
    for _, list in ipairs({ { "ab", "", "cd" }, { "", "abcd", "" }, { "a", "b", "c", "d" } }) do
      local seen, headers = echo("POST", { headers = length(4), body = pieces(list) })
      assert.same({ 4, "4" }, { seen.length, headers["content-length"] })
      assert.is_nil(headers["transfer-encoding"])
    end
    assert.equal(0, echo("POST", { headers = length(0), body = pieces({}) }).length)
    -- What it waits for when all is given holds nobody up.
    assert.equal(4, echo("POST", { headers = length(4), body = pieces({ "ab", "cd" }, function()
      ms.sleep(60)
    end) }).length)
  end))

  it("of a file that ends early is an error of kind io", helper.task(function()
    local function check(file, message)
      local err = helper.err_of(client:post(hostile.url("/upload"), { body = file }))
      assert.same({ "io", "send", false }, { err.kind, err.phase, err.retryable })
      assert.is_truthy(err.message:find(message), err.message)
      probe.open_becomes(hostile, 0)
    end
    -- Cut while it is sent, as logs are.
    with_file(("x"):rep(30 * 1024 * 1024), function(file, name)
      local response, err = client:post(hostile.url("/upload-slow?rate=30000000"), {
        body = file, progress = function()
          helper.write_file(name, "")
        end })
      assert.is_nil(response)
      assert.same({ "io", "send", false }, { err.kind, err.phase, err.retryable })
      assert.is_truthy(err.message:find("^body: the file ended after %d+ of its 31457280 bytes$"),
        err.message)
      probe.open_becomes(hostile, 0)
    end)
    local mtu = io.open("/sys/class/net/lo/mtu")
    if mtu then
      check(mtu, "^body: the file ended after %d+ of its 4096 bytes$")
      mtu:close()
    end
    local folder = assert(io.open("/"))
    check(folder, "Is a directory")
    folder:close()
  end, 20))

  it("of a file that grows is what it was", helper.task(function()
    with_file(("x"):rep(8 * 1024 * 1024), function(file, name)
      local log, grown = assert(io.open(name, "ab")), 0
      local response = ms.assert(client:post(hostile.url("/upload-slow?rate=30000000"), {
        body = file, progress = function()
          log:write(("y"):rep(100000))
          log:flush()
          grown = grown + 1
        end }))
      response:discard()
      log:close()
      assert.is_true(grown > 0)
      -- The next one is more.
      file:seek("set", 0)
      assert.equal(8 * 1024 * 1024 + grown * 100000, echo("POST", { body = file }).length)
    end)
  end, 30))

  it("of a file is what is left of it, and is not believed where it says nothing",
    helper.task(function()
      with_file("0123456789", function(file)
        for at, expected in pairs({ [0] = 10, [4] = 6, [10] = 0, [99] = 0 }) do
          file:seek("set", at)
          local seen, headers = echo("PUT", { body = file })
          assert.same({ expected, tostring(expected) },
            { seen.length, headers["content-length"] })
        end
      end)
      local version = io.open("/proc/version")
      if version then
        local text = version:read("*a")
        version:seek("set", 0)
        local seen, headers = echo("POST", { body = version })
        assert.same({ #text, "chunked" }, { seen.length, headers["transfer-encoding"] })
        version:close()
      end
    end))

  it("is not said wrong by a header", helper.task(function()
    for _, case in ipairs({
      { { headers = length(5) }, "Content-Length is 5, but the body has 0 bytes" },
      { { headers = length("x"), body = "a" }, "Content-Length is x, but the body has 1 bytes" },
      { { headers = length(5), json = { 1 } }, "Content-Length is 5, but the body has 3 bytes" },
      { { headers = length(5), form = { a = 1 } },
        "Content-Length is 5, but the body has 3 bytes" },
      { { headers = length(5), body = { "a", "b" } },
        "Content-Length is 5, but the body has 2 bytes" },
      { { headers = { ["content-length"] = { "1", "1" } }, body = "a" },
        "Content-Length is given twice" },
      { { headers = { ["Transfer-Encoding"] = "chunked" } },
        "Transfer-Encoding, but there is no body" },
      { { headers = { ["Transfer-Encoding"] = "gzip" }, body = "a" },
        'Transfer-Encoding is "gzip", but must end with "chunked"' },
      { { headers = { ["Transfer-Encoding"] = "chunked", ["Content-Length"] = "1" }, body = "a" },
        "Content-Length and Transfer-Encoding exclude each other" },
    }) do
      assert.equal("headers: " .. case[2], raised(case[1]))
    end
    local _, headers = echo("POST", { body = "ab",
      headers = { ["Transfer-Encoding"] = "Chunked" } })
    assert.same({ "Chunked" }, { headers["transfer-encoding"], headers["content-length"] })
    assert.equal(0, echo("POST", { headers = length(0) }).length)
  end, 20))

  it("is said by methods whose bodies mean something, also of none", helper.task(function()
    for method, expected in pairs({ POST = "0", PUT = "0", PATCH = "0", DELETE = false,
      OPTIONS = false, GET = false, PROPFIND = false }) do
      local seen, headers = echo(method, {})
      assert.same({ method, 0, expected }, { seen.method, seen.length,
        headers["content-length"] or false })
      assert.is_nil(headers["content-type"])
      assert.is_nil(headers["transfer-encoding"])
    end
    local _, headers = echo("PUT", { headers = { ["Content-Type"] = "text/x" } })
    assert.same({ "0", "text/x" }, { headers["content-length"], headers["content-type"] })
  end))

  it("must be known over HTTP/1.0, which has no chunks", helper.task(function()
    local told = "body: HTTP/1.0 has no chunks: the length must be known, from a string or the "
      .. "header Content-Length"
    assert.equal(told, raised({ http_version = "1.0", body = pieces({ "a" }) }))
    assert.equal(told, raised({ http_version = "1.0", body = "a",
      headers = { ["Transfer-Encoding"] = "chunked" } }))
    local seen, headers = echo("PUT", { http_version = "1.0", body = pieces({ "ab" }),
      headers = length(2) })
    assert.same({ 2, "2" }, { seen.length, headers["content-length"] })
    assert.equal(3, echo("POST", { http_version = "1.0", body = "abc" }).length)
    -- A server is known by its answer.
    ms.assert(client:get(hostile.url("/old"))):text()
    local response, err = client:put(hostile.url("/old"), { body = pieces({ "a", "b" }) })
    assert.is_nil(response)
    assert.same({ "protocol", false }, { err.kind, err.retryable }, tostring(err))
    assert.is_truthy(err.message:find("^the server speaks HTTP/1.0"), err.message)
    response = ms.assert(client:put(hostile.url("/old"), { body = pieces({ "a", "b" }),
      headers = length(2) }))
    assert.equal("2", response:text())
    assert.equal("3", ms.assert(client:post(hostile.url("/old"), { body = "abc" })):text())
  end))
end)
