-- Time grows as the bytes do, whatever a server, a URL or a file says.
local errors = require("multisock.base.errors")
local fixtures = require("spec.support.fixtures")
local growth = require("spec.support.growth")
local headers = require("multisock.request.headers")
local helper = require("spec.helper")
local ms = require("multisock")
local names = require("multisock.command.names")
local report = require("multisock.command.report")
local targets = require("multisock.request.targets")
local text = require("multisock.base.text")

describe("growth itself", function()
  local function trim(value)
    return value:match("^%s*(.-)%s*$")
  end

  it("is seen where time takes the square of the size", function()
    assert.matches("blanks: twice the bytes", helper.failure(growth.check, {
      blanks = function(size) return "a" .. (" "):rep(size / 8) .. "b" end,
    }, trim))
  end)

  it("is not seen where it takes size alone", function()
    growth.check({ bytes = function(size) return ("a"):rep(size * 50) end }, function(value)
      return (value:gsub("a", "b"))
    end)
  end)
end)

describe("time grows as the bytes of", function()
  -- All that can be asked of a block.
  local function read_block(block)
    local fields, reason = headers.parse(block)
    local list = {}
    for name, value in fields:each() do
      list[#list + 1] = name .. value
    end
    return tostring(fields), fields["x"], fields:get("x"), fields:get_all("x"), reason, list
  end

  it("the value of a header", function()
    growth.check(growth.runs("HTTP/1.1 200 OK\r\nX: ", "\r\nY: z\r\n\r\n"), read_block)
    growth.check(growth.runs("HTTP/1.1 200 OK\r\nX:", "c\r\nX: z\r\n\r\n"), read_block)
  end)

  it("the name of a header", function()
    growth.check(growth.runs("HTTP/1.1 200 OK\r\n", ": value\r\nX: z\r\n\r\n"), read_block)
    growth.check(growth.runs("HTTP/1.1 200 OK\r\nX", ": value\r\n\r\n"), read_block)
    growth.check(growth.runs("HTTP/1.1 200 OK\r\nX", "\r\n\r\n"), read_block)
  end)

  it("a status line", function()
    growth.check(growth.runs("HTTP/1.1 200 ", "\r\nX: y\r\n\r\n"), read_block)
    growth.check(growth.runs("HTTP/1.1 200", "\r\nX: y\r\n\r\n"), read_block)
    growth.check(growth.runs("HTTP/", "\r\nX: y\r\n\r\n"), read_block)
  end)

  it("many lines", function()
    growth.check({
      fields = function(size) return ("X: y\r\n"):rep(size) end,
      empty = function(size) return ("X:\n"):rep(size) end,
      names = function(size)
        local lines = {}
        for i = 1, size do
          lines[i] = "X" .. i .. ": y\r\n"
        end
        return table.concat(lines)
      end,
      folded = function(size) return "X: y\r\n" .. (" z\r\n"):rep(size) end,
      blank = function(size) return "X: y\r\n" .. (" \r\n"):rep(size) .. "Y: z\r\n" end,
    }, read_block)
  end)

  it("a URL", function()
    for _, place in ipairs({
      { "", "" }, { "http://", "" }, { "http://", "/" }, { "http://", "_/" }, { "http://a@", "" },
      { "http://h.example/", "" }, { "http://h.example/", "x" }, { "http://h.example/?", "" },
      { "http://h.example/#", "" }, { "http://h.example:", "/" }, { "http:", "" }, { "a", "" },
    }) do
      growth.check(growth.runs(place[1], place[2]), function(url)
        local target, err = targets.get(url)
        return target and errors.redact_url(target.text) or tostring(err)
      end)
    end
  end)

  it("a Location", function()
    local base = targets.get("http://h.example/a/b?c#d")
    for _, place in ipairs({
      { "", "" }, { "/", "x" }, { "//", "_/" }, { "http://", "_/" }, { " ", "x " }, { "?", "" },
      { "#", "" }, { "http://u:", "@h.example/" },
    }) do
      growth.check(growth.runs(place[1], place[2]), function(reference)
        local target, err = targets.resolve(base, reference)
        return target and target.text or tostring(err)
      end)
    end
  end)

  it("a message", function()
    for _, place in ipairs({ { "", "" }, { "//", "" }, { "http://", "@" }, { "a", "b" } }) do
      growth.check(growth.runs(place[1], place[2]), function(message)
        return errors.redact_url(message) .. errors.redact_text(message)
          .. tostring(errors.new("curl", message))
      end)
    end
  end)

  it("a command line of curl", function()
    growth.check(growth.runs("", "curl http://h/"), ms.from_curl)
    growth.check(growth.runs("curl http://h/ -H 'A: a", "b'"), ms.from_curl)
    growth.check(growth.runs("curl http://h/ -F 'a=b", ";type=c'"), ms.from_curl)
  end)

  it("a form of many parts", function()
    growth.check({ parts = function(size)
      local parts = {}
      for i = 1, size / 16 do
        parts[i] = { name = "a", value = ("x"):rep(1000) }
      end
      return parts
    end }, function(parts)
      ms.assert(ms.to_curl("http://h/", { multipart = parts }))
    end)
  end)

  it("what the command shows and writes", function()
    local function show(url)
      local job = {
        url = url, wanted = names.from_url(url), size = 1, part = "p", part_left = true,
        err = errors.new("curl", url), seconds = 1,
      }
      return targets.trim(url), report.failures({ job }), report.record(job),
        report.notes({ url }), text.fit(text.clean(url, "?"), 40)
    end
    growth.check(growth.runs(), show)
    growth.check(growth.runs("http://h.example/"), show)
    growth.check(growth.runs("http://h.example/", "/"), show)
  end)
end)

describe("time grows as the bytes that arrive as", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end, { max_headers = 4 * 1024 * 1024 })

  -- A server that answers just so; everything is looked at.
  local function fetch(answer)
    ms.run(function()
      local response, err = client:post(hostile.url("/answer?close=1"), {
        body = answer, redirect = answer:find("Location") and "follow" or "manual",
        fail_on_error = true, timeout = 20,
      })
      if response then
        assert.is_string(response.status_text .. tostring(response.headers))
        pcall(function()
          for _ in response:lines() do end
        end)
        assert.is_string(tostring(response.trailers))
        response:close()
      else
        -- Refused, for one reason or another, but looked at.
        assert.is_truthy(err.response or err.kind == "too_large" or err.kind == "protocol",
          tostring(err))
      end
    end)
  end

  local RUNS = { " ", "\t", "\r", "a", ":", "/", "\r\n ", "\r\nX: y" }

  local function around(before, after)
    return growth.runs(before, after, RUNS)
  end

  local OK, END = "HTTP/1.1 200 OK\r\nConnection: close\r\n", "\r\nContent-Length: 2\r\n\r\nok"
  local FOUND = "HTTP/1.1 302 Found\r\nConnection: close\r\n"

  it("headers", function()
    growth.check(around(OK .. "X: a", "b" .. END), fetch)
    growth.check(around(OK .. "X", "Y: b" .. END), fetch)
    growth.check(around("HTTP/1.1 404 a", "b\r\nConnection: close" .. END), fetch)
  end)

  it("a redirect", function()
    growth.check(around(FOUND .. "Location: x", "y" .. END), fetch)
    growth.check(around(FOUND .. "X: x", "y\r\nLocation: /status?code=200" .. END), fetch)
  end)

  it("trailers", function()
    local before = OK .. "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: a"
    growth.check(around(before, "b\r\n\r\n"), fetch)
  end)

  it("a body", function()
    growth.check(around(OK .. "\r\n", ""), fetch)
  end)
end)
