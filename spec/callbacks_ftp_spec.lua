-- FTP's wildcard downloads, with a real server.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local file_servers = require("spec.support.file_servers")
local support = require("spec.support.core_support")

describe("FTP callbacks", function()
  local ftp = fixtures.server(file_servers.ftp)
  fixtures.no_handles_left()

  local function wildcard(pattern, options)
    local easy, body = support.easy { url = ftp.url .. pattern, wildcardmatch = true }
    easy:setopt(options)
    return easy, body
  end

  it("tell each file before and after", function()
    local files, ends = {}, 0
    local easy, body = wildcard("*", {
      chunk_bgn_function = function(file, left)
        files[#files + 1] = file.filename .. ":" .. file.filetype .. ":" .. left
        if file.filetype == "file" then
          assert.truthy(file.size >= 6)
          assert.equal("integer", helper.number_type(file.perm, "integer"))
          assert.equal("string", type(file.time))
          assert.equal("string", type(file.user))
        end
        return file.filename == "c.bin" and core.CHUNK_BGN_FUNC_SKIP or nil
      end,
      chunk_end_function = function() ends = ends + 1 end,
    })
    assert.is_true(easy:perform())
    assert.same({ "a.txt:file:4", "b.txt:file:3", "c.bin:file:2", "d:directory:1" }, files)
    assert.equal(4, ends)
    assert.equal("text atext b!", table.concat(body))
  end)

  it("may decide which names match", function()
    local asked = 0
    local easy, body = wildcard("[x]*", {
      fnmatch_function = function(pattern, name)
        assert.equal("[x]*", pattern)
        asked = asked + 1
        return name == "c.bin"
      end,
    })
    assert.is_true(easy:perform())
    assert.equal("binary", table.concat(body))
    assert.truthy(asked >= 4)
  end)

  local raising = {
    -- libcurl does not look at what chunk_end returns.
    chunk_bgn_function = "CURLE_CHUNK_FAILED", chunk_end_function = false,
    fnmatch_function = false,
  }
  for option, code in pairs(raising) do
    it("end the transfer with what they raise: " .. option, function()
      local raised, calls = {}, 0
      local function fail()
        calls = calls + 1
        error(raised)
      end
      local easy = wildcard("*.txt", { [option] = fail })
      assert.equal(raised, helper.err_of(easy:perform()))
      assert.equal(1, calls)
      assert.truthy(easy:traceback():find("callbacks_ftp_spec", 1, true))
      local multi = core.multi()
      multi:add_handle(easy)
      assert.equal(raised, support.perform(multi)[easy][1])
      multi:close()
      easy:setopt(option, function() coroutine.yield() end)
      assert.truthy(helper.err_of(easy:perform()):find("cannot wait", 1, true))
      easy:setopt(option, function() return "x" end)
      assert.truthy(helper.err_of(easy:perform()):find(option .. " returned x", 1, true))
    end)

    it("may close the handle: " .. option, function()
      local easy
      easy = wildcard("*.txt", { [option] = function() easy:close() end })
      assert.equal("cancelled", helper.err_of(easy:perform()).kind)
    end)

    if code then
      it("end the transfer with false: " .. option, function()
        local easy = wildcard("*.txt", { [option] = function() return false end })
        assert.equal(code, helper.err_of(easy:perform()).code)
      end)
    end
  end

  it("open the socket of an active connection", function()
    local seen = {}
    local easy, body = support.easy {
      url = ftp.url .. "a.txt", ftpport = "127.0.0.1",
      sockoptfunction = function(_, purpose) seen[purpose] = true end,
    }
    assert.is_true(easy:perform())
    assert.equal("text a", table.concat(body))
    assert.is_true(seen.accept)
  end)
end)
