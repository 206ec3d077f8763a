-- A user's tests, with busted and ms.mock: no network, and no waiting.
--   busted examples/user_suite
local ms = require("multisock")

local here = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
local weather = dofile(here .. "/weather.lua")

describe("the weather", function()
  -- Runs a test on a clock of its own. @param options of ms.mock
  local function with(options, test)
    return function()
      local mock = ms.mock(options)
      mock:run(test, weather.new(mock), mock)
      mock:assert_done()
    end
  end

  it("is asked of the service", with({ routes = {
    { url = "https://weather.example/v1/now", query = { city = "Oslo" },
      reply = { json = { degrees = -3 } } },
  } }, function(service)
    assert.equal(-3, service:temperature("Oslo"))
  end))

  it("is told only of cities", with({ routes = { { reply = { status = 404 } } } }, function(service)
    local degrees, why = service:temperature("Atlantis")
    assert.is_nil(degrees)
    assert.equal("no such city: Atlantis", why)
  end))

  it("is waited for while the service is busy", with({ routes = {
    { reply = { { status = 503, headers = { ["Retry-After"] = 60 } },
      { json = { degrees = 20 } } } },
  } }, function(service)
    local began = ms.now()
    assert.equal(20, service:temperature("Rome"))
    assert.truthy(ms.now() - began >= 60)      -- nobody has waited for it
  end))

  it("says when the service is gone", with({ routes = { { reply = { fail = "connect" } } } },
    function(service, mock)
    local degrees, why = service:temperature("Rome")
    assert.same({ nil, "the service cannot be reached: connect" }, { degrees, why })
    assert.equal(6, #mock:calls())
  end))

  it("is asked for ten times a minute at most", with({ routes = {
    { reply = { json = { degrees = 1 } } },
  } }, function(service, mock)
    local cities = {}
    for i = 1, 35 do
      cities[i] = "City " .. i
    end
    local began = ms.now()
    assert.equal(35, ms.map(cities, function(city) return service:temperature(city) end).n)
    local minutes = {}
    for _, call in ipairs(mock:calls()) do
      local minute = (call.at - began) / 60
      minutes[minute] = (minutes[minute] or 0) + 1
    end
    assert.same({ [0] = 10, [1] = 10, [2] = 10, [3] = 5 }, minutes)
  end))

  it("is watched for a day", with({ routes = { { reply = function(_, count)
    return { json = { degrees = math.floor(count / 100) } }
  end } } }, function(service)
    local told, began = {}, ms.now()
    service:watch("Oslo", 288, function(degrees) told[#told + 1] = degrees end)
    assert.same({ 0, 1, 2 }, told)
    assert.equal(86400, ms.now() - began)
  end))

  -- What goes wrong is another each time, and the same for each seed.
  for seed = 1, 20 do
    it("survives what goes wrong, seed " .. seed, with({ seed = seed,
      routes = { { reply = { json = { degrees = 7 } } } },
      faults = { { ratio = 0.3, fail = "closed" }, { ratio = 0.2, status = 503 },
        { ratio = 0.2, delay = { 1, 10 } } },
    }, function(service)
      local told = {}
      service:watch("Oslo", 12, function(degrees) told[#told + 1] = degrees end)
      assert.same({ 7 }, told)
    end))
  end
end)
