-- The plugin files of examples/neovim, inside a real Neovim.
local fixtures = require("spec.support.fixtures")
local neovim = require("spec.support.neovim")
local scripted = require("spec.support.scripted")
local ms = require("multisock")

local it_in_neovim, SAY = neovim.it, neovim.SAY

describe("the plugin that shows an answer", function()
  local hostile = fixtures.hostile()
  local EXAMPLE = SAY .. 'vim.cmd("luafile examples/neovim/stream.lua")\n'

  it_in_neovim("does so while it comes", function()
    local output, status = neovim.run(EXAMPLE .. [[
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
    local output, status = neovim.run(EXAMPLE .. [[
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
    local output, status = neovim.run(EXAMPLE .. [[
      vim.cmd("Stream http://127.0.0.1:1/")
      vim.defer_fn(function()
        say("messages: %s", vim.api.nvim_exec("messages", true))
        quit()
      end, 300)]])
    assert.equal(0, status, output)
    assert.truthy(output:find("messages: .-connect: "), output)
  end)
end)

describe("the plugin that asks a model", function()
  local server = fixtures.server(scripted.start)
  local PATH = "/v1/chat/completions"
  local EXAMPLE = SAY .. [[
    vim.cmd("luafile examples/neovim/model.lua")
    local api = vim.api
    -- Apart from what Neovim says itself.
    local function say(...)
      io.stderr:write("\1", string.format(...), "\n\2")
    end
    local function text_of(buffer)
      return table.concat(api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
    end
    local function messages()
      return api.nvim_exec("messages", true)
    end
    local function when(fn, act)
      if fn() then
        act()
      else
        vim.defer_fn(function() when(fn, act) end, 5)
      end
    end
  ]]

  local function chunk(content)
    local choice = { index = 0, delta = { content = content } }
    return "data: " .. ms.json.encode({ choices = { choice } }) .. "\n\n"
  end

  local function ask(script, answer)
    answer.headers = { { "Content-Type", "text/event-stream" } }
    server.script(PATH, { { status = 429, headers = { { "retry-after-ms", "10" } } }, answer })
    local output, status = neovim.run(EXAMPLE .. script, nil, { MODEL_URL = server.url("/v1"),
      MODEL = "small", API_KEY = "k" })
    assert.equal(0, status, output)
    local said = {}
    for text in output:gmatch("\1(.-)\2") do
      said[#said + 1] = text
    end
    return table.concat(said)
  end

  it_in_neovim("shows the words as they come, while its user types elsewhere", function()
    local pieces = {}
    for i = 1, 20 do
      pieces[2 * i - 1], pieces[2 * i] = chunk(i .. (i % 5 == 0 and "\n" or " ")), 0.05
    end
    pieces[#pieces + 1] = chunk("K\195\182ln") .. "data: [DONE]\n\n"
    local output = ask([[
      local first = api.nvim_get_current_buf()
      vim.cmd("Ask How warm is it?")
      local window, buffer = api.nvim_get_current_win(), api.nvim_get_current_buf()
      vim.cmd("wincmd p")
      when(function() return #text_of(buffer) > 5 end, function()
        api.nvim_input("ihello<Esc>")
        when(function() return text_of(first) == "hello" end, function()
          say("typed, the answer is %s", text_of(buffer):find("ln") and "complete" or "not yet")
        end)
      end)
      local sizes, last = 0, 0
      when(function()
        local size = #text_of(buffer)
        sizes, last = sizes + (size > last and 1 or 0), size
        return messages():find("complete")
      end, function()
        say("in %s pieces: %s", sizes > 10 and "many" or "few", text_of(buffer))
        say("the cursor is in line %d, and %d", unpack(api.nvim_win_get_cursor(window), 1, 1),
          api.nvim_win_get_cursor(0)[1])
        quit()
      end)]], { pieces = pieces })
    assert.equal("typed, the answer is not yet\nin many pieces: 1 2 3 4 5\n6 7 8 9 10\n"
      .. "11 12 13 14 15\n16 17 18 19 20\nK\195\182ln\nthe cursor is in line 5, and 1\n", output)
    assert.equal("Bearer k", server.seen(PATH)[2].headers.authorization)
  end)

  it_in_neovim("leaves a cursor alone that is not at the end", function()
    local pieces = { chunk("one\ntwo\n") }
    for _ = 1, 10 do
      pieces[#pieces + 1], pieces[#pieces + 2] = 0.03, chunk("more\n")
    end
    pieces[#pieces + 1] = "data: [DONE]\n\n"
    local output = ask([[
      vim.cmd("Ask How?")
      local buffer = api.nvim_get_current_buf()
      when(function() return api.nvim_buf_line_count(buffer) > 3 end, function()
        api.nvim_input("gg")
        when(function() return messages():find("complete") end, function()
          say("line %d of %d", api.nvim_win_get_cursor(0)[1], api.nvim_buf_line_count(buffer))
          quit()
        end)
      end)]], { pieces = pieces })
    assert.equal("line 1 of 13\n", output)
  end)

  for way, keys in pairs({ ["a key"] = "<Esc>", ["closing the buffer"] = ":bwipeout!<CR>" }) do
    it_in_neovim("ends the transfer at " .. way, function()
      local output = ask([[
        vim.cmd("Ask How?")
        local buffer = api.nvim_get_current_buf()
        when(function() return text_of(buffer) == "Hel" end, function()
          api.nvim_input("]] .. keys .. [[")
          when(function() return messages():find("stopped") end, function()
            say("pending %d", (require("multisock.tasks.scheduler").pending()))
            vim.defer_fn(quit, 10)
          end)
        end)]], { pieces = { chunk("Hel") }, hold = true })
      assert.equal("pending 0\n", output)
    end)
  end

  it_in_neovim("tells what the server says", function()
    for expected, answer in pairs({
      ["status: HTTP status 401[^\n]*: wrong key"] = { status = 401,
        body = '{"error": {"message": "wrong key"}}' },
      ["overloaded"] = { pieces = { 'data: {"error": {"message": "overloaded"}}\n\n' } },
      ["closed: "] = { pieces = { chunk("Hel") }, cut = true },
    }) do
      local output = ask([[
        vim.cmd("Ask How?")
        when(function() return messages() ~= "" end, function()
          say("%s", messages())
          quit()
        end)]], answer)
      assert.truthy(output:find(expected), output)
    end
  end)
end)
