-- A client that is asked for one URL again and again: nothing that happens to one of the answers
-- may be seen in another, though no request was made of them but by C (lua/multisock/url_only.lua).
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

describe("requests for one URL", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  -- A client that has seen the URL.
  local function accustomed(url, options)
    local client = ms.client(options)
    for _ = 1, 3 do
      ms.assert(client:get(url)):text()
    end
    return client
  end

  -- Whether nothing was made of the request but its answer.
  local function is_plain(response)
    return rawget(response, "request") == nil
  end

  -- Such a response, of a server that sends headers and body at once. (One whose body comes a
  -- moment later has a request, and on a busy machine one of them may be late all the same.)
  local function get_plain(client, url)
    for _ = 1, 20 do
      local response = ms.assert(client:get(url))
      if is_plain(response) then
        return response
      end
      response:text()
    end
    error("a request was made each time")
  end

  it("make no request of it before somebody looks at one", helper.task(function()
    local url = nginx.url("/file/plain")
    local client <close> = accustomed(url)
    local first, second = get_plain(client, url), get_plain(client, url)
    client:network_changed()
    ms.map({ 1, 2, 3 }, function()
      return ms.assert(client:get(url)):text()
    end)
    assert.equal(url, first.url)
    assert.equal(url, first.request:url())
    assert.is_false(rawequal(first.request, second.request))
    assert.equal("body-plain", first:text())
    first:close()
    assert.equal("body-plain", second:text())
  end))

  it("make one where a method, a middleware or an unusual option has a say", helper.task(function()
    local url = nginx.url("/file/plain")
    local client <close> = accustomed(url)
    assert.is_false(is_plain(ms.assert(client:get(url, { headers = { A = 5 } }))))
    assert.is_false(is_plain(ms.assert(client:get(url, { redirect = "manual" }))))
    assert.is_false(is_plain(ms.assert(client:head(url))))
    get_plain(client, url)
    for _, options in ipairs({
      { middleware = { function(asked, next) return next(asked) end } }, { query = { a = 1 } },
      { each_attempt = { function(asked, next) return next(asked) end } },
      { cookies = ms.cookies() },
      { on = { response = function() end } }, { retry = true },
      { base_url = nginx.url("/a/.b/") },
      { timeout = { attempt = 5 } }, { cache = true },
    }) do
      local other <close> = accustomed(url, options)
      assert.is_false(is_plain(ms.assert(other:get(url))), next(options))
    end
  end))

  it("are refused as others are when the client is closed", helper.task(function()
    local url = nginx.url("/1k")
    local client = accustomed(url)
    client:close()
    assert.matches("the client is closed", helper.failure(client.get, client, url))
    ms.trace(function() end)()        -- arranges its chain again
    assert.matches("the client is closed", helper.failure(client.get, client, url))
    local wrong <close> = accustomed(url)
    assert.matches("url: string expected, got nil", helper.failure(wrong.get, wrong))
    assert.matches("url: string expected, got 1", helper.failure(wrong.get, wrong, 1))
    assert.equal("url", select(2, wrong:get("x")).kind)
  end))

  it("fail with their request, and with fail_on_error", helper.task(function()
    local url = hostile.url("/script?key=failing&words=200,200,200,503,404,reset")
    local client <close> = accustomed(url, { fail_on_error = true })
    local _, err = client:get(url)
    assert.same({ "status", 503, url }, { err.kind, err.response.status, err.request:url() })
    _, err = client:get(url)
    assert.same({ "status", 404, url }, { err.kind, err.response.status, err.response.url })
    local refusing = nginx.url("/1k"):gsub(":%d+/", ":1/")
    for _ = 1, 3 do
      _, err = client:get(refusing)
      assert.same({ "connect", refusing }, { err.kind, err.request:url() })
    end
  end))

  it("end each for itself", helper.task(function()
    local url = hostile.url("/script?key=standing&words=200,200,200,reset,503,200")
    local client <close> = accustomed(url)
    local answers = {}
    for i = 1, 3 do
      local response, err = client:get(url)
      answers[i] = response and response.status or err.kind
    end
    -- The connection died before its answer began, so it was asked once more.
    assert.same({ 503, 200, 200 }, answers)
    assert.equal(1, ms.assert(client:get(url)).attempts)
  end))

  it("can be cancelled one by one", helper.task(function()
    local url = hostile.url("/late?delay=0.3")
    local client <close> = accustomed(url)
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = ms.spawn(function()
        return ms.assert(client:get(url)).status
      end)
    end
    ms.sleep(0.05)
    tasks[2]:cancel()
    assert.equal(200, tasks[1]:await())
    assert.equal(200, tasks[3]:await())
    local ok, err = tasks[2]:join()
    assert.same({ false, "cancelled" }, { ok, err.kind })
  end))

  it("have all hops within one limit", helper.task(function()
    local delay = "delay=" .. helper.seconds(0.2)
    local url = hostile.url("/redirect?" .. delay .. "&to=")
      .. ms.escape(hostile.url("/late?" .. delay))
    local client <close> = ms.client({ timeout = helper.seconds(0.3) })
    for _ = 1, 4 do
      local began = ms.now()
      assert.equal("timeout", helper.err_of(client:get(url)).kind)
      assert.is_true(ms.now() - began < helper.seconds(0.39), "the limit began again")
    end
  end))

  it("wait for a connection no longer than they may take in all", helper.task(function()
    local url = hostile.url("/late?delay=" .. helper.seconds(0.2))
    local client <close> = accustomed(url, { timeout = helper.seconds(0.5),
      limits = { host_connections = 1 } })
    local began, kinds = ms.now(), {}
    ms.map({ 1, 2, 3, 4 }, function()
      local response, err = client:get(url)
      kinds[#kinds + 1] = response and response:text() and "good"
        or err.kind .. " " .. err.request:url()
    end)
    table.sort(kinds)
    assert.same({ "good", "good", "timeout " .. url, "timeout " .. url }, kinds)
    assert.is_true(ms.now() - began < helper.seconds(0.65), "the limit began again")
  end))

  it("follow redirects from one URL to another each time", helper.task(function()
    local url = hostile.url("/redirect?to=/bytes")
    local client <close> = accustomed(url)
    for _ = 1, 3 do
      local response = ms.assert(client:get(url))
      assert.same({ 200, 1, true }, { response.status, #response.history, response.redirected })
      response:close()
    end
  end))

  it("tell who begins to listen, and nobody who has stopped", helper.task(function()
    local url = nginx.url("/1k")
    local client <close> = accustomed(url)
    local seen = 0
    local stop = ms.trace(function(event)
      if event.name == "response" then
        seen = seen + 1
      end
    end)
    ms.assert(client:get(url)):text()
    ms.assert(client:get(url)):text()
    stop()
    ms.assert(client:get(url)):text()
    assert.equal(2, seen)
  end))

  it("may be many in turn", helper.task(function()
    local client <close> = ms.client()
    local count = 0
    for _ = 1, 2 do
      for i = 1, 600 do
        for _ = 1, 2 do
          local response = ms.assert(client:get(nginx.url("/file/" .. i)))
          count = count + (is_plain(response) and 1 or 0)
          assert.equal("body-" .. i, response:text())
        end
      end
    end
    assert.is_true(count > 1200, count .. " without a request")
  end, 40))
end)
