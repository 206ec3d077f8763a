-- Callbacks that decide about a connection: resolver_start, sockopt, ssl_ctx and
-- prereq.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("connection callbacks", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  local codes = {
    resolver_start_function = "CURLE_ABORTED_BY_CALLBACK", sockoptfunction = true,
    ssl_ctx_function = "CURLE_ABORTED_BY_CALLBACK", prereqfunction = "CURLE_ABORTED_BY_CALLBACK",
  }

  for option, code in pairs(codes) do
    describe(option, function()
      local function easy_with(fn)
        return (support.easy {
          url = (nginx.tls_url("/1k"):gsub("127%.0%.0%.1", "localhost")), cainfo = nginx.ca,
          ssl_verifyhost = false, ipresolve = 1, [option] = fn,
        })
      end

      it("goes on with nil, true or 0", function()
        for _, go in ipairs { function() end, function() return true end,
          function() return 0 end } do
          assert.is_true(easy_with(go):perform())
        end
      end)

      it("ends the transfer with false", function()
        local err = helper.err_of(easy_with(function() return false end):perform())
        if code ~= true then
          assert.truthy(err.code == code or err.code == "CURLE_COULDNT_RESOLVE_HOST", err.code)
        end
      end)

      it("ends the transfer with what it raises, alone and in a multi", function()
        local raised = {}
        local function fail() error(raised) end
        local easy = easy_with(fail)
        assert.equal(raised, helper.err_of(easy:perform()))
        assert.truthy(easy:traceback():find("callbacks_connect_spec", 1, true))
        local multi = core.multi()
        multi:add_handle(easy)
        assert.equal(raised, support.perform(multi)[easy][1])
        multi:close()
      end)

      it("has its result checked, and cannot wait", function()
        local err = helper.err_of(easy_with(function() return {} end):perform())
        assert.truthy(err:find(option .. " returned table", 1, true), err)
        err = helper.err_of(easy_with(function() coroutine.yield() end):perform())
        assert.truthy(err:find("cannot wait", 1, true))
      end)

      it("may close its handle", function()
        local easy
        easy = easy_with(function() easy:close() end)
        assert.equal("cancelled", helper.err_of(easy:perform()).kind)
      end)
    end)
  end

  it("prereqfunction gets both ends", function()
    local got
    local easy = support.easy {
      url = nginx.url("/1k"), prereqfunction = function(...) got = { ... } end,
    }
    assert.is_true(easy:perform())
    assert.same({ "127.0.0.1", nginx.port, "127.0.0.1", easy:getinfo("local_port") }, got)
  end)

  it("ssl_ctx_function gets the context", function()
    local got
    local easy = support.easy {
      url = nginx.tls_url("/1k"), cainfo = nginx.ca,
      ssl_ctx_function = function(context) got = context end,
    }
    assert.is_true(easy:perform())
    assert.equal("userdata", type(got))
  end)

  it("error objects carry the traceback themselves", function()
    local raised = core.error { kind = "mine", message = "text" }
    local easy = support.easy {
      url = nginx.url("/1k"), prereqfunction = function() error(raised) end,
    }
    local _, err = easy:perform()
    assert.equal(raised, err)
    assert.truthy(err.traceback:find("callbacks_connect_spec", 1, true))
  end)
end)
