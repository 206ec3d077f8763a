-- core.share: what easies have in common, and that no order of ends matters.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

local has_hsts = core.version().curl_number >= 0x075800

describe("core.share", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  it("takes kinds by name, in each way", function()
    local share = core.share { "cookie", share = { "dns" }, unshare = "psl" }
    assert.truthy(tostring(share):find("(cookie dns 0 easies)", 1, true), tostring(share))
    assert.equal(share, share:share("ssl_session"))
    assert.equal(share, share:setopt("unshare", "cookie"))
    assert.equal(share, share:setopt { share = "psl" })
    assert.equal(share, share:unshare { "dns" })
    assert.truthy(tostring(share):find("(ssl_session psl 0 easies)", 1, true), tostring(share))
    assert.truthy(tostring(core.share("connect")):find("(connect ", 1, true))
    local ok, err = share:share("hsts")
    if has_hsts then
      assert.equal(share, ok)
    else
      assert.truthy(err.message:find("needs libcurl 7.88.0", 1, true))
    end
  end)

  it("shares cookies", function()
    local share = core.share("cookie")
    local one = support.easy { url = nginx.url("/1k"), share = share, cookiefile = "" }
    one:setopt("cookielist", "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue")
    local two = support.easy { url = nginx.url("/1k"), share = share }
    assert.equal(1, #two:getinfo("cookielist"))
    assert.truthy(two:getinfo("cookielist")[1]:find("name\tvalue", 1, true))
    two:unsetopt("share")
    assert.equal(0, #(two:getinfo("cookielist") or {}))
    one:close()
    two:close()
  end)

  it("shares connections between easies that run by themselves", function()
    local share = core.share("connect")
    local fresh = 0
    for i = 1, 5 do
      local easy = support.easy { url = nginx.url("/file/shared-" .. i), share = share }
      assert.is_true(easy:perform())
      fresh = fresh + easy:getinfo("num_connects")
      easy:close()
    end
    assert.equal(1, fresh)
    share:close()
  end)

  it("shares connections on a libuv loop, which may end first", function()
    local share = core.share { "connect", "dns", "ssl_session" }
    for _ = 1, 2 do
      local loop = core.loop()
      local multi = core.multi():attach(loop)
      for _ = 1, 5 do
        multi:add_handle((support.easy { url = nginx.url("/1k"), share = share }))
      end
      local seen = support.drain(loop, { multi }, 5)
      for _, result in pairs(seen) do
        assert.is_true(result)
      end
      loop:close()
    end
    share:close()
  end)

  it("shares names, TLS sessions and all else in a multi", function()
    local share = core.share { "cookie", "dns", "ssl_session", "psl" }
    local multi = core.multi()
    for _ = 1, 10 do
      multi:add_handle((support.easy {
        url = nginx.tls_url("/1k"), cainfo = nginx.ca, share = share,
      }))
    end
    for _, result in pairs(support.perform(multi)) do
      assert.is_true(result)
    end
    multi:close()
  end)

  it("is kept by its easies, however they end", function()
    for _, order in ipairs { "share", "easy", "collect", "unset", "reset" } do
      local share = core.share { "cookie", "dns" }
      local easy = support.easy { url = nginx.url("/1k"), share = share }
      assert.truthy(tostring(share):find("1 easies", 1, true))
      if order == "share" then
        share:close()
        share:close()
        assert.equal("multisock.share (closed)", tostring(share))
        assert.error_matches(function() share:share("psl") end, "closed")
        assert.error_matches(function() easy:setopt("share", share) end, "closed")
      elseif order == "collect" then
        share = nil
        support.collect()
      elseif order == "unset" then
        easy:unsetopt("share")
        assert.truthy(tostring(share):find("0 easies", 1, true))
      elseif order == "reset" then
        easy:reset()
        assert.truthy(tostring(share):find("1 easies", 1, true))
        easy:setopt { url = nginx.url("/1k"), writefunction = function() end }
      end
      if order ~= "easy" then
        assert.is_true(easy:perform())
      end
      easy:close()
      if share and order ~= "share" then
        assert.truthy(tostring(share):find("0 easies", 1, true))
        share:close()
      end
    end
  end)

  it("is not changed while an easy uses it", function()
    local share = core.share("cookie")
    local easy = support.easy { share = share }
    local err = helper.err_of(share:share("dns"))
    assert.truthy(err.message:find("share 'dns': ", 1, true), err.message)
    easy:close()
    assert.equal(share, share:share("dns"))
  end)

  it("has HSTS entries that no easy gives up for all", function()
    if not has_hsts then
      return pending("HSTS entries are shared from libcurl 7.88 on")
    end
    local share = core.share { "hsts" }
    local easy = core.easy { share = share, hsts_ctrl = 1 }
    local other = core.easy { share = share }
    for _, switch_off in ipairs {
      function() easy:setopt("hsts_ctrl", 0) end,
      function() other:setopt { hsts_ctrl = 2 } end,
      function() easy:unsetopt("hsts_ctrl") end,
    } do
      local err = helper.failure(switch_off)
      assert.truthy(tostring(err):find("option 'HSTS_CTRL': cannot be switched off", 1, true), err)
    end
    easy:unsetopt("share")
    assert.is_true(pcall(easy.setopt, easy, "hsts_ctrl", 0))
    easy:close()
    other:close()
    share:close()
  end)

  it("is not changed in an easy that is in a multi", function()
    local share, multi = core.share("dns"), core.multi()
    local easy = support.easy { url = hostile.url("/stall"), share = share }
    multi:add_handle(easy)
    assert.has_error(function() easy:setopt("share", share) end)
    assert.has_error(function() easy:unsetopt("share") end)
    multi:close()
    easy:unsetopt("share")
  end)

  it("does not share connections for a second time", function()
    local share = core.share("connect")
    assert.equal(share, share:share("connect"))
    assert.equal(share, share:unshare("connect"))
    assert.equal("curl", helper.err_of(share:share("connect")).kind)
  end)

  it("may be collected with all that uses it, in any order", function()
    for _ = 1, 30 do
      local share = core.share { "cookie", "dns", "connect", "psl", "ssl_session" }
      local multi = core.multi()
      for _ = 1, 3 do
        multi:add_handle((support.easy { url = hostile.url("/stall"), share = share }))
      end
      multi:perform()
    end
    support.collect()
  end)

  it("ends with the state that holds it", function()
    local output, status = support.child([[
      local core = require("multisock.core")
      share = core.share { "cookie", "connect" }
      easy = core.easy { url = ..., noproxy = "*", share = share, writefunction = function() end }
      print(easy:perform())
      multi = core.multi()
      multi:add_handle(easy)
    ]], nginx.url("/1k"))
    assert.equal("true\n", output)
    assert.equal(0, status)
  end)

  it("raises for misuse", function()
    local share = core.share()
    for _, bad in ipairs {
      function() core.share("nonsense") end, function() core.share(5) end,
      function() core.share { nonsense = 1 } end, function() core.share { "nonsense" } end,
      function() share:share() end, function() share:share { 5 } end,
      function() share:setopt("lockfunc", print) end, function() share:setopt() end,
      function() support.easy { share = "cookie" } end,
    } do
      assert.has_error(bad)
    end
  end)

  it("closes with its scope", helper.of_block(function()
    local share
    do
      local scoped <close> = core.share()
      share = scoped
    end
    assert.equal("multisock.share (closed)", tostring(share))
  end))
end)
