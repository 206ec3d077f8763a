-- JSON: exact numbers, marked arrays, and what RFC 8259 leaves open.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local growth = require("spec.support.growth")
local helper = require("spec.helper")
local ms = require("multisock")
local targets = require("multisock.request.targets")

local failure = helper.failure
local encode, decode = ms.json.encode, ms.json.decode
local has_integers = math.type ~= nil -- luacheck: ignore 143

local function refused(text)
  local value, err = decode(text)
  assert.is_nil(value, text)
  assert.equal("protocol", err.kind)
  return err.message
end

describe("JSON", function()
  it("keeps whole numbers", function()
    for _, value in ipairs({
      0, 1, -1, 10, 123456789012345, 9007199254740991, -9007199254740991, 2 ^ 53, -2 ^ 53, 1e15,
      1e16, 2 ^ 60, 1e20, 2 ^ 63, 1e21, 1e300,
    }) do
      assert.equal(value, decode(encode(value)))
      assert.equal(value, decode(encode({ value }))[1])
      assert.is_nil(encode(value):find(".", 1, true))
    end
    assert.equal("123456789012345", encode(123456789012345))
    assert.equal("9007199254740992", encode(2 ^ 53))
    assert.equal("100000000000000000000", encode(1e20))
    assert.equal("1e+21", encode(1e21))
    assert.equal("1", encode(1.0))
  end)

  it("keeps integers of 64 bits where Lua has them", function()
    for _, text in ipairs({
      "9223372036854775807", "-9223372036854775808", "9007199254740993", "21", "-7", "0",
    }) do
      local value = decode(text)
      if has_integers then
        assert.equal("integer", math.type(value)) -- luacheck: ignore 143
        assert.equal(text, tostring(value))
        assert.equal(text, encode(value))
      else
        assert.equal(tonumber(text), value)     -- the nearest there is
      end
    end
    -- What is larger is the nearest double on all, as in JavaScript.
    assert.equal(2 ^ 63, decode("9223372036854775808"))
    assert.equal(-2 ^ 63, decode("-9223372036854775809"))
    assert.equal(2 ^ 64, decode("18446744073709551615"))
    assert.equal(1e30, decode("1" .. ("0"):rep(30)))
  end)

  it("writes other numbers as the shortest text that reads back", function()
    for text, value in pairs({
      ["0.1"] = 0.1, ["0.7"] = 0.7, ["0.30000000000000004"] = 0.1 + 0.2, ["1e-07"] = 1e-7,
      ["0.3333333333333333"] = 1 / 3, ["5e-324"] = 5e-324,
      ["1.7976931348623157e+308"] = 1.7976931348623157e308,
      ["2.2250738585072014e-308"] = 2.2250738585072014e-308, ["-1.5"] = -1.5, ["0.000001"] = 1e-6,
      ["1000000000000000.5"] = 1e15 + 0.5, ["3.14159"] = 3.14159, ["123456.789"] = 123456.789,
      ["-0"] = -0.0,
    }) do
      assert.equal(text, encode(value))
      assert.equal(value, decode(text))
      assert.equal(1 / value, 1 / decode(text))         -- the sign of 0, too
    end
    math.randomseed(20)
    for _ = 1, 5000 do
      local mantissa, places = math.random(0, 2 ^ 30), math.random(0, 30)
      local value = (mantissa + math.random()) * 10 ^ (math.random(0, 40) - places)
      assert.equal(value, decode(encode(value)))
      local plain = tonumber(mantissa .. "e-" .. places)
      assert.equal(plain, decode(encode(plain)))
      assert.is_true(#encode(plain) <= #("%.17g"):format(plain))
      assert.equal(plain, decode(("%d.0e-%d"):format(mantissa, places)))
    end
  end)

  it("has no NaN and no infinities", function()
    for _, value in ipairs({ 0 / 0, math.huge, -math.huge }) do
      assert.matches("the value: a number expected, got", failure(encode, value))
      assert.matches("a%.b%[2%]: a number expected", failure(encode, { a = { b = { 1, value } } }))
    end
    assert.matches("too large", refused("1e400"))
    assert.matches("too large", refused("[-1" .. ("0"):rep(400) .. "]"))
    assert.equal(0, decode("1e-400"))
    for _, text in ipairs({ "NaN", "nan", "Infinity", "-Infinity", "inf" }) do
      refused(text)
    end
  end)

  it("tells arrays from objects", function()
    assert.equal("{}", encode({}))
    assert.equal("[]", encode(ms.array({})))
    assert.equal("[1,2]", encode({ 1, 2 }))
    assert.equal("[null,2]", encode({ ms.null, 2 }))
    assert.equal('{"a":[]}', encode(decode('{"a":[]}')))
    assert.equal('[{},[]]', encode(decode("[{},[]]")))
    local list = ms.array({ 3 })
    assert.equal(list, ms.array(list))
    table.insert(list, 4)
    assert.equal("[3,4]", encode(list))
  end)

  it("has no table that is sent in part", function()
    assert.matches("got a mixture", failure(encode, { 1, a = 2 }))
    assert.matches("got a mixture", failure(encode, { a = 2, [1] = 1 }))
    assert.matches("a: .* got a mixture", failure(encode, { a = { [true] = 1 } }))
    assert.matches("got a mixture", failure(encode, { [0] = 1 }))
    assert.matches("got a mixture", failure(encode, { [1.5] = 1 }))
    assert.matches("got a mixture", failure(encode, ms.array({ a = 1 })))
    assert.matches("a list has holes: put ms.null there", failure(encode, { 1, nil, 3 }))
    assert.matches("a list has holes", failure(encode, { [2 ^ 40] = 1 }))
    assert.matches("a list has holes", failure(encode, ms.array({ [2] = 1 })))
    assert.matches("it has a metatable already", failure(ms.array, setmetatable({}, {})))
    assert.matches("table expected", failure(ms.array, "x"))
  end)

  it("names where a value stands that it cannot say", function()
    assert.matches("the value: a value of JSON expected, got function", failure(encode, print))
    assert.matches("messages%[2%]%.content: a value of JSON expected, got function",
      failure(encode, { messages = { { content = "a" }, { content = print } } }))
    assert.matches("a: a value of JSON expected, got userdata", failure(encode, { a = io.stdout }))
    assert.matches("json_spec.lua:%d+: ", failure(function() return "" .. encode(print) end))
    local circle = {}
    circle.self = circle
    assert.matches("%.%.%..*self: tables are nested too deeply, or in a circle",
      failure(encode, circle))
    assert.is_true(#failure(encode, { [("k"):rep(10000)] = print }) < 300)
    assert.equal('{"a":1}', encode({ a = 1 }))                  -- the next one is as ever
  end)

  it("is UTF-8", function()
    local text = "\195\164\226\130\172\240\159\152\128"
    assert.equal('"' .. text .. '"', encode(text))
    assert.equal(text, decode('"' .. text .. '"'))
    assert.equal(text, decode([["\u00e4\u20AC\ud83d\ude00"]]))
    for _, bad in ipairs({
      "\128", "\255", "\192\128", "\193\191", "\224\128\128", "\237\160\128", "\240\128\128\128",
      "\244\144\128\128", "\245\128\128\128", "\195", "\226\130", "\240\159\152", "a\195b",
    }) do
      assert.matches("a: a string is no UTF%-8", failure(encode, { a = bad }))
      assert.is_string(failure(encode, { [bad] = 1 }))
      assert.matches("a string is no UTF%-8 at byte", refused('"' .. bad .. '"'))
    end
  end)

  it("escapes what must be, and what could steer a terminal", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0000\u001f\u007f"]], encode("\"\\/\b\f\n\r\t\0\31\127"))
    assert.equal([["\u009b\u2028\u202e\u2069"]],
      encode("\194\155\226\128\168\226\128\174\226\129\169"))
    assert.equal('"\194\160\226\128\141"', encode("\194\160\226\128\141"))
    for byte = 0, 127 do
      assert.equal(string.char(byte), decode(encode(string.char(byte))))
    end
    assert.equal("\"\\/\b\f\n\r\t", decode([["\"\\\/\b\f\n\r\t"]]))
  end)

  it("takes every text that conforms", function()
    assert.equal(1, decode('{"a\\u0000b":1}')["a\0b"])
    assert.equal("\0", decode('"\\u0000"'))
    assert.equal(2, decode('{"a":1,"a":2}').a)                  -- the last counts
    assert.equal("\239\191\189", decode('"\\ud800"'))           -- no text: U+FFFD
    assert.equal("\239\191\189\239\191\189", decode('"\\udc00\\ud800"'))
    assert.equal("\239\191\189A", decode('"\\ud800\\u0041"'))
    assert.same({}, decode("\239\187\191 {} \r\n\t"))           -- a byte order mark
    assert.equal(ms.null, decode("null"))
    assert.is_false(decode("false"))
    assert.same({ true, false, ms.null, "", {} }, decode('[true,false,null,"",{}]'))
    assert.equal(1, decode(("["):rep(1000) .. "1" .. ("]"):rep(1000)) and 1)
  end)

  it("refuses all other", function()
    for _, text in ipairs({
      "", " ", "[", "]", "{", "}", "[1,]", "[,1]", "[1 2]", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}",
      "{'a':1}", "01", "-01", "+1",
      "1.", ".5", "1e", "1e+", "-", "0x10", "1 2", "tru", "nul", "True",
      '"', '"a', '"\n"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\', "[1]]", "\239\187\191",
      "\239\187\191\239\187\191{}", "\0", "[\0]", "//", "1 // x", ("["):rep(1001), ("["):rep(1e6),
      ('{"a":'):rep(2000),
    }) do
      refused(text)
    end
    assert.equal("a value is expected at byte 4", refused("[1,]"))
    assert.equal("',' or ']' is expected, but the text ends at byte 2", refused("[1"))
    assert.matches("nested too deeply at byte 1001", refused(("["):rep(1001)))
    assert.matches("string expected", failure(decode, nil))
    assert.matches("string expected", failure(decode, {}))
  end)

  it("is read-only", function()
    assert.matches("ms.json is read%-only: encode", failure(function() ms.json.encode = print end))
    assert.equal(core.null, ms.json.null)
  end)

  it("takes time as its text grows", function()
    for _, place in ipairs({
      { "", "" }, { "[", "]" }, { '"', '"' }, { '{"', '":1}' }, { "[1", "]" }, { "0.", "1" },
      { "1e", "" }, { '["\\u', '"]' },
    }) do
      growth.check(growth.runs(place[1], place[2]), decode)
    end
    growth.check({
      list = function(size) return ("["):rep(900) .. ("1,"):rep(size) end,
      names = function(size)
        local pieces = {}
        for i = 1, size do
          pieces[i] = ('"k%d":%d'):format(i, i)
        end
        return "{" .. table.concat(pieces, ",") .. "}"
      end,
    }, function(text)
      local value = decode(text)
      return value and encode(value)
    end)
    growth.check(growth.runs(), function(text)
      pcall(encode, text)
    end)
  end)
end)

describe("JSON of a response", function()
  local hostile = fixtures.hostile()
  after_each(helper.check_leaks)

  local function answer(body)
    return ms.assert(ms.post(hostile.url("/answer"), {
      body = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body),
    }))
  end

  it("is exact", helper.task(function()
    local value = answer('{"id":9007199254740991,"n":[]}'):json()
    assert.equal("9007199254740991", encode(value.id))
    assert.equal("[]", encode(value.n))
    assert.equal("/x?id=21", targets.add_query("/x", { id = answer("21"):json() }))
  end))

  it("has no byte order mark, which text keeps", helper.task(function()
    local response = answer("\239\187\191[1]")
    assert.same({ 1 }, response:json())
    assert.equal("\239\187\191[1]", response:text())
  end))

  it("that is none is an error of kind protocol", helper.task(function()
    local response = answer("<html>")
    local value, err = response:json()
    assert.is_nil(value)
    assert.equal("protocol", err.kind)
    assert.equal("the body is no JSON: a value is expected at byte 1", err.message)
    assert.equal(response, err.response)
    assert.is_false(err.retryable)
  end))

  describe("of another library", function()
    local made
    after_each(function()
      made:close()
      made = nil
      helper.check_leaks()
    end)

    local function client_of(codec, options)
      options = options or {}
      options.json_codec = codec
      made = ms.client(options)
      return made
    end

    local MINE = {
      encode = function(value) return "<" .. tostring(value) .. ">" end,
      decode = function(text) return text:match("^<(.*)>$") end,
    }

    it("writes the option json, and reads answers", helper.task(function()
      local client = client_of(MINE)
      local seen = ms.assert(client:post(hostile.url("/received"), { json = "x" })):text()
      assert.is_truthy(seen:find('"body": "3c783e"', 1, true), seen)
      assert.is_truthy(seen:find("application/json", 1, true))
      assert.equal("y", ms.assert(client:get(
        hostile.url("/late?delay=0&body=%3Cy%3E"))):json())
      -- A request's own, and none.
      local response = ms.assert(client:get(hostile.url("/late?delay=0&body=%5B1%5D"),
        { json_codec = false }))
      assert.same({ 1 }, response:json())
      assert.equal(3, ms.assert(client:get(hostile.url("/late?delay=0&body=abc"), { json_codec = {
        encode = tostring, decode = function(text) return #text end } })):json())
    end))

    it("is nil, err when it cannot read, in whatever way it says so", helper.task(function()
      for _, fn in ipairs({
        function() error("bad at 1", 0) end,
        function() return nil, "bad at 1" end,
        function() return nil, 1, "bad at 1" end,
      }) do
        local client = client_of({ encode = tostring, decode = fn })
        local value, err = ms.assert(client:get(hostile.url("/bytes"))):json()
        assert.same({ nil, "protocol", "the body is no JSON: bad at 1", 200 },
          { value, err.kind, err.message, err.response.status })
        client:close()
      end
      local client = client_of({ encode = tostring, decode = function() return nil end })
      assert.same({ n = 0 }, { n = select("#", ms.assert(client:get(hostile.url("/bytes"))):json())
        - 1 })
    end))

    it("raises what cannot be written, and names what is no codec", function()
      local client = client_of({ encode = function() error("no way", 0) end, decode = tostring })
      assert.matches("option 'json': no way",
        failure(client.post, client, "http://h/", { json = 1 }))
      client:close()
      client = client_of({ encode = function() return 1 end, decode = tostring })
      assert.matches("json_codec.encode returned 1: string expected",
        failure(client.post, client, "http://h/", { json = 1 }))
      assert.matches("option 'json_codec': {encode = function, decode = function}, or false, expec",
        failure(ms.client, { json_codec = { encode = tostring } }))
    end)
  end)
end)
