-- bin/multisock as users run it: its files, what it says, how it ends.
local cjson = require("cjson")
local command = require("spec.support.command")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")

local run, get, said = command.run, command.get, shell.said
local files, content, records = command.files, command.content, command.records
local words, quote, read_file = command.words, servers.quote, shell.read_file
local MULTISOCK, CURL = command.MULTISOCK, command.CURL

describe("the command", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local dir

  command.fixture(function(made) dir = made end)

  describe("get", function()
    it("saves each URL under its name and says so in one line", function()
      local status, out, err = get(nginx.url("/1k"), nginx.url("/file/x"), nginx.url("/1m"))
      assert.equal(0, status, err)
      assert.equal("", out)
      assert.truthy(err:find("^3 files, 1%.00 MiB in %d+%.%d s %([%d.]+ %a+/s%)\n$"), err)
      assert.equal("1k 1m x", files())
      assert.equal(servers.bytes(1024), content("1k"))
      assert.equal("body-x", content("x"))
      assert.equal(1048576, #content("1m"))
    end)

    it("saves more than a buffered body may have", function()
      assert.equal(0, (get("-q", nginx.url("/200m"))))
      assert.equal("209715200", (said("wc -c <" .. quote(dir .. "/200m")):gsub("%s", "")))
    end)

    it("makes the folder of -o, and stays inside of it", function()
      local target = dir .. "/new/it's here"
      local status, _, err = get("-o", target, nginx.url("/file/%2e%2e"),
        nginx.url("/file/..%2f..%2fetc"), hostile.url("/bytes/..%2f..%2f..%2fx"),
        hostile.url("/bytes?n=7"), nginx.url("/file/a%2fb"))
      assert.equal(1, status, err)
      -- What is not refused by the servers is there, and nowhere else.
      assert.equal("b bytes", (said("cd " .. quote(target) .. " && ls -A"):gsub("\n", " "):gsub(
        " $", "")))
      assert.equal("new", files())
      assert.equal("d err out", (said("cd " .. quote(dir) .. "/.. && LC_ALL=C ls -A"):gsub("\n",
        " "):gsub(" $", "")))
    end)

    it("numbers duplicates in the order of the arguments, and says so", function()
      local late = hostile.url("/late?delay=0.2&body=1")
      local status, _, err = get(late, hostile.url("/late?delay=0&body=2"),
        hostile.url("/late?delay=0&body=3"))
      assert.equal(0, status)
      assert.equal("late late.1 late.2", files())
      assert.equal("1", content("late"))
      assert.equal("2", content("late.1"))
      assert.equal("3", content("late.2"))
      assert.truthy(err:find("late is taken: saved as late.1\n", 1, true), err)
      assert.truthy(err:find("late is taken: saved as late.2\n", 1, true), err)
    end)

    it("overwrites nothing, not even through a link", function()
      helper.write_file(dir .. "/1k", "mine")
      helper.write_file(dir .. "/../outside", "mine")
      said("cd " .. quote(dir) .. " && ln -s ../outside x.part && ln -s ../new y")
      local status, _, err = get(nginx.url("/1k"), nginx.url("/file/x"), nginx.url("/file/y"))
      assert.equal(0, status, err)
      assert.equal("1k 1k.1 x y y.1", files())
      assert.equal("mine", content("1k"))
      assert.equal(1024, #content("1k.1"))
      assert.equal("body-x", content("x"))
      assert.equal("mine", content("../outside"))
      assert.is_nil(content("../new"))
    end)

    it("begins anew where a partial file is left from before, and says so", function()
      helper.write_file(dir .. "/1k.part", ("old"):rep(1000))
      local status, _, err = get(nginx.url("/1k"))
      assert.equal(0, status)
      assert.equal("1k", files())
      assert.equal(servers.bytes(1024), content("1k"))
      assert.truthy(err:find("1k.part from before was replaced", 1, true), err)
    end)

    it("goes on where a cut one was left, and says so", function()
      local url = nginx.url("/slow?rate=100000")
      assert.equal(1, (get("-q", "--max-time", tostring(helper.seconds(0.7)), url)))
      assert.equal("slow.part slow.part.json", files())
      local left = #content("slow.part")
      local status, out, err = get("--json", nginx.url("/slow?rate=10000000"))
      assert.equal(0, status, err)
      assert.truthy(err:find("slow: went on at [%d.]+ KiB, where it was left\n"), err)
      assert.equal("slow", files())
      assert.is_true(content("slow") == ("\0"):rep(1048576))
      local record = records(out)[1]
      assert.equal(1048576, record.size)
      assert.equal(left, record.resumed_from)
    end)

    it("begins anew with --no-resume", function()
      assert.equal(1, (get("-q", "-m", tostring(helper.seconds(0.7)),
        nginx.url("/slow?rate=100000"))))
      local status, _, err = get("--no-resume", nginx.url("/slow?rate=10000000"))
      assert.equal(0, status, err)
      assert.truthy(err:find("slow.part from before was replaced", 1, true), err)
      assert.equal("slow", files())
    end)

    it("names its file as -O says, and skips what is there", function()
      assert.equal(0, (get("-q", "-O", "name", nginx.url("/1k"))))
      assert.equal("name", files())
      helper.write_file(dir .. "/x", "mine")
      local status, out = get("--json", "--skip-existing", nginx.url("/file/x"), nginx.url("/1k"))
      assert.equal(0, status)
      assert.equal("1k name x", files())
      assert.equal("mine", content("x"))
      local _, by_url = records(out)
      local record = by_url[nginx.url("/file/x")]
      assert.is_true(record.ok and record.skipped)
      assert.equal("x", record.path)
    end)

    it("keeps what was sent and received, and when, without secrets", function()
      local status, _, err = get("-q", "--har", "../x.har", "--waterfall", "../x.svg", "-H",
        "X-Api-Key: S3CRET", nginx.url("/file/a?token=S3CRET"), nginx.url("/1k"),
        nginx.url("/nowhere"))
      assert.equal(1, status, err)
      assert.equal("1k a", files())
      local har, svg = content("../x.har"), content("../x.svg")
      assert.is_nil(har:find("S3CRET", 1, true) or svg:find("S3CRET", 1, true))
      assert.equal("-rw-------", said("ls -l " .. quote(dir .. "/../x.har")):sub(1, 10))
      local statuses = {}
      for i, entry in ipairs(cjson.decode(har).log.entries) do
        statuses[i] = entry.response.status
        if entry.request.url:find("/file/a") then
          assert.equal("body-a", entry.response.content.text)
        end
      end
      table.sort(statuses)
      assert.same({ 200, 200, 404 }, statuses)
      assert.truthy(svg:find(">3 requests to ", 1, true), svg)
      status, _, err = get("--waterfall", "/nowhere/x.svg", nginx.url("/1k"))
      assert.equal(2, status)
      assert.truthy(err:find("--waterfall /nowhere/x.svg: No such file", 1, true), err)
    end)

    it("checks files against a list of checksums", function()
      said(("cd %s/.. && printf body-a | sha256sum | sed 's/-$/a/' >sums; "
        .. "printf other | sha256sum | sed 's/-$/folder\\/b/' >>sums; "
        .. "echo \"SHA256 (c) = $(printf body-c | sha256sum | cut -c 1-64)\" >>sums"):format(
        quote(dir)))
      local status, _, err = get("--checksum", "../sums", nginx.url("/file/a"),
        nginx.url("/file/b"), nginx.url("/file/c"), nginx.url("/file/d"))
      assert.equal(1, status)
      assert.equal("a c", files())
      assert.truthy(err:find("checksum +[^\n]+/file/b +[^\n]+ has the SHA%-256 "), err)
      assert.truthy(err:find("checksum +[^\n]+/file/d +no checksum for a file named d\n"), err)
      status, _, err = get("--checksum", "../sums", "--skip-existing", nginx.url("/file/a"))
      assert.equal(0, status, err)
      helper.write_file(dir .. "/a", "changed")
      status, _, err = get("--checksum", "../sums", "--skip-existing", nginx.url("/file/a"))
      assert.equal(1, status)
      assert.truthy(err:find("a is there, and has another SHA-256: ", 1, true), err)
    end)

    it("sends headers and credentials, in all ways to write it", function()
      assert.equal(0, (get("-q", "-H", "X-One: 1", "--header=X-Two: 2", "-H", "X-One: 3", "-u",
        "joe:se:cret", hostile.url("/echo"))))
      local echo = cjson.decode(content("echo"))
      local seen = {}
      for _, field in ipairs(echo.headers) do
        seen[#seen + 1] = field[1] .. ": " .. field[2]
      end
      local text = table.concat(seen, "\n")
      for _, line in ipairs({ "X-One: 1", "X-One: 3", "X-Two: 2",
        "Authorization: Basic am9lOnNlOmNyZXQ=" }) do
        assert.truthy(text:find(line, 1, true), text)
      end
    end)

    it("checks certificates by --cacert, or not at all with -k", function()
      assert.equal(1, (get("-q", nginx.tls_url("/1k"))))
      assert.equal(0, (get("-q", "--cacert", nginx.ca, nginx.tls_url("/1k"))))
      assert.equal(0, (get("-q", "-k", nginx.unknown_ca_url("/x"))))
      assert.equal("1k x", files())
    end)

    it("tries again with --retry, and asks the proxy", function()
      local status, _, err = get("--retry", "1", "-x", "http://127.0.0.1:1", nginx.url("/1k"))
      assert.equal(1, status)
      assert.truthy(err:find("connect", 1, true), err)
      said(CURL .. hostile.url("/stats-reset"))
      assert.equal(1, (get("-q", "--retry", "1", hostile.url("/status?code=503"))))
      assert.equal(2, cjson.decode(said(CURL .. hostile.url("/stats"))).paths["/status"])
    end)

    it("is no faster than --limit-rate", function()
      local start = ms.now()
      assert.equal(0, (get("-q", "--limit-rate", "1M", nginx.url("/1m"))))
      assert.is_true(ms.now() - start > 0.5, ms.now() - start)
    end)

    it("fetches a large file in --segments", function()
      local before = #nginx.log("^/1m$")
      assert.equal(0, (get("-q", "--segments", "4", nginx.url("/1m"))))
      assert.equal(1048576, #content("1m"))
      assert.equal(before + 4, #nginx.log("^/1m$", before + 4))
    end)

    it("keeps the partial file of a body that ends early", function()
      local status, _, err = get("--retry=0", hostile.url("/truncate?bytes=300&claim=1000"),
        hostile.url("/truncate-chunk"), hostile.url("/reset-after?bytes=10"), nginx.url("/1k"))
      assert.equal(1, status)
      assert.equal("1k reset-after.part reset-after.part.json truncate-chunk.part "
        .. "truncate-chunk.part.json truncate.part truncate.part.json", files())
      assert.equal(servers.bytes(300), content("truncate.part"))
      assert.equal("hello", content("truncate-chunk.part"))
      assert.truthy(err:find("closed +http://127%.0%.0%.1:%d+/truncate%?[^\n]+"
        .. "%(300 bytes in truncate%.part%)\n"), err)
      assert.truthy(err:find("\n1 file, 1.00 KiB in [^\n]+, 3 failed\n$"), err)
    end)

    it("tells what failed and why, and gets the rest", function()
      local unknown = hostile.url("/status?code=503")
      local status, out, err = get("-q", nginx.url("/nope"), "http://127.0.0.1:1/", unknown,
        "http://[bad", hostile.url("/redirect-loop"), "ftp://127.0.0.1/x", nginx.url("/1k"))
      assert.equal(1, status)
      assert.equal("", out)
      assert.equal("1k", files())
      assert.truthy(err:find("^failed: 6\nkind +url +why\n"), err)
      for _, line in ipairs({
        "status +http://127%.0%.0%.1:%d+/nope +HTTP status 404 Not Found",
        "connect +http://127%.0%.0%.1:1/ +[^\n]*[Cc]onnect[^\n]*", "status +[^\n]+ 503[^\n]*",
        "url +http://%[bad +[^\n]+", "redirect +[^\n]+", "policy +ftp://[^\n]+",
      }) do
        assert.truthy(err:find("\n" .. line .. "\n"), line .. "\n" .. err)
      end
    end)

    it("reads lists of URLs", function()
      helper.write_file(dir .. "/../list", ("\239\187\191# a list\n\n %s\r\n%s\nexample.com/x\n")
        :format(nginx.url("/file/a"), nginx.url("/file/b")))
      helper.write_file(dir .. "/../stdin", nginx.url("/file/d"))
      local status, _, err = run({ "get", nginx.url("/file/c"), "-i", "../list", "-i", "-" },
        "<../stdin")
      assert.equal(1, status)
      assert.equal("a b c d", files())
      assert.truthy(err:find("../list:5: 'example.com/x' has no scheme", 1, true), err)
      assert.truthy(err:find("\n4 files, ", 1, true), err)
      status, _, err = get("-i", "/dev/null")
      assert.equal(0, status)
      assert.truthy(err:find("^0 files, 0 bytes in "), err)
    end)

    it("runs as many at once as -P says", function()
      for _, count in ipairs({ 1, 3 }) do
        local list = { "get", "-q", "-P", tostring(count) }
        for i = 1, 6 do
          list[#list + 1] = hostile.url("/late?delay=0.2&body=" .. i)
        end
        said(CURL .. hostile.url("/stats-reset"))
        assert.equal(0, (run(list)))
        local stats = cjson.decode(said(CURL .. hostile.url("/stats")))
        -- curl's own connections may still be open, or be open again.
        assert.truthy(stats.peak >= count and stats.peak <= count + 1, stats.peak)
        assert.equal(6, stats.paths["/late"])
      end
    end)

    it("reports a file that cannot be written", function()
      said("mkdir " .. quote(dir .. "/x.part") .. " && touch " .. quote(dir .. "/x.part/y"))
      local status, _, err = get(nginx.url("/file/x"))
      assert.equal(1, status)
      assert.truthy(err:find("\nio +[^\n]+ x%.part: "), err)
    end)

    it("stops at Ctrl-C, leaves partial files, and tells what was done", function()
      local slow, stalled = nginx.url("/slow?rate=100000"), hostile.url("/stall-body?bytes=77")
      local list = { "get", "--json", "-P3", nginx.url("/1k"), slow, stalled,
        hostile.url("/stall"), nginx.url("/file/never") }
      local script = ([[cd %s
        %s %s </dev/null >../out 2>../err & pid=$!
        i=0
        until [ -s slow.part ] && [ -e stall-body.part ] && [ -s ../out ] || [ $i -gt %d ]; do
          i=$((i + 1)); sleep 0.05
        done
        sleep 0.3
        kill -INT $pid
        start=$(date +%%s)
        wait $pid; echo $? $(($(date +%%s) - start))]]):format(quote(dir), MULTISOCK, words(list),
        helper.seconds(10) * 20)
      local status, seconds = said(script):match("(%d+) (%d+)")
      assert.equal("130", status)
      assert.truthy(tonumber(seconds) <= helper.seconds(2), seconds)
      assert.equal("1k slow.part slow.part.json stall-body.part stall-body.part.json", files())
      assert.equal(servers.bytes(77), content("stall-body.part"))
      local err = read_file(dir .. "/../err")
      assert.truthy(err:find("unfinished: stall-body.part (77 bytes)\n", 1, true), err)
      assert.truthy(err:find("interrupted: 1 of 5 files, [^\n]+, 3 unfinished\n$"), err)
      assert.falsy(err:find("traceback", 1, true), err)
      local ended, by_url = records(read_file(dir .. "/../out"))
      assert.equal(4, #ended)
      assert.equal("cancelled", by_url[stalled].error.kind)
      assert.equal("stall-body.part", by_url[stalled].part)
      assert.equal(#content("slow.part"), by_url[slow].size)
    end)
  end)
end)
