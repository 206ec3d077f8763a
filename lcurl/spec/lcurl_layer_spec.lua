-- cURL: objects as tables, the loop over events, and the calls
-- of Lua-cURL 2.
local curl = require("cURL")
local fixtures = require("spec.support.fixtures")
local safe = require("cURL.safe")
local support = require("spec.support.core_support")

describe("cURL", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  local function refused()
    return ("http://127.0.0.1:%d/"):format(support.refusing_port())
  end

  it("has objects that take fields of the program's", function()
    local e = curl.easy { url = nginx.url("/1k"), writefunction = function() end }
    e.data = "mine"
    assert.equal(e, e:setopt_timeout(20):perform())
    assert.equal("mine", e.data)
    assert.equal("userdata", type(e:handle()))
    assert.equal(200, e:getinfo_response_code())
    assert.truthy(tostring(e):find("^Lua%-cURL Easy %(0x"), tostring(e))
    assert.is_nil(e.nothing)
  end)

  it("sets options at perform", function()
    local body = {}
    local e = safe.easy()
    assert.equal(e, e:perform {
      url = nginx.url("/file/x"), writefunction = function(s) body[#body + 1] = s end,
    })
    assert.equal("body-x", table.concat(body))
    assert.is_nil((e:perform { nothing = 1 }))
  end)

  it("fails as the module below it does", function()
    local ok, err = safe.easy({ url = refused() }):perform()
    assert.is_nil(ok)
    assert.equal(safe.error(safe.ERROR_EASY, safe.E_COULDNT_CONNECT), err)
    assert.is_false(pcall(curl.easy({ url = refused() }).perform))
    assert.is_nil((safe.easy { nothing = 1 }))
    assert.is_false(pcall(curl.easy, { nothing = 1 }))
  end)

  it("loops over the events of many transfers", function()
    local m, seen, order = curl.multi(), {}, {}
    for i = 1, 3 do
      local e = curl.easy { url = i == 3 and refused() or nginx.url("/file/" .. i) }
      e.number = i
      m:add_handle(e)
    end
    for value, kind, e in m:iperform() do
      local i = e.number
      order[i] = order[i] or {}
      if order[i][#order[i]] ~= kind then
        table.insert(order[i], kind)
      end
      seen[i .. kind] = kind == "data" and (seen[i .. kind] or "") .. value or value
    end
    assert.same({ "response", "header", "data", "done" }, order[1])
    assert.equal(200, seen["1response"])
    assert.equal("body-1", seen["1data"])
    assert.equal("body-2", seen["2data"])
    assert.equal(200, seen["2done"])
    assert.same({ "error" }, order[3])
    assert.equal(curl.E_COULDNT_CONNECT, seen["3error"]:no())
  end)

  it("takes transfers that are added in the loop, and handles again", function()
    local m, done = curl.multi(), 0
    local e = curl.easy { url = nginx.url("/file/a") }
    m:add_handle(e)
    for _, kind, which in m:iperform() do
      if kind == "done" then
        done = done + 1
        assert.equal(e, which)
        if done < 3 then m:add_handle(e) end
      end
    end
    assert.equal(3, done)
    local none = true
    for _ in m:iperform() do none = false end
    assert.is_true(none)
  end)

  it("gives objects to info_read and to the socket callback", function()
    local e = safe.easy { url = nginx.url("/1k"), writefunction = function() end }
    local got, watched
    local m = safe.multi { socketfunction = function(easy, fd, what)
      got, watched = easy, what ~= safe.POLL_REMOVE and fd or nil
    end }
    assert.equal(m, m:add_handle(e))
    assert.is_nil((m:add_handle(e)))
    local due = support.deadline()
    while m:socket_action() > 0 do
      if watched then m:socket_action(watched, safe.CSELECT_IN + safe.CSELECT_OUT) end
      due("the transfer")
    end
    assert.equal(e, got)
    assert.same({ e, true }, { m:info_read(true) })
    assert.equal(0, m:info_read())
    assert.equal(m, m:remove_handle(e))
  end)

  describe("of version 2", function()
    it("performs with callbacks, and hands errors on", function()
      local body = {}
      local e = safe.easy_init()
      e:setopt_url(nginx.url("/file/two"))
      assert.equal(e, e:perform { writefunction = function(s) body[#body + 1] = s end })
      assert.equal("body-two", table.concat(body))
      e:setopt_url(refused())
      assert.equal("handled", e:perform {
        errorfunction = function(err) return err and "handled" end,
      })
    end)

    it("names flags", function()
      local e = safe.easy_init()
      assert.equal(e, e:setopt_proxytype("SOCKS5"):setopt_httpauth("BASIC")
        :setopt_httpauth(safe.AUTH_DIGEST):setopt_ssh_auth_types("ANY"))
      assert.has_error(function() e:setopt_httpauth("NOTHING") end)
    end)

    it("loops with multi:perform", function()
      local m, data = safe.multi_init(), {}
      local e = safe.easy_init()
      e:setopt_url(nginx.url("/file/loop"))
      m:add_handle(e)
      for value, kind in m:perform() do
        if kind == "data" then data[#data + 1] = value end
      end
      assert.equal("body-loop", table.concat(data))
    end)
  end)
end)
