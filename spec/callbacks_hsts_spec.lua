-- HSTS entries that the program keeps itself.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("HSTS callbacks", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  -- Entries to read, one a call.
  local function reader(entries)
    local at = 0
    return function()
      at = at + 1
      return entries[at]
    end
  end

  local function reading(fn)
    return (support.easy {
      url = nginx.url("/1k"), hsts_ctrl = 1, hstsreadfunction = fn,
    })
  end

  it("are read before the transfer and written when the handle is closed", function()
    local written = {}
    local easy = reading(reader {
      { host = "one.example", include_subdomains = true, expire = "20990101 10:20:30" },
      { host = "two.example" },
    })
    easy:setopt("hstswritefunction", function(entry, index, total)
      entry.index, entry.total = index, total
      written[#written + 1] = entry
    end)
    assert.is_true(easy:perform())
    assert.same({}, written)
    easy:close()
    assert.same({
      { host = "one.example", include_subdomains = true, expire = "20990101 10:20:30", index = 0,
        total = 2 },
      { host = "two.example", include_subdomains = false, expire = "unlimited", index = 1,
        total = 2 },
    }, written)
  end)

  it("send a transfer to https", function()
    local easy = reading(reader { { host = "secure.example" } })
    easy:setopt("url", "http://secure.example/1k")
    easy:setopt("connect_to", { nginx.tls_url("/"):gsub("^https://([^/]*)/$",
      "secure.example::%1"), nil })
    easy:setopt { cainfo = nginx.ca, ssl_verifyhost = false }
    assert.is_true(easy:perform())
    assert.equal("https", easy:getinfo("scheme"):lower())
  end)

  it("end the transfer with what reading raises", function()
    local raised = {}
    assert.equal(raised, helper.err_of(reading(function() error(raised) end):perform()))
  end)

  it("check what was read", function()
    for _, bad in ipairs { { host = 5 }, {}, { host = "" }, { host = ("x"):rep(5000) },
      { host = "a\0b" }, { host = "a", expire = 5 }, { host = "a", expire = ("1"):rep(18) } } do
      local err = helper.err_of(reading(function() return bad end):perform())
      assert.truthy(err:find("hstsreadfunction returned an entry", 1, true), err)
    end
    local err = helper.err_of(reading(function() return 5 end):perform())
    assert.truthy(err:find("hstsreadfunction returned 5", 1, true))
  end)

  it("raise from close what writing raises, and stop at false", function()
    local calls = 0
    local function closing(result)
      calls = 0
      local easy = reading(reader { { host = "one.example" }, { host = "two.example" } })
      easy:setopt("hstswritefunction", function()
        calls = calls + 1
        assert.equal("multisock.easy (closed)", tostring(easy))
        easy:close()
        return result()
      end)
      assert.is_true(easy:perform())
      return easy
    end
    local easy = closing(function() error("not written", 0) end)
    assert.same({ false, "not written" }, { pcall(easy.close, easy) })
    assert.equal("multisock.easy (closed)", tostring(easy))
    closing(function() return false end):close()
    assert.equal(1, calls)
    closing(function() end):close()
    assert.equal(2, calls)
    if helper.has_close then
      do
        local _ <close> = closing(function() end)
      end
      assert.equal(2, calls)
    end
  end)

  it("are not written by the collector", function()
    local calls = 0
    do
      local easy = reading(reader { { host = "one.example" } })
      easy:setopt("hstswritefunction", function() calls = calls + 1 end)
      assert.is_true(easy:perform())
    end
    support.collect()
    assert.equal(0, calls)
  end)

  -- libcurl 8.5 and newer count the file among what a reset leaves.
  it("leave the file to write to alone after a reset, before libcurl 8.5", function()
    local number = core.version().curl_number
    if number < 0x075800 or number >= 0x080500 then
      return pending("this libcurl has no HSTS file to forget, or keeps it")
    end
    local path = os.tmpname()
    os.remove(path)
    local easy = reading(reader { { host = "one.example" } })
    easy:setopt("hsts", path)
    easy:reset()
    easy:setopt({ url = nginx.url("/1k"), writefunction = function() end })
    assert.is_true(easy:perform())
    easy:close()
    assert.is_nil(io.open(path))
  end)

  it("make no copy of a handle that libcurl would crash with", function()
    local path = os.tmpname()
    local easy = core.easy { hsts = path }
    local copy, err = easy:duphandle()
    assert.truthy(copy or err.message:find("cannot be duplicated", 1, true))
    easy:close()
    os.remove(path)
  end)
end)
