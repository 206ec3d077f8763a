-- core.loop: multis on it, handles that are closed under it, and its end, in any order.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local socket = require("socket")
local support = require("spec.support.core_support")

local attached = support.attached

describe("core.loop", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  local function running(...)
    return support.running(hostile, ...)
  end

  it("cannot be closed while a handle that it drives is removed", function()
    local loop, multi = attached()
    local err
    local easy = support.easy {
      url = hostile.url("/stall-body"), verbose = true,
      debugfunction = function(kind, text)
        if kind == "text" and text:find("^[Cc]losing connection") then
          err = select(2, pcall(loop.close, loop))
        end
      end,
    }
    multi:add_handle(easy)
    support.step(loop, function() return easy:getinfo("response_code") == 200 end)
    multi:remove_handle(easy)
    assert.truthy(err:find("running", 1, true))
    loop:close()
  end)

  it("closes handles in their own callbacks and in others'", function()
    local loop, multi = attached()
    local victims, list = {}, {}
    for i = 1, 30 do
      victims[i] = support.add(multi, {}, { url = hostile.url("/stall") })
      local easy
      easy = support.add(multi, list, { url = nginx.url("/file/" .. i) })
      local own = i % 3 == 0
      multi:remove_handle(easy)
      easy:setopt("writefunction", function()
        victims[i]:close()
        victims[i] = nil
        if own then
          easy:close()
        end
        collectgarbage()
      end)
      multi:add_handle(easy)
    end
    support.drain(loop, { multi }, 20)
    support.step(loop, function()
      return tostring(multi):find("(0 transfers)", 1, true)
    end)
    assert.is_nil(next(victims))
    assert.is_false(loop:step(0))
    loop:close()
  end)

  it("is not kept alive by handles that were closed in callbacks", function()
    local loop, multi = attached()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local easy
      easy = support.easy { url = nginx.url("/1k"), writefunction = function() easy:close() end }
      multi:add_handle(easy)
      weak[1] = easy
    end
    support.step(loop, function()
      return tostring(multi):find("(0 transfers)", 1, true)
    end)
    assert.is_false(loop:step(1))
    support.collect()
    assert.is_nil(weak[1])
    weak[2], multi = multi, nil
    support.collect()
    assert.is_nil(weak[2])
    assert.same({ 0, 0 }, { loop:counts() })
    loop:close()
  end)

  it("drives several multis", function()
    local loop, list, multis = core.loop(), {}, {}
    for m = 1, 5 do
      multis[m] = core.multi():attach(loop)
      for i = 1, 20 do
        support.add(multis[m], list, { url = nginx.url(("/file/%d-%d"):format(m, i)) })
      end
    end
    local seen = support.drain(loop, multis, 100)
    for _, entry in ipairs(list) do
      assert.is_true(seen[entry.easy])
    end
    assert.equal(5, (select(2, loop:counts())))
    loop:close()
    for _, multi in ipairs(multis) do
      assert.equal("multisock.multi (closed)", tostring(multi))
    end
  end)

  it("hands handles from one loop to another, and to none", function()
    local easy, body = support.easy { url = nginx.url("/file/moved") }
    for _ = 1, 3 do
      local loop, multi = attached()
      multi:add_handle(easy)
      assert.is_true(support.drain(loop, { multi }, 1)[easy])
      loop:close()
      support.collect()
    end
    local multi = core.multi()
    multi:add_handle(easy)
    assert.is_true(support.perform(multi)[easy])
    multi:close()
    assert.is_true(easy:perform())
    assert.equal(("body-moved"):rep(5), table.concat(body))
  end)

  it("refuses what cannot be attached", function()
    local loop, multi = attached()
    assert.error_matches(function() multi:attach(loop) end, "has a loop already")
    assert.error_matches(function() multi:setopt("socketfunction", print) end, "a loop drives")
    local busy = core.multi()
    busy:add_handle((support.easy { url = nginx.url("/1k") }))
    assert.error_matches(function() busy:attach(loop) end, "has transfers")
    assert.has_error(function() core.multi():attach({}) end)
    assert.has_error(function() core.multi():attach() end)
    loop:close()
    assert.error_matches(function() core.multi():attach(loop) end, "closed")
    for _, method in ipairs { "step", "ready", "now", "counts" } do
      if method ~= "now" then
        assert.error_matches(function() loop[method](loop, {}) end, "closed")
      end
    end
    assert.equal("multisock.loop (closed)", tostring(loop))
    busy:close()
  end)

  describe("at its end", function()
    -- Each order of closing, each thing twice.
    local orders = {
      { "loop", "multi", "easy" }, { "loop", "easy", "multi" }, { "multi", "loop", "easy" },
      { "multi", "easy", "loop" }, { "easy", "loop", "multi" }, { "easy", "multi", "loop" },
    }
    for _, order in ipairs(orders) do
      it("closes in this order: " .. table.concat(order, ", "), function()
        for _, path in ipairs { "/stall-body", "/stall", "/late?delay=5" } do
          local loop, multi = attached()
          local list = running(loop, multi, 3, path)
          for _, name in ipairs(order) do
            for _ = 1, 2 do
              if name == "loop" then
                loop:close()
              elseif name == "multi" then
                multi:close()
              else
                for _, entry in ipairs(list) do
                  entry.easy:close()
                end
              end
              support.collect()
            end
          end
        end
      end)
    end

    it("may be collected at any moment, in any order", function()
      local function make(steps)
        local loop, multi = attached()
        local list = {}
        for _ = 1, 3 do
          support.add(multi, list, { url = hostile.url("/trickle?bytes=1000") })
          support.add(multi, list, { url = nginx.url("/1k") })
        end
        for _ = 1, steps do
          loop:step(0.005)
        end
        return { loop, multi, list }
      end
      for steps = 0, 12 do
        for keep = 0, 3 do
          local kept = { (make(steps)[keep]) }
          support.collect()
          table.remove(kept)
          support.collect()
          assert.equal(0, support.easy_count())
        end
      end
    end)

    it("finishes transfers of multis and handles that nobody holds", function()
      local loop, bodies, count = core.loop(), {}, 0
      for m = 1, 3 do
        local multi = core.multi():attach(loop)
        for i = 1, 10 do
          local key = m .. "-" .. i
          multi:add_handle((support.easy {
            url = hostile.url("/late?delay=0.05&body=" .. key),
            writefunction = function(bytes)
              bodies[key], count = bytes, count + 1
            end,
          }))
        end
      end
      support.collect()
      support.step(loop, function() return count == 30 end)
      for m = 1, 3 do
        for i = 1, 10 do
          assert.equal(m .. "-" .. i, bodies[m .. "-" .. i])
        end
      end
      loop:close()
    end)

    it("closes with its scope", helper.of_block(function()
      local kept
      do
        local loop <close> = core.loop()
        local multi <close> = core.multi():attach(loop)
        running(loop, multi, 1)
        kept = { loop, multi }
      end
      assert.equal("multisock.loop (closed)", tostring(kept[1]))
      assert.equal("multisock.multi (closed)", tostring(kept[2]))
    end))

    it("forgets a multi that was closed with transfers in it", function()
      local loop, multi = attached()
      local weak = setmetatable({ multi }, { __mode = "v" })
      running(loop, multi, 2)
      multi:close()
      multi = nil
      support.collect()
      assert.is_nil(multi)
      assert.is_nil(weak[1])
      loop:close()
    end)

    it("leaves no descriptor open", function()
      -- What leaks takes the lowest numbers that are free.
      local function lowest_free()
        local probe = assert(socket.tcp4())
        local fd = probe:getfd()
        probe:close()
        return fd
      end
      local before
      for round = 1, 10 do
        local loop, multi = attached()
        running(loop, multi, 5)
        support.add(multi, {}, { url = nginx.url("/1k") })
        support.drain(loop, { multi }, 1)
        loop:close()
        support.collect()
        before = before or lowest_free()
        assert.equal(before, lowest_free(), round)
      end
    end)

    it("may be in the middle of everything when the Lua state ends", function()
      local script = [[
        local core = require("multisock.core")
        local url, order = ...
        local made = {}
        local function make(name)
          if name == "l" then made.l = core.loop() end
          if name == "m" then made.m = core.multi() end
          if name == "e" then
            made.e = {}
            for i = 1, 5 do
              made.e[i] = core.easy {
                url = url, noproxy = "*", verbose = true,
                debugfunction = function() collectgarbage("step") end,
                writefunction = function() if order:find("x") then os.exit(7, true) end end,
              }
            end
          end
        end
        -- Finalizers run in the reverse order of creation.
        for name in order:gmatch("[lme]") do make(name) end
        made.m:attach(made.l)
        for _, easy in ipairs(made.e) do made.m:add_handle(easy) end
        for _ = 1, 10 do made.l:step(0.05) end
        os.exit(7, true)
      ]]
      for _, order in ipairs { "lme", "lem", "mle", "mel", "elm", "eml", "lmex" } do
        local output, status = support.child(script, hostile.url("/trickle?bytes=1000"), order)
        assert.equal(7, status, order .. ": " .. output)
        assert.equal("", output)
      end
    end)
  end)
end)
