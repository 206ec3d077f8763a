-- What the specs of downloads share: a folder for each of them, and files of odd_ranges.py.
local busted = require("busted")
local cjson = require("cjson")
local fixtures = require("spec.support.fixtures")
local assert = require("luassert")
local helper = require("spec.helper")
local ms = require("multisock")
local own_servers = require("spec.support.own_servers")
local servers = require("spec.support.servers")

local downloads = {}

local quote, output = servers.quote, servers.output
local odd, dir, path, id

--- The server and a folder for each spec of this block, after which nothing may be left running.
-- @param give function(path, dir): the path in the folder that is downloaded to, and the folder
-- @return server own_servers.odd_ranges()
function downloads.fixture(give)
  odd = fixtures.server(own_servers.odd_ranges)
  fixtures.folder(function(made)
    dir, path, id = made, made .. "/f", 0
    give(path, dir)
  end)
  busted.after_each(helper.check_leaks)
  return odd
end

--- What is in a file, nil where there is none. @param name? a path, the download's without one
function downloads.read(name)
  return helper.read_file(name or path)
end

--- The names in the folder.
function downloads.files()
  return (output("cd " .. quote(dir) .. " && LC_ALL=C ls -A"):gsub("\n", " "))
end

--- A URL of the odd server. Each has a list of its own of what was asked.
function downloads.file(query)
  id = id + 1
  return odd.url(("/file?id=%s.%d&%s"):format(dir, id, query))
end

--- What was asked of such a URL.
function downloads.asked(url)
  return cjson.decode(ms.get(odd.url("/seen?id=" .. url:match("id=([^&]*)"))):text())
end

--- Leaves what a download has got when it was cut after so many bytes.
function downloads.leave(url, options)
  options = options or {}
  options.tries = 0
  assert.equal("closed", helper.err_of(ms.download(url, path, options)).kind)
  return #downloads.read(path .. ".part")
end

--- Asserts that a download has all of its bytes, and left nothing else.
function downloads.is_right(result, err, count, seed)
  assert.is_nil(err and tostring(err))
  assert.equal(path, result.path)
  assert.equal(count, result.size)
  assert.is_true(downloads.read() == servers.bytes(count, seed), "other bytes")
  assert.equal("f", downloads.files())
end

return downloads
