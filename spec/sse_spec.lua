-- response:events(): the rules of WHATWG HTML 9.2, on bodies that are cut wherever they can be;
-- and response:records().
local growth = require("spec.support.growth")
local helper = require("spec.helper")
local ms = require("multisock")

local task, all_of = helper.task, helper.all_of

-- A body that comes in pieces of so many bytes.
local function in_pieces(text, size)
  local at = 1
  return function()
    if at <= #text then
      at = at + size
      return text:sub(at - size, at - 1)
    end
  end
end

local function in_two(text, first)
  local pieces = { text:sub(1, first), text:sub(first + 1) }
  return function()
    return table.remove(pieces, 1)
  end
end

-- The events of a body as text, "type:data" and what is not usual of them.
local function shown(body, options)
  local list = all_of(ms.response(body):events(options))
  for i, event in ipairs(list) do
    list[i] = event.type .. ":" .. event.data .. (event.id ~= "" and " #" .. event.id or "")
      .. (event.retry and (" @%.0f"):format(event.retry * 1000) or "")
  end
  return table.concat(list, "|")
end

describe("the events of a body", function()
  -- What is sent, and what comes of it.
  local CASES = {
    fields = {
      { "data: x\n\n", "message:x" },
      { "data:x\n\ndata: y\n\n", "message:x|message:y" },
      { "data:  x \n\n", "message: x " },             -- one space goes, no more
      { "data: \t\n\n", "message:\t" },
      { "data\n\n", "message:" }, { "data:\n\n", "message:" }, { "data\n\n\n\n", "message:" },
      { "data: a\ndata: b\ndata\n\n", "message:a\nb\n" },
      { "data\ndata\n\n", "message:\n" },
      { "data:a:b: c\n\n", "message:a:b: c" },
      { "event: e\ndata: x\n\ndata: y\n\n", "e:x|message:y" },
      { "event: e\n\ndata: y\n\n", "message:y" },     -- without data there is none
      { "event: e\nevent: f\ndata: x\n\n", "f:x" },
      { "event: e\nevent\ndata: x\n\n", "message:x" },
      { "Data: x\nDATA: x\n data: x\ndata : x\ndatum: x\ndat\n\n", "" },
      { "data\0: x\n\n", "" },
      { "data: x\0y\n\n", "message:x\0y" },
    },
    comments = {
      { ":\n\n: hello\n\n:data: x\n\n", "" },
      { ": a\ndata: x\n:b\ndata: y\n\n", "message:x\ny" },
    },
    ids = {
      { "id: 1\ndata: x\n\ndata: y\n\n", "message:x #1|message:y #1" },
      { "id: 1\n\ndata: y\n\n", "message:y #1" },     -- also of one without data
      { "id: 1\ndata: x\n\nid\ndata: y\n\nid:2\nid: 3\ndata: z\n\n",
        "message:x #1|message:y|message:z #3" },
      { "id: 1\nid: 2\0\ndata: x\n\nid: \0\ndata: y\n\n", "message:x #1|message:y #1" },
    },
    retry = {
      { "retry: 1500\n\ndata: x\n\n", "message:x @1500" },
      { "retry: 1\nretry: -2\nretry: 3x\nretry: 4.5\nretry:  6\nretry:\nretry\nretry: 0x10\n"
        .. "retry: 1e3\ndata: x\n\n", "message:x @1" },
      { "retry: 00020\ndata: x\n\n", "message:x @20" }, { "retry:0\ndata: x\n\n", "message:x @0" },
    },
    ends = {
      { "data: x\r\r", "message:x" }, { "data: x\r\n\r\n", "message:x" },
      { "data: x\n\r", "message:x" }, { "data: x\n\r\n", "message:x" },
      { "data: x\r\n\n", "message:x" }, { "data: x\r\n\r", "message:x" },
      { "data: a\rdata: b\ndata: c\r\ndata: d\r\r", "message:a\nb\nc\nd" },
      { "data: a\n\rdata: b\n\r", "message:a|message:b" },
      { "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", "message:a\nb|message:c" },
      { "\r\n\r\r\n\n\ndata: x\n\n", "message:x" },
    },
    ["what is cut off"] = {
      { "", "" }, { "\n", "" }, { "data: x", "" }, { "data: x\n", "" }, { "data: x\r", "" },
      { "data: x\n\ndata: y\n", "message:x" }, { "data: x\n\ndata: y", "message:x" },
      { "data: x\n\n:", "message:x" }, { "data: x\n\nid: 1", "message:x" },
    },
    bom = {
      { "\239\187\191data: x\n\n", "message:x" },
      { "\239\187\191\239\187\191data: x\n\ndata: y\n\n", "message:y" },
      { "\239\187data: x\n\ndata: y\n\n", "message:y" },
      { "data: x\n\239\187\191data: y\n\n", "message:x" },
      { "\239\187\191\ndata: x\n\n", "message:x" }, { "\239\187\191", "" },
      { "\239\187\191:\n\239\187\191\ndata: \239\187\191x\n\n", "message:\239\187\191x" },
    },
    ["characters of several bytes"] = {
      { "data: \195\164\226\130\172\240\159\152\128\n\n"
        .. "event: \195\164\nid: \226\130\172\ndata:x\n\n",
        "message:\195\164\226\130\172\240\159\152\128|\195\164:x #\226\130\172" },
      { "data: \255\128x\n\n", "message:\255\128x" },
    },
  }

  for what, cases in pairs(CASES) do
    it("are the same wherever the body is cut: " .. what, function()
      for _, case in ipairs(cases) do
        local text, expected = case[1], case[2]
        local message = ("%q"):format(text)
        assert.equal(expected, shown(text), message)
        assert.equal(expected, shown(in_pieces(text, 1)), message)
        for first = 1, #text - 1 do
          assert.equal(expected, shown(in_two(text, first)), message .. " at " .. first)
        end
      end
    end)
  end

  it("come as soon as their end is there", function()
    for _, last in ipairs({ "\r", "\n", "\r\n" }) do
      local pieces = { "data: x" .. last .. last, "data: y" }
      local next_event = ms.response(function()
        local piece = table.remove(pieces, 1)
        assert.truthy(piece, "it was asked for more than it needs")
        return piece
      end):events()
      assert.equal("x", next_event().data)
      assert.equal(1, #pieces)
    end
  end)

  it("come out of every kind of body", function()
    local text = "event: e\ndata: x\nid: 7\n\n"
    local path = os.tmpname()
    helper.write_file(path, text)
    local file = assert(io.open(path, "rb"))
    assert.equal("e:x #7", shown(file))
    file:close()
    os.remove(path)
    local response = ms.response(text)
    assert.equal(text, response:text())
    assert.equal(1, #all_of(response:events()))       -- kept: it is there
    assert.equal(1, #all_of(ms.response(in_pieces(text, 3)):events()))
    assert.same({}, all_of(ms.response(nil):events()))
  end)

  it("end with what `done` says", function()
    local text = "data: 1\n\ndata: [DONE]\n\ndata: 2\n\n"
    assert.equal("message:1", shown(text, { done = "[DONE]" }))
    assert.equal("message:1|message:[DONE]|message:2", shown(text))
    local asked = {}
    assert.equal("message:1|message:[DONE]", shown(in_pieces(text, 1), { done = function(event)
      asked[#asked + 1] = event.data
      return event.data == "2"
    end }))
    assert.same({ "1", "[DONE]", "2" }, asked)
    local next_event = ms.response(text):events({ done = "[DONE]" })
    assert.equal("1", next_event().data)
    assert.same({ nil, nil }, { next_event(), next_event() })
  end)

  it("without that raise where the body ends", function()
    for _, done in ipairs({ "[DONE]", function() return false end }) do
      for _, rest in ipairs({ "", "data: [DONE]\n", "data: [DON" }) do
        local text = "data: 1\n\n" .. rest
        local response = ms.response(text, { url = "http://a.test/" })
        local next_event = response:events({ done = done })
        assert.equal("1", next_event().data)
        local err = helper.failure(next_event)
        assert.same({ "closed", "http://a.test/", "receive" }, { err.kind, err.url, err.phase })
        assert.equal(response, err.response)
        assert.truthy(tostring(err):find("has ended too early", 1, true), tostring(err))
        assert.equal("closed", helper.failure(next_event).kind)
      end
    end
  end)

  it("have their data decoded with `json`", function()
    local list = all_of(ms.response('data: {"a":\ndata: [1, null]}\n\ndata: false\n\ndata: null\n\n'
      .. "data: [DONE]\n\n"):events({ json = true, done = "[DONE]" }))
    assert.equal(1, list[1].data.a[1])
    assert.equal(ms.null, list[1].data.a[2])
    assert.same({ false, ms.null, 3 }, { list[2].data, list[3].data, #list })
    local response = ms.response("data: 1\n\nevent: e\ndata: {no\n\ndata: 2\n\n")
    local next_event = response:events({ json = true })
    assert.equal(1, next_event().data)
    local err = helper.failure(next_event)
    assert.same({ "protocol", response }, { err.kind, err.response })
    assert.truthy(err.message:find('the data of an event ("e") is no JSON', 1, true), err.message)
    assert.equal(err, helper.failure(next_event))
  end)

  it("are no larger than max_size", function()
    local function kind_of(text, most, size)
      local ok, err = pcall(shown, in_pieces(text, size), { max_size = most })
      return ok and "ok" or err.kind
    end
    for _, size in ipairs({ 1, 7, 1000 }) do
      for _, case in ipairs({
        { "data:1234\n\n", 9, "ok" }, { "data:12345\n\n", 9, "too_large" },
        { "data:1\ndata:3\ndata:5\ndata:7\ndata:9\n\n", 9, "ok" },
        { "data:1\ndata:3\ndata:5\ndata:7\ndata:9\ndata\n\n", 9, "too_large" },
        { ("data: 123\n\n"):rep(10), 9, "ok" },
        { ":" .. ("x"):rep(20), 9, "too_large" }, { ("data\n"):rep(20), 9, "too_large" },
        { ("x"):rep(20), 9, "too_large" }, { ("x: y\n"):rep(100) .. "data:x\n\n", 9, "ok" },
      }) do
        assert.equal(case[3], kind_of(case[1], case[2], size), case[1])
      end
    end
    local MIB = 1024 * 1024
    assert.equal(MIB - 6, #shown("data: " .. ("x"):rep(MIB - 6) .. "\n\n") - #"message:")
    local err = helper.failure(shown, "data: " .. ("x"):rep(MIB) .. "\n\n")
    assert.truthy(tostring(err):find("an event is larger than max_size (1048576 bytes)", 1, true))
    assert.equal(2 * MIB, #shown("data: " .. ("x"):rep(2 * MIB) .. "\n\n", { max_size = math.huge })
      - #"message:")
  end)

  it("of a body without end take no more memory than max_size", function()
    local most, peak = 100000, 0
    for _, piece in ipairs({ "x", "data\n", ":", "data: y\n", "id: 12\n", "event: 12\r",
      "x: y\n" }) do
      collectgarbage()
      local before, count = collectgarbage("count"), 0
      local ok, err = pcall(shown, function()
        count = count + 1
        if count % 25000 == 0 then
          collectgarbage()
          peak = math.max(peak, collectgarbage("count") - before)
        end
        return count <= 3 * most and piece or nil
      end, { max_size = most })
      assert.truthy(ok or err.kind == "too_large", tostring(err))
      assert.equal(piece == ":" or piece == "x" or piece:find("data") ~= nil, not ok, piece)
    end
    assert.truthy(peak < 1000, peak)                  -- KiB; the bytes alone are 100
  end)

  it("take time with the bytes alone", function()
    local function read(size)
      return function(text)
        return pcall(shown, in_pieces(text, size), { max_size = math.huge })
      end
    end
    growth.check(growth.runs("data: ", "\n\n"), read(1000))
    for _, size in ipairs({ 1, 1000 }) do
      growth.check({
        ["lines of data"] = function(bytes) return ("data: x\n"):rep(bytes / 8) .. "\n" end,
        ["events"] = function(bytes) return ("data: x,y\r\n\r\n\r\n\r"):rep(bytes / 16) end,
        ["one line"] = function(bytes) return ("x"):rep(bytes * 4) end,
        ["one CR far away"] = function(bytes) return ("\n"):rep(bytes * 4) .. "\r" end,
      }, read(size))
    end
  end)

  it("refuse what makes no sense", function()
    local response = ms.response("")
    for words, options in pairs({
      ["events: table expected, got 5"] = 5,
      ['events: unknown option "size"'] = { size = 5 },
      ['unknown option "maxsize", did you mean \'max_size\'?'] = { maxsize = 5 },
      ["events: max_size: number of 1 or more expected, got 0"] = { max_size = 0 },
      ["events: done: string or function expected, got true"] = { done = true },
      ["events: json: boolean expected, got a list"] = { json = {} },
    }) do
      local err = helper.failure(response.events, response, options)
      assert.truthy(err:find(words, 1, true), err)
      assert.truthy(err:find("_spec.lua:%d+: ") or err:find("helper.lua:%d+: "), err)
    end
    response = ms.response("data: x\n\n")
    response:close()
    assert.equal("closed", helper.failure(response:events()).kind)
  end)
end)

describe("the records of a body", function()
  local function records_of(body, options)
    return all_of(ms.response(body):records(options))
  end

  it("are the JSON of its lines", function()
    local text = '{"a":1}\n\n[2]\r\n \t\n3\nfalse\nnull\n"\195\164"'
    for size = 1, #text do
      local list = records_of(in_pieces(text, size))
      assert.same({ 1, 2, 3, false, ms.null, "\195\164", 6 },
        { list[1].a, list[2][1], list[3], list[4], list[5], list[6], #list })
    end
    assert.same({}, records_of(""))
    assert.same({}, records_of("\n\r\n"))
  end)

  it("raise where a line is none, or too long", function()
    local response = ms.response("1\n\n{2\n3\n", { url = "http://a.test/" })
    local next_record = response:records()
    assert.equal(1, next_record())
    local err = helper.failure(next_record)
    assert.same({ "protocol", "http://a.test/", response }, { err.kind, err.url, err.response })
    assert.truthy(err.message:find("line 3 is no JSON", 1, true), err.message)
    assert.equal(err, helper.failure(next_record))
    err = helper.failure(records_of, "[1]\n[1, 2]\n", { max_size = 5 })
    assert.equal("too_large", err.kind)
    assert.truthy(err.message:find("a record is longer than max_size (5 bytes)", 1, true))
    -- One that was cut off is no record.
    assert.equal("protocol", helper.failure(records_of, '1\n{"a":').kind)
    assert.truthy(helper.failure(response.records, response, { json = true })
      :find('records: unknown option "json"', 1, true))
  end)

  it("are read with a client's own JSON", task(function()
    local client = ms.client({ agent = function() return ms.response("a\nb\n") end,
      json_codec = { encode = tostring, decode = function(text) return text .. "!" end } })
    assert.same({ "a!", "b!" }, all_of(client:get("http://a.test/"):records()))
    local list = all_of(client:get("http://a.test/", { json_codec = { encode = tostring,
      decode = function() error("bad", 0) end } }):events({ json = true }))
    assert.same({}, list)
    client:close()
  end))
end)
