-- Options that are objects, files, or other handles.
local cjson = require("cjson")
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("options", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local easy, body

  fixtures.echoing(hostile, function(...)
    easy, body = ...
  end)

  describe("that are objects", function()
    it("take a core.url, which lives as long as it is used", function()
      do
        local url = core.url(hostile.url("/echo?from=object"))
        easy:setopt("curlu", url)
        url:close()
      end
      support.collect()
      assert.equal("/echo?from=object", support.echo(easy, body).path)
      easy:unsetopt("curlu")
      easy:setopt("url", hostile.url("/echo?from=text"))
      assert.equal("/echo?from=text", support.echo(easy, body).path)
    end)

    it("refuse other values", function()
      local closed = core.url("http://a/")
      closed:close()
      for _, bad in ipairs { "http://a/", {}, io.stdout, closed } do
        assert.has_error(function() easy:setopt("curlu", bad) end)
      end
    end)

    it("keep a value of the user's own under private", function()
      local value = { "mine" }
      assert.is_nil((easy:getinfo("private")))
      easy:setopt("private", value)
      support.collect()
      assert.equal(value, easy:getinfo("private"))
      assert.equal("GET", support.echo(easy, body).method)
      assert.equal(value, easy:getinfo("private"))
      easy:unsetopt("private")
      assert.is_nil((easy:getinfo("private")))
      easy:setopt("private", easy)
    end)

    it("cannot be those with a reason, which is told", function()
      local reasons = 0
      for _, option in ipairs(core.options()) do
        if option.reason then
          reasons = reasons + 1
          for _, value in ipairs { "x", print, io.stdout, 1 } do
            assert.error_matches(function() easy:setopt(option.name, value) end,
              option.name .. "' cannot be set: it " .. option.reason, 1, true)
          end
          assert.error_matches(function() easy:unsetopt(option.name) end, "cannot be set")
        end
      end
      assert.truthy(reasons > 0 and reasons < 30)
      assert.equal("GET", support.echo(easy, body).method)
    end)
  end)

  describe("that are files", function()
    local path

    before_each(function()
      path = os.tmpname()
      easy = assert(core.easy { url = hostile.url("/echo"), noproxy = "*", timeout_ms = 20000 })
    end)

    after_each(function()
      os.remove(path)
    end)

    local function content()
      return helper.read_file(path)
    end

    it("get body and headers, by path", function()
      local heads = os.tmpname()
      assert(easy:setopt { writedata = path, headerdata = heads })
      assert.is_true(easy:perform())
      assert.equal("GET", cjson.decode(content()).method)
      path, heads = heads, path
      assert.truthy(content():find("^HTTP/1.1 200 OK\r\n.*\r\n\r\n$"))
      os.remove(heads)
    end)

    it("get the headers alone although a function takes the body", function()
      local got = {}
      assert(easy:setopt {
        headerdata = path, writefunction = function(bytes) got[#got + 1] = bytes end,
      })
      assert.is_true(easy:perform())
      assert.truthy(content():find("^HTTP/1.1 200 OK\r\n"))
      assert.equal("GET", cjson.decode(table.concat(got)).method)
    end)

    it("are there at once, whatever the program does with its own", function()
      local file = assert(io.open(path, "wb"))
      file:write("before ")
      assert(easy:setopt("writedata", file))
      file:close()
      support.collect()
      assert.is_true(easy:perform())
      assert.truthy(content():find("^before {"))
    end)

    it("are read from where the program's own stands", function()
      local file = assert(io.open(path, "w+b"))
      file:write(("x"):rep(100000))
      file:seek("set", 10)
      assert.equal("x", file:read(1))
      local got = {}
      assert(easy:setopt {
        url = hostile.url("/upload"), upload = true, readdata = file,
        writefunction = function(bytes) got[#got + 1] = bytes end,
      })
      file:close()
      assert.is_true(easy:perform())
      assert.equal(100000 - 11, cjson.decode(table.concat(got)).length)
    end)

    it("are read again after a redirect", function()
      helper.write_file(path, ("x"):rep(5000))
      local got = {}
      assert(easy:setopt {
        url = hostile.url("/redirect?status=307&to=/upload"), followlocation = true,
        upload = true, infilesize = 5000, readdata = path,
        writefunction = function(bytes) got[#got + 1] = bytes end,
      })
      assert.is_true(easy:perform())
      assert.equal(5000, cjson.decode(table.concat(got):match("{.*}")).length)
    end)

    it("get what libcurl would tell stderr, until the handle is gone", function()
      assert(easy:setopt { stderr = path, verbose = true, writefunction = function() end })
      assert.is_true(easy:perform())
      assert.truthy(content():find("GET /echo", 1, true))
      easy:setopt("verbose", false)
      easy:unsetopt("stderr")
      assert.is_true(easy:perform())
    end)

    it("give way to a function, and the other way round", function()
      assert(easy:setopt("writedata", path))
      easy:setopt("writefunction", function(bytes) body[#body + 1] = bytes end)
      assert.equal("GET", support.echo(easy, body).method)
      assert.equal("", content())
      assert(easy:setopt("writedata", path))
      for i = #body, 1, -1 do body[i] = nil end
      assert.is_true(easy:perform())
      assert.same({}, body)
      assert.equal("GET", cjson.decode(content()).method)
      easy:unsetopt("writedata")
      assert.is_true(easy:perform())
    end)

    it("refuse what is none", function()
      for _, bad in ipairs { 5, true, {}, print } do
        for _, name in ipairs { "writedata", "readdata", "headerdata", "stderr" } do
          assert.error_matches(function() easy:setopt(name, bad) end, "open file or path expected")
        end
      end
      local file = assert(io.open(path))
      file:close()
      assert.error_matches(function() easy:setopt("writedata", file) end, "the file is closed")
      assert.error_matches(function() easy:setopt("writedata", "a\0b") end, "zero byte")
      for name, bad in pairs { writedata = "/nonexistent/a", readdata = "/", stderr = "/" } do
        local err = helper.err_of(easy:setopt(name, bad))
        assert.equal("io", err.kind)
        assert.truthy(err.message:find(name:upper(), 1, true))
      end
      file = assert(io.open(path))
      assert.equal("io", helper.err_of(easy:setopt("writedata", file)).kind)
      file:close()
    end)
  end)

  describe("of streams that depend on another", function()
    local function chain(name)
      local parent, child = core.easy(), core.easy()
      assert.equal(child, child:setopt(name or "stream_depends", parent))
      return parent, child
    end

    it("may be closed in any order", function()
      for _, name in ipairs { "stream_depends", "stream_depends_e" } do
        local parent, child = chain(name)
        parent:close()
        child:close()
        parent, child = chain(name)
        child:close()
        parent:close()
        chain(name)
        support.collect()
      end
    end)

    it("may be reset in any order", function()
      local parent, child = chain()
      parent:reset()
      child:close()
      parent:close()
      parent, child = chain()
      child:reset()
      parent:close()
      child:close()
    end)

    it("may be exclusive, with all others behind", function()
      local parent, first = chain()
      local last = core.easy { stream_depends_e = parent }
      last:reset()
      first:close()
      parent:close()
      last:close()
    end)

    it("refuse a circle, and what is no handle", function()
      local parent, child = chain()
      assert.error_matches(function() parent:setopt("stream_depends", child) end, "itself")
      assert.error_matches(function() parent:setopt("stream_depends", parent) end, "itself")
      for _, bad in ipairs { 1, "x", {}, io.stdout } do
        assert.has_error(function() parent:setopt("stream_depends", bad) end)
      end
      child:unsetopt("stream_depends")
      assert.equal(parent, parent:setopt("stream_depends", child))
      parent:close()
      child:close()
    end)

    it("reach the server over HTTP/2", function()
      local multi, h2 = core.multi(), nginx.tls_url("/1k")
      local first = support.easy { url = h2, cainfo = nginx.ca, stream_weight = 32 }
      local second = support.easy { url = h2, cainfo = nginx.ca, stream_depends = first,
        pipewait = true }
      multi:add_handle(first):add_handle(second)
      local seen = support.perform(multi)
      assert.is_true(seen[first])
      assert.is_true(seen[second])
      multi:close()
      first:close()
      second:close()
    end)
  end)
end)
