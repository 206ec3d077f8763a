-- Any value may be raised, nil and false, too: by a callback of libcurl's, which
-- ends its own transfer, and by every function that multisock calls.
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")
local ms = require("multisock")

local VALUES = { { nil, name = "nil" }, { false, name = "false" }, { {}, name = "a table" },
  { "a string", name = "a string" }, { 17, name = "a number" } }

-- A function that raises it.
local function raising(value)
  return function() error(value[1], 0) end
end

describe("a callback option", function()
  local nginx, secret = fixtures.nginx(), fixtures.hostile({ tls = true })

  after_each(helper.check_leaks)

  -- What a request needs for the callback to be called.
  local function options(name)
    local given = {
      url = nginx.url("/1k"):gsub("127%.0%.0%.1", "localhost"),
      writefunction = function() end, headerfunction = function() end,
    }
    if name == "readfunction" then
      given.url, given.upload = nginx.url("/upload/raised"), true
    elseif name == "debugfunction" then
      given.verbose = true
    elseif name == "ssl_ctx_function" then
      given.url, given.cainfo = secret.url("/stream?n=1"), secret.ca
    elseif name == "hstsreadfunction" then
      given.hsts_ctrl = 1
    end
    return given
  end

  local CORE = { "writefunction", "headerfunction", "readfunction", "xferinfofunction",
    "progressfunction", "debugfunction", "prereqfunction", "opensocketfunction",
    "sockoptfunction", "resolver_start_function", "ssl_ctx_function", "hstsreadfunction" }

  for _, name in ipairs(CORE) do
    for _, value in ipairs(VALUES) do
      it(("of the core, %s, ends its transfer with %s"):format(name, value.name), function()
        local easy = core.easy(options(name)):setopt(name, raising(value))
        local result = table.pack(easy:perform())
        assert.equal(2, result.n)
        assert.is_nil(result[1])
        assert.equal(value[1], result[2])
        easy:close()
        easy = core.easy(options(name)):setopt(name, raising(value))
        local other = core.easy(options("writefunction"))
        local multi = core.multi()
        multi:add_handle(easy)
        multi:add_handle(other)
        local seen = {}
        support.deadline(10)
        while not (seen[easy] and seen[other]) do
          multi:perform()
          multi:poll(50)
          local ended, ok, err = multi:info_read()
          if ended then
            seen[ended] = { ok, err }
          end
        end
        assert.same({ true }, seen[other])
        assert.is_nil(seen[easy][1])
        assert.equal(value[1], seen[easy][2])
        multi:close()
      end)
    end
  end

  -- What the fetch layer does not take for itself.
  for _, name in ipairs({ "xferinfofunction", "progressfunction", "debugfunction",
    "opensocketfunction", "sockoptfunction", "resolver_start_function", "ssl_ctx_function",
    "hstsreadfunction" }) do
    for _, value in ipairs(VALUES) do
      local what = ("in `curl`, %s, ends its request with %s"):format(name, value.name)
      it(what, helper.task(function()
        local raw = options(name)
        local url = raw.url
        raw.url, raw.writefunction, raw.headerfunction = nil, nil, nil
        raw[name] = raising(value)
        local client = ms.client({ curl = raw })
        for _ = 1, 2 do
          local response, err = client:get(url)
          if response then           -- it has raised, and libcurl did not look
            response, err = response:text()
          end
          assert.is_nil(response)
          if value[1] then
            assert.equal(value[1], err)
          else
            assert.is_true(errors.is(err, "curl"))
            assert.equal("a callback raised " .. value.name, err.message)
          end
        end
        client:close()
      end))
    end
  end
end)

describe("whatever is raised", function()
  local nginx = fixtures.nginx()
  local client

  before_each(function()
    client = ms.client()
  end)
  after_each(function()
    ms.on_error(nil)
    client:close()
    helper.check_leaks()
  end)

  -- What the places raise that take a function of the user's.
  local places = {
    ["the function of ms.run"] = function(fn) ms.run(fn) end,
    ["a task"] = function(fn) ms.run(function() ms.spawn(fn):await() end) end,
    ["a task that nobody awaits"] = function(fn) ms.run(function() ms.spawn(fn) end) end,
    ["a task that waited"] = function(fn)
      ms.run(function()
        ms.spawn(function()
          ms.sleep(0)
          fn()
        end):await()
      end)
    end,
    ["a task of a group"] = function(fn)
      ms.run(function()
        ms.group(function(group)
          group:spawn(ms.sleep, 60)
          group:spawn(fn)
        end)
      end)
    end,
    ["the function of ms.group"] = function(fn) ms.group(fn) end,
    ["the function of ms.with_timeout"] = function(fn) ms.with_timeout(60, fn) end,
    ["the function of ms.map"] = function(fn) ms.map({ 1, 2, 3 }, fn) end,
    ["the iterator of ms.map"] = function(fn) ms.map(fn, function() end) end,
    ["the progress of ms.map"] = function(fn) ms.map({ 1 }, tostring, { progress = fn }) end,
    ["the function of ms.each"] = function(fn)
      ms.run(function()
        local iterator = ms.each({ 1, 2 }, fn)
        iterator()
      end)
    end,
    ["the iterator of ms.each"] = function(fn)
      ms.run(function()
        local iterator = ms.each(fn, tostring)
        iterator()
      end)
    end,
    ["progress"] = function(fn) client:get(nginx.url("/1m"), { progress = fn }) end,
    ["progress in a task"] = function(fn)
      ms.run(client.get, client, nginx.url("/1m"), { progress = fn })
    end,
    ["a body"] = function(fn) client:put(nginx.url("/upload/x"), { body = fn }) end,
    ["a body in a task"] = function(fn)
      ms.run(client.put, client, nginx.url("/upload/x"), { body = fn })
    end,
    ["a body after its first piece"] = function(fn)
      local count = 0
      ms.run(client.put, client, nginx.url("/upload/x"), { body = function()
        count = count + 1
        if count == 3 then
          fn()
        end
        return "piece"
      end })
    end,
    ["on_done"] = function(fn)
      ms.run(function()
        ms.spawn(ms.sleep, 0):on_done(fn)
        ms.sleep(0.01)
      end)
    end,
    ["on_done of a task that has ended"] = function(fn)
      ms.run(function()
        local task = ms.spawn(function() end)
        task:join()
        task:on_done(fn)
      end)
    end,
    ["on_error"] = function(fn)
      ms.on_error(fn)
      ms.run(function() ms.spawn(error, "for on_error") end)
    end,
  }

  for place, call in pairs(places) do
    it("by " .. place .. " arrives as it is", function()
      for _, value in ipairs(VALUES) do
        local started = ms.now()
        local result = table.pack(pcall(call, raising(value)))
        assert.is_false(result[1], value.name)
        assert.equal(value[1], result[2])
        assert.is_true(ms.now() - started < helper.seconds(10))
      end
    end)
  end

  it("by a task is told to join, on_done and on_error", function()
    for _, value in ipairs(VALUES) do
      local told = {}
      ms.on_error(function(...) told = table.pack(...) end)
      ms.run(function()
        local ok, err = ms.spawn(raising(value)):join()
        assert.is_false(ok)
        assert.equal(value[1], err)
        local done
        ms.spawn(raising(value)):on_done(function(...) done = table.pack(...) end)
        ms.sleep(0)
        ms.sleep(0)
        assert.is_false(done[1])
        assert.equal(value[1], done[2])
        ms.spawn(raising(value))
      end)
      assert.equal(2, told.n)
      assert.equal(value[1], told[1])
    end
  end)

  it("by a task ends its group, and cancels what is spawned later", function()
    for _, value in ipairs(VALUES) do
      local late
      local ok = pcall(ms.group, function(group)
        group:spawn(function()
          local fine, err = pcall(ms.sleep, 60)
          assert.is_false(fine)
          late = group:spawn(ms.sleep, 60)
          error(err, 0)
        end)
        group:spawn(raising(value))
      end)
      assert.is_false(ok)
      assert.equal("cancelled", late:status())
    end
  end)
end)
