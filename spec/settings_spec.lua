-- Request options: what each takes, what it says when it is given another.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local option_list = require("multisock.request.options")
local DEFAULTS = option_list.defaults
local request = require("multisock.request")
local settings = require("multisock.request.settings")
local ms = require("multisock")

local function refused(options)
  local ok, err = pcall(settings.of_client, options)
  assert.is_false(ok, "was taken")
  return err
end

local NAN = 0 / 0

-- name = {good values}, {bad values}
local OPTIONS = {
  method = { { "GET", "get", "M-SEARCH", "PROPFIND" }, { "", "A B", "A\r\nB", 3, {}, true } },
  headers = { { {}, { A = "b" }, { A = { "b", "c" } } }, { "A: b", 3, { "A: b" }, { A = true } } },
  redirect = { { "follow", "error", "manual" }, { "never", true, 3 } },
  max_redirects = { { 0, 10 }, { -1, 1.5, "3", NAN, math.huge } },
  timeout = {
    { 1, 0.5, { total = 1, queue = 2, connect = 3, first_byte = 4, idle = 5 }, {}, math.huge,
      1e300, 1e-300, { idle = math.huge } },
    { 0, -1, "3", NAN, -math.huge, { first_byte = 0 }, { connect = -1 }, { queue = NAN },
      { total = "x" }, { conect = 3 }, { idle = 0 }, true },
  },
  max_body = { { 0, 1024, math.huge }, { -1, 0.5, "1", NAN, -math.huge } },
  max_headers = { { 1, 1024 }, { 0, -1, "1" } },
  high_water = { { 1, 1024 }, { 0, 1.5, {} } },
  decompress = { { true, false }, { 1, "true" } },
  http_version = { { "1.0", "1.1", "2", "3" }, { 2, "1", "http/2", 1.1 } },
  fail_on_error = { { true, false }, { "yes" } },
  auth = {
    { { basic = { "user", "password" } }, { bearer = "token" } },
    { "user:password", { basic = "user:password" }, { basic = { "user" } }, { bearer = 3 },
      { unknown = "x" }, { basic = { "user", 3 } } },
  },
  proxy = { { "http://127.0.0.1:3128", false }, { true, 3128, {}, "" } },
  no_proxy = { { {}, { "localhost" } }, { "localhost", { 3 } } },
  trust_env = { { true, false }, { 1 } },
  tls = {
    { {}, { verify = false, ca = "x", ca_path = "x", cert = "x", key = "x", password = "x",
      pinned_public_key = "x", min_version = "1.2" } },
    { "x", { verify = 1 }, { min_version = "1.4" }, { verfy = true }, { ca = "x\0" }, { ca = "" },
      { ca_path = "" }, { cert = "" }, { key = "" }, { pinned_public_key = "" } },
  },
  resolve = { { { "h:80:127.0.0.1" } }, { "h:80:127.0.0.1", { 3 }, { "a\0" } } },
  connect_to = { { { "::h:80" } }, { "::h:80" } },
  unix_socket = { { "/run/x" }, { 3, "a\0b", "" } },
  doh_url = { { "https://h/dns-query" }, { 3, "" } },
  netrc = { { true, false, "x", { path = "x" } }, { 3, "", { path = "" } } },
  cache = { { true, false, "reload", { path = "x" } }, { 3, "", { path = "" } } },
  interface = { { "lo" }, { 3, "" } },
  protocols = { { { "http" } }, { "http", { 3 } } },
  sensitive_headers = { { {}, { "X-Mine" } }, { "X-Mine", { 3 } } },
  progress = { { print }, { true, "print" } },
  curl = { { {}, { timeout_ms = 1000 } }, { "x", 3 } },
}

describe("an option", function()
  for name, values in pairs(OPTIONS) do
    it(name .. " takes what it is for", function()
      for _, value in ipairs(values[1]) do
        local derived = settings.of_client({ [name] = value })
        assert.is_not_nil(derived[name])
      end
    end)

    it(name .. " refuses the rest, naming itself and the value", function()
      for _, value in ipairs(values[2]) do
        local err = refused({ [name] = value })
        assert.matches(name, err)
        if type(value) == "string" and value:find("^[%w:/]+$") and name ~= "headers" then
          assert.is_truthy(name == "auth" or name == "proxy" or err:find(value, 1, true), err)
        end
        assert.is_truthy(err:find("expected") or err:find("unknown") or err:find("invalid")
          or err:find("must be"), err)
      end
    end)
  end

  it("that does not exist is refused by name", function()
    assert.matches('unknown option "timout"', refused({ timout = 3 }))
    assert.matches('unknown option 1', refused({ "x" }))
    assert.matches("options: table expected, got string", refused("x"))
    assert.matches("option 'timeout': unknown field \"conect\"",
      refused({ timeout = { conect = 1 } }))
    assert.matches("option 'tls': unknown field \"verfy\"", refused({ tls = { verfy = true } }))
  end)

  it("that is refused says what would be right", function()
    assert.matches('option \'redirect\': "follow", "error", "manual" expected, got "never"',
      refused({ redirect = "never" }))
    assert.matches("option 'timeout.total': seconds above 0 expected, got \"x\"",
      refused({ timeout = { total = "x" } }))
    assert.matches("option 'no_proxy%[2%]': string expected, got 3",
      refused({ no_proxy = { "a", 3 } }))
  end)

  it("that is secret is not shown when it is refused", function()
    for _, options in ipairs({
      { auth = "user:hidden" }, { auth = { basic = "user:hidden" } },
      { auth = { bearer = "hidden\0" } },
      { auth = { basic = { "user", "hidden\0" } } }, { proxy = "http://u:hidden@p/\0" },
      { tls = { password = "hidden\0" } }, { headers = { Authorization = "hidden\r\n" } },
    }) do
      assert.is_nil(refused(options):find("hidden", 1, true))
    end
  end)

  it("is refused where the user called", function()
    local err = helper.failure(function() ms.fetch("http://127.0.0.1:1/", { timout = 3 }) end)
    assert.matches("settings_spec", err)
    err = helper.failure(function() ms.client({ timout = 3 }) end)
    assert.matches("settings_spec", err)
  end)
end)

describe("settings", function()
  it("lie over those they are derived from", function()
    local client = ms.client({
      timeout = { total = 5, idle = 7 }, headers = { A = "1", B = "2" }, redirect = "manual",
    })
    local made = assert(request.new(client, "GET", "http://h.example/", {
      timeout = { total = 6 }, headers = { b = "3" },
    }))
    assert.equal(6, made.settings.timeout.total)
    assert.equal(7, made.settings.timeout.idle)
    assert.equal(30, made.settings.timeout.connect)
    assert.equal("manual", made.settings.redirect)
    assert.equal(10, made.settings.max_redirects)
    assert.same({ { "A", "1" }, { "b", "3" } }, made.headers)
    assert.same({ { "A", "1" }, { "B", "2" } }, client.settings.headers)
    client:close()
    assert.same({}, DEFAULTS.headers)
    assert.is_nil(DEFAULTS.timeout.total)
  end)

  it("with another limit in all are kept for the next request, and no others", function()
    local client = ms.client({ timeout = { idle = 7 }, meta = "default" })
    local function given(options)
      return assert(request.new(client, "GET", "http://h.example/", options)).settings
    end
    local kept = given({ timeout = 3, headers = { a = "1" } })
    assert.equal(kept, given({ timeout = 3, body = "b" }))
    assert.equal(7, kept.timeout.idle)
    assert.equal(client.settings, given({ headers = { a = "1" } }))
    local other = given({ timeout = 3, max_body = 5, redirect = "error" })
    assert.not_equal(kept, other)
    assert.same({ 3, 7, 5, "error" }, { other.total, other.timeout.idle, other.max_body,
      other.redirect })
    for i = 1, 200 do
      assert.equal(i, given({ timeout = i }).total)
    end
    assert.same({ 3, "follow" }, { given({ timeout = 3 }).total, given({ timeout = 3 }).redirect })
    assert.is_false(given({ timeout = math.huge }).total)
    client:close()
  end)

  it("do not follow later changes of what the user gave", function()
    local given = { timeout = { total = 5 }, headers = { A = "1" }, sensitive_headers = { "X-A" },
      auth = { basic = { "user", "password" } } }
    local derived = settings.of_client(given)
    given.timeout.total, given.headers.A, given.sensitive_headers[1] = 6, "2", "X-B"
    assert.equal(5, derived.timeout.total)
    assert.same({ { "A", "1" } }, derived.headers)
    assert.is_true(derived.sensitive_headers["x-a"])
  end)

  it("take a number for the total timeout and keep the others", function()
    local derived = settings.of_client({ timeout = 2 })
    assert.equal(2, derived.timeout.total)
    assert.equal(30, derived.timeout.connect)
    assert.equal(60, derived.timeout.idle)
    assert.is_nil(derived.timeout.queue)
  end)

  it("name the headers that are for one origin only", function()
    for _, name in ipairs({
      "Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token",
    }) do
      assert.is_true(DEFAULTS.sensitive_headers[name:lower()])
    end
  end)
end)

describe("a line break in an option", function()
  local hostile = fixtures.hostile()
  local EVIL = "a\r\nX-Evil: 1"

  -- All shapes that options have.
  local function shapes(row)
    local list = { EVIL, { EVIL }, { EVIL, EVIL }, { [EVIL] = EVIL }, { a = EVIL },
      { { name = "a", value = EVIL }, { name = EVIL, filename = EVIL, type = EVIL, value = "b" } } }
    for field, inner in pairs(row.fields or {}) do
      list[#list + 1] = { [field] = EVIL }
      list[#list + 1] = { [field] = { EVIL, EVIL } }
      for deeper in pairs(inner.fields or {}) do
        list[#list + 1] = { [field] = { [deeper] = EVIL } }
      end
    end
    return list
  end

  it("writes no header, whichever option it is", function()
    local sent, tried = 0, 0
    for name, row in pairs(option_list.rows) do
      -- The text of `cache` is a folder, which would be made.
      for _, value in ipairs(name ~= "cache" and shapes(row) or {}) do
        for _, method in ipairs({ "GET", "POST" }) do
          local given = { timeout = 2, trust_env = false, method = method }
          given[name] = value
          local client = ms.client({ trust_env = false })
          tried = tried + 1
          local ok, response = pcall(client.fetch, client, hostile.url("/echo"), given)
          if ok and response and response.status == 200 then
            sent = sent + 1
            local _, fields = echoed.of(response)
            assert.is_nil(fields["x-evil"], name)
          end
          client:close()
        end
      end
    end
    -- Most are refused; what is a body or a query is sent.
    assert.is_true(tried > 300 and sent > 10, ("%d tried, %d sent"):format(tried, sent))
  end)
end)
