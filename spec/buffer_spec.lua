-- The option `buffer`: the response comes with its whole body, or not at all.
local attempted = require("spec.support.attempted")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("buffer", function()
  local hostile, _, script = attempted.hostile()
  local client
  fixtures.client(function(made) client = made end, { buffer = true })

  local FAST = { limit = 3, backoff = 0.001 }

  it("has the body with the headers, however it came", task(function()
    for _ = 1, 2 do                 -- on a new connection, and on a kept one
      for _, path in ipairs({ "/bytes?n=1000", "/bytes?n=900000", "/stream?n=1000&delay=0.001",
        "/trickle?bytes=5", "/gzip?n=70000" }) do
        local response = ms.assert(client:get(hostile.url(path)))
        assert.equal("multisock.response (200, complete)", tostring(response), path)
        local read = helper.length_of(response:chunks())
        assert.is_true(read > 0)
      end
    end
  end))

  it("is a client's or a request's, and off unless given", task(function()
    local response = ms.assert(client:get(hostile.url("/trickle?bytes=5"), { buffer = false }))
    assert.equal("multisock.response (200, streaming)", tostring(response))
    assert.equal(5, #response:text())
    local plain = ms.client()
    response = ms.assert(plain:get(hostile.url("/trickle?bytes=5")))
    assert.equal("multisock.response (200, streaming)", tostring(response))
    response:close()
    response = ms.assert(plain:get(hostile.url("/trickle?bytes=5"), { buffer = true }))
    assert.equal("multisock.response (200, complete)", tostring(response))
    plain:close()
    assert.has_error(function() client:get(hostile.url("/"), { buffer = 1 }) end)
  end))

  it("is nil, err when the body fails, and the answer is in err.response", task(function()
    local response, err = client:get(hostile.url("/truncate"))
    assert.same({ nil, "closed", 200 }, { response, err.kind, err.response.status })
    assert.is_nil(err.response:text())
    response, err = client:get(hostile.url("/bytes?n=1000"), { max_body = 999 })
    assert.same({ nil, "too_large" }, { response, err.kind })
    response, err = client:get(hostile.url("/stall-body"), { timeout = { idle = 0.1 } })
    assert.same({ nil, "timeout", "receive" }, { response, err.kind, err.phase })
  end))

  it("has `retry` cover the body, of what may be sent again", task(function()
    local response = ms.assert(client:get(script("cut,cut,200"), { retry = FAST }))
    assert.same({ 3, 3 }, { #response:json(), response.attempts })
    local err
    response, err = client:get(script("cut,200"), { retry = FAST, buffer = false })
    assert.same({ 200, nil }, { response.status, err })
    assert.same("closed", select(2, response:text()).kind)
    response, err = client:post(script("cut,200"), { body = "x", retry = FAST })
    assert.same({ nil, "closed", false, 1 }, { response, err.kind, err.retryable, err.attempts })
  end))

  it("has `timeout.attempt` end with the body", task(function()
    local limits = { attempt = 0.1, total = 5 }
    for _ = 1, 2 do
      local started = ms.now()
      local response, err = client:get(hostile.url("/stall-body"), { timeout = limits })
      assert.same({ nil, "timeout", true }, { response, err.kind, err.retryable })
      assert.is_truthy(err.message:find("the body has not ended within 0.1 s (timeout.attempt)",
        1, true), err.message)
      assert.is_true(ms.now() - started < helper.seconds(3))
      client:get(hostile.url("/bytes"))
    end
    local response = ms.assert(client:get(script("hang,200"),
      { timeout = { attempt = helper.seconds(0.3), total = helper.seconds(8) }, retry = FAST }))
    assert.equal(2, #response:json())
    local _, errs = client:map({ { hostile.url("/stall-body"), { timeout = limits } } })
    assert.same({ "timeout", true }, { errs[1].kind,
      errs[1].message:find("timeout.attempt", 1, true) ~= nil })
  end))

  it("leaves redirects to who follows them", task(function()
    local response = ms.assert(client:get(hostile.url("/redirect?to=/trickle?bytes=3")))
    assert.same({ 200, true, 3 }, { response.status, response.redirected, #response:text() })
    response = ms.assert(client:get(hostile.url("/redirect"), { redirect = "manual" }))
    assert.same({ 302, "multisock.response (302, complete)" },
      { response.status, tostring(response) })
  end))

  it("holds for what a middleware or an agent answers", task(function()
    local asked = 0
    local function answer()
      asked = asked + 1
      local left = { "a", "b" }
      local broken = asked == 1
      return ms.response(function()
        if broken then
          return nil, { kind = "closed", message = "cut", retryable = true }
        end
        ms.sleep(0.001)
        return table.remove(left, 1)
      end)
    end
    local made = ms.client({ buffer = true, agent = answer, retry = FAST })
    local response, err = made:get("http://h.example/")
    assert.same({ nil, "io" }, { response, err and err.kind })
    response = ms.assert(made:get("http://h.example/"))
    assert.same({ "ab", 2 }, { response:text(), asked })
    made:close()
  end))
end)
