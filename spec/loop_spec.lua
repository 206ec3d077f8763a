-- core.loop: transfers driven by libuv, in any order of adding, removing and closing.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local socket = require("socket")
local support = require("spec.support.core_support")

local attached = support.attached

describe("core.loop", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  local function running(...)
    return support.running(hostile, ...)
  end

  it("drives many transfers side by side", function()
    local loop, multi = attached()
    local list = {}
    for i = 1, 200 do
      support.add(multi, list, { url = nginx.url("/file/" .. i) })
    end
    local seen = support.drain(loop, { multi }, 200)
    for i, entry in ipairs(list) do
      assert.is_true(seen[entry.easy])
      assert.equal("body-" .. i, table.concat(entry.body))
    end
    assert.is_false(loop:step(0))
    loop:close()
  end)

  it("counts the sockets it watches, idle ones included, and its multis", function()
    local loop, multi = attached()
    assert.same({ 0, 1 }, { loop:counts() })
    local list = running(loop, multi, 3)
    assert.same({ 3, 1 }, { loop:counts() })
    for _, entry in ipairs(list) do
      multi:remove_handle(entry.easy)
    end
    assert.same({ 0, 1 }, { loop:counts() })
    support.add(multi, list, { url = nginx.url("/1k") })
    support.drain(loop, { multi }, 1)
    assert.same({ 1, 1 }, { loop:counts() })
    multi:close()
    assert.same({ 0, 0 }, { loop:counts() })
    loop:close()
  end)

  it("waits no longer than it was asked to", function()
    local loop, multi = attached()
    local started = socket.gettime()
    assert.is_false(loop:step())
    assert.truthy(socket.gettime() - started < 4)
    -- It sleeps when there is nothing else to wait for.
    started = socket.gettime()
    assert.is_false(loop:step(0.1))
    assert.truthy(socket.gettime() - started >= 0.09)
    running(loop, multi, 1)
    started = socket.gettime()
    assert.is_true(loop:step(0.1))
    assert.truthy(socket.gettime() - started >= 0.09)
    started = socket.gettime()
    loop:step(0)
    loop:step(-1)
    assert.truthy(socket.gettime() - started < 4)
    assert.has_error(function() loop:step("x") end)
    assert.has_error(function() loop:step({}) end)
    assert.truthy(loop:now() > 0)
    loop:close()
  end)

  it("does not wait while an end is there to be read", function()
    local loop, multi = attached()
    local easy = support.easy { url = "file:///etc/hostname" }
    for _ = 1, 10 do
      -- Ends within the step itself, before the loop would wait.
      multi:add_handle(easy)
      local started = socket.gettime()
      local seen = {}
      for _ = 1, 3 do
        loop:step(10)
      end
      assert.equal(1, support.reap(multi, seen))
      assert.is_true(seen[easy])
      assert.truthy(socket.gettime() - started < 9)
    end
    loop:close()
  end)

  it("uses one connection for one request after the other", function()
    local loop, multi = attached()
    local easy = support.easy { url = nginx.url("/file/attached-keep") }
    for _ = 1, 100 do
      multi:add_handle(easy)
      assert.is_true(support.drain(loop, { multi }, 1)[easy])
    end
    local connections = {}
    for _, line in ipairs(nginx.log("attached%-keep", 100)) do
      connections[line.connection] = true
    end
    assert.is_nil(next(connections, next(connections)))
    loop:close()
  end)

  it("adds and removes while others run", function()
    local loop, multi = attached()
    local list, seen, removed = {}, {}, 0
    local check, started = support.deadline(), 0
    repeat
      for _ = 1, 5 do
        if started < 300 then
          started = started + 1
          support.add(multi, list, { url = nginx.url("/file/" .. started) })
        end
      end
      local victim = list[math.random(#list)].easy
      if not seen[victim] then
        multi:remove_handle(victim)
        seen[victim], removed = "removed", removed + 1
      end
      loop:step(0.01)
      support.reap(multi, seen)
      check()
      local missing = 0
      for _, entry in ipairs(list) do
        missing = missing + (seen[entry.easy] and 0 or 1)
      end
    until started == 300 and missing == 0
    assert.truthy(removed > 0)
    for i, entry in ipairs(list) do
      if seen[entry.easy] ~= "removed" then
        assert.is_true(seen[entry.easy])
        assert.equal("body-" .. i, table.concat(entry.body))
      end
    end
    assert.truthy(tostring(multi):find("(0 transfers)", 1, true))
    loop:close()
  end)

  it("ends refused connections, on every address", function()
    local loop, multi = attached()
    local port = support.refusing_port()
    local list = {}
    for i = 1, 60 do
      if i % 3 == 0 then
        support.add(multi, list, {
          url = ("http://three.invalid:%d/"):format(port),
          resolve = { ("three.invalid:%d:127.0.0.1,127.0.0.2,127.0.0.3"):format(port) },
        })
      elseif i % 3 == 1 then
        support.add(multi, list, { url = ("http://127.0.0.1:%d/"):format(port) })
      else
        support.add(multi, list, { url = nginx.url("/file/" .. i) })
      end
    end
    local seen = support.drain(loop, { multi }, 60)
    for i, entry in ipairs(list) do
      if i % 3 == 2 then
        assert.is_true(seen[entry.easy])
      else
        assert.equal("connect", seen[entry.easy][1].kind)
      end
    end
    for _, entry in ipairs(list) do
      entry.easy:close()
    end
    assert.is_false(loop:step(0))
    loop:close()
  end)

  it("finds the third address when the first two refuse", function()
    local loop, multi = attached()
    local list = {}
    for i = 1, 20 do
      support.add(multi, list, {
        url = ("http://third.invalid:%d/file/%d"):format(nginx.port, i),
        resolve = { ("third.invalid:%d:127.0.0.2,127.0.0.3,127.0.0.1"):format(nginx.port) },
      })
    end
    local seen = support.drain(loop, { multi }, 20)
    for i, entry in ipairs(list) do
      assert.is_true(seen[entry.easy], i)
    end
    loop:close()
  end)

  it("survives connections that the server closes, hundreds of times", function()
    local loop, multi = attached()
    for round = 1, 300 do
      local path = round % 2 == 0 and "/close-idle" or "/close-idle?next=1&count=2"
      local list = {}
      for _ = 1, 2 do
        support.add(multi, list, { url = hostile.url(path) })
      end
      local seen = support.drain(loop, { multi }, 2)
      for _, entry in ipairs(list) do
        assert.is_true(seen[entry.easy], round)
        entry.easy:close()
      end
    end
    assert.truthy((loop:counts()) <= 4)
    loop:close()
  end)

  it("survives descriptors that come back as something else", function()
    local loop, multi = attached()
    local list, seen = {}, {}
    for round = 1, 100 do
      support.add(multi, list, { url = nginx.url("/file/" .. round) })
      local stalled = support.add(multi, {}, { url = hostile.url("/stall") })
      for _ = 1, 3 do
        loop:step(0.005)
      end
      multi:remove_handle(stalled)
      stalled:close()
      -- Takes the descriptor that was just closed, and gives it back.
      local files = {}
      for i = 1, 5 do
        files[i] = assert(io.open("/dev/null"))
      end
      support.reap(multi, seen)
      loop:step(0)
      for i = 1, 5 do
        files[i]:close()
      end
    end
    support.step(loop, function()
      support.reap(multi, seen)
      return seen[list[#list].easy]
    end)
    for _, entry in ipairs(list) do
      assert.is_true(seen[entry.easy])
    end
    loop:close()
  end)

  it("ends every kind of timeout", function()
    local loop, multi = attached()
    local port, sockets = support.deaf_port()
    local list = {}
    for _, path in ipairs { "/stall", "/stall-headers", "/stall-body" } do
      support.add(multi, list, { url = hostile.url(path), timeout_ms = 150 })
    end
    support.add(multi, list, {
      url = ("http://127.0.0.1:%d/"):format(port), connecttimeout_ms = 150,
    })
    local seen = support.drain(loop, { multi }, 4)
    for _, entry in ipairs(list) do
      assert.equal("timeout", seen[entry.easy][1].kind)
    end
    for _, open in ipairs(sockets) do
      open:close()
    end
    loop:close()
  end)

  it("pauses, and goes on when it is told to", function()
    local loop, multi = attached()
    local paused, bytes = false, 0
    local easy = support.easy {
      url = nginx.url("/1m"),
      writefunction = function(piece)
        if bytes > 100000 and not paused then
          paused = true
          return core.WRITEFUNC_PAUSE
        end
        bytes = bytes + #piece
      end,
    }
    multi:add_handle(easy)
    support.step(loop, function() return paused end)
    local before = bytes
    for _ = 1, 5 do
      loop:step(0.01)
    end
    assert.equal(before, bytes)
    assert.equal(easy, easy:pause(core.PAUSE_CONT))
    assert.is_true(support.drain(loop, { multi }, 1)[easy])
    assert.equal(1048576, bytes)
    loop:close()
  end)

  it("gives what a callback raised to info_read, and drives the others on", function()
    local loop, multi = attached()
    local list, raised = {}, {}
    for i = 1, 40 do
      support.add(multi, list, {
        url = nginx.url("/file/" .. i),
        writefunction = i % 2 == 0 and function() error(raised) end or nil,
      })
    end
    local seen = support.drain(loop, { multi }, 40)
    for i, entry in ipairs(list) do
      if i % 2 == 0 then
        assert.equal(raised, seen[entry.easy][1])
      else
        assert.is_true(seen[entry.easy])
      end
    end
    loop:close()
  end)

  it("refuses to be entered from callbacks", function()
    local loop, multi = attached()
    local errors = {}
    local easy
    easy = support.easy {
      url = nginx.url("/1k"),
      writefunction = function()
        for name, call in pairs {
          step = function() loop:step(0) end,
          close = function() loop:close() end,
          multi_close = function() multi:close() end,
          remove = function() multi:remove_handle(easy) end,
          add = function() multi:add_handle(core.easy()) end,
        } do
          errors[name] = select(2, pcall(call)) or false
        end
        -- Another multi may be closed, or started.
        core.multi():attach(loop):close()
        local other = core.multi()
        other:attach(loop)
        other:add_handle((support.easy { url = nginx.url("/1k") }))
      end,
    }
    multi:add_handle(easy)
    assert.is_true(support.drain(loop, { multi }, 1)[easy])
    for _, name in ipairs { "step", "close", "multi_close", "remove", "add" } do
      assert.truthy(errors[name], name)
      assert.truthy(errors[name]:find("callback", 1, true) or errors[name]:find("running", 1, true))
    end
    assert.same({ loop:counts() }, { select(1, loop:counts()), 2 })
    loop:close()
  end)

end)
