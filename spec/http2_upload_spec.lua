-- Request bodies over HTTP/2, and servers that answer before they have read them.
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local core = require("multisock.core")
local ms = require("multisock")

local newer = core.version().curl_number >= 0x080000

describe("HTTP/2 uploads", function()
  local nginx, client

  setup(function()
    nginx = servers.nginx()
  end)
  teardown(function()
    nginx.stop()
  end)
  before_each(function()
    client = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
  end)
  after_each(function()
    client:close()
    client = nil
    helper.check_leaks()
  end)

  -- nginx answers here without a look at the body, and then has the stream ended:
  -- a body that comes much later than its headers finds it closed.
  it("send small bodies right after their headers", helper.task(function()
    for _, method in ipairs({ "POST", "PUT" }) do
      local items, failed = {}, {}
      for i = 1, helper.timing_is_real and 10000 or 500 do
        items[i] = i
      end
      ms.map(items, function(i)
        local response, err = client:fetch(nginx.tls_url("/file/" .. i),
          { method = method, body = "hello" })
        local text = response and response:text()
        if text ~= "body-" .. i then
          failed[#failed + 1] = tostring(err or text)
        end
        return true
      end, { concurrency = 100 })
      assert.same({}, failed)
    end
  end, 60))
end)

-- A body that was sent in part is sent again, from its first byte, when the server
-- says that it has not looked at the request.
describe("HTTP/2 uploads that were refused", function()
  local server, client, run

  setup(function()
    server = packaged.hostile_h2()
    run = 0
  end)
  teardown(function()
    server.stop()
  end)
  before_each(function()
    client = ms.client({ tls = { ca = server.ca }, http_version = "2",
      timeout = helper.seconds(8) })
  end)
  after_each(function()
    client:close()
    client = nil
    helper.check_leaks()
  end)

  -- A path that was not asked for before: the server counts.
  local function fresh(path)
    run = run + 1
    return server.url(path .. "&run=" .. run)
  end

  -- Gives a list's pieces, so many seconds apart.
  local function pieces(list, pause)
    local at = 0
    return function()
      if at > 0 and pause then
        ms.sleep(pause)
      end
      at = at + 1
      return list[at]
    end
  end

  local LONG = ("x"):rep(10000)

  local function long_list(count)
    local list = {}
    for i = 1, count do
      list[i] = LONG
    end
    return list
  end

  local REFUSALS = { "/refuse-upload?n=1", "/refuse-upload?n=3" }

  it("come again, whole", helper.task(function()
    for _, path in ipairs(REFUSALS) do
      for _, method in ipairs({ "POST", "PUT" }) do
        for name, body in pairs({
          string = "abcd", pieces = pieces({ "ab", "c", "d" }),
          slow = pieces({ "ab", "c", "d" }, 0.02),
        }) do
          -- A connection that others have used is kept when a stream is refused.
          assert.equal("ok", ms.assert(client:get(server.url("/ok"))):text())
          local response, err = client:fetch(fresh(path), { method = method, body = body })
          local text
          if response then
            text, err = response:text()
          end
          assert.equal("abcd", text, ("%s %s %s: %s"):format(path, method, name, tostring(err)))
        end
        local body = pieces(long_list(6))
        assert.equal("60000", ms.assert(client:fetch(fresh(path .. "&after=40000"),
          { method = method, body = body })):text())
      end
    end
  end, 60))

  it("come again from a file, however long", helper.task(function()
    local name = os.tmpname()
    helper.write_file(name, ("x"):rep(500000))
    for _, path in ipairs(REFUSALS) do
      local file = assert(io.open(name, "rb"))
      file:seek("set", 100)
      local response = ms.assert(client:put(fresh(path .. "&after=300000"), { body = file }))
      assert.equal("499900", response:text())
      file:close()
    end
    os.remove(name)
  end, 60))

  -- libcurl 7.88 tells the GOAWAY at once when no other stream is left.
  it("by GOAWAY come again, or have closed", helper.task(function()
    for i = 1, 4 do
      local method = i % 2 == 0 and "POST" or "PUT"
      local response, err = client:fetch(fresh("/goaway-upload?n=1"),
        { method = method, body = pieces({ "ab", "c", "d" }, i > 2 and 0.02 or nil) })
      if newer or response then
        assert.equal("abcd", ms.assert(response, err):text())
      else
        assert.same({ "closed", "CURLE_HTTP2" }, { err.kind, err.code })
      end
    end
  end, 60))

  it("have closed when a function cannot give them again", helper.task(function()
    for _, path in ipairs(REFUSALS) do
      for _, method in ipairs({ "POST", "PUT" }) do
        local response, err = client:fetch(fresh(path .. "&after=100000"),
          { method = method, body = pieces(long_list(50)) })
        assert.is_nil(response)
        assert.same({ "closed", "send", true }, { err.kind, err.phase, err.retryable },
          tostring(err))
        assert.equal("the connection was closed before an answer came, and the body cannot be "
          .. "sent again from its start", err.message)
      end
    end
  end, 60))
end)
