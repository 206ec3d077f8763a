-- handles.lua: handles for plain requests are copies of one, with all that the
-- client's options say.
local cjson = require("cjson")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

describe("handles for plain requests", function()
  local hostile = fixtures.hostile()

  after_each(helper.check_leaks)

  -- Fetches `url` as many times at once; the responses.
  local function fetch(client, url, count)
    local responses = {}
    ms.group(function(group)
      for i = 1, count do
        group:spawn(function()
          responses[i] = ms.assert(client:get(url))
          responses[i]:text()
        end)
      end
    end)
    assert.equal(count, #responses)
    return responses
  end

  it("have the client's headers and names", helper.task(function()
    local client <close> = ms.client({ headers = { ["X-Mine"] = "all" },
      resolve = { "twin.test:" .. hostile.port .. ":127.0.0.1" } })
    -- More than one multi has, each of which has to resolve by itself.
    local responses = fetch(client, "http://twin.test:" .. hostile.port .. "/echo", 40)
    for _, response in ipairs(responses) do
      local found
      for _, pair in ipairs(cjson.decode(response:text()).headers) do
        found = found or pair[1] == "X-Mine" and pair[2]
      end
      assert.equal("all", found)
    end
  end))

  it("have raw options, copied or set again", helper.task(function()
    for _, raw in ipairs({ { nobody = 1 }, { customrequest = "HEAD", nobody = true } }) do
      local client <close> = ms.client({ curl = raw })
      for _, response in ipairs(fetch(client, hostile.url("/bytes?n=5"), 3)) do
        assert.equal("", response:text())
        assert.equal("5", response.headers["Content-Length"])
      end
    end
  end))

  it("tell of an option that libcurl refuses, each time", helper.task(function()
    local client <close> = ms.client({ curl = { buffersize = 2048, http_version = 77 } })
    for _ = 1, 2 do
      assert.matches("^CURLE_", helper.err_of(client:get(hostile.url("/bytes?n=5"))).code)
    end
  end))
end)
