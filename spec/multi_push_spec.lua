-- HTTP/2 server push: what a server offers, and what becomes of it.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local socket = require("socket")
local support = require("spec.support.core_support")

local PRIOR_KNOWLEDGE = 5

local can_push = core.version().curl_number >= 0x080100

describe("pushfunction", function()
  if not can_push then
    it("is refused where libcurl would crash: the rest needs libcurl 8.1", function()
      local multi = core.multi()
      local ok, err = multi:setopt("pushfunction", function() end)
      assert.is_nil(ok)
      assert.truthy(err.message:find("option 'pushfunction' needs libcurl 8.1.0 or newer", 1, true))
      multi:close()
    end)
    return
  end

  local port

  setup(function()
    port = support.refusing_port()
    servers.nghttpd(port, {
      page = "the page", style = ("style "):rep(20000), script = "the script",
    }, { "/page=/style,/script" })
    local check = support.deadline(10)
    while true do
      local client = socket.connect("127.0.0.1", port)
      if client then
        client:close()
        break
      end
      socket.sleep(0.02)
      check("nghttpd")
    end
  end)

  fixtures.no_handles_left()

  -- libcurl before 8 denies by itself what comes from an authority with a port:
  -- this has none.
  local function page(options)
    local easy, body = support.easy {
      url = "http://push.test/page", http_version = PRIOR_KNOWLEDGE,
      connect_to = { ("push.test:80:127.0.0.1:%d"):format(port) },
    }
    easy:setopt(options or {})
    return easy, body
  end

  -- Fetches the page with this push function; returns what ended, and bodies.
  local function fetch(pushfunction, options)
    local multi = core.multi { pushfunction = pushfunction }
    local easy, body = page(options)
    assert(multi:add_handle(easy))
    local seen = support.perform(multi)
    assert.is_true(seen[easy])
    return seen, table.concat(body), multi, easy
  end

  local function count(seen)
    local n = 0
    for _ in pairs(seen) do n = n + 1 end
    return n
  end

  it("makes what it accepts an easy of the multi", function()
    local bodies, pushed_list = {}, {}
    local seen, body, multi, easy = fetch(function(parent, pushed, headers)
      local path = headers[":path"]
      bodies[path], pushed_list[path] = {}, pushed
      assert.equal("multisock.easy", tostring(parent):match("^%S+"))
      assert.equal(pushed, pushed:setopt("writefunction", function(bytes)
        table.insert(bodies[path], bytes)
      end))
      return true
    end)
    assert.equal("the page", body)
    assert.equal(3, count(seen))
    assert.equal("the script", table.concat(bodies["/script"]))
    assert.equal(("style "):rep(20000), table.concat(bodies["/style"]))
    for path, pushed in pairs(pushed_list) do
      assert.is_true(seen[pushed])
      assert.are_not.equal(easy, pushed)
      assert.equal(200, pushed:getinfo("response_code"))
      assert.equal("http://push.test" .. path, pushed:getinfo("effective_url"))
    end
    -- It is as good as any other: it asks again by itself.
    local again = pushed_list["/script"]
    again:setopt { url = "http://push.test/script", http_version = PRIOR_KNOWLEDGE }
    assert.is_true(again:perform())
    assert.equal("the scriptthe script", table.concat(bodies["/script"]))
    multi:close()
  end)

  it("gets the headers by number and by name", function()
    local got
    local _, _, multi = fetch(function(_, _, headers)
      got = got or headers
    end)
    assert.equal("GET", got[":method"])
    assert.equal("http", got[":scheme"])
    assert.truthy(got[":path"] == "/style" or got[":path"] == "/script")
    local lines = table.concat(got, "\n")
    assert.truthy(lines:find(":method:GET", 1, true))
    assert.truthy(lines:find(":path:" .. got[":path"], 1, true))
    assert.is_nil(got.nonsense)
    multi:close()
  end)

  it("denies with nil, false and 'deny'", function()
    for _, answer in ipairs { "nil", false, "deny" } do
      local offered = {}
      local seen, body, multi = fetch(function(_, pushed)
        offered[#offered + 1] = pushed
        return answer ~= "nil" and answer or nil
      end)
      assert.equal("the page", body)
      assert.equal(1, count(seen))
      assert.truthy(#offered > 0)
      for _, pushed in ipairs(offered) do
        assert.equal("multisock.easy (closed)", tostring(pushed))
        assert.error_matches(function() pushed:getinfo("response_code") end, "closed")
      end
      multi:close()
    end
  end)

  it("gives what it accepts the callbacks of the parent, each with its own errors", function()
    local multi = core.multi { pushfunction = function() return "ok" end }
    local total = 0
    local easy = page {
      httpheader = { "X-Own: list" },
      writefunction = function(bytes)
        total = total + #bytes
        if bytes == "the script" then
          error({ mine = true })
        end
      end,
    }
    multi:add_handle(easy)
    local seen = support.perform(multi)
    assert.is_true(seen[easy])
    local failed
    for _, result in pairs(seen) do
      if result ~= true then
        assert.is_nil(failed)
        failed = result[1]
      end
    end
    assert.is_true(failed.mine)
    assert.equal(3, count(seen))
    assert.equal(#"the page" + 120000 + #"the script", total)
    multi:close()
  end)

  it("raises from the driving call what it raised, and leaves the page alone", function()
    for _, fail in ipairs {
      function() error({ "mine" }) end, function() return 5 end, function() coroutine.yield() end,
    } do
      local multi = core.multi { pushfunction = fail }
      local easy, body = page()
      multi:add_handle(easy)
      local check, seen, errors = support.deadline(), {}, {}
      while not seen[easy] do
        local ok, err = pcall(multi.perform, multi)
        if not ok then
          errors[#errors + 1] = err
        end
        support.reap(multi, seen)
        multi:poll(10)
        check()
      end
      assert.is_true(seen[easy])
      assert.equal("the page", table.concat(body))
      local err = errors[1]
      assert.truthy(type(err) == "table" and err[1] == "mine"
        or tostring(err):find("pushfunction returned 5", 1, true)
        or tostring(err):find("yield", 1, true), tostring(err))
      multi:close()
    end
  end)

  it("may close what it is offered, and enters nothing", function()
    local errors = {}
    local multi
    local seen, _, used = fetch(function(parent, pushed)
      for name, call in pairs {
        add = function() multi:add_handle(pushed) end,
        perform = function() pushed:perform() end,
        reset = function() pushed:reset() end,
        close = function() multi:close() end,
        share = function() pushed:setopt("share", core.share("dns")) end,
        parent = function() parent:setopt("url", "x") end,
      } do
        errors[name] = select(2, pcall(function()
          if multi or name ~= "add" and name ~= "close" then call() end
        end)) or "possible"
      end
      pushed:close()
      collectgarbage()
      return true
    end)
    multi = used
    assert.equal(1, count(seen))
    for _, name in ipairs { "perform", "reset", "share", "parent" } do
      assert.truthy(errors[name]:find("running", 1, true) or errors[name]:find("callback", 1, true)
        or errors[name]:find("in a multi", 1, true), name .. ": " .. errors[name])
    end
    multi:close()
  end)

  it("keeps what nobody holds until it has ended", function()
    local weak = setmetatable({}, { __mode = "v" })
    local bytes = 0
    local multi = core.multi {
      pushfunction = function(_, pushed)
        weak[#weak + 1] = pushed
        pushed:setopt("writefunction", function(piece)
          collectgarbage()
          bytes = bytes + #piece
        end)
        return true
      end,
    }
    multi:add_handle((page()))
    support.perform(multi)
    assert.equal(120000 + #"the script", bytes)
    multi:close()
    support.collect()
    assert.is_nil(next(weak))
  end)

  it("works on a libuv loop, whose step raises what it raised", function()
    local loop = core.loop()
    local multi = core.multi():attach(loop)
    local raised, armed = { "raised" }, true
    multi:setopt("pushfunction", function()
      if armed then
        armed = false
        error(raised)
      end
      return true
    end)
    local easy = page()
    multi:add_handle(easy)
    local check, seen, errors, found = support.deadline(), {}, {}, 0
    while found < 2 do
      local ok, err = pcall(loop.step, loop, 0.05)
      errors[#errors + 1] = not ok and err or nil
      found = found + support.reap(multi, seen)
      check()
    end
    assert.equal(raised, errors[1])
    assert.is_nil(errors[2])
    assert.is_true(seen[easy])
    loop:close()
  end)

  it("is not asked for transfers that are closed with the multi in the middle", function()
    for _ = 1, 20 do
      local multi = core.multi { pushfunction = function() return true end }
      multi:add_handle((page()))
      for _ = 1, 3 do
        multi:perform()
        multi:poll(2)
      end
      multi:close()
    end
  end)
end)
