-- The option `cache`: whose answers are kept for whom.
local cached = require("spec.support.cached")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task

describe("cache", function()
  cached.fixture()

  local FRESH, begin = cached.FRESH, cached.begin

  it("lets no two users see each other's answers", task(function()
    local answers = {}
    for i = 1, 9 do
      answers[i] = { headers = FRESH.headers, body = "answer " .. i }
    end
    local client, get = begin(answers)
    local users = {
      {}, { headers = { Authorization = "Bearer a" } },
      { headers = { Authorization = "Bearer b" } },
      { auth = { bearer = "a" } }, { auth = { basic = { "u", "p" } } },
      { headers = { Cookie = "a=1" } }, { headers = { ["X-Api-Key"] = "k" } },
      { headers = { ["X-Mine"] = "k" }, sensitive_headers = { "X-Mine" } },
      { curl = { cookie = "a=2" } },
    }
    for i, user in ipairs(users) do
      assert.equal(("answer %d nil"):format(i), get(user))
    end
    for i, user in ipairs(users) do
      assert.equal(("answer %d fresh"):format(i), get(user))
    end
    client:close()
  end))

  it("tells hosts apart that the header Host names", task(function()
    local client, get = begin({ { headers = FRESH.headers, body = "theirs" }, FRESH })
    local theirs = { headers = { Host = "other.test" } }
    assert.equal("theirs nil", get(theirs))
    assert.equal("first nil", get())
    assert.equal("theirs fresh", get(theirs))
    assert.equal("first fresh", get())
    client:close()
    local target
    client, get, target = begin({ { headers = FRESH.headers .. "\nCache-Control: public" } },
      { each_attempt = { function(request, next)
        request.headers.Host = "other.test"
        return next(request)
      end } })
    get()
    get()
    assert.equal(2, #cached.seen(target))
    client:close()
  end))

  it("tells the sessions of a cookie jar apart, and sets no cookie again", task(function()
    local jar = ms.cookies()
    local client, get, target, url = begin({ { headers = FRESH.headers .. "\nSet-Cookie: seen=1",
      body = "stranger" }, { headers = FRESH.headers, body = "seen" },
      { headers = FRESH.headers, body = "user" } }, { cookies = jar, retry = true })
    assert.equal("stranger nil", get())
    assert.equal("seen=1", jar:get(url))
    assert.equal("seen nil", get())
    assert.equal("seen fresh", get())
    jar:set(url, "user=2")
    assert.equal("user nil", get())
    assert.equal("user fresh", get())
    jar:clear()
    assert.equal("stranger fresh", get())
    assert.is_nil(jar:get(url))
    assert.equal(3, #cached.seen(target))
    client:close()
  end))

  it("does not keep what `each_attempt` has signed, unless it is for all", task(function()
    local user = 0
    local client, get, target = begin({ FRESH }, { each_attempt = { function(request, next)
      user = user + 1
      request.headers.Authorization = "Bearer " .. user
      return next(request)
    end } })
    get()
    assert.equal("first nil", get())
    cached.script(target, { { headers = FRESH.headers .. "\nCache-Control: public" } })
    get()
    assert.equal("body fresh", get())
    cached.script(target, { { headers = FRESH.headers .. "\nCache-Control: public\n"
      .. "Vary: Authorization" } })
    get({ cache = "reload" })
    assert.equal("body fresh", get())              -- what was stored before
    client:post(cached.server.url(target)):discard()
    get()
    assert.equal("body nil", get())
    client:close()
  end))
end)
