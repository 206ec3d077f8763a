-- How the body of one answer gets into the file of a download.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local stream = require("multisock.download.stream")
local target = require("multisock.download.target")

describe("the body of an answer in a download", function()
  local dir

  fixtures.folder(function(made) dir = made end)

  -- What the file has after a body in pieces of 10 bytes, of 100, was written to a piece that
  -- ends at 35; `meanwhile` is called before each of them is read.
  local function written(meanwhile)
    local text, at = servers.bytes(100), 0
    local file = assert(target.open(dir .. "/f", false))
    assert(file:restart({ size = 100 }))
    local piece = { 0, 35 }
    local response = ms.response(function()
      meanwhile(piece, at)
      at = at + 10
      return at <= 100 and text:sub(at - 9, at) or nil
    end)
    local job = { target = file, received = function() end }
    assert.is_true(stream.write(job, response, { first = 0, behind = 100 }, piece))
    local ranges = file.version.ranges
    file:close()
    local got = helper.read_file(dir .. "/f.part")
    assert.equal(text:sub(1, #got), got)
    return ranges
  end

  it("ends where the piece of another begins", helper.task(function()
    assert.same({ { 0, 35 } }, written(function() end))
  end))

  it("goes on where the end is moved, whenever that is", helper.task(function()
    for moved = 0, 30, 10 do
      assert.same({ { 0, 100 } }, written(function(piece, at)
        piece[2] = at == moved and 100 or piece[2]
      end))
    end
  end))
end)
