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

  ---- On a mock's clock: who waits for whom, and for how long -----------------

  local URL = "https://h.example/"
  local KEPT = { headers = { ["Cache-Control"] = "max-age=60" }, body = "kept", delay = 10 }

  --- Asks with each of these options, one second after the other.
  -- @return for each what came and when, as "kept 10" or "timeout 4"; the mock
  local function outcomes(replies, options)
    local mock = ms.mock({ routes = { { reply = replies } } })
    local client = ms.client({ agent = mock, cache = { coalesce = true } })
    local began, list = ms.now(), {}
    ms.group(function(group)
      for i = 1, #options do
        group:spawn(function()
          ms.sleep(i - 1)
          local response, err = client:get(URL, options[i])
          list[i] = ("%s %g"):format(response and response:text() or err.kind, ms.now() - began)
        end)
      end
    end)
    client:close()
    return list, mock
  end

  it("gives one answer to all, when it is there", helper.simulated(nil, function()
    local list, mock = outcomes({ KEPT }, { {}, {}, {}, { buffer = true } })
    assert.same({ "kept 10", "kept 10", "kept 10", "kept 10" }, list)
    assert.equal(1, #mock:calls())
    list, mock = outcomes({ { fail = "closed", delay = 10 } }, { {}, {}, {} })
    assert.same({ "closed 10", "closed 10", "closed 10" }, list)
    assert.equal(1, #mock:calls())
  end))

  it("keeps each to its own total, and the others to nobody's", helper.simulated(nil, function()
    -- The first one ends by its own limit at 4: the others ask for themselves.
    local list, mock = outcomes({ KEPT }, { { timeout = 4 }, {}, { timeout = 6 },
      { timeout = 12 } })
    assert.same({ "timeout 4", "kept 14", "timeout 8", "kept 14" }, list)
    assert.equal(4, #mock:calls())
    list, mock = outcomes({ KEPT }, { {}, { timeout = 3 }, { timeout = { attempt = 3 } }, {} })
    assert.same({ "kept 10", "timeout 4", "kept 10", "kept 10" }, list)
    assert.equal(1, #mock:calls())
  end))
end)
