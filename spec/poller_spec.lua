-- core.poller: poll(2) with a set that is kept; core.ready_box: the ready transfers of several
-- multis.
local core = require("multisock.core")
local socket = require("socket")
local support = require("spec.support.core_support")

describe("core.poller", function()
  local poller, pairs_of_sockets

  before_each(function()
    poller, pairs_of_sockets = core.poller(), {}
  end)
  after_each(function()
    for _, open in ipairs(pairs_of_sockets) do
      open:close()
    end
    poller:close()
  end)

  -- Two sockets that are connected to each other.
  local function connected()
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local one = assert(socket.connect("127.0.0.1", port))
    local two = assert(server:accept())
    server:close()
    table.insert(pairs_of_sockets, one)
    table.insert(pairs_of_sockets, two)
    return one, two
  end

  local function wait(seconds)
    local ready, found = {}, {}
    local count = poller:wait(seconds, ready)
    for i = 1, 2 * count, 2 do
      found[ready[i]] = ready[i + 1]
    end
    return found, count
  end

  it("tells what is ready, again and again", function()
    local one, two = connected()
    assert.equal(poller, poller:watch(one:getfd(), "in"))
    assert.same({}, (wait(0)))
    two:send("x")
    assert.same({ [one:getfd()] = "in" }, (wait(1)))
    assert.same({ [one:getfd()] = "in" }, (wait()))
    poller:watch(one:getfd(), "inout")
    assert.same({ [one:getfd()] = "inout" }, (wait(0)))
    poller:watch(one:getfd(), "out")
    assert.same({ [one:getfd()] = "out" }, (wait(0)))
    poller:watch(one:getfd(), nil)
    poller:watch(one:getfd(), nil)
    assert.same({}, (wait(0)))
  end)

  it("keeps hundreds apart while they come and go", function()
    local fds = {}
    for i = 1, 150 do
      local one, two = connected()
      fds[i] = one:getfd()
      two:send("x")
      poller:watch(fds[i], "in")
    end
    local found, count = wait(1)
    assert.equal(150, count)
    for i = 1, 150, 2 do
      assert.equal("in", found[fds[i]])
      poller:watch(fds[i], nil)
    end
    found, count = wait(1)
    assert.equal(75, count)
    for i = 1, 150 do
      assert.equal(i % 2 == 0 and "in" or nil, found[fds[i]])
    end
    assert.equal("multisock.poller (75 descriptors)", tostring(poller))
  end)

  it("tells of errors, and of what is not open", function()
    local one = connected()
    local fd = one:getfd()
    poller:watch(fd, "in")
    one:close()
    assert.same({ [fd] = "err" }, (wait(1)))
  end)

  it("waits no longer than asked", function()
    local started = socket.gettime()
    assert.same({}, (wait(0.02)))
    assert.is_true(socket.gettime() - started >= 0.019)
    assert.same({}, (wait(-1)))
    assert.is_true(socket.gettime() - started < 5)
  end)

  it("refuses what is no descriptor, event or table", function()
    assert.error_matches(function() poller:watch(-1, "in") end, "descriptor expected")
    assert.error_matches(function() poller:watch(1, "both") end, "invalid option 'both'")
    assert.error_matches(function() poller:watch("x") end, "number expected")
    assert.error_matches(function() poller:wait(0) end, "table expected")
    assert.error_matches(function() poller:wait("x", {}) end, "number expected")
    assert.error_matches(function() poller.wait({}, 0, {}) end, "poller")
  end)

  it("may be closed twice, and used again", function()
    local one, two = connected()
    two:send("x")
    poller:watch(one:getfd(), "in")
    poller:close()
    poller:close()
    assert.same({}, (wait(0)))
    poller:watch(one:getfd(), "in")
    assert.same({ [one:getfd()] = "in" }, (wait(1)))
  end)
end)

describe("core.ready_box", function()
  it("is empty at first, and takes multis that nobody drives", function()
    local box, multi = core.ready_box(), core.multi()
    assert.equal(box, box:attach(multi))
    assert.is_true(box:is_empty())
    assert.same({ 3, 0 }, { box:take({}, 3, {}) })
    local loop = core.loop()
    assert.error_matches(function() box:attach(core.multi():attach(loop)) end, "has a loop")
    local busy = core.multi()
    busy:add_handle((support.easy { url = "http://127.0.0.1:9/" }))
    assert.error_matches(function() box:attach(busy) end, "transfers")
    busy:close()
    assert.error_matches(function() box:attach({}) end, "multi")
    loop:close()
    multi:close()
  end)

  it("lives as long as its multis, in any order of their ends", function()
    for _ = 1, 10 do
      local multi = core.multi()
      core.ready_box():attach(multi)
      support.collect()
      local easy = core.easy():collect()
      easy:setopt("url", "http://127.0.0.1:9/")
      multi:add_handle(easy)
      multi:perform()
      if math.random(2) == 1 then
        multi:close()
      end
      multi, easy = nil, nil -- luacheck: ignore 311
      support.collect()
    end
  end)
end)
