-- The same load through multisock, with the command line and the JSON line of
-- book.c and best.c. Started by bench/run, which sets LUA_PATH and LUA_CPATH.
local ms = require "multisock"
local folder = arg[0]:match("^(.*/)")
local support, kinds = dofile(folder .. "support.lua"), dofile(folder .. "kinds.lua")

local options = support.options(arg, "multisock", "stream", "save", "numbered", "inflight", "http2",
  "loop", "ca", "fresh", "kind")
-- NAME/watch: its adapter without `listen`, over libcurl's agnostic interface.
local function use_loop(name)
  local plain = name:match("^[^/]*")
  if plain == "copas" then
    package.path = package.path .. ";/usr/share/lua/5.1/?.lua"  -- where Debian has it
  end
  if plain == name then
    return ms.use_loop(name)
  end
  local adapter = {}
  for field, value in pairs(require("multisock.loop." .. plain)) do
    adapter[field] = field ~= "listen" and value or nil
  end
  ms.use_loop(adapter)
end

if options.loop then
  use_loop(options.loop)
end

local tally = support.tally("multisock", options, ms.now)

local version = options.http2 and "2" or "1.1"
local at_once = options.connections or options.inflight
local settings = {
  http_version = version,
  tls = {verify = not options.insecure, ca = options.ca},
  limits = {connections = at_once, host_connections = at_once},
  -- Large bodies are files that are wanted as they are.
  decompress = not (options.stream or options.save),
  curl = options.buffer and {buffersize = options.buffer}
    or options.fresh and {fresh_connect = 1, forbid_reuse = 1} or nil,
}
for name, value in pairs(kinds.client[options.kind] or {}) do
  settings[name] = value
end
local client = ms.client(settings)
local fetch, wrong_with = kinds.fetch[options.kind], kinds.look[options.kind]
local url = options.url

-- The readers of a body: its length; or nil, err.
local function read_chunks(response)
  local length, look = 0, 0
  for chunk in response:chunks() do
    look = look ~ chunk:byte() ~ chunk:byte(-1)
    length = length + #chunk
  end
  return length, look
end

local function read_saved(response)
  return response:save(options.save)
end

local read = options.save and read_saved or options.stream and read_chunks

local NO_REASON = "it failed without a reason"
local expected = options.length           -- or that of the first body

-- Fetches, and returns what is wrong, or nil. The HTTP version is asked for when
-- `closely`: at the first response of each task and at those that are timed.
local function perform(closely)
  local response, err
  if fetch then
    response, err = fetch(client, url)
  else
    response, err = client:get(url)
  end
  if not response then
    return err or NO_REASON
  elseif wrong_with then
    err = wrong_with(response)
    if err then
      return err
    end
  end
  local body, length
  if read then
    length, err = read(response)
  else
    body, err = response:text()
    length = body and #body
  end
  expected = expected or length
  if not length then
    return err or NO_REASON
  elseif response.status ~= 200 then
    return "the status is not 200"
  elseif length ~= expected then
    return "the body has the wrong length"
  elseif closely and response.http_version ~= version then
    return "the HTTP version is not the one asked for"
  end
end

local function loop()
  tally:loop(perform)
end

local function closed_loop()
  local tasks = {}
  if options.fresh then
    ms.spawn(function()
      while tally.unstarted > 0 do
        tally:tick()
        ms.sleep(0.001)
      end
    end)
  end
  if options.requests then
    tally:open()
  end
  for i = 1, options.connections do
    tasks[i] = ms.spawn(loop)
  end
  if options.seconds then
    ms.sleep(support.WARM_UP)
    tally:open()
    ms.sleep(options.seconds)
    tally:close()
  end
  for i = 1, #tasks do
    tasks[i]:await()
  end
  if options.requests then
    tally:close()
  end
end

-- The body of a numbered request is its number and a line feed, again and
-- again: a body that went to another request is noticed.
local function numbered(one, i)
  local response, err = client:get(one .. i)
  local body
  if response then
    body, err = response:text()
  end
  if body then
    local text = i .. "\n"
    err = response.status ~= 200 and "the status is not 200"
      or response.http_version ~= version and "the HTTP version is not the one asked for"
      or body ~= text:rep(#body // #text + 1):sub(1, #body) and "the body is another request's"
      or nil
  else
    err = err or NO_REASON
  end
  tally:finish(err)
end

local function plain()
  tally:finish(perform(true))
end

-- All at once. The bodies are looked at as they come, and not kept.
local function in_flight()
  local urls = {}
  for i = 1, options.inflight do
    urls[i] = url
  end
  tally:open()
  ms.map(urls, options.numbered and numbered or plain, {concurrency = options.inflight})
  tally:close()
end

ms.run(options.inflight and in_flight or closed_loop)
tally:print()
