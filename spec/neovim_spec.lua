-- Inside a real Neovim, without a screen. Neovim is LuaJIT, so these run with the
-- specs of LuaJIT: script/test-luas luajit.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- What a script prints (to stderr) that Neovim runs, and the status of its end.
local function run(script, url)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  assert(file:write("URL = vim.env.URL\n", script))
  assert(file:close())
  local pipe = assert(io.popen(table.concat({
    "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath),
    "URL=" .. quote(url or ""),
    "timeout", tostring(math.ceil(helper.seconds(60))),
    "nvim --headless -i NONE -n -u NONE -c", quote("luafile " .. path),
    "2>&1 </dev/null; echo \"status=$?\"",
  }, " ")))
  local output, status = pipe:read("*a"):match("^(.*)status=(%d+)\n$")
  pipe:close()
  os.remove(path)
  return output:gsub("\r", ""), tonumber(status)
end

local SAY = [[
local function say(...)
  io.stderr:write(string.format(...), "\n")
end
local function quit()
  vim.schedule(function() vim.cmd("qall!") end)
end
]]

describe("inside Neovim", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

  local function it_in_neovim(name, fn)
    it(name, function()
      if not rawget(_G, "jit") then
        pending("Neovim is LuaJIT: script/test-luas luajit runs this")
      elseif not os.execute("command -v nvim >/dev/null") then
        pending("nvim is not installed")
      end
      fn()
    end)
  end

  it_in_neovim("200 transfers let the editor's timer keep its beat", function()
    local output, status = run(SAY .. [[
      local ms = require("multisock")
      local client = ms.client { limits = { host_connections = 50 } }
      local left, good = 200, 0
      -- Without the time that this thread could have run, but others did.
      local function own_time()
        local file = io.open("/proc/thread-self/schedstat")
        local text = file and file:read("*a") or ""
        if file then file:close() end
        return vim.loop.hrtime() / 1e6 - (tonumber(text:match("^%d+ (%d+)")) or 0) / 1e6
      end
      local beats, longest, last = 0, 0, own_time()
      local timer = vim.loop.new_timer()
      timer:start(10, 10, function()
        local now = own_time()
        beats, longest, last = beats + 1, math.max(longest, now - last), now
      end)
      say("loop %s", ms.use_loop())
      for _ = 1, 200 do
        ms.spawn(function()
          local response = assert(client:get(URL))
          good = good + (#response:text() == 1024 and 1 or 0)
          left = left - 1
          if left == 0 then
            ms.sleep(0.1)
            say("good %d, beats %d, longest %.0f", good, beats, longest)
            quit()
          end
        end)
      end
      say("started")]], nginx.url("/1k"))
    assert.equal(0, status, output)
    local good, beats, longest = output:match("good (%d+), beats (%d+), longest (%d+)")
    assert.equal("200", good, output)
    -- Nothing has waited: not one of them was over when the script was.
    assert.truthy(output:find("loop luv\nstarted\ngood", 1, true), output)
    assert.truthy(tonumber(beats) >= 8, output)
    assert.truthy(tonumber(longest) < helper.seconds(250), output)
  end)

  it_in_neovim("tasks know that the API is out of reach, and reach it by vim.schedule", function()
    local output, status = run(SAY .. [[
      local ms = require("multisock")
      ms.spawn(function()
        assert(ms.get(URL))
        local _, err = pcall(vim.api.nvim_buf_set_lines, 0, 0, -1, false, { "a" })
        say("fast %s, %s", tostring(vim.in_fast_event()), err)
        vim.schedule(function()
          vim.api.nvim_buf_set_lines(0, 0, -1, false, { "a line" })
          say("fast %s, %s", tostring(vim.in_fast_event()), vim.api.nvim_get_current_line())
          quit()
        end)
      end)]], nginx.url("/1k"))
    assert.equal(0, status, output)
    assert.truthy(output:find("fast true, E5560: nvim_buf_set_lines", 1, true), output)
    assert.truthy(output:find("fast false, a line", 1, true), output)
  end)

  it_in_neovim("waiting outside of a task says what to do", function()
    local output, status = run(SAY .. [[
      local ms = require("multisock")
      say("%s", select(2, pcall(ms.get, URL)))
      vim.loop.new_timer():start(1, 0, function()
        say("%s", select(2, pcall(ms.sleep, 1)))
        quit()
      end)]], nginx.url("/1k"))
    assert.equal(0, status, output)
    local _, count = output:gsub("cannot wait here: .-start a task with ms%.spawn%(fn%)", "")
    assert.equal(2, count, output)
  end)

  it_in_neovim("an error that nobody awaits becomes a message", function()
    local output, status = run(SAY .. [[
      local ms = require("multisock")
      ms.spawn(function()
        assert(ms.get(URL))
        error("a mistake")
      end)
      vim.defer_fn(function()
        say("messages: %s", vim.api.nvim_exec("messages", true))
        quit()
      end, 500)]], nginx.url("/1k"))
    assert.equal(0, status, output)
    assert.truthy(output:find("messages: .-failed and nobody awaited it: .-a mistake"), output)
  end)

  it_in_neovim("quitting in mid-transfer is clean", function()
    local output, status = run(SAY .. [[
      local ms = require("multisock")
      for i = 1, 20 do
        ms.spawn(function()
          local response = assert(ms.get(URL .. "?n=1000&chunk=100&delay=0.02"))
          while response:read() do
            if i == 20 then
              quit()
            end
          end
        end)
      end]], hostile.url("/stream"))
    assert.equal(0, status, output)
    assert.equal("", output)
  end)

  describe("the example plugin", function()
    local EXAMPLE = SAY .. 'vim.cmd("luafile examples/neovim/stream.lua")\n'

    it_in_neovim("shows an answer while it comes", function()
      local output, status = run(EXAMPLE .. [[
        vim.cmd("Stream " .. URL .. "?n=1000&chunk=50&delay=0.02")
        local seen, sizes = {}, 0
        local function look()
          local text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n")
          if not seen[#text] then
            seen[#text], sizes = true, sizes + 1
          end
          if #text == 1000 then
            say("whole after %d sizes", sizes)
            return vim.defer_fn(function()
              say("messages: %s", vim.api.nvim_exec("messages", true))
              quit()
            end, 100)
          end
          vim.defer_fn(look, 5)
        end
        look()]], hostile.url("/stream"))
      assert.equal(0, status, output)
      assert.truthy(tonumber(output:match("whole after (%d+) sizes")) > 3, output)
      assert.truthy(output:find("status 200", 1, true), output)
    end)

    it_in_neovim("ends the transfer when the buffer is closed", function()
      local output, status = run(EXAMPLE .. [[
        vim.cmd("Stream " .. URL .. "?n=1000000&chunk=50&delay=0.01")
        vim.defer_fn(function()
          say("lines %d", #vim.api.nvim_buf_get_lines(0, 0, -1, false))
          vim.cmd("bwipeout!")
          vim.defer_fn(function()
            say("pending %d", (require("multisock.tasks.scheduler").pending()))
            quit()
          end, 100)
        end, 300)]], hostile.url("/stream"))
      assert.equal(0, status, output)
      assert.truthy(output:find("lines [1-9]%d*\npending 0"), output)
    end)

    it_in_neovim("tells what went wrong", function()
      local output, status = run(EXAMPLE .. [[
        vim.cmd("Stream http://127.0.0.1:1/")
        vim.defer_fn(function()
          say("messages: %s", vim.api.nvim_exec("messages", true))
          quit()
        end, 300)]])
      assert.equal(0, status, output)
      assert.truthy(output:find("messages: .-connect: "), output)
    end)
  end)
end)
