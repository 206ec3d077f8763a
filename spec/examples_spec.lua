-- Every example runs as its header says, and does what it promises.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local web_servers = require("spec.support.web_servers")
local scripted = require("spec.support.scripted")
local servers = require("spec.support.servers")
local ms = require("multisock")
local support = require("spec.support.core_support")

describe("the examples", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local server = fixtures.server(scripted.start)

  local function example(name, ...)
    return support.run_script("examples/" .. name .. ".lua", ...)
  end

  -- As a line for sh, with variables of the environment.
  local function line(variables, name, ...)
    return variables .. " " .. support.line("examples/" .. name .. ".lua", ...) .. " 2>&1"
  end

  -- The same; returns what it said.
  local function with(...)
    return servers.output(line(...))
  end

  local function requested(pattern, count)
    return #nginx.log("^/file/" .. pattern .. "%-", count)
  end

  it("agnostic: 100 transfers with a loop written in Lua, some of them taken out", function()
    local output, status = example("agnostic", nginx.url("/file/agnostic-1"))
    assert.equal(0, status, output)
    assert.truthy(output:find("  90  status 200\n", 1, true), output)
    assert.truthy(output:find(("100 transfers, 10 removed, 0 failed, %d bytes"):format(
      90 * #"body-agnostic-1"), 1, true), output)
    local most = tonumber(output:match("at most (%d+) at once"))
    assert.truthy(most >= 1 and most <= 20, output)
    assert.equal(90, requested("agnostic", 90))
  end)

  it("agnostic: tells what failed", function()
    local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    local output, status = example("agnostic", nginx.url("/1k"), refusing, hostile.url("/truncate"),
      hostile.url("/status?code=404"))
    assert.equal(1, status, output)
    -- Every tenth is taken out: five each of the second and the fourth address.
    assert.truthy(output:find("  25  status 200\n", 1, true), output)
    assert.truthy(output:find("  20  status 404\n", 1, true), output)
    assert.truthy(output:find("  20  connect (CURLE_COULDNT_CONNECT)\n", 1, true), output)
    assert.truthy(output:find("  25  closed (CURLE_PARTIAL_FILE)\n", 1, true), output)
    assert.truthy(output:find("100 transfers, 10 removed, 45 failed", 1, true), output)
  end)

  it("attached: 100 transfers on a libuv loop, some of them taken out", function()
    local output, status = example("attached", nginx.url("/file/attached-1"))
    assert.equal(0, status, output)
    local bytes = 90 * #"body-attached-1"
    assert.truthy(output:find(
      ("100 transfers, 10 removed, 0 failed, %d bytes"):format(bytes), 1, true), output)
    local kept = tonumber(output:match("(%d+) connections are kept"))
    assert.truthy(kept >= 1 and kept <= 20, output)
    assert.equal(90, requested("attached", 90))
  end)

  it("attached: tells what failed", function()
    local output, status = example("attached", hostile.url("/reset"), nginx.url("/1k"))
    assert.equal(1, status, output)
    assert.truthy(output:find("closed: ", 1, true))
    assert.truthy(output:find("10 removed, 50 failed", 1, true), output)
  end)

  it("thousand: fetches every address at once", function()
    local urls = {}
    for i = 1, 1000 do
      urls[i] = nginx.url("/file/thousand-" .. i)
    end
    local output, status = example("thousand", table.unpack(urls))
    assert.equal(0, status, output)
    assert.truthy(output:find("requests     1000, 0 failed", 1, true), output)
    assert.equal(1000, requested("thousand", 1000))
  end)

  it("downloads: many files with their progress, and what was left of one", function()
    local dir = servers.make_dir()
    local output, status = example("downloads", dir, nginx.url("/1m"), nginx.url("/file/a"),
      nginx.url("/nope"))
    assert.equal(1, status, output)
    assert.truthy(output:find("\r2 of 3 files, 1.0 of 1.0 MiB", 1, true), output)
    assert.truthy(output:find("/1m, 1048576 bytes\n", 1, true), output)
    local sum = servers.output("printf body-a | sha256sum"):match("%x+")
    assert.truthy(output:find(sum .. "  " .. dir .. "/a, 6 bytes", 1, true), output)
    assert.truthy(output:find("status: HTTP status 404", 1, true), output)
    -- As a run leaves it that was killed.
    servers.output(("rm %s/1m"):format(servers.quote(dir)))
    assert.is_false((pcall(ms.download, nginx.url("/1m"), dir .. "/1m", { progress = error })))
    output, status = example("downloads", dir, nginx.url("/1m"))
    assert.equal(0, status, output)
    assert.truthy(output:find("1048576 bytes, went on at %d+\n"), output)
    servers.output("rm -rf " .. servers.quote(dir))
  end)

  it("mirrors: the next one when one fails, and the checksum decides", function()
    local dir = servers.make_dir()
    local sum = servers.output("head -c 1048576 /dev/zero | sha256sum"):match("%x+")
    local refusing = ("http://127.0.0.1:%d/x"):format(support.refusing_port())
    local output, status = example("mirrors", sum, dir .. "/f", refusing, nginx.url("/1k"),
      nginx.url("/1m"))
    assert.equal(0, status, output)
    assert.truthy(output:find("failed connect: ", 1, true), output)
    assert.truthy(output:find(dir .. "/f: 1048576 bytes\n", 1, true), output)
    output, status = example("mirrors", sum, dir .. "/g", nginx.url("/1k"))
    assert.equal(1, status)
    assert.truthy(output:find("checksum: ", 1, true), output)
    assert.equal("f", servers.output("ls -A " .. servers.quote(dir)))
    servers.output("rm -rf " .. servers.quote(dir))
  end)

  it("login: with a password, and then with the cookies of a file", function()
    local dir = servers.make_dir()
    local jar = dir .. "/jar"
    local function run()
      return with("PASSWORD=secret", "login", jar, hostile.url("/login"),
        hostile.url("/private"), "me")
    end
    local output = run()
    local rest = "200\n200\n200\nprivate\nsid of 127.0.0.1/, until the end of the session"
    assert.equal("logged in\n" .. rest, output)
    assert.equal(rest, run())
    assert.equal("private", servers.output("curl -sS -b " .. jar .. " " .. hostile.url("/private")))
    servers.output("rm -rf " .. servers.quote(dir))
  end)

  it("api: pages of a busy server", function()
    local output, status = example("api", hostile.url("/"), "pages?busy=example", "t0p")
    assert.equal(0, status, output)
    assert.truthy(output:find("3 pages, 6 requests, 3 of them retries\n", 1, true), output)
    assert.truthy(output:find("503, once more in 0.0 s\n", 1, true), output)
    output, status = example("api", hostile.url("/"), "status?code=404")
    assert.equal(1, status)
    assert.truthy(output:find("failed: status: ", 1, true), output)
  end)

  it("oauth2: one token for all, and the next run has it", function()
    local dir = servers.make_dir()
    local function run()
      return with("CLIENT_ID=i CLIENT_SECRET=s", "oauth2", dir .. "/token",
        hostile.url("/token?key=example"), hostile.url("/guarded"), hostile.url("/guarded?at=1"))
    end
    local rest = ("%s\t200\n%s\t200"):format(hostile.url("/guarded"),
      hostile.url("/guarded?at=1"))
    assert.equal("a new token\n" .. rest, run())
    assert.equal(rest, run())
    assert.equal("-rw-------", servers.output("ls -l " .. dir .. "/token"):sub(1, 10))
    servers.output("rm -rf " .. servers.quote(dir))
  end)

  it("upload: a form with files, how far it is, and what failed as a command", function()
    local dir = servers.make_dir()
    servers.write_file(dir .. "/one.bin", servers.bytes(300000))
    servers.write_file(dir .. "/two.txt", "two")
    local output, status = example("upload", hostile.url("/form"), dir .. "/one.bin",
      dir .. "/two.txt")
    assert.equal(0, status, output)
    assert.truthy(output:find('"filename": "one.bin"', 1, true), output)
    assert.truthy(output:find('"length": 300000', 1, true), output)
    assert.truthy(output:find("(%d+) of %1 bytes"), output)
    output, status = example("upload", hostile.url("/status?code=404"), dir .. "/two.txt")
    assert.equal(1, status)
    assert.truthy(output:find("failed: status: HTTP status 404", 1, true), output)
    assert.truthy(output:find("-F 'file=@\"" .. dir .. "/two.txt\"", 1, true), output)
    servers.output("rm -rf " .. servers.quote(dir))
  end)

  it("user_suite: a user's tests on ms.mock", function()
    local busted = servers.output("command -v busted"):match("%S+")
    local output = servers.output(("%s %s -o plainTerminal examples/user_suite 2>&1"):format(
      os.getenv("LUA") or "lua5.4", busted))
    assert.truthy(output:find("26 successes / 0 failures / 0 errors", 1, true), output)
  end)

  it("say how they are used", function()
    for _, name in ipairs {
      "agnostic", "api", "attached", "downloads", "event_source", "login", "mirrors",
      "model_stream", "oauth2", "upload",
    } do
      local output, status = example(name)
      assert.equal(2, status)
      assert.truthy(output:find("^usage: .*lua5.4 examples/" .. name), output)
    end
  end)

  it("waterfall: a page and its parts", function()
    local site = web_servers.http_server("index.html", "<link rel=x href='/a.css'>"
      .. "<img alt='' SRC=\"pictures/b.png\"><script src='c.js?v=1'></script>"
      .. "<a href='d.html'>d</a>")
    local path = os.tmpname()
    local output, status = example("waterfall", site.url("/"), path)
    site.stop()
    local picture = helper.read_file(path)
    os.remove(path)
    assert.equal(0, status, output)
    assert.truthy(output:find("3 parts", 1, true), output)
    assert.truthy(picture:find(">4 requests to http://", 1, true), picture)
    for _, name in ipairs({ "/a.css", "/pictures/b.png", "/c.js?v=1" }) do
      assert.truthy(picture:find(name, 1, true), name)
    end
  end)

  it("traceparent: one trace for each call, a span for each attempt", function()
    local output, status = example("traceparent", hostile.url("/redirect-chain?n=1"),
      hostile.url("/script?key=traceparent&words=503,200"), hostile.url("/echo"))
    assert.equal(0, status, output)
    local traces, spans, count = {}, {}, 0
    for trace, span in output:gmatch("trace (%x+) span (%x+) attempt %d+: %d+ in") do
      assert.same({ 32, 16 }, { #trace, #span })
      traces[trace] = (traces[trace] or 0) + 1
      count = count + (spans[span] and 0 or 1)
      spans[span] = true
    end
    local sent = {}
    for _, times in pairs(traces) do
      sent[#sent + 1] = times
    end
    table.sort(sent)
    assert.same({ 1, 2, 2 }, sent)
    assert.equal(5, count)
  end)

  it("crawler: follows links, as robots.txt allows", function()
    local site = web_servers.http_server("index.html", "<a href='a.html'>a</a> "
      .. "<a HREF=\"/b.html\">b</a> "
      .. "<a href='secret/x.html'>x</a> <a href='https://elsewhere.invalid/'>e</a>")
    for name, text in pairs({
      ["robots.txt"] = "User-agent: other\nDisallow: /\n\nUser-agent: *\nCrawl-delay: 0.05 # s\n"
        .. "Disallow: /secret/\n",
      ["a.html"] = "<a href='index.html'>home</a><a href='/b.html#part'>b</a>", ["b.html"] = "b",
    }) do
      helper.write_file(site.folder .. "/" .. name, text)
    end
    local output, status = example("crawler", "10", site.url("/"))
    site.stop()
    assert.equal(0, status, output)
    local urls = {}
    for url in output:gmatch("200\t%d+\t(%S+)\n") do
      urls[#urls + 1] = url
    end
    table.sort(urls)
    assert.same({ site.url("/"), site.url("/a.html"), site.url("/b.html"),
      site.url("/index.html") }, urls)
  end)

  it("model_stream: text and calls as they come, after a busy answer", function()
    local function chunk(delta, reason)
      return "data: " .. ms.json.encode({ choices = { { index = 0, delta = delta,
        finish_reason = reason or ms.null } } }) .. "\n\n"
    end
    local stream = { headers = { { "Content-Type", "text/event-stream" } }, pieces = {
      chunk({ role = "assistant", content = "" }), chunk({ content = "K\195\182ln: " }), 0.01,
      chunk({ content = "22 C" }),
      chunk({ tool_calls = { { index = 0, ["function"] = { name = "weather",
        arguments = '{"city": ' } } } }), ": ping\n\n",
      chunk({ tool_calls = { { index = 0, ["function"] = { arguments = '"K\195\182ln"}' } } } }),
      chunk({}, "length"), "data: [DONE]\n\n" } }
    local busy = { status = 429, headers = { { "retry-after-ms", "10" } } }
    local path = "/v1/chat/completions"
    server.script(path, { busy, stream })
    local output = with("API_KEY=k", "model_stream", server.url("/v1"), "small", "How", "warm?")
    assert.equal('K\195\182ln: 22 C\nwants weather({"city": "K\195\182ln"})\n'
      .. "(the answer was too long)", output)
    assert.equal("Bearer k", server.seen(path)[2].headers.authorization)
    server.script(path, { { status = 401, body = '{"error": {"message": "wrong key"}}' } })
    output = with("", "model_stream", server.url("/v1"), "small", "Hello")
    assert.truthy(output:find("status: HTTP status 401", 1, true), output)
    assert.truthy(output:find(": wrong key$"), output)
    server.script(path, { { pieces = { chunk({ content = "Hel" }) }, cut = true } })
    output = with("", "model_stream", server.url("/v1"), "small", "Hello")
    assert.truthy(output:find("^Helclosed: "), output)
    server.script(path, { { pieces = { chunk({ content = "a" }),
      'event: error\ndata: {"error": {"message": "overloaded"}}\n\n' } } })
    output = with("", "model_stream", server.url("/v1"), "small", "Hello")
    assert.equal("a\noverloaded", output)
  end)

  it("event_source: goes on over a restart of its server, and its own", function()
    local sse = { { "Content-Type", "text/event-stream" } }
    local file, path = os.tmpname(), "/events"
    server.script(path, {
      { headers = sse, pieces = { "retry: 10\nid: 1\ndata: a\ndata: b\n\n" }, hold = true },
      { headers = sse, pieces = { "event: news\nid: 2\ndata: c\n\n" } }, { status = 204 } })
    local pipe = io.popen(line("", "event_source", server.url(path), file))
    assert.equal("message\ta b", pipe:read("*l"))
    server.restart(0.2)
    assert.equal("news\tc", pipe:read("*l"))
    local rest = pipe:read("*a")
    pipe:close()
    assert.truthy(rest:find("^status: HTTP status 204"), rest)
    local output = with("", "event_source", server.url(path), file)
    assert.truthy(output:find("^status: HTTP status 204"), output)
    os.remove(file)
    local ids = {}
    for i, seen in ipairs(server.seen(path)) do
      ids[i] = seen.headers["last-event-id"] or "-"
    end
    assert.same({ "-", "1", "2", "2" }, ids)
  end)

  it("websocket_chat: sends what is typed, prints what comes, says how it ended", function()
    local chat = own_servers.websocket()
    -- What is typed ends when what was sent has come back.
    local file = os.tmpname()
    servers.output(("(echo one; echo two; i=0; until grep -q two %s || [ $i -gt 400 ]; do "
      .. "i=$((i + 1)); sleep 0.05; done) | %s >%s 2>&1"):format(file,
      support.line("examples/websocket_chat.lua", chat.url("/echo"), "bob"), file))
    assert.equal("bob: one\nbob: two\n-- closed: 1000 bye", servers.output("cat " .. file))
    os.remove(file)
    chat.stop()
  end)

  it("long_poll: prints messages as they come, and goes on after failures", function()
    local output, status = example("long_poll",
      hostile.url("/script?key=poll&words=503,200,reset,200"), "2")
    assert.equal(0, status, output)
    assert.truthy(output:find("503", 1, true), output)
    assert.equal(2, select(2, output:gsub("%[{.-\n", "")), output)
  end)
end)
