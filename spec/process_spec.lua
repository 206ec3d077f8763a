-- What there is once in a process: libcurl's start, and fork. A child has the
-- sockets and the epoll descriptor of its parent; it must not touch them, even
-- when it ends its Lua state.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")

describe("a forked process", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local secret = fixtures.hostile({ tls = true })
  local program

  embedding.fixture("spec/embed/host.c", function(path) program = path end)

  local function host(script, ...)
    local output, status = embedding.script(program, [[
      local ms, core = require("multisock"), require("multisock.core")
      -- Calls `fn` in a child, which then ends; returns its exit status.
      local function child(fn)
        local pid = fork()
        if pid == 0 then
          local ok, err = pcall(fn)
          if not ok then say("child: " .. tostring(err)) end
          os.exit(ok and 3 or 4, true)
        end
        return wait(pid)
      end
    ]] .. script, ...)
    assert.equal(0, status, output)
    assert.truthy(output:find("closed\n$"), output)
    return (output:gsub("closed\n$", ""))
  end

  local REASON = "was made before fork() and belongs to the parent process"

  it("leaves a transfer to its parent: whatever the child tries raises", function()
    local output = host([[
      local url, late = ...
      ms.run(function()
        assert(ms.get(url .. "1")):text()
        local slow = ms.spawn(function() return assert(ms.get(late)):text() end)
        ms.sleep(0.2)
        say(child(function()
          for _, try in ipairs {
            function() return ms.get(url .. "2") end,
            function() return ms.client({}):get(url .. "2") end,
            function() return ms.sleep(0.01) end,
          } do
            local ok, err = pcall(try)
            say(tostring(ok) .. " " .. tostring(err))
          end
        end))
        say(slow:await())
        say(assert(ms.get(url .. "3")):text())
      end)
    ]], nginx.url("/file/"), hostile.url("/late?delay=0.6&body=late"))
    local count = 0
    for line in output:gmatch("false [^\n]*") do
      assert.truthy(line:find(REASON, 1, true), line)
      count = count + 1
    end
    assert.equal(3, count, output)
    assert.truthy(output:find("\n3\nlate\nbody%-3\n$"), output)
  end)

  it("cannot use handles of the core that its parent made", function()
    local output = host([[
      local url = ...
      local easy = core.easy { url = url, noproxy = "*", writefunction = function() end }
      local multi, loop = core.multi(), core.loop()
      local share = core.share("dns")
      multi:attach(loop):add_handle(easy)
      loop:step(0)
      say(child(function()
        for _, try in ipairs {
          function() easy:getinfo("response_code") end,
          function() core.easy():setopt("share", share) end,
          function() multi:remove_handle(easy) end,
          function() core.multi():add_handle(easy) end,
          function() core.multi():attach(loop) end,
          function() loop:step(0) end,
        } do
          say(select(2, pcall(try)))
        end
        for _, handle in ipairs { easy, multi, loop, share } do
          say(tostring(handle))
          handle:close()
        end
      end))
      local ended, ok
      repeat loop:step() ended, ok = multi:info_read() until ended
      say(ended == easy and ok)
    ]], nginx.url("/1k"))
    local _, count = output:gsub(REASON:gsub("%p", "%%%0"), "")
    assert.equal(6, count, output)
    for _, name in ipairs { "easy", "multi", "loop", "share" } do
      assert.truthy(output:find("multisock." .. name .. " (of another process)", 1, true), output)
    end
    assert.truthy(output:find("\n3\ntrue\n$"), output)
  end)

  it("does not end connections of its parent: TLS, kept alive, or in a transfer", function()
    assert.equal("3\nlate late\n", host([[
      local url, ca, late, late_tls, late_ca = ...
      local client = ms.client { tls = { ca = ca } }
      -- Their sockets wait in the epoll that the child has, too.
      local function wait_for(where, trusted)
        return assert(ms.get(where, { timeout = 10, tls = { ca = trusted } })):text()
      end
      ms.run(function()
        for i = 1, 3 do
          assert(client:get(url .. "fork-tls-" .. i)):text()
          if i == 2 then
            local slow = ms.spawn(wait_for, late)
            local slow_tls = ms.spawn(wait_for, late_tls, late_ca)
            ms.sleep(0.3)
            say(child(function() client = nil collectgarbage() end))
            say(slow:await() .. " " .. slow_tls:await())
          end
        end
      end)
    ]], nginx.tls_url("/file/"), nginx.ca, hostile.url("/late?delay=0.6&body=late"),
      secret.url("/late?delay=0.6&body=late"), secret.ca))
    local connections = {}
    for _, line in ipairs(nginx.log("fork%-tls", 3)) do
      connections[line.connection] = true
    end
    assert.is_nil(next(connections, next(connections)))
  end)

  it("works when it is the first that uses multisock", function()
    assert.equal("body-7\n3\nbody-8\n3\nbody-9\n", host([[
      local url = ...
      for i = 7, 8 do
        say(child(function() say(assert(ms.get(url .. i)):text()) end))
      end
      say(assert(ms.get(url .. 9)):text())
    ]], nginx.url("/file/")))
  end)

  it("works with a new Lua state while the parent's is in mid-transfer", function()
    assert.equal("body-5\nnil\n3\nlate\n", host([[
      local url, late = ...
      ms.run(function()
        local slow = ms.spawn(function() return assert(ms.get(late)):text() end)
        ms.sleep(0.1)
        say(child(function()
          say(fresh("local url = ... local ms = require('multisock') " ..
            "print(assert(ms.get(url .. 5)):text()) io.stdout:flush()", url))
        end))
        say(slow:await())
      end)
    ]], nginx.url("/file/"), hostile.url("/late?delay=0.4&body=late")))
  end)

  it("gets no results of a list that its parent has not taken from C", function()
    assert.equal("0 made before fork()\n3\n38\n", host([[
      local url = ...
      ms.run(function()
        local urls, count = {}, 0
        for i = 1, 40 do
          urls[i] = url .. i
        end
        local iterator = ms.each(urls, { concurrency = 8 })
        iterator()
        os.execute("sleep 0.2")       -- all that runs is answered
        iterator()                    -- one of those that are ready then
        say(child(function()
          -- Those that were taken are copies.
          count = count - (iterator.last - iterator.first + 1)
          local ok, err = pcall(iterator)
          while ok do
            count = count + 1
            ok, err = pcall(iterator)
          end
          say(count .. " " .. tostring(err):match("made before fork%(%)"))
        end))
        for _, response in iterator do
          count = count + (response and 1 or 0)
        end
        say(count)
      end)
    ]], nginx.url("/file/")))
  end)

  it("may go on with the host's loop after uv_loop_fork: ours are silent there", function()
    assert.equal("the child's timer\nrun\n3\nbody-1 late\n", host([[
      local url, late = ...
      adopt()
      local got = {}
      ms.spawn(function() got[1] = assert(ms.get(url .. "1")):text() end)
      ms.spawn(function() got[2] = assert(ms.get(late)):text() end)
      -- Behind them, so that they have begun, however slow the machine is.
      ms.spawn(after, 200, function()
        say(child(function()
          assert(fork_loop() == 0)
          after(600, function() say("the child's timer") end)
          uv_run()
          say("run")
        end))
      end)
      uv_run()
      say(table.concat(got, " "))
    ]], nginx.url("/file/"), hostile.url("/late?delay=0.5&body=late")))
  end)
end)

describe("a process that has closed its standard files", function()
  it("makes loops all the same", function()
    local lua = os.getenv("LUA") or "lua5.4"
    local path = os.tmpname()
    for _, closed in ipairs { "0<&-", "1>&-", "0<&- 1>&- 2>&-" } do
      local command = ("%s -e 'local core = require(\"multisock.core\") "
        .. "local loop = core.loop() loop:step(0) loop:close() "
        .. "io.open(\"%s\", \"w\"):write(\"done\")' %s"):format(lua, path, closed)
      os.execute(command)
      assert.equal("done", helper.read_file(path), closed)
      os.remove(path)
    end
  end)
end)

describe("curl_global_init", function()
  teardown(function()
    embedding.clean()
  end)

  it("is left to the host when the host says so", function()
    local program = embedding.build("spec/embed/global.c")
    local output, status = embedding.run(program)
    assert.equal("OK\n", output)
    assert.equal(0, status)
  end)
end)
