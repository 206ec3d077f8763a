-- Headers as libcurl has parsed them.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("headers of an easy handle", function()
  local hostile = fixtures.hostile()
  local easy

  before_each(function()
    easy = support.easy { url = hostile.url("/duplicate-headers") }
  end)

  after_each(function()
    easy:close()
  end)
  fixtures.no_handles_left()

  it("are found by name and index", function()
    assert.is_nil((easy:header("x-twice")))
    assert.is_true(easy:perform())
    local first = easy:header("X-TWICE")
    assert.equal("one", first.value)
    assert.equal("X-Twice", first.name)
    assert.equal(2, first.amount)
    assert.equal(0, first.index)
    assert.equal("header", first.origin)
    assert.equal("two", easy:header("x-twice", 1).value)
    assert.same({ n = 1 }, table.pack(easy:header("x-twice", 2)))
    assert.same({ n = 1 }, table.pack(easy:header("x-never")))
    assert.same({ n = 1 }, table.pack(easy:header("x-twice", 0, "trailer")))
    assert.equal("one", easy:header("x-twice", 0, { "trailer", "header" }).value)
  end)

  it("are walked in their order", function()
    assert.is_true(easy:perform())
    local names, header = {}, easy:nextheader()
    while header do
      names[#names + 1] = header.name .. "=" .. header.value
      header = easy:nextheader(nil, nil, header)
    end
    local text = table.concat(names, "\n")
    assert.truthy(text:find("X%-Twice=one.*x%-twice=two"))
  end)

  it("are walked in a time that grows with their number, but for libcurl's own", function()
    local lines = {}
    for i = 1, 1000 do
      lines[i] = "X" .. i .. ": y\r\n"
    end
    easy:close()
    easy = support.easy {
      url = hostile.url("/answer?close=1"),
      postfields = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" .. table.concat(lines) .. "\r\n",
    }
    assert.is_true(easy:perform())
    local start, count, header = os.clock(), 0, easy:nextheader()
    while header do
      count = count + 1
      header = easy:nextheader("header", -1, header)
    end
    assert.equal(1001, count)
    -- 5 s where each call counted from the first one.
    assert.is_true(os.clock() - start < helper.seconds(1))
    for _, position in ipairs({ 0, -1, 2 ^ 31 }) do
      assert.has_error(function() easy:nextheader("header", -1, { position = position }) end)
    end
    assert.equal("Content-Length", easy:nextheader("header", -1).name)
  end)

  it("are walked safely after the next transfer has begun", function()
    assert.is_true(easy:perform())
    local header = easy:nextheader()
    easy:setopt("url", hostile.url("/echo"))
    assert.is_true(easy:perform())
    assert.equal(2, easy:nextheader("header", -1, header).position)
    assert.is_nil((easy:nextheader("header", -1, { position = 1000000 })))
  end)

  it("are those of each request", function()
    easy:setopt { url = hostile.url("/redirect?to=/echo"), followlocation = true }
    assert.is_true(easy:perform())
    assert.truthy(easy:header("location", 0, "header", 0))
    assert.is_nil((easy:header("location")))
    assert.is_nil((easy:header("location", 0, "header", 7)))
  end)

  it("refuse what makes no sense", function()
    for _, bad in ipairs { { "" }, { {} }, { "a", -1 }, { "a", "x" }, { "a", 0, "nowhere" },
      { "a", 0, {} }, { "a", 0, "header", -2 }, { "a", 0, 5 } } do
      assert.has_error(function() easy:header(table.unpack(bad)) end)
    end
    assert.has_error(function() easy:nextheader("header", -1, {}) end)
    assert.has_error(function() easy:nextheader("header", -1, 5) end)
    for _, bad in ipairs { 0, -5, "x", 0.5 } do
      assert.has_error(function() easy:nextheader("header", -1, { position = bad }) end)
    end
    local closed = core.easy()
    closed:close()
    assert.error_matches(function() closed:header("a") end, "closed")
  end)
end)
