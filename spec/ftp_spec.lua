-- FTP and FTPS through the same driver, against vsftpd, and one server whose
-- answers come early.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local core = require("multisock.core")
local ms = require("multisock")

local MIB = 1024 * 1024

-- libcurl before 8.9 closes the connection of an upload while vsftpd still sends
-- something of TLS 1.3 there, which then calls it broken: "426". With 1.2 there
-- is nothing to send.
local TLS_1_2 = 6 * 65536

local file_content = helper.read_file

for name, kind in pairs({
  FTP = { server = {}, scheme = "ftp" },
  ["FTP with TLS from its first command on"] =
    { server = { implicit = true }, scheme = "ftps", tls = true },
  ["FTP with TLS when asked for"] = { server = { tls = true }, scheme = "ftp", tls = true },
}) do
  describe(name, function()
    local server = fixtures.server(packaged.ftp, kind.server)

    after_each(helper.check_leaks)

    -- Options of a raw handle.
    local function raw(path, more)
      local options = { url = server.url(path), cainfo = server.ca }
      if kind.tls then
        -- A control connection and its TLS session go together.
        options.use_ssl, options.share = 3, core.share("ssl_session")
        options.fresh_connect, options.forbid_reuse = true, true
      end
      return helper.with(options, more)
    end

    -- Options of a fetch.
    local function given(more)
      return helper.with({
        protocols = { kind.scheme }, trust_env = false, timeout = helper.seconds(8),
        tls = kind.tls and { ca = server.ca } or nil,
        curl = { use_ssl = kind.tls and 3 or nil },
      }, more)
    end

    it("is fetched when it is asked for, and refused when not", helper.task(function()
      assert.equal(servers.bytes(1024), ms.assert(transfers.fetch(server.url("/1k"), given())))
      assert.equal("policy", helper.err_of(ms.fetch(server.url("/1k"), { tls = given().tls })).kind)
    end))

    it("lists a folder", helper.task(function()
      local listing = ms.assert(transfers.fetch(server.url("/"), given()))
      assert.truthy(listing:find("1k", 1, true) and listing:find("upload", 1, true), listing)
    end))

    it("streams more than is held, to a reader that takes its time", helper.task(function()
      local response = ms.assert(ms.fetch(server.url("/1m"), given({ high_water = 32768 })))
      ms.sleep(0.05)
      assert.equal(MIB, helper.length_of(response:chunks()))
    end))

    it("runs many at once", helper.task(function()
      local urls = {}
      for i = 1, 20 do
        urls[i] = server.url("/1k")
      end
      local client <close> = ms.client(given())
      local results, errors = ms.map(urls, function(url)
        return ms.assert(client:get(url)):text()
      end)
      for i = 1, 20 do
        assert.equal(servers.bytes(1024), results[i], tostring(errors[i]))
      end
    end, 20))

    it("runs one after the other, and some always at once", helper.task(function()
      local client <close> = ms.client(given())
      for _ = 1, 10 do
        assert.equal("one\ntwo\n", ms.assert(client:get(server.url("/text.txt"))):text())
      end
      local urls = {}
      for i = 1, 40 do
        urls[i] = server.url("/text.txt")
      end
      local texts = ms.map(urls, function(url)
        return ms.assert(client:get(url)):text()
      end, { concurrency = 5 })
      for i = 1, 40 do
        assert.equal("one\ntwo\n", texts[i])
      end
    end, 30))

    it("is cut off half-way, and the client still works", helper.task(function()
      local client <close> = ms.client(given())
      local task = ms.spawn(function()
        local response = ms.assert(client:get(server.url("/big"), { high_water = 16384 }))
        assert.is_string(response:read(1))
        ms.sleep(60)
      end)
      ms.sleep(helper.seconds(0.2))
      task:cancel("not wanted")
      assert.equal("cancelled", task:status())
      assert.equal("one\ntwo\n", ms.assert(client:get(server.url("/text.txt"))):text())
    end, 20))

    it("uploads", helper.task(function()
      local curl = { use_ssl = kind.tls and 3 or nil, sslversion = kind.tls and TLS_1_2 or nil }
      local body, at = servers.bytes(300000), 1
      ms.assert(ms.put(server.url("/upload/put"), given({
        curl = curl,
        body = function()
          local piece = body:sub(at, at + 49999)
          at = at + 50000
          return piece ~= "" and piece or nil
        end,
      })))
      assert.is_true(file_content(server.folder .. "/upload/put") == body)
      ms.assert(ms.put(server.url("/upload/text"), given({ curl = curl, body = body })))
      assert.is_true(file_content(server.folder .. "/upload/text") == body)
    end))

    it("has errors of kinds to decide by", helper.task(function()
      local _, err = transfers.fetch(server.url("/none"), given())
      assert.same({ "curl", "CURLE_REMOTE_FILE_NOT_FOUND", false },
        { err.kind, err.code, err.retryable })
      _, err = transfers.fetch(server.url("/none/1k"), given())
      assert.same({ "curl", "CURLE_REMOTE_ACCESS_DENIED" }, { err.kind, err.code })
      _, err = transfers.fetch(server.url("/1k"), given({
        curl = { use_ssl = kind.tls and 3 or nil, username = "root", password = "wrong" },
      }))
      assert.same({ "curl", "CURLE_LOGIN_DENIED" }, { err.kind, err.code })
      _, err = transfers.fetch(server.url("/1k"):gsub("%d+/", support.refusing_port() .. "/"),
        given())
      assert.equal("connect", err.kind)
      if kind.tls then
        _, err = transfers.fetch(server.url("/1k"), given({ tls = {} }))
        assert.equal("tls", err.kind)
      else
        _, err = transfers.fetch(server.url("/1k"), given({ curl = { use_ssl = 3 } }))
        assert.same({ "tls", "CURLE_USE_SSL_FAILED" }, { err.kind, err.code })
      end
    end, 20))

    if kind.tls then
      it("does not lend a connection to a request with other rules", helper.task(function()
        local client <close> = ms.client(given({ tls = {} }))
        local lax = { tls = { verify = false }, curl = { use_ssl = 3 } }
        assert.equal("one\ntwo\n",
          ms.assert(client:get(server.url("/text.txt"), lax)):text())
        for _, options in ipairs({ {}, { tls = {} }, { curl = { use_ssl = 3 } } }) do
          assert.equal("tls", helper.err_of(client:get(server.url("/text.txt"), options)).kind)
        end
      end, 20))
    end

    it("is driven by the core: one, many, resumed, uploaded, cut off", function()
      assert.equal(servers.bytes(1024), transfers.run(raw("/1k")))
      assert.equal(servers.bytes(24, 0, 1000),
        transfers.run(raw("/1k", { resume_from_large = 1000 })))
      transfers.run_many(20, function()
        return raw("/1k"), servers.bytes(1024)
      end)
      local sent, at = servers.bytes(100000, 3), 1
      assert.equal("", transfers.run(raw("/upload/core", {
        upload = true, infilesize_large = #sent, sslversion = kind.tls and TLS_1_2 or nil,
        readfunction = function(size)
          local piece = sent:sub(at, at + size - 1)
          at = at + #piece
          return piece
        end,
      })))
      assert.is_true(file_content(server.folder .. "/upload/core") == sent)
      transfers.cancel(raw("/big"), raw("/text.txt"), "one\ntwo\n")
      local _, err = transfers.run(raw("/none"))
      assert.equal("CURLE_REMOTE_FILE_NOT_FOUND", err.code)
    end)
  end)
end

describe("FTP", function()
  after_each(helper.check_leaks)

  -- In the clear: with TLS libcurl 7.88 waits for ever, the command curl too.
  it("lets the server connect", function()
    local server = packaged.ftp()
    for _, eprt in ipairs({ true, false }) do
      local options = { url = server.url("/1k"), ftpport = "127.0.0.1", ftp_use_eprt = eprt }
      assert.equal(servers.bytes(1024), transfers.run(options))
      transfers.run_many(10, function()
        return options, servers.bytes(1024)
      end)
    end
    server.stop()
  end)

  it("goes on when a server answers before it is asked", function()
    local server = own_servers.hasty_ftp()
    -- Without a timer of connections that may save it.
    transfers.run_many(20, function()
      return { url = server.url("/x"), happy_eyeballs_timeout_ms = 60000 }, "hasty"
    end)
    server.stop()
  end)
end)
