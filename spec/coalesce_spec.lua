-- The option `cache` with `coalesce`: equal requests are sent once.
local cached = require("spec.support.cached")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("cache with coalesce", function()
  local FRESH, begin = cached.FRESH, cached.begin

  cached.fixture()

  local SLOW = { headers = FRESH.headers, body = "first", pause = 0.05 }
  local TOGETHER = { cache = { coalesce = true } }

  local function get_all(count, get)
    local list = {}
    for i = 1, count do
      list[i] = i
    end
    return ms.map(list, function(i) return (get({ meta = i })) end)
  end

  it("sends one of many that are equal", task(function()
    local client, get, target, url = begin({ SLOW }, TOGETHER)
    local got = get_all(20, get)
    assert.equal("first nil", got[1])
    assert.equal("first fresh", got[20])
    assert.equal(1, #cached.seen(target))
    cached.script(target, { { headers = FRESH.headers, body = "second", pause = 0.05 } })
    cached.wait(100)
    ms.map({ 1, 2, 3 }, function(i)
      get({ headers = { ["X-I"] = i } })
    end)
    assert.equal(3, #cached.seen(target))
    cached.wait(100)
    cached.script(target, { { headers = "Cache-Control: max-age=60", pause = 0.05 } })
    local responses = client:map({ url, url, url })
    assert.equal(3, responses.n)
    assert.equal(1, #cached.seen(target))
    client:close()
  end))

  it("sends each where the answer is not stored, all at once", helper.simulated({
    routes = { { reply = { body = "for one", delay = 5 } } },
  }, function(mock)
    local client, began = ms.client({ agent = mock, cache = { coalesce = true } }), ms.now()
    local got = get_all(10, function()
      return client:get("https://h.example/"):text()
    end)
    assert.equal("for one", got[10])
    local moments = {}
    for i, call in ipairs(mock:calls()) do
      moments[i] = call.at - began
    end
    assert.same({ 0, 5, 5, 5, 5, 5, 5, 5, 5, 5 }, moments)
  end))

  it("tells all of a failure", task(function()
    local client, _, target, url = begin({ { cut = true, pause = 0.05 } }, TOGETHER)
    local responses, errs = ms.map({ 1, 2, 3 }, function() return client:get(url) end)
    assert.is_nil(next(responses, next(responses)))
    assert.same({ "closed", "closed", "closed" }, { errs[1].kind, errs[2].kind, errs[3].kind })
    assert.truthy(#cached.seen(target) <= 2)
    client:close()
  end))

  it("tells nobody of a limit that was the first one's own", task(function()
    local client, get, target, url = begin({ SLOW }, TOGETHER)
    local first = ms.spawn(client.get, client, url, { max_body = 1, buffer = true })
    local second = ms.spawn(get)
    local _, err = first:await()
    assert.equal("too_large", err.kind)
    assert.equal("first nil", (second:await()))
    assert.equal(2, #cached.seen(target))
    client:close()
  end))

  it("goes on for those who wait when the first one is cancelled", task(function()
    local client, get, target = begin({ SLOW }, TOGETHER)
    local first = ms.spawn(get)
    local second = ms.spawn(get)
    ms.sleep(0.01)
    first:cancel()
    assert.equal("first fresh", (second:await()))
    assert.equal(1, #cached.seen(target))
    client:close()
  end))

  it("ends when nobody waits any longer, or the client is closed", helper.simulated({
    routes = { { reply = { headers = { ["Cache-Control"] = "max-age=60" }, delay = 60 } } },
  }, function(mock)
    local client = ms.client({ agent = mock, cache = { coalesce = true } })
    local url = "https://h.example/"
    local first, second = ms.spawn(client.get, client, url), ms.spawn(client.get, client, url)
    ms.sleep(1)
    local _, err = client:get(url, { timeout = 10 })
    assert.equal("timeout", err.kind)
    first:cancel()
    second:cancel()
    assert.equal(1, #mock:calls())
    first, second = ms.spawn(client.get, client, url), ms.spawn(client.get, client, url)
    ms.sleep(1)
    assert.equal(2, #mock:calls())
    client:close()
    _, err = first:await()
    assert.equal("cancelled", err.kind)
    _, err = second:await()
    assert.equal("cancelled", err.kind)
  end))
end)
