-- The option `multipart`: what stands on the wire, what servers make of it, lengths,
-- replay, and misuse.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task = helper.task

describe("multipart", function()
  local hostile = fixtures.hostile()
  local client
  local made = {}

  fixtures.client(function(new) client = new end)
  after_each(function()
    for _, path in ipairs(made) do
      os.remove(path)
    end
    made = {}
  end)

  -- A file with this content, whose name ends like this.
  local function file(content, ending)
    local path = os.tmpname()
    os.remove(path)
    path = path .. (ending or "")
    helper.write_file(path, content)
    made[#made + 1] = path
    return path
  end

  -- What the server has got, with B for the boundary: body, headers, the boundary.
  local function sent(parts, options)
    options = options or {}
    options.multipart = parts
    local seen, fields = echoed.of(client:post(hostile.url("/received"), options))
    local boundary = fields["content-type"]:match("^multipart/form%-data; boundary=([%w-]+)$")
    local body = seen.body:gsub("..", function(hex) return string.char(tonumber(hex, 16)) end)
    return body:gsub(boundary:gsub("%-", "%%-"), "B"), fields, boundary
  end

  -- As python's own parser understands it: {name, filename, type, content} each.
  local function parsed(parts, options)
    options = options or {}
    options.multipart = parts
    return ms.assert(ms.assert(client:post(hostile.url("/form"), options)):json())
  end

  it("sends values as browsers do, byte for byte, with their length", task(function()
    local body, fields = sent({ { name = "a", value = "x y&z" }, { name = "n", value = 3 },
      { name = "t", value = false }, { name = "empty", value = "" } })
    local function value(name, text)
      return ("--B\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"):format(name, text)
    end
    assert.equal(value("a", "x y&z") .. value("n", "3") .. value("t", "false") .. value("empty", "")
      .. "--B--\r\n", body)
    assert.is_nil(fields["transfer-encoding"])
    assert.equal("--B--\r\n", (sent({})))
  end))

  it("sends files by their path, opened when they are sent, with their length", task(function()
    local path = file("content\0\r\n--", ".bin")
    local name = path:match("[^/]*$")
    local body, fields, boundary = sent({ { name = "f", file = path } })
    assert.equal("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" .. name
      .. "\"\r\nContent-Type: application/octet-stream\r\n\r\ncontent\0\r\n--\r\n--B--\r\n", body)
    assert.equal(tostring(#body + 2 * (#boundary - 1)), fields["content-length"])
    body = sent({ { name = "f", file = path, filename = "other.txt", type = "text/plain" } })
    assert.is_truthy(body:find('filename="other.txt"\r\nContent-Type: text/plain\r\n\r\n', 1, true))
    body = sent({ { name = "f", file = path, filename = false } })
    assert.is_truthy(body:find('name="f"\r\nContent-Type: application/octet-stream\r\n\r\n', 1,
      true))
    body, fields = sent({ { name = "f", file = file("") } })
    assert.is_truthy(body:find("\r\n\r\n\r\n--B--", 1, true))
    assert.is_truthy(fields["content-length"])
  end))

  it("sends large files, and as many as there are", task(function()
    local content = servers.bytes(300000)
    local parts = {}
    for i = 1, 20 do
      parts[i] = { name = "f" .. i, file = file(content) }
    end
    local all = parsed(parts)
    assert.equal(20, #all)
    for i = 1, 20 do
      assert.same({ "f" .. i, 300000, all[1].sha256 },
        { all[i].name, all[i].length, all[i].sha256 })
    end
  end))

  it("streams parts: functions that wait, open files and pipes, in chunks", task(function()
    local left = { "one ", "", "two" }
    local body, fields = sent({
      { name = "s", body = function()
        ms.sleep(0.001)
        return table.remove(left, 1)
      end, filename = "s.txt", type = "text/plain" },
      { name = "list", body = { "a", "b" } },
      { name = "pipe", body = io.popen("printf piped") },
    })
    assert.equal("--B\r\nContent-Disposition: form-data; name=\"s\"; filename=\"s.txt\"\r\n"
      .. "Content-Type: text/plain\r\n\r\none two\r\n"
      .. "--B\r\nContent-Disposition: form-data; name=\"list\"\r\n\r\nab\r\n"
      .. "--B\r\nContent-Disposition: form-data; name=\"pipe\"\r\n\r\npiped\r\n--B--\r\n", body)
    assert.same({ "chunked" }, { fields["transfer-encoding"], fields["content-length"] })
    local open = assert(io.open(file("12345"), "rb"))
    open:seek("set", 2)
    body, fields = sent({ { name = "o", body = open, headers = { ["X-A"] = "b" } } })
    open:close()
    assert.equal("--B\r\nContent-Disposition: form-data; name=\"o\"\r\nX-A: b\r\n\r\n345\r\n"
      .. "--B--\r\n", body)
    assert.is_nil(fields["transfer-encoding"])
  end))

  it("writes names as browsers do: quotes and line breaks escaped, UTF-8 raw", task(function()
    local body = sent({ { name = 'a"b\r\nc', value = "1" },
      { name = "ü", body = "2", filename = 'naïve "x"\\\n日本.txt' } })
    assert.is_truthy(body:find('name="a%22b%0D%0Ac"\r\n\r\n1', 1, true), body)
    assert.is_truthy(body:find('name="ü"; filename="naïve %22x%22\\%0A日本.txt"\r\n'
      .. "Content-Type: application/octet-stream\r\n\r\n2", 1, true), body)
  end))

  it("is understood by another parser", task(function()
    local path = file(servers.bytes(100000))
    local all = parsed({
      { name = "text", value = "grüße" }, { name = "text", value = "again" },
      { name = "file", file = path, filename = "d.bin" },
      { name = "json", body = '{"a":1}', type = "application/json", headers = { ["X-Own"] = "v" } },
    })
    assert.same({ 4, "text", "grüße", "text" }, { #all, all[1].name, all[1].text, all[2].name })
    assert.same({ "file", "d.bin", "application/octet-stream", 100000 },
      { all[3].name, all[3].filename, all[3].type, all[3].length })
    assert.same({ "json", "application/json", "v", '{"a":1}' },
      { all[4].name, all[4].type, all[4].own, all[4].text })
  end))

  it("has another boundary each time, also over a middleware", task(function()
    local _, _, one = sent({ { name = "a", value = 1 } })
    local _, _, other = sent({ { name = "a", value = 1 } })
    assert.are_not.equal(one, other)
    assert.is_true(#one >= 32 and #one <= 70)
    local passing = ms.client({ middleware = { function(request, next) return next(request) end } })
    local all = ms.assert(ms.assert(passing:post(hostile.url("/form"),
      { multipart = { { name = "a", value = "x" } } })):json())
    assert.same({ "a", "x" }, { all[1].name, all[1].text })
    passing:close()
  end))

  it("is sent again where all of its parts can be", task(function()
    local path = file("from a file")
    local open = assert(io.open(path, "rb"))
    local given = 0
    local parts = {
      { name = "a", value = "x" }, { name = "f", file = path }, { name = "o", body = open },
      { name = "g", body = { replay = function()
        given = given + 1
        local left = { "gene", "rated" }
        return function() return table.remove(left, 1) end
      end } },
    }
    local to = hostile.url("/redirect?status=307&to=/form")
    local all = ms.assert(ms.assert(client:post(to, { multipart = parts })):json())
    assert.same({ 4, "from a file", "from a file", "generated", 2 },
      { #all, all[2].text, all[3].text, all[4].text, given })
    local log = ms.assert(ms.assert(client:put(hostile.url("/script?key=m&words=503,reset,200"),
      { multipart = parts, retry = { limit = 3, backoff = 0.001 } })):json())
    assert.same({ 3, log[1].sha256 }, { #log, log[3].sha256 })
    open:close()
    parts = { { name = "g", body = function() return nil end } }
    local response, err = client:post(to, { multipart = parts })
    assert.same({ nil, "redirect" }, { response, err.kind })
  end))

  it("ends with kind io where a file is missing, a folder, or cut while it is sent", task(function()
    local response, err = client:post(hostile.url("/form"),
      { multipart = { { name = "f", file = "/nowhere/at/all" } } })
    assert.same({ nil, "io" }, { response, err.kind })
    assert.is_truthy(err.message:find("multipart[1].file: /nowhere/at/all", 1, true), err.message)
    response, err = client:post(hostile.url("/form"),
      { multipart = { { name = "f", file = "/tmp" } } })
    assert.same({ nil, "io" }, { response, err.kind })
    local path = file("0123456789")
    local cut = { { name = "g", body = function()
      helper.write_file(path, "012")
    end }, { name = "f", file = path } }
    response, err = client:post(hostile.url("/form"), { multipart = cut })
    assert.same({ nil, "io" }, { response, err.kind })
    assert.is_truthy(err.message:find(
      "multipart[2].file: the file ended after 3 of its 10 bytes", 1, true), err.message)
  end))

  it("sends what a file had when the request was made", task(function()
    local path = file("0123456789")
    local all = parsed({ { name = "g", body = function()
      helper.write_file(path, "0123456789 and more")
    end }, { name = "f", file = path } })
    assert.equal("0123456789", all[2].text)
  end))

  it("tells of progress", task(function()
    local last
    local path = file(servers.bytes(2000000))
    parsed({ { name = "f", file = path } }, { progress = function(p) last = p end })
    assert.is_true(last.up > 2000000 and last.up == last.up_total, last.up)
  end))

  it("raises what a part's function raises", task(function()
    local ok, err = pcall(client.post, client, hostile.url("/form"),
      { multipart = { { name = "a", body = function() error({ mine = true }) end } } })
    assert.same({ false, true }, { ok, type(err) == "table" and err.mine })
    ok, err = pcall(client.post, client, hostile.url("/form"),
      { multipart = { { name = "a", body = function() return 3 end } } })
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("multipart[1].body: the iterator returned 3", 1, true))
  end))

  it("names what is wrong: the item and the field", function()
    local function wrong(parts, options)
      options = options or {}
      options.multipart = parts
      local err = helper.failure(client.post, client, hostile.url("/"), options)
      return (err:gsub("^[^:]*:%d+: ", ""))
    end
    for message, parts in pairs({
      ["option 'multipart': list of parts expected, got a table with the key \"a\""] = { a = "b" },
      ["option 'multipart': list of parts expected, got string"] = "text",
      ["multipart[1]: table expected, got string"] = { "text" },
      ["multipart[1].name: string expected, got nil"] = { { value = 1 } },
      ["multipart[2]: value, file or body expected"] =
        { { name = "a", value = 1 }, { name = "b" } },
      ["multipart[1]: value and file exclude each other"] =
        { { name = "a", value = 1, file = "x" } },
      ["multipart[1]: unknown field \"filenam\", did you mean 'filename'?"] =
        { { name = "a", value = 1, filenam = "x" } },
      ["multipart[1].value: string, number or boolean expected, got a list"] =
        { { name = "a", value = {} } },
      ["multipart[1].file: string expected, got 1"] = { { name = "a", file = 1 } },
      ['multipart[1].file: path expected, got ""'] = { { name = "a", file = "" } },
      ["multipart[1].file: path expected, got an open file: that is a body"] =
        { { name = "a", file = io.stdin } },
      ["multipart[1].filename: string expected, got 2"] =
        { { name = "a", value = 1, filename = 2 } },
      ["multipart[1].type: the string has a line break"] =
        { { name = "a", value = 1, type = "text/plain\r\nX: y" } },
      ["multipart[1].name: the string has a zero byte"] = { { name = "a\0b", value = 1 } },
      ["multipart[1].headers: invalid name \"a b\""] =
        { { name = "a", value = 1, headers = { ["a b"] = "c" } } },
      ["multipart[1].headers: X-A: the value has a line break or a zero byte"] =
        { { name = "a", value = 1, headers = { ["X-A"] = "c\r\nd" } } },
      ["multipart[1].headers: content-type is made of type"] =
        { { name = "a", value = 1, headers = { ["content-type"] = "text/html" } } },
      ["multipart[1].body: string, list of strings, function, {replay = function} or open file "
        .. "expected, got 1"] = { { name = "a", body = 1 } },
      ["multipart[1].body: {replay = function} expected, got a table with the key \"replay\""] =
        { { name = "a", body = { replay = 1 } } },
    }) do
      assert.equal(message, wrong(parts))
    end
    assert.equal("options 'json' and 'multipart' exclude each other", wrong({}, { json = 1 }))
    assert.equal("options 'body' and 'multipart' exclude each other", wrong({}, { body = "" }))
    assert.equal("headers: Content-Type: the option 'multipart' makes its own, with its boundary",
      wrong({}, { headers = { ["content-type"] = "multipart/form-data" } }))
  end)
end)
