-- Programs that change what Lua gives, as real hosts do: strict globals (nmap,
-- Penlight), other coroutine functions (nginx), a global `vim` that is not Neovim's
-- (Vim), and their children.
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local shell = require("spec.support.shell")
local support = require("spec.support.core_support")

-- Every file of the library that needs nothing but itself.
local function modules()
  local list = {}
  for path in shell.said("find lua/multisock -name '*.lua' | sort"):gmatch("[^\n]+") do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    if not name:find("%.loop%.") or name:find("uv$") == #name - 1 and not name:find("luv") then
      list[#list + 1] = name
    end
  end
  return list
end

local STRICT = [[
  setmetatable(_G, {
    __index = function(_, name) error("undefined global " .. tostring(name), 2) end,
    __newindex = function(_, name) error("new global " .. tostring(name), 2) end,
  })
]]

describe("under strict globals", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  it("every module loads, in any order", function()
    local list = modules()
    assert.is_true(#list > 30)
    local backward = {}
    for i = 1, #list do
      backward[#list + 1 - i] = list[i]
    end
    for _, names in ipairs({ list, backward }) do
      local output = support.child(STRICT .. [[
        for name in (...):gmatch("%S+") do
          local ok, err = pcall(require, name)
          if not ok then print(name, err) end
        end
      ]], table.concat(names, " "))
      assert.equal("", output)
    end
  end)

  -- Calls all of the public face, each in a pcall of its own, and prints what is no
  -- error object and speaks of globals.
  local FACE = [[
    local ms = require("multisock")
    local base, hostile, loop = ...
    if loop ~= "" then ms.use_loop(loop) end
    local function try(what, fn, ...)
      local result = { pcall(fn, ...) }
      if not result[1] and tostring(result[2]):find("global", 1, true) then
        print(what, tostring(result[2]))
      end
      return result[2]
    end
    local called = 0
    local function call(what, ...)
      called = called + 1
      return try(what, ms[what], ...)
    end
    local function all()
      local client = ms.client({ headers = { ["X-A"] = "b" }, timeout = 20 })
      for _, method in ipairs({ "fetch", "get", "head", "post", "put", "patch", "delete",
        "options" }) do
        local response = try(method, client[method], client, base .. "/1k")
        for _, field in ipairs({ "status", "ok", "status_text", "url", "redirected", "history",
          "http_version", "headers", "trailers", "peer", "timings", "sizes", "attempts",
          "request" }) do
          try(field, function() return response[field] end)
        end
        try("each", function() for _ in response.headers:each() do end end)
        try("get", function() return response.headers:get("server"), response.headers.server end)
        for _, reader in ipairs({ "text", "json", "read", "chunks", "lines", "discard",
          "close" }) do
          try(reader, response[reader], response)
          try(reader, function() return client:get(base .. "/1k")[reader](response) end)
        end
        try("tostring", tostring, response)
      end
      local path = os.tmpname()
      try("save", function() return client:get(base .. "/1k"):save(path) end)
      os.remove(path)
      for _, options in ipairs({
        { json = { 1, { a = ms.null } } }, { form = { a = "b", c = { 1, 2 } } },
        { query = { a = 1 } }, { headers = { A = { "1", "2" } } }, { body = "x" },
        { body = { "x", "y" } }, { timeout = { total = 5, first_byte = 5, idle = 5 } },
        { auth = { basic = { "u", "p" } } }, { auth = { bearer = "t" } }, { proxy = false },
        { curl = { verbose = false } }, { curl = { nonsense = 1 } }, { nonsense = 1 },
        { timeout = "x" }, { redirect = "manual" }, { fail_on_error = true },
        { progress = function() end }, { tls = { verify = false } }, { max_body = 10 },
        { body = function() end }, { protocols = { "ftp" } }, { http_version = "2" },
      }) do
        try("post", client.post, client, base .. "/1k", options)
        try("text", function() return client:get(base .. "/1k", options):text() end)
      end
      for _, path in ipairs({ "/redirect?n=2", "/stall-body", "/truncate", "/nothing" }) do
        try(path, function()
          return client:get(hostile .. path, { timeout = 0.3 }):text()
        end)
      end
      try("url", client.get, client, "http://[")
      try("json", function() return client:get(base .. "/1k"):json() end)
      try("tostring", tostring, client)
      call("sleep", 0)
      call("now")
      call("group", function(group)
        group:spawn(ms.sleep, 0.01)
        try("cancel", group.cancel, group)
        try("tostring", tostring, group)
      end)
      call("with_timeout", 0.01, ms.sleep, 1)
      call("map", { base .. "/1k", base .. "/1k" }, { concurrency = 1 })
      called = called + 1
      try("each", function() for _ in ms.each({ base .. "/1k" }) do end end)
      local queue = call("queue", 2)
      for _, method in ipairs({ "put", "get", "close", "get" }) do
        try(method, queue[method], queue, 1)
      end
      local task = call("spawn", ms.sleep, 10)
      for _, method in ipairs({ "status", "cancel", "join", "await", "on_done" }) do
        try(method, task[method], task, print and function() end)
      end
      try("tostring", tostring, task)
      call("version")
      call("assert", nil, "no")
      client:close()
    end
    call("run", all)
    all()
    call("on_error", function() end)
    ms.spawn(error, "told")
    call("step", 0.01)
    call("step", "x")
    call("next_timeout")
    call("fd")
    call("use_loop")
    call("use_loop", "nonsense")
    call("client", { nonsense = 1 })
    local lcurl = require("lcurl")
    try("lcurl", function()
      lcurl.easy({ url = base .. "/1k", writefunction = function() end }):perform():close()
    end)
    try("cURL", function() return require("cURL").multi():close() end)
    local core = require("multisock.core")
    try("core", function()
      core.easy({ url = base .. "/1k", writefunction = function() end }):perform()
    end)
    print(called)
  ]]

  for _, loop in ipairs({ "", "poll" }) do
    it("all of the public face works" .. (loop == "" and "" or " on " .. loop), function()
      local output, status = support.child(STRICT .. FACE, nginx.url(""):gsub("/$", ""),
        hostile.url(""):gsub("/$", ""), loop)
      assert.matches("^%d+\n$", output)
      assert.equal(0, status)
    end)
  end
end)

describe("with the coroutine functions of nginx's Lua", function()
  it("uses Lua's own, which are kept under other names", function()
    local nginx = servers.nginx()
    local output = support.child([[
      local base = ...
      local lua = coroutine
      local wrap, running = lua.wrap, lua.running
      coroutine = { running = running, isyieldable = lua.isyieldable, close = lua.close }
      for _, name in ipairs({ "create", "resume", "yield", "status" }) do
        coroutine["_" .. name] = lua[name]
        coroutine[name] = function() error("API disabled: " .. name, 2) end
      end
      coroutine.wrap = function() error("API disabled: wrap", 2) end
      package.loaded.coroutine = coroutine
      local ms = require("multisock")
      print(ms.run(function()
        local client = ms.client({ tls = { verify = false } })
        local bodies = ms.map({ 1, 2, 3 }, function(i)
          return client:post(base .. i, { body = function() end, timeout = 10 }):text()
        end)
        ms.sleep(0.01)
        local work = ms.spawn(ms.sleep, 10)
        ms.sleep(0.01)
        work:cancel()
        client:close()
        return #bodies, work:status()
      end))
    ]], nginx.url("/file/"))
    nginx.stop()
    assert.equal("3\tcancelled\n", output)
  end)
end)

describe("in Vim, whose global is called as Neovim's", function()
  -- What Vim's has: no loop.
  local VIM = [[
    vim = { fn = {}, eval = function() end, command = function() end, buffer = function() end }
    local ms = require("multisock")
  ]]

  it("the default loop is our own, and ms.step turns it", function()
    local output = support.child(VIM .. [[
      local ended
      ms.spawn(function()
        ms.sleep(0.01)
        ended = true
      end)
      while not ended do
        ms.step(0.1)
      end
      print(ms.use_loop())
    ]])
    assert.equal("uv\n", output)
  end)

  it("an error that nobody awaited is told on stderr", function()
    local output = support.child(VIM .. [[
      local task = ms.spawn(error, "nobody saw this", 0)
      pcall(ms.step)
      task = ms.spawn(error, "nor this", 0)
      ms.step = nil
      require("multisock.tasks.scheduler").drive_with(require("multisock.tasks.scheduler").turn, 0)
    ]])
    assert.matches("nor this", output)
  end)
end)

describe("SIGPIPE", function()
  -- Runs a script with the signal as most programs have it, whatever we inherited.
  local function run(script)
    return (support.child_in("env --default-signal=PIPE", script))
  end

  local LOOK = [[
    local function ignored()
      local pipe = io.popen("cat /proc/self/status")
      local mask = pipe:read("*a"):match("SigIgn:%s*(%x+)")
      pipe:close()
      return math.floor(tonumber(mask, 16) / 0x1000) % 2 == 1
    end
  ]]

  it("is not ignored in programs that are started", function()
    assert.equal("false\n", run(LOOK .. [[
      require("multisock.core")
      print(ignored())
    ]]))
  end)

  it("ends nobody", function()
    assert.equal("alive\n", run([[
      local core = require("multisock.core")
      core.easy():close()
      local pid = io.open("/proc/self/stat"):read("*n")
      os.execute("kill -PIPE " .. pid)
      local pipe = io.popen("exec <&-", "w")
      os.execute("sleep 0.2")
      for _ = 1, 1000 do pipe:write(("x"):rep(1000)) end
      print("alive")
    ]]))
  end)

  it("stays ignored where the program has it ignored", function()
    local output = support.child([[
      local core, script = require("multisock.core"), ...
      if script then
        os.execute("trap '' PIPE; " .. script)
      end
    ]], ("LUA_PATH='%s' LUA_CPATH='%s' %s -e '%s'"):format(package.path, package.cpath,
      os.getenv("LUA") or "lua5.4", (LOOK .. 'require("multisock.core") print(ignored())')
        :gsub("\n%s*", " ")))
    assert.equal("true\n", output)
  end)
end)
