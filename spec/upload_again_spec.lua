-- Request bodies that must be sent again: after a round of authentication, and when
-- a kept connection has died. What was sent comes once more, from its first byte.
local echoed = require("spec.support.echoed")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

local newer = require("multisock.core").version().curl_number >= 0x080e00

describe("an upload that has to be sent again", function()
  local hostile, client, name, sums

  -- What 60,000 and 500,000 bytes of the filler are to the server.
  setup(function()
    hostile = servers.hostile()
    name = os.tmpname()
    helper.write_file(name, servers.bytes(500000))
    sums = {}
    for _, size in ipairs({ 60000, 500000 }) do
      sums[size] = servers.output(("head -c %d %s | sha256sum"):format(size, name)):match("^%x+")
    end
  end)
  teardown(function()
    hostile.stop()
    os.remove(name)
  end)
  before_each(function()
    client = ms.client({ timeout = helper.seconds(10), curl = { httpheader = { "Expect:" } } })
  end)
  after_each(function()
    client:close()
    client = nil
    probe.open_becomes(hostile, 0)
    helper.check_leaks()
  end)

  local function doze()
    ms.sleep(0.01)
  end

  -- Every kind of body, of what can be sent again.
  local function bodies()
    local file = assert(io.open(name, "rb"))
    return {
      string = { servers.bytes(500000), 500000 },
      list = { { servers.bytes(60000) }, 60000 },
      ["function"] = { echoed.pieces(60000, 7000), 60000 },
      ["slow function"] = { echoed.pieces(60000, 20000, doze), 60000 },
      file = { file, 500000 },
    }, file
  end

  local function check(what, response, err, size)
    local text
    if response then
      text, err = response:json()
    end
    assert.is_table(text, what .. ": " .. tostring(err))
    assert.same({ size, sums[size] }, { text.length, text.sha256 }, what)
    return response
  end

  -- The server breaks off at the head, so that libcurl begins again on another connection
  -- while the function still waits: what it gives then is of the try before.
  it("has nothing of the try before, whatever its function waits for", helper.task(function()
    local pieces = { ("1"):rep(100000), ("2"):rep(200000), ("3"):rep(300000) }
    for step = 1, 4 do
      local url = hostile.url("/script?words=200,reset,200&key=stale" .. step)
      ms.assert(client:get(url)):text()
      local log = ms.assert(ms.assert(client:put(url, { body = { replay = function()
        local at = 0
        return function()
          at = at + 1
          if at == step then
            ms.sleep(0.1)
          end
          return at < 4 and pieces[at] or nil
        end
      end } })):json())
      assert.same({ 3, 600000 }, { #log, log[3].length }, tostring(step))
    end
  end))

  it("is sent whole after a round of authentication", helper.task(function()
    for _, path in ipairs({ "/digest", "/digest?early=1" }) do
      for _, method in ipairs({ "POST", "PUT" }) do
        local list, file = bodies()
        for what, body in pairs(list) do
          local own = ms.client({ timeout = helper.seconds(10), curl = {
            httpheader = { "Expect:" }, httpauth = 2, userpwd = "u:p" } })
          local response, err = own:fetch(hostile.url(path), { method = method, body = body[1] })
          check(("%s %s %s"):format(what, method, path), response, err, body[2])
          own:close()
        end
        file:close()
      end
    end
  end, 60))

  it("is sent whole when a kept connection has died", helper.task(function()
    for _, after in ipairs({ 0, 1, 30000 }) do
      local list, file = bodies()
      for what, body in pairs(list) do
        local url = hostile.url("/dies-kept?after=" .. after)
        ms.assert(client:put(url, { body = "x" })):text()
        local response, err = client:put(url, { body = body[1] })
        if response == nil and what:find("function") then
          -- What is met while sending takes all that was sent with it.
          assert.same({ "closed", "CURLE_SEND_ERROR", true }, { err.kind, err.code, err.retryable })
        else
          check(("%s, after %d bytes"):format(what, after), response, err, body[2])
          assert.equal(2, response.attempts)
        end
      end
      file:close()
    end
  end, 60))

  it("has closed when it cannot be, or may not be", helper.task(function()
    local function check_closed(method, body, after, retryable, headers)
      local url = hostile.url("/dies-kept?after=" .. after)
      ms.assert(client:put(url, { body = "x" })):text()
      local response, err = client:fetch(url, { method = method, body = body, headers = headers })
      assert.is_nil(response)
      assert.same({ "closed", retryable, 1 }, { err.kind, err.retryable, err.attempts },
        tostring(err))
      return err.message
    end
    local length = { ["Content-Length"] = "500000" }
    for _, headers in ipairs({ {}, length }) do
      local message = check_closed("PUT", echoed.pieces(500000, 50000), 300000, true, headers)
      -- libcurl 8.14 meets it while the body is being sent.
      if not (newer and message:find("^Send failure: ")) then
        assert.equal("the connection was closed before an answer came, and the body cannot be sent "
          .. "again from its start", message)
      end
      check_closed("POST", echoed.pieces(500000, 50000), 300000, false, headers)
    end
    check_closed("POST", echoed.pieces(60000, 5000), 1, false)
    check_closed("POST", echoed.pieces(60000, 20000, doze), 1, false)
    check_closed("POST", "abc", 1, false)
  end, 60))
end)
