-- Request bodies over HTTP/2, and servers that answer before they have read them.
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("HTTP/2 uploads", function()
  local nginx, client

  setup(function()
    nginx = servers.nginx()
  end)
  teardown(function()
    nginx.stop()
  end)
  before_each(function()
    client = ms.client({ tls = { ca = nginx.ca }, http_version = "2" })
  end)
  after_each(function()
    client:close()
    client = nil
    helper.check_leaks()
  end)

  -- nginx answers here without a look at the body, and then has the stream ended:
  -- a body that comes much later than its headers finds it closed.
  it("send small bodies right after their headers", helper.task(function()
    for _, method in ipairs({ "POST", "PUT" }) do
      local items, failed = {}, {}
      for i = 1, helper.timing_is_real and 10000 or 500 do
        items[i] = i
      end
      ms.map(items, function(i)
        local response, err = client:fetch(nginx.tls_url("/file/" .. i),
          { method = method, body = "hello" })
        local text = response and response:text()
        if text ~= "body-" .. i then
          failed[#failed + 1] = tostring(err or text)
        end
        return true
      end, { concurrency = 100 })
      assert.same({}, failed)
    end
  end, 60))
end)
