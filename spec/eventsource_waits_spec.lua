-- ms.eventsource: when it connects again, what its limits of time end, and when it gives up. On a
-- mock's clock; over connections that are really there: eventsource_spec.lua.
local helper = require("spec.helper")
local mocked = require("spec.support.mocked")
local ms = require("multisock")

local simulated = helper.simulated

describe("an event source that waits", function()
  after_each(helper.check_leaks)

  local URL, NEVER = "https://h.example/events", math.huge
  local TYPE = { ["Content-Type"] = "text/event-stream" }
  local GONE = { status = 204 }

  -- A client whose mock gives these answers, one after the other.
  local function over(answers, options)
    for _, answer in ipairs(answers) do
      answer.headers = answer.headers or TYPE
    end
    return mocked.over({ { reply = answers } }, options)
  end

  -- Its events until its end, and the error of that.
  local function read_all(source)
    local list = {}
    local event, err = source:read()
    while event do
      list[#list + 1] = event.data
      event, err = source:read()
    end
    return table.concat(list, " "), err
  end

  -- That each request came so long after the one before, and 10 % later at most.
  local function check_gaps(mock, gaps)
    local calls = mock:calls()
    assert.equal(#gaps + 1, #calls)
    for i, gap in ipairs(gaps) do
      local seconds = calls[i + 1].at - calls[i].at
      assert.truthy(seconds >= gap - 1e-6 and seconds <= gap * 1.1 + 1e-6, i .. ": " .. seconds)
    end
  end

  it("does so as long as it says, or the server", simulated(nil, function()
    local client, mock = over({
      { body = "data: a\n\n" }, { body = "retry: 50000\ndata: b\n\n" }, { body = "data: c\n\n" },
      -- Also what a block without data says, and nothing says what is no number.
      { body = "retry: 20000\n" }, { body = "retry: soon\ndata: d\n\n" }, GONE,
    })
    local events, err = read_all(client:eventsource(URL, { reconnect = 7 }))
    assert.same({ "a b c d", "status" }, { events, err.kind })
    check_gaps(mock, { 7, 50, 50, 20, 20 })
    -- 3 s where nobody says anything.
    client, mock = over({ { body = "data: a\n\n" }, GONE })
    read_all(client:eventsource(URL))
    check_gaps(mock, { 3 })
    -- What a stream brought slowly is no wait.
    client, mock = over({ { body = { "data: a\n\n", 100, "data: b\n\n" } }, GONE })
    assert.equal("a b", (read_all(client:eventsource(URL, { reconnect = 5 }))))
    check_gaps(mock, { 105 })
  end))

  it("does so longer after each connection that brings nothing", simulated(nil, function()
    local down = {}
    for i = 1, 12 do
      down[i] = { status = 503 }
    end
    down[13], down[14], down[15] = { body = "data: a\n\n" }, { status = 500 }, GONE
    local client, mock = over(down)
    assert.equal("a", (read_all(client:eventsource(URL, { reconnect = 1 }))))
    -- An event has it begin from the start.
    check_gaps(mock, { 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 1, 1 })
    client, mock = over({ { status = 503 }, { fail = "connect" }, { body = "" }, GONE })
    read_all(client:eventsource(URL, { reconnect = 0 }))
    check_gaps(mock, { 0.1, 0.2, 0.4 })
    client, mock = over({ { status = 503 }, { status = 503 }, { status = 503 }, GONE })
    read_all(client:eventsource(URL, { reconnect = 100 }))
    check_gaps(mock, { 100, 100, 100 })
  end))

  it("does so at least as long as Retry-After says, however long that is", simulated(nil,
    function()
    local client, mock = over({
      { status = 503, headers = { ["Retry-After"] = "1000" } },
      { status = 503, headers = { ["Retry-After"] = "1" } }, GONE,
    })
    read_all(client:eventsource(URL, { reconnect = 2 }))
    check_gaps(mock, { 1000, 4 })
    client, mock = over({ { body = "retry: 99999999999999999999999\ndata: a\n\n" }, GONE })
    local source = client:eventsource(URL)
    assert.equal("a", source:read().data)
    local reader = ms.spawn(source.read, source)
    ms.sleep(86400 * 365)
    assert.same({ "multisock.eventsource (waiting)", 1 }, { tostring(source), #mock:calls() })
    source:close()
    assert.same({ true, nil, nil }, { reader:join() })
  end))

  it("tries again what may pass, and gives up after `tries`", simulated(nil, function()
    local client, mock = over({ { status = 503 }, { status = 500 }, { fail = "closed" },
      { body = "data: x\n\n" }, { status = 502 }, GONE })
    assert.equal("x", (read_all(client:eventsource(URL, { reconnect = 0 }))))
    check_gaps(mock, { 0.1, 0.2, 0.4, 0, 0.1 })
    local _, err
    client, mock = over({ { status = 503 } })
    _, err = client:eventsource(URL, { reconnect = 0, tries = 2 }):read()
    assert.same({ "status", 503, 3 }, { err.kind, err.response.status, #mock:calls() })
    client, mock = over({ { body = "" } })             -- one that opens, and brings nothing
    _, err = client:eventsource(URL, { reconnect = 0, tries = 1 }):read()
    assert.same({ "closed", 2 }, { err.kind, #mock:calls() })
    client, mock = over({ { body = "data: x\n\n" }, { body = "" } })
    local events
    events, err = read_all(client:eventsource(URL, { reconnect = 0, tries = 0 }))
    assert.same({ "x", "closed", 2 }, { events, err.kind, #mock:calls() })
    client, mock = over({ { fail = "connect" } })
    _, err = client:eventsource(URL, { reconnect = 1, tries = 5 }):read()
    assert.same({ "connect", 6 }, { err.kind, #mock:calls() })
    check_gaps(mock, { 1, 2, 4, 8, 16 })
  end))

  it("goes on when its server falls silent, where that is to be noticed", simulated(nil,
    function()
    local client, mock = over({ { body = { "data: a\n\n", NEVER } },
      { body = { "data: b\n\n", 20, ":\n", 20, "data: c\n\n", NEVER } }, GONE })
    assert.equal("a b c", (read_all(client:eventsource(URL, { reconnect = 5,
      timeout = { idle = 30 } }))))
    check_gaps(mock, { 35, 75 })
    -- A connection that is not made, or says nothing, is one that brings nothing.
    client, mock = over({ { connect = NEVER }, { delay = NEVER }, { body = "data: x\n\n" }, GONE })
    assert.equal("x", (read_all(client:eventsource(URL, { reconnect = 4,
      timeout = { connect = 10, first_byte = 20 } }))))
    check_gaps(mock, { 14, 28, 4 })
  end))

  it("leaves tries of one connection to `retry`", simulated(nil, function()
    local client, mock = over({ { status = 429, headers = { ["Retry-After"] = "10" } },
      { body = "data: x\n\n" }, { status = 429 } })
    local events, err = read_all(client:eventsource(URL, { reconnect = 3,
      retry = { limit = 1, backoff = function() return 5 end } }))
    assert.same({ "x", "status", 429 }, { events, err.kind, err.response.status })
    check_gaps(mock, { 10, 3, 5 })
  end))

  it("goes on when only its reader was cancelled", simulated(nil, function()
    local client, mock = over({ { body = { "id: 1\ndata: a\n\n", NEVER } },
      { delay = NEVER }, { status = 503 }, { body = "data: b\n\n" }, GONE })
    local source = client:eventsource(URL, { reconnect = 10 })
    assert.equal("a", source:read().data)
    for _ = 1, 2 do                                    -- while it reads, and while it connects
      local event, err = ms.with_timeout(20, source.read, source)
      assert.same({ nil, "timeout" }, { event, err.kind })
    end
    local event, err = ms.with_timeout(5, source.read, source)     -- while it waits
    assert.same({ nil, "timeout", 3 }, { event, err.kind, #mock:calls() })
    assert.equal("b", source:read().data)
    local sent = {}
    for i, call in ipairs(mock:calls()) do
      sent[i] = call.headers["last-event-id"] or "-"
    end
    assert.equal("- 1 1 1", table.concat(sent, " "))
    source:close()
  end))

  it("ends with its client", simulated(nil, function()
    for _, answer in ipairs({ { body = { ":\n", NEVER } }, { delay = NEVER }, { connect = NEVER },
      { status = 503, headers = { ["Retry-After"] = "1000" } } }) do
      local client = over({ answer }, { timeout = { connect = NEVER, first_byte = NEVER } })
      local source = client:eventsource(URL)
      local reader = ms.spawn(source.read, source)
      ms.sleep(500)
      client:close()
      local _, event, err = reader:join()
      assert.same({ nil, "cancelled" }, { event, err.kind })
    end
  end))
end)
