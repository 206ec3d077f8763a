-- client.lua: defaults of its own, what may be asked, and how it ends.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("clients", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  -- What /echo saw of a request.
  local function echo(client, options, path)
    return (echoed.of(client:post(path or hostile.url("/echo"), options)))
  end

  it("put base_url before what is no absolute URL", helper.task(function()
    local client <close> = ms.client({ base_url = hostile.url("/deep/path") })
    assert.equal(hostile.url("/deep/path/x?a=1"),
      ms.assert(client:get("/x", { query = { a = 1 } })).url)
    assert.equal(servers.bytes(1024), ms.assert(client:get(nginx.url("/1k"))):text())
    for written, right in pairs({
      [""] = "/deep/path", ["/"] = "/deep/path/", x = "/deep/path/x", ["/x"] = "/deep/path/x",
      ["x/"] = "/deep/path/x/", ["x?b=1"] = "/deep/path/x?b=1", ["?b=1"] = "/deep/path?b=1",
      ["//host/x"] = "/deep/path/host/x", ["../x"] = "/deep/x", [" x "] = "/deep/path/x",
      ["a b"] = "/deep/path/a%20b", ["a:b/c"] = "/deep/path/a:b/c",
      ["\195\164"] = "/deep/path/%C3%A4", ["x#part"] = "/deep/path/x#part",
    }) do
      local response = ms.assert(client:get(written))
      assert.equal(hostile.url(right), response.url)
      response:close()
    end
    local slashed <close> = ms.client({ base_url = hostile.url("/deep/") })
    assert.equal(hostile.url("/deep/x"), ms.assert(slashed:get("/x")).url)
    local user <close> = ms.client({ base_url = (hostile.url("/v1"):gsub("//", "//me:secret@")) })
    assert.equal(hostile.url("/v1/x"), ms.assert(user:get("x")).url)
  end))

  it("refuse a base_url that is none", function()
    for _, text in ipairs({ "no url", "http://h/?a=1", "http://h/#a" }) do
      local err = helper.failure(ms.client, { base_url = text })
      assert.truthy(err:find("base_url: ", 1, true), err)
    end
  end)

  it("give every request their own defaults", helper.task(function()
    local client <close> = ms.client({ headers = { ["X-One"] = "1", ["X-Two"] = "2" } })
    local headers = echo(client, { headers = { ["x-two"] = "two" }, body = "" }).fields
    assert.same({ "1", "two" }, { headers["x-one"], headers["x-two"] })
    headers = echo(client, { headers = { ["X-ONE"] = false }, body = "" }).fields
    assert.same({ nil, "2" }, { headers["x-one"], headers["x-two"] })
    local other <close> = ms.client()
    assert.is_nil(echo(other, { body = "" }).fields["x-one"])
  end))

  it("give an error for a status of 400 when asked to", helper.task(function()
    local client <close> = ms.client({ fail_on_error = true })
    local err = helper.err_of(client:get(hostile.url("/status?code=404")))
    assert.equal("status", err.kind)
    assert.equal(404, err.response.status)
    assert.equal("status 404\n", err.response:text())
    assert.is_false(err.retryable)
    assert.is_true(select(2, client:get(hostile.url("/status?code=503"))).retryable)
    assert.equal(399, client:get(hostile.url("/status?code=399")).status)
    assert.equal(404, client:get(hostile.url("/status?code=404"), { fail_on_error = false }).status)
  end))

  it("authenticate", helper.task(function()
    local client <close> = ms.client({ auth = { basic = { "user", "secret" } } })
    assert.equal(200, client:get(hostile.url("/basic")).status)
    local other <close> = ms.client()
    assert.equal(401, other:get(hostile.url("/basic")).status)
    local wrong = { auth = { basic = { "user", "no" } } }
    assert.equal(401, other:get(hostile.url("/basic"), wrong).status)
    assert.equal("Bearer T0K", echo(other, { auth = { bearer = "T0K" }, body = "" })
      .fields.authorization)
    assert.is_nil(echo(other, { body = "" }).fields.authorization)
  end))

  it("speak the HTTP version asked for", helper.task(function()
    local client <close> = ms.client()
    assert.equal("HTTP/1.0", echo(client, { http_version = "1.0", body = "" }).version)
    assert.equal("HTTP/1.1", echo(client, { http_version = "1.1", body = "" }).version)
    assert.equal("HTTP/1.1", echo(client, { body = "" }).version)
  end))

  it("pass raw options on", helper.task(function()
    local client <close> = ms.client({ curl = { useragent = "raw/1" } })
    assert.equal("raw/1", echo(client, { body = "" }).fields["user-agent"])
    assert.equal("raw/2", echo(client, { body = "", curl = { useragent = "raw/2" } })
      .fields["user-agent"])
    assert.equal(servers.bytes(10, 0, 5), client:get(nginx.url("/1k"), {
      curl = { range = "5-14" } }):text())
  end))

  it("reach a unix socket, and names that they are told", helper.task(function()
    local client <close> = ms.client()
    local response = ms.assert(client:get("http://localhost/file/unix", {
      unix_socket = nginx.unix_socket }))
    assert.equal("body-unix", response:text())
    local _, err = client:get("http://localhost/", { unix_socket = nginx.dir .. "/none.sock" })
    assert.equal("connect", err.kind)
    response = ms.assert(client:get("http://some.test:" .. nginx.port .. "/file/named", {
      resolve = { "some.test:" .. nginx.port .. ":127.0.0.1" } }))
    assert.equal("body-named", response:text())
    response = ms.assert(client:get("http://other.test/file/there", {
      connect_to = { "other.test:80:127.0.0.1:" .. nginx.port } }))
    assert.equal("body-there", response:text())
  end))

  it("say when a proxy is not there", helper.task(function()
    local client <close> = ms.client({ proxy = "http://127.0.0.1:" .. probe.closed_port() })
    local err = helper.err_of(client:get(nginx.url("/1k")))
    assert.is_truthy(err.kind == "connect" or err.kind == "proxy", err.kind)
    assert.equal("connect", err.phase)
    assert.is_truthy(client:get(nginx.url("/1k"), { proxy = false }))
    assert.is_truthy(client:get(nginx.url("/1k"), { no_proxy = { "127.0.0.1" } }))
  end))

  it("refuse what they do not know", function()
    for text, options in pairs({
      ["nonsense"] = { nonsense = 1 }, ["limits.connections"] = { limits = { connections = 0 } },
      ["unknown field"] = { limits = { conections = 1 } }, ["limits: table"] = { limits = 5 },
      ["timeout.total"] = { timeout = { total = -1 } }, ["method"] = { method = "A B" },
      ["'auth': aws_sigv4, basic, bearer,"] = { auth = {} },
      ["basic and bearer exclude"] = { auth = { basic = { "u", "p" }, bearer = "t" } },
    }) do
      local err = helper.failure(function()
        local client = ms.client(options)
        return client
      end)
      assert.is_truthy(err:find(text, 1, true), err)
      assert.is_truthy(err:find("client_spec", 1, true), err)
    end
    assert.is_false(pcall(ms.client, "x"))
    local client <close> = ms.client()
    local err = helper.failure(client.get, client, nginx.url("/1k"), { nonsense = 1 })
    assert.is_truthy(err:find("nonsense", 1, true))
    assert.is_false(pcall(client.get, client, nil))
  end)

  it("do not keep the table of limits that they were given", function()
    local limits = { host_connections = 2 }
    local client <close> = ms.client({ limits = limits })
    limits.host_connections = 7
    assert.equal(2, client.limits.host_connections)
    assert.is_nil(limits.counter)
  end)

  describe("that are closed", function()
    it("end what runs, wherever it is, with kind cancelled", helper.task(function()
      local client = ms.client({ limits = { host_connections = 3 } })
      local early = ms.assert(client:get(hostile.url("/stall-body")))
      local tasks = {
        ms.spawn(function() return client:get(hostile.url("/stall")) end),
        ms.spawn(function() return early:text() end),
        ms.spawn(function()
          return client:post(hostile.url("/upload"), { body = function() ms.sleep(60) end })
        end),
        ms.spawn(function() return client:get(hostile.url("/bytes?queued")) end),
        ms.spawn(function() return client:get(hostile.url("/bytes?queued"), { timeout = 50 }) end),
      }
      ms.sleep(0.1)
      client:close()
      client:close()
      for i, task in ipairs(tasks) do
        local ok, response, err = task:join()
        assert.is_true(ok, i .. ": " .. tostring(response))
        assert.is_nil(response)
        assert.equal("cancelled", err.kind, tostring(i))
        assert.is_truthy(err.message:find("client was closed", 1, true), err.message)
        assert.same({ 1, hostile.url("/") }, { err.attempts, err.url:match("^.*/") })
      end
      probe.open_becomes(hostile, 0)
      assert.equal("cancelled", select(2, early:text()).kind)
      assert.is_truthy(tostring(client):find("closed", 1, true))
    end))

    -- The answer may be there already when it is closed.
    it("end what runs when `progress` closes them, or the response", helper.task(function()
      local ways = {
        text = function(response) return response:text() end,
        read = function(response) return response:read(1) end,
        save = function(response) return response:save("/dev/null") end,
        discard = function(response) return response:discard() end,
        chunks = function(response) return response:chunks()() end,
      }
      for name, way in pairs(ways) do
        for _, what in ipairs({ "client", "response" }) do
          for at = 1, 2 do
            local closing, calls, response, err = ms.client(), 0, nil, nil
            local function progress()
              calls = calls + 1
              if calls >= at and what == "client" then
                closing:close()
              elseif calls >= at and response then
                response:close()
              end
            end
            response, err = closing:get(hostile.url("/stall-body"), { progress = progress,
              timeout = 3 })
            if response then
              local _, raised = pcall(function()
                local part
                repeat
                  part, err = way(response)
                until not part
                error(err, 0)
              end)
              err = raised
            end
            assert.equal(what == "client" and "cancelled" or "closed", err.kind,
              ("%s, %s, %d: %s"):format(name, what, at, tostring(err)))
            closing:close()
          end
        end
      end
    end))

    it("cannot be used", helper.task(function()
      local client = ms.client()
      client:close()
      for _, call in ipairs({
        function() local response = client:get(nginx.url("/1k")) return response end,
        function() local response = client:get(nginx.url("/1k"), {}) return response end,
        function() client:pages(nginx.url("/1k")) end, function() client:each({}) end,
        function() client:eventsource(nginx.url("/1k")) end,
        function() client:websocket("ws://127.0.0.1:1/") end,
        function() client:duplex("POST", nginx.url("/1k")) end,
        function() client:download(nginx.url("/1k"), "x") end,
      }) do
        assert.matches("^[^\n]*client_spec.lua:%d+: the client is closed$", helper.failure(call))
      end
    end))

    it("are so at the end of their block, or when collected", helper.task(function()
      do
        local client <close> = ms.client()
        ms.assert(client:get(hostile.url("/bytes")))
        assert.equal(1, probe.stats(hostile).open)
        if not helper.has_close then
          client:close()
        end
      end
      probe.open_becomes(hostile, 0)
      do
        local client = ms.client()
        ms.assert(client:get(hostile.url("/bytes")))
      end
      probe.eventually(function()
        collectgarbage()
        return probe.stats(hostile).open == 0
      end)
    end))
  end)
end)
