-- gate.c: the arithmetic of who may start, and the handles that wait.
local core = require("multisock.core")

-- A host of a client that may have so many connections.
local function new_gate(options)
  local client = options.client or core.budget(options.connections)
  local gate = core.gate(client, core.budget(), options.limit, options.streams or 100,
    options.known, options.cleartext)
  return gate, client
end

-- Has it keep so many handles; they are the keys of the weak table returned.
local function keep(gate, multi, count)
  local watch = setmetatable({}, { __mode = "k" })
  for _ = 1, count do
    local easy = core.easy()
    watch[easy] = true
    assert.is_true(gate:keep(easy, multi, 1))
  end
  return watch
end

describe("a gate", function()
  it("bounds HTTP/1 by its own limit and by the budgets it shares", function()
    local first, client = new_gate({ connections = 3, limit = 2, known = true })
    local second = new_gate({ client = client, limit = 2, known = true })
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

  it("lets one scout ask for the version", function()
    local gate = new_gate({})
    assert.is_nil(gate:version())
    assert.same({ true, true }, { gate:take() })
    assert.same({ false }, { gate:take() })
    -- It ends without a connection: then two may try.
    gate:leave(true)
    assert.same({ true, true }, { gate:take(200) })
    assert.same({ true, true }, { gate:take(200) })
    assert.same({ false }, { gate:take(200) })
  end)

  it("fills the connections that stand before another one is opened", function()
    local gate, client = new_gate({ streams = 3 })
    assert.same({ true, true }, { gate:take() })
    assert.is_true(gate:connected(false))
    assert.is_true(gate:learn("2"))
    assert.is_false(gate:learn("2"))
    assert.equal("h2", gate:version())
    assert.same({ true, false }, { gate:take() })
    assert.same({ true, false }, { gate:take() })
    assert.same({ true, true }, { gate:take(9) })
    assert.same({ false }, { gate:take(1) })       -- the one being opened has room for both
    for _ = 1, 3 do
      assert.same({ true, true }, { gate:take(9) })
    end
    assert.same({ false }, { gate:take(99) })      -- until one of them stands
    assert.is_true(gate:connected(false))          -- two stand, for 7 are there
    assert.same({ true, true }, { gate:take(99) })
    for _ = 1, 3 do
      assert.is_true(gate:connected(false))
    end
    assert.same({ true, false }, { gate:take() })
    assert.equal(6, (client:counts()))
    for _ = 1, 9 do
      gate:leave()
    end
    assert.equal(0, (client:counts()))
  end)

  it("counts a connection for each transfer once HTTP/1 is known", function()
    local gate, client = new_gate({})
    gate:take()
    gate:connected(false)
    gate:take()
    gate:learn("1.1")
    assert.equal("h1", gate:version())
    assert.equal(2, (client:counts()))
    gate:leave()
    gate:leave()
    assert.equal(0, (client:counts()))
  end)

  it("gives back the handle that came last, and forgets closed ones", function()
    local gate, multi = new_gate({ known = true }), core.multi()
    local first, second = core.easy(), core.easy()
    assert.is_nil(gate:pop())
    assert.is_true(gate:keep(first, multi, 7))
    assert.is_true(gate:keep(second, multi, 7))
    second:close()
    local easy, home, number = gate:pop(7)
    assert.equal(first, easy)
    assert.equal(multi, home)
    assert.equal(7, number)
    assert.is_nil(gate:pop())
    gate:keep(first, multi, 7)
    multi:close()
    assert.is_nil(gate:pop())
  end)

  it("gives the handle of a profile, one to be set up, or the multi of another", function()
    local gate, multi = new_gate({ known = true }), core.multi()
    local first, second, third = core.easy(), core.easy(), core.easy()
    gate:keep(first, multi, 1)
    gate:keep(second, multi, 2)
    gate:keep(third, multi, 0)
    local easy, _, number = gate:pop(1)
    assert.equal(first, easy)
    assert.equal(1, number)
    easy, _, number = gate:pop(1)
    assert.equal(third, easy)
    assert.equal(0, number)
    local home
    easy, home = gate:pop(1)
    assert.is_nil(easy)
    assert.equal(multi, home)
    assert.equal(second, (gate:pop(2)))
    multi:close()
  end)

  it("keeps what waits alive, and no more than 256", function()
    local gate, multi = new_gate({ known = true }), core.multi()
    local watch = keep(gate, multi, 256)
    local one_more = core.easy()
    assert.is_false(gate:keep(one_more, multi, 1))
    collectgarbage()
    collectgarbage()
    local count = 0
    local easy = gate:pop()
    while easy do
      count = count + 1
      watch[easy] = nil
      gate:drop(easy)
      easy = gate:pop()
    end
    assert.equal(256, count)
    assert.is_nil(next(watch))
    multi:close()
  end)

  it("lets go of all", function()
    local gate, multi = new_gate({ known = true }), core.multi()
    local watch = keep(gate, multi, 3)
    gate:disown()
    assert.is_nil(gate:pop())
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(watch))
    assert.is_true(gate:take(0))    -- its budgets are there
    gate:leave()
    multi:close()
  end)

  it("refuses what is none", function()
    local gate = new_gate({ known = true })
    assert.has_error(function() gate.take({}) end)
    assert.has_error(function() gate:keep({}, core.multi(), 1) end)
    assert.has_error(function() gate:learn() end)
    assert.has_error(function() core.gate() end)
    assert.has_error(function() core.gate(gate, gate, 1, 1) end)
    local perform = core.perform or core.perform_begin    -- before Lua 5.3 it is halved
    local lines, limits = core.lines({}, nil, {}), core.limits(nil, 30, nil, 1, 1, 0)
    assert.has_error(function() perform(gate) end)
    assert.has_error(function() perform(gate, {}, 1, 1, false, limits, lines, "GET") end)
    assert.has_error(function() perform(gate, {}, {}, 1, false, lines, limits, "GET") end)
    assert.has_error(function() perform(gate, {}, {}, 1, false, limits, lines, {}) end)
    assert.has_error(function() perform(gate, {}, {}, 1, false, limits, lines, "GET", {}) end)
    assert.has_error(function() core.start(gate, core.multi(), core.easy(), {}) end)
    -- There is no handle.
    assert.is_nil(perform(gate, {}, {}, 1, false, limits, lines, "GET"))
  end)
end)
