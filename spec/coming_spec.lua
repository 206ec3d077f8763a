-- Answers whose bodies come behind their headers: what one sees of them is what one sees of
-- those that come at once, whenever one looks. While only the text is wanted, C waits for it.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

local LOOKS = {
  url = function(response) return response.url end,
  request = function(response) return response.request.method .. " " .. response.request:url() end,
  header = function(response) return response.headers["content-length"] end,
  status_text = function(response) return response.status_text end,
  http_version = function(response) return response.http_version end,
  redirected = function(response) return response.redirected end,
  attempts = function(response) return response.attempts end,
  queue = function(response) return response.timings.queue end,
  trailers = function(response) return response.trailers["x-a"] or false end,
  links = function(response) return next(response.links) or false end,
  history = function(response) return #response.history end,
}

describe("an answer whose body comes later", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function late(bytes, seed)
    return hostile.url(("/trickle?bytes=%d&step=50&delay=0.01&seed=%d"):format(bytes or 100,
      seed or 0))
  end

  -- On a handle that has served already, as most have.
  local function get(options)
    local response = ms.assert(client:get(late(), options))
    assert.equal("multisock.response (200, streaming)", tostring(response))
    return response
  end

  local function warm()
    for _ = 1, 3 do
      assert.equal(100, #ms.assert(client:get(late())):text())
    end
  end

  it("looks the same before, while and after its text is waited for", helper.task(function()
    warm()
    for name, look in pairs(LOOKS) do
      for _, options in ipairs({ false, { headers = { ["X-A"] = "b" } } }) do
        local seen = {}
        for when = 1, 3 do
          local response = get(options or nil)
          seen[1] = when == 1 and look(response) or seen[1]
          local reader = ms.spawn(function() return response:text() end)
          ms.sleep(0)
          seen[2] = when == 2 and look(response) or seen[2]
          assert.equal(servers.bytes(100), reader:await(), name)
          seen[3] = when == 3 and look(response) or seen[3]
          assert.equal(servers.bytes(100), response:text(), name)
          assert.equal("multisock.response (200, complete)", tostring(response))
        end
        assert.same({ seen[3], seen[3], seen[3] }, { seen[1], seen[2], seen[3] }, name)
      end
    end
  end, 20))

  it("keeps what it has when its handle serves others", helper.task(function()
    warm()
    local responses = {}
    for i = 1, 4 do
      responses[i] = ms.assert(client:get(hostile.url(("/trickle?bytes=%d&step=%d&delay=0.01")
        :format(100 * i, 50 * i))))
      assert.equal(100 * i, #responses[i]:text())
    end
    for i = 1, 4 do
      assert.equal(tostring(100 * i), responses[i].headers["content-length"])
      assert.equal(100 * i, responses[i].sizes.body)
      assert.is_truthy(responses[i].url:find("bytes=" .. 100 * i, 1, true))
      assert.is_truthy(responses[i].request:url():find("bytes=" .. 100 * i, 1, true))
      assert.equal(100 * i, #responses[i]:text())
    end
  end))

  it("ends its transfer when it is collected unread, also after others were read",
    helper.task(function()
      local kept = {}
      for i = 1, 4 do
        kept[i] = get()
        kept[i]:text()
        ms.assert(client:get(hostile.url("/stall-body?bytes=10")))
        assert.equal(1, probe.stats(hostile).open)
        collectgarbage()
        collectgarbage()
        probe.open_becomes(hostile, 0)
      end
      for i = 1, 4 do
        assert.equal(100, #kept[i]:text())
      end
    end))

  it("does not end while its response is held", helper.task(function()
    for _, options in ipairs({ {}, { timeout = { attempt = 30 } }, { curl = { verbose = false } },
      { buffer = true }, { headers = { A = "b" } } }) do
      warm()
      local response = ms.assert(client:get(late(), options))
      collectgarbage()
      collectgarbage()
      ms.sleep(0.005)
      assert.equal(servers.bytes(100), ms.assert(response:text()))
    end
  end))

  it("is read by one task", helper.task(function()
    warm()
    for _, read in ipairs({ "text", "read", "json" }) do
      local response = get()
      local reader = ms.spawn(function() return response:text() end)
      ms.sleep(0)
      local err = helper.failure(function() return response[read](response) end)
      assert.is_truthy(tostring(err):find("another task reads this response already", 1, true))
      assert.equal(100, #reader:await())
    end
  end))

  it("may be closed, and its reader cancelled, while that waits", helper.task(function()
    for _ = 1, 2 do
      warm()
      local response = ms.assert(client:get(hostile.url("/stall-body?bytes=10")))
      local reader = ms.spawn(function() return response:text() end)
      ms.sleep(0)
      response:close()
      local text, err = reader:await()
      assert.same({ nil, "closed", "receive" }, { text, err.kind, err.phase })
      response = ms.assert(client:get(hostile.url("/stall-body?bytes=10")))
      reader = ms.spawn(function() return response:text() end)
      ms.sleep(0)
      reader:cancel()
      assert.is_false((reader:join()))
      assert.equal("cancelled", helper.err_of(response:text()).kind)
      probe.open_becomes(hostile, 0)
    end
  end))

  it("fails with what it was asked, and keeps to its limits", helper.task(function()
    warm()
    for _, given in ipairs({
      { "/stall-body?bytes=10", { timeout = 0.1 }, "timeout" },
      { "/stall-body?bytes=10", { timeout = { idle = 0.1 } }, "timeout" },
      { "/truncate?bytes=10&claim=20", {}, "closed" },
      { "/trickle?bytes=100&delay=0.002", { max_body = 50 }, "too_large" },
    }) do
      for _, wait in ipairs({ 0, 0.15 }) do
        local url = hostile.url(given[1])
        local response = ms.assert(client:get(url, given[2]))
        ms.sleep(wait)
        local text, err = response:text()
        assert.same({ nil, given[3], url, 1 }, { text, err.kind, err.url, err.attempts })
        assert.equal(response, err.response)
        assert.equal(url, err.request:url())
        assert.equal(err, select(2, response:text()))
      end
    end
    probe.open_becomes(hostile, 0)
  end))
end)
