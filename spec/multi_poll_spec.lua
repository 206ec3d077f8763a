-- Waiting with core.multi, also for descriptors of the caller's own, and what a
-- multi knows of its transfers.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local socket = require("socket")
local support = require("spec.support.core_support")

local number = core.version().curl_number

describe("a multi", function()
  local hostile = fixtures.hostile()
  fixtures.no_handles_left()

  -- Two ends of a connection.
  local function pair()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local one = assert(socket.connect("127.0.0.1", port))
    local two = assert(listener:accept())
    listener:close()
    return one, two
  end

  for _, method in ipairs { "poll", "wait" } do
    it("tells with " .. method .. " which descriptors are ready", function()
      local multi = core.multi()
      local one, two = pair()
      local fd, other = one:getfd(), two:getfd()
      assert.same({ 0, {} }, { multi[method](multi, 1, { { fd = fd } }) })
      assert.same({ 1, { { fd = fd, events = "out" } } },
        { multi[method](multi, 1000, { { fd = fd, events = "inout" } }) })
      two:send("x")
      local count, ready = multi[method](multi, 1000, {
        { fd = fd, events = "inout" }, { fd = other, events = "out" }, { fd = other },
      })
      assert.equal(2, count)
      assert.same({ { fd = fd, events = "inout" }, { fd = other, events = "out" } }, ready)
      assert.same({ 0, {} }, { multi[method](multi, 1, { { fd = fd, events = "pri" } }) })
      assert.same({ 0, {} }, { multi[method](multi, 0, {}) })
      one:close()
      two:close()
      multi:close()
    end)

    it("refuses with " .. method .. " what is no list of descriptors", function()
      local multi = core.multi()
      for _, bad in ipairs {
        "x", 5, { 5 }, { {} }, { { fd = -1 } }, { { fd = "1" } }, { { fd = 1.5 } },
        { { fd = math.floor(2 ^ 40) } }, { { fd = 0, events = "nonsense" } },
        { { fd = 0, events = {} } },
      } do
        assert.has_error(function() multi[method](multi, 0, bad) end)
      end
      multi:close()
    end)
  end

  it("waits for its transfers and the caller's descriptors at once", function()
    local multi = core.multi()
    local one, two = pair()
    local easy = support.easy { url = hostile.url("/late?delay=0.1") }
    multi:add_handle(easy)
    two:send("x")
    local check, seen, heard = support.deadline(), {}, false
    while not seen[easy] do
      multi:perform()
      support.reap(multi, seen)
      local _, ready = multi:poll(50, not heard and { { fd = one:getfd() } } or {})
      if ready[1] then
        heard = one:receive(1) == "x"
      end
      check()
    end
    assert.is_true(heard)
    assert.is_true(seen[easy])
    one:close()
    two:close()
    multi:close()
  end)

  it("lists its handles, oldest first", function()
    local multi = core.multi()
    local list = {}
    for i = 1, 5 do
      list[i] = support.easy { url = hostile.url("/stall") }
      multi:add_handle(list[i])
    end
    assert.same(list, multi:get_handles())
    multi:remove_handle(table.remove(list, 2))
    table.remove(list, 3):close()
    assert.same(list, multi:get_handles())
    multi:close()
    assert.error_matches(function() multi:get_handles() end, "closed")
  end)

  it("lists the sockets it waits for, or says that libcurl cannot", function()
    local multi = core.multi()
    local fds, err = multi:waitfds()
    if number < 0x080800 then
      assert.is_nil(fds)
      assert.truthy(err.message:find("waitfds needs libcurl 8.8.0 or newer", 1, true))
      multi:close()
      return
    end
    assert.same({}, fds)
    for _ = 1, 70 do
      multi:add_handle((support.easy { url = hostile.url("/stall") }))
    end
    local check = support.deadline()
    repeat
      multi:perform()
      multi:poll(10)
      fds = multi:waitfds()
      check()
    until #fds >= 70
    assert.equal("integer", helper.number_type(fds[1].fd, "integer"))
    assert.truthy(fds[1].events)
    multi:close()
  end)

  it("counts its transfers, or says that libcurl cannot", function()
    local multi = core.multi()
    local count, err = multi:get_offt("xfers_current")
    if number < 0x081000 then
      assert.is_nil(count)
      assert.truthy(err.message:find("get_offt needs libcurl 8.16.0 or newer", 1, true))
    else
      assert.equal(0, count)
      multi:add_handle((support.easy { url = hostile.url("/stall") }))
      assert.equal(1, multi:get_offt("xfers_current"))
      assert.equal(1, multi:get_offt("xfers_added"))
      assert.equal(0, multi:get_offt("xfers_done"))
    end
    assert.has_error(function() multi:get_offt("nonsense") end)
    multi:close()
  end)

  it("assigns only to sockets that libcurl uses, and not while a loop drives it", function()
    local multi = core.multi()
    for _, fd in ipairs { 0, -1, 99999, math.maxinteger } do
      assert.equal("curl", helper.err_of(multi:assign(fd, "x")).kind)
    end
    multi:close()
    local loop = core.loop()
    multi = core.multi():attach(loop)
    assert.error_matches(function() multi:assign(1, 1) end, "a loop drives")
    loop:close()
  end)
end)
