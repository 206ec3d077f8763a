-- What admission learns of a host before it has answered: its HTTP version, from
-- the request that went out (receiver.c, admission.lua).
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local proxies = require("spec.support.proxies")
local support = require("spec.support.core_support")
local core = require("multisock.core")
local ms = require("multisock")

describe("a host that has not answered", function()
  local holding, secure = fixtures.server(own_servers.hostile_h2), fixtures.hostile({ tls = true })
  local squid = fixtures.server(proxies.http_proxy)

  after_each(helper.check_leaks)

  -- Fetches one URL `count` times at once, from a server that answers none before
  -- it has them all; the number of connections that this took.
  local function hold(client, count, options)
    local connections = 0
    ms.group(function(group)
      for _ = 1, count do
        group:spawn(function()
          local response = ms.assert(client:get(holding.url("/hold?n=" .. count), options))
          assert.equal("held", response:text())
          if response.timings.connect > 0 then
            connections = connections + 1
          end
        end)
      end
    end)
    return connections
  end

  it("gets more HTTP/2 transfers than there may be connections", helper.task(function()
    local client <close> = ms.client({ tls = { ca = holding.ca }, http_version = "2",
      timeout = { total = 15 }, limits = { connections = 4 } })
    assert.is_true(hold(client, 350) <= 4)
  end, 30))

  it("gets them when each has options of its own", helper.task(function()
    local client <close> = ms.client({ tls = { ca = holding.ca }, http_version = "2",
      timeout = { total = 15 }, limits = { connections = 2 } })
    assert.is_true(hold(client, 180, { headers = { a = "b" } }) <= 2)
  end, 30))

  it("gets them through a tunnel, for which HTTP/1.1 was spoken", helper.task(function()
    local client <close> = ms.client({ tls = { ca = holding.ca }, http_version = "2",
      timeout = { total = 15 }, limits = { connections = 2 }, proxy = squid.url })
    assert.is_true(hold(client, 150) <= 2)
  end, 30))

  it("is known to speak HTTP/1.1 when that was agreed on", helper.task(function()
    local client <close> = ms.client({ tls = { ca = secure.ca }, http_version = "2",
      timeout = { total = 15 } })
    local stalled = {}
    for i = 1, 5 do
      stalled[i] = ms.spawn(function()
        return client:get(secure.url("/stall"))
      end)
    end
    local version
    repeat
      ms.sleep(0.01)
      for _, host in pairs(client.origins) do
        version = host.limiter:version()
      end
    until version or stalled[1]:status() == "done"
    assert.equal("h1", version)
    for _, task in ipairs(stalled) do
      task:cancel()
    end
  end, 30))

  it("is not asked when the user looks at what libcurl does", helper.task(function()
    local lines = {}
    local client <close> = ms.client({ tls = { ca = holding.ca }, http_version = "2",
      timeout = { total = 15 }, curl = { verbose = true, debugfunction = function(kind, text)
        lines[#lines + 1] = tostring(kind) .. tostring(text)
      end } })
    hold(client, 20)
    assert.is_true(#lines > 20)
  end, 30))

  it("is not asked where libcurl's own transfers would tell the terminal", function()
    local said = support.child([[
      local ms = require("multisock")
      ms.run(function()
        local _, err = ms.get("http://some.test/", { doh_url = arg[1], tls = { ca = arg[2] },
          timeout = { total = 0.5 } })
        print(err.kind)
      end)
    ]], secure.url("/stall"), secure.ca)
    assert.equal("timeout\n", said)
  end)

  it("is asked by its probes alone", helper.task(function()
    local client <close> = ms.client({ tls = { ca = holding.ca }, http_version = "2" })
    for i = 1, 3 do
      assert.equal("ok", ms.assert(client:get(holding.url("/ok?i=" .. i))):text())
    end
    for _, host in pairs(client.origins) do
      local easy, multi, number = host.limiter:pop()
      -- The probe's handle serves the others, and tells nothing any more.
      assert.equal(client.settings.profile.number, number)
      assert.is_nil(easy:version())
      host.limiter:keep(easy, multi, number)
    end
  end))
end)

describe("the version of a request that was sent", function()
  local nginx = fixtures.nginx()

  local function version(options)
    local easy, multi = core.easy():collect(), core.multi()
    for name, value in pairs(options) do
      easy:setopt(name, value)
    end
    easy:setopt("cainfo", nginx.ca)
    easy:gather("version", true)
    assert.is_nil(easy:version())
    multi:add_handle(easy)
    support.run_out(multi)
    local found = easy:version()
    multi:remove_handle(easy)
    easy:forget()
    assert.is_nil(easy:version())
    easy:close()
    multi:close()
    return found
  end

  it("is known", function()
    assert.equal("2", version({ url = nginx.tls_url("/1k"), http_version = 4 }))
    assert.equal("1", version({ url = nginx.tls_url("/1k"), http_version = 2 }))
    assert.equal("1", version({ url = nginx.url("/1k"), http_version = 1 }))
  end)

  it("is not known without a connection", function()
    assert.is_nil(version({ url = "http://127.0.0.1:1/" }))
  end)
end)
