-- HTTP/2 servers that end streams and connections: what libcurl tries again by
-- itself, and what the errors say of the rest.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")
local ms = require("multisock")

local newer = core.version().curl_number >= 0x080000
-- libcurl 7.88 tells a GOAWAY at once, 8.14 when it has tried five times.
local GONE = newer and "CURLE_RECV_ERROR" or "CURLE_HTTP2"

describe("an HTTP/2 server", function()
  local server = fixtures.server(own_servers.hostile_h2)
  local client

  fixtures.each(function()
    client = ms.client({ tls = { ca = server.ca }, http_version = "2",
      timeout = helper.seconds(8) })
    return client
  end)

  local function count(url)
    local text = ms.assert(client:get(server.url("/count"), { http_version = "2" })):text()
    local path = url:match("^https://[^/]+(/.*)$")
    for line in text:gmatch("[^\n]+") do
      if line:sub(1, #path + 1) == path .. " " then
        return tonumber(line:match("(%d+)$"))
      end
    end
  end

  local function answer(url)
    local response = ms.assert(client:get(url))
    return { response.http_version, response:text() }
  end

  -- The kind, code and readiness for another try of a request that fails,
  -- before its headers or after.
  local function failure(url, options)
    local response, err = client:get(url, options)
    if response then
      response, err = response:text()
    end
    assert.is_nil(response)
    return { err.kind, err.code, err.retryable }
  end

  -- Runs `count` at once; returns lists of the bodies and of the errors.
  local function many(url, number)
    local bodies, failed = {}, {}
    ms.group(function(group)
      for _ = 1, number do
        group:spawn(function()
          local response, err = client:get(url)
          local body
          if response then
            body, err = response:text()
          end
          local list = body and bodies or failed
          list[#list + 1] = body or err
        end)
      end
    end)
    return bodies, failed
  end

  it("that refuses a stream is asked again", helper.task(function()
    local url = server.fresh("/refuse?n=2")
    assert.equal("ok", ms.assert(client:get(url)):text())
    assert.equal(3, count(url))
    local bodies, failed = many(server.fresh("/refuse?n=3&many=1"), 20)
    assert.same({}, failed)
    assert.equal(20, #bodies)
  end, 20))

  it("that refuses for ever closes", helper.task(function()
    assert.same({ "closed", "CURLE_RECV_ERROR", true }, failure(server.fresh("/refuse?n=1000")))
    assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
  end, 20))

  it("that demands HTTP/1.1 is asked in HTTP/1.1", helper.task(function()
    local response = ms.assert(client:get(server.url("/h1-required")))
    assert.same({ "1.1", "over 1.1" }, { response.http_version, response:text() })
    response = ms.assert(client:put(server.url("/h1-required"), { body = "again" }))
    assert.equal("over 1.1", response:text())
    -- What has been sent of this body is gone.
    local sent = false
    response = ms.assert(client:put(server.url("/h1-required"), { body = function()
      local piece = not sent and "once" or nil
      sent = true
      return piece
    end }))
    assert.equal("over 1.1", response:text())
  end, 20))

  it("that demands HTTP/1.1 is asked in that from then on, where libcurl would mix them up",
    core.quirks().mixed_versions and helper.task(function()
      assert.same({ "2", "ok" }, answer(server.url("/ok")))
      assert.same({ "1.1", "over 1.1" }, answer(server.url("/h1-required")))
      assert.same({ "1.1", "over 1.1" }, answer(server.url("/ok")))
    end, 20) or function()
      pending("this libcurl does not mix them up")
    end)

  it("that demands HTTP/1.1 of many at once gets that, too", helper.task(function()
    assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
    local bodies, failed = many(server.url("/h1-required"), 20)
    assert.same({}, failed)
    assert.equal(20, #bodies)
  end, 20))

  it("that demands HTTP/1.1 half-way has closed: the parts are not joined",
    helper.task(function()
      assert.same({ "closed", "CURLE_ABORTED_BY_CALLBACK", true }, failure(server.url("/h1-late")))
      local bodies, failed = many(server.url("/h1-late"), 20)
      assert.equal(20, #bodies + #failed)
      for _, body in ipairs(bodies) do
        assert.equal("over 1.1", body)
      end
      for _, err in ipairs(failed) do
        assert.equal("closed", err.kind)
      end
    end, 20))

  it("that goes away without an answer has closed", helper.task(function()
    assert.same({ "closed", GONE, true }, failure(server.url("/goaway")))
    local bodies, failed = many(server.url("/goaway"), 20)
    assert.equal(0, #bodies)
    for _, err in ipairs(failed) do
      assert.same({ "closed", true }, { err.kind, err.retryable })
    end
    assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
  end, 20))

  it("that goes away after an answer serves the rest on another connection",
    helper.task(function()
      for i = 1, 5 do
        local url = server.fresh("/goaway-later?n=1&i=" .. i)
        assert.equal("last\n", ms.assert(client:get(url)):text())
        assert.equal("ok", ms.assert(client:get(url)):text())
      end
      local bodies, failed = many(server.fresh("/goaway-later?n=1&many=1"), 20)
      for _, err in ipairs(failed) do
        assert.same({ "closed", true }, { err.kind, err.retryable })
      end
      assert.equal(20, #bodies + #failed)
    end, 20))

  it("that resets a stream within the body has closed, the others go on",
    helper.task(function()
      assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
      assert.same({ "closed", "CURLE_HTTP2_STREAM", true }, failure(server.url("/reset-body")))
      local _, failed = many(server.url("/reset-body"), 10)
      assert.equal(10, #failed)
      assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
    end, 20))

  it("that sends no frames has closed, or broken the protocol where libcurl says so",
    helper.task(function()
      assert.equal(newer and "protocol" or "closed", failure(server.url("/garbage"))[1])
      assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
    end, 20))

  it("is left when the task is cancelled", helper.task(function()
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = ms.spawn(function()
        return client:get(server.url("/stall"))
      end)
    end
    ms.sleep(helper.seconds(0.1))
    for _, task in ipairs(tasks) do
      task:cancel("not wanted")
    end
    assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
  end, 20))

  it("ends raw transfers in the same ways", function()
    local function raw(path)
      return { url = server.url(path), cainfo = server.ca, http_version = 4 }
    end
    local _, err = transfers.run(raw("/goaway"))
    assert.same({ "closed", GONE }, { err.kind, err.code })
    assert.equal("over 1.1", transfers.run(raw("/h1-required")))
    transfers.run_many(20, function()
      return raw("/h1-required"), "over 1.1"
    end)
    transfers.run_many(20, function()
      return raw("/ok"), "ok"
    end)
  end)
end)
