-- Handles stay in the Lua state that made them, and in the thread of their loop.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")

describe("a handle", function()
  local nginx = fixtures.nginx()
  local program

  embedding.fixture("spec/embed/host.c", function(path) program = path end)

  local function host(script, ...)
    local output, status = embedding.script(program, script, ...)
    assert.equal(0, status, output)
    return output
  end

  -- What makes each kind, a use of it, and how that fails with a copy.
  local kinds = {
    { "core.easy()", "h:setopt('url', 'x')", "the handle is of another Lua state" },
    { "core.multi()", "h:add_handle(core.easy())", "the handle is of another Lua state" },
    { "core.multi()", "core.multi():attach(core.loop()):add_handle(h)", "multisock.easy expected" },
    { "core.loop()", "h:step(0)", "the handle is of another Lua state" },
    { "core.share()", "h:share('cookie')", "the handle is of another Lua state" },
    { "core.easy()", "core.multi():add_handle(h)", "the handle is of another Lua state" },
    { "core.loop()", "core.multi():attach(h)", "the handle is of another Lua state" },
    { "core.share()", "core.easy { share = h }", "the handle is of another Lua state" },
    { "core.url('http://x/')", "h:get('url')", "the url is of another Lua state" },
    { "core.limiter(core.counter(), core.counter(), nil, 1)", "h:active()",
      "the limiter is of another Lua state" },
    { "core.poller()", "h:watch(0, 'in')", "the poller is of another Lua state" },
    { "core.ready_box()", "h:is_empty()", "the ready_box is of another Lua state" },
  }

  it("that was copied to another state raises there, and frees nothing", function()
    for _, row in ipairs(kinds) do
      local output = host([[
        local make, use = ...
        local core = require("multisock.core")
        local h = (loadstring or load)("local core = ... return " .. make)(core)
        say(foreign(h, "local h = ... local core = require('multisock.core') " .. use))
        -- Where a user may let go of it, and be told of it.
        say(foreign(h, "local h = ... if h.close then h:close() h:close() end tostring(h)"))
        if _VERSION == "Lua 5.4" then
          say(foreign(h, "local h <close> = ..."))
        end
        h, core = nil, nil
      ]], row[1], row[2])
      local lines = {}
      for line in output:gmatch("[^\n]+") do
        lines[#lines + 1] = line
      end
      assert.truthy(lines[1]:find(row[3], 1, true), row[2] .. ": " .. output)
      assert.equal("closed", lines[#lines], output)
    end
  end)

  it("says whose it is", function()
    assert.equal("multisock.easy (of another Lua state)\nclosed\n",
      host([[
        local easy = require("multisock.core").easy()
        local text = foreign(easy, "local h = ... error(tostring(h), 0)")
        say(text)
      ]]))
  end)

  it("may be used after its original has gone", function()
    local output = host([[
      local core = require("multisock.core")
      local easy = core.easy()
      easy:close()
      say(foreign(easy, "local h = ... h:getinfo('response_code')"))
    ]])
    assert.truthy(output:find("of another Lua state", 1, true), output)
  end)

  it("of a loop that runs cannot be used on another thread; else it can", function()
    local output = host([[
      local url = ...
      local core = require("multisock.core")
      local loop, multi = core.loop(), core.multi()
      multi:attach(loop)
      local other = core.multi():attach(loop)
      local said
      local easy = core.easy { url = url, noproxy = "*", writefunction = function()
        said = said or {
          thread(function() loop:step(0) end),
          thread(function() other:add_handle(core.easy { url = url }) end),
        }
      end }
      multi:add_handle(easy)
      -- The same state, on another thread: as long as it is one after the other.
      say(thread(function()
        repeat loop:step() until multi:info_read()
      end))
      say(said[1])
      say(said[2])
    ]], nginx.url("/1k"))
    assert.truthy(output:find("^nil\n[^\n]*step: the loop is running in another thread[^\n]*\n" ..
      "[^\n]*add_handle: the loop is running in another thread"), output)
  end)
end)
