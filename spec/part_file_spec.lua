-- part_file.c and sha256_lua.c: what a download writes to, and checks it with.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local servers = require("spec.support.servers")

local quote, output = servers.quote, servers.output

describe("core.part_file", function()
  local dir, path
  fixtures.folder(function(made)
    dir, path = made, made .. "/f"
  end)

  it("writes anywhere, reads, and is cut", function()
    local file = assert(core.part_file(path))
    assert.equal(0, file:size())
    assert.is_true(file:write(3, "abc"))
    assert.is_true(file:write(0, ""))
    assert.equal(6, file:size())
    assert.equal("\0\0\0abc", file:read(0))
    assert.equal("bc", file:read(4))
    assert.equal("", file:read(6))
    assert.equal("", file:read(1000000))
    assert.is_true(file:cut(4))
    assert.equal("\0\0\0a", file:read(0))
    assert.is_true(file:sync())
    assert.is_true(core.sync_folder(dir))
    assert.equal("multisock.part_file (open)", tostring(file))
    assert.is_true(file:close())
    assert.is_true(file:close())
    assert.equal("multisock.part_file (closed)", tostring(file))
  end)

  it("keeps what is there, and is kept from others until it is closed or collected", function()
    helper.write_file(path, "there")
    local file = assert(core.part_file(path))
    assert.equal("there", file:read(0))
    local other, message = core.part_file(path)
    assert.is_nil(other)
    assert.equal("another download is writing this file", message)
    file:close()
    file = assert(core.part_file(path))
    assert.equal("there", file:read(0))
    file = nil                                           -- luacheck: ignore
    helper.collect()
    assert(core.part_file(path)):close()
  end)

  it("is free for others when it was renamed", function()
    local file = assert(core.part_file(path))
    assert(os.rename(path, path .. ".whole"))
    local other = assert(core.part_file(path))
    other:write(0, "other")
    file:write(0, "file")
    assert.equal("file", output("cat " .. quote(path .. ".whole")))
    file:close()
    other:close()
  end)

  it("says what the system says", function()
    for name, expected in pairs({ [dir .. "/no/f"] = "No such file or directory",
      [dir] = "Is a directory", ["/dev/null"] = "not a regular file" }) do
      local file, message = core.part_file(name)
      assert.is_nil(file)
      assert.equal(expected, message)
    end
    assert.is_nil((core.sync_folder(dir .. "/no")))
    output("mkfifo " .. quote(path))
    assert.equal("not a regular file", select(2, core.part_file(path)))
  end)

  it("raises when it is used in a wrong way", function()
    local file = assert(core.part_file(path))
    assert.has_error(function() file:write(-1, "x") end)
    assert.has_error(function() file:write("a", "x") end)
    assert.has_error(function() file:write(0) end)
    assert.has_error(function() file:cut(-1) end)
    assert.has_error(function() file.write(core.sha256(), 0, "x") end)
    assert.has_error(function() core.part_file() end)
    file:close()
    for _, name in ipairs({ "write", "read", "size", "cut", "sync" }) do
      local err = helper.failure(file[name], file, 0, "x")
      assert.truthy(err:find("the file is closed", 1, true), err)
    end
  end)
end)

describe("core.sha256", function()
  it("is that of the standard, in whatever pieces it comes", function()
    -- FIPS 180-4, its examples.
    for text, expected in pairs({
      [""] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      ["abc"] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"] =
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      [("a"):rep(1000000)] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    }) do
      assert.equal(expected, core.sha256():update(text):finish())
      local sum = core.sha256()
      for at = 1, #text, 777 do
        sum:update(text:sub(at, at + 776))
      end
      assert.equal(expected, sum:finish())
    end
  end)

  it("ends once", function()
    local sum = core.sha256()
    assert.equal("multisock.sha256 (open)", tostring(sum))
    sum:finish()
    assert.equal("multisock.sha256 (closed)", tostring(sum))
    assert.truthy(helper.failure(sum.update, sum, "x"):find("the sum has ended", 1, true))
    assert.truthy(helper.failure(sum.finish, sum):find("the sum has ended", 1, true))
    assert.has_error(function() core.sha256():update() end)
    core.sha256():update("never finished")
    helper.collect()
  end)
end)
