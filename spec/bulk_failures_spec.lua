-- Requests of a list that fail, and misuse of one.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task, failure = helper.task, helper.failure

describe("requests of a list", function()
  local server, hostile = fixtures.nginx(), fixtures.hostile()
  after_each(helper.check_leaks)

  it("fail with what libcurl says of each", task(function()
    local urls = {}
    for port = 1, 40 do
      urls[port] = "http://127.0.0.1:" .. port .. "/"
    end
    for _ = 1, 2 do
      local results, errors = ms.map(urls, { concurrency = 40 })
      assert.equal(40, results.n)
      for port = 1, 40 do
        assert.equal("connect", errors[port].kind)
        local said = errors[port].message
        assert.truthy(said:find("port " .. port .. " ", 1, true), said)
      end
    end
  end))

  it("fail with what fetch would say", task(function()
    local results, errors = ms.map({
      hostile.url("/truncate"), "not a url", hostile.url("/bytes?n=10"), hostile.url("/reset"),
      hostile.url("/bad-chunk"), hostile.url("/redirect-loop"), "ftp://127.0.0.1:1/",
      { hostile.url("/stall"), { timeout = { first_byte = helper.seconds(0.05) } } },
      { hostile.url("/stall-body"), { timeout = { idle = helper.seconds(0.05) } } },
      { hostile.url("/stall-body"), { timeout = helper.seconds(0.1) } },
      server.url("/text.txt"), hostile.url("/bad-gzip"),
    })
    local kinds = {}
    for i, err in pairs(errors) do
      kinds[i] = err.kind
    end
    assert.same({ "closed", "url", nil, "closed", "protocol", "redirect", "policy", "timeout",
      "timeout", "timeout", nil, "protocol" }, kinds)
    assert.equal(60000, #results[11]:text())      -- decoded
    assert.equal(10, #results[3]:text())
    assert.matches("timeout.first_byte", errors[8].message)
    assert.matches("timeout.idle", errors[9].message)
    assert.matches("timeout.total", errors[10].message)
    assert.equal(hostile.url("/truncate"), errors[1].url)
    assert.equal(1, errors[1].attempts)
  end))

  it("raise misuse: which item, and where", task(function()
    local url = server.url("/file/1")
    local urls = { url, url, 3, url, url }
    for _, name in ipairs({ "map", "each" }) do
      local err = failure(function()
        if name == "map" then
          ms.map(urls)
        else
          local iterator = ms.each(urls)
          while iterator() do end -- luacheck: ignore 542
        end
      end)
      assert.matches("^[^\n]*bulk_failures_spec.lua:%d+: " .. name
        .. ": item 3: url: string expected, got 3", err)
    end
    assert.matches('item 1: .*unknown option "header"', failure(ms.map,
      { { url, { header = {} } } }))
    assert.matches("item 1: URL or {URL, options} expected, got a list", failure(ms.map, { {} }))
  end))
end)
