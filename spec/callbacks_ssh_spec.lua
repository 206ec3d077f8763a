-- The callbacks that judge an SSH server's key, with a real server.
local core = require("multisock.core")
local file_servers = require("spec.support.file_servers")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("SSH callbacks", function()
  local ssh = fixtures.server(file_servers.ssh)
  fixtures.no_handles_left()

  local function sftp(options)
    local easy, body = support.easy {
      url = ssh.url, ssh_private_keyfile = ssh.key, ssh_public_keyfile = ssh.public,
      ssh_auth_types = 1,
    }
    easy:setopt(options)
    return easy, body
  end

  local function with_known(fn)
    return { ssh_knownhosts = ssh.known_hosts, ssh_keyfunction = fn }
  end

  it("get the key that was found, and accept it", function()
    local got
    local easy, body = sftp(with_known(function(...)
      got = { n = select("#", ...), ... }
      return true
    end))
    assert.is_true(easy:perform())
    assert.equal("over ssh", table.concat(body))
    assert.equal(3, got.n)
    assert.is_nil(got[1])
    assert.equal("missing", got[3])
    assert.equal("string", type(got[2].key))
    assert.equal("string", type(got[2].type))
  end)

  it("may keep it for the next time", function()
    local easy = sftp(with_known(function() return core.KHSTAT_FINE_ADD_TO_FILE end))
    assert.is_true(easy:perform())
    easy:close()
    local match, known, found
    easy = sftp(with_known(function(...)
      known, found, match = ...
      return match == "ok"
    end))
    assert.is_true(easy:perform())
    assert.equal("ok", match)
    assert.truthy(known.key and found.key)
    os.remove(ssh.known_hosts)
  end)

  it("get the key itself, whatever is known", function()
    local kind, key
    local easy, body = sftp {
      ssh_hostkeyfunction = function(...)
        kind, key = ...
        return true
      end,
    }
    assert.is_true(easy:perform())
    assert.equal("over ssh", table.concat(body))
    assert.equal("ed25519", kind)
    assert.truthy(#key > 32)
  end)

  for option, make in pairs {
    ssh_keyfunction = with_known,
    ssh_hostkeyfunction = function(fn) return { ssh_hostkeyfunction = fn } end,
  } do
    it("accept nothing unless told to: " .. option, function()
      for _, no in ipairs { function() end, function() return false end } do
        assert.equal("CURLE_PEER_FAILED_VERIFICATION", helper.err_of(sftp(make(no)):perform()).code)
      end
    end)

    it("end the transfer with what they raise: " .. option, function()
      local raised = {}
      local easy = sftp(make(function() error(raised) end))
      assert.equal(raised, helper.err_of(easy:perform()))
      local err = helper.err_of(sftp(make(function() return "yes" end)):perform())
      assert.truthy(err:find(option .. " returned yes", 1, true))
      err = helper.err_of(sftp(make(function() coroutine.yield() end)):perform())
      assert.truthy(err:find("cannot wait", 1, true))
    end)

    it("may close the handle: " .. option, function()
      local easy
      easy = sftp(make(function()
        easy:close()
        return true
      end))
      assert.equal("cancelled", helper.err_of(easy:perform()).kind)
    end)
  end
end)
