-- `limits.requests`: so many requests of a client at once, whatever connections carry them.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("requests at once", function()
  local nginx = fixtures.nginx()

  after_each(helper.check_leaks)

  -- A client, and how many of its requests were under way at most.
  local function counted(options)
    local active, most = 0, 0
    options.on = {
      start = function()
        active = active + 1
        most = math.max(most, active)
      end,
      done = function() active = active - 1 end,
    }
    return ms.client(options), function() return most end
  end

  local function addresses(count, url)
    local list = {}
    for i = 1, count do
      list[i] = url("/file/" .. i)
    end
    return list
  end

  -- By tasks and by a list.
  local function fetch_all(client, urls)
    local texts = ms.map(urls, function(url) return assert(client:get(url)):text() end)
    local results = client:map(urls)
    for i = 1, #urls do
      assert.equal("body-" .. i, texts[i])
      assert.equal("body-" .. i, assert(results[i]):text())
    end
  end

  -- Of two origins.
  local function origins(url)
    return function(path)
      local host = tonumber(path:match("%d+")) % 2 == 0 and "127.0.0.1" or "localhost"
      return (url(path):gsub("//[%w.]+:", "//" .. host .. ":"))
    end
  end

  for name, case in pairs({
    ["over HTTP/1.1"] = { limits = { requests = 3 } },
    ["over HTTP/1.1, one"] = { limits = { requests = 1 } },
    ["where connections are fewer"] = { limits = { requests = 3, connections = 2 }, most = 2 },
    ["beside those to one host"] = { limits = { requests = 3, host_connections = 2 } },
  }) do
    it("are no more than the limit " .. name, task(function()
      local made, most = counted({ limits = case.limits })
      local client <close> = made
      fetch_all(client, addresses(60, origins(nginx.url)))
      assert.is_true(most() <= (case.most or case.limits.requests))
      assert.is_true(most() >= math.min(2, case.limits.requests))
    end))
  end

  for name, limits in pairs({
    ["one connection"] = { requests = 3 },
    ["several connections"] = { requests = 5, streams = 2, connections = 10 },
  }) do
    it("are no more than the limit over HTTP/2, on " .. name, task(function()
      local made, most = counted({ limits = limits, http_version = "2",
        tls = { verify = false } })
      local client <close> = made
      fetch_all(client, addresses(60, origins(nginx.tls_url)))
      assert.is_true(most() <= limits.requests)
      assert.is_true(most() >= 2)
    end))
  end

  it("hold without anybody who listens", task(function()
    local client <close> = ms.client({ limits = { requests = 2 } })
    local before = client:stats().requests
    fetch_all(client, addresses(60, nginx.url))
    assert.equal(before + 120, client:stats().requests)
    assert.same({ 0, 0 }, { client:stats().active, client:stats().waiting })
  end))

  it("end with their bodies, and wait as long as timeout.queue says", task(function()
    local client <close> = ms.client({ limits = { requests = 1 } })
    local big = assert(client:get(nginx.url("/200m"), { high_water = 16384 }))
    local _, err = client:get(nginx.url("/1k"), { timeout = { queue = 0.05 } })
    assert.same({ "timeout", "queue" }, { err.kind, err.phase })
    assert.matches("timeout.queue", err.message)
    local waiting = ms.spawn(function() return assert(client:get(nginx.url("/1k"))):text() end)
    ms.sleep(0.02)
    assert.equal(1, client:stats().waiting)
    big:close()
    assert.equal(1024, #waiting:await())
  end))

  it("let go of who is cancelled, and of all when the client is closed", task(function()
    local client <close> = ms.client({ limits = { requests = 1 } })
    local big = assert(client:get(nginx.url("/200m"), { high_water = 16384 }))
    local first = ms.spawn(function() return client:get(nginx.url("/1k")) end)
    local second = ms.spawn(function() return client:get(nginx.url("/1k")) end)
    ms.sleep(0)
    first:cancel()
    client:close()
    local _, err = second:await()
    assert.equal("cancelled", err.kind)
    big:close()
  end))

  it("are a whole number", function()
    for _, wrong in ipairs({ 0, -1, 1.5, "3" }) do
      assert.error_matches(function() ms.client({ limits = { requests = wrong } }) end,
        "limits.requests: integer of 1 or more expected")
    end
  end)
end)
