-- ms.mock as an agent: how its answers fail, and when they come.
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")

local over, text = mocked.over, mocked.text

describe("a mock", function()
  after_each(helper.check_leaks)

  it("fails as the network does", function()
    local client = over({ { url = "/*", reply = function(request)
      return { fail = request.url:match("([%a_]+)$") }
    end } })
    for kind, want in pairs({
      resolve = { "resolve", true, true, "CURLE_COULDNT_RESOLVE_HOST", 6 },
      connect = { "connect", true, true, "CURLE_COULDNT_CONNECT", 7 },
      proxy = { "connect", true, true, "CURLE_COULDNT_RESOLVE_PROXY", 5 },
      tls = { "tls", false, false, "CURLE_PEER_FAILED_VERIFICATION", 60 },
      timeout = { "wait", true, false, "CURLE_OPERATION_TIMEDOUT", 28 },
      closed = { "wait", true, false, "CURLE_RECV_ERROR", 56 },
      protocol = { "wait", false, false, "CURLE_WEIRD_SERVER_REPLY", 8 },
      too_large = { "receive", false, false, "CURLE_FILESIZE_EXCEEDED", 63 },
    }) do
      local err = helper.err_of(client:get("https://h.example/" .. kind))
      assert.same({ kind, want[1], want[2], want[4], want[5], 1, "https://h.example/" .. kind },
        { err.kind, err.phase, err.retryable, err.code, err.number, err.attempts, err.url })
      -- A POST may have come.
      assert.equal(want[3], select(2, client:post("https://h.example/" .. kind)).retryable, kind)
    end
  end)

  it("breaks off in the body", function()
    local client = over({ { reply = { body = ("x"):rep(100000), fail = "closed", at = 70000 } } })
    local response = client:get("https://h.example/")
    assert.same({ 200, "100000" }, { response.status, response.headers["content-length"] })
    local size = 0
    local piece, err = response:read()
    while piece do
      size = size + #piece
      piece, err = response:read()
    end
    assert.same({ 70000, "closed", "receive", "CURLE_PARTIAL_FILE", true },
      { size, err.kind, err.phase, err.code, err.retryable })
    response = client:get("https://h.example/")
    assert.same({ nil, "closed" }, { response:text(), select(2, response:text()).kind })
    assert.equal("closed", select(2, client:get("https://h.example/", { buffer = true })).kind)
  end)

  it("takes its time, within the limits of the request", helper.simulated(nil, function()
    local client = over({
      { url = "/slow", reply = { delay = 5 } },
      { url = "/soon", reply = { delay = 0.01, body = "there" } },
      { url = "/range", reply = { delay = { 0.001, 0.01 }, body = "by chance" } },
      { url = "/stalls", reply = { body = { "a", 5, "b" } } },
    })
    assert.equal("there", text(client, "https://h.example/soon"))
    assert.equal("by chance", text(client, "https://h.example/range"))
    local function fails(path, timeout)
      local response, err = client:get("https://h.example" .. path, { timeout = timeout })
      if response then
        assert.equal("a", response:read())
        response, err = response:read()
      end
      assert.is_nil(response)
      assert.equal("timeout", err.kind)
      return err.message, err.phase
    end
    assert.same({ "no answer within 0.01 s (timeout.first_byte)", "wait" },
      { fails("/slow", { first_byte = 0.01 }) })
    assert.same({ "not done after 0.01 s (timeout.total)", "wait" }, { fails("/slow", 0.01) })
    assert.same({ "no answer within 0.01 s (timeout.attempt)", "wait" },
      { fails("/slow", { attempt = 0.01 }) })
    assert.same({ "nothing arrived for 0.01 s (timeout.idle)", "receive" },
      { fails("/stalls", { idle = 0.01 }) })
  end))

  it("answers no more once its client is closed", function()
    local client = over({ { reply = { delay = 60 } } })
    local task = ms.spawn(client.get, client, "https://h.example/")
    ms.spawn(client.close, client)
    local response, err = task:await()
    assert.same({ nil, "cancelled" }, { response, err.kind })
  end)

  it("has faults come in the place of the routes' answers, or upon them", function()
    local client, mock = over({ { reply = { body = "0123456789" } } }, nil, { faults = {
      { url = "/refused", fail = "connect" },
      { url = "/busy", times = 1, status = 503, headers = { ["Retry-After"] = 7 }, body = "busy" },
      { url = "/cut", fail = "closed", at = 4 },
      { url = "/late", delay = 0.01 },
    } })
    assert.equal("connect", select(2, client:get("https://h.example/refused")).kind)
    local response = client:get("https://h.example/busy")
    assert.same({ 503, "7", "busy" },
      { response.status, response.headers["retry-after"], response:text() })
    assert.equal("0123456789", text(client, "https://h.example/busy"))
    response = client:get("https://h.example/cut")
    assert.same({ "0123", nil }, { response:read(), (response:read()) })
    assert.equal("0123456789", text(client, "https://h.example/late"))
    local faults = {}
    for i, call in ipairs(mock:calls()) do
      faults[i] = tostring(call.fault) .. " " .. tostring(call.route)
    end
    assert.same({ "faults[1] nil", "faults[2] nil", "nil routes[1]", "faults[3] routes[1]",
      "faults[4] routes[1]" }, faults)
  end)

  it("has as many of them as said, at the same places for the same seed", function()
    local function outcomes(seed)
      local client = over({ {} }, nil, { seed = seed, faults = {
        { ratio = 0.2, fail = "closed" }, { ratio = 0.5, status = 500 },
      } })
      local list, counts = {}, { closed = 0, [500] = 0, [200] = 0 }
      for i = 1, 1000 do
        local response, err = client:get("https://h.example/")
        list[i] = response and response.status or err.kind
        counts[list[i]] = counts[list[i]] + 1
      end
      return list, counts
    end
    local first, counts = outcomes(1)
    assert.same(first, (outcomes(1)))
    assert.is_false(pcall(assert.same, first, (outcomes(2))))
    assert.truthy(counts.closed > 140 and counts.closed < 260, counts.closed)
    assert.truthy(counts[500] > 320 and counts[500] < 480, counts[500])
    assert.same(first, (outcomes(1 + 2147483647)))
  end)
end)
