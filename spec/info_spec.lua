-- Infos: what libcurl knows of a transfer, by name.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

describe("infos", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  fixtures.no_handles_left()

  it("have their types", function()
    local easy = support.easy { url = nginx.url("/1k"), cookiefile = "" }
    assert.is_true(easy:perform())
    local types = {
      effective_url = "string", effective_method = "string", primary_ip = "string",
      content_type = "string", scheme = "string", cookielist = "table", ssl_engines = "table",
      certinfo = "table",
    }
    for name, kind in pairs(types) do
      assert.equal(kind, type((easy:getinfo(name))), name)
    end
    for _, name in ipairs { "response_code", "size_download_t", "total_time_t", "header_size",
      "num_connects", "primary_port", "local_port", "activesocket", "http_version" } do
      assert.equal("integer", helper.number_type((easy:getinfo(name)), "integer"), name)
    end
    for _, name in ipairs { "total_time", "size_download", "speed_download" } do
      assert.equal("float", helper.number_type((easy:getinfo(name)), "float"), name)
    end
  end)

  it("tell what happened", function()
    local easy = support.easy { url = nginx.url("/1k") }
    assert.is_true(easy:perform())
    assert.equal(200, easy:getinfo("response_code"))
    assert.equal(nginx.url("/1k"), easy:getinfo("effective_url"))
    assert.equal("GET", easy:getinfo("effective_method"))
    assert.equal(1024, easy:getinfo("size_download_t"))
    assert.equal(1024.0, easy:getinfo("size_download"))
    assert.equal(1024, easy:getinfo("content_length_download_t"))
    assert.equal("127.0.0.1", easy:getinfo("primary_ip"))
    assert.equal(nginx.port, easy:getinfo("primary_port"))
    assert.equal(1, easy:getinfo("num_connects"))
    assert.equal(0, easy:getinfo("redirect_count"))
    local total = easy:getinfo("total_time_t")
    assert.truthy(total > 0)
    assert.truthy(math.abs(easy:getinfo("total_time") * 1e6 - total) <= 1)
    assert.truthy(easy:getinfo("starttransfer_time_t") <= total)
  end)

  it("are nil where there is nothing", function()
    local easy = core.easy()
    assert.is_nil((easy:getinfo("content_type")))
    assert.is_nil((easy:getinfo("redirect_url")))
    assert.is_nil((easy:getinfo("activesocket")))
    assert.equal(0, easy:getinfo("response_code"))
    assert.same({}, easy:getinfo("certinfo"))
    assert.same({}, easy:getinfo("cookielist"))
    assert.equal(-1, easy:getinfo("content_length_download_t"))
  end)

  it("list cookies", function()
    local easy = support.easy { url = hostile.url("/duplicate-headers"), cookiefile = "" }
    assert.is_true(easy:perform())
    local cookies = easy:getinfo("cookielist")
    assert.equal(2, #cookies)
    assert.truthy(table.concat(cookies, "\n"):find("\ta\t1", 1, true))
  end)

  it("list the certificates of the server", function()
    local easy = support.easy {
      url = nginx.tls_url("/1k"), cainfo = nginx.ca, certinfo = true,
    }
    assert.is_true(easy:perform())
    local chain = easy:getinfo("certinfo")
    assert.truthy(#chain >= 1)
    assert.truthy(chain[1].Subject)
    assert.truthy(chain[1].Cert:find("BEGIN CERTIFICATE", 1, true))
    assert.equal(0, easy:getinfo("ssl_verifyresult"))
  end)

  it("give the session of TLS", function()
    local easy
    local session, pointer
    easy = support.easy {
      url = nginx.tls_url("/1k"), cainfo = nginx.ca,
      writefunction = function()
        session, pointer = easy:getinfo("tls_session"), easy:getinfo("tls_ssl_ptr")
      end,
    }
    assert.is_true(easy:perform())
    assert.truthy(core.version().ssl:lower():find(session.backend, 1, true))
    assert.equal("userdata", type(session.pointer))
    assert.equal("userdata", type(pointer.pointer))
    assert.is_nil((easy:getinfo("tls_ssl_ptr")).pointer)
  end)

  it("give the socket of a connection that is the program's own", function()
    local easy = support.easy { url = nginx.url("/"), connect_only = 1 }
    assert.is_nil((easy:getinfo("lastsocket")))
    assert.is_true(easy:perform())
    local fd = easy:getinfo("activesocket")
    assert.equal("integer", helper.number_type(fd, "integer"))
    assert.equal(fd, easy:getinfo("lastsocket"))
  end)

  it("are all that the header of libcurl names", function()
    local text = shell.said("printf '#include <curl/curl.h>\\n' | ${CC:-cc} -E $(pkg-config "
      .. "--cflags libcurl 2>/dev/null) - 2>&1")
    local known, count = {}, 0
    for _, name in ipairs(core.infos()) do
      known[name] = true
    end
    -- No infos: kinds of debug data, the mark of the end, and old names of others.
    local others = { none = true, lastone = true, text = true, header_in = true, header_out = true,
      data_in = true, data_out = true, ssl_data_in = true, ssl_data_out = true, ["end"] = true }
    for name in text:gmatch("CURLINFO_([A-Z0-9_]+)") do
      name = name:lower()
      if not others[name] then
        count = count + 1
        assert.is_true(known[name], "not offered: " .. name)
      end
    end
    assert.truthy(count > 60, text:sub(1, 500))
  end)

  it("raise for names that nobody knows", function()
    local easy = core.easy()
    assert.error_matches(function() easy:getinfo("nonsense") end, "unknown info 'nonsense'")
    assert.has_error(function() easy:getinfo() end)
    assert.has_error(function() easy:getinfo({}) end)
  end)

  it("return an error when this libcurl is too old", function()
    local easy, known = core.easy(), 0
    for _, name in ipairs(core.infos()) do
      local value, err = easy:getinfo(name)
      if err then
        assert.is_nil(value)
        assert.truthy(err.message:find("info '" .. name .. "' needs libcurl %d+%.%d+%.%d+ or"))
      else
        known = known + 1
      end
    end
    assert.truthy(known >= 60)
  end)
end)
