-- SFTP and SCP through the same driver, against sshd: who is let in, and which
-- server is believed.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local stub = require("luassert.stub")
local support = require("spec.support.core_support")
local transfers = require("spec.support.transfers")
local ms = require("multisock")

local MIB = 1024 * 1024

local ssh = fixtures.server(packaged.ssh)

local with = helper.with

-- libcurl's options for whom to trust and who asks.
local function keys(more)
  return with({
    ssh_knownhosts = ssh.known_hosts, ssh_auth_types = 1,
    ssh_private_keyfile = ssh.key, ssh_public_keyfile = ssh.public_key,
  }, more)
end

local function given(more)
  return with({
    protocols = { "sftp", "scp" }, trust_env = false, timeout = helper.seconds(15), curl = keys(),
  }, more)
end

for scheme, name in pairs({ sftp = "SFTP", scp = "SCP" }) do
  local missing = transfers.missing(scheme)

  local function spec(what, fn)
    it(what, missing and function() pending(missing) end or fn)
  end

  describe(name, function()
    local function url(path)
      return ssh.url(path, scheme)
    end

    after_each(helper.check_leaks)

    spec("is fetched when it is asked for, and refused when not", helper.task(function()
      assert.equal(servers.bytes(1024), ms.assert(transfers.fetch(url("/1k"), given())))
      assert.equal("policy", helper.err_of(ms.fetch(url("/1k"), { curl = keys() })).kind)
    end, 20))

    spec("streams more than is held, to a reader that takes its time", helper.task(function()
      local response = ms.assert(ms.fetch(url("/1m"), given({ high_water = 32768 })))
      ms.sleep(0.05)
      assert.equal(MIB, helper.length_of(response:chunks()))
    end, 20))

    spec("runs many at once, and one after the other", helper.task(function()
      local client <close> = ms.client(given({ timeout = helper.seconds(30) }))
      local urls = {}
      for i = 1, 20 do
        urls[i] = url(i % 2 == 0 and "/1k" or "/text.txt")
      end
      for _, at_once in ipairs({ 10, 1 }) do
        local results, errors = ms.map(urls, function(one)
          return ms.assert(client:get(one)):text()
        end, { concurrency = at_once, on_error = "continue" })
        for i = 1, 20 do
          assert.equal(i % 2 == 0 and servers.bytes(1024) or "one\ntwo\n", results[i],
            tostring(errors[i]))
        end
      end
    end, 60))

    spec("uploads", helper.task(function()
      local body = servers.bytes(300000)
      for _, method in ipairs({ "put", "post" }) do
        ms.assert(ms[method](url("/upload/" .. method), given({ body = body })))
        assert.is_true(servers.read_file(ssh.folder .. "/upload/" .. method) == body)
      end
    end, 20))

    spec("is cut off half-way, and the client still works", helper.task(function()
      local client <close> = ms.client(given())
      local task = ms.spawn(function()
        local response = ms.assert(client:get(url("/big"), { high_water = 16384 }))
        assert.is_string(response:read(1))
        ms.sleep(60)
      end)
      ms.sleep(helper.seconds(0.5))
      task:cancel("not wanted")
      assert.equal("cancelled", task:status())
      assert.equal("one\ntwo\n", ms.assert(client:get(url("/text.txt"))):text())
    end, 30))

    spec("has errors of kinds to decide by", helper.task(function()
      local _, err = transfers.fetch(url("/none"), given())
      assert.equal("curl", err.kind)
      assert.is_truthy(err.code == "CURLE_REMOTE_FILE_NOT_FOUND" or err.code == "CURLE_SSH")
      assert.is_false(err.retryable)
      _, err = transfers.fetch(url("/1k"), given({
        curl = keys({ ssh_private_keyfile = ssh.stranger,
          ssh_public_keyfile = ssh.stranger .. ".pub" }),
      }))
      assert.same({ "curl", "CURLE_LOGIN_DENIED" }, { err.kind, err.code })
      _, err = transfers.fetch(url("/1k"):gsub(":%d+/", ":" .. support.refusing_port() .. "/"),
        given())
      assert.equal("connect", err.kind)
    end, 30))

    spec("is driven by the core: one, many, uploaded, cut off", function()
      local function raw(path, more)
        return with(keys({ url = url(path) }), more)
      end
      assert.equal(servers.bytes(1024), transfers.run(raw("/1k")))
      transfers.run_many(10, function()
        return raw("/1k"), servers.bytes(1024)
      end)
      local sent, at = servers.bytes(100000, 3), 1
      assert.equal("", transfers.run(raw("/upload/core" .. scheme, {
        upload = true, infilesize_large = #sent,
        readfunction = function(size)
          local piece = sent:sub(at, at + size - 1)
          at = at + #piece
          return piece
        end,
      })))
      assert.is_true(servers.read_file(ssh.folder .. "/upload/core" .. scheme) == sent)
      transfers.cancel(raw("/big"), raw("/text.txt"), "one\ntwo\n")
    end)

    if scheme == "sftp" then
      spec("lists a folder, and resumes", helper.task(function()
        local listing = ms.assert(transfers.fetch(url("/"), given()))
        assert.truthy(listing:find(" 1k\n", 1, true) and listing:find(" upload\n", 1, true),
          listing)
        assert.equal("1k\n", ms.assert(transfers.fetch(url("/"), given({
          curl = keys({ dirlistonly = true }),
        }))):match("1k\n"))
        assert.equal(servers.bytes(24, 0, 1000), ms.assert(transfers.fetch(url("/1k"), given({
          curl = keys({ resume_from_large = 1000 }),
        }))))
      end, 30))
    end

    ---- Which server is believed ----

    local function refused(options)
      local client <close> = ms.client(given({ curl = options }))
      local response, err = client:get(url("/1k"))
      assert.is_true(response == nil)
      assert.same({ "tls", "CURLE_PEER_FAILED_VERIFICATION", false },
        { err.kind, err.code, err.retryable })
    end

    -- Runs `fn` with a home folder whose known_hosts has these lines, or none.
    local function at_home(lines, fn)
      local home = servers.make_dir()
      servers.output("mkdir " .. servers.quote(home .. "/.ssh"))
      if lines then
        servers.write_file(home .. "/.ssh/known_hosts", lines)
      end
      local getenv = os.getenv
      local replaced = stub(os, "getenv")
      replaced.invokes(function(variable)
        return variable == "HOME" and home or getenv(variable)
      end)
      local ok, err = pcall(fn)
      replaced:revert()
      servers.output("rm -rf " .. servers.quote(home))
      assert(ok, err)
    end

    local function unjudged()
      local options = keys()
      options.ssh_knownhosts = nil
      return options
    end

    spec("believes the servers of ~/.ssh/known_hosts", helper.task(function()
      at_home(servers.read_file(ssh.known_hosts), function()
        assert.equal(servers.bytes(1024), ms.assert(transfers.fetch(url("/1k"), given({
          curl = unjudged(),
        }))))
      end)
    end, 20))

    spec("believes nobody else: not unknown, not with another key, not without the file",
      helper.task(function()
        local another = servers.read_file(ssh.stranger .. ".pub")
        at_home("", function() refused(unjudged()) end)
        at_home(nil, function() refused(unjudged()) end)
        at_home(("[127.0.0.1]:%d %s"):format(ssh.port, another), function()
          refused(unjudged())
        end)
        refused(keys({ ssh_knownhosts = "/none/known_hosts" }))
      end, 30))

    spec("takes a file, a fingerprint or a function in its place", helper.task(function()
      local fingerprint = servers.output("ssh-keygen -l -E sha256 -f " ..
        servers.quote(ssh.folder .. ".host.pub")):match("SHA256:(%S+)")
      at_home("", function()
        for _, trust in ipairs({
          { ssh_knownhosts = ssh.known_hosts },
          { ssh_host_public_key_sha256 = fingerprint },
          { ssh_keyfunction = function(_, _, match) return match == "missing" end },
        }) do
          assert.equal("one\ntwo\n", ms.assert(transfers.fetch(url("/text.txt"), given({
            curl = with(unjudged(), trust),
          }))))
        end
        refused(with(unjudged(), { ssh_host_public_key_sha256 = fingerprint:reverse() }))
        refused(with(unjudged(), { ssh_keyfunction = function() return false end }))
      end)
    end, 30))

    spec("does not lend a connection to a request with other rules", helper.task(function()
      at_home("", function()
        local client <close> = ms.client(given({ curl = unjudged() }))
        local lax = with(unjudged(), { ssh_keyfunction = function() return true end })
        assert.equal("one\ntwo\n",
          ms.assert(client:get(url("/text.txt"), { curl = lax })):text())
        assert.equal("tls", helper.err_of(client:get(url("/text.txt"))).kind)
      end)
    end, 20))

    spec("keeps the connections of a client that has rules of its own", helper.task(function()
      local client <close> = ms.client(given())
      local connects = 0
      for _ = 1, 3 do
        local response = ms.assert(client:get(url("/text.txt")))
        assert.equal("one\ntwo\n", response:text())
        connects = connects + (response.timings.connect > 0 and 1 or 0)
      end
      assert.is_true(connects <= (scheme == "sftp" and 1 or 3))
    end, 20))
  end)
end
