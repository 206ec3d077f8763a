-- What HTTP version a connection has is known from what was agreed on, never from
-- the words of an answer: libcurl before 8.8 would believe them, and give requests
-- each other's answers.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local core = require("multisock.core")
local ms = require("multisock")

local REASON = "the answer is in a version of HTTP that was not spoken"

-- Status lines of an HTTP/1.1 server that say something else.
local LIES = {
  "HTTP/2 200 OK\r\n", "HTTP/2 200 \r\n", "HTTP/2.0 200 OK\r\n", "HTTP/3 200 OK\r\n",
  "HTTP/1.1 103 Hints\r\n\r\nHTTP/2 200 OK\r\n",
}

local function answer(first)
  return first .. "Content-Length: 4\r\n\r\nevil"
end

describe("an answer in another version", function()
  local plain, tls = fixtures.hostile(), fixtures.hostile({ tls = true })
  local client

  after_each(function()
    client:close()
    client = nil
    helper.check_leaks()
  end)

  -- The ways to a server; `other` is an origin that shares the way with it.
  local ways = {
    ["without TLS"] = function()
      client = ms.client()
      return plain, plain.url
    end,
    ["without TLS, where HTTP/2 was asked for"] = function()
      client = ms.client({ http_version = "2" })
      return plain, plain.url
    end,
    ["in the middle of an upgrade"] = function()
      client = ms.client({ curl = { http_version = 3 } })
      return plain, plain.url
    end,
    ["over TLS"] = function()
      client = ms.client({ tls = { ca = tls.ca } })
      return tls, tls.url
    end,
    ["over TLS, where HTTP/2 was asked for"] = function()
      client = ms.client({ tls = { ca = tls.ca }, http_version = "2" })
      return tls, tls.url
    end,
    ["over TLS, where nobody knows the request line"] = function()
      client = ms.client({ tls = { ca = tls.ca }, http_version = "2",
        curl = { verbose = true, debugfunction = function() end } })
      return tls, tls.url
    end,
    ["through a proxy, from another origin"] = function()
      client = ms.client({ proxy = plain.url() })
      return { url = function(path) return "http://evil.test" .. path end },
        function(path) return "http://good.test" .. path end
    end,
    ["through a proxy, where HTTP/2 was asked for"] = function()
      client = ms.client({ proxy = plain.url(), http_version = "2" })
      return { url = function(path) return "http://evil.test" .. path end },
        function(path) return "http://good.test" .. path end
    end,
  }

  local names = {}
  for name in pairs(ways) do
    names[#names + 1] = name
  end
  table.sort(names)

  local function is_refused(url)
    local err = helper.err_of(client:get(url))
    assert.equal("protocol", err.kind)
    assert.equal("receive", err.phase)
    assert.is_false(err.retryable)
    return err.message
  end

  -- Many at once, each of which must get its own answer.
  local function get_own(url)
    local expected = {}
    for i = 1, 12 do
      expected[i] = "body-" .. i
    end
    local results, failed = ms.map(expected, function(body)
      local response = ms.assert(client:get(url("/late?delay=0.1&body=" .. body)))
      return response:text()
    end)
    assert.same({}, failed)
    results.n = nil
    assert.same(expected, results)
  end

  -- Chunked bodies, which nothing may be written into.
  local function put_own(url)
    local results, failed = ms.map({ 1, 2, 3, 4, 5, 6 }, function(i)
      local response = ms.assert(client:put(url("/echo"),
        { body = helper.pieces(8, ("%d"):format(i):rep(100), 0.01) }))
      return ms.assert(response:json()).length
    end)
    assert.same({}, failed)
    for i = 1, 6 do
      assert.equal(800, results[i])
    end
  end

  for _, name in ipairs(names) do
    local title = "is refused " .. name .. ", and changes nothing for others"
    it(title, helper.of_loop(helper.task(function()
      local evil, good = ways[name]()
      -- Connections that are busy all the while: what libcurl knows of the host stays.
      local busy = {}
      for i = 1, 3 do
        busy[i] = ms.spawn(function()
          return ms.assert(client:get(good("/late?delay=1.5&body=busy-" .. i))):text()
        end)
      end
      ms.sleep(0.2)
      for _, first in ipairs(LIES) do
        local message = is_refused(probe.raw(evil, { text = answer(first) }))
        -- libcurl knows some of them itself.
        assert.is_truthy(message == REASON or message:find("^Unsupported HTTP version")
          or message:find("^Version mismatch"), message)
        get_own(good)
      end
      put_own(good)
      for i = 1, 3 do
        assert.equal("busy-" .. i, select(2, busy[i]:join()))
      end
    end, 30)))
  end

  it("is refused on a connection that was used before", helper.task(function()
    client = ms.client()
    for _ = 1, 3 do
      assert.equal("a", ms.assert(client:get(plain.url("/late?delay=0&body=a"))):text())
      is_refused(probe.raw(plain, { text = answer(LIES[1]) }))
    end
  end))

  it("leaves the version of a host as it was agreed on", helper.task(function()
    client = ms.client({ tls = { ca = tls.ca }, http_version = "2" })
    is_refused(probe.raw(tls, { text = answer(LIES[1]) }))
    get_own(tls.url)
    for _, host in pairs(client.origins) do
      assert.equal("h1", host.limiter:version())
    end
  end))

  it("is no harm in front of HTTP/2 itself", helper.task(function()
    local nginx = servers.nginx()
    client = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
    local results = ms.map({ 1, 2, 3, 4, 5 }, function(i)
      local response = ms.assert(client:get(nginx.tls_url("/file/" .. i)))
      return response.http_version .. " " .. response:text()
    end)
    results.n = nil
    assert.same({ "2 body-1", "2 body-2", "2 body-3", "2 body-4", "2 body-5" }, results)
    nginx.stop()
  end))
end)

describe("an HTTP/2 body that is cut off", function()
  local server = fixtures.server(own_servers.hostile_h2)
  local client
  local truncates = core.quirks().h2_truncates ~= nil

  teardown(function()
    server.stop()
  end)
  fixtures.each(function()
    client = ms.client({ tls = { ca = server.ca }, timeout = helper.seconds(8) })
    return client
  end)

  local WAYS = {
    "reset-cancel", "reset-internal", "data-on-stream-0", "short-settings", "short-ping",
    "large-frame", "bad-padding", "push", "window", "http1", "goaway", "close",
  }

  for _, way in ipairs(WAYS) do
    it("never looks complete to who has asked for nothing: " .. way, helper.task(function()
      local url = server.url("/cut?how=" .. way)
      local response, err = client:get(url)
      local body
      if response then
        assert.equal(truncates and "1.1" or "2", response.http_version)
        body, err = response:text()
      end
      if truncates then
        assert.equal("over 1.1", body)
      else
        assert.is_nil(body)
        assert.is_truthy(({ closed = true, protocol = true })[err.kind], tostring(err))
      end
      local path = os.tmpname()
      local size
      response, err = client:get(url)
      if response then
        size, err = response:save(path)
      end
      os.remove(path)
      if truncates then
        assert.equal(8, size)
      else
        assert.is_nil(size)
        assert.is_truthy(({ closed = true, protocol = true })[err.kind], tostring(err))
      end
    end, 20))
  end

  it("is a risk that who asks for HTTP/2 is told of", helper.task(function()
    assert.equal("2", ms.assert(client:get(server.url("/ok"), { http_version = "2" })).http_version)
    local told = 0
    for _, warning in ipairs(ms.version().warnings) do
      told = told + (warning:find("HTTP/2 body without Content-Length", 1, true) and 1 or 0)
    end
    assert.equal(truncates and 2 or 1, told)
  end))
end)

describe("a server that speaks HTTP/2 alone", function()
  local dir, server

  setup(function()
    dir = servers.certificate_dir()
    server = servers.start("s_server", servers.make_dir(), {
      servers.program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", "-alpn", "h2",
      "-cert", dir .. "/server.crt", "-key", dir .. "/server.key", "-www",
    }, "stdout")
  end)
  after_each(helper.check_leaks)

  -- s_server agrees on HTTP/2, and then does not speak it: so the error is no
  -- longer one of TLS.
  it("is asked in that, without being told", helper.task(function()
    local port = servers.read_file(server.dir .. "/stdout"):match("ACCEPT [^\n]-(%d+)\n")
    local client = ms.client({ tls = { ca = dir .. "/ca.crt" }, timeout = 1 })
    local url = "https://localhost:" .. port .. "/"
    local err = helper.err_of(client:get(url, { http_version = "1.1" }))
    assert.equal("tls", err.kind, tostring(err))
    err = helper.err_of(client:get(url))
    assert.not_equal("tls", err.kind, tostring(err))
    client:close()
  end))
end)

describe("ms.version().warnings", function()
  it("are lines for people, one for each danger", function()
    local warnings = ms.version().warnings
    local count = core.version().features.AsynchDNS and 0 or 1
    for _, quirk in pairs(core.quirks()) do
      count = count + 1
      local found = 0
      for _, line in ipairs(warnings) do
        assert.is_nil(line:find("[%c]"))
        found = found + (line:find(quirk.effect, 1, true) and line:find(quirk.remedy, 1, true)
          and 1 or 0)
      end
      assert.equal(1, found)
    end
    assert.equal(count, #warnings)
    assert.is_true(count > 0)
  end)
end)

describe("core.quirks", function()
  it("tells what is wrong with the libcurl that runs", function()
    local running = core.version().curl_number
    local quirks = core.quirks()
    assert.equal(running < 0x080800, quirks.version_of_answer ~= nil)
    assert.equal(running >= 0x075300 and running < 0x080100, quirks.folded_first_line ~= nil)
    for name, quirk in pairs(quirks) do
      assert.is_truthy(name:find("^[a-z0-9_]+$"))
      assert.is_truthy(quirk.issue == nil or quirk.issue:find("^curl#%d+"))
      assert.is_true(#quirk.effect > 20 and #quirk.remedy > 20)
    end
  end)
end)
