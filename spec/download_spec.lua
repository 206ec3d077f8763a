-- ms.download: from servers as they are, and from odd ones (support/odd_ranges.py). How long it
-- waits, and for what: download_waits_spec.lua, on a mock's clock.
local cjson = require("cjson")
local core = require("multisock.core")
local downloads = require("spec.support.downloads")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")

local quote, output = servers.quote, servers.output
local read, files, file, asked = downloads.read, downloads.files, downloads.file, downloads.asked
local leave, is_right = downloads.leave, downloads.is_right

describe("a download", function()
  local nginx = fixtures.nginx()
  local path, dir
  downloads.fixture(function(...) path, dir = ... end)

  it("has the file, its size and its SHA-256", helper.task(function()
    local result, err = ms.download(nginx.url("/1k"), path)
    is_right(result, err, 1024)
    assert.equal(0, result.resumed_from)
    assert.equal(output("sha256sum < " .. quote(path)):match("^%x+"), result.sha256)
  end))

  it("works on the main chunk, and of a client", function()
    local client = ms.client({ base_url = nginx.url("/") })
    assert.equal(6, assert(client:download("file/1", path)).size)
    assert.equal("body-1", read())
    client:close()
  end)

  it("of other protocols comes whole", helper.task(function()
    helper.write_file(dir .. "/source", "content")
    local result = assert(ms.download("file://" .. dir .. "/source", path,
      { protocols = { "file" }, segments = 2, fsync = true }))
    assert.equal(7, result.size)
    assert.equal("content", read())
    assert.equal("f source", files())
  end))

  it("of nothing is an empty file", helper.task(function()
    is_right(ms.download(file("size=0"), path), nil, 0)
    is_right(ms.download(file("size=0&mode=chunked"), path), nil, 0)
  end))

  it("replaces what was there, when all is there", helper.task(function()
    helper.write_file(path, "old")
    assert.is_nil((ms.download(file("cut=100"), path, { tries = 0 })))
    assert.equal("old", read())
    os.remove(path .. ".part")
    is_right(ms.download(file(""), path), nil, 100000)
  end))

  it("that is refused leaves nothing", helper.task(function()
    for _, url in ipairs({ nginx.url("/nope"), "http://127.0.0.1:1/", file("fail=1") }) do
      local err = helper.err_of(ms.download(url, path))
      assert.truthy(err.kind == "status" or err.kind == "connect", err)
      assert.equal("", files())
    end
  end))

  describe("that was cut", function()
    it("goes on by itself", helper.task(function()
      local url = file("cut=30000")
      is_right(ms.download(url, path), nil, 100000)
      assert.same({ { cjson.null, cjson.null }, { "bytes=30000-", '"v1"' },
        { "bytes=60000-", '"v1"' }, { "bytes=90000-", '"v1"' } }, asked(url))
    end))

    it("goes on after resets and answers of 503", helper.task(function()
      is_right(ms.download(file("cut=60000&reset=1&fail=2"), path), nil, 100000)
    end))

    it("leaves a server alone for as long as it asks, or gives up", helper.task(function()
      local start = ms.now()
      is_right(ms.download(file("cut=60000&fail=2&wait=300"), path), nil, 100000)
      assert.is_true(ms.now() - start >= 0.3)
      os.remove(path)
      local err = helper.err_of(ms.download(file("cut=60000&fail=2&wait=200000"), path))
      assert.equal(503, err.response.status)
    end))

    it("ends when nothing is gained any more", helper.task(function()
      local url = file("cut=30000&mode=whole")
      assert.equal("closed", helper.err_of(ms.download(url, path, { tries = 2 })).kind)
      assert.equal("f.part f.part.json", files())
      assert.is_true(#asked(url) <= 6, #asked(url))
    end))

    it("is gone on with by the next one", helper.task(function()
      local url = file("cut=30000&cuts=1")
      assert.equal(30000, leave(url))
      assert.equal("f.part f.part.json", files())
      local result, err = ms.download(url, path)
      is_right(result, err, 100000)
      assert.equal(30000, result.resumed_from)
      assert.same({ "bytes=30000-", '"v1"' }, asked(url)[2])
    end))

    it("by a date, too", helper.task(function()
      local url = file("cut=30000&cuts=1&etag=none&date=1")
      leave(url)
      local result, err = ms.download(url, path)
      is_right(result, err, 100000)
      assert.equal(30000, result.resumed_from)
      assert.same({ "bytes=30000-", "Wed, 01 Jan 2020 00:00:00 GMT" }, asked(url)[2])
    end))

    it("begins anew where nothing tells that it is the same", helper.task(function()
      for _, query in ipairs({ "etag=none", "etag=weak", "change=2", "etag=none&date=2" }) do
        local url = file("cut=30000&cuts=1&" .. query)
        leave(url)
        local result, err = ms.download(url, path)
        is_right(result, err, 100000, query == "change=2" and 1 or 0)
        assert.equal(0, result.resumed_from)
      end
    end))

    it("begins anew with resume = false, and without what tells what is there", helper.task(
      function()
        local url = file("cut=30000&cuts=2")
        leave(url)
        assert.equal(30000, leave(url, { resume = false }))
        os.remove(path .. ".part.json")
        local result, err = ms.download(url, path)
        is_right(result, err, 100000)
        assert.equal(0, result.resumed_from)
      end))

    it("asks whether all that is there is still the file", helper.task(function()
      local url = file("")
      leave(url .. "cut=1000")
      local state = read(path .. ".part.json"):gsub("1000%]%]", "100000]]")
      helper.write_file(path .. ".part", servers.bytes(100000))
      helper.write_file(path .. ".part.json", state)
      local result, err = ms.download(url, path)
      is_right(result, err, 100000)
      assert.equal(99999, result.resumed_from)
    end))

    it("goes on at a URL with another query, but not at another URL", helper.task(function()
      local url = file("cut=30000&cuts=1")
      leave(url)
      local result, err = ms.download(url .. "&signature=2", path)
      is_right(result, err, 100000)
      assert.equal(30000, result.resumed_from)
      leave(file("cut=30000"))
      result, err = ms.download(file("seed=1"):gsub("/file", "/other"), path)
      is_right(result, err, 100000, 1)
      assert.equal(0, result.resumed_from)
    end))

    it("believes no state that makes no sense", helper.task(function()
      for _, state in ipairs({ "", "{", "[]", "1", '{"version":2,"ranges":[[0,10]]}',
        '{"version":1,"etag":"\\"v1\\"","ranges":[[10,5]]}',
        '{"version":1,"etag":"\\"v1\\"","ranges":[[0,5],[4,9]]}',
        '{"version":1,"etag":"\\"v1\\"","ranges":[[-1,5]]}',
        '{"version":1,"etag":"\\"v1\\"","ranges":[["a",5]]}',
        '{"version":1,"etag":7,"ranges":[[0,5]]}', '{"version":1,"etag":"\\"v1\\""}',
        '{"version":1,"etag":"\\"v1\\"","ranges":[[500,900]]}',
        '{"version":1,"etag":"a\\r\\nX-Forged: 1","ranges":[[0,5]]}',
        '{"version":1,"etag":"\\u0000","ranges":[[0,5]]}',
        '{"version":1,"last_modified":"a\\nX-Forged: 1","ranges":[[0,5]]}' }) do
        helper.write_file(path .. ".part", "wrong")
        local url = file("")
        local place = core.sha256():update((url:gsub("%?.*", ""))):finish()
        helper.write_file(path .. ".part.json", (state:gsub('"ranges"',
          '"place":"' .. place .. '","source":"' .. core.sha256():update(url):finish() .. '",%0')))
        local result, err = ms.download(url, path)
        is_right(result, err, 100000)
        assert.equal(0, result.resumed_from)
      end
    end))

    it("takes away what is behind all that is known, however much that is", helper.task(function()
      local url = file("cut=30000&cuts=1&etag=v1")
      leave(url)
      local left = assert(io.open(path .. ".part", "ab"))
      left:write(("x"):rep(500000))
      left:close()
      local result, err = ms.download(url, path)
      is_right(result, err, 100000)
      assert.equal(30000, result.resumed_from)
    end))
  end)

  describe("that its program leaves", function()
    it("keeps what is there when it is cancelled, and lets go of it", helper.task(function()
      local url = file("size=1000000&delay=0.02")
      local task = ms.spawn(ms.download, url, path)
      while (read(path .. ".part") or "") == "" do ms.sleep(0.01) end
      task:cancel()
      assert.is_false((task:join()))
      assert.equal("f.part f.part.json", files())
      local result, err = ms.download(url, path)
      is_right(result, err, 1000000)
      assert.is_true(result.resumed_from > 0)
    end))

    it("ends after timeout.total, which is of all of it", helper.task(function()
      local err = helper.err_of(ms.download(file("size=1000000&delay=0.05&cut=100000"), path,
        { timeout = 0.3 }))
      assert.equal("timeout", err.kind)
      assert.truthy(err.url)
    end))

    it("ends when its server falls silent", helper.task(function()
      local err = helper.err_of(ms.download(file("size=1000000&delay=5"), path,
        { timeout = { idle = 0.1 }, tries = 0 }))
      assert.equal("timeout", err.kind)
    end))

    it("ends with its client", helper.task(function()
      local client = ms.client()
      local task = ms.spawn(client.download, client, file("size=1000000&delay=0.05"), path)
      while (read(path .. ".part") or "") == "" do ms.sleep(0.01) end
      client:close()
      local ok, result, err = task:join()
      assert.is_true(ok)
      assert.is_nil(result)
      assert.equal("cancelled", err.kind)
    end))

    it("raises what progress raises", helper.task(function()
      local ok, err = ms.spawn(ms.download, file(""), path, { progress = function()
        error("mine", 0)
      end }):join()
      assert.is_false(ok)
      assert.equal("mine", err)
    end))
  end)

  it("tells how far it is", helper.task(function()
    local seen = {}
    assert(ms.download(file("size=400000&delay=0.05"), path, { progress = function(p)
      seen[#seen + 1] = p
    end }))
    assert.is_true(#seen >= 2, #seen)
    for i, p in ipairs(seen) do
      assert.equal(400000, p.down_total)
      assert.is_true(i == 1 or p.down >= seen[i - 1].down)
      assert.is_true(p.speed > 0)
    end
    assert.equal(400000, seen[#seen].down)
    assert.equal(0, seen[#seen].eta)
  end))

  it("says what is wrong in its arguments, where it was called", function()
    local digits = ("0"):rep(64)
    for message, arguments in pairs({
      ["download: URL or list of URLs expected, got nil"] = {},
      ["download: URL or list of URLs expected, got a list"] = { {}, "f" },
      ["download: URL 2: string expected, got 7"] = { { "http://h/", 7 }, "f" },
      ["download: path of a file expected, got nil"] = { "http://h/" },
      ['got the URL "http://h/x": it comes first'] = { "f", "http://u:secret@h/x" },
      ["download: table of options expected, got 7"] = { "http://h/", "f", 7 },
      ["download: unknown option \"checksums\", did you mean 'checksum'?"] =
        { "http://h/", "f", { checksums = 1 } },
      ["option 'checksum': \"sha256:\" and 64 hexadecimal digits expected, got \"md5:0\""] =
        { "http://h/", "f", { checksum = "md5:0" } },
      ["download: option 'segments': integer of 1 or more expected, got 0"] =
        { "http://h/", "f", { segments = 0 } },
      ["download: option 'tries': integer of 0 or more expected, got -1"] =
        { "http://h/", "f", { tries = -1 } },
      ["download: option 'resume': boolean expected, got 1"] =
        { "http://h/", "f", { resume = 1, checksum = "sha256:" .. digits } },
      ["download: option 'body' is not for downloads"] = { "http://h/", "f", { body = "x" } },
      ["download: the header Range is set by the download itself"] =
        { "http://h/", "f", { headers = { Range = "bytes=1-" } } },
      ["headers: a: the value has a line break or a zero byte"] =
        { "http://h/", "f", { headers = { a = "b\n" } } },
      ["option 'redirect': \"follow\", \"error\", \"manual\" expected, got 7"] =
        { "http://h/", "f", { redirect = 7 } },
      ["option 'timeout.idle': seconds above 0 expected, got 0"] =
        { "http://h/", "f", { timeout = { idle = 0 } } },
    }) do
      local err = helper.failure(function()
        ms.download((table.unpack or unpack)(arguments, 1, 3))
      end)
      assert.truthy(tostring(err):find(message, 1, true), err)
      assert.truthy(tostring(err):find("^[^\n]*download_spec.lua:%d+: "), err)
    end
    local client = ms.client()
    local err = helper.failure(client.download, "http://h/", "f")
    assert.truthy(err:find("client.download was called with a dot", 1, true), err)
    client:close()
    err = helper.failure(client.download, client, "http://h/", "f")
    assert.truthy(err:find("the client is closed", 1, true), err)
  end)

  it("is refused while another one writes there", helper.task(function()
    local url = file("size=1000000&delay=0.02")
    local task = ms.spawn(ms.download, url, path)
    while (read(path .. ".part") or "") == "" do ms.sleep(0.01) end
    local err = helper.err_of(ms.download(file(""), path))
    assert.equal("io", err.kind)
    assert.truthy(err.message:find("f.part: another download is writing this file", 1, true),
      err.message)
    is_right(task:await(), nil, 1000000)
  end))

  describe("that cannot write", function()
    local function fails(where, message, url)
      local err = helper.err_of(ms.download(url or file(""), where))
      assert.equal("io", err.kind)
      assert.truthy(err.message:find(message, 1, true), err.message)
      assert.falsy(err.retryable)
    end

    it("says so: no folder, a folder in its place, no permission", helper.task(function()
      fails(dir .. "/none/f", "none/f.part: No such file or directory")
      output("mkdir " .. quote(path .. ".part"))
      fails(path, "f.part: Is a directory")
      output("rmdir " .. quote(path .. ".part") .. "; mkdir " .. quote(path))
      fails(path, "Is a directory")
      output("rmdir " .. quote(path))
      fails("/proc/f", "/proc/f.part: ")
    end))

    it("follows no link", helper.task(function()
      helper.write_file(dir .. "/mine", "mine")
      output(("cd %s && ln -s mine f.part && ln -s mine f.part.json"):format(quote(dir)))
      assert.is_nil((ms.download(file("cut=30000"), path, { tries = 0 })))
      assert(ms.download(file(""), path))
      assert.equal("mine", read(dir .. "/mine"))
      assert.equal("f mine", files())
    end))

    it("replaces files alone, which keep their mode", helper.task(function()
      fails("/dev/null", "/dev/null: not a regular file")
      assert.equal("", output("ls -d /dev/null.* 2>/dev/null || :"))
      helper.write_file(path, "before")
      output("chmod 604 " .. quote(path))
      assert(ms.download(file(""), path))
      assert.equal("604", output("stat -c %a " .. quote(path)))
    end))

    it("says that the disk is full, and goes on when it is not", helper.task(function()
      if output("id -u") ~= "0" or output("mount -t tmpfs -o size=256k none " .. quote(dir)
        .. " 2>&1") ~= "" then
        return pending("only root mounts a small disk")
      end
      local url = file("size=400000")
      fails(path, "f.part: No space left on device", url)
      output("mount -o remount,size=2m " .. quote(dir))
      local result = assert(ms.download(url, path))
      assert.equal(400000, result.size)
      assert.is_true(result.resumed_from > 100000)
      assert.is_true(read() == servers.bytes(400000))
      output("umount " .. quote(dir))
    end))
  end)
end)
