-- `resolve`: the addresses of a name, for one request and for nobody else.
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local proxies = require("spec.support.proxies")
local support = require("spec.support.core_support")
local ms = require("multisock")

describe("resolve", function()
  local plain, secure, squid

  setup(function()
    plain, squid = own_servers.addresses(), proxies.http_proxy()
    secure = own_servers.addresses(true)
  end)
  teardown(function()
    plain.stop()
    secure.stop()
    squid.stop()
  end)
  after_each(helper.check_leaks)

  local function url(host, path)
    return ("http://%s:%s%s"):format(host, plain.port, path or "/")
  end

  local function pin(host, addresses)
    return ("%s:%s:%s"):format(host, plain.port, addresses)
  end

  -- Which address has answered, over its how manieth connection; or the error's kind.
  local function ask(client, host, entries, more)
    local options = { resolve = entries }
    helper.with(options, more)
    local response, err = client:get(url(host), options)
    if response == nil then
      return err.kind
    end
    local address, number, asked = response:text():match("^(%S+) (%d+) (%S+)")
    assert.equal(host .. ":" .. plain.port, asked)
    return address, tonumber(number)
  end

  it("is for that request alone", helper.task(function()
    local client <close> = ms.client()
    for _ = 1, 3 do
      assert.equal("127.0.0.1", (ask(client, "pinned.test", { pin("pinned.test", "127.0.0.1") })))
      assert.equal("resolve", (ask(client, "pinned.test")))
      assert.equal("127.0.0.2", (ask(client, "pinned.test", { pin("pinned.test", "127.0.0.2") })))
      assert.equal("resolve", (ask(client, "pinned.test", {})))
      assert.equal("resolve", (ask(client, "pinned.test", { pin("other.test", "127.0.0.1") })))
    end
    local stranger <close> = ms.client()
    assert.equal("resolve", (ask(stranger, "pinned.test")))
  end, 20))

  it("keeps its connections, and takes no other's", helper.task(function()
    local client <close> = ms.client()
    local _, first = ask(client, "localhost")
    local _, second = ask(client, "localhost", { pin("localhost", "127.0.0.1") })
    assert.equal(first + 1, second)
    for _ = 1, 3 do
      assert.same({ "127.0.0.1", first }, { ask(client, "localhost") })
      assert.same({ "127.0.0.1", second }, { ask(client, "localhost",
        { pin("localhost", "127.0.0.1") }) })
      assert.equal("127.0.0.2", (ask(client, "localhost", { pin("localhost", "127.0.0.2") })))
    end
  end))

  it("mixes nothing up when many run at once", helper.task(function()
    local client <close> = ms.client()
    ms.group(function(group)
      for i = 1, 90 do
        group:spawn(function()
          local address = "127.0.0." .. i % 3 + 1
          for _ = 1, 4 do
            assert.equal(address, (ask(client, "many.test", { pin("many.test", address) })))
          end
        end)
      end
    end)
  end, 20))

  it("tries all addresses", helper.task(function()
    local client <close> = ms.client()
    for _, addresses in ipairs({ "127.0.0.9,127.0.0.2", "[::1],127.0.0.2", "::1,127.0.0.2",
      "127.0.0.9,[::1],127.0.0.2", "127.0.0.2,127.0.0.9" }) do
      assert.equal("127.0.0.2", (ask(client, "several.test", { pin("several.test", addresses) })))
    end
  end, 20))

  it("takes *, after what is named, and +", helper.task(function()
    local client <close> = ms.client()
    local entries = { pin("*", "127.0.0.1"), pin("+Named.test", "127.0.0.2"), "*:1:127.0.0.3" }
    assert.equal("127.0.0.2", (ask(client, "named.test", entries)))
    assert.equal("127.0.0.1", (ask(client, "any.test", entries)))
    assert.equal("127.0.0.1", (ask(client, "127.0.0.3", entries)))
    assert.equal("127.0.0.3", (ask(client, "127.0.0.3")))
  end))

  it("is refused when it is not HOST:PORT:ADDRESS", function()
    for _, entry in ipairs({ "-h:80", "h:80", "h:80:", "h:80:name", "h:80:127.0.0.1,", "h:80:1.2.3",
      "h:80:256.0.0.1", "h:99999:127.0.0.1", "h::127.0.0.1", ":80:127.0.0.1", "", "h:80:[1.2.3.4]",
      "h:80:g::1" }) do
      local err = helper.failure(ms.get, url("h"), { resolve = { "ok:1:127.0.0.1", entry } })
      assert.truthy(tostring(err):find("option 'resolve[2]'", 1, true), tostring(err))
    end
  end)

  it("can be a client's, and be taken away", helper.task(function()
    local client <close> = ms.client({ resolve = { pin("mine.test", "127.0.0.2") } })
    for _ = 1, 3 do                 -- without options: the short way
      assert.equal("127.0.0.2",
        ms.assert(client:get(url("mine.test"))):text():match("^%S+"))
    end
    assert.equal("127.0.0.3", (ask(client, "mine.test", { pin("mine.test", "127.0.0.3") })))
    assert.equal("resolve", (ask(client, "mine.test", {})))
    assert.equal("127.0.0.2", (ask(client, "mine.test")))
    assert.equal("127.0.0.1", (ask(client, "127.0.0.1")))
  end))

  it("holds for a redirect", helper.task(function()
    local client <close> = ms.client()
    local entries = { pin("one.test", "127.0.0.1"), pin("two.test", "127.0.0.2") }
    local response = ms.assert(client:get(url("one.test", "/to?" .. url("two.test")),
      { resolve = entries }))
    assert.equal("127.0.0.2", response:text():match("^%S+"))
    local _, err = client:get(url("one.test", "/to?" .. url("three.test")), { resolve = entries })
    assert.equal("resolve", err.kind)
  end))

  it("says the name that was asked for", helper.task(function()
    local client <close> = ms.client()
    local _, err = client:get("http://some.test:1/", { resolve = { "some.test:1:127.0.0.9" } })
    assert.equal("connect", err.kind)
    assert.truthy(err.message:find("some.test", 1, true), err.message)
    assert.is_nil(tostring(err):find("pin", 1, true), err.message)
  end))

  it("goes together with connect_to", helper.task(function()
    local client <close> = ms.client()
    local to = { connect_to = { ("front.test:80:back.test:%s"):format(plain.port) } }
    local response = ms.assert(client:get("http://front.test/", { connect_to = to.connect_to,
      resolve = { pin("back.test", "127.0.0.2") } }))
    assert.truthy(response:text():find("^127%.0%.0%.2 %d+ front%.test "))
    local _, err = client:get("http://front.test/", to)
    assert.equal("resolve", err.kind)
  end))

  it("leaves TLS to the name", helper.task(function()
    local client <close> = ms.client({ tls = { ca = secure.ca } })
    local function get(host, address)
      return client:get(("https://%s:%s/"):format(host, secure.port), { resolve = {
        ("%s:%s:%s"):format(host, secure.port, address) } })
    end
    for _, address in ipairs({ "127.0.0.2", "127.0.0.3", "127.0.0.2" }) do
      local response = ms.assert(get("localhost", address))
      assert.truthy(response:text():find("^" .. address .. " %d+ localhost:%d+ localhost$"))
    end
    assert.equal("tls", select(2, get("stranger.test", "127.0.0.2")).kind)
  end))

  it("is not for a proxy to ignore", helper.task(function()
    local client <close> = ms.client({ proxy = squid.url })
    local response, err = client:get(url("pinned.test"), {
      resolve = { pin("pinned.test", "127.0.0.2") } })
    assert.is_nil(response)
    assert.equal("policy", err.kind)
    assert.truthy(err.message:find("proxy = false", 1, true))
    err = select(2, client:get(url("127.0.0.1"), { curl = { proxy = squid.url },
      resolve = { pin("*", "127.0.0.2") } }))
    assert.equal("policy", err.kind)
    assert.equal("127.0.0.2", (ask(client, "pinned.test", { pin("pinned.test", "127.0.0.2") },
      { proxy = false })))
    -- What is not in the list goes through it.
    assert.equal("127.0.0.1", (ask(client, "127.0.0.1", { pin("pinned.test", "127.0.0.2") })))
    err = select(2, client:get(url("127.0.0.1", "/to?" .. url("pinned.test")), {
      resolve = { pin("pinned.test", "127.0.0.2") } }))
    assert.equal("policy", err.kind)
  end))

  it("leaves out a proxy that the environment names", function()
    local said = support.child_in("http_proxy=http://127.0.0.1:1", [[
      local ms = require("multisock")
      local function ask(options)
        local response, err = ms.get(arg[1], options)
        print(response and response:text():match("^%S+") or err.kind, response and response.status)
      end
      ask()
      ask { resolve = { arg[2] } }
    ]], url("pinned.test"), pin("pinned.test", "127.0.0.2"))
    assert.equal("proxy\tnil\n127.0.0.2\t200\n", said)
  end)
end)
