-- Lua states on threads of their own: each has its loop, its connections, its
-- tasks, and shares nothing. script/tsan runs this with ThreadSanitizer.
local embedding = require("spec.support.embedding")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")

describe("threads, each with a state of its own", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()
  local program

  embedding.fixture("spec/embed/threads.c", function(path) program = path end)

  -- The tools make everything slow: there fewer will do.
  local transfers = (embedding.is_tsan or not helper.timing_is_real) and 100 or 1000

  it("eight of them fetch, " .. transfers .. " transfers each; half on adopted loops", function()
    local output, status = embedding.run(program, 8, transfers, nginx.url("/file/"),
      hostile.url("/stall"))
    assert.equal("OK\n", output)
    assert.equal(0, status)
  end)
end)
