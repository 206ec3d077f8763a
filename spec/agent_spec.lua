-- What performs in the place of the network: the option `agent`.
local helper = require("spec.helper")
local support = require("spec.support.core_support")
local ms = require("multisock")

local failure = helper.failure

describe("an agent", function()
  after_each(helper.check_leaks)

  it("performs in the place of the network, redirects included", function()
    local asked = {}
    local client = ms.client({ base_url = "http://h.example/a/", agent = function(request)
      asked[#asked + 1] = request.method .. " " .. request.url .. " " .. request.attempt
      if #asked == 1 then
        return ms.response("", { status = 302, headers = { Location = "../b" } })
      end
      return ms.response("body", { headers = { ["X-Two"] = { "1", "2" } } })
    end })
    local response = ms.assert(client:post("x", { body = "1" }))
    assert.same({ "POST http://h.example/a/x 1", "GET http://h.example/b 2" }, asked)
    assert.same({ "http://h.example/b", true, 1, "1, 2", "body" }, { response.url,
      response.redirected, #response.history, response.headers["x-two"], response:text() })
    client:close()
  end)

  it("is told who asks, at the origin that may know", function()
    local function client_of(options)
      local got
      options.agent = function(request)
        got = request.headers.Authorization
        return ms.response("", { status = request.url:find("/away$") and 302 or 200,
          headers = { Location = "http://other.example/" } })
      end
      local client = ms.client(options)
      return function(url, more)
        ms.assert(client:get(url, more)):close()
        return got
      end, client
    end
    local ask, client = client_of({ base_url = "http://h.example", auth = { bearer = "t" } })
    assert.equal("Bearer t", ask("/"))
    assert.equal("Basic bWU6cHc=", ask("/", { auth = { basic = { "me", "pw" } } }))
    assert.equal("own", ask("/", { headers = { Authorization = "own" } }))
    assert.is_nil(ask("/", { auth = false }))
    assert.is_nil(ask("http://other.example/"))
    assert.is_nil(ask("/away"))
    client:close()
    ask, client = client_of({})
    assert.equal("Basic bTplOnB3", ask("http://m%3Ae:pw@h.example/"))
    assert.is_nil(ask("http://h.example/"))
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=id/%d+/eu/execute%-api/aws4_request, ",
      ask("http://h.example/", { auth = { aws_sigv4 = { access_key = "id", secret_key = "key",
        region = "eu", service = "execute-api" } } }))
    client:close()
  end)

  it("opens no socket, no multi and no loop", function()
    local output = support.child([[
      local ms = require("multisock")
      local function count()
        local pipe = io.popen("ls -l /proc/$PPID/fd 2>/dev/null")  -- its own pipe may close
        local text = pipe:read("*a")
        pipe:close()
        local sockets = select(2, text:gsub("socket:", "")) + select(2, text:gsub("anon_inode", ""))
        return sockets
      end
      local before = count()
      local client = ms.client({ agent = function() return ms.response("x") end })
      assert(client:get("http://h.example/"):text() == "x")
      assert(client:get("http://h.example/"):text() == "x")
      assert(count() == before, "descriptors: " .. before .. ", then " .. count())
      client:close()
      print("none")
    ]])
    assert.equal("none\n", output)
  end)

  it("may be an object, closed with the client", function()
    local closed = 0
    local object = {}
    function object:perform(request)
      assert.equal(object, self)
      return nil, { kind = "connect", message = "no way to " .. request.url, retryable = true }
    end
    function object.close() closed = closed + 1 end
    local client = ms.client({ agent = object })
    local err = helper.err_of(client:get("http://h.example/"))
    assert.same({ "connect", "http://h.example/", 1, true },
      { err.kind, err.url, err.attempts, err.retryable })
    client:network_changed()
    client:close()
    client:close()
    assert.equal(1, closed)
    assert.truthy(failure(client.get, client, "http://h.example/"):find("the client is closed"))
  end)

  it("keeps to the total, and to attempt", helper.simulated(nil, function()
    local asked = 0
    local client = ms.client({ agent = function(request)
      asked = asked + 1
      ms.sleep(request.url:find("slow", 1, true) and 5 or 1)
      return ms.response(function()
        ms.sleep(5)
        return nil
      end)
    end })
    for _, case in ipairs({
      { "slow", { timeout = 4 }, "not done after 4 s (timeout.total)", "wait" },
      { "slow", { timeout = { attempt = 4 } }, "no answer within 4 s (timeout.attempt)", "wait" },
      { "body", { timeout = 4, buffer = true }, "not done after 4 s (timeout.total)", "receive" },
      { "body", { timeout = { attempt = 4 }, buffer = true },
        "the body has not ended within 4 s (timeout.attempt)", "receive" },
    }) do
      local url, began = "http://h.example/" .. case[1], ms.now()
      local err = helper.err_of(client:get(url, case[2]))
      assert.same({ "timeout", url, case[3], case[4], 4, case[4] == "receive" and 200 or nil },
        { err.kind, err.url, err.message, err.phase, ms.now() - began,
          err.response and err.response.status })
      assert.same({ "CURLE_OPERATION_TIMEDOUT", 28, true }, { err.code, err.number, err.retryable })
    end
    assert.equal("", client:get("http://h.example/body", { timeout = { attempt = 2 } }):text())
    client:close()
    assert.equal(5, asked)
  end))

  it("has its mistakes named", function()
    local function try(agent)
      local client = ms.client({ agent = agent })
      local message = failure(client.get, client, "http://h.example/")
      client:close()
      return message
    end
    assert.truthy(try(function() return {} end):find("agent: a response", 1, true))
    assert.truthy(try(function() end):find("agent: response or nil, err expected", 1, true))
    assert.truthy(failure(ms.client, { agent = 5 }):find("agent: function, or object", 1, true))
    assert.truthy(failure(ms.client, { agent = {} }):find("agent: function, or object", 1, true))
  end)
end)
