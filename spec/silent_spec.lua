-- Connections that nobody ends in so many words: the network is another one, the
-- system has slept, the other end is gone.
local helper = require("spec.helper")
local kept = require("spec.support.kept")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")
local ms = require("multisock")

local client

local function begin(way)
  local url, server
  client, url, server = kept.begin(way)
  return url, server
end

describe("a connection", function()
  kept.fixture(function() return client end)

  describe("when the network has changed", function()
    it("is not used again, over any protocol", helper.task(function()
      for way in pairs(kept.KEEPING) do
        local url, server = begin(way)
        for _ = 1, 3 do
          for _ = 1, 2 do
            assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
          end
          client:network_changed()
        end
        assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
        assert.equal(4, kept.connections(server), way)
        client:close()
      end
      client = ms.client({ tls = { ca = kept.h2.ca }, http_version = "2" })
      local before = ms.assert(client:get(kept.h2.url("/ok"))).timings.connect
      local again = ms.assert(client:get(kept.h2.url("/ok"))).timings.connect
      client:network_changed()
      local after = ms.assert(client:get(kept.h2.url("/ok"))).timings.connect
      assert.is_true(before > 0 and again == 0 and after > 0)
    end))

    it("lets transfers that run go on", helper.task(function()
      local url = begin()
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = ms.spawn(function()
          return ms.assert(ms.assert(client:get(url("/sleepy?n=4"))):text())
        end)
      end
      ms.sleep(0.1)
      client:network_changed()
      client:network_changed()
      assert.equal("GET /sleepy", ms.assert(ms.assert(client:get(url("/sleepy?n=4"))):text()))
      for i = 1, 3 do
        assert.equal("GET /sleepy", tasks[i]:await())
      end
      for _ = 1, 3 do
        assert.equal("GET /ok", ms.assert(client:get(url("/ok"))):text())
      end
      client:close()
      assert.has_error(function() client:network_changed() end)
    end))
  end)

  it("is given up in seconds when its other end has silently gone", helper.task(function()
    local url, server = begin()
    ms.assert(ms.assert(client:get(url("/ok"))):text())
    local function options()
      local pid = helper.read_file("/proc/self/stat"):match("^%d+")
      local text = shell.said(("/usr/bin/python3 -B spec/support/socket_options.py %s %d"):format(
        pid, server.port))
      if text:find("denied") then
        pending("this process may not look at the descriptors of another")
      end
      return text
    end
    -- Less than 30 + 3 * 10 s without an answer would end it before it is asked three times.
    assert.equal("1 30 10 3 60000\n", options())
    client:close()
    -- Who sets times of his own is left with them.
    client = ms.client({ curl = { tcp_keepidle = 100 } })
    ms.assert(ms.assert(client:get(url("/ok"))):text())
    assert.truthy(options():find("^1 100 10 %d 0\n$"))
  end))

  -- In a process whose clocks can be set, for HTTP/1, a POST, HTTP/2, and a multi of
  -- the program's own: whether a request had a new connection, before the clock is
  -- set, then, and once more.
  local CLOCKS = [[
    local ms = require("multisock")
    local core = require("multisock.core")
    local url, h2_url, ca = ...
    local function set(name, seconds)
      local file = assert(io.open(os.getenv(name), "w"))
      file:write(seconds)
      file:close()
    end
    local function step(get)
      local before = get()
      set(os.getenv("SET"), os.getenv("BY"))
      local after, last = get(), get()
      set(os.getenv("SET"), 0)
      print(before, after, last)
    end
    ms.run(function()
      local client = ms.client({ tls = { ca = ca }, http_version = "2" })
      local function connects(to, method)
        return function()
          local response = ms.assert(client:fetch(to, { method = method }))
          response:text()
          assert(response.attempts == 1)
          return response.timings.connect > 0 and "new" or "kept"
        end
      end
      step(connects(url))
      client:network_changed()
      step(connects(url, "POST"))
      step(connects(h2_url))
      client:close()
    end)
    local loop, multi = core.loop(), core.multi()
    multi:attach(loop)
    step(function()
      local easy = core.easy({ url = url, writefunction = function() end, timeout_ms = 5000 })
      multi:add_handle(easy)
      repeat
        loop:step(1)
      until multi:info_read()
      local new = easy:getinfo("num_connects")
      easy:close()
      return new > 0 and "new" or "kept"
    end)
  ]]

  describe("that was idle", function()
    local library

    setup(function()
      library = os.tmpname()
      assert.equal("", (shell.run(("LD_PRELOAD= ${CC:-cc} -shared -fPIC -o %s "
        .. "spec/support/sleep.c -ldl"):format(library))))
    end)
    teardown(function()
      os.remove(library)
    end)

    local function clocks(set, by)
      local name = os.tmpname()
      helper.write_file(name, "0")
      local text = support.child_in(("SLEPT=%s LATER=%s SET=%s BY=%d "
        .. "LD_PRELOAD=\"$LD_PRELOAD %s\""):format(set == "SLEPT" and name or "/dev/null",
        set == "LATER" and name or "/dev/null", set, by, library), CLOCKS,
        kept.plain.url("/ok"), kept.h2.url("/ok?clock=1"), kept.h2.ca)
      os.remove(name)
      return text
    end

    local FRESH = ("new\tnew\tkept\n"):rep(4)
    local KEPT = ("new\tkept\tkept\n"):rep(4)

    it("while the system slept is not used again", function()
      assert.equal(FRESH, clocks("SLEPT", 60))
    end)

    it("for two minutes of the clock on the wall is not used again", function()
      assert.equal(FRESH, clocks("LATER", 130))
    end)

    it("for a shorter time is", function()
      assert.equal(KEPT, clocks("LATER", 60))
    end)
  end)
end)
