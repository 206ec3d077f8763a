--- multisock: coroutine-friendly HTTP for Lua, on libcurl's multi_socket
-- interface and libuv. This file is the public face; the work is elsewhere.
local client = require("multisock.client")
local core = require("multisock.core")
local hosted = require("multisock.hosted")
local loops = require("multisock.loops")
local made = require("multisock.made")
local map = require("multisock.map")
local scheduler = require("multisock.scheduler")
local tasks = require("multisock.tasks")
local waiting = require("multisock.waiting")

local ms = {
  run = tasks.run,
  spawn = tasks.spawn,
  sleep = waiting.sleep,
  now = scheduler.now,
  group = tasks.group,
  with_timeout = tasks.with_timeout,
  on_error = tasks.on_error,
  use_loop = loops.use_loop,
  step = hosted.step,
  next_timeout = scheduler.next_timeout,
  fd = hosted.fd,
  queue = require("multisock.queue"),
}

--- Makes a client: its own defaults, connections and limits.
function ms.client(options)
  return client.new(options)
end

-- The client behind ms.fetch and its like, made at first use.
local default

local function get_default()
  if default == nil then
    default = client.new()
  end
  return default
end

local METHODS = { "fetch", "get", "head", "post", "put", "patch", "delete", "options" }

for _, name in ipairs(METHODS) do
  ms[name] = function(url, options)
    local shared = default or get_default()
    return shared[name](shared, url, options)
  end
end

--- Calls a function for every item, or fetches every URL, many at a time: map.lua.
function ms.map(items, fn, options)
  return map.map(get_default, items, fn, options)
end

--- The same, in order of arrival.
function ms.each(items, fn, options)
  return map.each(get_default, items, fn, options)
end

--- Asks again when the answer is slow, and takes the first good one: see hedge.lua.
function ms.hedge(options, fn)
  return require("multisock.hedge")(options, fn)
end

--- Makes a response of a string, an iterator or an open file: what agents give.
-- @param body? @param options? table: status (200), headers, url
ms.response = made.new

--- JSON's null, as response:json() gives it and the option `json` takes it.
ms.null = core.null

--- Marks a table as a list, so that JSON has it as an array when it is empty.
-- @param list table @return list
ms.array = core.json_array

--- The JSON that is in use: encode(value) -> string, raising on what JSON cannot
-- say; decode(text) -> value; or nil, err. Read-only.
ms.json = setmetatable({}, {
  __index = { encode = core.json_encode, decode = core.json_decode, null = core.null },
  __newindex = function(_, name)
    error("ms.json is read-only: " .. tostring(name), 2)
  end,
})

--- `assert` for every Lua: raises the error object itself.
function ms.assert(value, err, ...)
  if not value then
    error(err, 2)
  end
  return value, err, ...
end

--- The versions that run.
-- @return table: multisock, lua, curl, ssl, uv, protocols, features, and warnings:
-- a list of strings, what is known to be dangerous of them and what is done about it
function ms.version()
  local version = core.version()
  version.warnings = require("multisock.warnings")(version)
  return version
end

ms._VERSION = core._VERSION

return ms
