-- pool.lua: one multi after the other, as handles become many.
local helper = require("spec.helper")
local pool = require("multisock.connection.pool")
local settings = require("multisock.request.settings")
local trust = require("multisock.request.trust")

local function new_pool(idle, files)
  local given, shared = {}, {}
  local made = pool.new(function(most, shares)
    given[#given + 1] = most
    shared[#shared + 1] = shares
    return {
      close = function(self) self.closed = true end,
      is_warm = function(self) return self.warm end,
    }
  end, function(multi) multi:close() end, idle, files or 20000)
  return made, given, shared
end

describe("a pool", function()
  it("keeps what may be HTTP/2 on one multi", function()
    local made = new_pool()
    local first = made:assign(false)
    for _ = 1, 500 do
      assert.equal(first, made:assign(false))
    end
    assert.equal(1, #made)
  end)

  it("takes another multi for every 16 handles, and evens out", function()
    local made = new_pool()
    for _ = 1, 16 do
      assert.equal(made[1], made:assign(true))
    end
    assert.not_equal(made[1], made:assign(true))
    for _ = 1, 2000 do
      made:assign(true)
    end
    assert.equal(32, #made)
    for i = 1, 32 do
      assert.is_true(math.abs(made.handles[made[i]] - 2017 / 32) <= 1)
    end
    -- One that is freed is the next to be used.
    for _ = 1, 5 do
      made:unassign(made[7])
    end
    assert.equal(made[7], made:assign(true))
  end)

  it("goes when another one has replaced it and nothing runs in it", function()
    local old = new_pool()
    local used, unused = old:assign(true), nil
    for _ = 1, 20 do
      unused = old:assign(true)
    end
    local apart = old:assign(true, true, "another file")
    local made = new_pool()
    made:replace(old)
    assert.is_true(made:is_current(made:assign(true)))
    assert.is_false(made:is_current(used))
    assert.is_false(made:is_current(apart))
    made:unassign(apart)
    local newest = new_pool()
    newest:replace(made)
    for _, multi in ipairs(old) do
      for _ = 1, old.handles[multi] do
        assert.is_nil(used.closed)
        newest:unassign(multi)
      end
    end
    assert.is_true(used.closed and unused.closed and apart.closed)
    newest:close()
    assert.is_true(made[1].closed and newest[1].closed)
  end)

  it("keeps apart what must not share a connection", function()
    local made, _, shares = new_pool(5)
    local alone = made:assign(true)
    for _ = 1, 40 do
      assert.equal(alone, made:assign(true))
      assert.is_false(made:is_shared(alone))
    end
    local shared = made:assign(false)
    assert.equal(pool.keeps_apart, shared ~= alone)
    assert.equal(pool.keeps_apart, made:is_shared(shared))
    assert.same(pool.keeps_apart and { false, true } or { true }, shares)
    made:close()
    assert.is_true(alone.closed and shared.closed)
  end)

  it("spreads what parses many over four at most, and heats one after the other", function()
    local made = new_pool()
    for _ = 1, 200 do
      assert.equal(made[1], made:assign(true, true))
    end
    for i = 2, 4 do
      made[i - 1].warm = true
      for _ = 1, 300 do
        made:assign(true, true)
      end
      assert.equal(i, #made)
    end
    made[4].warm = true
    for _ = 1, 1000 do
      made:assign(true, true)
    end
    assert.equal(4, #made)
    -- Where few are parsed, or none, there may be more.
    for _ = 1, 5000 do
      made:assign(true)
    end
    assert.equal(32, #made)
    local before = made.handles[made[5]]
    made:assign(true, true)
    assert.equal(before, made.handles[made[5]])
  end)

  it("has other multis for who trusts others", function()
    local made = new_pool()
    local one, other = made:assign(false, true, "a"), made:assign(false, true, "b")
    assert.is_true(one ~= other and one ~= made[1] and other ~= made[1])
    assert.equal(one == made:assign(true, true, "a"), not pool.keeps_apart)
    assert.equal(pool.keeps_apart, made:is_shared(one))
    made:unassign(one)
    made:unassign(one)
    assert.equal(one, made:assign(false, true, "a"))
    -- Not for more than a few.
    for i = 1, 20 do
      made:assign(false, true, "c" .. i)
    end
    assert.equal(made:assign(false, true), made:assign(false, true, "d"))
    made:close()
    assert.is_true(one.closed and other.closed and made[1].closed)
    -- Where idle connections are limited there is one multi.
    made = new_pool(5)
    assert.equal(made:assign(false, true), made:assign(false, true, "a"))
  end)

  it("has other multis for what libcurl would mix up, whatever is limited", function()
    for _, made in ipairs({ (new_pool()), (new_pool(5)) }) do
      local usual, seen = made:assign(true), { made[1] }
      for i = 1, 32 do
        seen[i + 1] = made:assign(true, false, "end " .. i, nil, true)
        assert.equal(seen[i + 1], made:assign(true, false, "end " .. i, nil, true))
        assert.not_equal(seen[i], seen[i + 1])
        assert.not_equal(usual, seen[i + 1])
      end
      -- More of them are together, and still with nobody else.
      assert.equal(made:assign(true, false, "another", nil, true),
        made:assign(true, false, "and another", nil, true))
      assert.not_equal(usual, made:assign(true, false, "another", nil, true))
      made:close()
    end
  end)

  it("shares the descriptors among its multis", function()
    local made, given = new_pool(nil, 1000)
    for _ = 1, 3000 do
      made:assign(true)
    end
    assert.equal(31, #made)
    for _, idle in ipairs(given) do
      assert.is_true(idle * 31 <= 1000 and idle >= 32)
    end
    made = new_pool(nil, 30)
    assert.equal(1, made.most)
  end)

  it("has one multi when idle connections are limited", function()
    local made, given = new_pool(5)
    for _ = 1, 300 do
      made:assign(true)
    end
    assert.same({ 5 }, given)
  end)

  it("closes all", function()
    local made = new_pool()
    for _ = 1, 200 do
      made:assign(true)
    end
    made:close()
    for i = 1, #made do
      assert.is_true(made[i].closed)
    end
  end)
end)

describe("the authorities that libcurl has to parse", function()
  local function are_many(options)
    return trust.parses_many(settings.of_client(options))
  end

  it("are many where they are those of a system", function()
    assert.is_true(are_many({}))
    assert.is_true(are_many({ tls = { ca_path = "/etc/ssl/certs" } }))
    assert.is_true(are_many({ tls = { ca = "/no/such/file" } }))
  end)

  it("are few, or none, in a small file and where nothing is verified", function()
    local path = os.tmpname()
    helper.write_file(path, ("x"):rep(16 * 1024))
    assert.is_false(are_many({ tls = { ca = path } }))
    helper.write_file(path, ("x"):rep(16 * 1024 + 1))
    assert.is_true(are_many({ tls = { ca = path } }))
    os.remove(path)
    assert.is_true(os.execute("mkfifo '" .. path .. "'") and are_many({ tls = { ca = path } }))
    os.remove(path)                 -- which nobody has opened
    assert.is_false(are_many({ tls = { verify = false } }))
  end)

  it("are many where raw options may say so", function()
    assert.is_true(are_many({ tls = { verify = false }, curl = { ssl_verifypeer = 1 } }))
    assert.is_true(are_many({ curl = { cainfo = "/etc/ssl/certs/ca-certificates.crt" } }))
  end)
end)
