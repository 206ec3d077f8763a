-- Requests of a list that end early: left, cancelled, closed, or stopped by an error.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task, failure = helper.task, helper.failure

local copies = require("spec.support.tasks").copies

describe("requests of a list", function()
  local hostile = fixtures.hostile()
  after_each(helper.check_leaks)

  it("are cancelled when the loop is left early", task(function()
    local client <close> = ms.client({ limits = { host_connections = 3 } })
    local urls = copies(hostile.url("/stall"), 10)
    urls[1] = hostile.url("/bytes?n=5")
    local iterator = client:each(urls)
    assert.equal(1, (iterator()))
    iterator:close()
    iterator:close()
    assert.is_nil(iterator())
    assert.equal("multisock.each (closed)", tostring(iterator))
    -- Their places are free.
    assert.same({}, select(2, client:map(copies(hostile.url("/bytes?n=5"), 5))))
  end))

  it("are cancelled with the task that waits for them", task(function()
    local value, err = ms.with_timeout(helper.seconds(0.05), function()
      return (ms.map(copies(hostile.url("/stall"), 5)))
    end)
    assert.is_nil(value)
    assert.equal("timeout", err.kind)
    local work = ms.spawn(function()
      ms.map(copies(hostile.url("/stall-body"), 5))
    end)
    ms.sleep(helper.seconds(0.05))
    work:cancel()
    assert.equal("cancelled", work:status())
  end))

  it("have their total for redirects and bodies together", task(function()
    local client <close> = ms.client({ timeout = helper.seconds(0.5) })
    local late = "/late?delay=" .. helper.seconds(0.4)
    local twice = hostile.url("/redirect?delay=" .. helper.seconds(0.35) .. "&to="
      .. ms.escape(late))
    local quick = hostile.url("/bytes?n=5")
    client:get(quick):text()
    for _ = 1, 2 do                 -- on connections that are opened, and that were kept
      local results, errors = client:map({ twice, quick, hostile.url("/stall-body"), twice })
      assert.equal(5, #results[2]:text())
      assert.matches("timeout.total", errors[1].message)
      assert.equal(hostile.url(late), errors[1].url)
      assert.matches("timeout.total", errors[3].message)
      assert.matches("timeout.total", errors[4].message)
      assert.equal(twice, errors[4].request:url())
    end
  end))

  it("end with their client", task(function()
    local client
    for _, chain in ipairs({ {}, { function(request, next) return next(request) end } }) do
      client = ms.client({ limits = { host_connections = 2 }, middleware = chain })
      local closer = ms.spawn(function()
        ms.sleep(helper.seconds(0.05))
        client:close()
      end)
      local url = hostile.url("/stall")
      local results, errors = client:map(copies(url, 5))
      closer:await()
      assert.same({ n = 5 }, results)
      for i = 1, 5 do
        assert.same({ "cancelled", "the client was closed", url, url, 1 }, { errors[i].kind,
          errors[i].message, errors[i].url, errors[i].request:url(), errors[i].attempts })
      end
    end
    assert.matches("the client is closed", failure(client.map, client, { "http://h/" }))
  end))

  it("stop at the first error when asked to", task(function()
    local urls = copies(hostile.url("/stall"), 6)
    urls[2] = hostile.url("/truncate")
    local results, errors = ms.map(urls, { on_error = "stop" })
    assert.same({ n = 6 }, results)
    assert.equal("closed", errors[2].kind)
    errors[2] = nil
    assert.same({}, errors)
    local seen = {}
    for i, response, err in ms.each(urls, { on_error = "stop" }) do
      seen[#seen + 1] = { i, response or err.kind }
    end
    assert.same({ { 2, "closed" } }, seen)
  end))
end)
