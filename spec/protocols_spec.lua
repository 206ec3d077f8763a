-- Protocols beside HTTP that need few words, and the ways to a server that are
-- none of TCP and DNS: MQTT, file:, DNS over HTTPS, Unix sockets.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local ms = require("multisock")

local with = helper.with

-- Fetches `count` at once; the texts, or the first error raised.
local function fetch_all(client, count, url)
  local urls = {}
  for i = 1, count do
    urls[i] = url(i)
  end
  return ms.map(urls, function(one)
    return ms.assert(client:get(one)):text()
  end)
end

describe("MQTT", function()
  local server = fixtures.server(packaged.mqtt)

  after_each(helper.check_leaks)

  local missing = transfers.missing("mqtt")

  local function spec(what, fn)
    it(what, missing and function() pending(missing) end or helper.task(fn, 20))
  end

  local function given(more)
    return with({ protocols = { "mqtt" }, trust_env = false, timeout = helper.seconds(8) }, more)
  end

  -- libcurl hands over a topic, with its length before it, and then the message.
  local function framed(topic, message)
    return string.char(math.floor(#topic / 256), #topic % 256) .. topic .. message
  end

  -- Subscribes; calls `fn` when the broker knows. Returns what was received.
  local function subscribed(topic, wanted, fn)
    local received = ""
    local task = ms.spawn(function()
      local response = ms.assert(ms.fetch(server.url(topic), given()))
      while #received < #wanted do
        received = received .. assert(response:read())
      end
      response:close()
    end)
    ms.sleep(helper.seconds(0.3))
    fn()
    task:await()
    return received
  end

  spec("is refused when it was not asked for", function()
    assert.equal("policy", helper.err_of(ms.fetch(server.url("a"))).kind)
  end)

  spec("publishes and receives", function()
    local wanted = framed("a/b", "one") .. framed("a/b", "two") .. framed("a/b", "three")
    local received = subscribed("a/b", wanted, function()
      for _, message in ipairs({ "one", "two", "three" }) do
        assert.equal("", ms.assert(ms.post(server.url("a/b"), given({ body = message }))):text())
        ms.sleep(helper.seconds(0.05))
      end
    end)
    assert.equal(wanted, received)
  end)

  spec("publishes many at once", function()
    local count, topics = 20, {}
    local received = subscribed("many/%2B", ("x"):rep(count * #framed("many/10", "x")), function()
      local client <close> = ms.client(given())
      for i = 1, count do
        topics[i] = ("many/%d"):format(i + 9)
      end
      ms.map(topics, function(topic)
        return ms.assert(client:post(server.url(topic), { body = "x" })):text()
      end)
    end)
    for _, topic in ipairs(topics) do
      assert.is_truthy(received:find(framed(topic, "x"), 1, true), topic)
    end
  end)

  spec("takes nothing that comes piece by piece", function()
    local err = helper.failure(ms.post, server.url("a"), given({ body = function() end }))
    assert.matches("body: string or list of strings expected for mqtt:", err, 1, true)
  end)

  spec("is left when nothing comes, and when a task is cancelled", function()
    local _, err = ms.fetch(server.url("silence"), given({ timeout = helper.seconds(0.3) }))
    assert.equal("timeout", err.kind)
    local task = ms.spawn(function()
      return ms.fetch(server.url("silence"), given())
    end)
    ms.sleep(helper.seconds(0.2))
    task:cancel("not wanted")
    assert.equal("cancelled", task:status())
  end)

  spec("has errors of kinds to decide by", function()
    local _, err = ms.post((server.url("a"):gsub("secret", "guess")), given({ body = "x" }))
    -- libcurl tells the code of the broker's answer and no more.
    assert.equal("protocol", err.kind)
    assert.is_nil(tostring(err):find("guess", 1, true))
    _, err = ms.post(("mqtt://127.0.0.1:%d/a"):format(support.refusing_port()),
      given({ body = "x" }))
    assert.equal("connect", err.kind)
  end)

  it("is driven by the core", missing and function() pending(missing) end or function()
    transfers.run_many(20, function(i)
      return { url = server.url("core/" .. i), postfields = "message" }, ""
    end)
    local driver = transfers.driver()
    local subscriber, body = driver.add({ url = server.url("core") })
    local publisher
    driver.step(function()
      publisher = publisher or driver.add({ url = server.url("core"), postfields = "hello" })
      if support.reap(driver.multi, {}) > 0 and #body == 0 then
        publisher = nil            -- published before the broker knew: once more
      end
      return #table.concat(body) >= #framed("core", "hello")
    end)
    assert.equal(framed("core", "hello"), table.concat(body):sub(1, #framed("core", "hello")))
    driver.multi:remove_handle(subscriber)
    driver.close()
  end)
end)

describe("file:", function()
  local folder

  setup(function()
    folder = servers.make_dir()
    servers.write_file(folder .. "/small", "of a file\n")
    servers.write_file(folder .. "/large", servers.bytes(3000000))
  end)
  teardown(function()
    servers.output("rm -rf " .. servers.quote(folder))
  end)
  after_each(helper.check_leaks)

  local function url(name)
    return "file://" .. folder .. "/" .. name
  end

  local allowed = { protocols = { "file" } }

  it("is refused unless it was asked for", helper.task(function()
    for _, options in ipairs({ {}, { protocols = { "http", "ftp" } } }) do
      assert.equal("policy", helper.err_of(ms.fetch(url("small"), options)).kind)
    end
  end))

  it("is read when it was", helper.task(function()
    local response = ms.assert(ms.fetch(url("small"), allowed))
    assert.equal(0, response.status)
    assert.equal("of a file\n", response:text())
    local client <close> = ms.client(allowed)
    for _, text in ipairs(fetch_all(client, 20, function() return url("large") end)) do
      assert.is_true(text == servers.bytes(3000000))
    end
  end, 20))

  it("is read at once, so that a slow reader is limited by max_body", helper.task(function()
    local response = ms.assert(ms.fetch(url("large"), with({ high_water = 4096 }, allowed)))
    local pieces = {}
    for chunk in response:chunks() do
      pieces[#pieces + 1] = chunk
      ms.sleep(0.001)
    end
    assert.is_true(table.concat(pieces) == servers.bytes(3000000))
    response = ms.assert(ms.fetch(url("large"), with({ max_body = 100000 }, allowed)))
    assert.equal("too_large", helper.err_of(response:text()).kind)
  end, 20))

  it("is not written, not remote, not missing", helper.task(function()
    local message = helper.failure(ms.put, url("new"), with({ body = "x" }, allowed))
    assert.matches("a file: URL is only read", message, 1, true)
    local _, err = ms.fetch(url("none"), allowed)
    assert.same({ "io", "CURLE_FILE_COULDNT_READ_FILE" }, { err.kind, err.code })
    _, err = ms.fetch("file://elsewhere/etc/hostname", allowed)
    assert.equal("url", err.kind)
  end))

  it("is driven by the core", function()
    transfers.run_many(20, function()
      return { url = url("large") }, servers.bytes(3000000)
    end)
  end)
end)

describe("DNS over HTTPS", function()
  local nginx, doh = fixtures.nginx(), fixtures.server(packaged.doh)

  after_each(helper.check_leaks)

  local function url(name, path)
    return ("http://%s.test:%d/file/%s"):format(name, nginx.port, path or "x")
  end

  local function given(more)
    return with({
      doh_url = doh.url, tls = { ca = doh.ca }, trust_env = false, timeout = helper.seconds(8),
    }, more)
  end

  it("finds names that nobody else knows", helper.task(function()
    local client <close> = ms.client(given())
    assert.equal("body-x", ms.assert(client:get(url("four"))):text())
    local _, err = client:get(url("none"))
    assert.equal("resolve", err.kind)
  end))

  it("finds them for many at once", helper.task(function()
    local client <close> = ms.client(given())
    for i, text in ipairs(fetch_all(client, 30, function(i) return url("four", i) end)) do
      assert.equal("body-" .. i, text)
    end
  end, 20))

  it("asks nobody else when the server is not to be trusted, or not there", helper.task(function()
    for _, options in ipairs({
      given({ tls = {} }), given({ doh_url = "https://127.0.0.1:" .. support.refusing_port() }),
    }) do
      local client <close> = ms.client(options)
      for _, name in ipairs({ url("four"), ("http://localhost.test:%d/"):format(nginx.port) }) do
        assert.equal("resolve", helper.err_of(client:get(name)).kind)
      end
    end
  end, 20))

  it("is asked wherever it is, but its addresses are looked at", helper.task(function()
    local client <close> = ms.client(given({ allow_private = false }))
    for _ = 1, 2 do
      local err = helper.err_of(client:get(url("four", "guarded")))
      assert.equal("policy", err.kind)       -- so it was found: else it is "resolve"
      assert.matches("127.0.0.1 is not public", err.message, 1, true)
    end
    assert.equal("body-guarded", ms.assert(client:get(url("four", "guarded"),
      { allow_private = true })):text())
    assert.equal(1, #nginx.log("guarded", 1))
  end))

  it("is asked in silence", function()
    local output = support.child([[
      local ms = require("multisock")
      local url, doh, ca = ...
      for _, options in ipairs({ { doh_url = doh }, { curl = { doh_url = doh } } }) do
        options.tls = { ca = ca }
        local client = ms.client(options)
        io.write(assert(client:get(url)):text())
        client:close()
      end
    ]], url("four"), doh.url, doh.ca)
    assert.equal("body-xbody-x", output)
  end)

  it("is driven by the core", function()
    transfers.run_many(20, function(i)
      return { url = url("four", i), doh_url = doh.url, cainfo = doh.ca }, "body-" .. i
    end)
  end)
end)

describe("a Unix socket", function()
  local nginx = fixtures.nginx()

  after_each(helper.check_leaks)

  it("serves many at once, and large bodies to slow readers", helper.task(function()
    local client <close> = ms.client({ unix_socket = nginx.unix_socket })
    local texts = fetch_all(client, 50, function(i) return "http://localhost/file/" .. i end)
    for i, text in ipairs(texts) do
      assert.equal("body-" .. i, text)
    end
    local response = ms.assert(client:get("http://localhost/1m", { high_water = 16384 }))
    assert.equal(1024 * 1024, helper.length_of(response:chunks()))
  end, 20))

  it("is left when the task is cancelled, and refused when nobody listens", helper.task(function()
    local client <close> = ms.client({ unix_socket = nginx.unix_socket })
    local task = ms.spawn(function()
      return ms.assert(client:get("http://localhost/slow")):text()
    end)
    ms.sleep(helper.seconds(0.1))
    task:cancel("not wanted")
    assert.equal("body-on", ms.assert(client:get("http://localhost/file/on")):text())
    local _, err = ms.fetch("http://localhost/", { unix_socket = nginx.dir .. "/nobody" })
    assert.same({ "connect", true }, { err.kind, err.retryable })
  end))

  it("is no way around TLS", helper.task(function()
    -- This one speaks HTTP: whoever asks for https gets an error, not an answer.
    local _, err = ms.fetch("https://localhost/file/x", { unix_socket = nginx.unix_socket })
    assert.equal("tls", err.kind)
  end))

  it("is driven by the core", function()
    transfers.run_many(50, function(i)
      return { url = "http://localhost/file/" .. i, unix_socket_path = nginx.unix_socket },
        "body-" .. i
    end)
    transfers.cancel({ url = "http://localhost/slow", unix_socket_path = nginx.unix_socket },
      { url = "http://localhost/file/b", unix_socket_path = nginx.unix_socket }, "body-b")
  end)
end)
