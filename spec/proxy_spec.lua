-- HTTP proxies and SOCKS through the same driver, against squid, Dante, microsocks
-- and ssh -D.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local proxies = require("spec.support.proxies")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local ms = require("multisock")

describe("a proxy", function()
  local nginx, squid = fixtures.nginx(), fixtures.server(proxies.http_proxy)
  local sshd = fixtures.server(packaged.ssh)
  local socks = fixtures.server(proxies.ssh_socks, sshd)
  local socks5 = fixtures.server(proxies.socks5)
  local dante

  setup(function()
    dante = proxies.dante()
  end)
  teardown(function()
    if dante then dante.stop() end
  end)
  after_each(helper.check_leaks)

  local function given(proxy, more)
    return helper.with({ proxy = proxy, tls = { ca = nginx.ca }, timeout = helper.seconds(8) },
      more)
  end

  it("of HTTP passes http on, and tunnels https", helper.task(function()
    assert.equal("body-plain",
      ms.assert(transfers.fetch(nginx.url("/file/plain"), given(squid.url))))
    local client = ms.client(given(squid.url))
    assert.equal("body-tunnel", ms.assert(client:get(nginx.tls_url("/file/tunnel"))):text())
    client:close()                  -- a tunnel is logged when it ends
    assert.equal(1, #squid.log("GET http://127.0.0.1:%d+/file/plain", 1))
    assert.is_true(#squid.log("CONNECT localhost:", 1) >= 1)
  end))

  it("of HTTP serves many at once", helper.task(function()
    local client <close> = ms.client(given(squid.url))
    local urls = {}
    for i = 1, 40 do
      urls[i] = (i % 2 == 0 and nginx.url or nginx.tls_url)("/file/" .. i)
    end
    local results = ms.map(urls, function(url)
      return ms.assert(client:get(url)):text()
    end)
    for i = 1, 40 do
      assert.equal("body-" .. i, results[i])
    end
  end, 20))

  it("of HTTP wants to know who asks", helper.task(function()
    assert.equal("body-known",
      ms.assert(transfers.fetch(nginx.url("/file/known"), given(squid.auth_url))))
    assert.equal("body-known",
      ms.assert(transfers.fetch(nginx.tls_url("/file/known"), given(squid.auth_url))))
    local stranger = "http://127.0.0.1:" .. squid.auth_port
    assert.equal(407, ms.assert(ms.get(nginx.url("/file/a"), given(stranger))).status)
    assert.equal("proxy", helper.err_of(ms.get(nginx.tls_url("/file/a"), given(stranger))).kind)
    local _, wrong = ms.get(nginx.tls_url("/file/a"),
      given((squid.auth_url:gsub("secret", "guess"))))
    assert.equal("proxy", wrong.kind)
    assert.is_nil(tostring(wrong):find("guess", 1, true))
  end))

  it("of HTTP refuses", helper.task(function()
    assert.equal(403, ms.assert(ms.get(nginx.url("/forbidden"), given(squid.url))).status)
    local _, err = ms.get("https://localhost:7/", given(squid.url))
    assert.equal("proxy", err.kind)
    _, err = ms.get(nginx.url("/1k"), given("http://127.0.0.1:" .. support.refusing_port()))
    assert.same({ "proxy", true }, { err.kind, err.retryable })
  end))

  it("of HTTP is left when the task is cancelled", helper.task(function()
    for _, url in ipairs({ nginx.url("/slow"), nginx.tls_url("/slow") }) do
      local task = ms.spawn(function()
        return ms.assert(ms.get(url, given(squid.url))):text()
      end)
      ms.sleep(helper.seconds(0.1))
      task:cancel("not wanted")
      assert.equal("cancelled", task:status())
      assert.equal("body-on", ms.assert(transfers.fetch(nginx.url("/file/on"), given(squid.url))))
    end
  end))

  local function speak(scheme, server)
    local proxy = scheme .. "://127.0.0.1:" .. server.port
    assert.equal("body-a", ms.assert(transfers.fetch(nginx.url("/file/a"), given(proxy))))
    -- Of a name that is looked up here, socks5 takes the first address alone.
    local four = given(proxy, { curl = { ipresolve = 1 } })
    assert.equal("body-b", ms.assert(transfers.fetch(nginx.tls_url("/file/b"), four)))
    local _, err = ms.get(("http://127.0.0.1:%d/"):format(support.refusing_port()), given(proxy))
    assert.equal("proxy", err.kind)
  end

  for _, scheme in ipairs({ "socks4", "socks4a", "socks5", "socks5h" }) do
    it("speaks " .. scheme .. " with ssh -D", helper.task(function()
      speak(scheme, socks)
    end))
  end

  -- Dante takes no names from socks4a.
  for _, scheme in ipairs({ "socks4", "socks5", "socks5h" }) do
    it("speaks " .. scheme .. " with Dante", helper.task(function()
      if not dante then
        return pending("dante-server is not installed: Debian 13 does not have it")
      end
      speak(scheme, dante)
    end))
  end

  it("of SOCKS wants to know who asks", helper.task(function()
    local at = "127.0.0.1:" .. socks5.port
    assert.equal("body-a", ms.assert(transfers.fetch(nginx.url("/file/a"),
      given("socks5://user:secret@" .. at))))
    for _, who in ipairs({ "", "user:guess@" }) do
      local _, err = ms.get(nginx.url("/file/a"), given("socks5://" .. who .. at))
      assert.equal("proxy", err.kind)
    end
  end))

  it("is driven by the core: one, many, cut off", function()
    for _, proxy in ipairs({ squid.url, "socks5h://127.0.0.1:" .. socks.port }) do
      local function raw(url)
        return { url = url, proxy = proxy, noproxy = "", cainfo = nginx.ca }
      end
      assert.equal("body-a", transfers.run(raw(nginx.url("/file/a"))))
      transfers.run_many(20, function(i)
        return raw((i % 2 == 0 and nginx.url or nginx.tls_url)("/file/" .. i)), "body-" .. i
      end)
      transfers.cancel(raw(nginx.tls_url("/slow")), raw(nginx.url("/file/b")), "body-b")
    end
  end)
end)
