-- Options that are set back to their defaults.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

describe("options", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local easy, body

  fixtures.echoing(hostile, function(...)
    easy, body = ...
  end)

  describe("when they are unset", function()
    it("verify the server again", function()
      for _, ca in ipairs { "cainfo", "cainfo_blob", "capath" } do
        local https = support.easy {
          url = nginx.unknown_ca_url("/"), ssl_verifypeer = false, ssl_verifyhost = 0,
        }
        assert.is_true(https:perform())
        https:unsetopt("ssl_verifypeer")
        https:unsetopt("ssl_verifyhost")
        https:unsetopt(ca)
        https:setopt("fresh_connect", true)
        assert.equal("tls", helper.err_of(https:perform()).kind)
        https:close()
      end
      local wrong = support.easy {
        url = nginx.wrong_host_url("/"), cainfo = nginx.ca, ssl_verifyhost = false,
      }
      assert.is_true(wrong:perform())
      wrong:setopt { ssl_verifyhost = nil, fresh_connect = true }
      wrong:unsetopt("ssl_verifyhost")
      assert.equal("tls", helper.err_of(wrong:perform()).kind)
      wrong:close()
    end)

    it("trust the system's authorities again", function()
      local function authorities(https)
        local lines = {}
        https:setopt {
          url = nginx.tls_url("/1k"), fresh_connect = true, verbose = true,
          debugfunction = function(kind, text)
            if kind == "text" and text:find("^%s*CA%a+:") then
              lines[#lines + 1] = text
            end
          end,
        }
        https:perform()
        return lines
      end
      local fresh = core.easy { noproxy = "*" }
      local default = authorities(fresh)
      assert.truthy(#default > 0)
      easy:setopt { cainfo = nginx.ca, capath = "/nonexistent" }
      assert.are_not.same(default, authorities(easy))
      easy:unsetopt("cainfo")
      easy:unsetopt("capath")
      assert.same(default, authorities(easy))
      -- No folder at all is another thing.
      easy:setopt { capath = core.null }
      assert.truthy(table.concat(authorities(easy)):find("CApath: none", 1, true))
      easy:unsetopt("capath")
      assert.same(default, authorities(easy))
      fresh:close()
    end)

    it("allow the protocols that libcurl allows by default", function()
      easy:setopt("protocols_str", "https")
      assert.is_nil((easy:perform()))
      easy:unsetopt("protocols_str")
      assert.is_true(easy:perform())
      easy:setopt { url = hostile.url("/redirect?to=file:///etc/hostname"), followlocation = true,
        redir_protocols_str = "all" }
      assert.is_true(easy:perform())
      easy:unsetopt("redir_protocols_str")
      assert.equal("policy", helper.err_of(easy:perform()).kind)
    end)

    it("do it without an error, or say that they cannot", function()
      for _, option in ipairs(core.options()) do
        local ran, ok, err = pcall(easy.unsetopt, easy, option.name)
        if not ran then
          assert.truthy(option.reason or ok:find("managed", 1, true), ok)
        else
          -- Built without it; and libcurl 7.88 cannot switch Alt-Svc off
          -- again, nor set this TLSAUTH type to anything.
          local excused = err and (err.code == "CURLE_UNKNOWN_OPTION"
            or err.code == "CURLE_NOT_BUILT_IN" or option.name == "ALTSVC_CTRL"
            or option.name == "PROXY_TLSAUTH_TYPE")
          assert.truthy(ok == easy or excused, option.name .. ": " .. tostring(err))
        end
      end
    end)

    it("leave a handle that works as a fresh one does", function()
      for _, option in ipairs(core.options()) do
        pcall(easy.unsetopt, easy, option.name)
      end
      easy:setopt { url = hostile.url("/echo"), noproxy = "*", timeout_ms = 20000 }
      easy:setopt("writefunction", function(bytes) body[#body + 1] = bytes end)
      local seen = support.echo(easy, body)
      local fresh, received = support.easy { url = hostile.url("/echo") }
      assert.same(support.echo(fresh, received), seen)
      easy:setopt { url = nginx.unknown_ca_url("/") }
      assert.equal("tls", helper.err_of(easy:perform()).kind)
      fresh:close()
    end)
  end)
end)
