-- What is said to people: no secret of the user's, nothing of a server's that could
-- steer a terminal, and never without bound. Markers are planted in every place that
-- takes a secret or that a server can write, and looked for in all that is said.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local report = require("multisock.command.report")
local support = require("spec.support.core_support")

local SECRET = "hunter2"
local EVIL = "\27]0;owned\7\27[2J\194\155\226\128\174"

local hostile = fixtures.hostile()

-- Everything that is said about a value: its text, an error's fields, its traceback.
local function said(value)
  local all = { tostring(value) }
  if errors.is(value) then
    for _, field in ipairs({ "message", "url", "traceback" }) do
      all[#all + 1] = value[field] and tostring(value[field])
    end
    local job = { url = value.url or "", err = value, size = 0, seconds = 0 }
    all[#all + 1] = report.record(job) .. report.failures({ job })
  end
  return table.concat(all, "\n")
end

local function check(text)
  assert.is_nil(text:find(SECRET, 1, true), text)
  assert.is_nil(text:gsub("[\n\t]", ""):find("%c"), ("%q"):format(text))
  assert.is_nil(text:find("\194\155", 1, true) or text:find("\226\128\174", 1, true))
  assert.truthy(#text < 20000, "it has " .. #text .. " bytes")
end

describe("what is said", function()
  after_each(helper.check_leaks)

  describe("of URLs", function()
    it("has no user, password or token", function()
      for url, shown in pairs({
        ["http://me:hunter2@h/p?a=1"] = "http://h/p?a=1",
        ["http://me:hunter2@x@h/"] = "http://h/",
        ["http://h/?access_token=hunter2&b=2#f"] = "http://h/?access_token=***&b=2#f",
        ["http://h/?a=1&API-Key=hunter2"] = "http://h/?a=1&API-Key=***",
        ["http://h/?X-Amz-Signature=hunter2&keyboard=qwerty"] =
          "http://h/?X-Amz-Signature=***&keyboard=qwerty",
        ["http://h/a#id_token=1&access_token=hunter2"] = "http://h/a#id_token=***&access_token=***",
        ["socks5h://u:hunter2@p:1"] = "socks5h://p:1",
        ["http://h/a@b?c=d@e"] = "http://h/a@b?c=d@e",
        ["Could not resolve proxy: http://u:hunter2@p and 'http://u:hunter2@q'"] =
          "Could not resolve proxy: http://p and 'http://q'",
      }) do
        assert.equal(shown, core.redact(url))
      end
    end)

    it("takes no longer than its bytes", function()
      for _, piece in ipairs({ "//", "?key=", "&", "@", "//a@", "\27", "\128" }) do
        local text = piece:rep(200000)
        local before = os.clock()
        core.redact(text)
        core.plain(text)
        assert.truthy(os.clock() - before < helper.seconds(0.5), piece)
      end
    end)
  end)

  it("of wrong options shows no secret", function()
    for _, options in ipairs({
      { auth = { basic = { "me", 5, SECRET } } }, { auth = { bearer = { SECRET } } },
      { auth = { basic = { "me", SECRET }, bearer = SECRET } }, { proxy = { SECRET } },
      { tls = { password = { SECRET } } }, { headers = { Authorization = SECRET .. "\r\n" } },
      { headers = { Authorization = { { SECRET } } } }, { curl = { userpwd = SECRET .. "\n" } },
      { curl = { xoauth2_bearer = SECRET .. "\0" } }, { curl = { cookie = { SECRET } } },
      { [EVIL] = 1 }, { method = EVIL }, { redirect = EVIL:rep(10000) },
      { timeout = { [EVIL] = 1 } },
      { headers = { [EVIL] = "x" } }, { query = { [EVIL] = { {} } } },
    }) do
      local ok, err = pcall(ms.get, "http://127.0.0.1:1/", options)
      check(said(err))
      assert.is_false(ok)
    end
  end)

  it("of requests that fail shows no secret", helper.task(function()
    local refusing = ("127.0.0.1:%d"):format(support.refusing_port())
    local user = "me:" .. SECRET .. "@"
    for url, options in pairs({
      ["http://" .. user .. refusing .. "/?token=" .. SECRET] = {},
      ["http://" .. user .. "no host/" .. SECRET .. "@x"] = {},
      ["ftp://" .. user .. "h/"] = {},
      ["http://h/"] = { proxy = "http://" .. user .. refusing },
      ["http://h/2"] = { proxy = "bad://" .. user .. refusing },
      ["http://h/3"] = { proxy = "socks5h://" .. user .. "no.invalid:1" },
      ["http://" .. refusing .. "/4"] = { auth = { basic = { "me", SECRET } } },
      ["http://" .. refusing .. "/5"] = { auth = { bearer = SECRET } },
      ["http://" .. refusing .. "/6"] = { headers = { Authorization = SECRET } },
      ["http://" .. refusing .. "/7"] = { json = { password = SECRET } },
      ["https://" .. refusing .. "/8"] = { tls = { cert = "/nowhere", password = SECRET } },
      [hostile.url("/status?code=404&key=" .. SECRET)] = { fail_on_error = true },
      [hostile.url("/redirect-loop?key=" .. SECRET)] = {},
      [hostile.url("/redirect?to=ftp://" .. user .. "h/")] = {},
      [hostile.url("/redirect?to=http://" .. user .. "a%2520b%20c/")] = {},
      [hostile.url("/stall?sig=" .. SECRET)] = { timeout = 0.05 },
    }) do
      local response, err = ms.get(url, options)
      assert.is_nil(response, url)
      check(said(err))
    end
  end))

  it("of objects shows no secret", helper.task(function()
    local client = ms.client({ auth = { basic = { "me", SECRET } }, headers = { Cookie = SECRET } })
    local url = hostile.url("/raw?text="
      .. "HTTP/1.1 200 OK%0D%0ASet-Cookie: sid=c0ok1e%0D%0AX-Evil: %1B[2J%0D%0A"
      .. "Content-Length: 0%0D%0A%0D%0A")
    local response = assert(client:get((url:gsub(" ", "%%20"):gsub("//", "//me:hunter2@", 1))))
    local text = tostring(response.headers)
    check(tostring(client) .. tostring(response) .. tostring(response.request) .. text)
    assert.is_nil(text:find("c0ok1e"), text)
    assert.equal("sid=c0ok1e", response.headers["set-cookie"])        -- which a program gets
    client:close()
  end))

  it("of what a server wrote cannot steer a terminal, and has an end", helper.task(function()
    local long = ("x"):rep(20000)
    local function answer(text)
      return hostile.url("/raw?text=" .. helper.escape(text))
    end
    for _, text in ipairs({
      "HTTP/1.1 404 " .. EVIL .. long .. "\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: ftp://h/" .. EVIL .. long .. "\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: http://[" .. EVIL .. long .. "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: " .. EVIL .. "\r\nContent-Length: 2\r\n\r\n{x",
      "HTTP/1.1 200 OK\r\nContent-Length: " .. EVIL .. "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" .. EVIL .. long,
      EVIL .. long .. "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: " .. EVIL .. "\r\n\r\n",
    }) do
      local response, err = ms.get(answer(text), { fail_on_error = true, timeout = 2 })
      local value
      if response then
        check(said(response) .. tostring(response.headers):sub(1, 500))
        value, err = response:json()
      end
      assert.is_nil(value)
      check(said(err))
    end
  end))

  it("of a child process is as clean: the command and a script", function()
    local url = hostile.url("/status?code=404&token=" .. SECRET)
      :gsub("//", "//me:" .. SECRET .. "@")
    for _, arguments in ipairs({ { url }, { "get", "--json", url }, { "get", "-q", url } }) do
      local output = support.run_script("bin/multisock", table.unpack(arguments))
      assert.truthy(output:find("404", 1, true), output)
      check(output)
    end
    local output, status = support.child(([[
      local ms = require("multisock")
      ms.run(function()
        ms.spawn(function() error(select(2, ms.get(%q, { fail_on_error = true }))) end)
      end)
    ]]):format(url))
    assert.equal(1, status)
    assert.truthy(output:find("404", 1, true), output)
    check(output)
  end)
end)
