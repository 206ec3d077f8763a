-- ms.help and the definitions for editors: what the code says of itself.
local core = require("multisock.core")
local helper = require("spec.helper")
local ms = require("multisock")
local options = require("multisock.request.options")
local support = require("spec.support.core_support")

local function told(name)
  local text = ms.help(name)
  assert.is_nil(text:find("nothing is called", 1, true), text)
  return text
end

-- The methods of an object, whichever way it finds them.
local function methods(object)
  local index = getmetatable(object).__index
  return type(index) == "table" and index or {}
end

describe("ms.help", function()
  it("tells of a function how it is called, and what it returns", function()
    local text = told("ms.with_timeout")
    assert.matches("^ms%.with_timeout%(seconds, fn, %.%.%.%) %-> ", text)
    assert.matches("Limits the time of `fn`", text)
    assert.matches("\n    seconds: number\n", text)
  end)

  it("tells of an option its type, its default and its meaning", function()
    local text = told("max_body")
    assert.matches("^option max_body: integer, default 64 MiB\n", text)
    assert.matches("buffered whole", text)
    assert.matches("^option tls%.min_version: ", told("tls.min_version"))
    assert.matches("^option limits%.streams: integer, default 100\n", told("limits.streams"))
  end)

  it("takes a name as it is written in any place", function()
    local text = told("response:text")
    for _, name in ipairs({ "response.text", "Response:text()", "response:text(...)" }) do
      assert.equal(text, told(name))
    end
    assert.equal(told("ms.get"), told("multisock.ms.get"))
  end)

  it("tells of all that have a name, when only its end is given", function()
    local text = told("close")
    for _, owner in ipairs({ "client", "response", "queue", "multi", "easy" }) do
      assert.truthy(text:find(owner .. ":close()", 1, true), owner)
    end
  end)

  it("tells the members of a group", function()
    local text = told("response")
    for _, name in ipairs({ "response.status", "response:text", "response.headers" }) do
      assert.truthy(text:find(name, 1, true), name)
    end
  end)

  it("tells the near name of one that it does not know", function()
    assert.equal("nothing is called \"timout\", did you mean 'timeout'?", ms.help("timout"))
    assert.matches("did you mean 'max_redirects'", ms.help("maxRedirect"))
    assert.matches("did you mean 'tls.verify'", ms.help("insecure"))
    assert.matches("^nothing is called \"qqqqqqqq\"; ms%.help%(%) tells all", ms.help("qqqqqqqq"))
    assert.matches("^nothing is called \"\"", ms.help(""))
    assert.matches("^nothing is called \"%%s", ms.help("%s" .. ("("):rep(100)))
  end)

  it("lists all names when it is given none", function()
    local text = ms.help()
    for _, name in ipairs({ "with_timeout", "max_redirects", "tls.verify", "add_handle" }) do
      assert.truthy(text:find("[%s]" .. name:gsub("%p", "%%%0") .. "%s"), name)
    end
    for line in text:gmatch("[^\n]+") do
      assert.is_true(#line <= 80, line)
    end
  end)

  it("raises at the caller's line when the name is no string", function()
    assert.matches("^spec/help_spec%.lua:%d+: help: name expected, got 3$",
      helper.failure(function() ms.help(3) end))
  end)

  it("answers every public name", function()
    for name in pairs(ms) do
      told("ms." .. name)
    end
    for name, row in pairs(options.rows) do
      told(name)
      for field in pairs(row.fields or {}) do
        told(name .. "." .. field)
      end
    end
    local client, url = ms.client(), core.url()
    for prefix, object in pairs({ client = client, queue = ms.queue(), share = core.share(),
      url = url, mime = core.mime(), decoder = core.decoder("gzip") }) do
      for name, value in pairs(methods(object)) do
        if type(value) == "function" and not name:find("^__") then
          assert.truthy(told(prefix .. ":" .. name):find("^" .. prefix .. ":" .. name), name)
        end
      end
    end
    client:close()
    for _, name in ipairs({ "status", "ok", "status_text", "url", "redirected", "history",
      "http_version", "headers", "trailers", "attempts", "peer", "timings", "sizes" }) do
      told("response." .. name)
    end
  end)

  it("costs nothing to who does not call it", function()
    local output = support.child([[
      local ms = require("multisock")
      assert(not package.loaded["multisock.base.reference"])
      ms.help("get")
      assert(package.loaded["multisock.base.reference"])
      print("loaded when asked")
    ]])
    assert.equal("loaded when asked\n", output)
  end)
end)

describe("the definitions for lua-language-server", function()
  local read_file = helper.read_file

  it("define each type that they name", function()
    local text = read_file("library/multisock.lua") .. read_file("library/multisock/core.lua")
    local classes = {}
    for name in text:gmatch("%-%-%-@class ([%w_.]+)") do
      classes[name] = true
    end
    for tag, line in text:gmatch("\n%-%-%-@(%l+) ([^\n#]*)") do
      for name in line:gmatch("multisock%.[%w.]*%u%w+") do
        assert.is_true(classes[name], tag .. " " .. line)
      end
    end
  end)

  for _, path in ipairs({ "library/multisock.lua", "library/multisock/core.lua" }) do
    it(path .. " is Lua, and defines what the module has", function()
      local made = assert(loadfile(path))()
      local module = require(path:gsub("^library/", ""):gsub("%.lua$", ""):gsub("/", "."))
      local text = read_file(path)
      for name, value in pairs(made) do
        assert.equal(type(value), type(module[name]), name)
      end
      for name in pairs(path:find("core") and {} or module) do
        assert.truthy(made[name] or text:find("---@field " .. name .. " ", 1, true), name)
      end
    end)
  end
end)
