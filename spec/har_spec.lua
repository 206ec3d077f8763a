-- ms.har: what is recorded, what a file of it has, and replaying it.
local fixtures = require("spec.support.fixtures")
local har_rules = require("spec.support.har_rules")
local helper = require("spec.helper")
local ms = require("multisock")
local base64 = require("multisock.base.base64")
local contents = require("multisock.base.contents")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

local task = helper.task

describe("ms.har", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
    helper.check_leaks()
  end)

  local function recorded(fn, options, agent)
    options = options or {}
    options.agent = ms.har(path, "record", agent)
    local client = ms.client(options)
    fn(client)
    client:close()
    local text = contents(path)
    return ms.json.decode(text).log, text
  end

  it("records attempts by the rules, in a file for the user alone", task(function()
    local refused = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    local log, text = recorded(function(client)
      client:get(hostile.url("/redirect-chain?n=1")):text()
      client:get(hostile.url("/script?key=har&words=503,200")):text()
      client:post(hostile.url("/echo"), { form = { a = "1 2" } }):text()
      client:get(hostile.url("/bytes?n=300")):text()
      client:get(hostile.url("/bytes?n=300000")):close()
      assert.is_nil(client:get(refused, { retry = false }))
      client:map({ nginx.url("/1k"), nginx.url("/1k") })
    end, { retry = { backoff = 0.001 } })
    har_rules.check(log)
    local statuses = {}
    for i, entry in ipairs(log.entries) do
      statuses[i] = entry.response.status
    end
    assert.same({ 302, 200, 503, 200, 200, 200, 200, 0, 200, 200 }, statuses)
    assert.equal("/redirect-chain?n=0", log.entries[1].response.redirectURL)
    assert.equal("end of the chain\n", log.entries[2].response.content.text)
    local post = log.entries[5].request
    assert.same({ "a=1%202", { { name = "a", value = "1 2" } }, 7 },
      { post.postData.text, post.postData.params, post.bodySize })
    assert.equal(300, #base64.decode(log.entries[6].response.content.text))
    assert.is_nil(log.entries[7].response.content.text)
    assert.truthy(log.entries[8].response._error:find("^connect: "))
    assert.truthy(log.entries[1].timings.connect >= 0)
    assert.equal(-1, log.entries[2].timings.connect)
    assert.equal("-rw-------", servers.output("ls -l " .. path):sub(1, 10))
    assert.equal(text, contents(path))
  end))

  it("tells of TLS, of both versions of HTTP", task(function()
    local log = recorded(function(client)
      for _, version in ipairs({ "1.1", "2" }) do
        client:get(nginx.tls_url("/1k"), { http_version = version }):text()
      end
    end, { tls = { ca = nginx.ca } })
    har_rules.check(log)
    for i, version in ipairs({ "HTTP/1.1", "HTTP/2" }) do
      local entry = log.entries[i]
      assert.truthy(entry.timings.ssl > 0)
      assert.same({ version, version }, { entry.request.httpVersion, entry.response.httpVersion })
    end
  end))

  it("has bodies decoded, and their sizes as they came; what a cache asks again", task(function()
    local log = recorded(function(client)
      client:get(nginx.url("/text.txt"), { cache = false }):text()
      client:get(nginx.url("/1k")):text()
      client:get(nginx.url("/1k"), { headers = { ["Cache-Control"] = "no-cache" } }):text()
    end, { cache = true })
    har_rules.check(log)
    local content = log.entries[1].response.content
    assert.equal(#content.text, content.size)
    assert.truthy(log.entries[1].response.bodySize < content.size / 10)
    assert.equal(304, log.entries[3].response.status)
  end))

  it("answers what was recorded, secrets aside", task(function()
    local function ask(client)
      local got = {}
      local function note(response, err)
        got[#got + 1] = response and { response.status, response.url, response:text(),
          #response.history } or err.kind
      end
      note(client:get(hostile.url("/redirect-chain?n=1")))
      note(client:get(hostile.url("/script?key=har2&words=503,200&token=abcdef")))
      note(client:get(hostile.url("/bytes?n=99")))
      note(client:post(hostile.url("/echo"), { json = { password = "abcdef", a = 1 } }))
      note(client:post(hostile.url("/echo"), { json = { password = "abcdef", a = 2 } }))
      note(client:post(hostile.url("/form"), { multipart = { { name = "x", value = "y" } } }))
      note(client:get(hostile.url("/truncate"), { buffer = true }))
      return got
    end
    local first
    recorded(function(client) first = ask(client) end, { retry = { backoff = 0.001 } })
    local player = ms.client({ retry = { backoff = 0.001 }, agent = ms.har(path, "replay") })
    local second = ask(player)
    for i = 1, #first do
      if type(first[i]) == "table" then
        first[i][3] = nil
        second[i][3] = nil
        first[i][2] = first[i][2]:gsub("=[^&]*", "")
        second[i][2] = second[i][2]:gsub("=[^&]*", "")
      end
    end
    assert.same(first, second)
    assert.equal("closed", second[7])
    local other = { json = { password = "other", a = 1 } }
    assert.equal(200, player:post(hostile.url("/echo"), other).status)
    player:close()
  end))

  it("knows bodies too long to be recorded by their size", function()
    local mock = ms.mock({ routes = function(_, count) return { body = tostring(count) } end })
    local long = ("x"):rep(1024 * 1024 + 1)
    recorded(function(client)
      client:post("http://h.example/a", { body = long })
      client:post("http://h.example/a", { body = long .. "x" })
    end, {}, mock)
    local player = ms.client({ agent = ms.har(path, "replay") })
    assert.equal("2", player:post("http://h.example/a", { body = long .. "y" }):text())
    assert.equal("1", player:post("http://h.example/a", { body = long }):text())
    assert.is_false(pcall(player.post, player, "http://h.example/a", { body = "x" }))
    player:close()
  end)

  -- Looked for from each letter on, a secret in 1 MB would take an hour.
  it("records long bodies without a secret in no time", function()
    local long = ("x"):rep(1000000)
    local began = os.clock()
    recorded(function(client)
      for _, body in ipairs({ long, long .. "=1", long .. "[=1",
        ("_"):rep(1000000) .. "x=1", ("="):rep(1000000),
        long .. "&api_key=S3CRET-1" }) do
        for _, kind in ipairs({ "text/plain", "application/x-www-form-urlencoded" }) do
          client:post("http://h.example/a", { body = body, headers = { ["Content-Type"] = kind } })
        end
      end
    end, {}, ms.mock({ routes = { { reply = {} } } }))
    assert.truthy(os.clock() - began < helper.seconds(10), os.clock() - began)
  end)

  it("names the nearest when nothing is recorded", task(function()
    recorded(function(client)
      client:get(nginx.url("/1k")):text()
      client:get(hostile.url("/bytes?n=1")):text()
    end)
    local player = ms.client({ agent = ms.har(path, "replay") })
    local function refusal(...)
      local ok, err = ms.spawn(player.fetch, player, ...):join()
      assert.is_false(ok)
      return tostring(err)
    end
    local said = refusal(hostile.url("/bytes?n=2"))
    assert.truthy(said:find("is not recorded in " .. path, 1, true), said)
    assert.truthy(said:find("nearest is GET " .. hostile.url("/bytes?n=1"), 1, true), said)
    assert.truthy(refusal(nginx.url("/1k"), { method = "POST" }):find("nearest is GET", 1, true))
    said = refusal(nginx.url("/1k"), { method = "GET", body = "x" })
    assert.truthy(said:find("recorded with another body", 1, true), said)
    player:close()
  end))

  it("has no secrets", task(function()
    local SECRET = "S3CRET-9876"
    local _, text = recorded(function(client)
      local url = hostile.url("/echo"):gsub("//", "//user:" .. SECRET .. "@")
      local options = {
        headers = { Authorization = "Bearer " .. SECRET, Cookie = "sid=" .. SECRET,
          ["X-Api-Key"] = SECRET, ["X-Auth-Token"] = SECRET },
        query = { token = SECRET, apiKey = SECRET, ["X-Amz-Signature"] = SECRET },
      }
      local bodies = { { json = { a = { client_secret = SECRET, list = { { pwd = SECRET } } } } },
        { form = { password = SECRET, ["user[password]"] = SECRET } },
        { multipart = { { name = "password", value = SECRET }, { name = "a", value = "b" } } } }
      for _, own in ipairs(bodies) do
        helper.with(own, options)
        client:post(url, own):text()
      end
      client:post(hostile.url("/echo"), { auth = { basic = { "u", SECRET } }, body = "1" }):text()
      client:post(hostile.url("/echo"), { auth = { bearer = SECRET }, body = "1" }):text()
      client:get("http://127.0.0.1:1/?sig=" .. SECRET)
    end)
    assert.is_nil(text:find(SECRET, 1, true), text:match(".?.?.?.?.?.?.?.?.?.?.?.?" .. "S3CRET"))
    assert.is_nil(text:find(base64.encode("u:" .. SECRET), 1, true))
    assert.truthy(text:find("***", 1, true))
  end))

  it("records what an agent answers", function()
    local log = recorded(function(client)
      client:get("http://h.example/a"):text()
      assert.is_nil(client:get("http://h.example/b"))
      client:get("http://h.example/c"):text()
    end, nil, function(request)
      if request.url:find("/b$") then
        return nil, "no"
      elseif request.url:find("/c$") then
        return ms.response(helper.pieces(3, "\195\164"), {
          headers = { ["Content-Type"] = "text/plain", ["Set-Cookie"] = "a=b; Path=/" } })
      end
      return ms.response("\0bytes\255")
    end)
    har_rules.check(log)
    assert.same({ "AGJ5dGVz/w==", "base64" }, { log.entries[1].response.content.text,
      log.entries[1].response.content.encoding })
    assert.equal("io: no", log.entries[2].response._error)
    assert.equal(("\195\164"):rep(3), log.entries[3].response.content.text)
    assert.same({ { name = "a", value = "***" } }, log.entries[3].response.cookies)
  end)

  it("says what is wrong with its arguments, and with files", function()
    local make = ms.har
    assert.truthy(helper.failure(make, 1, "record"):find("har: path of a file expected, got 1", 1,
      true))
    assert.truthy(helper.failure(make, path, "rekord"):find(
      '"record" or "replay" expected, got "rekord"', 1, true))
    assert.truthy(helper.failure(make, path, "replay", print):find("a replay asks nobody", 1,
      true))
    local function refusal(content)
      helper.write_file(path, content)
      local err = helper.err_of(ms.har(path, "replay"))
      return err.kind .. " " .. err.message
    end
    assert.truthy(refusal("{"):find("^protocol har: .* is no HAR file: "))
    assert.truthy(refusal("[]"):find("it has no log.entries", 1, true))
    assert.truthy(refusal('{"log":{"entries":[1]}}'):find("entry 1 is without method", 1, true))
    os.remove(path)
    local _, err = ms.har(path, "replay")
    assert.equal("io", err.kind)
    local har = ms.har("/nowhere/x.har", "record")
    local ok
    ok, err = har:save()
    assert.is_nil(ok)
    assert.equal("io", err.kind)
    local told
    ms.on_error(function(raised) told = raised end)
    ms.client({ agent = har }):close()
    ms.run(function() end)
    ms.on_error(nil)
    assert.equal("io", told.kind)
  end)

  it("keeps what was there until all is written", task(function()
    helper.write_file(path, "before")
    local har = ms.har(path, "record")
    local client = ms.client({ agent = har })
    client:get(nginx.url("/1k")):text()
    assert.equal("before", contents(path))
    assert.is_true(har:save())
    assert.equal(1, #ms.json.decode(contents(path)).log.entries)
    client:get(nginx.url("/1k")):text()
    client:close()
    assert.equal(2, #ms.json.decode(contents(path)).log.entries)
  end))
end)
