-- ms.download: when it goes on after a cut, when it gives up, and what its limits of time end. On
-- a mock's clock; over connections that are really there: download_spec.lua.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local timed_out = require("spec.support.timed_out")

local simulated, words = helper.simulated, timed_out.words

describe("a download that waits", function()
  local URL, NEVER = "https://h.example/file", math.huge
  local CONTENT = servers.bytes(1000)
  local path

  fixtures.folder(function(made) path = made .. "/f" end)
  after_each(helper.check_leaks)

  -- What a server answers that brings `count` bytes more, and then this. nil: all that is left.
  local function part(request, count, ends)
    local from = tonumber((request.headers.range or ""):match("^bytes=(%d+)%-")) or 0
    local rest = CONTENT:sub(from + 1)
    local reply = { status = from > 0 and 206 or 200, headers = { ETag = '"one"',
      ["Accept-Ranges"] = "bytes", ["Content-Length"] = #rest,
      ["Content-Range"] = from > 0 and ("bytes %d-999/1000"):format(from) or nil } }
    if ends == "silent" then
      reply.body = { rest:sub(1, count), NEVER }
    elseif ends == "slow" then
      reply.body = { rest:sub(1, count), 50, rest:sub(count + 1) }
    else
      reply.body, reply.fail, reply.at = rest, count and "closed", count
    end
    return reply
  end

  --- Downloads from a server that does this, one request after the other: numbers of bytes after
  -- which it is cut, {bytes, how it ends}, and answers; at last it brings all that is left.
  -- @return result, err, when the requests came, how long it took
  local function download(plan, options, settings)
    local mock = ms.mock({ routes = function(request, count)
      local step = plan[count]
      if type(step) == "table" and type(step[1]) ~= "number" then
        return step
      elseif type(step) == "table" then
        return part(request, step[1], step[2])
      end
      return part(request, step)
    end })
    settings = settings or {}
    settings.agent = mock
    local client, began, moments = ms.client(settings), ms.now(), {}
    local result, err = client:download(URL, path, options)
    local seconds = ms.now() - began
    for i, call in ipairs(mock:calls()) do
      moments[i] = ("%.1f"):format(call.at - began)
    end
    client:close()
    return result, err, table.concat(moments, " "), seconds
  end

  local DOWN = { status = 503 }

  it("goes on soon after a cut, and later each time that it gains nothing", simulated(nil,
    function()
    local result, err, moments = download({ 100, 200, 300 })
    assert.same({ 1000, nil, "0.0 0.1 0.2 0.3" }, { result and result.size, err, moments })
    assert.equal(CONTENT, helper.read_file(path))
    result, err, moments = download({ 100, DOWN, DOWN, 1, DOWN })
    assert.same({ 1000, nil, "0.0 0.1 0.3 0.7 0.8 1.0" }, { result.size, err, moments })
    result, err, moments = download({ 10, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN },
      { tries = 20 })
    assert.same({ 1000, nil, "0.0 0.1 0.3 0.7 1.5 3.1 6.3 11.3 16.3 21.3 26.3" },
      { result.size, err, moments })
  end))

  it("gives up after `tries` in a row that gained nothing", simulated(nil, function()
    local result, err, moments, seconds = download({ 100, DOWN, 1, DOWN, DOWN, DOWN, DOWN, DOWN })
    assert.is_nil(result)
    assert.same({ "status", 503, "0.0 0.1 0.3 0.4 0.6 1.0 1.8 3.4" },
      { err.kind, err.response.status, moments })
    assert.truthy(math.abs(seconds - 3.4) < 1e-6)      -- at once then
    os.remove(path .. ".part")
    result, err, moments = download({ 100, { fail = "closed" }, {} }, { tries = 1 })
    assert.same({ "closed", "0.0 0.1" }, { not result and err.kind, moments })
    os.remove(path .. ".part")
    result, err, moments = download({ 100 }, { tries = 0 })
    assert.same({ "closed", "0.0" }, { not result and err.kind, moments })
  end))

  it("goes on when the server says, up to two minutes", simulated(nil, function()
    local function later(seconds)
      return { status = 503, headers = { ["Retry-After"] = seconds } }
    end
    local result, err, moments = download({ 100, later(60), later(120), later(0) })
    assert.same({ 1000, nil, "0.0 0.1 60.1 180.1 180.9" }, { result and result.size, err, moments })
    result, err, moments = download({ 100, later(121) })
    assert.same({ "status", "0.0 0.1" }, { not result and err.kind, moments })
  end))

  it("goes on when its server has fallen silent", simulated(nil, function()
    for _, case in ipairs({
      { {}, "0.0 60.1 120.2" }, { { timeout = { idle = 7 } }, "0.0 7.1 14.2" },
      { { timeout = { total = 200 } }, "0.0 60.1 120.2" },
    }) do
      local result, err, moments = download({ { 100, "silent" }, { 100, "silent" } }, case[1])
      assert.same({ 1000, nil, case[2] }, { result and result.size, err, moments })
    end
    local _, _, moments = download({ { 100, "silent" } }, nil, { timeout = { idle = 9 } })
    assert.equal("0.0 9.1", moments)
    -- Not when it is slow.
    local result, _, when, seconds = download({ { 100, "slow" } })
    assert.same({ 1000, "0.0", 50 }, { result.size, when, seconds })
    -- And not for ever.
    local err
    result, err, moments = download({ { 100, "silent" }, { 0, "silent" }, { 0, "silent" } },
      { tries = 2, timeout = { idle = 10 } })
    assert.same({ "timeout", words("idle", 10), "0.0 10.1 20.3" },
      { not result and err.kind, err.message, moments })
  end))

  it("ends after timeout.total, which is of all of it", simulated(nil, function()
    for _, plan in ipairs({
      { { 10, "silent" }, { 10, "silent" }, { 10, "silent" } },
      { 10, { status = 503, headers = { ["Retry-After"] = 100 } } },
      { { delay = NEVER } }, { { connect = NEVER } }, { 10, { delay = NEVER } },
    }) do
      local result, err, _, seconds = download(plan, { timeout = { total = 25, idle = 10,
        connect = NEVER } })
      assert.is_nil(result)
      assert.same({ "timeout", words("total", 25), URL, 25 },
        { err.kind, err.message, err.url, seconds })
      os.remove(path .. ".part")
      os.remove(path .. ".part.json")
    end
    local result, _, _, seconds = download({ { 10, "slow" } }, { timeout = 50.5 })
    assert.same({ 1000, 50 }, { result.size, seconds })
  end))

  it("leaves what has not begun to `retry`", simulated(nil, function()
    for _, case in ipairs({
      { { delay = NEVER }, "first_byte", 300, {} },
      { { delay = NEVER }, "first_byte", 5, { first_byte = 5 } },
      { { delay = NEVER }, "attempt", 5, { attempt = 5 } },
      { { connect = NEVER }, "connect", 30, {} },
    }) do
      local result, err, moments, seconds = download({ case[1] }, { timeout = case[4] })
      assert.same({ words(case[2], case[3]), "0.0", case[3] },
        { not result and err.message, moments, seconds })
    end
    local result, err, moments = download({ { delay = NEVER }, { connect = NEVER } }, {
      timeout = { first_byte = 5, connect = 2 },
      retry = { limit = 2, backoff = function() return 10 end } })
    assert.same({ 1000, nil, "0.0 15.0 27.0" }, { result and result.size, err, moments })
  end))

  it("keeps what is there when it is cancelled, or its client closed, meanwhile", simulated(nil,
    function()
    for _, how in ipairs({ "cancel", "close" }) do
      local mock = ms.mock({ routes = function(request, count)
        return count == 1 and part(request, 100)
          or { status = 503, headers = { ["Retry-After"] = 60 } }
      end })
      local client = ms.client({ agent = mock })
      local task = ms.spawn(client.download, client, URL, path)
      ms.sleep(30)
      if how == "cancel" then
        task:cancel()
        assert.is_false((task:join()))
      else
        client:close()
        local _, result, err = task:join()
        assert.same({ nil, "cancelled" }, { result, err.kind })
      end
      assert.equal(CONTENT:sub(1, 100), helper.read_file(path .. ".part"))
      os.remove(path .. ".part")
      client:close()
    end
  end))
end)
