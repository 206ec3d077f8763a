-- opensocketfunction and closesocketfunction: alone, in a multi, under libuv.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local socket = require("socket")
local support = require("spec.support.core_support")

describe("socket callbacks", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  -- The ways to run one transfer: its result, or nil and the error.
  local function alone(easy)
    return easy:perform()
  end

  local function in_multi(easy)
    local multi = core.multi()
    multi:add_handle(easy)
    local seen = support.perform(multi)
    multi:close()
    if seen[easy] == true then
      return true
    end
    return nil, seen[easy][1]
  end

  local function under_libuv(easy)
    local loop = core.loop()
    local multi = core.multi():attach(loop)
    multi:add_handle(easy)
    local seen = support.drain(loop, { multi }, 1)
    multi:close()
    loop:close()
    if seen[easy] == true then
      return true
    end
    return nil, seen[easy][1]
  end

  for name, run in pairs { alone = alone, ["in a multi"] = in_multi,
    ["under libuv"] = under_libuv } do
    describe(name, function()
      it("see each socket, and open it where they return nothing", function()
        local asked, closed = {}, {}
        local easy, body = support.easy {
          url = nginx.url("/1k"),
          opensocketfunction = function(purpose, address)
            asked[#asked + 1] = { purpose, address }
          end,
          closesocketfunction = function(fd) closed[#closed + 1] = fd end,
        }
        assert.is_true(run(easy))
        assert.equal(servers.bytes(1024), table.concat(body))
        assert.same({ { "ipcxn", { family = "inet", socktype = "stream", protocol = 6,
          ip = "127.0.0.1", port = nginx.port } } }, asked)
        easy:close()
        assert.equal(1, #closed)
        assert.equal("integer", helper.number_type(closed[1], "integer"))
      end)

      it("may refuse", function()
        local easy = support.easy {
          url = nginx.url("/1k"), opensocketfunction = function() return false end,
        }
        assert.equal("CURLE_COULDNT_CONNECT", helper.err_of(run(easy)).code)
      end)

      it("may give a socket, which stays the program's own", function()
        local mine = {}
        local easy, body = support.easy {
          url = nginx.url("/1k"),
          opensocketfunction = function(_, address)
            local tcp = assert(socket.tcp4())
            assert(tcp:connect(address.ip, address.port))
            mine[#mine + 1] = tcp
            return tcp:getfd()
          end,
          sockoptfunction = function(fd, purpose)
            assert.equal("ipcxn", purpose)
            assert.truthy(fd ~= mine[#mine]:getfd())
            mine[#mine]:close()
            return core.SOCKOPT_ALREADY_CONNECTED
          end,
        }
        assert.is_true(run(easy))
        easy:setopt("fresh_connect", true)
        assert.is_true(run(easy))
        assert.equal(servers.bytes(1024):rep(2), table.concat(body))
        assert.equal(2, #mine)
      end)

      it("end the transfer with what they raise, or for what they return", function()
        local raised = {}
        local easy = support.easy {
          url = nginx.url("/1k"), opensocketfunction = function() error(raised) end,
        }
        local err = helper.err_of(run(easy))
        assert.equal(raised, err)
        for _, bad in ipairs { 99999, -1, math.maxinteger, "1", 1.5, {} } do
          easy:setopt("opensocketfunction", function() return bad end)
          err = helper.err_of(run(easy))
          assert.truthy(err:find("opensocketfunction returned", 1, true), err)
        end
        easy:setopt("opensocketfunction", function() coroutine.yield() end)
        assert.truthy(helper.err_of(run(easy)):find("cannot wait", 1, true))
        easy:unsetopt("opensocketfunction")
        assert.is_true(run(easy))
      end)

      it("may close the handle", function()
        local easy
        easy = support.easy {
          url = nginx.url("/1k"), opensocketfunction = function() easy:close() end,
        }
        if name == "alone" then
          assert.equal("cancelled", helper.err_of(easy:perform()).kind)
        else
          local loop = core.loop()
          local multi = core.multi()
          if name == "under libuv" then multi:attach(loop) end
          multi:add_handle(easy)
          local check = support.deadline()
          while tostring(easy) ~= "multisock.easy (closed)" do
            if name == "under libuv" then loop:step(0.05) else multi:perform() end
            check()
          end
          multi:close()
          loop:close()
        end
      end)
    end)
  end

  describe("closesocketfunction", function()
    it("is called for a connection whose handle is gone", function()
      local multi, closed = core.multi(), 0
      do
        local easy = support.easy {
          url = nginx.url("/1k"), closesocketfunction = function() closed = closed + 1 end,
        }
        multi:add_handle(easy)
        assert.is_true(support.perform(multi)[easy])
        easy:close()
      end
      support.collect()
      assert.equal(0, closed)
      multi:close()
      assert.equal(1, closed)
    end)

    it("is not called by the collector, and the socket is closed", function()
      local closed = 0
      for _, owner in ipairs { "easy", "multi" } do
        local easy = support.easy {
          url = nginx.url("/1k"), closesocketfunction = function() closed = closed + 1 end,
        }
        if owner == "multi" then
          local multi = core.multi()
          multi:add_handle(easy)
          assert.is_true(support.perform(multi)[easy])
        else
          assert.is_true(easy:perform())
        end
        easy = nil                                    -- luacheck: ignore
        support.collect()
      end
      assert.equal(0, closed)
    end)

    it("raises from perform, from close, and from the multi's calls", function()
      local easy = support.easy {
        url = nginx.url("/1k"), closesocketfunction = function() error("closed badly", 0) end,
      }
      easy:setopt("forbid_reuse", true)
      assert.equal("closed badly", helper.err_of(easy:perform()))
      assert.truthy(easy:traceback():find("callbacks_socket_spec", 1, true))
      easy:setopt("forbid_reuse", false)
      assert.is_true(easy:perform())
      assert.same({ false, "closed badly" }, { pcall(easy.close, easy) })
      assert.equal("multisock.easy (closed)", tostring(easy))

      local loop = core.loop()
      local multi = core.multi():attach(loop)
      easy = support.easy {
        url = nginx.url("/1k"), closesocketfunction = function() error("closed badly", 0) end,
        forbid_reuse = true,
      }
      multi:add_handle(easy)
      local raised
      support.step(loop, function()
        local fine, first = pcall(multi.info_read, multi)
        raised = raised or (not fine and first)
        return raised
      end)
      assert.equal("closed badly", raised)
      multi:remove_handle(easy)
      multi:close()
      loop:close()
      easy:close()
    end)

    it("follows the handle from one pool to the next, and through a reset", function()
      local closed = {}
      local function run(easy, n)
        easy:setopt {
          url = nginx.url("/1k"), noproxy = "*", writefunction = function() end,
          closesocketfunction = function() closed[n] = (closed[n] or 0) + 1 end,
        }
      end
      local easy = core.easy()
      run(easy, 1)
      assert.is_true(easy:perform())
      easy:reset()
      support.collect()
      run(easy, 2)
      local loop = core.loop()
      local multi = core.multi():attach(loop)
      multi:add_handle(easy)
      assert.is_true(support.drain(loop, { multi }, 1)[easy])
      loop:close()
      assert.equal(1, closed[2])
      easy:close()
      assert.equal(1, closed[1])
    end)

    it("leaves many connections of libuv's as fast and whole as without", function()
      local loop, opened, closed = core.loop(), 0, 0
      local multi = core.multi():attach(loop)
      local function on_open() opened = opened + 1 end
      local function on_close() closed = closed + 1 end
      for _ = 1, 3 do
        local easies = {}
        for i = 1, 50 do
          easies[i] = support.easy {
            url = nginx.url("/1k"), opensocketfunction = on_open, closesocketfunction = on_close,
          }
          multi:add_handle(easies[i])
        end
        local seen = support.drain(loop, { multi }, 50)
        for _, easy in ipairs(easies) do
          assert.is_true(seen[easy])
          easy:close()
        end
      end
      assert.truthy(opened >= 1 and opened <= 60)
      multi:close()
      loop:close()
      assert.equal(opened, closed)
    end)
  end)
end)
