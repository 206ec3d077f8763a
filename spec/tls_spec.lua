-- HTTPS: whom a client trusts, that it keeps its trust to itself, and what a new
-- connection costs.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local probe = require("spec.support.probe")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local ms = require("multisock")

describe("tls", function()
  local nginx, secure = fixtures.nginx(), fixtures.hostile({ tls = true })

  after_each(helper.check_leaks)

  it("verifies with the CA that it is given", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
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
      local err = helper.err_of(asked:get(url))
      assert.same({ "tls", "tls", "CURLE_PEER_FAILED_VERIFICATION", false, 60 },
        { err.kind, err.phase, err.code, err.retryable, err.number })
    end
  end))

  it("verifies nothing when told so, for that request alone", helper.task(function()
    local client <close> = ms.client({ tls = { ca = nginx.ca } })
    local unsafe = { tls = { verify = false } }
    for _, url in ipairs({ nginx.unknown_ca_url("/"), nginx.wrong_host_url("/") }) do
      assert.equal(200, ms.assert(client:get(url, unsafe)).status)
      assert.equal("tls", helper.err_of(client:get(url)).kind)
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
      local err = helper.err_of(client:get(nginx.tls_url("/1k")))
      assert.equal("tls", err.kind, tostring(err))
    end
  end))

  it("tells a server that does not speak it", helper.task(function()
    local client <close> = ms.client()
    local err = helper.err_of(client:get("https://127.0.0.1:" .. nginx.port .. "/"))
    assert.same({ "tls", "tls" }, { err.kind, err.phase })
    assert.matches("it may be that the server speaks no TLS at this port", err.message)
    err = helper.err_of(client:get("http://127.0.0.1:" .. secure.port .. "/"))
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
      local err = helper.err_of(ms.assert(client:get(secure.url(path))):text())
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

  ---- What a connection costs: libcurl parses a file of authorities once ------

  -- A file that takes long to be parsed, as that of a system does.
  local function large_file()
    local path = os.tmpname()
    local source = assert(io.open(nginx.ca, "rb"))
    helper.write_file(path, source:read("*a"):rep(1000))
    source:close()
    return path
  end

  -- Runs `fn`: the processor time that it takes, and the longest that a task with
  -- a clock of its own has waited meanwhile. Not by the wall clock: other programs
  -- run, too.
  local function measure(fn)
    local longest, last, done = 0, os.clock(), false
    local ticks = ms.spawn(function()
      while not done do
        ms.sleep(0)
        longest, last = math.max(longest, os.clock() - last), os.clock()
      end
    end)
    local started = os.clock()
    fn()
    local spent = os.clock() - started
    done = true
    ticks:await()
    return spent, longest
  end

  local function fetch_anew(client, count)
    ms.group(function(group)
      for _ = 1, count do
        group:spawn(function()
          for _ = 1, 3 do
            local response = ms.assert(client:get(secure.url("/bytes?n=5"), {
              headers = { Connection = "close" } }))
            assert.equal(servers.bytes(5), response:text())
          end
        end)
      end
    end)
  end

  it("parses the authorities once, not for each connection", helper.task(function()
    if ms.version().curl_number < 0x075700 then
      return                        -- libcurl before 7.87 keeps nothing
    end
    local file = large_file()
    local client = ms.client({ tls = { ca = file } })
    local parsing = measure(function()
      ms.assert(client:get(secure.url("/bytes"))):text()
    end)
    local spent, longest = measure(function()
      fetch_anew(client, 20)
    end)
    client:close()
    os.remove(file)
    assert.is_true(spent / 60 < parsing / 4,
      ("%.1f ms each, parsing is %.1f ms"):format(spent / 60 * 1000, parsing * 1000))
    assert.is_true(longest < parsing * 3,
      ("a turn of %.0f ms, parsing is %.1f ms"):format(longest * 1000, parsing * 1000))
  end, 30))

  it("parses one file a turn, however many clients begin at once", helper.task(function()
    local file = large_file()
    local clients = {}
    for i = 1, 8 do
      clients[i] = ms.client({ tls = { ca = file } })
    end
    local spent, longest = measure(function()
      ms.group(function(group)
        for i = 1, 8 do
          group:spawn(function()
            ms.assert(clients[i]:get(secure.url("/bytes"))):text()
          end)
        end
      end)
    end)
    for i = 1, 8 do
      clients[i]:close()
    end
    os.remove(file)
    assert.is_true(longest < spent / 2,
      ("a turn of %.0f ms, of %.0f ms"):format(longest * 1000, spent * 1000))
  end, 30))

  it("parses again for a request that names another file, and keeps both", helper.task(function()
    local file = large_file()
    local client = ms.client({ tls = { ca = nginx.ca } })
    local function both()
      for _, options in ipairs({ { headers = { Connection = "close" } },
        { headers = { Connection = "close" }, tls = { ca = file } } }) do
        ms.assert(client:get(secure.url("/bytes"), options)):text()
      end
    end
    local first = measure(both)
    local spent = measure(function()
      for _ = 1, 10 do
        both()
      end
    end)
    client:close()
    os.remove(file)
    if ms.version().curl_number >= 0x075700 then
      assert.is_true(spent / 10 < first / 2,
        ("%.1f ms, the first %.1f ms"):format(spent / 10 * 1000, first * 1000))
    end
  end, 30))

  ---- The system's own authorities -----------------------------------------------

  -- Runs a script where CA_FOLDER is mounted over that of the system.
  local function run_trusting(folder, script, ...)
    return (support.child_in(([[%s sh -c 'mount --bind %s %s && exec env "$@"' sh]]):format(
      probe.apart(), folder, "/etc/ssl/certs"), script, ...))
  end

  it("trusts those that are named, and no others", function()
    local version = ms.version()
    if probe.apart() == nil then
      pending("no mount namespace may be made here")
    elseif version.cainfo ~= "/etc/ssl/certs/ca-certificates.crt"
      or version.capath ~= "/etc/ssl/certs" then
      pending("this libcurl looks for authorities elsewhere")
    end
    -- The system trusts "unknown-ca", by its file, and "ca" by its folder alone.
    local folder = servers.make_dir()
    local unknown = nginx.ca:gsub("ca%.crt$", "unknown-ca.crt")
    servers.output(("cp %s %s/ca.pem && openssl rehash %s && cp %s %s/ca-certificates.crt"):format(
      servers.quote(nginx.ca), folder, folder, servers.quote(unknown), folder))
    local said = run_trusting(folder, [[
      local ms = require("multisock")
      local known, unknown, ca, folder = arg[1], arg[2], arg[3], arg[4]
      local function ask(what, tls)
        for _, url in ipairs({ known, unknown }) do
          local response, err = ms.get(url, { tls = tls })
          print(what, url == known and "ca" or "unknown-ca",
            response and response.status or err.kind)
        end
      end
      ask("default")
      ask("file", { ca = ca })
      ask("folder", { ca_path = folder })
      ask("both", { ca = folder .. "/ca-certificates.crt", ca_path = folder })
    ]], nginx.tls_url("/1k"), nginx.unknown_ca_url("/"), nginx.ca, folder)
    os.execute("rm -rf " .. servers.quote(folder))
    assert.equal(table.concat({
      "default\tca\ttls", "default\tunknown-ca\t200",
      "file\tca\t200", "file\tunknown-ca\ttls",
      "folder\tca\t200", "folder\tunknown-ca\ttls",
      "both\tca\t200", "both\tunknown-ca\t200", "",
    }, "\n"), said)
  end)
end)
