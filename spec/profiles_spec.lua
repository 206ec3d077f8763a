-- Handles serve again for who has the same options of handles; what is a request's own
-- is put on them and taken back.
local core = require("multisock.core")
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")

local task = helper.task

describe("a handle that serves one request after another", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { auth = { basic = { "me", "first" } } })

  -- What the server received, as text: method, body, and the fields in lower case.
  local function echo(method, options)
    local response = assert(client:fetch(hostile.url("/echo"),
      helper.with({ method = method }, options)))
    if method == "HEAD" then
      assert.equal("", assert(response:text()))
      return nil
    end
    return echoed.of(response)
  end

  -- How often a handle was set up.
  local function count_settings(fn)
local setup = require("multisock.request.setup")
    local apply, count = setup.apply, 0
    setup.apply = function(...)
      count = count + 1
      return apply(...)
    end
    local ok, err = pcall(fn)
    setup.apply = apply
    assert(ok, err)
    return count
  end

  it("is not set up again for what is a request's own", task(function()
    echo("GET")
    assert.equal(0, count_settings(function()
      echo("GET", { headers = { ["X-One"] = "1" }, timeout = 5 })
      echo("POST", { json = { a = 1 }, timeout = { first_byte = 5, idle = 1 } })
      echo("PUT", { body = "text", max_body = 100000 })
      echo("GET", { auth = { bearer = "token" }, query = { a = "b" } })
      echo("HEAD")
      echo("GET", { fail_on_error = true, redirect = "manual", meta = {} })
    end))
    assert.equal(1, count_settings(function()
      echo("GET", { interface = "127.0.0.1" })
      echo("GET", { interface = "127.0.0.1", timeout = 5 })
    end))
  end))

  it("has nothing left of the request before, in any order", task(function()
    local kinds = {
      { "GET", {}, "" }, { "POST", { body = "posted" }, "posted" }, { "HEAD", {} },
      { "PUT", {}, "" }, { "PATCH", { body = "" }, "" }, { "ODD", {}, "" },
      { "DELETE", { body = ("x"):rep(100000) }, ("x"):rep(100000) },
      { "POST", { body = function() return nil end }, "" }, { "POST", {}, "" },
      { "GET", { headers = { ["X-Mine"] = "1", ["User-Agent"] = "other" } }, "" },
    }
    for _, first in ipairs(kinds) do
      for _, second in ipairs(kinds) do
        echo(first[1], first[2])
        local seen, fields = echo(second[1], second[2])
        if seen then
          assert.equal(second[1], seen.method)
          assert.equal(#second[3], seen.length)
          local own = second[2].headers
          assert.equal(own and "1" or nil, fields["x-mine"])
          assert.equal(own and "other" or "multisock/" .. core.version().multisock,
            fields["user-agent"])
          if second[2].body == nil and second[1] ~= "POST" and second[1] ~= "PUT" then
            assert.is_nil(fields["content-type"])
            assert.is_nil(fields["content-length"])
          end
        end
      end
    end
  end))

  it("tells each server who asks this time, and no other time", task(function()
    local _, fields = echo("GET")
    assert.equal("Basic bWU6Zmlyc3Q=", fields.authorization)
    _, fields = echo("GET", { auth = { bearer = "t" } })
    assert.equal("Bearer t", fields.authorization)
    _, fields = echo("POST", { auth = { basic = { "a", "b" } }, body = "x" })
    assert.equal("Basic YTpi", fields.authorization)
    _, fields = echo("GET", { headers = { Authorization = "own" } })
    assert.equal("own", fields.authorization)
    _, fields = echo("GET")
    assert.equal("Basic bWU6Zmlyc3Q=", fields.authorization)
  end))

  it("has the limits of its request alone", task(function()
    echo("GET")
    local _, err = client:get(hostile.url("/stall"), { timeout = 0.05 })
    assert.matches("timeout.total", err.message)
    local response
    response, err = client:get(hostile.url("/bytes?n=2000"), { max_body = 1000 })
    if response then
      _, err = response:text()
    end
    assert.equal("too_large", err.kind)
    assert.equal(2000, #assert(client:get(hostile.url("/bytes?n=2000")):text()))
  end))

  it("is not kept when the connection is not", task(function()
    echo("GET", { headers = { Connection = "close" } })
    local _, fields = echo("GET")
    assert.is_nil(fields.connection)
    assert.equal(1, count_settings(function()
      echo("GET", { curl = { tcp_nodelay = 1 } })
    end))
  end))

  it("is forgotten with its profile when there are many of these", task(function()
    for i = 1, 70 do
      echo("GET", { no_proxy = { "host" .. i } })
    end
    assert.is_true(client.settings.profiles.count <= 64)
    assert.equal("GET", echo("GET").method)
  end))
end)
