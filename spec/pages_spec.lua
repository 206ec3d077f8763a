-- What Link fields point to, and lists that come page by page.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task, of_loop = helper.task, helper.of_loop

local function links_of(...)
  return ms.response("", { url = "https://a.test/x/y?z", headers = { Link = { ... } } }).links
end

describe("response.links", function()
  it("has each link by its rel, with its parameters", function()
    local links = links_of('</1>; rel="next"; Title="a, \\"b\\"; c" , <../2?q>;rel=last',
      '<//b.test/>; rel="Prev  http://x.test/REL"; type = text/html; title')
    assert.equal("https://a.test/1", links.next.url)
    assert.equal('a, "b"; c', links.next.title)
    assert.equal("https://a.test/2?q", links.last.url)
    assert.equal("https://b.test/", links.prev.url)
    assert.equal(links.prev, links["http://x.test/rel"])
    assert.same({ "text/html", "" }, { links.prev.type, links.prev.title })
    assert.same({ 3, links.next }, { #links, links[1] })
  end)

  it("takes the first of several, and leaves out what speaks of something else", function()
    local links = links_of('</1>; rel=next; rel=last, </2>; rel="next"',
      '</3>; rel=up; anchor="#part"', "</4>; title=none")
    assert.equal("https://a.test/1", links.next.url)
    assert.same({ nil, nil, 4 }, { links.last, links.up, #links })
    assert.equal("#part", links[3].anchor)
  end)

  it("makes the best of what is no link", function()
    local cases = {
      { "" }, { "," }, { "</1" }, { "/1; rel=next" }, { '<http://[/>; rel="next"' },
      { '</1>; rel="next', "next" }, { '</1>; rel="ne\\xt', "next" },
      { "</1>;;; rel=next;", "next" },
      { "</1>; =x; rel=next", "next" }, { "</1> rel=next" }, { ",,, </1>;rel=next", "next" },
      { '</1>; rel="next"x, </2>; rel=last', "last" }, { "</1>; REL\t=\tNEXT", "next" },
      { "<>; rel=next", "next" }, { '</1>; url=/evil; reference=/evil; rel="next"', "next" },
    }
    for i, case in ipairs(cases) do
      local links = links_of(case[1])
      assert.equal(case[2] ~= nil, next(links) ~= nil and links[case[2]] ~= nil,
        ("%d: %s"):format(i, case[1]))
    end
    assert.equal("https://a.test/1", links_of("</1>; url=/evil; rel=next").next.url)
    assert.same({}, ms.response("").links)
    local alone = ms.response("", { headers = { Link = "</1>; rel=x, <http://b.test/>; rel=x" } })
    assert.equal("http://b.test/", alone.links.x.url)
  end)

  it("takes time with their length alone", function()
    local parts = {
      ("<"):rep(1e5), ("<>,"):rep(3e4), ("<a>;rel=x,"):rep(1e4), "<a>" .. (";a"):rep(5e4),
      "<a>" .. ("; a=\""):rep(2e4), '<a>; rel="' .. ("\\a"):rep(5e4),
      "<a>; rel=" .. ("x "):rep(5e4),
      (" "):rep(1e5) .. "<a>" .. (" "):rep(1e5), '<a>; rel="' .. (" "):rep(1e5) }
    local started = os.clock()
    for _, part in ipairs(parts) do
      assert.truthy(#links_of(part) <= 256)
    end
    assert.truthy(os.clock() - started < 1 or not helper.timing_is_real)
  end)
end)

describe("client:pages", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  -- The numbers of the pages, and the last one's body.
  local function read(...)
    local numbers, last = {}, nil
    for page in client:pages(...) do
      last = ms.assert(page:json())
      numbers[#numbers + 1] = last.page
    end
    return table.concat(numbers, " "), last
  end

  local function failure(...)
    return helper.failure(read, ...)
  end

  it("follows Link to the end, or to `max`", task(of_loop(function()
    assert.equal("1 2 3", (read(hostile.url("/pages"))))
    assert.equal("1 2", (read(hostile.url("/pages"), { max = 2 })))
    assert.equal("1", (read(hostile.url("/pages?last=1"))))
  end)))

  it("takes options of requests; the query is the first one's", task(of_loop(function()
    local _, last = read(hostile.url("/pages"), {
      query = { last = 2, first = "yes" }, headers = { ["X-Name"] = "v" } })
    assert.same({ 2, "v", nil }, { last.page, last.headers["x-name"], last.query.first })
  end)))

  it("adds its client's query where a URL lacks that, for no other origin", task(of_loop(function()
    local there = hostile.url(""):gsub("127%.0%.0%.1", "localhost"):gsub("/$", "")
    for _, options in ipairs({ {}, { base_url = hostile.url("/") } }) do
      options.query = { api_key = "secret", n = 1, last = 3 }
      local own = ms.client(options)
      local asked = {}
      for page in own:pages(hostile.url("/pages"), { next = function(response)
        local n = response:json().page
        return n == 1 and "?n=2" or n == 2 and there .. "/pages?n=3" or nil
      end }) do
        asked[#asked + 1] = page.request:url():match("%?(.*)")
      end
      own:close()
      assert.same({ "api_key=secret&last=3&n=1", "n=2&api_key=secret&last=3", "n=3" }, asked)
    end
  end)))

  it("asks a function where the next one is", task(of_loop(function()
    local asked = {}
    local numbers = read(hostile.url("/pages?last=1"), { next = function(response)
      local page = response:json().page
      asked[#asked + 1] = response.url
      return page < 4 and ("?last=1&n=%d"):format(page + 1) or nil
    end })
    assert.equal("1 2 3 4", numbers)
    assert.equal(4, #asked)
  end)))

  it("needs no loop", task(function()
    local pages = client:pages(hostile.url("/pages?last=2"))
    assert.equal(1, pages():json().page)
    assert.equal("multisock.pages (1)", tostring(pages))
    assert.equal(2, pages():json().page)
    assert.same({ nil, nil }, { pages(), pages() })
    assert.equal("multisock.pages (2, ended)", tostring(pages))
    pages:close()
  end))

  it("keeps credentials with the origin of the first page", task(of_loop(function()
    local there = hostile.url(""):gsub("127%.0%.0%.1", "localhost"):gsub("/$", "")
    local url = hostile.url("/pages") .. "?last=3&base=" .. helper.escape(there)
    local seen = {}
    for page in client:pages(url, { auth = { bearer = "t0p" },
      headers = { Cookie = "a=1", ["X-Name"] = "v" } }) do
      local headers = page:json().headers
      seen[#seen + 1] = { headers.authorization, headers.cookie or "none", headers["x-name"] }
    end
    assert.same({ { "Bearer t0p", "a=1", "v" }, { nil, "none", "v" }, { nil, "none", "v" } }, seen)
    seen = {}
    for page in client:pages((hostile.url("/pages"):gsub("//", "//user:pw@"))) do
      assert.is_nil(page.url:find("pw"))
      seen[#seen + 1] = page:json().headers.authorization
    end
    assert.same({ "Basic dXNlcjpwdw==", "Basic dXNlcjpwdw==", "Basic dXNlcjpwdw==" }, seen)
  end)))

  it("raises what fails, so that what came never looks complete", task(of_loop(function()
    local err = failure(hostile.url("/status?code=500"))
    assert.same({ "status", 500 }, { err.kind, err.response.status })
    local calls = 0
    err = failure(hostile.url("/pages"), { next = function()
      calls = calls + 1
      return hostile.url("/reset")
    end })
    assert.same({ 1, "closed" }, { calls, err.kind })
    err = failure(hostile.url("/pages"), { next = function(page) return page.url end })
    assert.equal("protocol", err.kind)
    assert.truthy(err.message:find("go round", 1, true))
    err = failure(hostile.url("/pages"), { next = function() return "http://[" end })
    assert.equal("url", err.kind)
    err = failure(hostile.url("/pages"), { next = function() return "file:///etc/passwd" end })
    assert.equal("policy", err.kind)
    err = failure("no url")
    assert.equal("url", err.kind)
    -- Who wants to see it, sees it.
    local count = 0
    for page in client:pages(hostile.url("/status?code=404"), { fail_on_error = false }) do
      count = count + page.status
    end
    assert.equal(404, count)
  end)))

  it("does not keep a connection for a page that nobody has read", task(of_loop(function()
    local narrow = ms.client({ limits = { host_connections = 1 }, timeout = 3 })
    local count = 0
    for _ in narrow:pages(hostile.url("/pages?last=4")) do
      count = count + 1
    end
    assert.equal(4, count)
    narrow:close()
  end)))

  it("refuses what makes no sense", task(function()
    local url = hostile.url("/pages")
    local function message(...)
      local ok, err = pcall(...)
      assert.is_false(ok)
      return tostring(err)
    end
    for options, words in pairs({
      [{ next = "cursor" }] = 'option \'next\': "link" or function expected, got "cursor"',
      [{ max = 0 }] = "option 'max': integer of 1 or more expected, got 0",
      [{ json = {} }] = "option 'json': pages are asked for with GET",
    }) do
      local err = message(client.pages, client, url, options)
      assert.truthy(err:find(words, 1, true), err)
      assert.truthy(err:find("pages_spec.lua:%d+: "), err)
    end
    assert.truthy(message(client.pages, client, url, 1):find("table of options expected"))
    assert.truthy(message(client.pages, url):find("client:pages", 1, true))
    assert.truthy(message(client:pages(url, { bogus = 1 })):find("unknown option", 1, true))
    local pages = client:pages(url, { next = function() return 1 end })
    pages():discard()
    assert.truthy(message(pages):find("'next' returned 1", 1, true))
    pages:close()
  end))
end)
