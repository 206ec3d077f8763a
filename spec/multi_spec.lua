-- core.multi, driven by its user: the agnostic interface of socket and timer
-- callbacks, perform with poll, and what becomes of errors.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local socket = require("socket")
local support = require("spec.support.core_support")

describe("core.multi", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  describe("with socket and timer callbacks", function()
    it("runs many transfers side by side", function()
      local driver, list = support.select_driver(), {}
      for i = 1, 100 do
        support.add(driver.multi, list, { url = nginx.url("/file/" .. i) })
      end
      local seen = driver:run()
      for i, entry in ipairs(list) do
        assert.is_true(seen[entry.easy])
        assert.equal("body-" .. i, table.concat(entry.body))
      end
      assert.is_nil(next(driver.watched))
      driver.multi:close()
    end)

    it("says what it wants of which socket, and of whom", function()
      local driver = support.select_driver()
      local easy = support.add(driver.multi, {}, { url = hostile.url("/late?delay=0.05") })
      driver:run()
      local whats, fd = {}, nil
      for _, event in ipairs(driver.events) do
        assert.equal("integer", helper.number_type(event[2], "integer"))
        -- libcurl 8.17 watches a socket of its own, too, for no easy.
        if event[1] then
          fd = fd or event[2]
          assert.equal(easy, event[1])
          assert.equal(fd, event[2])
          whats[event[3]] = true
        end
      end
      assert.truthy(whats["in"] and whats.remove)
      assert.equal("remove", driver.events[#driver.events][3])
      driver.multi:close()
    end)

    it("asks for its timer while a handle is added", function()
      local times = {}
      local multi = core.multi {
        timerfunction = function(...) times[#times + 1] = table.pack(...) end,
        socketfunction = function() end,
      }
      support.add(multi, {}, { url = nginx.url("/1k") })
      assert.same({ { 0, n = 1 } }, times)
      assert.equal(0, multi:timeout())
      multi:close()
    end)

    it("deletes its timer with nil", function()
      local driver, last
      driver = support.select_driver { on_timer = function(ms) last = { ms } end }
      support.add(driver.multi, {}, { url = nginx.url("/1k") })
      driver:run()
      assert.same({}, last)
      assert.is_nil((driver.multi:timeout()))
      driver.multi:close()
    end)

    it("gives the socket callback what was assigned, until the socket is removed", function()
      local driver, seen, count = nil, {}, 0
      driver = support.select_driver {
        on_socket = function(easy, fd, what, assigned)
          if easy == nil then
            assert.is_nil(assigned)            -- libcurl's own
          elseif assigned == nil and what ~= "remove" then
            count = count + 1
            assert.equal(driver.multi, driver.multi:assign(fd, { count = count }))
          else
            seen[#seen + 1] = { what, assigned and assigned.count }
          end
        end,
      }
      for _ = 1, 2 do
        -- Late: libcurl need not wait for what is there already.
        support.add(driver.multi, {}, { url = hostile.url("/late?delay=0.05") })
        driver:run()
      end
      assert.equal(2, count)
      local removed = 0
      for _, event in ipairs(seen) do
        assert.equal(removed + 1, event[2])
        removed = removed + (event[1] == "remove" and 1 or 0)
      end
      assert.equal(2, removed)
      driver.multi:close()
    end)

    it("counts what runs", function()
      local driver = support.select_driver()
      for _ = 1, 3 do
        support.add(driver.multi, {}, { url = hostile.url("/stall") })
      end
      assert.equal(3, driver.multi:socket_action())
      driver.multi:close()
    end)

    it("ignores sockets that are none of its own", function()
      local multi = support.select_driver().multi
      for _, what in ipairs { "in", "out", "inout", "err" } do
        assert.equal(0, multi:socket_action(0, what))
        assert.equal(0, multi:socket_action(12345, what))
      end
      assert.equal(0, multi:socket_action(0))
      assert.has_error(function() multi:socket_action(0, "nonsense") end)
      assert.has_error(function() multi:socket_action("x") end)
      assert.has_error(function() multi:socket_action(1.5) end)
      multi:close()
    end)

    it("ends a refused connection and a timeout", function()
      local driver = support.select_driver()
      local refused = support.add(driver.multi, {}, {
        url = ("http://127.0.0.1:%d/"):format(support.refusing_port()),
      })
      local slow = support.add(driver.multi, {}, { url = hostile.url("/stall"), timeout_ms = 100 })
      local good = support.add(driver.multi, {}, { url = nginx.url("/1k") })
      local seen = driver:run()
      assert.equal("connect", seen[refused][1].kind)
      assert.equal("timeout", seen[slow][1].kind)
      assert.is_true(seen[good])
      driver.multi:close()
    end)

    it("survives connections that the server closes between requests", function()
      local driver = support.select_driver()
      for i = 1, 300 do
        local easy, body = support.easy { url = hostile.url("/close-idle") }
        driver.multi:add_handle(easy)
        local seen = driver:run()
        assert.is_true(seen[easy], i)
        assert.equal("closing soon\n", table.concat(body))
        easy:close()
      end
      assert.is_nil(next(driver.watched))
      driver.multi:close()
    end)

    it("uses one connection for one request after the other", function()
      local driver = support.select_driver()
      local easy = support.easy { url = nginx.url("/file/keep-alive") }
      for _ = 1, 50 do
        driver.multi:add_handle(easy)
        assert.is_true(driver:run()[easy])
      end
      local lines, connections = nginx.log("keep%-alive", 50), {}
      assert.equal(50, #lines)
      for _, line in ipairs(lines) do
        connections[line.connection] = true
      end
      assert.is_nil(next(connections, next(connections)))
      driver.multi:close()
    end)

    it("adds and removes while others run", function()
      local driver, list, seen = support.select_driver(), {}, {}
      local check, started = support.deadline(), 0
      while true do
        if started < 60 then
          started = started + 1
          support.add(driver.multi, list, {
            url = hostile.url("/late?delay=0.05&body=" .. started),
          })
          if started % 3 == 0 then
            local victim = list[started - 1].easy
            if not seen[victim] then
              driver.multi:remove_handle(victim)
              seen[victim] = "removed"
            end
          end
        end
        local running = driver:turn()
        support.reap(driver.multi, seen)
        check()
        if started == 60 and running == 0 then
          break
        end
      end
      local removed = 0
      for i, entry in ipairs(list) do
        if seen[entry.easy] == "removed" then
          removed = removed + 1
        else
          assert.is_true(seen[entry.easy])
          assert.equal(tostring(i), table.concat(entry.body))
        end
      end
      assert.truthy(removed > 0)
      driver.multi:close()
    end)

    for _, where in ipairs { "socketfunction", "timerfunction" } do
      it("raises from the driving call what its " .. where .. " raised", function()
        local raised, armed = { "raised" }, false
        local function raise()
          if armed then
            armed = false
            error(raised)
          end
        end
        local driver = support.select_driver {
          on_socket = where == "socketfunction" and raise or nil,
          on_timer = where == "timerfunction" and raise or nil,
        }
        local easy, body = support.easy { url = nginx.url("/1k") }
        armed = true
        local errors, seen = {}, {}
        local ok, err = pcall(driver.multi.add_handle, driver.multi, easy)
        if not ok then
          errors[1] = err
        end
        local check = support.deadline()
        while not seen[easy] do
          ok, err = pcall(driver.turn, driver)
          if not ok then
            errors[#errors + 1] = err
          end
          support.reap(driver.multi, seen)
          check()
        end
        -- Raised once, and the transfer has not suffered.
        assert.equal(1, #errors)
        assert.equal(raised, errors[1])
        assert.is_true(seen[easy])
        assert.equal(1024, #table.concat(body))
        driver.multi:close()
      end)
    end

    it("raises the first of several errors, and any value", function()
      for _, value in ipairs { "text", 5, false, print, io.stdout } do
        local multi = core.multi {
          timerfunction = function() error(value, 0) end,
          socketfunction = function() end,
        }
        local easy = support.easy { url = nginx.url("/1k") }
        assert.same({ false, value }, { pcall(multi.add_handle, multi, easy) })
        assert.truthy(tostring(multi):find("(1 transfers)", 1, true))
        multi:setopt("timerfunction", nil)
        multi:close()
      end
    end)

    it("raises what the socket callback raised while it was closed or removed from", function()
      for _, how in ipairs { "remove_handle", "close" } do
        local armed = false
        local driver = support.select_driver {
          on_socket = function()
            if armed then error("at the end", 0) end
          end,
        }
        local easy = support.add(driver.multi, {}, { url = hostile.url("/stall") })
        local check = support.deadline()
        while not next(driver.watched) do
          driver:turn()
          check()
        end
        armed = true
        assert.same({ false, "at the end" }, {
          pcall(driver.multi[how], driver.multi, how == "remove_handle" and easy or nil),
        })
        armed = false
        driver.multi:close()
        easy:close()
      end
    end)

    it("refuses to be entered from its callbacks", function()
      local errors, driver, easy = {}, nil, nil
      local function misuse()
        for name, call in pairs {
          add = function() driver.multi:add_handle(core.easy()) end,
          remove = function() driver.multi:remove_handle(easy) end,
          action = function() driver.multi:socket_action() end,
          perform = function() driver.multi:perform() end,
          close = function() driver.multi:close() end,
          setopt = function() driver.multi:setopt("maxconnects", 5) end,
          pause = function() easy:pause(core.PAUSE_CONT) end,
          yield = function() coroutine.yield() end,
        } do
          errors[name] = select(2, pcall(call)) or false
        end
      end
      driver = support.select_driver { on_socket = misuse, on_timer = misuse }
      easy = support.easy { url = nginx.url("/1k") }
      driver.multi:add_handle(easy)
      assert.is_true(driver:run()[easy])
      for name, err in pairs(errors) do
        assert.truthy(err and (err:find("callback", 1, true) or err:find("yield", 1, true)), name)
      end
      assert.equal("string", type(errors.pause))
      driver.multi:close()
    end)

    it("lets its callbacks close handles", function()
      local victims = {}
      local driver = support.select_driver {
        on_socket = function()
          local victim = table.remove(victims)
          if victim then
            victim:close()
            collectgarbage()
          end
        end,
      }
      for _ = 1, 20 do
        victims[#victims + 1] = support.add(driver.multi, {}, { url = hostile.url("/stall") })
        support.add(driver.multi, {}, { url = nginx.url("/1k") })
      end
      driver:run(function() return #victims == 0 end)
      driver:run()
      assert.truthy(tostring(driver.multi):find("(0 transfers)", 1, true))
      driver.multi:close()
    end)

    it("can lose its callbacks", function()
      local driver = support.select_driver()
      driver.multi:setopt("socketfunction", nil)
      driver.multi:setopt("timerfunction", nil)
      support.add(driver.multi, {}, { url = nginx.url("/1k") })
      assert.equal(0, #driver.events)
      support.perform(driver.multi)
      assert.equal(0, #driver.events)
      driver.multi:close()
    end)
  end)

  describe("with perform and poll", function()
    it("runs transfers", function()
      local multi, list = core.multi(), {}
      for i = 1, 20 do
        support.add(multi, list, { url = nginx.url("/file/" .. i) })
      end
      local seen = support.perform(multi)
      for i, entry in ipairs(list) do
        assert.is_true(seen[entry.easy])
        assert.equal("body-" .. i, table.concat(entry.body))
      end
      multi:close()
    end)

    it("waits for as long as it was asked to", function()
      local multi = core.multi()
      local started = socket.gettime()
      assert.equal(0, multi:poll(100))
      assert.truthy(socket.gettime() - started >= 0.09)
      assert.equal(0, multi:wait(0))
      assert.has_error(function() multi:poll() end)
      assert.has_error(function() multi:poll(-1) end)
      assert.has_error(function() multi:poll(2 ^ 31) end)
      assert.has_error(function() multi:wait("x") end)
      multi:close()
    end)

    it("is woken up", function()
      local multi = core.multi()
      assert.equal(multi, multi:wakeup())
      local check = support.deadline(10)
      multi:poll(60000)
      check("the poll")
      multi:close()
    end)
  end)

end)
