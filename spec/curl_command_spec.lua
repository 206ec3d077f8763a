-- ms.to_curl and ms.from_curl, against the curl command itself: what it sends and what
-- ms.fetch sends is the same.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local ms = require("multisock")

local task = helper.task

describe("a command line of curl", function()
  local hostile = fixtures.hostile()
  local client, folder

  fixtures.client(function(made) client = made end)
  setup(function()
    servers.program("curl", "curl")
    folder = servers.make_dir()
    helper.write_file(folder .. "/a file.txt", "one\r\ntwo\n")
    helper.write_file(folder .. "/b.bin", "\0\1\2")
  end)
  teardown(function() os.execute("rm -r '" .. folder .. "'") end)

  -- What each sends in its own way.
  local OWN = { ["user-agent"] = true, ["accept-encoding"] = true, expect = true }

  -- The request as /received tells it, without what may differ.
  local function normal(text)
    local seen = ms.assert(ms.json.decode(text))
    local lines, boundary = {}, nil
    for _, field in ipairs(seen.headers) do
      boundary = boundary or field[2]:match("^multipart/form%-data; boundary=(.*)$")
    end
    for _, field in ipairs(seen.headers) do
      local name, value = field[1]:lower(), field[2]
      if not OWN[name] and not (boundary and name == "content-length") then
        lines[#lines + 1] = name .. ": " .. value
      end
    end
    local body = seen.body:gsub("..", function(hex) return string.char(tonumber(hex, 16)) end)
    table.sort(lines)
    local all = seen.line .. "\n" .. table.concat(lines, "\n") .. "\n\n" .. body
    return boundary and all:gsub((boundary:gsub("%-", "%%-")), "BOUNDARY") or all
  end

  -- ($'...' is what bash knows; others come to know it.)
  local function run(command, sh)
    helper.write_file(folder .. "/run", command .. " -s --max-time 10\n")
    return shell.said((sh or "sh") .. " " .. folder .. "/run")
  end

  local function fetched(url, options)
    return ms.assert(ms.assert(client:fetch(url, options)):text())
  end

  describe("that ms.to_curl writes", function()
    local function same(options, path)
      local url = hostile.url(path or "/received")
      local again = helper.with({}, options)
      again.redact = false
      local command = ms.assert(ms.to_curl(url, again))
      local expected, got = normal(fetched(url, options)), normal(run(command))
      if #expected > 10000 then     -- not to be printed
        assert.is_true(expected == got)
      end
      assert.equal(expected, got, command)
    end

    it("sends the same: methods, bodies, headers", task(function()
      same({})
      same({ method = "DELETE" })
      same({ method = "OPTIONS" })
      for _, method in ipairs({ "POST", "PUT", "PATCH" }) do
        same({ method = method })
        same({ method = method, body = "text" })
      end
      same({ method = "GET", body = "with a body" })
      same({ body = "" })
      same({ body = "it's \"quoted\" $HOME `x` \\ !\n@file" })
      same({ body = "@not a file" })
      same({ body = "bytes \0\1\r\n\255%s%d\\n'", headers = { ["Content-Type"] = "x/y" } })
      same({ body = servers.bytes(150000) })
      same({ json = { a = "ü", b = { 1, 2 } } })
      same({ form = { a = "b c", d = "e&f" } })
      same({ query = { q = "a b&c", list = { 1, 2 } } })
      same({ headers = { ["X-One"] = "it's", ["X-Empty"] = "", ["X-Two"] = { "a", "b" },
        Accept = "text/x", Referer = "http://h/" } })
      same({ headers = { ["User-Agent"] = "mine/1" } })
      same({ decompress = false, redirect = "manual" })
      same({}, "/received?a[]={x}&b=[1-3]#fragment")
      same({}, "/redirect?to=/received")
    end, 60))

    it("sends the same credentials, of those that are header lines", task(function()
      same({ auth = { basic = { "user", "pass:word's" } } })
      same({ auth = { bearer = "abc" } })
      local url = hostile.url("/received"):gsub("//", "//u:p@")
      local command = ms.assert(ms.to_curl(url, { redact = false }))
      assert.equal(normal(fetched(url)), normal(run(command)))
      local jar = ms.cookies()
      jar:set(hostile.url("/"), "a=b")
      same({ cookies = jar })
    end))

    it("sends the same forms, as far as curl can", task(function()
      same({ multipart = { { name = "a", value = "@it's <b> \"c\" \\;type=x" },
        { name = "n", value = 1 },
        { name = "f", file = folder .. "/a file.txt" },
        { name = "g", file = folder .. "/b.bin", filename = "n \"q\" \\.txt", type = "text/x" },
        { name = "h", file = folder .. "/b.bin", filename = false, type = "text/plain" },
        { name = "t", value = "a;b \"c\"", type = "text/plain" },
        { name = "l", body = "text" } } })
      -- What it cannot say is sent as bytes.
      same({ multipart = { { name = "a=b", value = "1" } } })
      same({ multipart = { { name = "a", value = "1", headers = { ["X-A"] = "b" } } } })
      same({ multipart = {} })
      local command, err = ms.to_curl("http://h/", { multipart = { { name = "a=b",
        file = folder .. "/b.bin" } } })
      assert.same({ nil, "curl" }, { command, err.kind })
      assert.is_truthy(err.message:find("multipart[1]", 1, true))
    end))

    it("reads from standard input what the program gives piece by piece", task(function()
      local function pieces()
        local left = { "piece ", "by piece" }
        return function() return table.remove(left, 1) end
      end
      local url = hostile.url("/received")
      local command = ms.assert(ms.to_curl(url, { body = pieces() }))
      assert.equal(normal(fetched(url, { body = pieces() })),
        normal(run("printf 'piece by piece' | " .. command)), command)
      command = ms.assert(ms.to_curl(url, { multipart = { { name = "a", body = pieces() } } }))
      assert.is_truthy(command:find("a=<-", 1, true))
    end))

    it("has the settings that curl has", function()
      local function has(options, ...)
        local command = ms.assert(ms.to_curl("https://h.example/", options))
        for _, part in ipairs({ ... }) do
          assert.is_truthy(command:find(part, 1, true), command)
        end
        return command
      end
      assert.equal("curl -L --compressed https://h.example/", has({}))
      has({ method = "HEAD" }, "--head")
      has({ timeout = { total = 1.5, connect = 2 } }, "--max-time 1.5", "--connect-timeout 2")
      has({ tls = { verify = false, ca = "/a b", cert = "/c", key = "/k", password = "p",
        min_version = "1.2" } }, "-k", "--cacert '/a b'", "--cert /c", "--key /k", "--pass '***'",
        "--tlsv1.2")
      has({ http_version = "2", max_redirects = 3, fail_on_error = true }, "--http2",
        "--max-redirs 3", "--fail")
      has({ proxy = "socks5h://u:p@proxy:1080", no_proxy = { "a", "b" } },
        "-x socks5h://proxy:1080", "--noproxy a,b")
      has({ proxy = false }, "--noproxy '*'")
      has({ resolve = { "h.example:443:127.0.0.1" }, connect_to = { "a:1:b:2" },
        unix_socket = "/run/x" }, "--resolve h.example:443:127.0.0.1", "--connect-to a:1:b:2",
        "--unix-socket /run/x")
      has({ retry = 3 }, "--retry 3")
      has({ auth = { digest = { "u", "p" } } }, "--digest", "-u 'u:***'")
    end)

    it("has no secrets unless they are asked for", function()
      local shown = { url = "http://u:hidden@h.example/a?token=hidden&b=c", options = {
        headers = { Authorization = "Bearer hidden", Cookie = "a=hidden", ["X-Api-Key"] = "hidden",
          ["Client-Secret"] = "hidden", ["X-Own"] = "shown" },
        form = { client_secret = "hidden", user = "shown" }, proxy = "http://a:hidden@proxy",
        tls = { password = "hidden" } } }
      local command = ms.assert(ms.to_curl(shown.url, shown.options))
      assert.is_nil(command:find("hidden", 1, true), command)
      assert.is_truthy(command:find("X-Own: shown", 1, true))
      assert.is_truthy(command:find("client_secret=***&user=shown", 1, true))
      assert.is_truthy(command:find("Authorization: Bearer ***", 1, true))
      command = ms.assert(ms.to_curl("http://h/", { json = { password = "hid\"den", n = 1,
        deep = { api_key = "hidden" } } }))
      assert.is_nil(command:find("hid", 1, true), command)
      for body, hidden in pairs({
        ['{"token":["hid]",{"a":"hid"}],"a":[1]}'] = '{"token":"***","a":[1]}',
        ['{"token":1234}'] = '{"token":"***"}', ['[{"token":"a\\\\"},2]'] = '[{"token":"***"},2]',
        ['{"a":"\\"token\\":","b" : 1}'] = '{"a":"\\"token\\":","b" : 1}',
        ['{"token":["hid'] = '{"token":"***"', ['{"token":"hid\\'] = '{"token":"***"',
      }) do
        command = ms.assert(ms.to_curl("http://h/", { body = body,
          headers = { ["Content-Type"] = "application/json" } }))
        assert.is_truthy(command:find(hidden .. "'", 1, true), command)
      end
      for _, auth in ipairs({ { basic = { "u", "hidden" } }, { bearer = "hidden" },
        { digest = { "u", "hidden" } } }) do
        command = ms.assert(ms.to_curl("http://h/", { auth = auth }))
        assert.is_nil(command:find("hidden", 1, true), command)
      end
      command = ms.assert(ms.to_curl("http://h/#access_token=hidden", { multipart = {
        { name = "password", value = "hidden" }, { name = "token", body = { "hid", "den" } },
        { name = "secret", value = "hidden", filename = "f" }, { name = "a", value = "shown" },
      } }))
      assert.is_nil(command:find("hid", 1, true), command)
      assert.is_truthy(command:find("shown", 1, true))
      shown.options.redact = false
      command = ms.assert(ms.to_curl(shown.url, shown.options))
      local _, count = command:gsub("hidden", "")
      assert.equal(9, count)
    end)

    it("is that of a response's request, of a middleware's, and of a client", task(function()
      local response = ms.assert(client:get(hostile.url("/redirect?to=/bytes"), {
        headers = { ["X-A"] = "b" } }))
      response:close()
      assert.equal("curl -L --compressed " .. hostile.url("/bytes") .. " \\\n  -H 'X-A: b'",
        ms.to_curl(response.request))
      local _, err = client:post(hostile.url("/reset"), { body = "x" })
      assert.is_truthy(ms.to_curl(err.request):find("--data-raw x", 1, true))
      local _, errs = client:map({ hostile.url("/truncate"), { hostile.url("/reset"),
        { method = "PUT", body = "y" } } })
      assert.equal("curl -L --compressed " .. hostile.url("/truncate"), ms.to_curl(errs[1].request))
      assert.is_truthy(ms.to_curl(errs[2].request):find("-X PUT", 1, true))
      local seen
      local passing = ms.client({ base_url = hostile.url("/"), headers = { ["X-C"] = "d" },
        middleware = { function(request, next)
          request.headers["X-B"] = "c"
          seen = ms.to_curl(request, { redact = false })
          return next(request)
        end } })
      passing:post("bytes", { body = "x" }):close()
      assert.is_truthy(seen:find("-H 'X-B: c' ", 1, true), seen)
      assert.is_truthy(passing:to_curl("x"):find(hostile.url("/x") .. " \\\n  -H 'X-C: d'", 1,
        true))
      passing:close()
    end))

    it("refuses what curl cannot do, and misuse", function()
      for message, case in pairs({
        ["to_curl: the option 'curl.verbose' is one of libcurl, not of the command"] =
          { "http://h/", { curl = { verbose = true } } },
        ["to_curl: only http: and https: URLs can be said, not ftp:"] =
          { "ftp://h/", { protocols = { "ftp" } } },
      }) do
        local command, err = ms.to_curl(case[1], case[2])
        assert.same({ nil, message }, { command, err.message })
      end
      local command, err = ms.to_curl("http://")
      assert.same({ nil, "url" }, { command, err.kind })
      assert.matches("URL or request expected, got 3", helper.failure(ms.to_curl, 3))
      assert.matches("'redact': boolean expected", helper.failure(ms.to_curl, "http://h/",
        { redact = 1 }))
      assert.matches("unknown option \"heders\"", helper.failure(ms.to_curl, "http://h/",
        { heders = {} }))
    end)
  end)

  describe("that ms.from_curl reads", function()
    local function same(arguments, path)
      local command = ("curl %s '%s'"):format(arguments, hostile.url(path or "/received"))
      local url, options = ms.assert(ms.from_curl(command))
      assert.equal(normal(run(command, "bash")), normal(fetched(url, options)), command)
    end

    it("sends the same", task(function()
      for _, arguments in ipairs({
        "", "-X DELETE", "-XPURGE", "--request PUT --data x", "-d a=b", "-d a=b -d 'c d'", "-d ''",
        "--data-raw '@x'", "--data-binary $'a\\n\\x41\\u00fc\\'\\101'", '-d "a\\"b\\\\c\\d $ x"',
        "--data-urlencode 'a b=c d' --data-urlencode 'n=e&f+ü' --data-urlencode '=x y' "
          .. "--data-urlencode 'plain text'",
        "-G -d a=b --data-urlencode 'c=d e'", "-H 'X-A: b' -H 'X-A: c' -H 'X-Empty;'",
        "-H 'Accept:' -d x -H 'Content-Type:' -H 'Expect:'", "-H'Content-Type: text/x' --data y",
        "-u user:pass", "-u 'user:a:b'", "-A agent/1 -e http://r/", "-b 'a=b; c=d' -b e=f",
        "--oauth2-bearer abc", "--json '{\"a\":1}'", "-r 0-9", "-sSL -k --compressed",
        "--http1.1 -m 5 --connect-timeout 3", "-T '" .. folder .. "/b.bin'",
        "-d '@" .. folder .. "/a file.txt'", "--data-binary '@" .. folder .. "/b.bin'",
        "--data-urlencode 'x@" .. folder .. "/b.bin'", "\\\n  -X PATCH \\\n  -d 'two\nlines'",
        "-F a=b -F 'f=@" .. folder .. "/a file.txt'", "-F 'a=\"q;\\\"r\\\\\";type=text/x'",
        "-F 'f=@\"" .. folder .. "/b.bin\";filename=\"n \\\" x.bin\";type=image/png'",
        "-F 'f=<" .. folder .. "/a file.txt' --form-string 'g=@x;y'", "-X GET -d body",
        "-F 'a=b;type=text/plain; charset=utf-8' -F 'c=d;headers=\"X-A: b\"'",
      }) do
        same(arguments)
      end
      same("-L", "/redirect?to=/received")
      same("-g", "/received?a[]=b")
      same("-G -d c=d", "/received?a=b")
    end, 60))

    it("is what browsers copy", function()
      local url, options = ms.assert(ms.from_curl([[
curl 'https://h.example/api?q=1' \
  -X 'POST' \
  -H 'accept: application/json' \
  -H 'accept-language: de,en;q=0.9' \
  -b 'sid=abc; theme=dark' \
  -H $'x-note: it\'s \u00fc' \
  --data-raw $'{"a":"it\'s"}' \
  --compressed \
  --insecure
]]))
      assert.equal("https://h.example/api?q=1", url)
      assert.same({ method = "POST", redirect = "manual", decompress = true,
        body = "{\"a\":\"it's\"}", tls = { verify = false }, headers = {
          accept = "application/json", ["accept-language"] = "de,en;q=0.9",
          Cookie = "sid=abc; theme=dark", ["x-note"] = "it's ü",
          ["Content-Type"] = "application/x-www-form-urlencoded" } }, options)
      url, options = ms.assert(ms.from_curl("$ curl h.example/x -x proxy:3128 -U 'a:b c' "
        .. "--resolve h.example:80:127.0.0.1 --noproxy a,b --unix-socket /s --max-redirs 3 "
        .. "--retry 2 --cacert /ca -E /c:pw --key /k --http2 -f --digest -u me"))
      assert.equal("http://h.example/x", url)
      assert.same({ redirect = "manual", decompress = false, proxy = "http://a:b%20c@proxy:3128",
        resolve = { "h.example:80:127.0.0.1" }, no_proxy = { "a", "b" }, unix_socket = "/s",
        max_redirects = 3, retry = 2,
        tls = { ca = "/ca", cert = "/c", password = "pw", key = "/k" },
        http_version = "2", fail_on_error = true, auth = { digest = { "me", "" } } }, options)
    end)

    it("is HEAD, too", task(function()
      local url, options = ms.assert(ms.from_curl("curl -I " .. hostile.url("/bytes?n=7")))
      local response = ms.assert(client:fetch(url, options))
      assert.same({ "7", "" }, { response.headers["content-length"], response:text() })
    end))

    it("comes back from what ms.to_curl wrote", function()
      local command = ms.assert(ms.to_curl("https://h.example/a?b=c", { method = "PUT",
        json = { 1 }, headers = { ["X-A"] = "it's" }, auth = { basic = { "u", "p" } },
        redact = false,
        timeout = 5 }))
      local url, options = ms.assert(ms.from_curl(command))
      assert.equal("https://h.example/a?b=c", url)
      assert.same({ redirect = "follow", decompress = true, method = "PUT", body = "[1]",
        headers = { ["X-A"] = "it's", ["Content-Type"] = "application/json" },
        auth = { basic = { "u", "p" } }, timeout = { total = 5 } }, options)
    end)

    it("is refused by name where something is not known, or the shell would do more", function()
      for text, message in pairs({
        ["wget http://h/"] = "the command is not curl",
        [""] = "the command is not curl",
        ["curl"] = "there is no URL",
        ["curl http://a/ http://b/"] = "there is more than one URL",
        ["curl -o file http://h/"] = 'the option "-o" is not known here',
        ["curl -sSOL http://h/"] = 'the option "-O" is not known here',
        ["curl --frobnicate http://h/"] = 'the option "--frobnicate" is not known here',
        ["curl http://h/ -H"] = "-H: a value expected",
        ["curl http://h/ | sh"] = "the shell would do something else at |",
        ["curl http://h/?a=b&c=d"] = "the shell would do something else at &",
        ["curl http://h/ > x"] = "the shell would do something else at >",
        ["curl $URL"] = "the shell would put something in the place of $URL",
        ["curl \"http://h/$X\""] = "the shell would put something in the place of $X",
        ["curl `cat x`"] = "the shell would put something in the place of `",
        ["curl http://h/\nrm x"] = "there is more than one command",
        ["curl 'http://h/"] = "a single quote has no end",
        ["curl \"http://h/"] = "a double quote has no end",
        ["curl $'http://h/"] = "a quote ($') has no end",
        ["curl ftp://h/"] = "only http: and https: URLs are read",
        ["curl http://h/[1-9]"] = "the URL has a pattern",
        ["curl -b cookies.txt http://h/"] = "-b: NAME=VALUE expected",
        ["curl -d @- http://h/"] = "standard input cannot be had",
        ["curl -d @/nowhere http://h/"] = "/nowhere",
        ["curl -F x http://h/"] = "-F: NAME=VALUE expected",
        ["curl -F 'a=b;encoder=base64' http://h/"] = "what is behind the value cannot be had",
        ["curl -d x -F a=b http://h/"] = "of -d, -F, -T and -I one alone can be had",
        ["curl -H 'A b: c' http://h/"] = "invalid name",
        ["curl -m soon http://h/"] = "-m: number expected, got \"soon\"",
        ["curl --resolve x http://h/"] = "option 'resolve[1]'",
        ['curl ^"http://h/^"'] = "this is a line for cmd.exe",
      }) do
        local url, err = ms.from_curl(text)
        assert.is_nil(url, text)
        assert.equal("curl", err.kind)
        assert.is_truthy(err.message:find(message, 1, true), text .. ": " .. err.message)
      end
      assert.matches("from_curl: string expected, got 1", helper.failure(ms.from_curl, 1))
    end)

    it("may have any blanks around it", function()
      for _, text in ipairs({ "curl http://h/\r", "\r\ncurl\vhttp://h/\r\n\r\n",
        "curl http://h/ \\\r\n -s" }) do
        assert.equal("http://h/", (ms.from_curl(text)))
      end
      local _, options = ms.from_curl("curl http://h/ -H 'A:  b  c ' -H 'B: '")
      assert.same({ A = "b  c" }, options.headers)
    end)
  end)
end)
