-- What a person sees of an error that nobody catches: where it was raised. And how
-- scripts end that Ctrl-C ends.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")
local ms = require("multisock")

local HEAD = [[
  local ms = require("multisock")
  local function where_it_was() error("boom") end
  local function outer()
    ms.sleep(0.001)
    where_it_was()
    return 1
  end
]]

-- Lines of a text that name a file of the package.
local function ours(text)
  local count = 0
  for line in text:gmatch("[^\n]+") do
    count = count + (line:find("lua/multisock/", 1, true) and 1 or 0)
  end
  return count
end

describe("an error that leaves its task", function()
  local hostile = fixtures.hostile()

  local ways = {
    ["by ms.run"] = [[ms.run(outer)]],
    ["by ms.run, a task that nobody awaits"] = [[ms.run(function() ms.spawn(outer) end)]],
    ["by ms.step"] = [[ms.spawn(outer) for _ = 1, 100 do ms.step(0.01) end]],
    ["by await on the main chunk"] = [[ms.spawn(outer):await()]],
    ["by await in a task"] = [[
      ms.run(function()
        local task = ms.spawn(outer)
        ms.sleep(0.01)
        local function who_awaits() local value = task:await() return value end
        local value = who_awaits()
        return value
      end)]],
    ["by ms.group"] = [[ms.group(function(group) group:spawn(outer) end)]],
    ["by ms.with_timeout"] = [[ms.with_timeout(10, outer)]],
    ["by ms.map"] = [[ms.map({ 1 }, outer)]],
    ["by a body"] = [[ms.post(..., { body = function() where_it_was() return "x" end })]],
    ["by a body in a task"] = [[
      ms.run(function(url)
        local response = ms.post(url, { body = function() where_it_was() return "x" end })
        return response
      end, ...)]],
  }

  for how, code in pairs(ways) do
    it(how .. " shows where it was raised", function()
      local output, status = support.child(HEAD .. code, hostile.url("/upload"))
      assert.equal(1, status)
      local shown = output:match("^[^\n]*boom\n(.-)\nstack traceback:[^\n]*\n%s*%[C%]")
      assert.truthy(shown, output)
      assert.truthy(shown:find("where_it_was", 1, true), output)
      assert.equal(0, ours(shown), output)
      if code:find("who_awaits") then
        assert.matches("which was awaited here:\n.*who_awaits", shown)
      end
    end)
  end

  it("is text for a host that knows nothing else, whatever it was", function()
    for _, value in ipairs({ "{}", "ms.null", "17", "select(2, ms.get('http://127.0.0.1:1/'))" }) do
      local output, status = support.child(([[
        local ms = require("multisock")
        local function where_it_was() error(%s) end
        ms.run(function() where_it_was() return 1 end)
      ]]):format(value))
      assert.equal(1, status)
      assert.truthy(output:find("where_it_was", 1, true), output)
      assert.is_nil(output:find("error object is", 1, true), output)
    end
  end)

  it("is text with the program's line where no task has raised it", function()
    for _, code in ipairs({
      "for _ in ms.get(URL):lines() do end",
      "for _ in ms.get(URL):chunks() do end",
      "for _ in ms.client():pages(URL .. '-not') do end",
      "ms.assert(ms.get('http://127.0.0.1:1/'))",
      "local t = ms.spawn(ms.sleep, 5) t:cancel('too late') t:await()",
      "ms.run(function() local t = ms.spawn(ms.sleep, 5) t:cancel() t:await() return 1 end)",
    }) do
      local output, status = support.child('local ms, URL = require("multisock"), ...\n' .. code,
        hostile.url("/truncate"))
      assert.equal(1, status, code)
      assert.is_nil(output:find("error object is", 1, true), output)
      -- Before the stack of the program `lua` itself.
      local shown = output:match("^(.-)\nstack traceback:[^\n]*\n%s*%[C%]")
      assert.matches(":2[:>]", shown, nil, output)
    end
  end)

  it("is the value itself for who catches it", function()
    local value = {}
    for _, call in ipairs({
      function() ms.run(error, value) end,
      function() ms.spawn(error, value):await() end,
      function() ms.group(function() error(value) end) end,
      function() ms.run(function() ms.spawn(error, value) end) end,
    }) do
      assert.equal(value, helper.failure(call))
      local seen
      xpcall(call, function(err) seen = err end)
      assert.equal(value, seen)
    end
    assert.equal("text", helper.failure(ms.run, error, "text", 0))
    helper.check_leaks()
  end)

  it("has its stack for a handler of xpcall, when it is a string", function()
    local _, text = xpcall(function()
      ms.run(function()
        local function where_it_was() error("boom") end
        where_it_was()
        return 1
      end)
    end, debug.traceback)
    assert.matches("boom\nstack traceback:\n.*where_it_was", text)
  end)

  it("keeps its first stack in the error object", function()
    local _, err = pcall(ms.run, function()
      local function where_it_was() ms.assert(ms.get("http://127.0.0.1:1/")) return 1 end
      local task = ms.spawn(function() local value = where_it_was() return value end)
      local value = task:await()
      return value
    end)
    assert.equal("connect", err.kind)
    assert.truthy(err.traceback:find("where_it_was", 1, true), err.traceback)
    assert.is_nil(err.traceback:find("awaited", 1, true))
  end)

  it("is told to on_error with the stacks of all that passed it on", function()
    local told
    ms.on_error(function(_, traceback) told = traceback end)
    ms.run(function()
      ms.spawn(function()
        local function where_it_was() error("boom") end
        local task = ms.spawn(function() where_it_was() return 1 end)
        local function who_awaits() local value = task:await() return value end
        local value = who_awaits()
        return value
      end)
    end)
    ms.on_error(nil)
    assert.matches("where_it_was.*awaited here:.*who_awaits", told)
    assert.equal(0, ours(told))
  end)
end)

describe("Ctrl-C", function()
  local server = fixtures.hostile()

  local function interrupted(code)
    return support.child([[
      local ms = require("multisock")
      local pid = io.open("/proc/self/stat"):read("*n")
      os.execute(("(sleep 0.2; kill -INT %d) &"):format(pid))
      local url = ...
    ]] .. code, server.url("/stall"))
  end

  for how, code in pairs({
    ["ms.run"] = "ms.run(ms.sleep, 20)",
    ["ms.sleep"] = "ms.sleep(20)",
    ["ms.get"] = "ms.get(url)",
    ["ms.get in a run"] = "ms.run(ms.get, url)",
    ["ms.map"] = "ms.map({ url, url })",
    ["await"] = "ms.spawn(ms.sleep, 20):await()",
    ["ms.group"] = "ms.group(function(group) group:spawn(ms.sleep, 20) end)",
    ["ms.with_timeout"] = "ms.with_timeout(20, ms.sleep, 20)",
    ["ms.step"] = "ms.spawn(ms.sleep, 20) while true do ms.step(1) end",
  }) do
    it("in " .. how .. " ends a script with 130, and shows no path", function()
      local output, status = interrupted(code)
      assert.equal(130, status, output)
      assert.matches("^[^\n/]+: interrupted!\n$", output:gsub("^.*/(lua[^/]*)$", "%1"))
    end)
  end

  it("is cleaned up after", helper.of_loop(function()
    for _, code in ipairs({ "ms.run(work)", "ms.group(function(g) g:spawn(work) end)",
      "ms.group(function() ms.group(function(g) g:spawn(work) end) end)" }) do
      local output, status = interrupted([[
        io.stdout:setvbuf("no")
        local function work() pcall(ms.sleep, 20) print("cleaned") end
      ]] .. code)
      assert.equal(130, status, output)
      assert.truthy(output:find("cleaned", 1, true), output)
    end
  end))

  it("that the script catches is an error, without a path of ours", function()
    for _, code in ipairs({ "print(pcall(ms.run, ms.sleep, 20))", "print(pcall(ms.sleep, 20))",
      "print(pcall(ms.get, url))" }) do
      local output, status = interrupted(code)
      assert.equal("false\tinterrupted!\n", output)
      assert.equal(0, status)
    end
  end)
end)

describe("ms.spawn on the main chunk", function()
  it("warns at the end when nothing has run the loop since", function()
    local output, status = support.child([[
      local ms = require("multisock")
      ms.spawn(print, "never")
    ]])
    assert.equal(0, status)
    assert.matches("^multisock: [^\n]+:2: a task of ms.spawn never ran: nothing has run", output)
    output = support.child([[
      local ms = require("multisock")
      ms.run(function() end)
      for _ = 1, 3 do
        ms.spawn(print, "never")
      end
    ]])
    assert.matches(":4: 3 tasks of ms.spawn never ran", output)
  end)

  it("says nothing when they have run, or are there no more", function()
    for _, code in ipairs({
      "ms.spawn(function() end) ms.step()", "ms.spawn(function() end) ms.run(function() end)",
      "ms.spawn(ms.sleep, 60) ms.step()", "ms.spawn(print):cancel()",
      "ms.spawn(function() end) ms.sleep(0.01)",
    }) do
      assert.equal("", (support.child('local ms = require("multisock") ' .. code)))
    end
  end)
end)

describe("ms.run and ms.with_timeout whose function raises", function()
  after_each(helper.check_leaks)

  it("cancel the rest, and raise when that has ended", function()
    for _, run in ipairs({ ms.run, function(fn) return ms.with_timeout(60, fn) end }) do
      local started = ms.now()
      local child, deep
      local err = helper.failure(run, function()
        child = ms.spawn(function()
          deep = ms.spawn(ms.sleep, 60)
          ms.sleep(60)
        end)
        ms.sleep(0.001)
        error("the reason", 0)
      end)
      assert.equal("the reason", err)
      assert.equal("cancelled", child:status())
      assert.equal("cancelled", deep:status())
      assert.is_true(ms.now() - started < helper.seconds(10))
    end
  end)

  it("wait for what cleans up", helper.of_loop(function()
    local cleaned
    helper.failure(ms.run, function()
      ms.spawn(function()
        pcall(ms.sleep, 60)
        ms.sleep(0.01)
        cleaned = true
      end)
      ms.sleep(0.001)
      error("the reason", 0)
    end)
    assert.is_true(cleaned)
  end))

  it("let the rest end when it returns", function()
    local ended
    ms.run(function()
      ms.spawn(function()
        ms.sleep(0.01)
        ended = true
      end)
    end)
    assert.is_true(ended)
  end)
end)
