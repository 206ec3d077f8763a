-- URLs of a place that is known, such as thousands of one server: each handle has one parsed
-- URL for them, of which the next request changes path, query and fragment.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local redirect = require("spec.support.redirects").path
local targets = require("multisock.request.targets")

describe("URLs of one place", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  -- One that has a single connection, and so a single handle, to each server.
  local function narrow(options)
    options = options or {}
    options.limits = { host_connections = 1 }
    return ms.client(options)
  end

  -- The path that the server was asked for, and the Host that it was told.
  local function asked(client, url, options)
    local seen, fields = echoed.of(client:get(url, options))
    return seen.path or seen.line:match("^GET (%S+) HTTP"), fields.host
  end

  local PATHS = {
    ["/echo?a=1#f"] = "/echo?a=1", ["/echo"] = "/echo", ["/received?b"] = "/received?b",
    ["/echo#f?g"] = "/echo", ["/received"] = "/received",
    ["/echo?x=http://a:b@c/../#"] = "/echo?x=http://a:b@c/../", ["/echo?a?b"] = "/echo?a?b",
    -- These are parsed by themselves.
    ["/echo?\195\164"] = "/echo?%C3%A4", ["/a/../echo"] = "/echo", ["/echo?%7B"] = "/echo?%7B",
  }

  it("are each sent as they are, whichever was sent before", helper.task(function()
    local client <close> = narrow()
    -- Some libcurls leave out the mark of an empty query.
    local bare <close> = narrow()
    PATHS["/echo?"] = asked(bare, hostile.url("/echo?"))
    for first, sent_first in pairs(PATHS) do
      for second, sent_second in pairs(PATHS) do
        assert.equal(sent_first, (asked(client, hostile.url(first))))
        assert.equal(sent_second, (asked(client, hostile.url(second))), first .. " " .. second)
      end
    end
  end))

  it("may be written in another way between", helper.task(function()
    local client <close> = narrow()
    local here = hostile.url("/echo?"):gsub("127%.0%.0%.1", "localhost")
    local port = here:match(":(%d+)/")
    for i = 1, 5 do
      for _, host in ipairs({ "localhost", "LocalHost", "localhost" }) do
        local path, told = asked(client, here:gsub("localhost", host) .. i)
        assert.equal("/echo?" .. i, path)
        assert.equal(host .. ":" .. port, told)
      end
    end
  end))

  it("are not those of another server", helper.task(function()
    local client <close> = narrow()
    for i = 1, 5 do
      assert.equal("/echo?" .. i, (asked(client, hostile.url("/echo?" .. i))))
      assert.equal("body-" .. i, ms.assert(client:get(nginx.url("/file/" .. i .. "?x#y"))):text())
    end
  end))

  it("have others between, with other options", helper.task(function()
    local client <close> = narrow({ curl = { useragent = "raw" } })
    for i = 1, 5 do
      assert.equal("/echo?" .. i, (asked(client, hostile.url("/echo?" .. i))))
      assert.equal("/echo?raw", (asked(client, hostile.url("/echo?raw"),
        { curl = { useragent = "other" } })))
      assert.equal("/echo?q=" .. i, (asked(client, hostile.url("/echo"), { query = { q = i } })))
      assert.equal("/echo?post", ms.assert(client:post(hostile.url("/echo?post"),
        { body = "x" })):json().path)
    end
  end))

  it("are those of each hop of a redirect", helper.task(function()
    local client <close> = narrow()
    for i = 1, 5 do
      local first = hostile.url(redirect("/echo?hop=" .. i .. "#h"):gsub("%%%x%x", string.lower))
      local response = ms.assert(client:get(first))
      assert.equal("/echo?hop=" .. i, response:json().path)
      assert.equal(hostile.url("/echo?hop=" .. i .. "#h"), response.url)
      assert.equal(first, response.history[1].url)
      assert.equal("/echo?next=" .. i, (asked(client, hostile.url("/echo?next=" .. i))))
    end
  end))

  it("are sent again as they are when a connection has died", helper.task(function()
    local client <close> = narrow()
    local key = hostile.url("/script?key=place&words=200,reset,200,200,reset,200")
    for i = 1, 4 do
      local response = ms.assert(client:get(key .. "&i=" .. i))
      assert.equal(key .. "&i=" .. i, response.url)
      assert.equal(200, response.status)
      response:close()
      assert.equal("/echo?" .. i, (asked(client, hostile.url("/echo?" .. i))))
    end
  end))

  it("are asked for at once on many handles", helper.task(function()
    local client <close> = ms.client({ limits = { host_connections = 8 } })
    local urls = {}
    for i = 1, 200 do
      urls[i] = hostile.url("/echo?n=" .. i .. (i % 3 == 0 and "#f" or ""))
    end
    for _, fn in ipairs({ false, function(url) return client:get(url) end }) do
      local responses = client:map(urls, fn or nil)
      for i = 1, #urls do
        assert.equal("/echo?n=" .. i, responses[i]:json().path)
        assert.equal(urls[i], responses[i].url)
        assert.equal(urls[i], responses[i].request:url())
      end
    end
  end))

  it("have parts, for who looks at them", helper.task(function()
    local jar = ms.cookies()
    local client <close> = narrow({ cookies = jar })
    for i = 1, 3 do
      assert(jar:set(hostile.url("/"), ("c=%d; path=/echo"):format(i)))
      assert.equal("c=" .. i, echoed.of(client:get(hostile.url("/echo?" .. i))).fields.cookie)
      assert.is_nil(jar:get(hostile.url("/received?" .. i)))
      local response = ms.assert(client:get(hostile.url("/echo?base=" .. i)))
      assert.equal(hostile.url("/x?y"), targets.resolve(response.request.target, "/x?y").text)
      response:close()
    end
  end))

  it("do not take memory by the thousand", helper.task(function()
    local client <close> = ms.client()
    local function ask(from, to)
      for i = from, to do
        assert.equal("body-" .. i, ms.assert(client:get(nginx.url("/file/" .. i))):text())
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = ask(1, 500)
    assert.is_true(ask(501, 1500) - before < 100, "they are kept")
  end, 60))
end)
