-- A stream of server-sent events as the providers of models send it, over the network.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local scripted = require("spec.support.scripted")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task, of_loop, all_of = helper.task, helper.of_loop, helper.all_of

describe("a stream of a model", function()
  local server, hostile = fixtures.server(scripted.start), fixtures.hostile()
  local client, number = nil, 0

  fixtures.client(function(made) client = made end, { timeout = 10 })

  local SSE = { { "Content-Type", "text/event-stream; charset=utf-8" } }

  -- A path that answers as told.
  local function at(...)
    number = number + 1
    local target = "/stream-" .. number
    server.script(target, { ... })
    return server.url(target), target
  end

  local function encoded(events)
    local list = {}
    for i, event in ipairs(events) do
      list[i] = (event[2] and "event: " .. event[1] .. "\n" or "") .. "data: "
        .. (type(event[#event]) == "table" and ms.json.encode(event[#event]) or event[#event])
        .. "\n\n"
    end
    return list
  end

  local function delta(content)
    return { { choices = ms.array({ { index = 0, delta = { content = content } } }) } }
  end

  local OPENAI = encoded({ delta("Hel"), delta("lo, "), delta("w\195\182rld \240\159\152\128"),
    { "[DONE]" } })

  -- The text of deltas.
  local function text_of(url, options)
    local parts = {}
    local response = ms.assert(client:post(url, options or { json = { stream = true } }))
    local next_event = response:events({ json = true, done = "[DONE]" })
    local event = next_event()
    while event do
      parts[#parts + 1] = event.data.choices[1].delta.content
      event = next_event()
    end
    return table.concat(parts), response
  end

  it("comes as it is written, and ends with [DONE]", task(function()
    local pieces = {}
    for i, text in ipairs(OPENAI) do
      pieces[2 * i - 1], pieces[2 * i] = text, 0.02
    end
    local text, response = text_of((at({ headers = SSE, pieces = pieces })))
    assert.equal("Hello, w\195\182rld \240\159\152\128", text)
    assert.equal("multisock.response (200, read)", tostring(response))   -- kept alive
  end))

  it("comes byte by byte, too", task(function()
    for split = 1, 5 do
      local body = table.concat(OPENAI):gsub("\n", "\r\n")
      local url = at({ headers = SSE, body = body, split = split })
      assert.equal("Hello, w\195\182rld \240\159\152\128", (text_of(url)))
    end
  end))

  it("comes in gzip", task(function()
    local path = os.tmpname()
    helper.write_file(path, table.concat(OPENAI))
    local hex = servers.output("gzip -nc " .. path .. " | od -An -v -tx1 | tr -d ' \\n'")
    os.remove(path)
    local url = hostile.url("/coded?framing=chunked&piece=3&delay=0.001&hex=" .. hex)
    local response = ms.assert(client:get(url))
    assert.equal(3, #all_of(response:events({ done = "[DONE]" })))
  end))

  it("has named events, pings and tool calls in pieces", task(function()
    local function part(kind, index, name, fields)
      fields.type = name
      local field = kind == "content_block_start" and "content_block" or "delta"
      return { kind, { type = kind, index = index, [field] = fields } }
    end
    local url = at({ headers = SSE, body = table.concat(encoded({
      { "message_start", { type = "message_start", message = { role = "assistant" } } },
      part("content_block_start", 0, "text", { text = "" }),
      { "ping", { type = "ping" } },
      part("content_block_delta", 0, "text_delta", { text = "Let me " }),
      part("content_block_delta", 0, "text_delta", { text = "see" }),
      part("content_block_start", 1, "tool_use", { name = "weather", input = {} }),
      part("content_block_delta", 1, "input_json_delta", { partial_json = '{"ci' }),
      { "ping", { type = "ping" } },
      part("content_block_delta", 1, "input_json_delta", { partial_json = 'ty": "K\195\182ln"}' }),
      { "message_stop", { type = "message_stop" } },
    })), split = 11 })
    local response = ms.assert(client:post(url, { json = {} }))
    local text, input, pings = "", "", 0
    local next_event = response:events({ json = true,
      done = function(event) return event.type == "message_stop" end })
    local event = next_event()
    while event do
      assert.equal(event.type, event.data.type)
      local change = event.data.delta or {}
      text, input = text .. (change.text or ""), input .. (change.partial_json or "")
      pings = pings + (event.type == "ping" and 1 or 0)
      event = next_event()
    end
    assert.same({ "Let me see", "K\195\182ln", 2 }, { text, ms.json.decode(input).city, pings })
  end))

  it("tells of an error in the middle", task(of_loop(function()
    local url = at({ headers = SSE, pieces = encoded({ { "delta", { text = "a" } },
      { "error", { type = "error", error = { type = "overloaded_error" } } } }) })
    local seen = {}
    local err = helper.failure(function()
      for event in ms.assert(client:post(url, { json = {} })):events({ json = true,
        done = function(event) return event.type == "message_stop" end }) do
        seen[#seen + 1] = event.type
        if event.type == "error" then
          error(event.data.error.type, 0)
        end
      end
    end)
    assert.same({ { "delta", "error" }, "overloaded_error" }, { seen, err })
    -- Who goes on instead learns that it has ended too early.
    err = helper.failure(function()
      all_of(ms.assert(client:post(url, { json = {} })):events({ done = "[DONE]" }))
    end)
    assert.equal("closed", err.kind)
  end)))

  it("that is cut off never looks complete", task(of_loop(function()
    for _, done in ipairs({ false, "[DONE]" }) do
      local url = at({ headers = SSE, pieces = { OPENAI[1], OPENAI[2]:sub(1, 20) }, cut = true })
      local response = ms.assert(client:post(url, { json = {} }))
      local count = 0
      local err = helper.failure(function()
        for _ in response:events({ done = done or nil }) do
          count = count + 1
        end
      end)
      assert.same({ 1, "closed", response }, { count, err.kind, err.response })
    end
  end)))

  it("is asked for again after 429, when the server says so", task(function()
    local busy = { status = 429, headers = { { "retry-after-ms", "20" } }, body = "busy" }
    local url, target = at(busy, busy, { headers = SSE, pieces = OPENAI })
    local text, response = text_of(url, { json = {}, retry = { limit = 3,
      methods = { "POST" } } })
    assert.equal("Hello, w\195\182rld \240\159\152\128", text)
    assert.same({ 3, 3 }, { response.attempts, #server.seen(target) })
    -- What began to stream is not sent again.
    url, target = at({ headers = SSE, pieces = { OPENAI[1] }, cut = true })
    local ok, err = ms.spawn(text_of, url, { json = {}, retry = { methods = { "POST" } } }):join()
    assert.same({ false, "closed", 1 }, { ok, err.kind, #server.seen(target) })
  end))

  it("is left in the middle", task(function()
    local url = at({ headers = SSE, pieces = { OPENAI[1] }, hold = true })
    local before = server.open()
    local response = ms.assert(client:post(url, { json = {} }))
    local next_event = response:events()
    assert.truthy(next_event())
    assert.equal(before + 1, server.open())
    response:close()
    assert.equal("multisock.response (200, closed)", tostring(response))
    local tries = 0
    while server.open() > before and tries < 200 do
      tries = tries + 1
      ms.sleep(0.02)
    end
    assert.equal(before, server.open())
    -- A task that waits for the next event is cancelled.
    local count = 0
    local reader = ms.spawn(function()
      local read = ms.assert(client:post(url, { json = {} })):events()
      while read() do
        count = count + 1
      end
    end)
    while count == 0 do
      ms.sleep(0.01)
    end
    reader:cancel("enough")
    local ok, err = reader:join()
    assert.same({ false, "cancelled", 1 }, { ok, err.kind, count })
  end))

  it("is closed at the end of its block", helper.of_block(task(function()
    local url = at({ headers = SSE, pieces = { OPENAI[1] }, hold = true })
    local response = ms.assert(client:post(url, { json = {} }))
    for event in response:events() do
      if event.data ~= "" then
        break
      end
    end
    assert.equal("multisock.response (200, closed)", tostring(response))
  end)))

  it("waits for who reads it slowly", task(function()
    local event = "data: " .. ("x"):rep(1000) .. "\n\n"
    local url = at({ headers = SSE, body = event:rep(5000), split = 60000 })
    local response = ms.assert(client:get(url, { high_water = 20000 }))
    ms.sleep(0.1)
    local received = response.sizes.body
    assert.truthy(received < 2e6, received)
    assert.equal(5000, #all_of(response:events()))
  end, 20))

  it("of 10,000 events comes at once", task(function()
    local list = {}
    for i = 1, 10000 do
      list[i] = ("id: %d\ndata: {\"n\": %d}\n\n"):format(i, i)
    end
    local response = ms.assert(client:get((at({ headers = SSE, body = table.concat(list),
      split = 5000 }))))
    local events = all_of(response:events({ json = true }))
    assert.same({ 10000, 10000, "10000" }, { #events, events[10000].data.n, events[10000].id })
  end, 20))

  it("of records is cut off in the open, too", task(of_loop(function()
    local url = at({ pieces = { "{\"n\": 1}\n{\"n\"", ": 2}\n3" } })
    local list = all_of(ms.assert(client:get(url)):records())
    assert.same({ 1, 2, 3 }, { list[1].n, list[2].n, list[3] })
    url = at({ pieces = { "1\n2" }, cut = true })
    local count = 0
    local err = helper.failure(function()
      for _ in ms.assert(client:get(url)):records() do
        count = count + 1
      end
    end)
    assert.same({ 1, "closed" }, { count, err.kind })
  end)))
end)
