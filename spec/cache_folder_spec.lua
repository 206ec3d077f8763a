-- The option `cache` with a folder: what other processes see of it, and what becomes of it.
local cached = require("spec.support.cached")
local helper = require("spec.helper")
local ms = require("multisock")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

local task = helper.task

describe("cache in a folder", function()
  local folder, number = nil, 0

  cached.fixture()
  before_each(function()
    number = number + 1
    folder = cached.server.dir .. "/folder" .. number
  end)

  local FRESH = { headers = "Cache-Control: max-age=60\nDate: @0\nETag: \"one\"", body = "first" }

  local function client_of(options)
    options = options or {}
    options.path = folder
    return ms.client({ cache = options })
  end

  local function get(client, url, options)
    local response = ms.assert(client:get(url, options))
    return ms.assert(response:text()) .. " " .. tostring(response.cached)
  end

  local function files()
    local list = {}
    for name in shell.said(("find '%s' -type f ! -name key"):format(folder)):gmatch("[^\n]+") do
      list[#list + 1] = name
    end
    table.sort(list)
    return list
  end

  it("outlives its client, and is shared", task(function()
    local target, url = cached.new_target()
    cached.script(target, { FRESH, { status = 304 }, { headers = FRESH.headers, body = "third" } })
    local one, two = client_of(), client_of()
    assert.equal("first nil", get(one, url))
    assert.equal("first fresh", get(two, url))
    one:close()
    cached.wait(61)
    assert.equal("first revalidated", get(two, url))
    local three = client_of()
    assert.equal("first fresh", get(three, url))
    ms.assert(three:post(url)):discard()
    assert.equal("body nil", get(two, url):gsub("third", "body"))
    two:close()
    three:close()
  end))

  it("tells nobody who asked, nor anything to other users", task(function()
    local target, url = cached.new_target()
    cached.script(target, { { headers = FRESH.headers .. "\nVary: X-Token", body = "x" } })
    local client = client_of()
    get(client, url:gsub("//", "//user:hidden4@"), { headers = { Authorization = "Bearer hidden1",
      Cookie = "id=hidden2", ["X-Token"] = "hidden3" } })
    assert.equal(1, #files())
    assert.equal("", shell.said(("grep -rl hidden '%s'"):format(folder)))
    assert.equal("", shell.said(("find '%s' -perm /077"):format(folder)))
    assert.matches("/[%x-]+$", files()[1])       -- hashes: nothing of the URL
    client:close()
  end))

  it("takes what is broken for not stored", task(function()
    local target, url = cached.new_target()
    local answers = {}
    for i = 1, 40 do
      answers[i] = { headers = FRESH.headers, body = "answer " .. i }
    end
    cached.script(target, answers)
    local client, count = client_of(), 1
    get(client, url)
    local path = files()[1]
    local whole = helper.read_file(path)
    local step = math.floor(#whole / 8)
    for at = 1, #whole, step do
      local flipped = whole:sub(1, at - 1) .. string.char((whole:byte(at) + 1) % 256)
        .. whole:sub(at + 1)
      for _, broken in ipairs({ whole:sub(1, at - 1), flipped, whole .. "x" }) do
        helper.write_file(path, broken)
        count = count + 1
        assert.equal(("answer %d nil"):format(count), get(client, url))
        assert.equal(("answer %d fresh"):format(count), get(client, url))
      end
    end
    client:close()
  end))

  it("keeps within max_size", task(function()
    local client = client_of({ max_size = 200000 })
    local body, first = ("x"):rep(20000), nil
    for i = 1, 30 do
      local target, url = cached.new_target()
      first = first or url
      cached.script(target, { { headers = FRESH.headers, body = body } })
      get(client, url)
      if i % 5 == 0 then
        local size = tonumber(shell.said(("cat '%s'/*/* | wc -c"):format(folder)))
        assert.truthy(size <= 200000 and size >= math.min(i, 7) * 20000, size)
      end
    end
    assert.is_nil(ms.assert(client:get(first)).cached)
    client:close()
  end))

  it("stores some variants of a URL, not any number", task(function()
    local target, url = cached.new_target()
    cached.script(target, { { headers = FRESH.headers .. "\nVary: X-N", body = "first" } })
    local client, memory = client_of(), ms.client({ cache = true })
    for _, each in ipairs({ client, memory }) do
      for i = 1, 50 do
        get(each, url, { headers = { ["X-N"] = i } })
      end
      assert.equal("first fresh", get(each, url, { headers = { ["X-N"] = 50 } }))
      each:close()
    end
    assert.equal(32, #files())
  end))

  it("is refused where others may write, or where it cannot be", task(function()
    local _, url = cached.new_target()
    local client = client_of()
    assert(os.execute(("mkdir '%s' && chmod 777 '%s'"):format(folder, folder)))
    local err = helper.err_of(client:get(url))
    assert.equal("io", err.kind)
    assert.truthy(tostring(err):find("others may write", 1, true), tostring(err))
    folder = folder .. "/none/at/all"
    assert.equal("io", helper.err_of(client:get(url, { cache = { path = folder } })).kind)
    client:close()
  end))

  -- Each fetches the same URLs again and again, some for a moment only, and says what was
  -- not the answer to its URL.
  local HAMMER = [[
    local ms = require("multisock")
    local base, folder = ...
    local client = ms.client({ cache = { path = folder, max_size = 400000 } })
    local hits = 0
    ms.run(function()
      for round = 1, 40 do
        ms.map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(i)
          local n = 1000 * i
          local response = ms.assert(client:get(base .. "/cached?n=" .. n, {
            cache = round % 7 == i and "reload" or "default" }))
          local body = ms.assert(response:text())
          assert(#body == n and body == ("%d"):format(i):rep(n), "another body")
          hits = hits + (response.cached and 1 or 0)
          if round % 10 == 0 and i == 3 then
            ms.assert(client:delete(base .. "/cached?n=" .. n)):discard()
          end
        end)
      end
    end)
    print("good", hits > 50)
  ]]

  it("is right for two processes that write to it", function()
    cached.start_clock()
    for i = 1, 8 do
      cached.script("/cached?n=" .. 1000 * i, { { headers = "Cache-Control: max-age=60",
        body = ("%d"):format(i):rep(1000 * i) } })
    end
    local script = os.tmpname()
    helper.write_file(script, HAMMER)
    local base = cached.server.url("")
    local code = ([[
      local pipes = {}
      for i = 1, 2 do
        pipes[i] = io.popen(("%%s %%s %%s %%s 2>&1"):format(%q, %q, %q, %q))
      end
      for i = 1, 2 do
        io.write(pipes[i]:read("*a"))
      end
    ]]):format(os.getenv("LUA") or "lua5.4", script, base, folder)
    assert.equal("good\ttrue\ngood\ttrue\n", (support.child(code)))
    os.remove(script)
  end)
end)
