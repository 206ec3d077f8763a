-- Where ms.fetch may be called: the main chunk, tasks, and nowhere else.
local compat = require("multisock.base.compat")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

describe("fetching outside of a task", function()
  local hostile = fixtures.hostile()

  after_each(helper.check_leaks)

  it("works on the main chunk, which then drives the loop", function()
    local client <close> = ms.client()
    local ticks = 0
    local ticker = ms.spawn(function()
      while true do
        ms.sleep(0.01)
        ticks = ticks + 1
      end
    end)
    local response = ms.assert(client:get(hostile.url("/late?delay=0.2")))
    assert.equal("late\n", response:text())
    assert.equal(servers.bytes(60), ms.assert(client:get(
      hostile.url("/stream?n=60&chunk=20&delay=0.02"))):text())
    assert.is_true(ticks > 0)
    ticker:cancel()
  end)

  it("says what to do in a coroutine that is no task, and starts nothing", function()
    local client <close> = ms.client()
    ms.assert(client:get(hostile.url("/bytes")))
    local co = coroutine.create(function()
      return client:get(hostile.url("/bytes"))
    end)
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.is_truthy(err:find("ms.spawn", 1, true), err)
  end)

  it("says what to do inside a C function", helper.task(function()
    local client <close> = ms.client()
    local err = helper.failure(table.sort, { 2, 1 }, function()
      return client:get(hostile.url("/bytes"))
    end)
    assert.is_truthy(err:find(compat.barrier, 1, true), err)
  end))
end)
