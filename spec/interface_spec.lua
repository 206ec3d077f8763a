-- `interface`: the local end of one request, and of nobody else's; and what else libcurl would
-- mix up when it looks for a connection.
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local trust = require("multisock.request.trust")
local ms = require("multisock")

describe("interface", function()
  local server, url

  setup(function()
    server = own_servers.addresses()
    url = ("http://127.0.0.1:%d/from"):format(server.port)
  end)
  teardown(function() server.stop() end)
  after_each(helper.check_leaks)

  local ENDS = { "127.0.0.1", "127.0.0.4", "127.0.0.5" }

  local function options_for(i)
    return i > 1 and { interface = ENDS[i], timeout = 10 } or { timeout = 10 }
  end

  local function ask(client, options)
    return assert(assert(client:get(url, options)):text())
  end

  local function mixed(limits)
    return helper.task(function()
      local client <close> = ms.client({ limits = limits })
      local numbers, wrong = {}, {}
      for i = 1, 120 do
        numbers[i] = i % 3 + 1
      end
      ms.map(numbers, function(i)
        local from = ask(client, options_for(i))
        if from ~= ENDS[i] then
          wrong[#wrong + 1] = ENDS[i] .. " had " .. tostring(from)
        end
        return true
      end)
      assert.same({}, wrong)
      local list = {}
      for i, number in ipairs(numbers) do
        list[i] = { url, options_for(number) }
      end
      local responses = client:map(list)
      for i, number in ipairs(numbers) do
        assert.equal(ENDS[number], assert(responses[i]):text())
      end
    end, 30)
  end

  it("is for that request alone, however many run at once", mixed(nil))
  it("is so where idle connections are limited", mixed({ idle = 4 }))

  it("is libcurl's own option, too", helper.task(function()
    local client <close> = ms.client()
    for _ = 1, 3 do
      assert.equal(ENDS[3], ask(client, { curl = { interface = ENDS[3] } }))
      assert.equal(ENDS[1], ask(client))
    end
  end))

  it("of a client is that of its requests, but of those that have another", helper.task(function()
    local client <close> = ms.client({ interface = ENDS[2] })
    for _ = 1, 3 do
      assert.equal(ENDS[2], ask(client))
      assert.equal(ENDS[3], ask(client, { interface = ENDS[3] }))
    end
  end))

  it("keeps its connection", helper.task(function()
    local client <close> = ms.client()
    local before
    for _ = 1, 3 do
      local response = assert(client:get(url, { interface = ENDS[2] }))
      response:text()
      assert.is_true(before == nil or response.timings.connect == 0)
      before = response
    end
  end))

  it("that is not there is an error that names it", helper.task(function()
    local client <close> = ms.client()
    local _, err = client:get(url, { interface = "nowhere0" })
    assert.equal("connect", err.kind)
    assert.matches("nowhere0", err.message, 1, true)
  end))
end)

describe("connections are kept apart", function()
  local base = { allow_private = true, trust_env = true }

  local function differs(options, tls)
    local given = setmetatable(options, { __index = base })
    local key, apart = trust.differs(given, base, tls)
    return key ~= nil, apart
  end

  it("where libcurl looks for them by less than they are made by", function()
    assert.same({ false }, { differs({}) })
    for _, options in ipairs({ { interface = "lo" }, { doh_url = "https://h/" },
      { curl = { LocalPort = 4000 } }, { curl = { doh_url = "https://h/" } } }) do
      assert.same({ true, true }, { differs(options) })
    end
  end)

  it("where others are trusted, which libcurl looks at by itself", function()
    assert.same({ true, false }, { differs({ allow_private = false }) })
    assert.same({ true, false }, { differs({ tls = { ca = "/ca.pem" } }, true) })
    assert.same({ false }, { differs({ tls = { ca = "/ca.pem" } }, false) })
    assert.same({ false }, { differs({ curl = { tcp_nodelay = 1 } }, true) })
  end)
end)
