-- Parts of the command: names of files, text for people, arguments, and what a terminal
-- shows while files arrive.
local arguments = require("multisock.command.arguments")
local helper = require("spec.helper")
local names = require("multisock.command.names")
local progress = require("multisock.command.progress")
local servers = require("spec.support.servers")
local terminal = require("spec.support.terminal")
local text = require("multisock.base.text")

describe("the command's", function()
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
      local dir = servers.make_dir()
      local folder = names.folder(dir)
      helper.write_file(dir .. "/b", "")
      servers.output(("cd %s && ln -s nowhere c && mkdir d"):format(servers.quote(dir)))
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
      servers.output("rm -rf " .. servers.quote(dir))
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
      local shown = terminal.screen(table.concat(frames), 80)
      assert.equal(2, select(2, shown:gsub("\n", "\n")) + 1, shown)
      assert.truthy(shown:find("^a%-file"))
      display:clear()
      display:clear()
      assert.equal("", (terminal.screen(table.concat(frames), 80):gsub("%s", "")))
    end)
  end)
end)
