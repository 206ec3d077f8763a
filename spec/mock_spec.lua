-- ms.mock as an agent: routes, answers, faults, and what a test asks of it. Its clocks:
-- mock_clock_spec.lua.
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")

local failure, over, text = helper.failure, mocked.over, mocked.text

describe("a mock", function()
  after_each(helper.check_leaks)

  local function misuse(words, fn, ...)
    local err = failure(fn, ...)
    assert.equal("string", type(err))
    assert.truthy(err:find(words, 1, true), err)
    assert.truthy(err:find("^[%w_./]*%.lua:%d+: "), err)
  end

  ---- Routes ----------------------------------------------------------------

  it("answers by the first route that a request is for", function()
    local client, mock = over({
      { method = "post", url = "https://h.example/users/*", reply = { status = 201 } },
      { url = "https://h.example/users/7", reply = { body = "seven" } },
      { url = "https://h.example/users/*", reply = { body = "any" } },
      { reply = { status = 404, body = "none" } },
    })
    assert.equal("seven", text(client, "https://h.example/users/7"))
    assert.equal("any", text(client, "https://h.example/users/7/files?x=1#there"))
    assert.equal(201, client:post("https://h.example/users/7", { json = {} }).status)
    assert.equal(404, client:get("https://other.example/users/7").status)
    local response = client:get("https://h.example/users/1")
    assert.same({ 200, true, "https://h.example/users/1", "3" },
      { response.status, response.ok, response.url, response.headers["content-length"] })
    assert.equal(5, #mock:calls())
  end)

  it("takes URLs as they are meant", function()
    local function answers(pattern, url)
      local client = over({ { url = pattern }, { reply = { status = 404 } } })
      return client:get(url).status == 200
    end
    for _, case in ipairs({
      { "https://h.example", "https://h.example/" },
      { "HTTPS://H.example:443/", "https://h.example" },
      { "http://h.example:80/a", "http://H.EXAMPLE/a" },
      { "https://h.example/a", "https://user:secret@h.example/a" },
      { "https://h.example/a", "https://h.example/a?b=1" },
      { "https://h.example/a?b=1", "https://h.example/a?b=1" },
      { "https://h.example/a?b=*", "https://h.example/a?b=1&c=2" },
      { "https://h.example*", "https://h.example.org:8080/x" },
      { "*", "http://h.example/x" },
      { "*/last", "https://h.example/first/last" },
      { "/a.b(c)%20+[d]-^$", "https://h.example/a.b(c)%20+[d]-^$" },
      { "/a*d", "https://h.example/a/b/c/d" },
    }) do
      assert.is_true(answers(case[1], case[2]), case[1] .. " " .. case[2])
    end
    for _, case in ipairs({
      { "https://h.example/a", "http://h.example/a" },
      { "https://h.example/a", "https://h.example/ab" },
      { "https://h.example/a", "https://h.example:8443/a" },
      { "https://h.example/a.c", "https://h.example/abc" },
      { "https://h.example/a?b=1", "https://h.example/a" },
      { "https://h.example/a?b=1", "https://h.example/a?b=1&c=2" },
      { "/a", "https://h.example/b/a" },
      { "/A", "https://h.example/a" },
    }) do
      assert.is_false(answers(case[1], case[2]), case[1] .. " " .. case[2])
    end
  end)

  it("looks at the query, and at what a function says", function()
    local seen
    local client = over({
      { query = { page = 2, q = "a b&c" }, reply = { body = "second" } },
      { query = { tag = { "x", "y" } }, reply = { body = "tags" } },
      { query = { flag = true, page = false }, reply = { body = "flag" } },
      { match = function(request)
        seen = request
        return request.headers["x-user"] == "me"
      end, reply = { body = "mine" } },
      { reply = { body = "rest" } },
    })
    local function get(query, headers)
      return text(client, "https://h.example/", { query = query, headers = headers })
    end
    assert.equal("second", get({ page = 2, q = "a b&c", more = 1 }))
    assert.equal("second", text(client, "https://h.example/?q=a+b%26c&page=2"))
    assert.equal("tags", get({ tag = { "x", "y" } }))
    assert.equal("rest", get({ tag = { "y", "x" } }))
    assert.equal("rest", get({ tag = "x" }))
    assert.equal("flag", text(client, "https://h.example/?flag"))
    assert.equal("rest", get({ flag = 1, page = 1 }))
    assert.equal("mine", get(nil, { ["X-User"] = "me" }))
    assert.equal("GET", seen.method)
  end)

  it("goes through a list of answers, of which the last repeats", function()
    local client = over({
      { url = "/a", times = 2, reply = { body = "twice" } },
      { url = "/a", reply = { { status = 503 }, { body = "one" }, function(_, count)
        return { body = "call " .. count }
      end } },
    })
    local got = {}
    for i = 1, 6 do
      local response = client:get("https://h.example/a")
      got[i] = response.status == 200 and response:text() or response.status
    end
    assert.same({ "twice", "twice", 503, "one", "call 3", "call 4" }, got)
  end)

  it("takes one function for all", function()
    local client, mock = over(function(request, count)
      if request.url:find("bad") then
        return nil, { kind = "tls", message = "no" }
      elseif request.url:find("own") then
        return ms.response("made", { status = 203 })
      end
      return { json = { url = request.url, count = count } }
    end)
    assert.same({ url = "https://h.example/x", count = 1 },
      client:get("https://h.example/x"):json())
    local response, err = client:get("https://h.example/bad")
    assert.same({ nil, "tls", "no" }, { response, err.kind, err.message })
    assert.equal(203, client:get("https://h.example/own").status)
    mock:assert_done()
  end)

  it("raises for a request that no route is for, and names the nearest", function()
    local client = over({
      { method = "POST", url = "https://h.example/users" },
      { url = "https://h.example/items/*", query = { page = 1 } },
      { url = "https://h.example/once", times = 1 },
    })
    local function check(words, url)
      misuse("mock: no route for GET " .. words, client.get, client, url)
    end
    check("https://h.example/item/2; the nearest is routes[2] * https://h.example/items/*: "
      .. "its URL is another", "https://h.example/item/2")
    check("https://h.example/users; the nearest is routes[1] POST https://h.example/users: its "
      .. "method is another", "https://h.example/users")
    check("https://h.example/items/2; the nearest is routes[2] * https://h.example/items/*: its "
      .. "query is another in \"page\"", "https://h.example/items/2")
    client:get("https://h.example/once")
    check("https://h.example/once; the nearest is routes[3] * https://h.example/once: it has "
      .. "answered 1 times", "https://h.example/once")
    client = over()
    check("https://h.example/: there are none", "https://h.example/")
  end)

  ---- Answers ---------------------------------------------------------------

  it("answers as servers do: JSON, lengths, no body where there is none", function()
    local client = over({
      { url = "/json", reply = { json = { list = ms.array({}) },
        headers = { ["X-A"] = { "1", "2" } } } },
      { url = "/own", reply = { json = 1, headers = { ["Content-Type"] = "text/x-own" } } },
      { url = "/none", reply = { status = 204, body = "never seen" } },
      { url = "/pieces", reply = { body = { "a", "", "b" } } },
      { url = "/head", reply = { body = "12345" } },
    })
    local response = client:get("https://h.example/json")
    assert.same({ '{"list":[]}', "application/json", "11", { "1", "2" } }, { response:text(),
      response.headers["content-type"], response.headers["content-length"],
      response.headers:get_all("x-a") })
    assert.equal("text/x-own", client:get("https://h.example/own").headers["content-type"])
    response = client:get("https://h.example/none")
    assert.same({ "", nil }, { response:text(), response.headers["content-length"] })
    response = client:get("https://h.example/pieces")
    assert.same({ "a", "b" }, { response:read(), response:read() })
    assert.is_nil(response.headers["content-length"])
    response = client:head("https://h.example/head")
    assert.same({ "", "5" }, { response:text(), response.headers["content-length"] })
  end)

  ---- What a test asks ------------------------------------------------------

  it("tells what it was asked, whole bodies included", function()
    local client, mock = over({ { url = "https://h.example/*" } },
      { headers = { ["X-All"] = "1" } })
    client:get("https://h.example/a?b=c", { headers = { ["X-One"] = "2" } })
    client:post("https://h.example/b", { json = { n = 1 } })
    local parts = { "one ", "two" }
    client:put("https://h.example/c", { body = function() return table.remove(parts, 1) end })
    client:post("https://h.example/d", { multipart = { { name = "f", value = "v" } } })
    local calls = mock:calls()
    assert.same({ "GET", "https://h.example/a?b=c", "1", "2", "routes[1]" },
      { calls[1].method, calls[1].url, calls[1].headers["x-all"], calls[1].headers["x-one"],
        calls[1].route })
    assert.is_nil(calls[1].body)
    assert.same({ '{"n":1}', "application/json", "one two" },
      { calls[2].body, calls[2].headers["content-type"], calls[3].body })
    assert.truthy(calls[4].body:find("name=\"f\"", 1, true))
    assert.same({ 4, 1, 0 }, { #calls, #mock:calls("/b"), #mock:calls("https://other.example/*") })
    calls[1] = nil
    assert.equal(4, #mock:calls())
    assert.equal("multisock.mock (4 calls)", tostring(mock))
  end)

  it("says what of a body could not be read", function()
    local client, mock = over({ {} })
    local response, err = client:put("https://h.example/", { body = function()
      return nil, "the disk is gone"
    end })
    assert.same({ nil, "io", "send" }, { response, err.kind, err.phase })
    assert.truthy(err.message:find("the disk is gone", 1, true))
    assert.equal(1, #mock:calls())
  end)

  it("asserts that all was asked for", function()
    local client, mock = over({
      { url = "/a", reply = { {}, {} } }, { method = "GET", url = "/b" }, { url = "/c", times = 3 },
    })
    client:get("https://h.example/a")
    client:get("https://h.example/c")
    misuse("mock: not all was asked for: routes[1] * /a: asked 1 of 2 times; routes[2] GET /b: "
      .. "asked 0 of 1 times; routes[3] * /c: asked 1 of 3 times", mock.assert_done, mock)
    for _, path in ipairs({ "a", "a", "b", "c", "c" }) do
      client:get("https://h.example/" .. path)
    end
    mock:assert_done()
  end)

  it("serves what stands over an agent: redirects, retries, cookies, lists", function()
    local client, mock = over({
      { url = "/login", reply = { status = 303, headers = { Location = "/home",
        ["Set-Cookie"] = "id=1" } } },
      { url = "/home", match = function(request) return request.headers.cookie == "id=1" end,
        reply = { body = "home" } },
      { url = "/flaky", reply = { { status = 503 }, { fail = "closed" }, { body = "at last" } } },
      { url = "/item/*", reply = function(request)
        return { body = request.url:match("%d+$") }
      end },
    }, { cookies = ms.cookies(), retry = { backoff = 0.001 } })
    assert.equal("home", ms.assert(client:post("https://h.example/login")):text())
    local response = client:get("https://h.example/flaky")
    assert.same({ "at last", 3 }, { response:text(), response.attempts })
    local urls = {}
    for i = 1, 20 do
      urls[i] = "https://h.example/item/" .. i
    end
    for i, each in ipairs(client:map(urls)) do
      assert.equal(tostring(i), each:text())
    end
    mock:assert_done()
    client:close()
  end)

  it("takes the body of each try from its start", function()
    local client, mock = over({ { reply = { { status = 503 }, {} } } },
      { retry = { backoff = 0.001 } })
    client:put("https://h.example/", { body = { replay = function() return { "a", "b" } end } })
    assert.same({ "ab", "ab" }, { mock:calls()[1].body, mock:calls()[2].body })
  end)

  ---- Mistakes --------------------------------------------------------------

  it("has its mistakes named", function()
    local function check(words, options)
      misuse("mock: " .. words, function() ms.mock(options) end)
    end
    local function route(words, given)
      check("routes[1]" .. words, { routes = { given } })
    end
    check("options: unknown field \"route\", did you mean 'routes'?", { route = {} })
    check("options: table expected, got 1", 1)
    check("routes: list of routes, or function, expected, got a table with the key "
      .. "\"url\"",
      { routes = { url = "/" } })
    check("seed: integer of", { seed = 0.5 })
    check("routes[2]: table expected, got \"/\"", { routes = { {}, "/" } })
    route(": unknown field \"path\"", { path = "/" })
    route(".url: string expected, got 1", { url = 1 })
    route(".times: integer of 1 or more expected, got 0", { times = 0 })
    route(".match: function expected", { match = "x" })
    route(".query.a: string, number, boolean or list of them expected", { query = { a = print } })
    route(".reply: table or function expected, got \"hello\"", { reply = "hello" })
    route(".reply: unknown field \"code\"", { reply = { code = 200 } })
    route(".reply.status: integer of 100 to 999 expected, got \"200\"",
      { reply = { status = "200" } })
    route(".reply[2].delay: seconds, or {least, most}, expected, got -1",
      { reply = { {}, { delay = -1 } } })
    route(".reply.delay: seconds, or", { reply = { delay = { 2, 1 } } })
    route(".reply.delay: seconds, or", { reply = { delay = 0 / 0 } })
    route(".reply.delay: seconds, or", { reply = { delay = { 1, math.huge } } })
    route(".reply.connect: seconds, or", { reply = { connect = "1" } })
    route(".reply.body[1]: string, or seconds", { reply = { body = { -1 } } })
    route(".reply.fail: one of closed, connect, protocol, proxy, resolve, timeout, tls, too_large "
      .. "expected, got \"dns\"", { reply = { fail = "dns" } })
    route(".reply.at: `fail` says", { reply = { at = 3 } })
    route(".reply: `json` and `body` exclude", { reply = { json = 1, body = "1" } })
    route(".reply.json: ", { reply = { json = 0 / 0 } })
    route(".reply.body: string or list expected, got function", { reply = { body = print } })
    route(".reply.body[2]: string, or seconds", { reply = { body = { "a", {} } } })
    route(".reply.headers: X: string or number expected", { reply = { headers = { X = { {} } } } })
    check("faults[1]: one of `status`, `fail`, `delay` and `connect` expected",
      { faults = { { url = "/" } } })
    check("faults[1].ratio: number above 0, at most 1 expected, got 2",
      { faults = { { ratio = 2, fail = "tls" } } })
    check("faults[1]: an answer needs its `status`", { faults = { { body = "x", delay = 1 } } })
    check("faults: list of faults expected", { faults = { fail = "tls" } })
    local client, mock = over({ { reply = function() end }, })
    misuse("mock: routes[1]: the function returned nil", client.get, client, "https://h.example/")
    client = over(function() return { statuss = 1 } end)
    misuse("mock: routes(): unknown field \"statuss\", did you mean 'status'?", client.get, client,
      "https://h.example/")
    misuse("mock.calls was called with a dot", mock.calls)
    misuse("calls: string expected, got 1", mock.calls, mock, 1)
    misuse("perform: the request expected, got a table", mock.perform, mock, { url = "x" })
  end)
end)
