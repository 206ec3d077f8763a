-- limiter.c: the arithmetic of who may start, and the handles that wait.
local core = require("multisock.core")

-- A host of a client that may have so many connections.
local function new_limiter(options)
  local client = options.client or core.counter(options.connections)
  local limiter = core.limiter(client, core.counter(), options.limit, options.streams or 100,
    options.known, options.cleartext)
  return limiter, client
end

-- Has it keep so many handles; they are the keys of the weak table returned.
local function keep(limiter, multi, count)
  local watch = setmetatable({}, { __mode = "k" })
  for _ = 1, count do
    local easy = core.easy():collect()
    watch[easy] = true
    assert.is_true(limiter:keep(easy, multi, 1))
  end
  return watch
end

describe("a limiter", function()
  it("bounds HTTP/1 by its own limit and by the counters it shares", function()
    local first, client = new_limiter({ connections = 3, limit = 2, known = true })
    local second = new_limiter({ client = client, limit = 2, known = true })
    assert.is_true((first:take()))
    assert.is_true((first:take()))
    assert.same({ false }, { first:take() })
    assert.is_true((second:take()))
    assert.same({ false, "client" }, { second:take() })
    assert.is_true(client:is_full())
    first:leave()
    assert.is_true((second:take()))
    first:leave()
    second:leave()
    second:leave()
    assert.equal(0, (client:counts()))
    assert.equal(0, first:active() + second:active())
  end)

  it("lets one probe ask for the version", function()
    local limiter = new_limiter({})
    assert.is_nil(limiter:version())
    assert.same({ true, true }, { limiter:take() })
    assert.same({ false }, { limiter:take() })
    -- It ends without a connection: then two may try.
    limiter:leave(true)
    assert.same({ true, true }, { limiter:take(200) })
    assert.same({ true, true }, { limiter:take(200) })
    assert.same({ false }, { limiter:take(200) })
  end)

  it("fills the connections that stand before another one is opened", function()
    local limiter, client = new_limiter({ streams = 3 })
    assert.same({ true, true }, { limiter:take() })
    assert.is_true(limiter:connected(false))
    assert.is_true(limiter:learn("2"))
    assert.is_false(limiter:learn("2"))
    assert.equal("h2", limiter:version())
    assert.same({ true, false }, { limiter:take() })
    assert.same({ true, false }, { limiter:take() })
    assert.same({ true, true }, { limiter:take(9) })
    assert.same({ false }, { limiter:take(1) })       -- the one being opened has room for both
    for _ = 1, 3 do
      assert.same({ true, true }, { limiter:take(9) })
    end
    assert.same({ false }, { limiter:take(99) })      -- until one of them stands
    assert.is_true(limiter:connected(false))          -- two stand, for 7 are there
    assert.same({ true, true }, { limiter:take(99) })
    for _ = 1, 3 do
      assert.is_true(limiter:connected(false))
    end
    assert.same({ true, false }, { limiter:take() })
    assert.equal(6, (client:counts()))
    for _ = 1, 9 do
      limiter:leave()
    end
    assert.equal(0, (client:counts()))
  end)

  it("counts a connection for each transfer once HTTP/1 is known", function()
    local limiter, client = new_limiter({})
    limiter:take()
    limiter:connected(false)
    limiter:take()
    limiter:learn("1.1")
    assert.equal("h1", limiter:version())
    assert.equal(2, (client:counts()))
    limiter:leave()
    limiter:leave()
    assert.equal(0, (client:counts()))
  end)

  it("gives back the handle that came last, and forgets closed ones", function()
    local limiter, multi = new_limiter({ known = true }), core.multi()
    local first, second = core.easy():collect(), core.easy():collect()
    assert.is_nil(limiter:pop())
    assert.is_true(limiter:keep(first, multi, 7))
    assert.is_true(limiter:keep(second, multi, 7))
    second:close()
    local easy, home, number = limiter:pop(7)
    assert.equal(first, easy)
    assert.equal(multi, home)
    assert.equal(7, number)
    assert.is_nil(limiter:pop())
    limiter:keep(first, multi, 7)
    multi:close()
    assert.is_nil(limiter:pop())
  end)

  it("gives the handle of a profile, one to be set up, or the multi of another", function()
    local limiter, multi = new_limiter({ known = true }), core.multi()
    local first, second, third = core.easy():collect(), core.easy():collect(),
      core.easy():collect()
    limiter:keep(first, multi, 1)
    limiter:keep(second, multi, 2)
    limiter:keep(third, multi, 0)
    local easy, _, number = limiter:pop(1)
    assert.equal(first, easy)
    assert.equal(1, number)
    easy, _, number = limiter:pop(1)
    assert.equal(third, easy)
    assert.equal(0, number)
    local home
    easy, home = limiter:pop(1)
    assert.is_nil(easy)
    assert.equal(multi, home)
    assert.equal(second, (limiter:pop(2)))
    multi:close()
  end)

  it("keeps what waits alive, and no more than 256", function()
    local limiter, multi = new_limiter({ known = true }), core.multi()
    local watch = keep(limiter, multi, 256)
    local one_more = core.easy():collect()
    assert.is_false(limiter:keep(one_more, multi, 1))
    collectgarbage()
    collectgarbage()
    local count = 0
    local easy = limiter:pop()
    while easy do
      count = count + 1
      watch[easy] = nil
      limiter:drop(easy)
      easy = limiter:pop()
    end
    assert.equal(256, count)
    assert.is_nil(next(watch))
    multi:close()
  end)

  it("lets go of all", function()
    local limiter, multi = new_limiter({ known = true }), core.multi()
    local watch = keep(limiter, multi, 3)
    limiter:disown()
    assert.is_nil(limiter:pop())
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(watch))
    assert.is_true(limiter:take(0))    -- its counters are there
    limiter:leave()
    multi:close()
  end)

  it("refuses what is none", function()
    local limiter = new_limiter({ known = true })
    assert.has_error(function() limiter.take({}) end)
    assert.has_error(function() limiter:keep({}, core.multi(), 1) end)
    assert.has_error(function() limiter:learn() end)
    assert.has_error(function() core.limiter() end)
    assert.has_error(function() core.limiter(limiter, limiter, 1, 1) end)
    local perform = core.perform or core.perform_begin    -- before Lua 5.3 it is halved
    local lines, limits = core.lines({}, nil, {}), core.limits(nil, 30, nil, 1, 1, 0, nil)
    assert.has_error(function() perform(limiter) end)
    assert.has_error(function() perform(limiter, {}, 1, 1, false, limits, lines, "GET") end)
    assert.has_error(function() perform(limiter, {}, {}, 1, false, lines, limits, "GET") end)
    assert.has_error(function() perform(limiter, {}, {}, 1, false, limits, lines, {}) end)
    assert.has_error(function()
      perform(limiter, {}, {}, 1, false, limits, lines, "GET", nil, {})
    end)
    assert.has_error(function() core.start(limiter, core.multi(), core.easy():collect(), {}) end)
    -- There is no handle.
    assert.is_nil(perform(limiter, {}, {}, 1, false, limits, lines, "GET"))
  end)
end)
