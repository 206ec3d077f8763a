-- response:lines(), on bodies that a file server splits where it likes.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("lines", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local number = 0
  local function lines_of(text, options)
    number = number + 1
    local path = "/lines-" .. number
    helper.write_file(nginx.dir .. "/www" .. path, text)
    local list = {}
    for line in ms.assert(client:get(nginx.url(path))):lines(options) do
      list[#list + 1] = line
    end
    return list
  end

  it("end with \\n or \\r\\n", helper.task(function()
    assert.same({ "one", "two", "", "three" }, lines_of("one\ntwo\r\n\r\nthree\n"))
  end))

  it("may lack the last end", helper.task(function()
    assert.same({ "one", "two" }, lines_of("one\ntwo"))
    assert.same({ "one" }, lines_of("one"))
  end))

  it("may be none, or empty", helper.task(function()
    assert.same({}, lines_of(""))
    assert.same({ "" }, lines_of("\n"))
    assert.same({ "", "" }, lines_of("\n\n"))
  end))

  it("keep a \\r in the middle, and zero bytes", helper.task(function()
    assert.same({ "a\rb", "c\0d" }, lines_of("a\rb\nc\0d\n"))
  end))

  it("may be very long, and many", helper.task(function()
    local long = ("x"):rep(3000000)
    local list = lines_of("short\n" .. long .. "\r\nlast\n", { max_size = 4e6 })
    assert.equal(3, #list)
    assert.is_true(list[2] == long)
    assert.equal("last", list[3])
    list = lines_of(("a line\n"):rep(100000))
    assert.equal(100000, #list)
    assert.equal("a line", list[100000])
  end, 20))

  it("have an end", helper.task(function()
    local MIB = 1024 * 1024
    for _, case in ipairs({
      { ("x"):rep(MIB), nil, 1 }, { ("x"):rep(MIB) .. "\n", nil, 1 }, { "abc\nabcd\nx", 4, 3 },
      { ("x"):rep(MIB + 1) }, { ("x"):rep(MIB + 1) .. "\n" }, { "a\nabcd\n", 3 }, { "abcd", 3 },
      { ("x"):rep(10 * MIB), math.huge, 1 },
    }) do
      local options = case[2] and { max_size = case[2] }
      local ok, list = pcall(lines_of, case[1], options)
      if case[3] then
        assert.is_true(ok, tostring(list))
        assert.equal(case[3], #list)
      else
        assert.is_false(ok)
        assert.equal("too_large", list.kind)
        assert.is_table(list.response)
        assert.matches("a line is longer than max_size %(%d+ bytes%)", list.message)
      end
    end
    -- One that never ends is cut off, and takes no memory.
    local response = ms.assert(client:get(hostile.url("/stream?n=1000000000&seed=0")))
    local ok, err = pcall(function()
      for _ in response:lines({ max_size = 100 }) do end -- luacheck: ignore 542
    end)
    assert.same({ false, "too_large" }, { ok, err.kind })
    response = ms.assert(client:get(hostile.url("/echo")))
    assert.matches("lines: table expected, got 5", helper.failure(response.lines, response, 5))
    assert.matches('lines: unknown option "size"', helper.failure(response.lines, response,
      { size = 5 }))
    for _, bad in ipairs({ 0, -1, "x", 0 / 0 }) do
      assert.matches("lines: max_size: number of 1 or more expected",
        helper.failure(response.lines, response, { max_size = bad }))
    end
    response:close()
  end, 20))

  it("are the same when the body comes byte by byte", helper.task(function()
    local bytes = servers.bytes(600)
    local expected = {}
    for line in (bytes .. "\n"):gmatch("([^\n]*)\n") do
      expected[#expected + 1] = (line:gsub("\r$", ""))
    end
    local list = {}
    for line in ms.assert(client:get(hostile.url("/trickle?bytes=600&delay=0.0005"))):lines() do
      list[#list + 1] = line
    end
    assert.same(expected, list)
  end))
end)
