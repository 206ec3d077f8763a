-- Where bodies of requests come from: queues, functions that break, pipes, what is given
-- again each time; and the progress of each.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")
local ms = require("multisock")

local task = helper.task

describe("sources of uploads", function()
  local hostile = fixtures.hostile()
  local client
  fixtures.client(function(made) client = made end)

  local function upload(options, path)
    return ms.assert(ms.assert(client:post(hostile.url(path or "/upload"), options)):json())
  end

  local SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  it("are queues that other tasks fill", task(function()
    local queue = ms.queue(1)
    ms.spawn(function()
      for piece in ("abc"):gmatch(".") do
        ms.sleep(0.001)
        queue:put(piece)
      end
      queue:close()
    end)
    assert.same({ length = 3, sha256 = SHA_OF_ABC }, upload({ body = queue }))
  end))

  it("are the body of another answer", task(function()
    local from = ms.assert(client:get(hostile.url("/stream?n=100000")))
    assert.equal(100000, upload({ body = from:chunks() }).length)
  end))

  it("are pipes, in chunks", task(function()
    local pipe = assert(io.popen("printf abc"))
    assert.same({ length = 3, sha256 = SHA_OF_ABC }, upload({ body = pipe }))
    pipe:close()
  end))

  it("end the request when they return nil, err", task(function()
    local function breaks(with)
      local given = false
      return function()
        if given then
          return nil, with
        end
        given = true
        return "some"
      end
    end
    local response, err = client:post(hostile.url("/upload"), { body = breaks("no more disk") })
    assert.same({ nil, "io", "body: no more disk", "send", false },
      { response, err.kind, err.message, err.phase, err.retryable })
    local _, cause = client:get(hostile.url("/truncate"), { buffer = true })
    response, err = client:post(hostile.url("/upload"), { body = breaks(cause) })
    assert.same({ nil, "closed", false }, { response, err.kind, err.retryable })
    assert.is_truthy(err.message:find("body: " .. cause.message, 1, true), err.message)
    response, err = client:post(hostile.url("/upload"), { multipart = { { name = "a",
      body = breaks("gone") } } })
    assert.same({ nil, "io", "multipart[1].body: gone" }, { response, err.kind, err.message })
  end))

  it("come again when a function gives them again", task(function()
    local asked = 0
    local again = { replay = function()
      asked = asked + 1
      ms.sleep(0.001)
      local left = { "a", "b", "c" }
      return function() return table.remove(left, 1) end
    end }
    local log = ms.assert(ms.assert(client:put(hostile.url("/script?key=r&words=503,close,200"),
      { body = again, retry = { limit = 3, backoff = 0.001 } })):json())
    assert.same({ 3, 3, SHA_OF_ABC, SHA_OF_ABC }, { #log, asked, log[1].sha256, log[3].sha256 })
    assert.equal(3, upload({ body = again }, "/redirect?status=308&to=/upload").length)
    assert.equal(5, asked)
    local text = { replay = function() return { "ab", "c" } end }
    assert.equal(SHA_OF_ABC, upload({ body = text }, "/redirect?status=307&to=/upload").sha256)
    assert.equal(SHA_OF_ABC, upload({ body = text, headers = { ["Content-Length"] = 3 } }).sha256)
  end))

  it("say what is wrong with what is given again", task(function()
    for expected, body in pairs({
      ["body: {replay = function} expected, got a table with the key \"replay\""] = { replay = 1 },
      ["body.replay: string, list of strings, function, {replay = function} or open file expected, "
        .. "got nil"] = { replay = function() end },
      ["body.replay: the function returned another replay"] = { replay = function()
        return { replay = function() end }
      end },
    }) do
      local err = helper.failure(client.post, client, hostile.url("/upload"), { body = body })
      assert.is_truthy(tostring(err):find(expected, 1, true), tostring(err))
    end
  end))

  it("tell their progress: bytes of the body, and how many there will be", task(function()
    local path = os.tmpname()
    helper.write_file(path, servers.bytes(500000))
    local open = assert(io.open(path, "rb"))
    local pipe = assert(io.popen("cat " .. path))
    local function pieces()
      return helper.pieces(5, ("x"):rep(100000), 0.03)
    end
    local known = { ["Content-Length"] = 500000 }
    for name, case in pairs({
      string = { { body = servers.bytes(500000) }, true },
      file = { { body = open }, true },
      pipe = { { body = pipe } },
      generator = { { body = pieces() } },
      promised = { { body = pieces(), headers = known }, true },
      replayed = { { body = { replay = pieces } } },
    }) do
      local seen, last = {}, 0
      case[1].progress = function(p)
        assert.is_true(p.up >= last, name)
        assert.is_true(p.up <= 500000, name .. ": " .. p.up)
        last = p.up
        seen[#seen + 1] = p
      end
      assert.equal(500000, upload(case[1]).length)
      local p = seen[#seen]
      assert.same({ name, 500000, case[2] and 500000 or nil }, { name, p.up, p.up_total })
      assert.is_true(p.speed > 0)
      if name == "generator" or name == "promised" then
        assert.is_true(#seen >= 3, ("%s: %d calls"):format(name, #seen))
        assert.equal(name == "promised", seen[2].eta ~= nil)
      end
    end
    open:close()
    pipe:close()
    os.remove(path)
  end))
end)
