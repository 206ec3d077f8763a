-- allow_private = false: a listener on an address of each kind sees nothing of it. In a
-- network of its own, where all of them are at home.
local apart = require("spec.support.apart")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local proxies = require("spec.support.proxies")
local ms = require("multisock")

-- Addresses, and what is said of them.
local PRIVATE = {
  { "10.0.0.1", "private" }, { "10.255.255.255", "private" }, { "172.16.0.0", "private" },
  { "172.31.255.254", "private" }, { "192.168.7.7", "private" },
  { "127.0.0.1", "loopback" }, { "127.255.255.254", "loopback" }, { "0.0.0.0", "this host" },
  { "0.1.2.3", "this host" }, { "100.64.0.1", "shared, RFC 6598" },
  { "100.100.100.200", "shared, RFC 6598" }, { "100.127.255.255", "shared, RFC 6598" },
  { "169.254.169.254", "link-local" }, { "169.254.0.1", "link-local" },
  { "168.63.129.16", "a cloud's metadata" }, { "192.0.0.192", "reserved" },
  { "192.0.2.1", "documentation" }, { "198.51.100.1", "documentation" },
  { "203.0.113.255", "documentation" }, { "192.88.99.1", "6to4" },
  { "198.18.0.1", "benchmarking" }, { "198.19.255.255", "benchmarking" },
  { "224.0.0.1", "multicast" }, { "239.255.255.250", "multicast" }, { "240.0.0.1", "reserved" },
  { "255.255.255.254", "reserved" }, { "255.255.255.255", "broadcast" },
  { "::", "unspecified" }, { "::1", "loopback" }, { "::127.0.0.1", "reserved" },
  { "::ffff:127.0.0.1", "loopback" }, { "::ffff:10.0.0.1", "private" },
  { "::ffff:169.254.169.254", "link-local" },
  { "64:ff9b::a9fe:a9fe", "link-local" }, { "64:ff9b::a00:1", "private" },
  { "64:ff9b:1::5db8:d70e", "NAT64" }, { "64:ff9b:1:2::a00:1", "NAT64" },
  { "100::1", "reserved" }, { "2001::1", "Teredo" }, { "2001:0:5db8:d70e::1", "Teredo" },
  { "2001:2::1", "reserved" }, { "2001:1ff::1", "reserved" }, { "2001:db8::1", "documentation" },
  { "2002:7f00:1::1", "6to4" }, { "2002:5db8:d70e::1", "6to4" }, { "3fff::1", "documentation" },
  { "4000::1", "reserved" }, { "5f00::1", "reserved" }, { "fc00::1", "unique local" },
  { "fd00:ec2::254", "unique local" }, { "fe80::1", "link-local" }, { "fec0::1", "site-local" },
  { "ff02::1", "multicast" }, { "ff0e::1", "multicast" },
}

-- What stands right beside them, and others.
local PUBLIC = {
  "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
  "126.255.255.255", "128.0.0.0", "1.0.0.0", "100.63.255.255", "100.128.0.0", "169.253.255.255",
  "169.255.0.0", "168.63.129.17", "192.0.1.0", "192.0.3.0", "198.17.255.255", "198.20.0.0",
  "223.255.255.255", "93.184.215.14", "2000::1", "2001:200::1", "2001:db7::1", "2001:db9::1",
  "2003::1", "2606:4700::1111", "3ffe::1", "3fff:1000::1", "64:ff9b::5db8:d70e",
}

local function quoted(list, what)
  local items = {}
  for i, item in ipairs(list) do
    items[i] = ("{ %q, %q }"):format(what and item or item[1], what or item[2])
  end
  return "{ " .. table.concat(items, ", ") .. " }"
end

local function run(script)
  local homes = {}
  for _, entry in ipairs(PRIVATE) do
    if not entry[1]:find("ffff:") then      -- IPv4 in other words
      homes[#homes + 1] = entry[1]
    end
  end
  for _, address in ipairs(PUBLIC) do
    homes[#homes + 1] = address
  end
  return apart.run("every_address.py", table.concat(homes, ","), ([[
    local client = ms.client({ trust_env = false, timeout = { connect = 5 } })
    local function url(address, path)
      local host = address:find(":") and "[" .. address .. "]" or address
      return "http://" .. host .. (path or "/")
    end
    -- Connections so far, to this address or to all.
    local function count(address)
      return tonumber(ms.assert(ms.assert(client:get("http://127.0.0.1:81/" .. (address or "")))
        :text()))
    end
    local function guarded(address, options)
      options = options or {}
      options.allow_private = false
      return (options.client or client):get(url(address, options.path), {
        allow_private = false, resolve = options.resolve, connect_to = options.connect_to,
      })
    end
    local function refused(expected, response, err)
      assert(response == nil and err.kind == "policy" and err.retryable == false, tostring(err))
      assert(err.message:find(expected, 1, true), err.message)
    end
    local PRIVATE, PUBLIC = %s, %s
    local function main()
    %s
    end
  ]]):format(quoted(PRIVATE), quoted(PUBLIC, "public"), script))
end

describe("allow_private = false", function()
  it("opens no socket to any address that is not public", function()
    assert.equal("all well\n", run([[
      local seen = 0
      for _, entry in ipairs(PRIVATE) do
        local address, what = entry[1], entry[2]
        refused("(" .. what .. ")", guarded(address))
        refused(address .. " is not public", guarded(address))
      end
      assert(count() == 0, count())
      -- They do listen: where the system lets anybody connect, others do.
      for _, entry in ipairs(PRIVATE) do
        local response = client:get(url(entry[1]), { timeout = { connect = 0.5 } })
        seen = seen + (response and response:text() and 1 or 0)
      end
      assert(seen >= 35 and count() == seen, seen)
      print("all well")
    ]]))
  end)

  it("connects to all others", function()
    assert.equal("all well\n", run([[
      for _, entry in ipairs(PUBLIC) do
        local response, err = guarded(entry[1])
        assert(response and response:text():match("^%S+") == entry[1], entry[1] .. tostring(err))
        assert(count(entry[1]) == 1)
      end
      print("all well")
    ]]))
  end)

  it("looks at every address of a name", function()
    assert.equal("all well\n", run([[
      local function pin(addresses)
        return { resolve = { "some.test:80:" .. addresses } }
      end
      -- The error is that of the address that libcurl tried last.
      refused(" is not public (", guarded("some.test", pin("127.0.0.1,10.0.0.1")))
      assert(count() == 0)
      local response = ms.assert(guarded("some.test", pin("127.0.0.1,93.184.215.14")))
      assert(response:text():match("^%S+") == "93.184.215.14")
      assert(count("127.0.0.1") == 0)
      -- One that is public and cannot be reached is no matter of policy.
      local _, err = guarded("some.test", pin("127.0.0.1,8.8.8.8"))
      assert(err.kind == "connect", tostring(err))
      assert(count("127.0.0.1") == 0)
      refused(" is not public (loopback)", guarded("localhost"))
      refused("127.0.0.1 is not public", guarded("93.184.215.14", {
        connect_to = { "93.184.215.14:80:127.0.0.1:80" } }))
      assert(count() == 1)
      print("all well")
    ]]))
  end)

  it("looks at each redirect", function()
    assert.equal("all well\n", run([[
      for _, target in ipairs({ "http://127.0.0.1/", "http://localhost/", "http://2130706433/",
        "http://0x7f.1/", "http://[::ffff:7f00:1]/", "//10.0.0.1/" }) do
        refused("not public", guarded("93.184.215.14", { path = "/to?" .. target }))
      end
      refused("not public", guarded("93.184.215.14", {
        path = "/to?http://11.0.0.0/to?http://127.0.0.1/" }))
      assert(count("127.0.0.1") == 0 and count("10.0.0.1") == 0 and count("11.0.0.0") == 1)
      assert(guarded("93.184.215.14", { path = "/to?http://11.0.0.0/" }):text() == "11.0.0.0 2")
      print("all well")
    ]]))
  end)

  it("sends nothing on a connection that was there before", function()
    assert.equal("all well\n", run([[
      -- With `limits.idle` all requests of a client share the same connections.
      for _, limits in ipairs({ {}, { idle = 4 } }) do
        local other = ms.client({ limits = limits, trust_env = false })
        for _ = 1, 3 do
          assert(other:get(url("10.0.0.1")):text())
          refused("10.0.0.1 is not public", guarded("10.0.0.1", { client = other }))
          refused("10.0.0.1 is not public", other:post(url("10.0.0.1"), { body = "x",
            allow_private = false }))
        end
        -- Its name has a public address as well.
        local pin = { "some.test:80:10.0.0.1,93.184.215.14" }
        assert(other:get(url("some.test"), { resolve = pin }):text():find("^10%."))
        local response, err = guarded("some.test", { client = other, resolve = pin })
        assert(response and response:text():find("^93%.") or limits.idle and err.kind == "policy")
        -- What may be used is used again.
        local before = count("11.0.0.0")
        for _ = 1, 3 do
          assert(guarded("11.0.0.0", { client = other }):text())
        end
        assert(count("11.0.0.0") == before + 1)
        other:close()
      end
      -- Three, that with two addresses, and those to others.
      assert(count("requests") == 2 * (3 + 1 + 3) + 1, count("requests"))
      print("all well")
    ]]))
  end)

  it("holds for lists, and for a client's requests unless they say otherwise", function()
    assert.equal("all well\n", run([[
      local strict = ms.client({ allow_private = false, trust_env = false })
      local results, errors = strict:map({ url("10.0.0.1"), url("11.0.0.0"), url("127.0.0.1") })
      assert(results[2]:text() == "11.0.0.0 1")
      refused("10.0.0.1", results[1], errors[1])
      refused("127.0.0.1", results[3], errors[3])
      for i = 1, 3 do
        refused("10.0.0.1", strict:get(url("10.0.0.1")))
      end
      assert(count() == 1)
      assert(strict:get(url("10.0.0.1"), { allow_private = true }):text() == "10.0.0.1 2")
      refused("10.0.0.1", strict:get(url("10.0.0.1")))
      strict:close()
      print("all well")
    ]]))
  end)

  describe("with", function()
    local nginx, squid = fixtures.nginx(), fixtures.server(proxies.http_proxy)
    after_each(helper.check_leaks)

    local function refusal(options, url)
      options.allow_private = false
      local err = helper.err_of(ms.get(url or nginx.url("/1k"), options))
      assert.equal("policy", err.kind)
      return err.message
    end

    it("a proxy is an error, whoever names it", helper.task(function()
      local direct = "the proxy would connect by itself; proxy = false asks"
      assert.matches(direct, refusal({ proxy = squid.url }), 1, true)
      assert.matches(direct, refusal({ curl = { PROXY = squid.url } }), 1, true)
      assert.matches(direct, refusal({ curl = { pre_proxy = "socks5://127.0.0.1:1" } }), 1, true)
      assert.matches("127.0.0.1 is not public", refusal({ proxy = false }), 1, true)
    end))

    it("a Unix socket, or sockets that somebody else opens, it is an error", helper.task(function()
      assert.matches("a Unix socket", refusal({ unix_socket = nginx.unix_socket }), 1, true)
      assert.matches("opensocketfunction", refusal({ curl = { opensocketfunction = function()
        error("was called")
      end } }), 1, true)
      assert.same({}, nginx.log())
    end))

    it("FTP it holds, too", helper.task(function()
      local port = nginx.port
      assert.matches("127.0.0.1 is not public", refusal({ protocols = { "ftp" } },
        ("ftp://127.0.0.1:%d/"):format(port)), 1, true)
    end))
  end)

  it("knows of a proxy in the environment", function()
    local said = apart.run("every_address.py", "93.184.215.14", [[
      local function main()
        local url = "http://93.184.215.14/"
        local response, err = ms.get(url, { allow_private = false })
        print(response, err.message)
        print(ms.get(url, { allow_private = false, proxy = false }):text())
        print(ms.get(url, { allow_private = false, trust_env = false }):text())
      end
    ]], "http_proxy=http://127.0.0.1:1")
    assert.equal("nil\tallow_private is false, but the proxy that http_proxy names would connect "
      .. "by itself; proxy = false asks the server directly\n93.184.215.14 1\n93.184.215.14 1\n",
      said)
  end)
end)
