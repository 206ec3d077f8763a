-- Duplicates of easy handles: the same options, nothing shared.
local cjson = require("cjson")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("a duplicate of an easy handle", function()
  local hostile = fixtures.hostile()
  fixtures.no_handles_left()

  it("has every option, and lives without the original", function()
    local easy, body = support.easy {
      url = hostile.url("/echo"), httpheader = { "X-One: 1" }, postfields = "a\0b",
      private = "mine", opensocketfunction = function() end, closesocketfunction = function() end,
    }
    local copy = assert(easy:duphandle())
    easy:close()
    easy = nil                                        -- luacheck: ignore
    support.collect()
    assert.is_true(copy:perform())
    local seen = cjson.decode(table.concat(body))
    assert.equal(3, seen.length)
    local found
    for _, pair in ipairs(seen.headers) do
      found = found or (pair[1] == "X-One" and pair[2])
    end
    assert.equal("1", found)
    assert.equal("mine", copy:getinfo("private"))
    copy:close()
  end)

  it("has callbacks of its own", function()
    local easy = support.easy {
      url = hostile.url("/echo"), writefunction = function() error("raised", 0) end,
    }
    local copy = easy:duphandle()
    assert.equal("raised", helper.err_of(copy:perform()))
    copy:setopt("writefunction", function() end)
    assert.is_true(copy:perform())
    assert.equal("raised", helper.err_of(easy:perform()))
    easy:close()
    assert.is_true(copy:perform())
    copy:close()
  end)

  it("has files and URL objects of its own", function()
    local path = os.tmpname()
    local easy = core.easy {
      curlu = core.url(hostile.url("/echo")), writedata = path, stderr = path, verbose = true,
      noproxy = "*",
    }
    local copy = easy:duphandle()
    easy:close()
    support.collect()
    assert.is_true(copy:perform())
    copy:close()
    local file = assert(io.open(path))
    assert.truthy(file:read("a"):find('"method"', 1, true))
    file:close()
    os.remove(path)
  end)

  it("is made while the original runs, and may outlive its multi", function()
    local multi = core.multi()
    local easy = support.easy { url = hostile.url("/echo") }
    multi:add_handle(easy)
    multi:perform()
    local copy = easy:duphandle()
    multi:close()
    easy:close()
    assert.is_true(copy:perform())
  end)

  it("has no stream dependencies", function()
    local parent = core.easy()
    local easy = core.easy { stream_depends = parent }
    for _, one in ipairs { parent, easy } do
      assert.truthy(helper.err_of(one:duphandle()).message:find("cannot be duplicated", 1, true))
    end
  end)
end)

describe("a clone of an easy handle that collects", function()
  local hostile = fixtures.hostile()
  fixtures.no_handles_left()

  local function run(multi)
    support.run_out(multi)
    multi:info_read()
  end

  it("has its options and limits, and lives without it", function()
    local model = core.easy():collect()
    model:setopt("url", hostile.url("/echo"))
    model:setopt("httpheader", { "X-One: 1" })
    model:gather("max_body", 3)
    local first, second = model:clone(), model:clone()
    assert.are_not.equal(first:id(), second:id())
    model:close()
    second:reset()
    local multi = core.multi()
    multi:add_handle(first)
    run(multi)
    local status, done = first:answer()
    assert.equal(200, status)
    assert.is_true(done)
    local seen = first:take()
    assert.matches("X-One", seen)
    multi:remove_handle(first)
    -- The limit came along.
    first:forget()
    first:gather("buffering", true)
    multi:add_handle(first)
    run(multi)
    assert.matches("max_body %(3 bytes%)", helper.err_of(first:ended()).message)
    first:close()
    second:close()
    multi:close()
  end)

  it("is refused where there is more than options", function()
    local plain = core.easy()
    assert.has_error(function() plain:clone() end, "clone: the handle cannot be copied")
    plain:close()
    local called = core.easy():collect()
    called:setopt("xferinfofunction", function() end)
    assert.has_error(function() called:clone() end, "clone: the handle cannot be copied")
    called:close()
    local closed = core.easy():collect()
    closed:close()
    assert.has_error(function() closed:clone() end)
  end)
end)
