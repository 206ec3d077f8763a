-- Inside a real Neovim, without a screen. Neovim is LuaJIT, so these run with the
-- specs of LuaJIT: script/test-luas luajit.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local neovim = require("spec.support.neovim")

local it_in_neovim, run, SAY = neovim.it, neovim.run, neovim.SAY

describe("inside Neovim", function()
  local nginx, hostile = fixtures.nginx(), fixtures.hostile()

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
end)
