-- bin/multisock as users run it: its files, what it says, how it ends.
local arguments = require("multisock.command.arguments")
local cjson = require("cjson")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local names = require("multisock.command.names")
local progress = require("multisock.command.progress")
local servers = require("spec.support.servers")
local text = require("multisock.command.text")

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local content = file:read("a")
  file:close()
  return content
end

local function write_file(path, content)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

local function shell(script)
  local pipe = assert(io.popen(script))
  local said = pipe:read("a")
  pipe:close()
  return said
end

local interpreter
do
  local i = 0
  while arg[i - 1] do
    i = i - 1
  end
  interpreter = arg[i]
end
local source = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
local root = shell("cd " .. quote(source) .. "/.. && pwd"):gsub("\n$", "")
local MULTISOCK = quote(interpreter) .. " " .. quote(root .. "/bin/multisock")
-- A preloaded sanitizer makes curl hang at its start.
local CURL = "env -u LD_PRELOAD " .. servers.program("curl", "curl") .. " --noproxy '*' -s -m 10 "

---- A folder for each spec, and the command run in it --------------------------

local dir

local function words(list)
  local quoted = {}
  for i, word in ipairs(list) do
    quoted[i] = quote(word)
  end
  return table.concat(quoted, " ")
end

-- Runs `multisock` with these arguments; returns its status, stdout, stderr.
-- `rest` is shell: redirections and the like.
local function run(list, rest)
  local script = ("cd %s && { %s %s </dev/null %s; } >../out 2>../err; echo $?"):format(quote(dir),
    MULTISOCK, words(list), rest or "")
  local status = tonumber(shell(script))
  return status, read_file(dir .. "/../out"), read_file(dir .. "/../err")
end

local function get(...)
  return run({ "get", ... })
end

-- The names in the folder, as one string.
local function files()
  return (shell("cd " .. quote(dir) .. " && LC_ALL=C ls -A"):gsub("\n", " "):gsub(" $", ""))
end

local function content(name)
  return read_file(dir .. "/" .. name)
end

local function records(out)
  local list, by_url = {}, {}
  for line in out:gmatch("[^\n]+") do
    local record = cjson.decode(line)
    list[#list + 1] = record
    by_url[record.url] = record
  end
  return list, by_url
end

-- What a terminal shows after it got all this: enough of it for our own output.
local function screen(bytes, columns)
  local lines, row, column, wrap = { {} }, 1, 1, true
  local function put(char)
    if column > columns then
      if wrap then
        row, column = row + 1, 1
      else
        column = columns
      end
    end
    lines[row] = lines[row] or {}
    lines[row][column] = char
    column = column + 1
  end
  local function erase(line, from)
    for i = from, columns do
      line[i] = nil
    end
  end
  local i = 1
  while i <= #bytes do
    local private, count, final = bytes:match("^\27%[(%??)(%d*)(%a)", i)
    if final then
      if final == "A" then
        row = math.max(1, row - tonumber(count))
      elseif private == "?" then
        wrap = final == "h"
      else
        erase(lines[row], column)
        for below = row + 1, final == "J" and #lines or row do
          lines[below] = {}
        end
      end
      i = i + 2 + #private + #count + 1
    else
      local char = bytes:sub(i, i)
      if char == "\r" then
        column = 1
      elseif char == "\n" then
        row = row + 1
        lines[row] = lines[row] or {}
      else
        put(char)
      end
      i = i + 1
    end
  end
  local shown = {}
  for n = 1, #lines do
    local line = {}
    for c = 1, columns do
      line[c] = lines[n][c] or " "
    end
    shown[n] = table.concat(line):gsub(" +$", "")
  end
  return (table.concat(shown, "\n"):gsub("\n+$", ""))
end

describe("the command", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  before_each(function()
    local work = shell("mktemp -d \"${TMPDIR:-/tmp}/multisock.XXXXXX\""):gsub("\n", "")
    dir = work .. "/d"
    shell("mkdir " .. quote(dir))
  end)

  after_each(function()
    shell("rm -rf " .. quote((dir:gsub("/d$", ""))))
    helper.check_leaks()
  end)

  describe("names", function()
    local long = ("n"):rep(300)
    local umlauts = ("ü"):rep(200)
    for url, expected in pairs({
      ["http://h/a/b.txt"] = "b.txt",
      ["http://h/a.txt?x=/y#/z"] = "a.txt",
      ["http://h/a#b?c/d"] = "a",
      ["http://h"] = "index.html",
      ["http://h?x=/etc/passwd"] = "index.html",
      ["http://h/dir/"] = "index.html",
      ["http://h/my%20file%2B1.txt"] = "my file+1.txt",
      ["http://h/a/..%2f..%2fetc"] = "etc",
      ["http://h/..%2F..%2Fetc%2Fpasswd"] = "passwd",
      ["http://h/%2e%2e"] = "index.html",
      ["http://h/%2e%2e%2f"] = "index.html",
      ["http://h/.."] = "index.html",
      ["http://h/."] = "index.html",
      ["http://h/..%5c..%5cetc"] = "_.._etc",
      ["http://h/.bashrc"] = "bashrc",
      ["http://h/%20.%20x%20"] = "x",
      ["http://h/a%00b%0a%1b[2Jc%7f"] = "a_b__[2Jc_",
      ["http://h/%C2%9Bx"] = "_x",
      ["http://h/%FFx%E2%82"] = "_x__",
      ["http://h/exe%E2%80%AEtxt"] = "exe_txt",
      ["http://h/%E4%B8%AD%E6%96%87"] = "中文",
      ["http://h/100%"] = "100%",
      ["http://h/" .. long .. ".tar"] = ("n"):rep(236) .. ".tar",
      ["http://h/" .. umlauts] = ("ü"):rep(120),
      ["http://h/x." .. long] = "x." .. ("n"):rep(238),
    }) do
      it("come from the URL: " .. (#url > 60 and url:sub(1, 12) .. "..." or url), function()
        assert.equal(expected, names.from_url(url))
      end)
    end

    it("are given once, and not while something stands there", function()
      local folder = names.folder(dir)
      write_file(dir .. "/b", "")
      shell("ln -s nowhere " .. quote(dir .. "/c") .. " && mkdir " .. quote(dir .. "/d"))
      local function claim(name)
        return (folder:claim(name):gsub("^.*/", ""))
      end
      assert.equal("a", claim("a"))
      assert.equal("a.1", claim("a"))
      assert.equal("a.2", claim("a"))
      assert.equal("b.1", claim("b"))
      assert.equal("c.1", claim("c"))
      assert.equal("d.1", claim("d"))
      -- "a.part" is the partial file of "a".
      assert.equal("a.part.1", claim("a.part"))
    end)
  end)

  describe("text", function()
    it("is cut in the middle to the columns it has", function()
      assert.equal("name  ", text.fit("name", 6))
      assert.equal("abc...xyz", text.fit("abcdefghijklmnopqrstuvwxyz", 9))
      assert.equal("a.z", text.fit("abcdefghijklmnopqrstuvwxyz", 3))
      assert.equal("", text.fit("abc", 0))
      assert.equal("中文...字", text.fit("中文名字中文名字", 9))
      for width = 0, 30 do
        assert.equal(width, text.width(text.fit("中文名字.e\204\129-long-name", width)))
      end
    end)

    it("is told apart from others that would look like it", function()
      assert.same({ "...6.tar.", "...7.tar.", "...7.tar.", "cur....gz", "x        " },
        text.fit_apart({ "lua-5.4.6.tar.gz", "lua-5.4.7.tar.gz", "lua-5.4.7.tar.gz", "curl.tar.gz",
          "x" }, 9))
      assert.same({ "video-01", "video-02" }, text.fit_apart({ "video-01", "video-02" }, 8))
      for width = 0, 12 do
        for _, name in ipairs(text.fit_apart({ "中文名字一-long", "中文名字二-long" }, width)) do
          assert.equal(width, text.width(name))
        end
      end
    end)

    it("shows sizes and times in five columns", function()
      for bytes, shown in pairs({
        [0] = "0", [999] = "999", [1000] = "0.98K", [1024] = "1.00K", [12595] = "12.3K",
        [1048575] = "1.00M", [209715200] = "200M", [1.5 * 2 ^ 40] = "1.50T",
      }) do
        assert.equal(shown, text.short_size(bytes))
      end
      assert.equal("1 byte", text.size(1))
      assert.equal("1.50 KiB", text.size(1536))
      for seconds, shown in pairs({
        [0.2] = "0:01", [59.5] = "1:00", [754] = "12:34", [3599.5] = "1h00m", [3600] = "1h00m",
        [86400 * 3.5] = "3d12h", [1e300] = ">99d", [math.huge] = ">99d",
      }) do
        assert.equal(shown, text.duration(seconds))
      end
    end)
  end)

  describe("arguments", function()
    local known = {
      ["-q"] = { name = "quiet" }, ["-P"] = { name = "count", value = "N" },
      ["-i"] = { name = "lists", value = "FILE", many = true }, ["--json"] = { name = "json" },
    }
    local function parse(...)
      return arguments.parse(known, { "get", ... }, 2)
    end

    it("may be mixed, joined and repeated", function()
      local options, operands = parse("a", "-qP4", "-i", "x", "-iy", "b", "--json", "--", "-q",
        "--")
      assert.same({ quiet = true, count = "4", lists = { "x", "y" }, json = true }, options)
      assert.same({ "a", "b", "-q", "--" }, operands)
      options, operands = parse("-P", "-q", "-")
      assert.same({ count = "-q" }, options)
      assert.same({ "-" }, operands)
    end)

    it("that are wrong are named", function()
      for word, message in pairs({
        ["-x"] = "unknown option '-x'", ["-qx"] = "unknown option '-x'",
        ["--retry"] = "unknown option '--retry'",
        ["--json=1"] = "unknown option '--json=1', did you mean '--json'?",
        ["-P"] = "option '-P' needs a value: -P N",
      }) do
        local options, said = parse(word)
        assert.is_nil(options)
        assert.equal(message, said)
      end
    end)
  end)

  describe("progress", function()
    local function make()
      local batch = {
        started = 0, count = 10, done = 3, failed = 1, done_bytes = 3000, lost_bytes = 0,
        active = {
          { started = 0, wanted = "a-file-with-a-long-name-that-has-to-be-cut.tar.gz", status = 200,
            size = 0, total = 4096000 },
          { started = 0, wanted = "endless", status = 200, size = 0 },
          { started = 0, wanted = "bad\27[2J", url = "http://h/", size = 0 },
        },
      }
      local frames = {}
      local display = progress.new(batch, function(frame)
        frames[#frames + 1] = frame
      end, function()
        return 80, 24
      end)
      return display, batch, frames
    end

    -- Ten steps of 0.1 s, 102,400 bytes each for the first file.
    local function advance(display, batch)
      for step = 1, 10 do
        batch.active[1].size = step * 102400
        batch.active[2].size = step * 1024
        display:lines(step / 10, 80, 24)
      end
    end

    it("has a line for each file and one for all", function()
      local display, batch = make()
      advance(display, batch)
      local lines = display:lines(1, 79, 24)
      local expected = {
        "^a%-file%-with%-a%-lo.*%.%.%..*cut%.tar%.gz   25%%  0%.98M/3%.91M  0%.98M/s   0:03$",
        "^endless +%-        10%.0K  10%.0K/s      %-$",
        "^bad%?%[2J +%-      waiting        %-      %-$",
        "^3 of 10 files done, 1 failed +0%.99M  0%.99M/s   0:0%d$",
      }
      assert.equal(4, #lines)
      for i, pattern in ipairs(expected) do
        assert.truthy(lines[i]:find(pattern), lines[i])
      end
    end)

    it("shows which file is which at 40 columns", function()
      local display, batch = make()
      for i, job in ipairs(batch.active) do
        job.wanted = ("debian-12.7.0-amd64-DVD-%d.iso"):format(i)
      end
      advance(display, batch)
      local lines, seen = display:lines(1, 39, 24), {}
      for i = 1, 3 do
        local name = lines[i]:sub(1, 7)
        assert.is_nil(seen[name], lines[i])
        assert.truthy(name:find("^%.%.%." .. i), lines[i])
        seen[name] = true
      end
    end)

    it("fits any terminal", function()
      local display, batch = make()
      advance(display, batch)
      for columns = 1, 120 do
        for _, line in ipairs(display:lines(1, columns, 24)) do
          assert.truthy(text.width(line) <= columns, columns .. ": " .. line)
        end
      end
      for rows = 1, 6 do
        local lines = display:lines(1, 39, rows)
        assert.equal(math.min(rows, 4), #lines)
        assert.truthy(lines[#lines]:find("^3/10"), lines[#lines])
      end
      assert.truthy(display:lines(1, 39, 3)[2]:find("^%.%.%. and 2 more"))
      local line = display:lines(1, 39, 24)[1]
      assert.truthy(line:find("^a%S+  25%% 0%.98M/3%.91M 0%.98M/s  0:03$"), line)
    end)

    it("smooths rates, which are right from the first second", function()
      local meter = progress.meter(0, 0)
      local rate
      for step = 1, 10 do
        rate = meter:sample(step / 10, step * 100)
      end
      assert.near(1000, rate, 0.01)
      -- A stop shows, but not at once; after a while nothing is left of it.
      rate = meter:sample(1.1, 1000)
      assert.truthy(rate > 700 and rate < 1000, rate)
      assert.truthy(meter:sample(30, 1000) < 1)
    end)

    it("is drawn over itself, and taken away at the end", function()
      local display, batch, frames = make()
      display:draw(0.1)
      batch.active[2] = nil
      batch.active[3] = nil
      display:draw(0.2)
      local shown = screen(table.concat(frames), 80)
      assert.equal(2, select(2, shown:gsub("\n", "\n")) + 1, shown)
      assert.truthy(shown:find("^a%-file"))
      display:clear()
      display:clear()
      assert.equal("", (screen(table.concat(frames), 80):gsub("%s", "")))
    end)
  end)

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
      assert.equal("209715200", (shell("wc -c <" .. quote(dir .. "/200m")):gsub("%s", "")))
    end)

    it("makes the folder of -o, and stays inside of it", function()
      local target = dir .. "/new/it's here"
      local status, _, err = get("-o", target, nginx.url("/file/%2e%2e"),
        nginx.url("/file/..%2f..%2fetc"), hostile.url("/bytes/..%2f..%2f..%2fx"),
        hostile.url("/bytes?n=7"), nginx.url("/file/a%2fb"))
      assert.equal(1, status, err)
      -- What is not refused by the servers is there, and nowhere else.
      assert.equal("b bytes", (shell("cd " .. quote(target) .. " && ls -A"):gsub("\n", " "):gsub(
        " $", "")))
      assert.equal("new", files())
      assert.equal("d err out", (shell("cd " .. quote(dir) .. "/.. && LC_ALL=C ls -A"):gsub("\n",
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
      write_file(dir .. "/1k", "mine")
      write_file(dir .. "/../outside", "mine")
      shell("cd " .. quote(dir) .. " && ln -s ../outside x.part && ln -s ../new y")
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
      write_file(dir .. "/1k.part", ("old"):rep(1000))
      local status, _, err = get(nginx.url("/1k"))
      assert.equal(0, status)
      assert.equal("1k", files())
      assert.equal(servers.bytes(1024), content("1k"))
      assert.truthy(err:find("1k.part from before was replaced", 1, true), err)
    end)

    it("keeps the partial file of a body that ends early", function()
      local status, _, err = get(hostile.url("/truncate?bytes=300&claim=1000"),
        hostile.url("/truncate-chunk"), hostile.url("/reset-after?bytes=10"), nginx.url("/1k"))
      assert.equal(1, status)
      assert.equal("1k reset-after.part truncate-chunk.part truncate.part", files())
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

    it("shows no credentials and nothing that steers a terminal", function()
      local port = nginx.port
      local status, out, err = get("--json", ("http://joe:secret@127.0.0.1:%d/\155no"):format(port))
      assert.equal(1, status)
      assert.falsy((out .. err):find("secret", 1, true), out .. err)
      assert.falsy(err:find("\155", 1, true), err)
    end)

    it("reads lists of URLs", function()
      write_file(dir .. "/../list", ("\239\187\191# a list\n\n %s\r\n%s\nexample.com/x\n"):format(
        nginx.url("/file/a"), nginx.url("/file/b")))
      write_file(dir .. "/../stdin", nginx.url("/file/d"))
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
        shell(CURL .. hostile.url("/stats-reset"))
        assert.equal(0, (run(list)))
        local stats = cjson.decode(shell(CURL .. hostile.url("/stats")))
        -- curl's own connections may still be open, or be open again.
        assert.truthy(stats.peak >= count and stats.peak <= count + 1, stats.peak)
        assert.equal(6, stats.paths["/late"])
      end
    end)

    it("prints a record for each URL with --json, as it ends", function()
      local slow, bad = hostile.url("/late?delay=0.3&body=slow"), nginx.url("/nope")
      local broken = hostile.url("/truncate?bytes=300")
      write_file(dir .. "/1k", "mine")
      local status, out, err = get("--json", "-q", slow, bad, broken, nginx.url("/1k"))
      assert.equal(1, status)
      assert.truthy(err:find("^failed: 2\n"), err)
      local list, by_url = records(out)
      assert.equal(4, #list)
      assert.equal(slow, list[4].url)
      assert.truthy(list[4].seconds >= 0.3 and list[4].seconds < helper.seconds(5))
      list[4].seconds = nil
      assert.same({ url = slow, path = "late", size = 4, status = 200, ok = true }, list[4])
      assert.equal("1k.1", by_url[nginx.url("/1k")].path)
      assert.same({ kind = "status", message = "HTTP status 404 Not Found" }, by_url[bad].error)
      assert.equal(404, by_url[bad].status)
      assert.is_false(by_url[bad].ok)
      assert.is_nil(by_url[bad].path)
      assert.equal("closed", by_url[broken].error.kind)
      assert.equal("truncate.part", by_url[broken].part)
      assert.equal(300, by_url[broken].size)
    end)

    it("says nothing with -q, and shows no progress but on a terminal", function()
      local slow = hostile.url("/trickle?bytes=30&delay=0.01")
      local status, out, err = get("-q", slow)
      assert.equal("0", status .. out .. err)
      status, out, err = get(slow)
      assert.equal("0", status .. out)
      assert.falsy(err:find("[\r\27]"), err)
    end)

    it("fails when records cannot be written, but gets the files", function()
      local url = nginx.url("/file/a")
      -- valgrind opens a closed standard stream before we run.
      for _, target in ipairs({ ">/dev/full", helper.timing_is_real and ">&-" or nil }) do
        local status, _, err = run({ "get", "--json", url }, target)
        assert.equal(1, status)
        assert.truthy(err:find("cannot write to standard output", 1, true), err)
        assert.truthy(err:find("\n1 file, ", 1, true), err)
      end
      -- A reader that has gone: the second record comes after its end.
      local _, out = run({ "get", "--json", "-P1", url, hostile.url("/late?delay=0.3"), url },
        "2>../err2 | head -n 1")
      assert.equal(1, #records(out))
      assert.truthy(read_file(dir .. "/../err2"):find("Broken pipe", 1, true))
      assert.truthy(content("late"))
      shell("rm " .. quote(dir) .. "/*")
      assert.equal(0, (run({ "get", url }, "2>&-")))
      assert.equal("a", files())
      assert.equal("body-a", content("a"))
    end)

    it("reports a file that cannot be written", function()
      shell("mkdir " .. quote(dir .. "/x.part") .. " && touch " .. quote(dir .. "/x.part/y"))
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
      local status, seconds = shell(script):match("(%d+) (%d+)")
      assert.equal("130", status)
      assert.truthy(tonumber(seconds) <= helper.seconds(2), seconds)
      assert.equal("1k slow.part stall-body.part", files())
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

    local has_script = shell("script --version 2>/dev/null"):find("util%-linux")
    for _, columns in ipairs(has_script and { 80, 40 } or {}) do
      it(("shows progress on a terminal of %d columns, then a summary"):format(columns), function()
        local url = hostile.url("/trickle?bytes=12&delay=0.1")
        local inner = ("stty cols %d rows 10; unset COLUMNS LINES; cd %s; %s get %s %s %s"):format(
          columns, quote(dir), MULTISOCK, quote(url), quote(nginx.url("/1k")),
          quote(nginx.url("/nope")))
        shell(("SHELL=/bin/sh TERM=xterm script -qec %s /dev/null </dev/null >%s"):format(
          quote(inner), quote(dir .. "/../typescript")))
        local bytes = read_file(dir .. "/../typescript")
        local frames = select(2, bytes:gsub("\27%[%?7l", ""))
        assert.truthy(frames >= 3, bytes)
        -- At most ten a second: about 1.2 seconds go by.
        assert.truthy(frames <= 20 or not helper.timing_is_real, frames)
        assert.truthy(bytes:find("trickle +%d+%% +%d+/12 +%d+/s +0:0%d"), bytes)
        -- After the fourth frame the screen holds its two lines and nothing else.
        local stop = 0
        for _ = 1, 4 do
          stop = select(2, assert(bytes:find("\27[?7h", stop + 1, true)))
        end
        local during = screen(bytes:sub(1, stop), columns)
        local pattern = "^trickle +%d+%% [^\n]+\n1 ?[o/]f? ?3 [%a ]*done, 1 failed [^\n]+$"
        assert.truthy(during:find(pattern), during)
        local at_end = screen(bytes, math.max(columns, 100))
        assert.falsy(at_end:find("%%", 1, true), at_end)
        local table_and_summary = "^failed: 1\nkind [^\n]+\nstatus [^\n]+ 404 [^\n]+\n2 files, "
        assert.truthy(at_end:find(table_and_summary), at_end)
      end)
    end

    for name, case in pairs({
      ["no URL"] = { {}, "no URL given" },
      ["an unknown option"] = { { "--retry", "3", "http://h/" }, "unknown option '--retry'" },
      ["a URL without scheme"] = { { "example.com/a" },
        "'example.com/a' has no scheme: write https://example.com/a" },
      ["a wrong -P"] = { { "-P", "many", "http://h/" }, "-P many: a whole number of 1 or more" },
      ["a -P of 0"] = { { "-P0", "http://h/" }, "-P 0: a whole number of 1 or more" },
      ["a missing value"] = { { "http://h/", "-o" }, "option '-o' needs a value: -o DIR" },
      ["a missing list"] = { { "-i", "no such" }, "-i no such: No such file or directory" },
      ["a folder as a list"] = { { "-i", "/" }, "-i /: Is a directory" },
      ["a file as the folder"] = { { "-o", "/dev/null/x", "http://h/" }, "-o /dev/null/x: " },
    }) do
      it("names what is wrong in its arguments: " .. name, function()
        local status, out, err = get(table.unpack(case[1]))
        assert.equal(2, status)
        assert.equal("", out)
        assert.equal("multisock get: " .. case[2], err:sub(1, #case[2] + 15), err)
        assert.truthy(err:find("(try 'multisock get --help')\n", 1, true), err)
        assert.equal("", files())
      end)
    end
  end)

  describe("otherwise", function()
    it("tells the versions that run", function()
      for _, word in ipairs({ "version", "--version" }) do
        local status, out, err = run({ word })
        assert.equal("0", status .. err)
        assert.truthy(out:find("^multisock %d+%.%d+%.%d+\n"), out)
        assert.truthy(out:find("\nLua +[LuaJIT ]*%d%.%d[^\n]*\nlibcurl +%d+%.[^\n]*\n"), out)
      end
    end)

    it("takes a URL for what is to be fetched", function()
      local status, _, err = run({ nginx.url("/1k"), "-o", dir })
      assert.equal(0, status, err)
      assert.equal(servers.bytes(1024), content("1k"))
    end)

    it("helps", function()
      for _, list in ipairs({ { "help" }, { "--help" }, { "-h" } }) do
        local status, out, err = run(list)
        assert.equal("0", status .. err)
        assert.truthy(out:find("^usage: multisock get URL"), out)
      end
      local _, expected = run({ "get", "--help" })
      assert.truthy(expected:find("-P N ", 1, true), expected)
      for _, list in ipairs({ { "help", "get" }, { "get", "http://h/", "-h" } }) do
        local status, out, err = run(list)
        assert.equal("0", status .. err)
        assert.equal(expected, out)
      end
    end)

    it("refuses what it does not know", function()
      for _, case in ipairs({
        { {}, "usage: multisock get" }, { { "fetch" }, "multisock: unknown command 'fetch'" },
        { { "-x" }, "multisock: unknown option '-x'" },
        { { "got" }, "multisock: unknown command 'got', did you mean 'get'?" },
        { { "--verson" }, "multisock: unknown option '--verson', did you mean '--version'?" },
        { { "get", "--jsno", "http://h/" },
          "multisock get: unknown option '--jsno', did you mean '--json'?" },
        { { "help", "x" }, "multisock help: unknown command 'x'" },
        { { "version", "x" }, "multisock version: unexpected argument 'x'" },
      }) do
        local status, out, err = run(case[1])
        assert.equal(2, status)
        assert.equal("", out)
        assert.equal(case[2], err:sub(1, #case[2]))
      end
    end)

    it("fails when it cannot say what was asked for", function()
      local status, _, err = run({ "help" }, ">/dev/full")
      assert.equal(1, status)
      assert.truthy(err:find("cannot write to standard output", 1, true), err)
    end)

    it("runs from anywhere, and through links", function()
      shell(("cd %s && ln -s %s one && ln -s d/one ../two"):format(quote(dir),
        quote(root .. "/bin/multisock")))
      local said = shell(("cd %s/.. && unset LUA_PATH LUA_CPATH && %s ./two version 2>&1"):format(
        quote(dir), quote(interpreter)))
      assert.truthy(said:find("^multisock %d"), said)
    end)
  end)
end)
