-- HTTPS: whom a client trusts, and that it keeps its trust to itself.
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("tls", function()
  local nginx, secure

  setup(function()
    nginx, secure = servers.nginx(), servers.hostile({ tls = true })
  end)
  teardown(function()
    nginx.stop()
    secure.stop()
  end)
  after_each(helper.check_leaks)

  it("verifies with the CA that it is given", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca } })
    local response = ms.assert(client:get(nginx.tls_url("/file/tls")))
    assert.equal("body-tls", response:text())
    assert.equal("2", response.http_version)
    assert.is_true(response.timings.tls > 0)
    response = ms.assert(client:get(secure.url("/bytes?n=50")))
    assert.equal(servers.bytes(50), response:text())
    assert.equal("1.1", response.http_version)
  end))

  it("refuses who signed himself, is unknown, or is somebody else", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca } })
    local stranger <close> = ms.client()
    for url, asked in pairs({
      [nginx.unknown_ca_url("/")] = client, [nginx.wrong_host_url("/")] = client,
      [nginx.tls_url("/1k")] = stranger,
    }) do
      local response, err = asked:get(url)
      assert.is_nil(response)
      assert.same({ "tls", "tls", "CURLE_PEER_FAILED_VERIFICATION", false, 60 },
        { err.kind, err.phase, err.code, err.retryable, err.number })
    end
  end))

  it("verifies nothing when told so, for that request alone", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca } })
    local unsafe = { tls = { verify = false } }
    for _, url in ipairs({ nginx.unknown_ca_url("/"), nginx.wrong_host_url("/") }) do
      assert.equal(200, ms.assert(client:get(url, unsafe)).status)
      local response, err = client:get(url)
      assert.is_nil(response)
      assert.equal("tls", err.kind)
      assert.equal(200, ms.assert(client:get(url, unsafe)).status)
    end
  end))

  it("is not shared by clients", helper.task(function()
    local unsafe <close> = ms.client({ tls = { verify = false } })
    assert.equal(200, ms.assert(unsafe:get(nginx.unknown_ca_url("/"))).status)
    local safe <close> = ms.client({ tls = { ca = nginx.ca } })
    assert.equal("tls", select(2, safe:get(nginx.unknown_ca_url("/"))).kind)
    local stranger <close> = ms.client()
    assert.equal("tls", select(2, stranger:get(nginx.unknown_ca_url("/"))).kind)
  end))

  it("refuses a key that is not the pinned one, and an old version", helper.task(function()
    local pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    local client <close> = ms.client({ tls = { ca = nginx.ca, pinned_public_key = pin } })
    assert.same({ "tls", "CURLE_SSL_PINNEDPUBKEYNOTMATCH" }, (function(_, err)
      return { err.kind, err.code }
    end)(client:get(nginx.tls_url("/1k"))))
    local modern <close> = ms.client({ tls = { ca = nginx.ca, min_version = "1.2" } })
    assert.is_truthy(modern:get(nginx.tls_url("/1k")))
  end))

  it("says when the CA file is not there, or no CA", helper.task(function()
    for _, file in ipairs({ "/nonexistent/ca.pem", "/etc/hostname" }) do
      local client <close> = ms.client({ tls = { ca = file } })
      local response, err = client:get(nginx.tls_url("/1k"))
      assert.is_nil(response)
      assert.equal("tls", err.kind, tostring(err))
    end
  end))

  it("tells a server that does not speak it", helper.task(function()
    local client <close> = ms.client()
    local response, err = client:get("https://127.0.0.1:" .. nginx.port .. "/")
    assert.is_nil(response)
    assert.same({ "tls", "tls" }, { err.kind, err.phase })
    response, err = client:get("http://127.0.0.1:" .. secure.port .. "/")
    assert.is_nil(response)
    assert.is_truthy(err.kind == "closed" or err.kind == "protocol", err.kind)
  end))

  it("keeps connections, and reports what breaks in them", helper.task(function()
    local client <close> = ms.client({ tls = { ca = secure.ca } })
    probe.reset(secure)
    for i = 1, 10 do
      assert.equal(servers.bytes(i), ms.assert(client:get(secure.url("/bytes?n=" .. i))):text())
    end
    assert.equal(2, probe.stats(secure).connections)
    assert.equal("closed", select(2, client:get(secure.url("/reset"))).kind)
    for _, path in ipairs({ "/reset-after", "/truncate", "/truncate-chunk" }) do
      local body, err = ms.assert(client:get(secure.url(path))):text()
      assert.is_nil(body)
      assert.equal("closed", err.kind, path)
    end
  end))

  it("runs hundreds at once", helper.task(function()
    local client <close> = ms.client({ tls = { ca = secure.ca } })
    local done = 0
    ms.group(function(group)
      for i = 1, 200 do
        group:spawn(function()
          local response = ms.assert(client:get(secure.url("/bytes?n=2000&seed=" .. i)))
          assert.equal(servers.bytes(2000, i), response:text())
          done = done + 1
        end)
      end
    end)
    assert.equal(200, done)
  end, 30))
end)
