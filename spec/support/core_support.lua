-- What the specs of the core share: handles that cannot hang, the ways to drive
-- a multi, each with a deadline, and scripts in a process of their own.
local cjson = require("cjson")
local core = require("multisock.core")
local echoed = require("spec.support.echoed")
local helper = require("spec.helper")
local shell = require("spec.support.shell")
local socket = require("socket")

local support = {}

local SECONDS = 20

-- Handles that clients keep in their pools when a spec file begins.
local pooled = 0

--- To be called before the first spec of a file: counts from here.
function support.begin()
  support.collect()
  pooled = core.easy_count()
end

--- Easy handles that are alive, without those in pools.
function support.easy_count()
  return core.easy_count() - pooled
end

--- A clock for deadlines, in seconds.
function support.deadline(seconds)
  local ends = socket.gettime() + helper.seconds(seconds or SECONDS)
  return function(what)
    if socket.gettime() > ends then
      error((what or "this") .. " was not done in time", 2)
    end
  end
end

--- An easy handle that ends by itself, and the list that gets its body.
function support.easy(options)
  local body = {}
  local all = {
    timeout_ms = math.floor(helper.seconds(SECONDS) * 1000),
    noproxy = "*",
    writefunction = function(bytes) body[#body + 1] = bytes end,
  }
  helper.with(all, options)
  local easy = assert(core.easy(all))
  return easy, body
end

--- Adds one to a multi; it and its body go to the end of `list`.
function support.add(multi, list, options)
  local easy, body = support.easy(options)
  list[#list + 1] = { easy = easy, body = body }
  multi:add_handle(easy)
  return easy, body
end

--- What hostile.py's /echo saw of the request that this easy makes, its headers by
-- name in lower case.
function support.echo(easy, body)
  for i = #body, 1, -1 do
    body[i] = nil
  end
  assert(easy:perform())
  local seen = cjson.decode(table.concat(body))
  seen.headers = echoed.fields(seen.headers)
  return seen
end

--- Takes what has ended out of a multi: `seen[easy]` becomes true, or the list
-- of its error. Returns how many there were.
function support.reap(multi, seen)
  local count = 0
  while true do
    local easy, ok, err = multi:info_read()
    if easy == nil then
      return count
    end
    seen[easy] = ok or { err }
    multi:remove_handle(easy)
    count = count + 1
  end
end

--- Drives a multi with perform and poll until nothing runs; returns `seen`.
function support.perform(multi)
  local check, seen = support.deadline(), {}
  repeat
    local running = assert(multi:perform())
    support.reap(multi, seen)
    if running > 0 then
      assert(multi:poll(50))
    end
    check("multi:perform")
  until running == 0
  return seen
end

--- Drives one until nothing runs, and leaves in it what has ended.
function support.run_out(multi)
  local check = support.deadline()
  while multi:perform() > 0 do
    multi:poll(10)
    check()
  end
end

--- A driver on socket.select for a multi: `driver:run(done)` drives it until
-- nothing runs, or `done()` says so. `driver.watched` maps descriptors to what
-- is wanted, `driver.due` is when the timer is due.
function support.select_driver(options)
  local driver = { watched = {}, due = nil, events = {} }
  options = options or {}
  driver.multi = assert(core.multi {
    socketfunction = function(easy, fd, what, assigned)
      driver.events[#driver.events + 1] = { easy, fd, what, assigned }
      driver.watched[fd] = what ~= "remove" and what or nil
      if options.on_socket then
        options.on_socket(easy, fd, what, assigned)
      end
    end,
    timerfunction = function(ms)
      driver.due = ms and socket.gettime() + ms / 1000
      if options.on_timer then
        options.on_timer(ms)
      end
    end,
  })
  driver.turn = support.select_turn
  function driver:run(done)
    local check, seen, running = support.deadline(), {}, 1
    while running > 0 and not (done and done()) do
      running = self:turn()
      support.reap(self.multi, seen)
      check("the transfers")
    end
    return seen
  end
  return driver
end

local function descriptor(fd)
  return { getfd = function() return fd end, fd = fd }
end

--- One turn of such a driver; returns the count of running transfers.
function support.select_turn(driver)
  local reading, writing = {}, {}
  for fd, what in pairs(driver.watched) do
    local object = descriptor(fd)
    if what ~= "out" then reading[#reading + 1] = object end
    if what ~= "in" then writing[#writing + 1] = object end
  end
  local wait = driver.due and math.max(driver.due - socket.gettime(), 0) or 0.05
  local readable, writable = socket.select(reading, writing, math.min(wait, 0.05))
  local ready, running = {}, nil
  for _, object in ipairs(readable) do ready[object.fd] = "in" end
  for _, object in ipairs(writable) do
    ready[object.fd] = ready[object.fd] and "inout" or "out"
  end
  for fd, what in pairs(ready) do
    if driver.watched[fd] then
      running = assert(driver.multi:socket_action(fd, what))
    end
  end
  if running == nil or (driver.due and driver.due <= socket.gettime()) then
    driver.due = nil
    running = assert(driver.multi:socket_action())
  end
  return running
end

--- Steps a loop until `done()`.
function support.step(loop, done, seconds)
  local check = support.deadline(seconds)
  while not done() do
    loop:step(0.05)
    check("the loop")
  end
end

--- Steps a loop until each multi of the list is empty; returns `seen`.
function support.drain(loop, multis, count)
  local seen, found = {}, 0
  support.step(loop, function()
    for _, multi in ipairs(multis) do
      found = found + support.reap(multi, seen)
    end
    return found >= count
  end)
  return seen
end

--- Collects all that can be collected: finalizers make more garbage.
function support.collect()
  for _ = 1, 4 do
    collectgarbage()
  end
end

--- A port of 127.0.0.1 on which nobody listens.
function support.refusing_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tonumber(port)
end

--- A port that neither accepts nor refuses: its queue is full. Returns it and
-- the sockets that keep it so.
function support.deaf_port()
  local server = assert(socket.tcp())
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(0))
  local _, port = server:getsockname()
  local sockets = { server }
  for _ = 1, 4 do
    local client = socket.tcp()
    client:settimeout(0)
    client:connect("127.0.0.1", port)
    sockets[#sockets + 1] = client
  end
  return tonumber(port), sockets
end

--- For the environment of a process that runs on this loop: luaevent itself leaves
-- the base that it makes when it is loaded.
function support.leaks_of(loop)
  return loop:find("^event") and 'ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" ' or ""
end

--- The command line of a Lua script, on the Lua and with the modules of the specs.
-- @param name its file @param ... what it finds in its `...`
function support.line(name, ...)
  local words = {
    select("#", ...) > 0 and support.leaks_of(tostring((select(select("#", ...), ...)))) or "",
    "LUA_PATH=" .. shell.quote(package.path), "LUA_CPATH=" .. shell.quote(package.cpath),
    "timeout", tostring(math.ceil(helper.seconds(60))), os.getenv("LUA") or "lua5.4",
    shell.quote(name),
  }
  for _, word in ipairs { ... } do
    words[#words + 1] = shell.quote(word)
  end
  return table.concat(words, " ")
end

--- Runs it in a process of its own. Returns what it wrote to both its outputs, and its
-- exit status.
function support.run_script(name, ...)
  return shell.run(support.line(name, ...))
end

--- The same for a script that is given as text.
function support.child(script, ...)
  return support.child_in("", script, ...)
end

--- The same behind something for the shell: variables, limits, a command that runs others.
function support.child_in(before, script, ...)
  local name = os.tmpname()
  shell.write_file(name, script)
  local output, status = shell.run(before .. " " .. support.line(name, ...))
  os.remove(name)
  return output, status
end

--- A loop, and a multi on it.
function support.attached()
  local loop, multi = core.loop(), core.multi()
  assert(multi:attach(loop) == multi)
  return loop, multi
end

--- Transfers that are in the middle of something. @param hostile servers.hostile()
function support.running(hostile, loop, multi, count, path)
  local list = {}
  for _ = 1, count do
    support.add(multi, list, { url = hostile.url(path or "/stall-body") })
  end
  support.step(loop, function()
    for _, entry in ipairs(list) do
      if #entry.body == 0 and not path then
        return false
      end
    end
    return (loop:counts()) >= count
  end)
  return list
end

return support
