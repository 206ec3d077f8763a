-- Waterfalls: pictures of what requests spent their time with.
local attempts = require("multisock.trace.attempts")
local errors = require("multisock.base.errors")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local svg = require("multisock.waterfall.svg")
local waterfall = require("multisock.waterfall")

local task = helper.task

describe("a waterfall", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  after_each(helper.check_leaks)

  -- Raises unless it is well-formed XML; a list of its elements' names.
  local function elements(picture)
    local open, names = {}, {}
    local rest = picture:gsub("<(/?)([%w]+)([^<>]*)>", function(closes, name, inner)
      if closes == "/" then
        assert.equal(table.remove(open), name)
      else
        names[#names + 1] = name
        local bare = inner:gsub('%s[%w:-]+="[^"<>]*"', "")
        assert.truthy(bare == "" or bare == "/", inner)
        if bare == "" then
          open[#open + 1] = name
        end
      end
      return ""
    end)
    assert.equal(0, #open)
    assert.is_nil(rest:find("[<>]"))
    assert.is_nil(rest:gsub("&[a-z]+;", ""):gsub("&#39;", ""):find("&", 1, true))
    return names
  end

  local function made(fields)
    local attempt = { queue = 1, start = 1.1, connect = 1.4, sent = 1.5, headers = 2, done = 3,
      timings = { dns = 0.1, connect = 0.2, tls = 0.3 }, reused = false, call = 1, number = 1,
      method = "GET", url = "http://h/", status = 200 }
    for name, value in pairs(fields or {}) do
      attempt[name] = value or nil
    end
    return attempt
  end

  local function rounded(spent)
    local list = {}
    for i, name in ipairs(attempts.PHASES) do
      list[i] = math.floor(spent[name] * 1000 + 0.5)
    end
    return list
  end

  it("has phases that are all of its time", function()
    assert.same({ 100, 100, 100, 100, 100, 500, 1000 }, rounded(attempts.phases(made(), 9)))
    local kept = made({ reused = true, timings = { dns = 0, connect = 0, tls = 0 } })
    assert.same({ 100, 0, 0, 0, 100, 800, 1000 }, rounded(attempts.phases(kept, 9)))
    for _, fields in ipairs({ { done = false }, { headers = false, status = false },
      { connect = false, sent = false, headers = false }, { sent = false },
      { start = false, connect = false, sent = false, headers = false },
      { timings = { dns = 99, connect = 0, tls = 0 } }, { sent = 99 }, { headers = 0, sent = 0 },
      { connect = false, sent = false } }) do
      local attempt = made(fields)
      local sum = 0
      for _, part in ipairs(rounded(attempts.phases(attempt, 9))) do
        assert.truthy(part >= 0)
        sum = sum + part
      end
      assert.equal(((attempt.done or 9) - 1) * 1000, sum)
    end
  end)

  it("is a picture of all attempts, also of those that run", task(function()
    local chart = waterfall.start()
    local client = ms.client({ retry = { backoff = 0.001 } })
    client:get(hostile.url("/script?key=fall&words=503,200")):text()
    client:get(nginx.url("/1k?token=S3CRET")):text()
    client:get("http://user:S3CRET@127.0.0.1:1/")
    local running = client:get(nginx.url("/slow?rate=100000"))
    local picture = chart:svg()
    running:close()
    chart:close()
    client:close()
    elements(picture)
    assert.is_nil(picture:find("S3CRET", 1, true))
    assert.truthy(picture:find(">4 requests in ", 1, true), picture)
    assert.truthy(picture:find(", sent 7 times, 4 failed<", 1, true), picture)
    for _, name in ipairs(attempts.PHASES) do
      assert.truthy(picture:find(('class="p-%s"/><text[^>]*>%s %%d+ %%%%<'):format(name, name))
        or picture:find(('class="p%%-%s"'):format(name)), name)
    end
    assert.truthy(picture:find("prefers-color-scheme:dark", 1, true))
    assert.truthy(picture:find("/slow?rate=100000", 1, true))
  end))

  it("has no markup of strangers", function()
    local odd = { 'http://h/"><script>alert(1)</script>', "http://h/&lt;\0\27[31m\r\n", "\255\254",
      "http://h/'onload='x", "http://h/]]>&#60;", "http://h/" .. ("x"):rep(100000),
      "http://h/\226\128\174\239\191\191", "" }
    local list = {}
    for i, url in ipairs(odd) do
      list[i] = made({ url = url, method = url, queue = i, done = i + 3,
        err = errors.new("closed", "<b>&" .. url), call = i })
    end
    local picture = svg.render(list, 9)
    local names = {}
    for _, name in ipairs(elements(picture)) do
      names[name] = true
    end
    assert.same({ svg = true, style = true, rect = true, text = true, g = true, title = true,
      line = true }, names)
    assert.is_nil(picture:find("[%z\1-\9\11-\31\127]"))
    assert.truthy(#picture < 700000)
  end)

  it("holds many, and none", function()
    elements(svg.render({}, 1))
    local list = {}
    for i = 1, 3000 do
      list[i] = made({ queue = i, done = i + 2, call = i,
        url = "http://h/a/long/way/to/the/file/of/number/" .. i .. "/index.html?again=" .. i })
    end
    local picture = svg.render(list, 1)
    assert.truthy(picture:find("... and 1000 more", 1, true))
    assert.truthy(picture:find(">3000 requests to http://h in 3001 s<", 1, true))
    elements(svg.render({ list[1], list[2], list[3] }, 1))
    local instant = made({ start = 1, connect = 1, sent = 1, headers = 1, done = 1 })
    elements(svg.render({ instant }, 1))
  end)

  it("is saved at once and whole, or says why not", function()
    local chart = waterfall.start()
    local path = os.tmpname()
    assert.is_true(chart:save(path))
    assert.truthy(servers.output("head -c 4 " .. path) == "<svg")
    os.remove(path)
    local ok, err = chart:save("/nowhere/x.svg")
    chart:close()
    chart:close()
    assert.is_nil(ok)
    assert.equal("io", err.kind)
  end)
end)
