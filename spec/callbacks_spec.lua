-- Lua functions as libcurl's callbacks: whatever they do, it is their own transfer that
-- ends, and what they raise is not lost.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("callbacks", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  -- An easy that makes libcurl call this option's function.
  local function calling(option, fn)
    local easy = support.easy { url = nginx.url("/1k") }
    if option == "readfunction" or option == "seekfunction" then
      easy:setopt {
        url = hostile.url("/upload"), upload = true, infilesize = 5,
        readfunction = function() return "12345" end,
      }
    end
    if option == "seekfunction" then
      easy:setopt { resume_from = 2 }
    elseif option == "debugfunction" then
      easy:setopt("verbose", true)
    end
    easy:setopt(option, fn)
    return easy
  end

  local all = {
    "writefunction", "headerfunction", "readfunction", "seekfunction", "xferinfofunction",
    "debugfunction",
  }

  for _, option in ipairs(all) do
    describe(option .. " that raises", function()
      local raised = {
        string = "a string", number = 17, boolean = false, table = { "a table" },
        ["function"] = function() end, userdata = io.stdout,
        thread = coroutine.create(function() end),
      }

      for kind, value in pairs(raised) do
        it("gives perform what it raised: a " .. kind, function()
          local calls = 0
          local easy = calling(option, function()
            calls = calls + 1
            error(value, 0)
          end)
          assert.equal(value, helper.err_of(easy:perform()))
          assert.equal(1, calls)
        end)
      end

      it("gives perform a nil that it raised", function()
        local easy = calling(option, function() error(nil) end)
        assert.same({ n = 2 }, table.pack(easy:perform()))
      end)

      it("gives info_read what it raised, and leaves the others alone", function()
        local multi, value = core.multi(), {}
        local easy = calling(option, function() error(value) end)
        local other, body = support.easy { url = nginx.url("/file/other") }
        multi:add_handle(easy):add_handle(other)
        local seen = support.perform(multi)
        assert.equal(value, seen[easy][1])
        assert.is_true(seen[other])
        assert.equal("body-other", table.concat(body))
        multi:close()
      end)

      it("may have collected everything", function()
        local easy = calling(option, function()
          collectgarbage()
          error({ tostring(core.easy()) })
        end)
        local _, err = easy:perform()
        assert.truthy(err[1]:find("multisock.easy", 1, true))
      end)

      it("may not yield", function()
        local easy = calling(option, function() coroutine.yield() end)
        local co = coroutine.wrap(function() return easy:perform() end)
        assert.truthy(helper.err_of(co()):find("attempt to yield across .*C%-call boundary"))
      end)

      it("may run out of stack", function()
        local easy = calling(option, function()
          local function deeper() return 1 + deeper() end
          deeper()
        end)
        assert.truthy(helper.err_of(easy:perform()):find("stack overflow", 1, true))
      end)

      it("may be no function", function()
        local easy = core.easy()
        for _, bad in ipairs { true, 1, "print", {}, io.stdout } do
          assert.error_matches(function() easy:setopt(option, bad) end, "function expected, got")
        end
      end)

      it("can be unset", function()
        local easy = calling(option, function() error("still called", 0) end)
        easy:unsetopt(option)
        if option == "readfunction" or option == "seekfunction" then
          easy:setopt { upload = false, httpget = true, resume_from = 0, verbose = false }
        end
        easy:setopt("verbose", false)
        assert.is_true(easy:perform())
      end)
    end)

    it("of " .. option .. " may resume coroutines", function()
      local resumed
      local easy = calling(option, function()
        local co = coroutine.wrap(function()
          coroutine.yield(1)
          return 2
        end)
        resumed = co() + co()
        error("enough", 0)
      end)
      local _, err = easy:perform()
      assert.equal("enough", err)
      assert.equal(3, resumed)
    end)
  end

  describe("in a multi", function()
    local function misuses(multi, easy, other)
      return {
        add_handle = function() multi:add_handle(other) end,
        remove_handle = function() multi:remove_handle(easy) end,
        remove_other = function() multi:remove_handle(other) end,
        socket_action = function() multi:socket_action() end,
        perform = function() multi:perform() end,
        poll = function() multi:poll(0) end,
        wait = function() multi:wait(0) end,
        setopt = function() multi:setopt("maxconnects", 1) end,
        close = function() multi:close() end,
        attach = function() multi:attach(core.loop()) end,
        easy_perform = function() easy:perform() end,
        easy_reset = function() easy:reset() end,
        easy_setopt = function() easy:setopt("httpheader", { "X-A: b" }) end,
      }
    end

    for _, option in ipairs(all) do
      it("may not enter the multi: " .. option, function()
        local multi, errors, calls = core.multi(), {}, nil
        local other = support.easy { url = nginx.url("/1k") }
        local easy
        easy = calling(option, function()
          if not calls then
            calls = misuses(multi, easy, other)
            for name, call in pairs(calls) do
              local ok, err = pcall(call)
              errors[name] = not ok and err or nil
            end
            -- These two are harmless anywhere.
            multi:timeout()
            assert.is_nil((multi:info_read()))
          end
          error("done", 0)
        end)
        multi:add_handle(easy)
        local seen = support.perform(multi)
        assert.equal("done", seen[easy][1])
        for name in pairs(calls) do
          assert.truthy(errors[name], name .. " was possible")
          assert.truthy(errors[name]:find("callback", 1, true) or
            errors[name]:find("running", 1, true) or errors[name]:find("in a multi", 1, true),
            errors[name])
        end
        multi:add_handle(other)
        assert.is_true(support.perform(multi)[other])
        multi:close()
      end)

      it("may close its own handle: " .. option, function()
        local multi = core.multi()
        local weak = setmetatable({}, { __mode = "v" })
        do
          local easy
          easy = calling(option, function()
            easy:close()
            collectgarbage()
          end)
          weak[1] = easy
          multi:add_handle(easy)
        end
        local other = support.easy { url = nginx.url("/1k") }
        multi:add_handle(other)
        local seen = support.perform(multi)
        assert.is_true(seen[other])
        support.collect()
        assert.truthy(tostring(multi):find("(0 transfers)", 1, true))
        assert.is_nil(weak[1])
        multi:close()
      end)

      it("may close another handle, which is let go: " .. option, function()
        local multi = core.multi()
        local weak = setmetatable({}, { __mode = "v" })
        local victim = support.easy {
          url = hostile.url("/upload-slow"), postfields = ("x"):rep(1000000),
        }
        weak[1] = victim
        multi:add_handle(victim)
        local easy = calling(option, function()
          if victim then
            victim:close()
            victim = nil
            collectgarbage()
          end
          error("done")
        end)
        multi:add_handle(easy)
        support.perform(multi)
        support.collect()
        assert.is_nil(victim)
        assert.is_nil(weak[1])
        assert.truthy(tostring(multi):find("(0 transfers)", 1, true))
        multi:close()
      end)
    end

    it("may close its own handle while it is removed", function()
      local multi, closed = core.multi(), false
      local easy
      easy = support.easy {
        url = hostile.url("/stall-body"), verbose = true,
        debugfunction = function(kind, text)
          if kind == "text" and text:find("^[Cc]losing connection") then
            easy:close()
            closed = true
          end
        end,
      }
      multi:add_handle(easy)
      local check = support.deadline()
      repeat
        multi:perform()
        multi:poll(10)
        check()
      until easy:getinfo("response_code") == 200
      multi:remove_handle(easy)
      assert.is_true(closed)
      assert.equal("multisock.easy (closed)", tostring(easy))
      multi:close()
    end)

    it("may not pause another transfer", function()
      local multi, err = core.multi(), nil
      local other = support.easy { url = nginx.url("/1k") }
      local easy = support.easy {
        url = nginx.url("/1k"),
        writefunction = function()
          err = select(2, pcall(other.pause, other, core.PAUSE_CONT))
        end,
      }
      multi:add_handle(easy):add_handle(other)
      support.perform(multi)
      assert.truthy(err:find("pause: called in a callback", 1, true))
      multi:close()
    end)
  end)
end)
