-- Redirects to another origin: what they lose. Two servers on two ports.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local redirects = require("spec.support.redirects")

local task, redirect, echo = helper.task, redirects.path, redirects.echo

local here, there = fixtures.hostile(), fixtures.hostile()

describe("a redirect to another origin", function()
  after_each(helper.check_leaks)

  local SECRETS = {
    Authorization = "secret", Cookie = "a=secret", ["Proxy-Authorization"] = "secret",
    ["X-Api-Key"] = "secret", ["x-auth-token"] = "secret",
  }

  it("loses what is for the first one only", task(function()
    local options = { headers = { ["X-Public"] = "kept" } }
    for name, value in pairs(SECRETS) do
      options.headers[name] = value
    end
    local same = echo(here.url(redirect("/echo")), options)
    local other = echo(here.url(redirect(there.url("/echo"))), options)
    for name in pairs(SECRETS) do
      assert.matches("secret", same.fields[name:lower()])
      assert.is_nil(other.fields[name:lower()], name)
    end
    assert.equal("kept", same.fields["x-public"])
    assert.equal("kept", other.fields["x-public"])
  end))

  it("does not get it back on the way home", task(function()
    local home = here.url(redirect(there.url(redirect(here.url("/echo")))))
    local seen, response = echo(home, { headers = SECRETS, auth = { bearer = "secret" } })
    assert.equal(2, #response.history)
    for name in pairs(SECRETS) do
      assert.is_nil(seen.fields[name:lower()], name)
    end
  end))

  it("loses the headers that the user names, instead", task(function()
    local seen = echo(here.url(redirect(there.url("/echo"))), {
      headers = { ["X-Mine"] = "secret", ["X-Api-Key"] = "no secret here" },
      sensitive_headers = { "x-mine" },
    })
    assert.is_nil(seen.fields["x-mine"])
    assert.equal("no secret here", seen.fields["x-api-key"])
  end))

  it("loses the authentication", task(function()
    for _, auth in ipairs({ { basic = { "user", "secret" } }, { bearer = "secret" } }) do
      assert.is_string(echo(here.url(redirect("/echo")), { auth = auth }).fields.authorization)
      assert.is_nil(echo(here.url(redirect(there.url("/echo"))), { auth = auth })
        .fields.authorization)
    end
  end))

  it("loses the user of the URL", task(function()
    local function with_user(server, path)
      return (server.url(path):gsub("//", "//user:secret@", 1))
    end
    assert.is_string(echo(with_user(here, redirect("/echo"))).fields.authorization)
    local seen, response = echo(with_user(here, redirect(there.url("/echo"))))
    assert.is_nil(seen.fields.authorization)
    assert.is_nil(response.history[1].url:find("secret", 1, true))
  end))

  it("loses what libcurl's own options say of the user", task(function()
    local options = { curl = {
      userpwd = "user:secret", COOKIE = "a=secret", referer = "http://kept.example/",
    } }
    local same = echo(here.url(redirect("/echo")), options)
    assert.is_string(same.fields.authorization)
    assert.equal("a=secret", same.fields.cookie)
    local other = echo(here.url(redirect(there.url("/echo"))), options)
    assert.is_nil(other.fields.authorization)
    assert.is_nil(other.fields.cookie)
    assert.equal("http://kept.example/", other.fields.referer)
  end))

  it("is asked under its own name", task(function()
    local options = { headers = { Host = "first.example" } }
    assert.equal("first.example", echo(here.url(redirect("/echo")), options).fields.host)
    assert.equal("127.0.0.1:" .. there.port,
      echo(here.url(redirect(there.url("/echo"))), options).fields.host)
  end))

  it("loses a client's defaults as well", task(function()
    local client = ms.client({ auth = { bearer = "secret" }, headers = { Cookie = "secret" } })
    local _, fields = echoed.of(client:get(here.url(redirect(there.url("/echo")))))
    assert.is_nil(fields.authorization)
    assert.is_nil(fields.cookie)
    -- And keeps them for its own requests.
    local seen = client:get(here.url("/echo")):json()
    client:close()
    local found = 0
    for _, pair in ipairs(seen.headers) do
      found = found + (pair[2]:find("secret") and 1 or 0)
    end
    assert.equal(2, found)
  end))
end)
