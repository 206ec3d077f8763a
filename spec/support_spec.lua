-- The servers that the other specs rely on: they start, answer as they promise,
-- and leave nothing behind. Asked with the curl command, not with multisock.
local fixtures = require("spec.support.fixtures")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
package.path = folder .. "/support/?.lua;" .. package.path
local servers = require "servers"

-- Debian's curl hangs when a sanitizer is loaded into it.
local CURL = "env -u LD_PRELOAD " .. servers.program("curl", "curl") .. " --noproxy '*' -s -m 10 "

-- Returns what curl wrote and its exit status.
local function curl(arguments)
  return shell.run(CURL .. arguments)
end

local function get(server, path, arguments)
  return curl((arguments or "") .. " '" .. server.url(path) .. "'")
end

local function alive(pid)
  local stat = shell.read_file("/proc/" .. pid .. "/stat")
  return stat ~= nil and not stat:find("%) Z")
end

-- The servers and their watchdogs carry the folder in their command lines.
local function processes_of(dir)
  local lines = shell.run("cd /proc; for f in [0-9]*/cmdline; " ..
    "do tr '\\0' ' ' <$f; echo; done 2>/dev/null")
  local count = 0
  for line in lines:gmatch("[^\n]+") do
    if line:find(dir, 1, true) then count = count + 1 end
  end
  return count
end

local function is_gone(server)
  local deadline = os.time() + 10
  while alive(server.pid) or processes_of(server.dir) > 0
    or shell.run("ls -d " .. server.dir) == server.dir .. "\n" do
    if os.time() > deadline then return false end
    os.execute("sleep 0.02")
  end
  return true
end

describe("the test servers", function()
  describe("nginx", function()
    local nginx = fixtures.nginx()

    it("serves files of known content", function()
      assert.equal(servers.bytes(1024), (get(nginx, "/1k")))
      assert.equal("body-17", (get(nginx, "/file/17")))
      assert.equal("209715200", (get(nginx, "/200m", "-o /dev/null -w '%{size_download}'")))
    end)

    it("compresses text for those who ask", function()
      local head = get(nginx, "/text.txt", "-D - -o /dev/null --compressed")
      assert.truthy(head:find("Content-Encoding: gzip", 1, true))
    end)

    it("limits the rate of /slow", function()
      local _, status = get(nginx, "/slow?rate=1000", "-m 1 -o /dev/null")
      assert.equal(28, status)
    end)

    it("speaks HTTP/2 with a certificate of the local CA", function()
      local arguments = "--cacert " .. nginx.ca .. " -w ' %{http_version}' "
      local text = curl(arguments .. nginx.tls_url("/file/a"))
      assert.equal("body-a 2", text)
    end)

    it("shows certificates that must be refused", function()
      for _, url in ipairs { nginx.unknown_ca_url("/"), nginx.wrong_host_url("/") } do
        local _, status = curl("--cacert " .. nginx.ca .. " " .. url)
        assert.equal(60, status)
      end
      assert.equal("wrong host\n", (curl("-k " .. nginx.wrong_host_url("/"))))
    end)

    it("answers on a unix socket", function()
      local text = curl("--unix-socket " .. nginx.unix_socket .. " http://localhost/file/u")
      assert.equal("body-u", text)
    end)

    it("takes uploads", function()
      local _, status = curl("-f -T " .. nginx.dir .. "/www/1k " .. nginx.url("/upload/copy"))
      assert.equal(0, status)
      assert.equal(servers.bytes(1024), (get(nginx, "/upload/copy")))
    end)

    it("logs which connection a request came on", function()
      curl(nginx.url("/file/log1") .. " " .. nginx.url("/file/log2"))
      local lines = nginx.log("^/file/log%d$", 2)
      assert.equal(2, #lines)
      assert.equal(lines[1].connection, lines[2].connection)
      assert.equal(lines[1].requests + 1, lines[2].requests)
      assert.same({ "HTTP/1.1", "GET", "/file/log2", 200 },
        { lines[2].protocol, lines[2].method, lines[2].uri, lines[2].status })
    end)
  end)

  for _, tls in ipairs { false, true } do
    describe("hostile.py" .. (tls and " with TLS" or ""), function()
      local hostile, trust
      setup(function()
        hostile = servers.hostile { tls = tls }
        trust = tls and "--cacert " .. hostile.ca .. " " or ""
      end)
      teardown(function() hostile.stop() end)

      -- Each path, and the exit status with which curl reports it.
      local broken = {
        ["/reset"] = 56, ["/reset-after?bytes=10"] = 56, ["/stall"] = 28,
        ["/stall-headers"] = 28, ["/stall-body?bytes=10"] = 28,
        ["/truncate?bytes=10&claim=20"] = 18,
        ["/bad-chunk"] = 56, ["/truncate-chunk"] = 18, ["/not-http"] = 1, ["/nul-header"] = 8,
        ["/bad-gzip"] = 61, ["/redirect-loop"] = 47, ["/huge-headers?bytes=400000"] = 56,
      }
      for path, expected in pairs(broken) do
        it("breaks " .. path, function()
          local limit = expected == 28 and "-m 0.5" or ""
          local _, status = get(hostile, path, trust .. "-L --compressed -o /dev/null " .. limit)
          assert.equal(expected, status)
        end)
      end

      it("sends bytes that any offset can verify", function()
        for _, path in ipairs { "/bytes?n=70000&seed=5", "/stream?n=70000&seed=5&chunk=999" } do
          local text = get(hostile, path, trust)
          assert.equal(servers.bytes(70000, 5), text)
        end
        assert.equal(servers.bytes(500, 5):sub(301), servers.bytes(200, 5, 300))
        assert.equal(servers.bytes(20), (get(hostile, "/trickle?bytes=20&delay=0.001", trust)))
        assert.equal(servers.bytes(1000), (get(hostile, "/http10", trust)))
        local zeros = get(hostile, "/gzip?n=3000000", trust .. "--compressed")
        assert.truthy(zeros == ("\0"):rep(3000000))
      end)

      it("hashes uploads, of known length and chunked", function()
        local file = hostile.dir .. "/stderr.body"
        shell.write_file(file, servers.bytes(2000000))
        local expected = shell.run("sha256sum " .. file):match("^%x+")
        for _, how in ipairs { "-H Expect:\\ 100-continue", "-H Transfer-Encoding:\\ chunked" } do
          local text = get(hostile, "/upload", trust .. how .. " -T " .. file)
          assert.equal(('{"length": 2000000, "sha256": "%s"}\n'):format(expected), text)
        end
        local slow = trust .. "-o /dev/null -w '%{time_total}' -T " .. file
        local seconds = tonumber((get(hostile, "/upload-slow?rate=2500000", slow)))
        assert.truthy(seconds > 0.7 and seconds < 5, seconds)
      end)

      it("echoes the request", function()
        local text = get(hostile, "/echo?a=b", trust .. "-X PATCH -d hello -H 'X-One: 1'")
        assert.truthy(text:find('"method": "PATCH", "path": "/echo?a=b"', 1, true))
        assert.truthy(text:find('["X-One", "1"]', 1, true))
        assert.truthy(text:find('"length": 5', 1, true))
      end)

      it("answers correctly where that is rare", function()
        local function head_of(path, arguments)
          return (get(hostile, path, trust .. "-i -o - " .. (arguments or "")))
        end
        assert.truthy(head_of("/trailers"):find("X-Count: 5", 1, true))
        assert.truthy(head_of("/early-hints"):find("HTTP/1.1 103.*HTTP/1.1 200"))
        assert.truthy(head_of("/no-reason"):find("^HTTP/1.1 200 ?\r\n"))
        assert.truthy(head_of("/duplicate-headers"):find("a=1.*X%-Twice: one.*b=2.*x%-twice: two"))
        assert.truthy(head_of("/status?code=418"):find("^HTTP/1.1 418"))
        assert.truthy(head_of("/redirect?to=/x&status=307"):find("^HTTP/1.1 307.*Location: /x\r"))
        assert.truthy(head_of("/redirect-chain?n=3", "-L"):find("end of the chain"))
        assert.truthy(head_of("/basic"):find("^HTTP/1.1 401"))
        assert.truthy(head_of("/basic", "-u user:secret"):find("welcome"))
        assert.truthy(head_of("/reject-early?linger=0.2", "-d hello"):find("^HTTP/1.1 413"))
      end)

      it("counts connections, and closes idle ones unannounced", function()
        get(hostile, "/stats-reset", trust)
        local twice = hostile.url("/close-idle?count=2&next=1")
        local three = hostile.url("/status") .. "?code=20[0-2]"
        curl(trust .. "-o /dev/null '" .. three .. "'")
        -- Two answers on one connection; the third request is met by a close
        -- and curl repeats it on a new connection.
        local _, status = curl(trust .. ("'" .. twice .. "' "):rep(3))
        assert.equal(0, status)
        local text = get(hostile, "/stats", trust)
        -- The first curl, the second's two, and this one's own.
        assert.truthy(text:find('"connections": 4, "requests": 6, "open": 1,', 1, true), text)
        assert.truthy(text:find('"/status": 3, "/close-idle": 3', 1, true), text)
      end)

      it("forgets a client that has gone while it waited", function()
        get(hostile, "/late?delay=60", trust .. "-m 0.2")
        os.execute("sleep 0.1")
        assert.truthy(get(hostile, "/stats", trust):find('"open": 1,', 1, true))
      end)
    end)
  end

  it("stop, once or twice, and leave no process and no file", function()
    local list = { servers.nginx(), servers.hostile(), servers.hostile { tls = true } }
    for _, server in ipairs(list) do
      assert.truthy(alive(server.pid))
      server.stop()
      assert.truthy(is_gone(server))
      server.stop()
      local _, status = curl(server.url("/"))
      assert.equal(7, status)
    end
  end)

  -- In a process of its own: stop_all here would stop other specs' servers too.
  for name, ending in pairs {
    ["die with the Lua process that started them"] = "os.execute('kill -9 $PPID')",
    ["stop all together"] = "servers.stop_all() os.execute('kill -0 ' .. pid)",
  } do
    it(name, function()
      local said = support.child([[
        local servers = require "servers"
        local pid
        for _, server in ipairs { servers.nginx(), servers.hostile { tls = true } } do
          pid = server.pid
          print(server.pid, server.dir)
        end
        io.stdout:flush()
      ]] .. ending)
      local count = 0
      for pid, dir in said:gmatch("(%d+)\t(%S+)\n") do
        count = count + 1
        assert.truthy(is_gone { pid = pid, dir = dir }, said)
      end
      assert.equal(2, count, said)
      -- What stop_all left to the end of the process, kill -0 would have found.
      if ending:find("stop_all") then assert.truthy(said:find("No such process"), said) end
    end)
  end

  it("say which package is missing", function()
    local ok, err = pcall(servers.program, "no-such-program", "its-package")
    assert.falsy(ok)
    assert.truthy(err:find("install the Debian package its-package", 1, true))
  end)
end)
