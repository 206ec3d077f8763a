-- auth.aws_sigv4, against a server that makes the signature by itself.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local sigv4 = require("multisock.request.sigv4")
local targets = require("multisock.request.targets")
local ms = require("multisock")

describe("auth.aws_sigv4", function()
  local function start()
    local server = servers.start("sigv4.py", servers.make_dir(), { "/usr/bin/python3", "-B",
      servers.support("sigv4.py") }, "stdout")
    local port = servers.read_file(server.dir .. "/stdout"):match("%d+")
    server.url = function(path)
      return "http://127.0.0.1:" .. port .. (path or "/")
    end
    return server
  end

  local server = fixtures.server(start)
  local client
  fixtures.each(function()
    client = ms.client({ trust_env = false, timeout = helper.seconds(10) })
    return client
  end)

  local function keys(changes)
    local all = { access_key = "AKID", secret_key = "SECRET", region = "eu-west-1",
      service = "execute-api" }
    helper.with(all, changes)
    return { aws_sigv4 = all }
  end

  local function send(method, path, options, changes)
    options = options or {}
    options.method, options.auth = method, keys(changes)
    return ms.assert(client:fetch(server.url(path), options))
  end

  local function check(...)
    local response = send(...)
    local text = response:text()
    assert.equal(200, response.status, text)
    return text
  end

  local PATHS = {
    "/", "/a/b", "/a%20b/%C3%A4", "/a+b", "/a,b(c)'d!*~", "/a%2Fb", "/a%2fb", "/a/../b", "/a//b",
    "/?b=2&a=1", "/?a=2&a=1&a=10", "/?acl", "/?acl&b=", "/?a=1%202", "/?a=%2F%2f", "/?a=/:@,",
    "/?B=1&a=2&A=3", "/?a-b=1&a=2&a.b=3", "/?a=b=c", "/?x=%C3%A4&y=~", "/?a=1+2", "/?&a=1&&",
    "/?a*=('1')!",
  }

  it("signs paths and queries as AWS reads them", helper.task(function()
    for _, path in ipairs(PATHS) do
      for _, service in ipairs({ "execute-api", "s3" }) do
        assert.equal("host;x-amz-content-sha256;x-amz-date",
          check("GET", path, nil, { service = service }), path)
      end
    end
    check("GET", "/", { query = { z = "ä ö", a = "1/2", m = { "2", "1", "10" } } })
  end))

  it("signs bodies, types and AWS's own headers", helper.task(function()
    assert.equal("content-type;host;x-amz-content-sha256;x-amz-date",
      check("POST", "/", { body = "hello" }))
    check("PUT", "/key", { body = servers.bytes(300000) })
    check("PUT", "/key", { body = { "a", "b" } })
    check("POST", "/", { form = { Action = "ListUsers", Version = "2010-05-08" } })
    check("POST", "/", { json = { a = 1 }, headers = {
      ["Content-Type"] = "application/x-amz-json-1.1",
      ["X-Amz-Target"] = "DynamoDB_20120810.ListTables",
    } })
    check("POST", "/")
    check("DELETE", "/key")
    assert.equal(200, send("HEAD", "/key").status)
    assert.equal("host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-security-token",
      check("GET", "/", { headers = { ["X-Amz-Meta-A"] = "  two   words ", Authorization = "no",
        ["X-Amz-Date"] = "no" } }, { session_token = "tok/en==" }))
    assert.equal(403, send("GET", "/", nil, { secret_key = "OTHER" }).status)
  end))

  it("does not sign a body that nobody knows, which only S3 takes", helper.task(function()
    check("PUT", "/key", { body = helper.pieces(3, "piece") }, { service = "s3" })
    assert.matches("option 'body': string expected, as auth.aws_sigv4 signs it",
      helper.failure(send, "PUT", "/key", { body = helper.pieces(3, "piece") }), 1, true)
  end))

  it("signs each request of a client anew, and each redirect within the origin",
    helper.task(function()
      local own = ms.client({ trust_env = false, auth = keys() })
      for i = 1, 3 do
        assert.equal(200, own:get(server.url("/" .. i)).status)
        assert.equal(200, own:get(server.url("/to?/target?a=" .. i)).status)
      end
      local list = {}
      for i = 1, 20 do
        list[i] = server.url("/list/" .. i .. "?b=" .. i .. "&a")
      end
      local results = own:map(list, { concurrency = 4 })
      for i = 1, 20 do
        assert.equal(200, results[i].status, i)
      end
      assert.equal(200, own:post(server.url("/to?/target"), { body = "twice" }).status)
      assert.equal(403, own:get(server.url("/"), { auth = false }).status)
      own:close()
    end))

  it("is dropped by a redirect to another origin", helper.task(function()
    local other = start()
    local response = send("GET", "/to?" .. other.url("/target"), nil, { session_token = "token" })
    assert.equal(403, response.status)
    assert.equal("no signature", response:text())
    assert.equal("-", client:get(other.url("/seen")):text())
    other.stop()
  end))

  -- "GET Bucket Lifecycle" and "Get Bucket (List Objects)" in AWS's documentation of S3.
  it("makes the signatures of AWS's own examples", function()
    local clock = require("multisock.base.clock")
    local time = clock.time
    clock.time = function()
      return 1369353600                 -- 20130524T000000Z
    end
    for query, expected in pairs({
      lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
      ["prefix=J&max-keys=2"] = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    }) do
      local ok, fields = pcall(sigv4.sign, {
        method = "GET", fields = function() return {} end,
        target = targets.get("https://examplebucket.s3.amazonaws.com/?" .. query),
        settings = { auth = { aws_sigv4 = { access_key = "AKIAIOSFODNN7EXAMPLE",
          secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region = "us-east-1",
          service = "s3" } } },
      })
      assert.is_true(ok, fields)
      assert.equal(expected, fields[#fields][2]:match("Signature=(%x+)$"), query)
    end
    clock.time = time
  end)

  it("raises what is missing or wrong, and shows no secret", helper.task(function()
    local function message(changes, gone)
      local auth = keys(changes)
      auth.aws_sigv4[gone or ""] = nil
      return helper.failure(client.get, client, server.url(), { auth = auth })
    end
    for _, name in ipairs({ "access_key", "secret_key", "region", "service" }) do
      assert.matches("option 'auth.aws_sigv4': " .. name .. " is missing", message(nil, name), 1,
        true)
    end
    assert.matches("option 'auth.aws_sigv4.region'", message({ region = "a\r\nb" }), 1, true)
    assert.not_matches("hush", message({ session_token = "hush hush" }))
    assert.not_matches("hush", message({ secret_key = { "hush" } }))
    assert.matches('unknown field "token"', message({ token = "x" }), 1, true)
  end))
end)
