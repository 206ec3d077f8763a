-- RFC 9111, case by case: cache_suite/cases.lua says which, and what its fields mean.
local cached = require("spec.support.cached")
local cases = require("spec.cache_suite.cases")
local helper = require("spec.helper")
local ms = require("multisock")

describe("RFC 9111", function()
  cached.fixture()

  local function request_headers(text)
    local headers = {}
    for _, pair in ipairs(cached.headers(text)) do
      headers[pair[1]] = pair[2]
    end
    return headers
  end

  local function ask(client, method, url, headers)
    local response, err = client:fetch(url, { method = method, redirect = "manual",
      headers = request_headers(headers), body = method == "PUT" and "x" or nil })
    ms.assert(response, err)
    ms.assert(response:text())
    return response
  end

  -- Answers to the first request, and to the one between.
  local function script(case, target)
    local list = { { status = case.status, headers = case.headers, body = "once" } }
    local between = case.between
    if between and not between.path then
      list[2] = { status = between.status, headers = between.headers, body = "once" }
    end
    list[#list + 1] = case.answer or { status = case.how == "revalidated" and 304 or 200 }
    list[#list + 1] = case.again
    cached.script(target, list)
  end

  local function pass_between(case, client, target)
    local between, path = case.between, target
    cached.wait(between.after or 0)
    if between.path then
      path = target .. between.path
      cached.script(path, { { status = between.status, headers = between.headers:format(target) } })
    end
    ask(client, between.method, cached.server.url(path))
  end

  local function check(case, response, target)
    local asked = case.how == "asked" or case.how == "none"
    assert.equal(not asked and case.how or nil, response.cached)
    local seen = cached.seen(target .. (case.path or ""))
    local count = (case.path and 0 or 1) + (case.between and not case.between.path and 1 or 0)
    if case.how ~= "none" and not case.answer and not case.background then
      assert.equal(count + ((asked or case.how == "revalidated") and 1 or 0), #seen)
    end
    for name, value in pairs(case.sent or {}) do
      local got = seen[2].headers[name]
      assert.equal(value, value == true and got ~= nil or got)
    end
    for name, value in pairs(case.shown or {}) do
      assert.equal(value or nil, response.headers:get(name), name)
    end
    if case.gets then
      assert.equal(case.gets, response.status)
    end
  end

  local function run(case, cache)
    local client = ms.client({ cache = cache })
    local target, url = cached.new_target()
    script(case, target)
    ask(client, case.first_method or "GET", url, case.first)
    if case.between then
      pass_between(case, client, target)
    end
    cached.wait(case.wait)
    if case.path then
      cached.script(target .. case.path, { {} })
    end
    check(case, ask(client, case.method or "GET", url .. (case.path or ""), case.second), target)
    if case.background then
      ms.sleep(0.02)
    end
    client:close()
  end

  for _, case in ipairs(cases) do
    it(case.section .. ": " .. case.what, helper.task(function()
      run(case, true)
      run(case, { path = cached.folder })
    end))
  end
end)
