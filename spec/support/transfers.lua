-- Transfers of any protocol at both levels: raw handles on a multi that libuv
-- drives, and ms.fetch. What the specs of the protocols share.
local assert = require("luassert")
local core = require("multisock.core")
local ms = require("multisock")
local support = require("spec.support.core_support")

local transfers = {}

local spoken = {}
for _, name in ipairs(core.version().protocols) do
  spoken[name] = true
end

--- Why specs of a protocol (or feature) of libcurl's cannot run; nil: they can.
function transfers.missing(protocol)
  if not spoken[protocol] and not core.version().features[protocol] then
    return ("libcurl %s was built without %s"):format(core.version().curl, protocol)
  end
end

--- A multi on a loop of its own: `add(options) -> easy, body`, `step(done)`,
-- `finish(count) -> seen` as support.drain, `close()`, which asserts that
-- nothing is watched any more.
function transfers.driver()
  local driver = { loop = assert(core.loop()) }
  driver.multi = assert(core.multi():attach(driver.loop))
  function driver.add(options)
    local easy, body = support.easy(options)
    assert(driver.multi:add_handle(easy))
    return easy, body
  end
  function driver.step(done)
    support.step(driver.loop, done)
  end
  function driver.finish(count)
    return support.drain(driver.loop, { driver.multi }, count)
  end
  function driver.close()
    driver.multi:close()
    assert.same({ 0, 0 }, { driver.loop:counts() })
    driver.loop:close()
  end
  return driver
end

--- Runs one raw transfer. Returns its body; or nil, err.
function transfers.run(options)
  local driver = transfers.driver()
  local easy, body = driver.add(options)
  local seen = driver.finish(1)
  driver.close()
  if seen[easy] ~= true then
    return nil, seen[easy][1]
  end
  return table.concat(body)
end

--- Runs `count` raw transfers at once; `make(i)` gives options and the body
-- that is expected.
function transfers.run_many(count, make)
  local driver = transfers.driver()
  local expected = {}
  for i = 1, count do
    local options, text = make(i)
    local easy, body = driver.add(options)
    expected[easy] = { text, body }
  end
  local seen = driver.finish(count)
  for easy, pair in pairs(expected) do
    assert.equal(true, seen[easy], tostring(type(seen[easy]) == "table" and seen[easy][1]))
    assert.is_true(table.concat(pair[2]) == pair[1])
  end
  driver.close()
end

--- Starts a raw transfer, waits for its first bytes, removes it, and checks
-- that the driver goes on to serve another one.
function transfers.cancel(options, another, expected)
  local driver = transfers.driver()
  local easy, body = driver.add(options)
  driver.step(function() return body[1] ~= nil end)
  driver.multi:remove_handle(easy)
  easy:close()
  local other, text = driver.add(another)
  local seen = driver.finish(1)
  assert.equal(true, seen[other], tostring(type(seen[other]) == "table" and seen[other][1]))
  assert.equal(expected, table.concat(text))
  driver.close()
end

--- Fetches so many files at once with a client; each has its own body.
-- @param url function(path), of an nginx @param version? the version of HTTP that they come by
function transfers.fetch_files(client, url, count, version)
  local right = 0
  ms.group(function(group)
    for i = 1, count do
      group:spawn(function()
        local response = ms.assert(client:get(url("/file/" .. i)))
        assert.equal(version or response.http_version, response.http_version)
        assert.equal("body-" .. i, response:text())
        right = right + 1
      end)
    end
  end)
  assert.equal(count, right)
end

--- Fetches; returns the body, or nil, err, whenever it failed.
function transfers.fetch(url, options)
  local response, err = ms.fetch(url, options)
  if response == nil then
    return nil, err
  end
  return response:text()
end

return transfers
