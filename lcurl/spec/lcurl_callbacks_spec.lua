-- lcurl: callbacks of easy handles: how they are given, what
-- they get, and what their results mean.
local curl = require("lcurl")
local fixtures = require("spec.support.fixtures")
local safe = require("lcurl.safe")
local cjson = require("cjson")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

describe("callbacks of lcurl", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  local function drop() end

  local function easy(options, module)
    local all = { url = nginx.url("/1k"), timeout = 20, noproxy = "*", writefunction = drop }
    for name, value in pairs(options) do all[name] = value end
    return (module or safe).easy(all)
  end

  local function code(number)
    return curl.error(curl.ERROR_EASY, number)
  end

  it("are functions, functions with a context, or objects", function()
    local seen = {}
    local c = easy { writefunction = function(...) seen[#seen + 1] = select("#", ...) end }
    assert.equal(c, c:perform())
    assert.same({ 1 }, seen)

    local list = {}
    assert.equal(c, c:setopt_writefunction(table.insert, list):perform())
    assert.equal(servers.bytes(1024), table.concat(list))

    local object = { size = 0 }
    function object:write(bytes) self.size = self.size + #bytes end
    assert.equal(c, c:setopt_writefunction(object):perform())
    assert.equal(1024, object.size)

    local file = assert(io.tmpfile())
    assert.equal(c, c:setopt_writefunction(file):perform())
    assert.equal(1024, file:seek("cur"))
    file:close()
  end)

  it("get nil and null as contexts, too", function()
    for _, context in ipairs { curl.null, false } do
      local got = "nothing"
      local c = easy {}
      c:setopt_writefunction(function(first) got = first end, context or nil)
      assert.equal(c, c:perform())
      assert.equal(context or nil, got)
    end
  end)

  it("are not taken when they cannot be one", function()
    local c = easy {}
    for _, arguments in ipairs {
      { n = 0 }, { n = 1 }, { n = 2, nil, {} }, { n = 2, curl.null, {} }, { n = 1, {} },
      { n = 1, "text" }, { n = 3, print, {}, {} },
    } do
      assert.is_false(pcall(c.setopt_headerfunction, c,
        (table.unpack or unpack)(arguments, 1, arguments.n))) -- luacheck: ignore 143 113
    end
    for _, name in ipairs { "write", "read", "header", "progress", "seek", "debug" } do
      assert.equal(c, c["setopt_" .. name .. "function"](c, { [name] = drop }))
      assert.equal(c, c["setopt_" .. name .. "function"](c, curl.null))
      assert.equal(c, c["unsetopt_" .. name .. "function"](c))
    end
  end)

  it("let go of their context when they are unset, and at a reset", function()
    local names = {
      "readfunction", "writefunction", "headerfunction", "progressfunction", "seekfunction",
      "debugfunction", "fnmatch_function", "chunk_bgn_function", "chunk_end_function",
      "trailerfunction", "ssh_keyfunction",
    }
    for _, name in ipairs(names) do
      local c = easy {}
      local kept = setmetatable({}, { __mode = "v" })
      for _, ending in ipairs { "unsetopt_" .. name, "reset" } do
        do
          local context = {}
          kept[1] = context
          c["setopt_" .. name](c, drop, context)
        end
        support.collect()
        assert.is_table(kept[1], name)
        c[ending](c)
        support.collect()
        assert.is_nil(kept[1], name .. " " .. ending)
      end
    end
  end)

  it("of writing and headers end the transfer by what they return", function()
    for _, name in ipairs { "writefunction", "headerfunction" } do
      for _, result in ipairs {
        function() return false end, function() return nil end, function(s) return #s - 1 end,
      } do
        local c = easy { [name] = result }
        assert.same({ nil, code(curl.E_WRITE_ERROR) }, { c:perform() })
      end
      local c = easy { [name] = function() return nil, "mine", 3 end }
      assert.same({ nil, "mine", 3 }, { c:perform() })
      for _, result in ipairs {
        function() end, function() return true end, function(s) return #s end,
        function(s) return #s + 0.0 end,
      } do
        c = easy { [name] = result }
        assert.equal(c, c:perform())
      end
    end
  end)

  it("of progress end it too, and run only when it is asked for", function()
    local calls = 0
    local c = easy { progressfunction = function() calls = calls + 1 end }
    assert.equal(c, c:perform())
    assert.equal(0, calls)
    assert.equal(c, c:setopt_noprogress(false):perform())
    assert.truthy(calls > 0)
    for _, result in ipairs {
      function() return false end, function() return nil end, function() return 0 end,
    } do
      c:setopt_progressfunction(result)
      assert.same({ nil, code(curl.E_ABORTED_BY_CALLBACK) }, { c:perform() })
    end
    c:setopt_progressfunction(function() return nil, "mine" end)
    assert.same({ nil, "mine" }, { c:perform() })
    for _, result in ipairs { function() return true end, function() return 1 end } do
      assert.equal(c, c:setopt_progressfunction(result):perform())
    end
    -- Without one, libcurl would draw a meter.
    assert.equal(c, c:unsetopt_progressfunction():setopt_noprogress(true):perform())
  end)

  it("raise through perform, in both modes", function()
    for _, module in ipairs { curl, safe } do
      for _, name in ipairs {
        "writefunction", "headerfunction", "progressfunction", "debugfunction",
      } do
        local mine = {}
        local c = easy({
          noprogress = name ~= "progressfunction", verbose = name == "debugfunction",
          [name] = function() error(mine, 0) end,
        }, module)
        local ok, err = pcall(c.perform, c)
        assert.is_false(ok, name)
        assert.equal(mine, err)
        assert.equal(c, c:setopt { [name] = drop }:perform())
      end
    end
  end)

  it("run in the coroutine that called perform, which cannot yield then", function()
    local ran
    local c = easy { writefunction = function() ran = coroutine.running() end }
    local co = coroutine.create(function() return c:perform() end)
    assert.same({ true, c }, { coroutine.resume(co) })
    assert.equal(co, ran)

    c:setopt_writefunction(function() coroutine.yield() end)
    co = coroutine.create(function() return pcall(c.perform, c) end)
    local resumed, ok, err = coroutine.resume(co)
    assert.same({ true, false }, { resumed, ok })
    assert.truthy(tostring(err):find("cannot wait", 1, true))
    ok, err = pcall(c.perform, c)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("cannot wait", 1, true))
  end)

  it("of reading give any amount, the rest of which is kept", function()
    local pieces = { ("x"):rep(300000), "yz", nil }
    local at = 0
    local body = {}
    local c = easy {
      url = hostile.url("/echo"), upload = true, infilesize = 300002,
      writefunction = function(s) body[#body + 1] = s end,
      readfunction = function(room)
        assert(room > 0)
        at = at + 1
        return pieces[at]
      end,
    }
    assert.equal(c, c:perform())
    assert.equal(300002, cjson.decode(table.concat(body)).length)
  end)

  it("of reading end or pause the upload", function()
    local function upload(read)
      return easy { url = hostile.url("/echo"), upload = true, readfunction = read }
    end
    for _, result in ipairs {
      function() return 1 end, function() return true end, function() return false end,
    } do
      assert.same({ nil, code(curl.E_ABORTED_BY_CALLBACK) }, { upload(result):perform() })
    end
    assert.same({ nil, "mine" }, { upload(function() return nil, "mine" end):perform() })
    local turn = 0
    local c = upload(function()
      turn = turn + 1
      return turn == 1 and curl.READFUNC_PAUSE or turn == 2 and "abc" or nil
    end)
    c:setopt { noprogress = false, progressfunction = function()
      if turn == 1 then c:pause(curl.PAUSE_CONT) end
    end }
    assert.equal(c, c:perform())
    assert.equal(3, turn)
  end)

  it("of debugging get numbers for kinds", function()
    local kinds = {}
    local c = easy { verbose = true, debugfunction = function(kind) kinds[kind] = true end }
    assert.equal(c, c:perform())
    assert.is_true(kinds[curl.INFO_HEADER_OUT])
    assert.is_true(kinds[curl.INFO_HEADER_IN])
    assert.is_true(kinds[curl.INFO_DATA_IN])
  end)

  it("of seeking get origin and offset when a body is sent again", function()
    local sought, at = {}, 0
    local text = ("b"):rep(2000)
    local c = easy {
      url = hostile.url("/redirect?status=307&to=/echo"), followlocation = true, upload = true,
      infilesize = #text,
      readfunction = function(room)
        local piece = text:sub(at + 1, at + room)
        at = at + #piece
        return piece
      end,
      seekfunction = function(origin, offset)
        sought[#sought + 1] = origin .. " " .. offset
        at = offset
        return true
      end,
    }
    assert.equal(c, c:perform())
    assert.same({ "set 0" }, sought)
  end)

  describe("of trailers", function()
    local function send(trailers)
      local sent, body = false, {}
      local c = easy {
        url = hostile.url("/upload"), post = true, httpheader = { "Transfer-Encoding: chunked" },
        readfunction = function()
          if sent then return nil end
          sent = true
          return "abc"
        end,
        writefunction = function(s) body[#body + 1] = s end,
        trailerfunction = trailers,
      }
      return c, body
    end

    it("send what they return", function()
      local out = {}
      local c = send(function() return { "X-Sum: 1" } end)
      c:setopt { verbose = true, debugfunction = function(kind, bytes)
        if kind == curl.INFO_DATA_OUT then out[#out + 1] = bytes end
      end }
      assert.equal(c, c:perform())
      assert.truthy(table.concat(out):find("X-Sum: 1", 1, true))
    end)

    it("may have none", function()
      for _, result in ipairs {
        function() end, function() return nil end, function() return true end,
        function() return {} end, function() return curl.null end,
      } do
        local c = send(result)
        assert.equal(c, c:perform())
      end
    end)

    it("end the transfer", function()
      for _, result in ipairs {
        function() return false end, function() return 1 end, function() return nil, "x" end,
      } do
        local c = send(result)
        assert.same({ nil, code(curl.E_ABORTED_BY_CALLBACK) }, { c:perform() })
      end
    end)
  end)
end)
