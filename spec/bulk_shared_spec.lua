-- Requests of a list whose results, or places, several want: tasks that share one iterator,
-- and a loop's body that sends requests of its own.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local task = helper.task
local copies = require("spec.support.tasks").copies

describe("results of a list", function()
  local hostile = fixtures.hostile()
  after_each(helper.check_leaks)

  -- So many tasks take all that an iterator gives; how often each result came.
  local function share(iterator, tasks, pause)
    local seen = {}
    local function work()
      for i, response in iterator do
        assert.equal(10, #response:text())
        seen[i] = (seen[i] or 0) + 1
        if pause then
          ms.sleep(pause)
        end
      end
    end
    local workers = {}
    for i = 1, tasks do
      workers[i] = ms.spawn(work)
    end
    for i = 1, tasks do
      workers[i]:await()
    end
    return seen
  end

  it("are each for one of the tasks that take them", task(function()
    local client <close> = ms.client()
    for _, pause in ipairs({ false, helper.seconds(0.002) }) do
      for tasks = 1, 4 do
        for concurrency = 1, 5, 2 do
          local urls = copies(hostile.url("/bytes?n=10"), 20)
          urls[7] = hostile.url("/redirect?to=" .. ms.escape("/bytes?n=10"))
          local seen = share(client:each(urls, { concurrency = concurrency }), tasks, pause)
          assert.same(copies(1, 20), seen)
        end
      end
    end
  end))

  it("come to the others when a task that waits for one is cancelled", task(function()
    local client <close> = ms.client()
    local iterator = client:each(copies(hostile.url("/late?delay=" .. helper.seconds(0.05)), 6),
      { concurrency = 2 })
    local count = 0
    local function work()
      for _ in iterator do
        count = count + 1
      end
    end
    local workers = { ms.spawn(work), ms.spawn(work), ms.spawn(work) }
    ms.sleep(helper.seconds(0.01))
    workers[1]:cancel()
    workers[2]:cancel()
    workers[3]:await()
    assert.equal(6, count)
  end))

  it("end for all tasks that wait for one, with what it ends with", task(function()
    local stalled = copies(hostile.url("/stall"), 4)
    local ends = {
      [false] = function(_, iterator) iterator:close() end,
      ["the client is closed"] = function(one) one:close() end,
      ["item 3: url: string expected, got 42"] = function() end,
    }
    for words, finish in pairs(ends) do
      local one = ms.client()
      local late = hostile.url("/late?delay=" .. helper.seconds(0.02))
      local iterator = one:each(words and words:find("item") and { late, late, 42 } or stalled,
        { concurrency = 2 })
      local workers = {}
      for i = 1, 3 do
        workers[i] = ms.spawn(function()
          local _, err = pcall(function()
            for _ in iterator do
              ms.sleep(0)
            end
          end)
          return err or false
        end)
      end
      ms.sleep(helper.seconds(0.02))
      finish(one, iterator)
      for i = 1, 3 do
        local err = workers[i]:await()
        assert.is_truthy(err == words or words and err:find(words, 1, true), tostring(err))
      end
      one:close()
    end
  end))

  it("come once each of a list that waits for its items", task(function()
    local client <close> = ms.client()
    local url = hostile.url("/bytes?n=10")
    client:get(url):text()
    local list = setmetatable({ n = 40 }, { __index = function()
      ms.sleep(helper.seconds(0.001))
      return url
    end })
    for tasks = 1, 3 do
      assert.same(copies(1, 40), share(client:each(list, { concurrency = 3 }), tasks))
    end
  end))

  it("do not keep a place from what their loop sends", task(function()
    -- Another origin, of the same server.
    local other = hostile.url("/bytes?n=10"):gsub("127%.0%.0%.1", "localhost")
    for _, path in ipairs({ "/bytes?n=10", "/redirect?to=" .. ms.escape("/bytes?n=10"),
      "/status?code=404", "/truncate" }) do
      local client <close> = ms.client({ limits = { connections = 1 } })
      local urls = {}
      for i = 1, 60 do
        urls[i] = i % 4 == 0 and hostile.url(path) or i % 3 == 0 and other
          or hostile.url("/bytes?n=10")
      end
      local count, inside = 0, 0
      for i in client:each(urls, { concurrency = 4 }) do
        count = count + 1
        if i % 10 == 0 then
          for _, response in client:each({ other, urls[1], urls[3] }, { concurrency = 2 }) do
            inside = inside + #response:text()
          end
        end
      end
      assert.same({ 60, 180 }, { count, inside }, path)
    end
  end))
end)
