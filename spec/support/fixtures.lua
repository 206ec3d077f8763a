-- What spec files set up and take down again: servers, clients, and what must not be
-- left after a spec. Each function is called once, in the block that it is for.
local assert = require("luassert")
local busted = require("busted")
local helper = require("spec.helper")
local ms = require("multisock")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

local fixtures = {}

-- Those that a spec has started by itself.
busted.subscribe({ "file", "end" }, function()
  servers.stop_all()
  return nil, true                  -- other listeners are told, too
end)

--- A server that runs while the specs of this block do.
-- @param start function(...) of servers.lua, packaged.lua and the like
-- @return table that has the server's fields from the first spec to the last
function fixtures.server(start, ...)
  local server, arguments, count = {}, { ... }, select("#", ...)
  busted.setup(function()
    for name, value in pairs(start((table.unpack or unpack)(arguments, 1, count))) do
      server[name] = value
    end
  end)
  busted.teardown(function()
    if server.stop then             -- else it has not started
      server.stop()
    end
  end)
  return server
end

function fixtures.nginx()
  return fixtures.server(servers.nginx)
end

--- @param options? table as servers.hostile takes it
function fixtures.hostile(options)
  return fixtures.server(servers.hostile, options)
end

--- Runs before each spec. What it returns, most often a client, is closed after it,
-- and then nothing may be left running.
function fixtures.each(before)
  local made
  busted.before_each(function()
    made = before()
  end)
  busted.after_each(function()
    made:close()
    made = nil
    helper.check_leaks()
  end)
end

--- Gives each spec a client of these options, which is closed after it.
-- @param give function(client)
function fixtures.client(give, options)
  fixtures.each(function()
    local client = ms.client(options)
    give(client)
    return client
  end)
end

--- Gives each spec an easy handle that asks hostile.py's /echo, and the list that gets its
-- body; after it, the handle is closed, and none may be left but those that pools have kept.
-- @param give function(easy, body)
function fixtures.echoing(hostile, give)
  local easy
  busted.before_each(function()
    local body
    easy, body = support.easy { url = hostile.url("/echo") }
    give(easy, body)
  end)
  busted.after_each(function()
    easy:close()
    easy = nil
    give()
  end)
  fixtures.no_handles_left()
end

--- A folder for each spec of this block. @param give function(path)
function fixtures.folder(give)
  local folder
  busted.before_each(function()
    folder = servers.make_dir()
    give(folder)
  end)
  busted.after_each(function()
    servers.output("rm -rf " .. servers.quote(folder))
  end)
end

--- After each spec no easy handle may be left, but those that pools have kept.
function fixtures.no_handles_left()
  busted.setup(support.begin)
  busted.after_each(function()
    support.collect()
    assert.equal(0, support.easy_count())
  end)
end

return fixtures
