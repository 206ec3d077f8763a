-- What the environment says of proxies and authorities, and which hosts are asked without
-- a proxy.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local proxies = require("spec.support.proxies")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local core = require("multisock.core")
local ms = require("multisock")

local unpack = table.unpack or unpack

describe("the environment", function()
  local nginx, squid = fixtures.nginx(), fixtures.server(proxies.http_proxy)
  local folder, dead

  setup(function()
    dead = "http://127.0.0.1:" .. support.refusing_port()
    folder = servers.make_dir()
    servers.output(("cp %s %s/ca.pem && openssl rehash %s"):format(servers.quote(nginx.ca), folder,
      folder))
  end)
  teardown(function()
    os.execute("rm -rf " .. servers.quote(folder))
  end)
  after_each(helper.check_leaks)

  local CLEAN = "env"
  for _, name in ipairs({ "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
    "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE" }) do
    CLEAN = CLEAN .. " -u " .. name
  end

  -- What comes of GET URL with these options, in a process with these variables: "200", or
  -- the error's kind.
  local function get(variables, url, options)
    local words = { CLEAN }
    for name, value in pairs(variables) do
      words[#words + 1] = ("'%s=%s'"):format(name, value)
    end
    local said = support.child_in(table.concat(words, " "), ([[
      local ms = require("multisock")
      local response, err = ms.get(%q, %s)
      print(response and response.status or err.kind)]])
      :format(url, options or "{}"))
    return said:match("^(%S+)\n$") or said
  end

  it("says whom to trust", function()
    local url = nginx.tls_url("/1k")
    local unknown = nginx.ca:gsub("ca%.crt$", "unknown-ca.crt")
    assert.equal("tls", get({}, url))
    for _, variables in ipairs({ { SSL_CERT_FILE = nginx.ca }, { CURL_CA_BUNDLE = nginx.ca },
      { SSL_CERT_DIR = folder }, { CURL_CA_BUNDLE = nginx.ca, SSL_CERT_FILE = unknown },
      { SSL_CERT_FILE = unknown, SSL_CERT_DIR = folder },
      { SSL_CERT_FILE = nginx.ca, CURL_CA_BUNDLE = "" } }) do
      assert.equal("200", get(variables, url))
      assert.equal("tls", get(variables, url, "{ trust_env = false }"))
      assert.equal("tls", get(variables, url, ("{ tls = { ca = %q } }"):format(unknown)))
      assert.equal("tls", get(variables, nginx.unknown_ca_url("/"),
        ("{ tls = { ca = %q } }"):format(nginx.ca)))
    end
    for _, variables in ipairs({ { SSL_CERT_FILE = unknown },
      { SSL_CERT_FILE = "/nonexistent" },
      { CURL_CA_BUNDLE = unknown, SSL_CERT_FILE = nginx.ca } }) do
      assert.equal("tls", get(variables, url))
      assert.equal("200", get(variables, url, ("{ tls = { ca = %q } }"):format(nginx.ca)))
      assert.equal("200", get(variables, url, ("{ curl = { cainfo = %q } }"):format(nginx.ca)))
    end
  end)

  it("names proxies, and who is asked without", function()
    local url = nginx.url("/1k")
    local before = #squid.log("/1k")
    assert.equal("200", get({ http_proxy = squid.url }, url))
    assert.equal(before + 1, #squid.log("/1k", before + 1))
    for _, proxy in ipairs({ "http_proxy", "all_proxy", "ALL_PROXY" }) do
      local variables = { [proxy] = dead }
      assert.equal("proxy", get(variables, url))
      assert.equal("200", get(variables, url, "{ trust_env = false }"))
      assert.equal("200", get(variables, url, "{ proxy = false }"))
      assert.equal("200", get(variables, url, "{ no_proxy = { '127.0.0.1' } }"))
      for _, name in ipairs({ "no_proxy", "NO_PROXY" }) do
        variables[name] = "other.test, 127.0.0.1"
        assert.equal("200", get(variables, url))
        variables[name] = "other.test"
        assert.equal("proxy", get(variables, url))
        variables[name] = nil
      end
    end
    -- In upper case it could be a header that a web server has taken for a variable.
    assert.equal("200", get({ HTTP_PROXY = dead }, url))
  end)

  it("is told from a server that is not there by the kind of the error", function()
    local around = { http_proxy = squid.url, no_proxy = "127.0.0.1" }
    assert.equal("connect", get(around, dead .. "/"))
    assert.equal("connect", get(around, dead .. "/", ("{ proxy = %q }"):format(squid.url)))
    assert.equal("connect", get({ http_proxy = squid.url }, dead .. "/", "{ proxy = false }"))
    assert.equal("connect", get({ http_proxy = squid.url }, dead .. "/",
      "{ no_proxy = { '127.0.0.1' } }"))
  end)

  it("has nothing to say where `proxy` is given and trust_env is off", function()
    assert.equal("proxy", get({ no_proxy = "*" }, nginx.url("/1k"),
      ("{ proxy = %q, trust_env = false }"):format(dead)))
  end)

  describe("no_proxy", function()
    local client
    before_each(function()
      client = ms.client({ proxy = dead, trust_env = false, timeout = helper.seconds(8) })
    end)
    after_each(function()
      client:close()
    end)

    -- Whether the proxy is left out.
    local function is_direct(host, ...)
      local response, err = client:get(("http://%s:%d/1k"):format(host, nginx.port),
        { no_proxy = { ... } })
      if response then
        response:close()
        return true
      end
      assert.equal("proxy", err.kind)
      return false
    end

    it("takes hosts, domains, and *", helper.task(function()
      for _, entries in ipairs({ { "a.localhost" }, { "localhost" }, { ".localhost" },
        { "A.LocalHost" }, { "other", "localhost" }, { "*" } }) do
        assert.is_true(is_direct("a.localhost", unpack(entries)), entries[1])
      end
      for _, entries in ipairs({ { "b.localhost" }, { "alhost" }, { "host" }, { "x.a.localhost" },
        { "127.0.0.1" }, {} }) do
        assert.is_false(is_direct("a.localhost", unpack(entries)), entries[1])
      end
    end))

    it("takes addresses, and blocks of them", helper.task(function()
      assert.is_true(is_direct("127.0.0.1", "127.0.0.1"))
      assert.is_false(is_direct("127.0.0.1", "127.0.0.2", "localhost"))
      if core.version().curl_number < 0x075600 then
        pending("libcurl before 7.86 knows no blocks")
      end
      assert.is_true(is_direct("127.0.0.1", "127.0.0.0/8"))
      assert.is_true(is_direct("127.0.0.1", "10.0.0.0/8", "127.0.0.1/32"))
      assert.is_false(is_direct("127.0.0.1", "10.0.0.0/8", "127.0.0.2/32"))
    end))
  end)

  describe("a proxy of HTTPS", function()
    local front
    setup(function()
      local certificates = servers.certificate_dir()
      front = servers.start("tls_front.py", servers.make_dir(), { "/usr/bin/python3", "-B",
        servers.support("tls_front.py"), tostring(squid.port), certificates .. "/server.crt",
        certificates .. "/server.key" }, "stdout")
      front.url = "https://localhost:" .. servers.read_file(front.dir .. "/stdout"):match("%d+")
    end)
    teardown(function()
      front.stop()
    end)

    it("is asked over TLS, and has to be trusted", helper.task(function()
      if not core.version().features["HTTPS-proxy"] then
        pending("this libcurl has no HTTPS proxies")
      end
      local client = ms.client({ proxy = front.url, trust_env = false,
        timeout = helper.seconds(8) })
      for _, url in ipairs({ nginx.url("/1k"), nginx.tls_url("/1k") }) do
        for _ = 1, 2 do
          local response = ms.assert(client:get(url, { tls = { ca = nginx.ca } }))
          assert.equal(1024, #response:text())
          local _, err = client:get(url)
          assert.equal("tls", err.kind)
          -- Of the server, that is, and not of the proxy.
          _, err = client:get(url, { tls = { verify = false } })
          assert.equal("tls", err.kind)
        end
      end
      client:close()
    end))
  end)
end)
