-- lcurl: multi and share handles.
local curl = require("lcurl")
local fixtures = require("spec.support.fixtures")
local safe = require("lcurl.safe")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("multi handles of lcurl", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  local function drop() end

  local function easy(options)
    local all = { url = nginx.url("/1k"), timeout = 20, noproxy = "*", writefunction = drop }
    for name, value in pairs(options or {}) do all[name] = value end
    return safe.easy(all)
  end

  local function run(m)
    local due = support.deadline()
    while m:perform() > 0 do
      m:wait(100)
      due("the multi")
    end
  end

  local function multi_error(number)
    return curl.error(curl.ERROR_MULTI, number)
  end

  it("run transfers and tell how they ended", function()
    local m = safe.multi()
    local good = easy()
    local bad = easy { url = ("http://127.0.0.1:%d/"):format(support.refusing_port()) }
    assert.equal(m, m:add_handle(good):add_handle(bad))
    run(m)
    local ends = {}
    for _ = 1, 2 do
      local c, ok, err = m:info_read(true)
      ends[c] = { ok, err }
    end
    assert.same({ true }, ends[good])
    assert.same({ nil, curl.error(curl.ERROR_EASY, curl.E_COULDNT_CONNECT) }, ends[bad])
    assert.equal(0, m:info_read())
    assert.equal(good, good:perform())
    m:close()
  end)

  it("leave what has ended in them unless told to take it out", function()
    local m, c = safe.multi(), easy()
    m:add_handle(c)
    run(m)
    assert.equal(c, m:info_read())
    assert.same({ nil, multi_error(curl.E_MULTI_ADDED_ALREADY) }, { m:add_handle(c) })
    assert.equal(m, m:remove_handle(c))
    assert.equal(m, m:remove_handle(c))
    assert.equal(m, m:add_handle(c))
    m:close()
    assert.equal(c, c:perform())
  end)

  it("take handles of both modules, once", function()
    local m, c = curl.multi(), easy()
    m:add_handle(c)
    local err = helper.failure(m.add_handle, m, c)
    assert.equal(tostring(multi_error(curl.E_MULTI_ADDED_ALREADY)), tostring(err))
    assert.same({ nil, curl.error(curl.ERROR_EASY, curl.E_FAILED_INIT) }, { c:perform() })
    c:close()
    assert.equal(0, m:perform())
  end)

  it("keep the transfers whose variables are gone", function()
    local m, size = safe.multi(), 0
    for _ = 1, 3 do
      m:add_handle(easy { writefunction = function(bytes) size = size + #bytes end })
    end
    support.collect()
    run(m)
    assert.equal(3 * 1024, size)
    local count = 0
    while m:info_read(true) ~= 0 do count = count + 1 end
    assert.equal(3, count)
  end)

  it("tell what a callback has raised, or returned after nil", function()
    local m = safe.multi()
    for _, result in ipairs {
      function() error("mine", 0) end, function() return nil, "mine" end,
    } do
      m:add_handle(easy { writefunction = result })
      run(m)
      local _, ok, err = m:info_read(true)
      assert.is_nil(ok)
      assert.equal(curl.error(curl.ERROR_EASY, curl.E_WRITE_ERROR), err)
      assert.equal("mine", err:cause())
      assert.truthy(tostring(err):find("(23): mine", 1, true))
    end
  end)

  it("raise what their own callbacks raise", function()
    local m = safe.multi { timerfunction = function() error("mine", 0) end }
    local err = helper.failure(m.add_handle, m, easy())
    assert.equal("mine", err)
    m:setopt_timerfunction(curl.null)
    m:close()
  end)

  it("refuse calls that libcurl forbids in a callback", function()
    local m, refused = safe.multi(), {}
    local other = easy()
    m:add_handle(easy { writefunction = function()
      refused = { select(2, m:add_handle(other)), select(2, m:perform()), select(2, m:close()) }
    end })
    run(m)
    local expected = multi_error(curl.E_MULTI_RECURSIVE_API_CALL)
    assert.same({ expected, expected, expected }, refused)
  end)

  it("are driven by socket_action", function()
    local due, watched = nil, {}
    local c = easy()
    local m = safe.multi {
      timerfunction = function(ms) due = ms end,
      socketfunction = function(handle, fd, what)
        assert(handle == c and helper.number_type(fd, "integer") == "integer")
        watched[fd] = what ~= curl.POLL_REMOVE and what or nil
      end,
    }
    m:add_handle(c)
    assert.equal("number", type(due))
    assert.truthy(due >= 0)
    local over, running = support.deadline(), 1
    while running > 0 do
      over("the loop")
      running = m:socket_action()
      local fd, what = next(watched)
      if fd then
        running = m:socket_action(fd, what == curl.POLL_IN and curl.CSELECT_IN or curl.CSELECT_OUT)
      end
    end
    assert.same({ c, true }, { m:info_read(true) })
    assert.equal(m, m:close() or m)
    assert.same({}, watched)
  end)

  it("give contexts and objects to their callbacks", function()
    local object = { calls = 0 }
    function object:timer() self.calls = self.calls + 1 end
    function object:socket() self.calls = self.calls + 1 end
    local m = safe.multi()
    assert.equal(m, m:setopt_timerfunction(object):setopt_socketfunction(object))
    m:add_handle(easy())
    assert.truthy(object.calls > 0)
    local context = {}
    m:setopt_timerfunction(function(first, ms)
      assert(first == context and ms)
      context.called = true
    end, context)
    m:add_handle(easy())
    m:close()
  end)

  it("check their options", function()
    local m = safe.multi { maxconnects = 10, [curl.OPT_MULTI_PIPELINING] = true }
    assert.equal(m, m:setopt_max_host_connections(2):setopt(curl.OPT_MULTI_MAXCONNECTS, 5))
    assert.equal(m, m:setopt_pipelining_site_bl { "a" }:setopt_pipelining_site_bl(curl.null))
    assert.equal(m, m:setopt_chunk_length_penalty_size(100))
    assert.same({ nil, multi_error(curl.E_MULTI_UNKNOWN_OPTION) }, { m:setopt(4711, 1) })
    assert.same({ nil, multi_error(curl.E_MULTI_UNKNOWN_OPTION) }, { safe.multi { nothing = 1 } })
    assert.has_error(function() m:setopt_maxconnects("ten") end)
    assert.has_error(function() m:setopt_pipelining_site_bl("a") end)
    assert.has_error(function() m:setopt_timerfunction() end)
    assert.has_error(function() m:socket_action(1) end)
    assert.is_nil(m.setopt_nothing)
  end)

  it("know when their timer is due", function()
    local m = safe.multi()
    assert.equal(-1, m:timeout())
    m:add_handle(easy())
    assert.equal(0, m:timeout())
    assert.equal(0, m:wait(0))
    m:close()
  end)

  it("keep data, and say that they are closed", function()
    local m = safe.multi()
    assert.equal(m, m:setdata("x"))
    assert.equal("x", m:getdata())
    m:close()
    m:close()
    assert.has_error(function() m:perform() end, "perform: the LcURL Multi object is closed")
    assert.truthy(tostring(m):find("(closed)", 1, true))
  end)

  it("resume a body that was paused", function()
    local paused, size = false, 0
    local c = easy { url = hostile.url("/bytes?n=20000"), writefunction = function(bytes)
      if not paused then
        paused = true
        return curl.WRITEFUNC_PAUSE
      end
      size = size + #bytes
    end }
    local m = safe.multi()
    m:add_handle(c)
    local due = support.deadline()
    while not paused do
      m:perform()
      m:wait(50)
      due("the pause")
    end
    assert.equal(0, size)
    assert.equal(c, c:pause(curl.PAUSE_CONT))
    run(m)
    assert.same({ c, true }, { m:info_read(true) })
    assert.truthy(size > 0)
  end)

  it("are collected with what they hold", function()
    local kept = setmetatable({}, { __mode = "v" })
    do
      local m = safe.multi()
      kept[1] = m
      m:setopt_socketfunction(drop)
      m:add_handle(easy())
    end
    support.collect()
    assert.is_nil(kept[1])
  end)
end)
