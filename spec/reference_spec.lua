-- script/docs --check finds what is stale, what has no doc, and other dialects of doc
-- comments: each is planted in a copy of the checkout.
local helper = require("spec.helper")
local shell = require("spec.support.shell")

local run, read_file = shell.run, shell.read_file

-- script/docs itself needs Lua 5.4, whichever Lua the specs run on.
if _VERSION ~= "Lua 5.4" then
  return
end

describe("script/docs --check", function()
  local root, folder

  setup(function()
    root = run("pwd"):match("^[^\n]+")
    folder = run("mktemp -d"):match("^[^\n]+")
    run(("cp -r lua src script docs library lcurl examples bench embed '%s' && mkdir '%s/spec' "
      .. "&& cp -r spec/faults '%s/spec'"):format(folder, folder, folder))
  end)

  teardown(function()
    run("rm -rf '" .. folder .. "'")
  end)

  local function check()
    return run(("cd / && MULTISOCK_BUILD=${MULTISOCK_BUILD:-'%s/build'} lua5.4 '%s/script/docs' "
      .. "--check"):format(root, folder))
  end

  -- With `wanted` (plain text) replaced in a file, what it says.
  local function planted(path, wanted, replacement)
    path = folder .. "/" .. path
    local text = read_file(path)
    local at, last = text:find(wanted, 1, true)
    assert(at, path .. " has no " .. wanted)
    helper.write_file(path, text:sub(1, at - 1) .. replacement .. text:sub(last + 1))
    local output, status = check()
    helper.write_file(path, text)
    assert.equal(1, status, output)
    return output
  end

  it("is content with the checkout as it is", function()
    local output, status = check()
    assert.equal(0, status, output)
  end)

  it("finds a table that does not say what the rows say", function()
    local output = planted("docs/fetch.md", "| `max_redirects` | integer | `10` |",
      "| `max_redirects` | integer | `20` |")
    assert.matches("docs/fetch%.md is stale", output)
  end)

  it("finds definitions and texts of ms.help that are stale", function()
    local output = planted("lua/multisock/tasks/init.lua", "Starts a task at the next turn.",
      "Starts a task at once.")
    assert.matches("library/multisock%.lua is stale", output)
    assert.matches("lua/multisock/base/reference%.lua is stale", output)
  end)

  it("finds a function, a method and a parameter without a doc", function()
    assert.matches("ms%.sleep: no doc comment", planted("lua/multisock/tasks/waiting.lua",
      "--- Suspends the task for so many seconds", "-- Suspends the task for so many seconds"))
    assert.matches("easy:perform: no doc comment", planted("src/easy/easy_methods.c",
      "/*** Runs the transfer", "/* Runs the transfer"))
    assert.matches("queue:put: .*@param value expected", planted("lua/multisock/tasks/queue.lua",
      "-- @param value any", "-- @param thing any"))
    assert.matches("ms%.sleep: .*@param seconds: a type expected, got 'of it'",
      planted("lua/multisock/tasks/waiting.lua",
        "-- @param seconds number", "-- @param seconds of it"))
  end)

  it("finds an option and a field of responses without a doc", function()
    assert.matches("option max_redirects: its row has no doc",
      planted("lua/multisock/request/options.lua", 'doc = "more is `nil, err`"', "unsaid = true"))
    assert.matches("response%.peer: .*no @field", planted("lua/multisock/response/init.lua",
      "-- @field peer? string", "-- of peer? string"))
  end)

  it("finds other dialects of doc comments", function()
    assert.matches("tasks/init%.lua:%d+: %-%-%-@ is the dialect of others",
      planted("lua/multisock/tasks/init.lua", "-- @return task\n", "---@return task\n"))
    assert.matches("tasks/init%.lua:%d+: a tag in a comment that does not begin",
      planted("lua/multisock/tasks/init.lua", "--- Starts a task at the next turn.",
        "-- Starts a task at the next turn."))
    assert.matches("easy_methods%.c:%d+: a doc comment begins with",
      planted("src/easy/easy_methods.c", "/*** Runs the transfer", "/** Runs the transfer"))
  end)
end)
