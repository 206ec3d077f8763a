-- A client that is asked for one URL again and again sends one request as often: nothing that
-- happens to one of its answers may be seen in another.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
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

  it("are the same one, which nothing is written into", helper.task(function()
    local url = nginx.url("/1k")
    local client <close> = accustomed(url)
    local standing = client.standing[url]
    local first, second = ms.assert(client:get(url)), ms.assert(client:get(url))
    local before = {}
    for key, value in pairs(standing) do
      before[key] = value
    end
    client:network_changed()
    ms.map({ 1, 2, 3 }, function()
      return ms.assert(client:get(url)):text()
    end)
    assert.equal(standing, client.standing[url])
    for key, value in pairs(before) do
      assert.is_true(rawequal(value, standing[key]), key)
    end
    for key in pairs(standing) do
      assert.truthy(before[key] ~= nil, key)
    end
    assert.equal(servers.bytes(1024), first:text())
    first:close()
    assert.equal(servers.bytes(1024), second:text())
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
    local url = hostile.url("/redirect?delay=0.2&to=") .. ms.escape(hostile.url("/late?delay=0.2"))
    local client <close> = ms.client({ timeout = 0.3 })
    for _ = 1, 4 do                   -- the third one stands
      local began = ms.now()
      local response, err = client:get(url)
      assert.is_nil(response)
      assert.equal("timeout", err.kind)
      assert.is_true(ms.now() - began < 0.39, "the limit began again")
    end
    assert.truthy(client.standing[url])
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

  it("do not keep more than some hundreds", helper.task(function()
    local client <close> = ms.client()
    for i = 1, 600 do
      for _ = 1, 2 do
        ms.assert(client:get(nginx.url("/file/" .. i))):text()
      end
    end
    assert.is_true(client.standing_count <= 512)
    assert.equal("body-7", ms.assert(client:get(nginx.url("/file/7"))):text())
  end))
end)
