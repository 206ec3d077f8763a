-- Header fields: reading what servers send, checking what users give.
local headers = require("multisock.request.headers")

local failure = require("spec.helper").failure

local function collect(fields)
  local list = {}
  for name, value in fields:each() do
    list[#list + 1] = name .. "=" .. value
  end
  return table.concat(list, "|")
end

describe("headers that were received", function()
  local block = "HTTP/1.1 200 All is well\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\n"
    .. "X-Empty:\r\nX-Spaces: \t  value with  spaces \t\r\nset-cookie: b=2\r\n\r\n"

  it("are found whatever their case", function()
    local fields, reason = headers.parse(block)
    assert.equal("All is well", reason)
    assert.equal("text/plain", fields:get("content-type"))
    assert.equal("text/plain", fields:get("CONTENT-TYPE"))
    assert.equal("text/plain", fields["Content-Type"])
    assert.is_nil(fields:get("Missing"))
    assert.is_nil(fields.missing)
    assert.is_nil(fields[1])
  end)

  it("keep order, duplicates and spelling", function()
    local fields = headers.parse(block)
    assert.equal("Content-Type=text/plain|Set-Cookie=a=1|X-Empty=|"
      .. "X-Spaces=value with  spaces|set-cookie=b=2", collect(fields))
    assert.equal("a=1, b=2", fields:get("set-cookie"))
    assert.same({ "a=1", "b=2" }, fields:get_all("Set-Cookie"))
    assert.same({}, fields:get_all("Missing"))
    assert.equal("a=1, b=2", fields["set-cookie"])
    assert.equal("", fields:get("x-empty"))
    assert.matches("^Content%-Type: text/plain\n", tostring(fields))
  end)

  it("cannot be changed through what they return", function()
    local fields = headers.parse(block)
    fields:get_all("set-cookie")[1] = "changed"
    assert.equal("a=1, b=2", fields:get("set-cookie"))
    assert.matches("headers are read%-only: x", failure(function() fields.x = "y" end))
  end)

  it("work with pairs where Lua has __pairs", function()
    if _VERSION == "Lua 5.1" then
      pending("Lua 5.1 has no __pairs")
      return
    end
    local count = 0
    for name, value in pairs(headers.parse(block)) do
      assert.is_string(name)
      assert.is_string(value)
      count = count + 1
    end
    assert.equal(5, count)
  end)

  it("may be folded", function()
    local fields = headers.parse("HTTP/1.1 200 OK\r\nX-Fold: one\r\n  two\r\n\tthree\r\nY: z\r\n")
    assert.equal("one two three", fields:get("x-fold"))
    assert.equal("z", fields:get("y"))
    assert.equal("", collect(headers.parse(" no field to continue\r\n")))
  end)

  -- They are found by one letter of their name, wherever that stands.
  it("are found as one finds them line by line", function()
    local names = { "a", "-", "Qq", "qQ", "x-Y", "Y-x", "content-type", "Content-Type-2", "7", "e" }
    local pieces = { ": ", " ", "\n", "\r\n", "q", "Y: ", "\0", "\t" }
    local random, found = 1, 0
    local function pick(list)
      random = random * 16807 % 2147483647
      return list[random % #list + 1]
    end
    for _ = 1, 300 do
      local parts = {}
      for i = 1, 60 do
        parts[i] = pick(i % 2 == 0 and names or pieces)
      end
      local bytes = table.concat(parts)
      local fields, wanted = headers.parse(bytes), {}
      for name, value in fields:each() do
        local list = wanted[name:lower()] or {}
        list[#list + 1], wanted[name:lower()] = value, list
      end
      for _, name in ipairs(names) do
        local list = wanted[name:lower()] or {}
        found = found + #list
        assert.same(list, fields:get_all(name), bytes)
      end
    end
    assert.is_true(found > 300, found)
  end)

  it("end at a line feed, not at a lone carriage return", function()
    local fields = headers.parse("X: a\rSet-Cookie: forged=1\r\nY: b\n\nZ: c\r\r\n")
    assert.is_nil(fields:get("set-cookie"))
    assert.equal("b", fields:get("y"))
    assert.equal("c", fields:get("z"))
  end)

  it("may be odd", function()
    local fields = headers.parse("no colon\r\n: no name\r\nA:b:c\r\nSpaced : x\r\n")
    assert.equal("A=b:c|Spaced=x", collect(fields))
    assert.equal("x", fields:get("spaced"))
    assert.equal("", collect(headers.parse("")))
    assert.is_nil(headers.parse(""):get("x"))
    assert.equal("b", headers.parse("X\nX: a\rb\nY: c\n"):get("x"):match("b"))
    assert.equal("b", headers.parse("XY: a\nX:b"):get("x"))
    assert.equal("a", headers.parse("X:a"):get("x"))
    assert.equal("", headers.parse("X:"):get("x"))
    assert.is_nil(headers.parse("X"):get("x"))
  end)

  it("are none whose names are no tokens", function()
    local fields = headers.parse("HTTP/1.1 200 a: b\r\nA B: c\r\nA\0: d\r\n\195\164: e\r\n"
      .. "A/b: f\r\n X: folded into nothing\r\nY: g\r\n")
    assert.equal("Y=g", collect(fields))
    for _, name in ipairs({ "", "A B", "A\0", "\195\164", "X", "HTTP/1.1 200 a", " X" }) do
      assert.is_nil(fields:get(name))
      assert.is_nil(fields[name])
      assert.same({}, fields:get_all(name))
    end
  end)

  it("have nothing in their values that ends a line", function()
    local fields = headers.parse("HTTP/1.1 200 a\rb\0c\r\nX: \r a\r\rb\0c\r\0\r\n \r\n d\re\r\n"
      .. "X: f\0\r\n")
    assert.same({ "a  b c d e", "f" }, fields:get_all("x"))
    assert.equal("a  b c d e, f", fields.x)
    assert.same({ { "X", "a  b c d e" }, { "X", "f" } }, headers.to_list(fields))
    assert.equal("a b c", select(2, headers.parse("HTTP/1.1 200 a\rb\0c\r\n")))
  end)

  it("are joined however many and long they are", function()
    local lines, values = {}, {}
    for i = 1, 3000 do
      values[i] = ("v"):rep(i % 70) .. i
      lines[i] = "X: " .. values[i] .. "\r\n"
    end
    local fields = headers.parse(table.concat(lines))
    assert.equal(table.concat(values, ", "), fields.x)
    assert.same(values, fields:get_all("x"))
    assert.equal(3000, #headers.to_list(fields))
    assert.equal(#lines - 1, select(2, tostring(fields):gsub("\n", "")))
  end)

  it("are objects that misuse does not harm", function()
    local fields = headers.parse(block)
    for _, method in ipairs({ fields.get, fields.get_all, fields.each, getmetatable(fields).__index,
      getmetatable(fields).__tostring }) do
      for _, value in ipairs({ {}, "x", io.stdout, 1 }) do
        assert.is_string(failure(method, value, "x"))
      end
    end
    assert.equal("multisock.headers", getmetatable(fields).__name)
  end)

  it("have a reason, or none", function()
    local function reason(line)
      local _, text = headers.parse(line)
      return text
    end
    assert.is_nil(reason("HTTP/1.1 200\r\n"))
    assert.is_nil(reason("HTTP/2 200 \r\n"))
    assert.is_nil(reason("HTTP/2 200  \r\n"))
    assert.equal("Not Found", reason("HTTP/1.0 404 Not Found\r\n"))
    assert.equal("404", reason("HTTP/1.0 404 404 \r\n"))
    assert.equal("a  b", reason("HTTP/1.1 \t 200 \t a  b \r\n"))
    assert.is_nil(reason("X: HTTP/1.1 200 OK\r\n"))
    assert.is_nil(reason("HTTP/"))
    assert.is_nil(reason(""))
  end)

  it("ask for names that are strings", function()
    local fields = headers.parse("")
    assert.matches("get: name: string expected, got nil", failure(fields.get, fields))
    assert.matches("get_all: name: string expected, got table", failure(fields.get_all, fields, {}))
  end)
end)

describe("headers that are to be sent", function()
  it("become a list, names in order, lists as several", function()
    assert.same({ { "A", "1" }, { "B", "x" }, { "B", "y" }, { "C", "" } },
      headers.to_list({ B = { "x", "y" }, A = 1, C = "", D = {} }))
  end)

  it("may be what a response had", function()
    local fields = headers.parse("B: 1\r\nA: 2\r\nB: 3\r\n")
    assert.same({ { "B", "1" }, { "A", "2" }, { "B", "3" } }, headers.to_list(fields))
  end)

  it("may be what a metatable makes of a table", function()
    if _VERSION == "Lua 5.1" then
      pending("Lua 5.1 has no __pairs")
      return
    end
    local hidden = { B = "2", A = "1" }
    local given = setmetatable({}, { __index = hidden, __pairs = function()
      return next, hidden
    end })
    assert.same({ { "A", "1" }, { "B", "2" } }, headers.to_list(given))
    assert.is_nil(require("multisock.core").fields(given))
  end)

  it("refuse what would end the line, or is no text", function()
    for _, value in ipairs({ "a\rb", "a\nb", "a\r\nX: y", "\0", "a\0", "\n" }) do
      assert.matches("X%-Name: the value has a line break or a zero byte",
        failure(headers.to_list, { ["X-Name"] = value }))
      assert.matches("line break", failure(headers.to_list, { ["X-Name"] = { "good", value } }))
    end
    for _, value in ipairs({ true, print, io.stdout }) do
      assert.matches("X%-Name: string or number expected, got", failure(headers.to_list,
        { ["X-Name"] = value }))
    end
    assert.matches("string or number expected, got a list", failure(headers.to_list,
      { ["X-Name"] = { {} } }))
  end)

  it("refuse names that are none", function()
    for _, name in ipairs({ "", "a b", "a:", "a\r\nb", "a\0", "\195\164", "(x)", "a;" }) do
      assert.matches("headers: invalid name", failure(headers.to_list, { [name] = "x" }))
    end
    assert.matches("headers: names must be strings, got 1", failure(headers.to_list, { "A: b" }))
    assert.matches("headers: table expected, got string", failure(headers.to_list, "A: b"))
    assert.same({ { "!#$%&'*+-.^_`|~aZ9", "x" } },
      headers.to_list({ ["!#$%&'*+-.^_`|~aZ9"] = "x" }))
  end)

  it("are found and merged whatever their case", function()
    local base = { { "A", "1" }, { "B", "2" }, { "a", "3" } }
    assert.equal("1", headers.find(base, "a"))
    assert.is_nil(headers.find(base, "c"))
    assert.same({ { "B", "2" }, { "a", "x" }, { "A", "y" } },
      headers.merge(base, { { "a", "x" }, { "A", "y" } }))
    assert.same({ { "A", "1" }, { "B", "2" }, { "a", "3" } }, base)
  end)
end)

describe("header fields of a request", function()
  local core = require("multisock.core")

  local function list_of(given)
    local fields = core.fields(given)
    return fields and core.field_list(fields)
  end

  it("are one object where they are usual", function()
    assert.same({ { "A", "1" }, { "b", "" }, { "c-d", "x y" } },
      list_of({ b = "", ["c-d"] = "x y", A = "1" }))
    assert.same({}, list_of({}))
    for _, given in ipairs({ 5, "x", { 1 }, { A = 5 }, { A = false }, { A = { "1", "2" } },
      { ["A b"] = "1" }, { [""] = "1" }, { A = "1\r\nB: 2" }, { A = "\0" }, { host = "h" },
      { ["content-LENGTH"] = "1" }, { ["Transfer-Encoding"] = "chunked" } }) do
      assert.is_nil(core.fields(given))
    end
    local many = {}
    for i = 1, 16 do
      many["N" .. i] = "v"
    end
    assert.equal(16, #list_of(many))
    many.N17 = "v"
    assert.is_nil(core.fields(many))
  end)

  it("do not follow what the table becomes", function()
    local given = { A = ("x"):rep(100) }
    local fields = core.fields(given)
    given.A = nil
    collectgarbage()
    collectgarbage()
    assert.same({ { "A", ("x"):rep(100) } }, core.field_list(fields))
  end)

  -- In a state of its own, which is small: there all is collected at once.
  it("are what they were when a finalizer takes them out of the table", function()
    assert.equal("good", require("spec.support.core_support").child([[
      local core = require("multisock.core")
      local finalizer = require("multisock.base.compat").finalizer
      collectgarbage("setpause", 1)
      collectgarbage("setstepmul", 100000)
      for size = 1000, 1300 do
        for name, fn in pairs({ fields = core.fields, form = core.form }) do
          local given = { A = ("y"):rep(size - 1) .. "z" }
          finalizer(function()
            given.A = nil
            for _ = 1, 3 do
              collectgarbage("step", 100000)
            end
            local others = {}
            for i = 1, 20 do                -- where it was are these now
              others[i] = ("x"):rep(size - i % 2)
            end
          end)
          local made = fn(given)
          local first = name == "fields" and core.field_list(made)[1]
          local text = name == "form" and made:gsub("^A=", "") or first and first[2] or ""
          assert(text == "" or text:find("^y+z$"), text)
        end
      end
      io.write("good")
    ]]))
  end)

  it("get one more in front of them", function()
    local fields = core.fields({ A = "1" })
    assert.same({ { "Cookie", "a=b" }, { "A", "1" } },
      core.field_list(core.with_field(fields, "Cookie", "a=b")))
    assert.equal(fields, core.with_field(fields, "Cookie", nil))
    assert.is_nil(core.with_field(fields, "a", "2"))
    assert.is_nil(core.with_field(fields, "a", nil))
  end)

  it("are told from other objects", function()
    for _, bad in ipairs({ core.url(), io.stdout, 5, "x" }) do
      assert.is_false((pcall(core.field_list, bad)))
      assert.is_false((pcall(core.with_field, bad, "A", "1")))
      assert.is_false((pcall(core.lines, bad, nil, {})))
    end
    assert.is_false((pcall(core.lines, core.lines({}, nil, {}), nil, {})))
  end)
end)
