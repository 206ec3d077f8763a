-- Every example runs as its header says, and does what it promises.
local fixtures = require("spec.support.fixtures")
local support = require("spec.support.core_support")

describe("the examples", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  local function example(name, ...)
    return support.run_script("examples/" .. name .. ".lua", ...)
  end

  local function requested(pattern, count)
    return #nginx.log("^/file/" .. pattern .. "%-", count)
  end

  it("agnostic: 100 transfers with a loop written in Lua, some of them taken out", function()
    local output, status = example("agnostic", nginx.url("/file/agnostic-1"))
    assert.equal(0, status, output)
    assert.truthy(output:find("  90  status 200\n", 1, true), output)
    assert.truthy(output:find(("100 transfers, 10 removed, 0 failed, %d bytes"):format(
      90 * #"body-agnostic-1"), 1, true), output)
    local most = tonumber(output:match("at most (%d+) at once"))
    assert.truthy(most >= 1 and most <= 20, output)
    assert.equal(90, requested("agnostic", 90))
  end)

  it("agnostic: tells what failed", function()
    local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    local output, status = example("agnostic", nginx.url("/1k"), refusing, hostile.url("/truncate"),
      hostile.url("/status?code=404"))
    assert.equal(1, status, output)
    -- Every tenth is taken out: five each of the second and the fourth address.
    assert.truthy(output:find("  25  status 200\n", 1, true), output)
    assert.truthy(output:find("  20  status 404\n", 1, true), output)
    assert.truthy(output:find("  20  connect (CURLE_COULDNT_CONNECT)\n", 1, true), output)
    assert.truthy(output:find("  25  closed (CURLE_PARTIAL_FILE)\n", 1, true), output)
    assert.truthy(output:find("100 transfers, 10 removed, 45 failed", 1, true), output)
  end)

  it("attached: 100 transfers on a libuv loop, some of them taken out", function()
    local output, status = example("attached", nginx.url("/file/attached-1"))
    assert.equal(0, status, output)
    local bytes = 90 * #"body-attached-1"
    assert.truthy(output:find(
      ("100 transfers, 10 removed, 0 failed, %d bytes"):format(bytes), 1, true), output)
    local kept = tonumber(output:match("(%d+) connections are kept"))
    assert.truthy(kept >= 1 and kept <= 20, output)
    assert.equal(90, requested("attached", 90))
  end)

  it("attached: tells what failed", function()
    local output, status = example("attached", hostile.url("/reset"), nginx.url("/1k"))
    assert.equal(1, status, output)
    assert.truthy(output:find("closed: ", 1, true))
    assert.truthy(output:find("10 removed, 50 failed", 1, true), output)
  end)

  it("thousand: fetches every address at once", function()
    local urls = {}
    for i = 1, 1000 do
      urls[i] = nginx.url("/file/thousand-" .. i)
    end
    local output, status = example("thousand", table.unpack(urls))
    assert.equal(0, status, output)
    assert.truthy(output:find("requests     1000, 0 failed", 1, true), output)
    assert.equal(1000, requested("thousand", 1000))
  end)

  it("say how they are used", function()
    for _, name in ipairs { "agnostic", "attached" } do
      local output, status = example(name)
      assert.equal(2, status)
      assert.truthy(output:find("usage: lua5.4 examples/" .. name, 1, true))
    end
  end)
end)
