-- ms.eventsource: events over as many connections as it takes, of servers that are really there.
-- How long it waits for the next one: eventsource_waits_spec.lua, on a mock's clock.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local scripted = require("spec.support.scripted")
local support = require("spec.support.core_support")
local ms = require("multisock")

local task, of_loop = helper.task, helper.of_loop

describe("an event source", function()
  local server = fixtures.server(scripted.start)
  local client, number = nil, 0

  fixtures.client(function(made) client = made end, { timeout = { connect = 10, first_byte = 10 } })

  local SSE = { { "Content-Type", "text/event-stream" } }

  local function at(...)
    number = number + 1
    local target = "/source-" .. number
    local answers = { ... }
    for _, answer in ipairs(answers) do
      answer.headers = answer.headers or SSE
    end
    server.script(target, answers)
    return server.url(target), target
  end

  local GONE = { status = 204 }

  -- A source that comes again soon.
  local function open(url, options)
    options = options or {}
    options.reconnect = options.reconnect or 0.01
    return (client:eventsource(url, options))
  end

  -- Its events as text, and the error that has ended it.
  local function read_all(source)
    local list = {}
    local event, err = source:read()
    while event do
      list[#list + 1] = event.data .. "#" .. event.id
      event, err = source:read()
    end
    return table.concat(list, " "), err
  end

  -- The header of each request that has come.
  local function sent(target, name)
    local list = {}
    for i, seen in ipairs(server.seen(target)) do
      list[i] = seen.headers[name] or "-"
    end
    return table.concat(list, " ")
  end

  it("goes on behind the last event, over connections that end or are cut", task(function()
    local url, target = at(
      { pieces = { "data: a\n\nid: 1\ndata: b\n\n" } },
      { pieces = { "id: 2\ndata: c\n\nid: 3\ndata: lost\n" }, cut = true },
      { pieces = { "data: d\n\nid: 4\n\n" } },         -- an id of no event counts, too
      { pieces = { "id\ndata: e\n\n" } },
      { pieces = { "data: f\n\n" } },
      GONE)
    local source = open(url)
    local events, err = read_all(source)
    assert.equal("a# b#1 c#2 d#2 e# f#", events)
    assert.same({ "status", 204 }, { err.kind, err.response.status })
    assert.truthy(tostring(err):find("HTTP status 204", 1, true), tostring(err))
    assert.equal("- 1 2 4 - -", sent(target, "last-event-id"))
    assert.equal("multisock.eventsource (closed)", tostring(source))
    assert.same({ nil, err }, { source:read() })       -- and stays ended
  end))

  it("says what it wants, unless it is told to want something else", task(function()
    local url, target = at({ pieces = { "data: a\n\n" } }, GONE)
    read_all(open(url))
    assert.same({ "text/event-stream text/event-stream", "no-cache no-cache" },
      { sent(target, "accept"), sent(target, "cache-control") })
    url, target = at({ pieces = { "id: 10\ndata: a\n\n" } }, GONE)
    read_all(open(url, { headers = { accept = "text/event-stream, x/y", ["X-Name"] = "v" },
      last_event_id = "9" }))
    local second = server.seen(target)[2]
    assert.same({ "GET", "text/event-stream, x/y", "v" }, { second.method, second.headers.accept,
      second.headers["x-name"] })
    assert.equal("9 10", sent(target, "last-event-id"))
  end))

  it("is iterated over, and raises at its end", task(of_loop(function()
    local url = at({ pieces = { "data: a\n\n", "data: b\n\n" } }, GONE)
    local list = {}
    local err = helper.failure(function()
      for event in client:eventsource(url, { reconnect = 0 }) do
        list[#list + 1] = event.data
      end
    end)
    assert.same({ { "a", "b" }, "status" }, { list, err.kind })
    -- By the default client, too.
    list = {}
    for event in ms.eventsource((at({ pieces = { "data: a\n\n" } }))) do
      list[#list + 1] = event.data
      if #list == 1 then
        break
      end
    end
    collectgarbage()
    assert.same({ "a" }, list)
  end)))

  it("needs no task, nor a loop that runs", function()
    local url = at({ pieces = { "data: a\n\n" } }, { pieces = { "data: b\n\n" } }, GONE)
    local list = {}
    local ok, err = pcall(function()
      for event in client:eventsource(url, { reconnect = 0.01 }) do
        list[#list + 1] = event.data
      end
    end)
    assert.same({ false, "status", { "a", "b" } }, { ok, err.kind, list })
  end)

  it("ends with what is no stream of events", task(function()
    for _, case in ipairs({
      { { status = 404 }, "status" }, { { status = 401 }, "status" },
      { { status = 429 }, "status" }, { { status = 201 }, "status" },
      { { status = 204 }, "status" }, { { status = 304 }, "status" },
      { { headers = { { "Content-Type", "text/html" } } }, "protocol" },
      { { headers = { { "Content-Type", "text/event-streams" } } }, "protocol" },
      { { headers = { { "X-Type", "none" } } }, "protocol" },
    }) do
      case[1].pieces = case[1].status == nil and { "data: x\n\n" } or nil
      local url, target = at(case[1])
      local err = helper.err_of(open(url):read())
      assert.same({ case[2], case[1].status or 200 }, { err.kind, err.response.status })
      assert.equal(1, #server.seen(target))
    end
    for _, media in ipairs({ "text/event-stream;charset=utf-8", "Text/Event-Stream ; x=y" }) do
      local url = at({ headers = { { "Content-Type", media } }, pieces = { "data: x\n\n" } })
      local source = open(url)
      assert.equal("x", source:read().data)
      source:close()
    end
  end))

  it("tries again what may pass", task(function()
    local url, target = at({ cut = true }, { pieces = { "data: x\n\n" } }, { status = 502 }, GONE)
    assert.equal("x#", (read_all(open(url, { reconnect = 0 }))))
    assert.equal(4, #server.seen(target))
    local refusing = ("http://127.0.0.1:%d/"):format(support.refusing_port())
    local _, err = open(refusing, { tries = 1 }):read()
    assert.equal("connect", err.kind)
    _, err = open("http://[", {}):read()
    assert.equal("url", err.kind)
    _, err = open("file:///etc/passwd"):read()
    assert.equal("policy", err.kind)
  end))

  it("waits as long as the server says, but close() ends it", task(function()
    local url = at({ pieces = { "retry: 20\ndata: a\n\n" } }, { pieces = { "data: b\n\n" } }, GONE)
    assert.equal("a# b#", (read_all(open(url, { reconnect = 1000 }))))
    local source = open((at({ status = 503, headers = { { "Retry-After", "1000" } } })))
    local reader = ms.spawn(source.read, source)
    repeat
      ms.sleep(0.01)
    until tostring(source) == "multisock.eventsource (waiting)"
    source:close()
    assert.same({ true, nil, nil }, { reader:join() })
  end))

  it("survives a restart of its server", task(function()
    local url, target = at({ pieces = { "id: 1\ndata: a\n\n" }, hold = true },
      { pieces = { "id: 2\ndata: b\n\n" } }, GONE)
    local source = open(url)
    assert.equal("a", source:read().data)
    server.restart(0.2)
    assert.equal("b#2", (read_all(source)))
    assert.equal("- 1 2", sent(target, "last-event-id"))
  end))

  it("is closed whatever it does", task(function()
    local source = open((at({ pieces = {} })))
    source:close()                                     -- nothing yet
    assert.same({ nil, nil }, { source:read() })
    source:close()
    for state, answer in pairs({
      connecting = { pause = 100, pieces = {} },
      open = { pieces = { "data: x\n\n" }, hold = true },
    }) do
      local url = at(answer)
      source = open(url)
      local first
      local reader = ms.spawn(function()
        first = source:read()
        return state == "open" and source:read() or nil
      end)
      repeat
        ms.sleep(0.01)
      until tostring(source) == ("multisock.eventsource (%s)"):format(state)
        and (first or state == "connecting")
      source:close()
      assert.same({ true, nil }, { reader:join() })
      assert.equal("multisock.eventsource (closed)", tostring(source))
    end
    local tries = 0
    while server.open() > 0 and tries < 200 do
      tries = tries + 1
      ms.sleep(0.02)
    end
    assert.equal(0, server.open())
  end))

  it("is closed at the end of its block", helper.of_block(task(function()
    local url = at({ pieces = { "data: x\n\n" }, hold = true })
    local kept
    do
      local source <close> = client:eventsource(url)
      assert.equal("x", source:read().data)
      kept = source
    end
    assert.equal("multisock.eventsource (closed)", tostring(kept))
    for event in client:eventsource(url) do
      if event.data == "x" then
        break
      end
    end
  end)))

  it("goes on when only its reader was cancelled", task(function()
    local url, target = at({ pieces = { "id: 1\ndata: a\n\n" }, hold = true },
      { pieces = { "data: b\n\n" } }, GONE)
    local source = open(url)
    assert.equal("a", source:read().data)
    local event, err = ms.with_timeout(0.05, source.read, source)
    assert.same({ nil, "timeout" }, { event, err.kind })
    assert.equal("b#1", (read_all(source)))
    assert.equal("- 1 1", sent(target, "last-event-id"))
    -- While it connects, too.
    url = at({ pause = 100 }, { pieces = { "data: c\n\n" } }, GONE)
    source = open(url)
    event, err = ms.with_timeout(0.05, source.read, source)
    assert.same({ nil, "timeout" }, { event, err.kind })
    assert.equal("c#", (read_all(source)))
  end))

  it("has one reader at a time", task(function()
    for state, answer in pairs({
      connecting = { pause = 100 }, open = { pieces = { ":\n" }, hold = true },
      waiting = { status = 503, headers = { { "Retry-After", "1000" } } },
    }) do
      local source = open((at(answer)))
      local reader = ms.spawn(source.read, source)
      repeat
        ms.sleep(0.01)
      until tostring(source) == ("multisock.eventsource (%s)"):format(state)
      local ok, err = ms.spawn(source.read, source):join()
      assert.is_false(ok)
      assert.truthy(tostring(err):find("another task reads this", 1, true), tostring(err))
      source:close()
      assert.same({ true, nil }, { reader:join() })
    end
  end))

  it("ends with its client", task(function()
    for _, answer in ipairs({ { pieces = { ":\n" }, hold = true }, { pause = 100 },
      { status = 503, headers = { { "Retry-After", "1000" } } } }) do
      local own = ms.client()
      local source = own:eventsource((at(answer)))
      local reader = ms.spawn(source.read, source)
      ms.sleep(0.05)
      own:close()
      local _, event, err = reader:join()
      assert.same({ nil, "cancelled" }, { event, err.kind })
    end
  end))

  it("reads events as response:events does", task(function()
    local url = at({ pieces = { 'data: {"a": 1}\n\ndata: [DONE]\n\n' } })
    local source = open(url, { json = true, done = "[DONE]" })
    assert.equal(1, source:read().data.a)
    assert.same({ nil, nil }, { source:read() })
    assert.same({ nil, nil }, { source:read() })
    local _, err = read_all(open((at({ pieces = { "data: {\n\n" } })), { json = true }))
    assert.equal("protocol", err.kind)
    _, err = read_all(open((at({ pieces = { "data: " .. ("x"):rep(100) } })), { max_size = 50 }))
    assert.equal("too_large", err.kind)
    -- An end before that is no end.
    url = at({ pieces = { "data: a\n\n" } }, { pieces = { "data: b\n\ndata: [DONE]\n\n" } })
    assert.equal("a# b#", (read_all(open(url, { done = "[DONE]" }))))
  end))

  it("is limited by none of its client's limits for a whole answer", task(function()
    local own = ms.client({ timeout = { total = 0.1, attempt = 0.1 }, buffer = true,
      fail_on_error = true, max_body = 10, cache = true })
    local url, target = at({ headers = { SSE[1], { "Cache-Control", "max-age=100" } },
      pieces = { "data: a\n\n", 0.2, "data: b\n\n" } }, GONE)
    assert.equal("a# b#", (read_all((own:eventsource(url, { reconnect = 0.01 })))))
    assert.equal(2, #server.seen(target))
    -- Silence is noticed when that is asked for.
    url, target = at({ pieces = { "data: a\n\n" }, hold = true }, GONE)
    assert.equal("a#", (read_all((own:eventsource(url, { reconnect = 0.01,
      timeout = { idle = helper.seconds(0.2) } })))))
    assert.equal(2, #server.seen(target))
    own:close()
  end))

  it("works over an agent, and over TLS", task(function()
    local asked = {}
    local own = ms.client({ agent = function(request)
      asked[#asked + 1] = request.headers["Last-Event-ID"] or "-"
      return ms.response(#asked < 3 and "id: " .. #asked .. "\ndata: x\n\n" or "", {
        status = #asked < 3 and 200 or 410, headers = { ["Content-Type"] = "text/event-stream" } })
    end })
    local events, err = read_all((own:eventsource("https://a.test/", { reconnect = 0 })))
    assert.same({ "x#1 x#2", 410, "- 1 2" }, { events, err.response.status,
      table.concat(asked, " ") })
    own:close()
    local kept = own_servers.kept(true)
    local event
    event, err = (client:eventsource(kept.url("/"), { tls = { ca = kept.ca } })):read()
    assert.same({ nil, "protocol" }, { event, err.kind })
    event, err = (client:eventsource(kept.url("/"))):read()
    assert.is_nil(event)
    assert.equal("tls", err.kind)                      -- at the first time there is no hope
    kept.stop()
  end))

  it("refuses what makes no sense", task(function()
    for words, options in pairs({
      ["eventsource: table of options expected, got 1"] = 1,
      ['eventsource: unknown option "reconect", did you mean \'reconnect\'?'] = { reconect = 1 },
      ["eventsource: option 'body' is not for event sources"] = { body = "x" },
      ["option 'reconnect': seconds of 0 or more expected, got -1"] = { reconnect = -1 },
      ["option 'last_event_id': string of one line expected"] = { last_event_id = "a\nb" },
      ["option 'tries': integer of 0 or more expected"] = { tries = -1 },
      ["option 'max_size': integer of 1 or more expected"] = { max_size = 0 },
      ["option 'done': string or function expected"] = { done = 1 },
      ["option 'json': boolean expected"] = { json = {} },
      ["headers: invalid name"] = { headers = { ["a b"] = 1 } },
      ["option 'timeout': seconds above 0 expected"] = { timeout = -1 },
    }) do
      local err = helper.failure(client.eventsource, client, "http://a.test/", options)
      assert.truthy(err:find(words, 1, true), err)
    end
    assert.truthy(helper.failure(client.eventsource, "http://a.test/"):find("client:eventsource"))
    assert.truthy(helper.failure(client.eventsource, client, 5):find("url: string expected"))
    local source = client:eventsource("http://a.test/")
    assert.truthy(helper.failure(source.read):find("eventsource:read", 1, true))
  end))
end)
