-- ms.response: responses that a program makes.
local helper = require("spec.helper")
local ms = require("multisock")

describe("ms.response", function()
  local TEXT = '{"a":\n[1]}'

  -- The same body from each kind of source.
  local function iterator()
    local at = 0
    return function()
      at = at + 1
      return at <= #TEXT and TEXT:sub(at, at) or nil
    end
  end
  local function file()
    local open = assert(io.tmpfile())
    open:write(TEXT)
    open:seek("set")
    return open
  end
  local SOURCES = { string = function() return TEXT end, iterator = iterator, file = file }

  for name, make in pairs(SOURCES) do
    it("reads a body of a " .. name .. " in every way", function()
      assert.equal(TEXT, ms.response(make()):text())
      assert.equal(1, ms.response(make()):json().a[1])
      local response, pieces = ms.response(make()), {}
      for piece in response:chunks(3) do
        assert.is_true(#piece <= 3)
        pieces[#pieces + 1] = piece
      end
      assert.equal(TEXT, table.concat(pieces))
      assert.equal("closed", select(2, response:text()).kind)
      local found = {}
      for line in ms.response(make()):lines() do
        found[#found + 1] = line
      end
      assert.same({ '{"a":', "[1]}" }, found)
      local path = os.tmpname()
      assert.equal(#TEXT, ms.response(make()):save(path))
      assert.equal(TEXT, helper.read_file(path))
      os.remove(path)
      assert.is_true(ms.response(make()):discard())
      response = ms.response(make())
      response:close()
      assert.equal("closed", select(2, response:read()).kind)
    end)
  end

  it("has the fields of any response", function()
    local response = ms.response("x", { status = 404, url = "http://u:p@h.example/",
      headers = { ["Content-Type"] = "text/plain" } })
    assert.same({ 404, false, "", "http://h.example/", "text/plain", 1, false, 0 },
      { response.status, response.ok, response.status_text, response.url,
        response.headers["content-type"], response.attempts, response.redirected,
        #response.history })
    assert.is_nil(response.trailers.any)
    assert.same({ 0, 0 }, { response.timings.total, response.sizes.body })
    assert.equal("multisock.response (404, complete)", tostring(response))
    assert.equal(200, ms.response().status)
  end)

  it("is given whole up to max_body, and streamed without end", helper.task(function()
    for _, make in ipairs({ function() return "12345" end, function()
      local pieces = { "123", "45" }
      return function() return table.remove(pieces, 1) end
    end }) do
      local client = ms.client({ max_body = 4, agent = function() return ms.response(make()) end })
      local response = ms.assert(client:get("http://h.example/"))
      local err = helper.err_of(response:text())
      assert.same({ "too_large", "http://h.example/" }, { err.kind, err.url })
      assert.equal("too_large", select(2, client:get("http://h.example/", { buffer = true })).kind)
      response = ms.assert(client:get("http://h.example/"))
      assert.equal("12345", response:read(3) .. response:read(3))
      response = ms.assert(client:get("http://h.example/", { max_body = 5 }))
      assert.equal("12345", response:text())
      client:close()
    end
  end))

  it("ends badly where its iterator does", function()
    local function broken()
      local begun = false
      return function()
        if begun then
          return nil, "torn"
        end
        begun = true
        return "piece"
      end
    end
    local err = helper.err_of(ms.response(broken()):text())
    assert.same({ "io", "body: torn" }, { err.kind, err.message })
    local response = ms.response(broken())
    assert.equal("piece", response:read())
    assert.equal("io", select(2, response:read()).kind)
    assert.equal("io", select(2, response:read()).kind)
    assert.truthy(helper.failure(function()
      ms.response(function() return 5 end):text()
    end):find("string or nil expected", 1, true))
  end)

  it("has its mistakes named", function()
    for message, arguments in pairs({
      ["string, function or open file expected, got"] = { 5 },
      ["status: integer of 0 to 999 expected"] = { "", { status = "200" } },
      ["unknown option \"code\""] = { "", { code = 1 } },
      ["invalid name"] = { "", { headers = { ["a b"] = "1" } } },
      ["url: string expected"] = { "", { url = 1 } },
    }) do
      assert.truthy(helper.failure(ms.response, arguments[1], arguments[2]):find(message, 1, true))
    end
  end)
end)
