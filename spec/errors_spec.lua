-- Error objects: their fields, their kinds, and what they must not tell.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

local KINDS = {}
for name in ("url resolve connect tls proxy timeout cancelled closed protocol too_large redirect "
  .. "policy status checksum breaker io curl"):gmatch("%S+") do
  KINDS[name] = true
end

local PHASES = {}
for _, row in ipairs(errors.phases) do
  PHASES[row[1]] = true
end

local function assert_one_line(err)
  local line = tostring(err)
  assert.is_nil(line:find("%c"), line)
  assert.is_truthy(line:find(err.kind, 1, true), line)
  assert.is_true(#line < 500)
end

describe("an error object", function()
  it("has kind, message, and is not retryable unless it says so", function()
    local err = errors.new("io", "disk full")
    assert.equal("io", err.kind)
    assert.equal("disk full", err.message)
    assert.is_false(err.retryable)
    assert.is_true(errors.new("io", "x", { retryable = true }).retryable)
    assert.equal("io: disk full", tostring(err))
    assert.equal("io: disk full [http://h/]", tostring(errors.new("io", "disk full",
      { url = "http://h/" })))
  end)

  it("is for error, pcall and assert", function()
    local err = errors.new("io", "x")
    local ok, caught = pcall(error, err)
    assert.is_false(ok)
    assert.equal(err, caught)
    ok, caught = pcall(ms.assert, nil, err)
    assert.is_false(ok)
    assert.equal(err, caught)
    assert.same({ 1, 2, 3 }, { ms.assert(1, 2, 3) })
  end)

  it("can be told from others, by its kind", function()
    local err = errors.new("io", "x")
    assert.is_true(errors.is(err))
    assert.is_true(errors.is(err, "io"))
    assert.is_false(errors.is(err, "url"))
    for _, other in ipairs({ {}, "io", 3, { kind = "io" }, setmetatable({ kind = "io" }, {}) }) do
      assert.is_false(errors.is(other, "io"))
    end
    assert.is_false(errors.is(nil))
  end)

  it("of being cancelled carries the reason, the first one", function()
    assert.equal("cancelled", errors.cancelled().message)
    local err = errors.cancelled("enough")
    assert.equal("cancelled", err.kind)
    assert.equal("enough", err.message)
    assert.equal("enough", err.reason)
    local again = errors.cancelled(err)
    assert.is_false(rawequal(err, again))
    assert.equal("enough", again.reason)
    local timeout = errors.new("timeout", "too slow")
    err = errors.cancelled(timeout)
    assert.equal("cancelled", err.kind)
    assert.equal(timeout, err.reason)
    assert.matches("too slow", err.message)
  end)
end)

describe("the kinds", function()
  it("are those of the contract, in both tables", function()
    for _, row in ipairs(core.error_table()) do
      assert.is_true(KINDS[row.kind], row.code .. ": " .. row.kind)
      assert.matches("^CURLE_", row.code)
      assert.is_boolean(row.retryable)
    end
    for _, row in ipairs(errors.kinds) do
      assert.is_true(KINDS[row[1]], row[1])
      assert.is_string(row[2])
    end
  end)
end)

describe("a URL in an error", function()
  it("has no user name and no password", function()
    for given, expected in pairs({
      ["http://user:secret@h.example/x?y#z"] = "http://h.example/x?y#z",
      ["http://user@h.example/"] = "http://h.example/",
      ["http://:secret@h.example"] = "http://h.example",
      ["http://a@b:secret@h.example/"] = "http://h.example/",
      ["http:/user:secret@h.example/"] = "http:/h.example/",
      ["http:///user:secret@h.example/"] = "http:///h.example/",
      ["HTTPS+x://user:secret@h.example/"] = "HTTPS+x://h.example/",
      ["http://user:secret@[::1]:80/"] = "http://[::1]:80/",
      ["http://h.example/@x"] = "http://h.example/@x",
      ["http://h.example?mail=a@b.example"] = "http://h.example?mail=a@b.example",
      ["http://h.example"] = "http://h.example",
      [""] = "",
    }) do
      assert.equal(expected, errors.redact_url(given))
    end
  end)

  it("that is no URL has nothing that could be a password", function()
    for _, text in ipairs({
      "user:secret@h.example", "http:user:secret@h", "http://u:sec/secret@h:x", "//u:secret@h",
      "u:secret\n@h", "secret@", "http://u:secret@h@x", "http:\\\\u:secret@h",
    }) do
      local shown = errors.redact_text(text)
      assert.is_nil(shown:find("secret", 1, true), shown)
      assert.is_nil(shown:find("%c"))
    end
    assert.equal("a.example/x", errors.redact_text("a.example/x"))
  end)
end)

describe("a message in an error", function()
  it("keeps no user name and password of a URL in it", function()
    assert.equal("Unsupported proxy syntax in 'http://[bad'",
      errors.redact_url("Unsupported proxy syntax in 'http://user:secret@[bad'"))
    assert.equal("a //h and http://g/x", errors.redact_url("a //u:s@h and http://v:w@g/x"))
    assert.equal("user@host is no URL", errors.redact_url("user@host is no URL"))
  end)
end)

describe("errors of real transfers", function()
  local server, hostile = fixtures.nginx(), fixtures.hostile()
  after_each(helper.check_leaks)

  -- The error of a fetch, or of reading its body.
  local function failure(url, options)
    local response, err = ms.fetch(url, options)
    if response then
      local text
      text, err = response:text()
      assert.is_nil(text)
    end
    assert.is_true(errors.is(err))
    assert.is_true(KINDS[err.kind], err.kind)
    assert.is_string(err.message)
    assert.is_boolean(err.retryable)
    assert.is_string(err.url)
    if err.kind ~= "url" and err.kind ~= "policy" then
      assert.is_true(PHASES[err.phase], tostring(err) .. ": " .. tostring(err.phase))
      assert.is_true(err.attempts >= 1, tostring(err))
    end
    assert_one_line(err)
    return err
  end

  it("have the kind, code and phase of what went wrong", task(function()
    local quick = helper.seconds(0.05)
    local function check(kind, code, phase, url, options)
      local err = failure(url, options)
      local what = url .. ": " .. tostring(err)
      assert.equal(kind, err.kind, what)
      assert.equal(code, err.code, what)
      assert.equal(phase, err.phase, what)
      assert.equal(1, err.attempts, what)
      assert.is_number(err.timings.total)
      return err
    end
    local brief = {
      check("connect", "CURLE_COULDNT_CONNECT", "connect", "http://127.0.0.1:1/"),
      check("resolve", "CURLE_COULDNT_RESOLVE_HOST", "resolve", "http://no-such-name.invalid/"),
      check("closed", "CURLE_RECV_ERROR", "wait", hostile.url("/reset")),
    }
    for _, err in ipairs(brief) do
      assert.is_true(err.retryable)
    end
    assert.equal("url", failure("http://").kind)
    assert.equal("policy", failure("gopher://127.0.0.1/").kind)
    check("protocol", "CURLE_UNSUPPORTED_PROTOCOL", "receive", hostile.url("/not-http"))
    local err = check("timeout", "CURLE_OPERATION_TIMEDOUT", "wait", hostile.url("/stall"),
      { timeout = quick })
    assert.equal(28, err.number)
    assert.is_true(err.retryable)
    assert.is_table(err.timings)
    err = check("closed", "CURLE_PARTIAL_FILE", "receive", hostile.url("/truncate"))
    assert.equal(200, err.response.status)
  end))

  it("have the response when its headers had arrived", task(function()
    local err = failure(hostile.url("/stall-body"), { timeout = { idle = helper.seconds(0.05) } })
    assert.equal("timeout", err.kind)
    assert.equal("receive", err.phase)
    assert.equal(200, err.response.status)
    err = failure(server.url("/missing"), { fail_on_error = true })
    assert.equal("status", err.kind)
    assert.equal(404, err.response.status)
    assert.is_false(err.retryable)
    err = failure(hostile.url("/status?code=503"), { fail_on_error = true })
    assert.is_true(err.retryable)
  end))

  it("count what was sent, also of answers", task(function()
    local function after_a_death(url, options)
      local client = ms.client(options)
      ms.assert(ms.assert(client:get(hostile.url("/close-idle?next=1"))):text())
      local response, err = client:get(url)
      if response then
        response, err = response:text()
      end
      assert.is_nil(response)
      client:close()
      return { err.kind, err.phase, err.attempts }
    end
    assert.same({ "status", "receive", 2 },
      after_a_death(hostile.url("/none"), { fail_on_error = true }))
    assert.same({ "redirect", "receive", 2 },
      after_a_death(hostile.url("/redirect?to=/none"), { redirect = "error" }))
    assert.same({ "closed", "receive", 2 }, after_a_death(hostile.url("/truncate")))
    assert.same({ "too_large", "receive", 2 },
      after_a_death(hostile.url("/bytes?n=1000"), { max_body = 500 }))
    local response = ms.assert(ms.get(hostile.url("/stall-body")))
    response:close()
    local _, err = response:text()
    assert.same({ "closed", "receive", 1 }, { err.kind, err.phase, err.attempts })
  end))

  it("say whether the request or the answer was too long", task(function()
    for _, is_kept in ipairs({ false, true }) do
      if is_kept then
        ms.assert(ms.assert(ms.get(hostile.url("/bytes?n=1"))):text())
      end
      local _, err = ms.get(hostile.url("/bytes?n=1&x=" .. ("y"):rep(2000000)))
      assert.same({ "too_large", "wait" }, { err.kind, err.phase })
      assert.matches("request", err.message:lower())
    end
  end))

  it("never show credentials", task(function()
    local function with_user(url)
      return (url:gsub("//", "//user:hidden@", 1))
    end
    for _, case in ipairs({
      { with_user("http://127.0.0.1:1/") }, { with_user("http://no-such-name.invalid/") },
      { with_user(hostile.url("/reset")) }, { with_user(hostile.url("/truncate")) },
      { with_user(hostile.url("/not-http")) },
      { with_user(hostile.url("/stall")), { timeout = helper.seconds(0.05) } },
      { with_user(hostile.url("/redirect-loop")) },
      { with_user(hostile.url("/bytes?n=1000")), { max_body = 10 } },
      { with_user(server.url("/missing")), { fail_on_error = true } },
      { with_user("http://127.0.0.1:99999/") }, { "ftp://user:hidden@127.0.0.1/" },
      { "http://127.0.0.1:1/", { proxy = "http://user:hidden@127.0.0.1:1" } },
      { "http://h.invalid/", { proxy = "http://user:hidden@no-such-name.invalid:1" } },
      { "http://h.invalid/", { proxy = "http://user:hidden@[bad" } },
      { "http://127.0.0.1:1/", { auth = { basic = { "user", "hidden" } } } },
    }) do
      local err = failure(case[1], case[2])
      for name, value in pairs(err) do
        assert.is_nil(tostring(value):find("hidden", 1, true), name .. ": " .. tostring(value))
      end
      assert.is_nil(tostring(err):find("hidden", 1, true))
      assert.is_nil(err.response and err.response.url:find("hidden", 1, true))
    end
  end))
end)
