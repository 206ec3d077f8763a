-- core.multi: its options, what becomes of its handles, and its end.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("core.multi", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  describe("options", function()
    it("take integers and booleans", function()
      local multi = core.multi { maxconnects = 10, max_total_connections = 0 }
      assert.equal(multi, multi:setopt("max_host_connections", 2))
      assert.equal(multi, multi:setopt { max_concurrent_streams = 50, pipelining = 2 })
      multi:close()
    end)

    it("raise for unknown names and wrong values", function()
      local multi = core.multi()
      assert.error_matches(function() multi:setopt("nonsense", 1) end, "unknown multi option")
      assert.error_matches(function() multi:setopt { 1 } end, "unknown multi option")
      for _, bad in ipairs { "5", 1.5, -1, {}, print } do
        assert.has_error(function() multi:setopt("maxconnects", bad) end)
      end
      for _, bad in ipairs { "5", 1, true, {} } do
        assert.has_error(function() multi:setopt("socketfunction", bad) end)
      end
      assert.has_error(function() core.multi { nonsense = 1 } end)
      assert.has_error(function() core.multi(5) end)
      multi:close()
    end)
  end)

  describe("and its handles", function()
    it("takes each only once, and from one multi only", function()
      local one, two = core.multi(), core.multi()
      local easy = support.easy { url = nginx.url("/1k") }
      assert.equal(one, one:add_handle(easy))
      assert.error_matches(function() one:add_handle(easy) end, "running")
      assert.error_matches(function() two:add_handle(easy) end, "running")
      assert.equal(two, two:remove_handle(easy))
      assert.is_true(support.perform(one)[easy])
      two:add_handle(easy)
      assert.is_true(support.perform(two)[easy])
      one:close()
      two:close()
    end)

    it("removes what is not in it, and what was removed", function()
      local multi = core.multi()
      local easy = support.easy { url = nginx.url("/1k") }
      assert.equal(multi, multi:remove_handle(easy))
      multi:add_handle(easy)
      assert.equal(multi, multi:remove_handle(easy))
      assert.equal(multi, multi:remove_handle(easy))
      assert.has_error(function() multi:remove_handle() end)
      assert.has_error(function() multi:add_handle({}) end)
      easy:close()
      assert.error_matches(function() multi:add_handle(easy) end, "closed")
      multi:close()
    end)

    it("holds what has ended until it is removed", function()
      local multi = core.multi()
      local easy = support.easy { url = nginx.url("/1k") }
      multi:add_handle(easy)
      support.run_out(multi)
      assert.same({ easy, true }, { multi:info_read() })
      assert.same({}, { multi:info_read() })
      assert.truthy(tostring(easy):find("finished", 1, true))
      assert.error_matches(function() multi:add_handle(easy) end, "running")
      multi:remove_handle(easy)
      multi:add_handle(easy)
      assert.is_true(support.perform(multi)[easy])
      multi:close()
    end)

    it("finishes transfers that nobody holds", function()
      local multi, bodies = core.multi(), {}
      for i = 1, 20 do
        local easy = support.easy {
          url = nginx.url("/file/" .. i),
          writefunction = function(bytes) bodies[i] = (bodies[i] or "") .. bytes end,
        }
        multi:add_handle(easy)
      end
      support.collect()
      assert.equal(20, support.easy_count())
      support.perform(multi)
      for i = 1, 20 do
        assert.equal("body-" .. i, bodies[i])
      end
      support.collect()
      assert.equal(0, support.easy_count())
      multi:close()
    end)

    it("lets go of handles that are closed while they run", function()
      local multi = core.multi()
      local weak = setmetatable({}, { __mode = "v" })
      for i = 1, 10 do
        local easy = support.easy { url = hostile.url("/stall") }
        multi:add_handle(easy)
        multi:perform()
        weak[i] = easy
        easy:close()
      end
      support.collect()
      assert.is_nil(next(weak))
      assert.equal(0, multi:perform())
      assert.is_nil((multi:info_read()))
      multi:close()
    end)

    it("reports nothing of a handle that was closed after its end", function()
      local multi = core.multi()
      local easy = support.easy { url = nginx.url("/1k") }
      multi:add_handle(easy)
      support.run_out(multi)
      easy:close()
      assert.is_nil((multi:info_read()))
      multi:close()
    end)

    it("may be changed once they have ended", function()
      local multi = core.multi()
      local easy, body = support.easy { url = nginx.url("/file/1"), httpheader = { "X-A: b" } }
      multi:add_handle(easy)
      support.run_out(multi)
      assert.equal(easy, (multi:info_read()))
      easy:setopt { url = nginx.url("/file/2"), httpheader = { "X-C: d" }, postfields = "x" }
      easy:unsetopt("postfields")
      multi:remove_handle(easy)
      multi:add_handle(easy)
      assert.is_true(support.perform(multi)[easy])
      assert.equal("body-1body-2", table.concat(body))
      multi:close()
    end)
  end)

  describe("at its end", function()
    local function running(count)
      local multi, list = core.multi(), {}
      for _ = 1, count do
        support.add(multi, list, { url = hostile.url("/stall-body") })
      end
      for _ = 1, 5 do
        multi:perform()
        multi:poll(10)
      end
      return multi, list
    end

    it("gives its handles back", function()
      local multi, list = running(5)
      multi:close()
      multi:close()
      assert.equal("multisock.multi (closed)", tostring(multi))
      for _, entry in ipairs(list) do
        entry.easy:setopt("url", nginx.url("/1k"))
        assert.is_true(entry.easy:perform())
      end
      for _, method in ipairs { "add_handle", "remove_handle", "setopt", "socket_action", "perform",
        "info_read", "poll", "wait", "wakeup", "timeout", "assign", "attach" } do
        assert.error_matches(function() multi[method](multi, 1, 1) end, "closed")
      end
    end)

    it("holds nothing any more when it is closed", function()
      local multi = core.multi()
      local weak = setmetatable({}, { __mode = "v" })
      weak[1] = support.easy { url = nginx.url("/1k") }
      multi:add_handle(weak[1])
      multi:close()
      support.collect()
      assert.is_nil(weak[1])
      assert.equal("multisock.multi (closed)", tostring(multi))
    end)

    it("may be collected in the middle of its transfers", function()
      for _ = 1, 5 do
        running(3)
        support.collect()
        assert.equal(0, support.easy_count())
      end
      local list = select(2, running(3))
      support.collect()
      for _, entry in ipairs(list) do
        entry.easy:setopt("url", nginx.url("/1k"))
        assert.is_true(entry.easy:perform())
      end
    end)

    it("may be part of a cycle with its handles", function()
      do
        local multi = core.multi()
        multi:setopt("socketfunction", function() return multi end)
        local easy
        easy = support.easy { url = hostile.url("/stall"), writefunction = function()
          return easy and multi and nil
        end }
        multi:add_handle(easy)
        multi:socket_action()
      end
      support.collect()
      assert.equal(0, support.easy_count())
    end)

    it("closes with its scope", helper.of_block(function()
      local kept
      do
        local multi <close> = core.multi()
        multi:add_handle((support.easy { url = nginx.url("/1k") }))
        kept = multi
      end
      assert.equal("multisock.multi (closed)", tostring(kept))
    end))
  end)

  it("tells transfers apart over TLS, unknown authorities included", function()
    local driver, list = support.select_driver(), {}
    for i = 1, 10 do
      support.add(driver.multi, list, {
        url = i % 2 == 0 and nginx.tls_url("/file/" .. i) or nginx.unknown_ca_url("/"),
        cainfo = nginx.ca,
      })
    end
    local seen = driver:run()
    for i, entry in ipairs(list) do
      if i % 2 == 0 then
        assert.is_true(seen[entry.easy])
        assert.equal("body-" .. i, table.concat(entry.body))
      else
        assert.equal("tls", seen[entry.easy][1].kind)
      end
    end
    driver.multi:close()
  end)
end)
