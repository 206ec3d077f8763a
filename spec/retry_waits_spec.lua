-- The option `retry`: how long it waits. On a mock's clock, so that it is known how long.
local attempted = require("spec.support.attempted")
local clock = require("multisock.base.clock")
local dates = require("multisock.cache.dates")
local helper = require("spec.helper")
local ms = require("multisock")

local task, simulated = helper.task, helper.simulated

describe("retry waits", function()
  local _, client_of, script, _, statuses = attempted.hostile()

  after_each(helper.check_leaks)

  local URL = "https://h.example/"

  -- "Name: value" in lines.
  local function fields(head)
    local list = {}
    for name, value in (head or ""):gmatch("([^:\n]+): ?([^\n]*)") do
      list[name] = list[name] or {}
      table.insert(list[name], value)
    end
    return list
  end

  -- Seconds between the first two tries, or the status when there was one alone.
  local function gap(retry, head, options)
    local mock = ms.mock({ routes = { { reply = { { status = 503, headers = fields(head) },
      {} } } } })
    local client = client_of(retry, { agent = mock })
    local began = ms.now()
    local response = ms.assert(client:get(URL, options))
    local calls = mock:calls()
    client:close()
    if response.status ~= 200 then
      assert.equal(1, #calls)
      assert.equal(began, ms.now())
      return response.status
    end
    return calls[2].at - calls[1].at
  end

  it("as the server says, 0 to 10 % longer, never shorter", simulated(nil, function()
    for _, head in ipairs({ "Retry-After: 100", "retry-after-ms: 100000",
      "Retry-After: 50\nRetry-After: 100", "Retry-After: 60\nretry-after-ms: 100000.0",
      "Retry-After: 100\nretry-after-ms: soon", }) do
      local seconds = gap({ backoff = 0.001 }, head)
      assert.truthy(seconds >= 99.999 and seconds <= 110.001, head .. ": " .. seconds)
    end
  end))

  it("until the date that the server says, by its own clock", simulated(nil, function()
    local heads = {}
    for i, date in ipairs({ "Sun, 06 Nov 1994 08:51:17 GMT", "Sunday, 06-Nov-94 08:51:17 GMT",
      "Sun Nov  6 08:51:17 1994" }) do
      heads[i] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: " .. date
    end
    for _ = 1, 2 do
      -- Without a Date our own clock counts.
      heads[4] = "Retry-After: " .. dates.format(clock.time() + 100)
      for i = 1, 4 do
        local seconds = gap({ backoff = 0.001 }, heads[i])
        assert.truthy(seconds >= 98.999 and seconds <= 110.001, heads[i] .. ": " .. seconds)
        heads[4] = "Retry-After: " .. dates.format(clock.time() + 100)
      end
      ms.sleep(86400)
    end
  end))

  it("a time of its own when what the server says is over, or means nothing", simulated(nil,
    function()
    for _, value in ipairs({ "-1", "0", "soon", "", "5, 7", "0x10", "inf", "nan", "1e", "1.2.3",
      "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: 60", ("9"):rep(300) .. "x" }) do
      local seconds = gap({ backoff = 0.001 }, "Retry-After: " .. value)
      assert.truthy(seconds < 0.002, value .. ": " .. seconds)
    end
  end))

  it("not at all when the server says longer than max_delay", simulated(nil, function()
    local most = { backoff = 0.001, max_delay = 10 }
    for _, value in ipairs({ "11", "10.01", "1e308", "1e999", ("9"):rep(400),
      "Fri, 31 Dec 9999 23:59:59 GMT", "1\nRetry-After: 1000" }) do
      assert.equal(503, gap(most, "Retry-After: " .. value), value)
    end
    assert.equal(503, gap({ max_delay = math.huge }, "Retry-After: 1e300"))
  end))

  it("not longer than what is left of the total", simulated(nil, function()
    local quick = { backoff = 0.001 }
    assert.equal(503, gap(quick, "Retry-After: 5", { timeout = 4 }))
    assert.equal(503, gap(quick, nil, { timeout = 4, retry = {
      backoff = function() return 4 end } }))
    local seconds = gap(quick, "Retry-After: 3.5", { timeout = 4 })
    assert.truthy(seconds >= 3.499 and seconds < 4, seconds)
  end))

  it("0 to 10 % longer over the network, too", task(function()
    local client = client_of({ backoff = 0.001 })
    local log = ms.assert(client:get((script("503,200", "Retry-After: 0.1")))):json()
    assert.truthy(log[2].time - log[1].time >= 0.1)
    client:close()
  end))

  it("as a function says, or with twice the chance each time", task(function()
    local asked, delays = {}, {}
    local client = client_of({ limit = 6, backoff = function(try, response, err)
      asked[#asked + 1] = { try, response and response.status, err and err.kind }
      return try < 3 and 0.01 or nil
    end })
    assert.same({ 503, 3 }, { statuses(client, "close,503") })
    assert.same({ { 1, nil, "closed" }, { 2, 503 }, { 3, 503 } }, asked)
    client:close()
    client = client_of({ limit = 6, backoff = 0.002 }, { on = { retry = function(event)
      delays[#delays + 1] = event.delay
    end } })
    assert.same({ 503, 7 }, { statuses(client, "503") })
    for try, delay in ipairs(delays) do
      assert.truthy(delay >= 0 and delay < 0.002 * 2 ^ (try - 1), try .. ": " .. delay)
    end
    client:close()
    client = client_of({ backoff = function() return "soon" end })
    local _, raised = ms.spawn(client.get, client, (script("503"))):join()
    assert.truthy(tostring(raised):find("retry.backoff: the function returned string", 1, true))
    client:close()
  end))

  it("not for the server with respect_retry_after = false", simulated(nil, function()
    assert.truthy(gap({ backoff = 0.001, respect_retry_after = false },
      "Retry-After: 1000\nx-should-retry: false") < 0.002)
  end))

  it("twice as long each time at most, 30 s and max_delay in the end", simulated(nil, function()
    local mock = ms.mock({ routes = { { reply = { status = 503 } } } })
    local client = client_of({ limit = 40, backoff = 1, budget = math.huge }, { agent = mock })
    client:get(URL)
    local calls, longest = mock:calls(), 0
    assert.equal(41, #calls)
    for try = 1, 40 do
      local seconds = calls[try + 1].at - calls[try].at
      assert.truthy(seconds <= math.min(2 ^ (try - 1), 30) + 0.001, try .. ": " .. seconds)
      longest = math.max(longest, seconds)
    end
    assert.truthy(longest > 15)
  end))
end)
