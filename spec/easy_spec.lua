-- core.easy: the blocking perform, the life of a handle, and what may be done
-- to it while it runs.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("core.easy", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  it("performs a transfer and hands its body to the write function", function()
    local easy, body = support.easy { url = nginx.url("/1k") }
    assert.is_true(easy:perform())
    assert.equal(servers.bytes(1024), table.concat(body))
    assert.equal(200, easy:getinfo("response_code"))
    easy:close()
  end)

  it("can perform again, on the same connection", function()
    local easy, body = support.easy { url = nginx.url("/file/a") }
    assert.is_true(easy:perform())
    easy:setopt("url", nginx.url("/file/b"))
    assert.is_true(easy:perform())
    assert.equal("body-abody-b", table.concat(body))
    assert.equal(0, easy:getinfo("num_connects"))
  end)

  it("performs in any coroutine, dead ones included", function()
    local easy, body = support.easy { url = nginx.url("/file/a") }
    for _ = 1, 3 do
      local co = coroutine.create(function() return easy:perform() end)
      assert.same({ true, true }, { coroutine.resume(co) })
      assert.equal("dead", coroutine.status(co))
      support.collect()
    end
    assert.equal(("body-a"):rep(3), table.concat(body))
  end)

  it("returns the error of a failed transfer", function()
    local easy = support.easy { url = ("http://127.0.0.1:%d/"):format(support.refusing_port()) }
    local err = helper.err_of(easy:perform())
    assert.equal("connect", err.kind)
    assert.equal("CURLE_COULDNT_CONNECT", err.code)
  end)

  it("keeps nothing of an error for the next transfer", function()
    local easy = support.easy {
      url = nginx.url("/1k"), writefunction = function() error("once") end,
    }
    assert.is_nil(easy:perform())
    easy:setopt("writefunction", function() end)
    assert.is_true(easy:perform())
  end)

  it("gives 401 and redirects as they are", function()
    local easy = support.easy { url = hostile.url("/basic") }
    assert.is_true(easy:perform())
    assert.equal(401, easy:getinfo("response_code"))
    easy:setopt("userpwd", "user:secret")
    assert.is_true(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
    easy:unsetopt("userpwd")
    easy:setopt("url", hostile.url("/redirect?to=/echo"))
    assert.is_true(easy:perform())
    assert.equal(302, easy:getinfo("response_code"))
    assert.equal(hostile.url("/echo"), easy:getinfo("redirect_url"))
  end)

  it("follows redirects when told to", function()
    local easy, body = support.easy {
      url = hostile.url("/redirect-chain?n=3"), followlocation = true,
    }
    assert.is_true(easy:perform())
    assert.equal("end of the chain\n", table.concat(body):sub(-17))
    assert.equal(3, easy:getinfo("redirect_count"))
  end)

  it("may be closed twice and says so afterwards", function()
    local easy = support.easy { url = nginx.url("/1k") }
    assert.truthy(tostring(easy):find("multisock.easy (idle)", 1, true))
    easy:close()
    easy:close()
    assert.equal("multisock.easy (closed)", tostring(easy))
    for _, method in ipairs { "setopt", "unsetopt", "getinfo", "perform", "reset", "pause" } do
      assert.error_matches(function() easy[method](easy, "url", "x") end, "closed")
    end
  end)

  it("closes with its scope", helper.of_block(function()
    local kept
    do
      local easy <close> = support.easy { url = nginx.url("/1k") }
      kept = easy
    end
    assert.equal("multisock.easy (closed)", tostring(kept))
  end))

  it("is collected although its callbacks hold it", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local easy = support.easy { url = nginx.url("/1k") }
      easy:setopt("writefunction", function() return easy and nil end)
      assert.is_true(easy:perform())
      weak[1] = easy
    end
    support.collect()
    assert.is_nil(weak[1])
  end)

  it("refuses what is no handle", function()
    local easy = support.easy { url = nginx.url("/1k") }
    assert.has_error(function() easy.perform({}) end)
    assert.has_error(function() easy.perform(io.stdout) end)
    assert.has_error(function() core.easy("url") end)
    assert.has_error(function() core.easy { no_such_option = 1 } end)
  end)

  it("forgets its options when it is reset, but can be used again", function()
    local easy = support.easy {
      url = nginx.url("/1k"), postfields = "x", httpheader = { "X-A: b" }, ssl_verifypeer = false,
    }
    assert.equal(easy, easy:reset())
    assert.equal("url", helper.err_of(easy:perform()).kind)
    local body = {}
    easy:setopt {
      url = nginx.url("/file/again"), writefunction = function(bytes) body[#body + 1] = bytes end,
    }
    assert.is_true(easy:perform())
    assert.equal("body-again", table.concat(body))
  end)

  describe("in its own callbacks", function()
    it("refuses to be changed, reset or performed", function()
      local easy, errors = support.easy { url = nginx.url("/1k") }, {}
      easy:setopt("writefunction", function()
        for _, call in ipairs {
          function() easy:setopt("httpheader", { "X-A: b" }) end,
          function() easy:setopt { postfields = "x" } end,
          function() easy:unsetopt("url") end,
          function() easy:reset() end,
          function() easy:perform() end,
          function() core.multi():add_handle(easy) end,
        } do
          errors[#errors + 1] = select(2, pcall(call))
        end
      end)
      assert.is_true(easy:perform())
      assert.equal(6, #errors)
      for _, err in ipairs(errors) do
        assert.truthy(err:find("running", 1, true) or err:find("callback", 1, true))
      end
    end)

    it("may ask for its infos", function()
      local easy, code = support.easy { url = nginx.url("/1k") }, nil
      easy:setopt("writefunction", function() code = easy:getinfo("response_code") end)
      assert.is_true(easy:perform())
      assert.equal(200, code)
    end)

    local options = { "writefunction", "headerfunction", "xferinfofunction", "debugfunction" }
    for _, option in ipairs(options) do
      it("may be closed: " .. option, function()
        local easy = support.easy {
          url = nginx.url("/1k"), verbose = true, debugfunction = function() end,
        }
        easy:setopt(option, function()
          easy:close()
          support.collect()
        end)
        assert.equal("cancelled", helper.err_of(easy:perform()).kind)
        assert.equal("multisock.easy (closed)", tostring(easy))
      end)
    end

    it("may be closed, then raise", function()
      local easy = support.easy { url = nginx.url("/1k") }
      easy:setopt("writefunction", function()
        easy:close()
        error("after")
      end)
      assert.equal("cancelled", helper.err_of(easy:perform()).kind)
    end)

    it("may perform another handle, to any depth", function()
      local depth = 0
      local function nested(level)
        local easy = support.easy { url = nginx.url("/1k") }
        easy:setopt("writefunction", function()
          depth = math.max(depth, level)
          if level < 8 then
            assert(nested(level + 1))
          end
        end)
        local ok, err = easy:perform()
        easy:close()
        return ok, err
      end
      assert.is_true(nested(1))
      assert.equal(8, depth)
    end)

    it("may perform another handle in a coroutine that raises", function()
      local easy, inner = support.easy { url = nginx.url("/1k") }, nil
      easy:setopt("writefunction", function()
        local other = support.easy {
          url = nginx.url("/1k"), writefunction = function() error("inner", 0) end,
        }
        local co = coroutine.wrap(function()
          inner = { other:perform() }
          other:close()
        end)
        co()
      end)
      assert.is_true(easy:perform())
      assert.same({ nil, "inner" }, inner)
    end)

    it("may collect everything else", function()
      local easy, body = support.easy { url = nginx.url("/1m") }, 0
      easy:setopt("writefunction", function(bytes)
        body = body + #bytes
        support.easy { url = nginx.url("/1k") }
        core.multi():add_handle((support.easy { url = nginx.url("/1k") }))
        collectgarbage()
      end)
      assert.is_true(easy:perform())
      assert.equal(1048576, body)
    end)
  end)

  it("cannot be performed while it is in a multi", function()
    local easy, multi = support.easy { url = nginx.url("/1k") }, core.multi()
    multi:add_handle(easy)
    assert.error_matches(function() easy:perform() end, "in a multi")
    assert.error_matches(function() easy:reset() end, "running")
    assert.error_matches(function() easy:setopt("httpheader", {}) end, "running")
    multi:close()
    assert.is_true(easy:perform())
  end)

  it("cannot be paused before it has a connection", function()
    local easy = support.easy { url = nginx.url("/1k") }
    assert.equal("CURLE_BAD_FUNCTION_ARGUMENT", helper.err_of(easy:pause(core.PAUSE_ALL)).code)
  end)

  it("survives the end of the Lua state in the middle of a transfer", function()
    local script = [[
      local core = require("multisock.core")
      local url, how = ...
      local easy
      local state = newproxy and newproxy(true) or setmetatable({}, { __gc = true })
      getmetatable(state).__gc = function() print("state closed") end
      easy = core.easy {
        url = url, noproxy = "*", verbose = true, debugfunction = function() end,
        postfields = ("x"):rep(100000), httpheader = { "X-A: b" }, curlu = core.url(url),
        writefunction = function()
          if how == "exit" then os.exit(7, true) end
          if how == "error" then error(state) end
        end,
      }
      local multi, loop = core.multi(), core.loop()
      if how == "exit" or how == "error" then
        print(easy:perform())
      else
        if how == "attached" then multi:attach(loop) end
        multi:add_handle(easy)
        for _ = 1, 4 do
          if how == "attached" then loop:step(0.01) else multi:perform() end
        end
      end
      os.exit(7, true)
    ]]
    for _, how in ipairs { "exit", "error", "attached", "multi" } do
      local output, status = support.child(script, hostile.url("/trickle?bytes=1000"), how)
      assert.equal(7, status, how .. ": " .. output)
      if os.getenv("LUA") ~= "lua5.1" then         -- which does not close it
        assert.truthy(output:find("state closed\n", 1, true))
      end
      assert.falsy(output:find("Closing connection", 1, true))
    end
  end)
end)
