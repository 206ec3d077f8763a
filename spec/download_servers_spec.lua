-- ms.download from real servers, by programs that are killed, and from any odd server at
-- any moment.
local downloads = require("spec.support.downloads")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local web_servers = require("spec.support.web_servers")
local servers = require("spec.support.servers")

local quote, output = servers.quote, servers.output
local read, files, file = downloads.read, downloads.files, downloads.file

local SIZE = 3000000

describe("downloads", function()
  local path
  downloads.fixture(function(made) path = made end)

  local function wait_for(name)
    local ends = ms.now() + helper.seconds(8)
    while (read(name) or "") == "" do
      assert(ms.now() < ends, name .. " did not come")
      ms.sleep(0.02)
    end
  end

  -- Leaves a part: how many bytes.
  local function leave(url, segments)
    local task = ms.spawn(ms.download, url, path, { segments = segments,
      curl = { max_recv_speed_large = 1000000 } })
    wait_for(path .. ".part")
    task:cancel()
    assert.is_false((task:join()))
    assert.equal("f.part f.part.json", files())
    return #read(path .. ".part")
  end

  for name, case in pairs({
    ["nginx"] = { start = web_servers.file_nginx, resumes = true },
    ["caddy"] = { start = web_servers.caddy, resumes = true },
    ["python's http.server, which knows no ranges,"] = { start = web_servers.http_server },
  }) do
    describe("from " .. name, function()
      local server = fixtures.server(case.start, "f", servers.bytes(SIZE))

      it("go on, or begin anew, and are right", helper.task(function()
        local left = leave(server.url("/f"))
        assert.is_true(left < SIZE)
        local got = assert(ms.download(server.url("/f"), path))
        assert.equal(case.resumes and left or 0, got.resumed_from)
        assert.is_true(read(path) == servers.bytes(SIZE))
        assert.equal("f", files())
      end))

      it("come in segments where they can", helper.task(function()
        leave(server.url("/f"), 4)
        local got = assert(ms.download(server.url("/f"), path, { segments = 4 }))
        assert.equal(case.resumes or false, got.resumed_from > 0)
        assert.is_true(read(path) == servers.bytes(SIZE))
        assert.equal("f", files())
      end))
    end)
  end

  -- Starts a program that downloads. @return its process id
  local function start(url, options)
    local script = ("require('multisock').download(%q, %q, %s)"):format(url, path, options or "{}")
    return output(("LUA_PATH=%s LUA_CPATH=%s %s -e %s >/dev/null 2>&1 & echo $!"):format(
      quote(package.path), quote(package.cpath), os.getenv("LUA") or "lua5.4", quote(script)))
  end

  for _, segments in ipairs({ 1, 3 }) do
    it("go on after kill -9, in so many segments: " .. segments, helper.task(function()
      local url = file(("size=%d&delay=0.05"):format(SIZE))
      local pid = start(url, ("{ segments = %d }"):format(segments))
      wait_for(path .. ".part.json")
      output(("kill -9 %s; while kill -0 %s 2>/dev/null; do sleep 0.01; done"):format(pid, pid))
      local got = assert(ms.download(url:gsub("delay=0.05", "delay=0"), path))
      assert.is_true(got.resumed_from > 0)
      assert.is_true(read(path) == servers.bytes(SIZE))
      assert.equal("f", files())
    end))
  end

  it("of two programs to one path: one is refused", helper.task(function()
    local pid = start(file(("size=%d&delay=0.05"):format(SIZE)))
    wait_for(path .. ".part")
    local got, err = ms.download(file("seed=1"), path)
    assert.is_nil(got)
    assert.equal("io", err.kind)
    assert.truthy(err.message:find("another download is writing this file", 1, true))
    output("kill " .. pid)
    -- The system lets go of the file when the process has ended.
    local ends = ms.now() + helper.seconds(5)
    repeat
      got, err = ms.download(file("seed=1"), path)
      ms.sleep(0.02)
    until got or ms.now() > ends
    assert.is_nil(err)
    assert.is_true(read(path) == servers.bytes(100000, 1))
  end))

  it("tell no secret in what they leave", helper.task(function()
    local url = file("cut=1000&token=hush&size=50000"):gsub("//", "//joe:hush@")
    local got = ms.download(url, path, { tries = 0, headers = { Cookie = "hush" } })
    assert.is_nil(got)
    local text = read(path .. ".part.json")
    assert.truthy(text:find('"ranges":[[0,1000]]', 1, true), text)
    assert.falsy(text:find("hush", 1, true) or text:find("joe", 1, true), text)
  end))

  -- Any server, cut anywhere, any number of times, by any caller: the file is one of the
  -- versions that the server has had, or there is none.
  local MODES = {
    "good", "good", "good", "whole", "chunked", "no-if-range", "node", "416", "blind",
    "blind-silent", "late", "total", "headless", "multipart", "short", "long", "capped", "star",
  }

  local function pick(list)
    return list[math.random(#list)]
  end

  local function random_query(size)
    local cut = pick({ 0, math.random(size), math.random(size) })
    return ("size=%d&mode=%s&cut=%d&cuts=%d&change=%d&reset=%d&fail=%d%s"):format(size, pick(MODES),
      cut, math.random(6), pick({ 0, 0, math.random(5) }), pick({ 0, 0, 1 }),
      pick({ 0, 0, math.random(4) }), pick({ "", "", "&etag=none", "&etag=none&date=1",
        "&etag=weak&date=1", "&date=1" }))
  end

  local function round(number)
    local size = pick({ 1, 1000, 40000, 1200000 })
    local urls = { file(random_query(size)) }
    if math.random(3) == 1 then
      urls[2] = file(random_query(size))
    end
    local options = { segments = pick({ 1, 1, 3 }), tries = pick({ 0, 0, 0, 2 }),
      timeout = pick({ 5, 5, 5, 0.02 }) }
    local versions = { [servers.bytes(size)] = true, [servers.bytes(size, 1)] = true }
    local checked = math.random(3) == 1
    if checked then
      options.checksum = "sha256:" .. require("multisock.core").sha256():update(
        servers.bytes(size)):finish()
    end
    local said = ("round %d: %s, %d segments%s"):format(number, table.concat(urls, " "),
      options.segments, checked and ", checksum" or "")
    os.remove(path)
    os.remove(path .. ".part")
    os.remove(path .. ".part.json")
    for _ = 1, 8 do
      local got, err = ms.download(urls, path, options)
      local text = read(path)
      assert.equal(got ~= nil, text ~= nil, said)
      if got then
        assert.is_true(versions[text] or false, said .. ": other bytes")
        assert.is_true(not checked or text == servers.bytes(size), said .. ": not as the checksum")
        assert.equal(#text, got.size, said)
        return true
      end
      assert.truthy(err.kind and err.message, said)
    end
    return false
  end

  it("end with one version of the file, or with an error, whatever happens", helper.task(
    function()
      local seed = tonumber(os.getenv("MULTISOCK_SEED")) or os.time()
      math.randomseed(seed)
      local count, right = tonumber(os.getenv("MULTISOCK_ROUNDS")) or 60, 0
      for number = 1, count do
        local ok, done = ms.spawn(round, number):join()
        assert(ok, ("MULTISOCK_SEED=%d: %s"):format(seed, tostring(done)))
        right = right + (done and 1 or 0)
      end
      -- Most of them can be had.
      assert.is_true(right > count / 2, right)
    end, 60 + (tonumber(os.getenv("MULTISOCK_ROUNDS")) or 60)))
end)
