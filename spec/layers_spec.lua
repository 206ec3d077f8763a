-- script/check-layers finds an arrow of each kind that runs up: each is planted in a
-- checkout made for it.
local helper = require("spec.helper")
local shell = require("spec.support.shell")

local run = shell.run

describe("script/check-layers", function()
  local folder

  before_each(function()
    folder = run("mktemp -d"):match("^[^\n]+")
  end)

  after_each(function()
    run("rm -rf '" .. folder .. "'")
  end)

  local function plant(files)
    for path, text in pairs(files) do
      local where = folder .. "/" .. path:match("^(.*)/")
      run("mkdir -p '" .. where .. "'")
      helper.write_file(folder .. "/" .. path, text)
    end
    for path in pairs(files) do
      if path:find("%.c$") then
        local object = folder .. "/build/CMakeFiles/core.dir/" .. path .. ".o"
        run(("mkdir -p '%s' && cc -c -I'%s/src/easy' -o '%s' '%s/%s'"):format(
          object:match("^(.*)/"), folder, object, folder, path))
      end
    end
    return run("MULTISOCK_BUILD= script/check-layers --source '" .. folder .. "'")
  end

  it("is content with arrows that run down", function()
    local output, status = plant({
      ["src/easy/high.h"] = "void high(void);\n",
      ["src/base/low.c"] = "void low(void) {}\n",
      ["src/easy/high.c"] = "#include \"high.h\"\nvoid low(void);\nvoid high(void) { low(); }\n",
      ["lua/multisock/client.lua"] = 'require("multisock.base.errors")\n',
      ["lua/multisock/base/errors.lua"] = '-- require("multisock.client")\n',
    })
    assert.equal(0, status, output)
    assert.truthy(output:find("\n?%d+ passed, 0 failed\n"), output)
  end)

  it("names a call, an include, a require and a circle", function()
    local output, status = plant({
      ["src/easy/high.h"] = "void high(void);\n",
      ["src/base/low.c"] = "#include \"high.h\"\nvoid low(void) { high(); }\n",
      ["src/easy/high.c"] = "void high(void) {}\n",
      ["lua/multisock/client.lua"] = 'local c = require("multisock.base.errors")\n',
      ["lua/multisock/base/errors.lua"] = "local c = require 'multisock.client'\n",
      ["lua/multisock/stray.lua"] = "return {}\n",
    })
    assert.equal(1, status, output)
    for _, line in ipairs({
      "call: src/base/low.c -> src/easy/high.c (high)",
      "include: src/base/low.c -> src/easy/high.h",
      "require: multisock.base.errors -> multisock.client",
      "circle: multisock.base.errors -> multisock.client -> multisock.base.errors",
      "no layer: multisock.stray",
    }) do
      assert.truthy(output:find(line, 1, true), line .. "\n" .. output)
    end
  end)

  it("misses no object", function()
    local output, status = plant({ ["src/easy/high.h"] = "\n", ["src/base/low.c"] = "error\n" })
    assert.equal(1, status, output)
    assert.truthy(output:find("no object: src/base/low.c", 1, true), output)
  end)

  it("names a file that is too long", function()
    local output, status = plant({
      ["lua/multisock/base/errors.lua"] = ("-- a line\n"):rep(401),
      ["lua/multisock/base/values.lua"] = ("-- a line\n"):rep(300),
      ["spec/values_spec.lua"] = ("-- a line\n"):rep(400),
    })
    assert.equal(1, status, output)
    assert.truthy(output:find("lua/multisock/base/errors.lua: 401 lines", 1, true), output)
    assert.is_nil(output:find("values", 1, true))
  end)

  it("wants a reason for a file that is long, and only for such", function()
    local files = {
      ["lua/multisock/base/errors.lua"] = ("-- a line\n"):rep(301),
      ["lua/multisock/base/values.lua"] = ("-- a line\n"):rep(300),
      ["docs/architecture.md"] = "## Long files\n\n| file | why |\n|---|---|\n",
    }
    local output, status = plant(files)
    assert.equal(1, status, output)
    assert.truthy(output:find("301 lines, more than 300, and no reason", 1, true), output)
    assert.is_nil(output:find("values", 1, true))
    files["docs/architecture.md"] = files["docs/architecture.md"]
      .. "| `lua/multisock/base/errors.lua` | one list |\n"
    output, status = plant(files)
    assert.equal(0, status, output)
    files["docs/architecture.md"] = files["docs/architecture.md"]
      .. "| `lua/multisock/base/values.lua` `lua/multisock/base/none.lua` | none |\n"
    output, status = plant(files)
    assert.equal(1, status, output)
    assert.truthy(output:find("values.lua needs no reason", 1, true), output)
    assert.truthy(output:find("none.lua needs no reason", 1, true), output)
  end)
end)
